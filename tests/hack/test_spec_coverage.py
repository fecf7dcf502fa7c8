"""How the rows of the specification find their tests."""

import pytest

from hack.spec_coverage import ROWS, BadMarkerError, Module, collect, load_rows, render

DATA = """
["scaling-group.md"."Fields"]
"min size" = "default 0"
"listeners" = { text = "at most 6", later = "load balancers" }

["stack-set.md"."Things"]
later = "stack sets"
"operation" = "one at a time"
"name" = { text = "letters", later = "" }
"""
MARKED = '@pytest.mark.spec("scaling-group.md", "min size")\n'


def found_in(source: str) -> dict[tuple[str, str], list[str]]:
    return dict(collect({"tests/test_group.py": source}, load_rows(DATA)))


def test_a_marker_on_a_test_counts() -> None:
    found = found_in(MARKED + "def test_minimum(): ...")
    assert found == {("scaling-group.md", "min size"): ["tests/test_group.py::test_minimum"]}


def test_a_marker_on_an_asynchronous_test_counts() -> None:
    assert Module(MARKED + "async def test_minimum(): ...").marks()


def test_a_marker_on_a_class_counts_for_each_of_its_tests() -> None:
    source = (
        MARKED + "class TestSize:\n    def test_one(self): ...\n    def helper(self): ...\n    def test_two(self): ..."
    )
    assert [name for name, _ in Module(source).marks()] == ["TestSize::test_one", "TestSize::test_two"]


def test_a_marker_on_a_case_counts_once_for_its_test() -> None:
    case = 'pytest.param(1, marks=pytest.mark.spec("scaling-group.md", "min size"))'
    source = f'@pytest.mark.parametrize("size", [{case}, {case}])\ndef test_minimum(size): ...'
    assert [name for name, _ in Module(source).marks()] == ["test_minimum"]


def test_a_marker_in_a_table_counts_for_the_tests_that_use_the_table() -> None:
    source = """
CASES = [pytest.param(1, marks=pytest.mark.spec("scaling-group.md", "min size"))]

@pytest.mark.parametrize("size", CASES)
def test_minimum(size): ...

def test_of_something_else(): ...
"""
    assert [name for name, _ in Module(source).marks()] == ["test_minimum"]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(MARKED + "def helper(): ...", id="on a function that is no test"),
        pytest.param('def case(row):\n    return pytest.mark.spec("scaling-group.md", row)', id="in a helper"),
        pytest.param("proves = pytest.mark.spec", id="under another name"),
        pytest.param("@pytest.mark.spec(PAGE, 'min size')\ndef test_minimum(): ...", id="with a computed page"),
    ],
)
def test_a_marker_that_would_be_missed_is_an_error(source: str) -> None:
    with pytest.raises(BadMarkerError, match=r"tests/test_group.py: line \d+: "):
        found_in(source)


@pytest.mark.parametrize(
    ("page", "row", "said"),
    [
        pytest.param("scaling-group.md", "minimum size", "near it: 'min size'", id="near miss"),
        pytest.param("scaling-group.md", "operation", "'operation' of stack-set.md", id="on another page"),
        pytest.param("group.md", "min size", "there are scaling-group.md, stack-set.md", id="unknown page"),
    ],
)
def test_an_unknown_row_is_an_error_that_helps(page: str, row: str, said: str) -> None:
    with pytest.raises(BadMarkerError) as error:
        found_in(f'@pytest.mark.spec("{page}", "{row}")\ndef test_minimum(): ...')
    assert said in str(error.value)


def test_the_page_begins_with_the_counts() -> None:
    rows = load_rows(DATA)
    page = render(rows, {("stack-set.md", "operation"): ["tests/test_set.py::test_operation"]})
    assert page.splitlines()[:4] == [
        "| page | rows | tested | later | open |",
        "| --- | --- | --- | --- | --- |",
        "| scaling-group.md | 2 | 0 | 1 | 1 |",
        "| stack-set.md | 2 | 1 | 0 | 1 |",
    ]


def test_each_row_shows_its_tests_or_who_owns_it() -> None:
    page = render(load_rows(DATA), {("stack-set.md", "operation"): ["b::two", "a::one"]})
    assert "| min size | default 0 | *open* |" in page
    assert "| listeners | at most 6 | later: load balancers |" in page
    assert "| operation | one at a time | `a::one`<br>`b::two` |" in page


def test_a_page_has_no_two_rows_of_one_name() -> None:
    again = DATA + '["stack-set.md"."Targets"]\n"operation" = "again"'
    with pytest.raises(BadMarkerError, match="two rows called 'operation'"):
        load_rows(again)


def test_every_cell_of_the_removal_table_is_a_row() -> None:
    names = [row.name for row in load_rows(ROWS.read_text()) if row.name.startswith("removal: ")]
    assert len(names) == 5 * 3
