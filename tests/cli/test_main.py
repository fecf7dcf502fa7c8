"""What may be said on the command line, and what it costs to ask for help."""

import resource
import subprocess
import sys

import pytest

from windlass.cli.main import main

HEAVY = ("aiohttp", "asyncio", "msgspec", "pydantic", "yaml")
HELP_SECONDS = 0.2
TRIES = 5


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("get", "--help"),
        ("plan", "--help"),
        ("scale", "--help"),
        ("refresh", "--help"),
        ("resume", "--help"),
        ("retry", "--help"),
        ("stop", "--help"),
    ],
)
def test_help_imports_nothing_that_is_slow(arguments: tuple[str, ...]):
    code = (
        "import sys\n"
        "from windlass.cli.main import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        f"    found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    sys.exit(f'imported {found}' if found or end.code else 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("usage: kubectl windlass")


def test_help_takes_less_than_a_fifth_of_a_second():
    def processor_seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "windlass.cli.main", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(processor_seconds() for _ in range(TRIES)) < HELP_SECONDS


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "the following arguments are required: get|plan|explain|scale|refresh"),
        ("get pods", "only, no 'pods': say `group NAME`"),
        ("get group web -A", "-A goes with the table of all groups"),
        ("get groups -w", "-w shows one group: name it"),
        ("explain group", "the following arguments are required: NAME"),
        ("plan", "say either `group NAME`"),
        ("plan group web -f web.yaml", "say either `group NAME`"),
        ("plan -f web.yaml --desired 3", "--desired, --min and --max go with `group NAME`"),
        ("plan group web --desired -3", "'-3' is not a whole number from 0 up"),
        ("plan group web --desired many", "'many' is not a whole number from 0 up"),
        ("scale group web", "the following arguments are required: N|+N|-N"),
        ("scale group web 3%", "'3%' is neither a size such as 5 nor a change such as +2 or -2"),
        ("scale group web ++3", "'++3' is neither a size such as 5 nor a change such as +2 or -2"),
        ("scale group web 3 --wait --timeout 10", "'10' is not a time such as 90s, 10m or 1h"),
    ],
)
def test_what_cannot_be_understood_ends_with_two_and_says_what_can(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("line", ["get groups", "explain group web", "scale group web -2"])
def test_a_kubeconfig_that_is_not_there_is_named_in_one_line(line: str, capsys: pytest.CaptureFixture[str]):
    assert main([*line.split(), "--kubeconfig=/no/such/file"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("kubectl windlass: reading kubeconfig /no/such/file: there is no such file")
    assert said.count("\n") == 1


def test_a_plan_that_cannot_be_made_ends_with_two():
    assert main(["plan", "group", "web", "--kubeconfig=/no/such/file"]) == 2


@pytest.mark.parametrize("word", ["group", "groups", "sg", "scalinggroup", "scalinggroups"])
def test_a_group_may_be_called_by_all_its_names(word: str):
    assert main(["get", word, "--kubeconfig=/no/such/file"]) == 1


def test_where_the_cluster_is_may_be_said_before_the_verb_too(capsys: pytest.CaptureFixture[str]):
    assert main(["--kubeconfig=/no/such/file", "get", "groups"]) == 1
    assert "reading kubeconfig /no/such/file" in capsys.readouterr().err
