"""Which fields differ from what was deployed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.planner.stackset.drift import differences

LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "uid": "1",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-07-01T12:00:00Z",
        "managedFields": [{"manager": "windlass", "time": "2026-07-01T12:00:00Z"}],
        "labels": {"app": "web"},
        "annotations": {"acme.example/team": "shop"},
    },
    "spec": {"replicas": 3, "paused": False, "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
    "status": {"readyReplicas": 3},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The live object with another value there; None: without it."""

    def copy(node: Any, steps: list[str]) -> Any:
        if not steps:
            return value
        step, rest = steps[0], steps[1:]
        if isinstance(node, list):
            return [copy(each, rest) if str(index) == step else each for index, each in enumerate(node)]
        made = {**node, step: copy(node.get(step, {}), rest)}
        return {key: each for key, each in made.items() if each is not None}

    return copy(LIVE, path.split(" "))


DIFFERENT = {
    "a value": ("spec replicas", 5, ("spec.replicas",)),
    "another type": ("spec paused", 0, ("spec.paused",)),
    "a field that is gone": ("metadata labels app", None, ("metadata.labels.app",)),
    "a field that is new": ("spec minReadySeconds", 5, ("spec.minReadySeconds",)),
    "in a list": (
        "spec template spec containers 0 image",
        "web:2",
        ("spec.template.spec.containers[0].image",),
    ),
    "a longer list": (
        "spec template spec containers",
        [{"name": "web", "image": "web:1"}, {"name": "proxy"}],
        ("spec.template.spec.containers",),
    ),
    "a name that is no word": (
        "metadata annotations acme.example/team",
        "ops",
        ('metadata.annotations["acme.example/team"]',),
    ),
    "a line in a name": ("metadata annotations a\nb", "c", (r'metadata.annotations["a\nb"]',)),
    "a whole mapping": ("metadata labels", "none", ("metadata.labels",)),
}


@pytest.mark.parametrize(("path", "value", "fields"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_field_that_differs_is_named(path: str, value: Any, fields: tuple[str, ...]) -> None:
    assert differences(LIVE, changed(path, value)) == fields


UNIMPORTANT = {
    "metadata uid": "2",
    "metadata resourceVersion": "8",
    "metadata generation": 4,
    "metadata creationTimestamp": None,
    "metadata managedFields": [],
    "status": {},
}


@pytest.mark.parametrize(("path", "value"), UNIMPORTANT.items(), ids=UNIMPORTANT)
def test_what_changes_in_every_write_is_no_drift(path: str, value: Any) -> None:
    assert differences(LIVE, changed(path, value)) == ()


def test_a_status_or_a_uid_further_in_is_compared() -> None:
    one = {"spec": {"status": 1, "uid": 1}}

    assert differences(one, {"spec": {"status": 2, "uid": 2}}) == ("spec.status", "spec.uid")


def test_twenty_fields_are_told_in_the_order_of_their_names() -> None:
    one, other = ({"spec": {f"field{n:02}": value for n in range(30)}} for value in (1, 2))

    assert differences(one, other) == tuple(f"spec.field{n:02}" for n in range(20))


def test_a_long_name_is_cut() -> None:
    (field,) = differences({"data": {"k" * 300: 1}}, {"data": {}})

    assert len(field) == 256
    assert field.startswith("data.kkk")
    assert field.endswith("k…")


def test_what_is_nested_too_deeply_is_said() -> None:
    def deep(value: int) -> Any:
        node: Any = value
        for _ in range(5000):
            node = [node]
        return {"spec": node}

    assert differences(deep(1), deep(2)) == ("(nested too deeply to be compared)",)


VALUES = st.recursive(
    st.sampled_from(["hush-1", "hush-2", 1, True, None]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b.c"]), below, max_size=2),
)


@given(
    st.dictionaries(st.sampled_from(["spec", "data"]), VALUES),
    st.dictionaries(st.sampled_from(["spec", "data"]), VALUES),
)
def test_values_are_never_shown_and_equal_ones_never_differ(one: dict[str, Any], other: dict[str, Any]) -> None:
    fields = differences(one, other)

    assert "hush" not in "".join(fields)
    assert differences(other, one) == fields
    assert differences(one, one) == ()
    if one != other:
        assert fields
