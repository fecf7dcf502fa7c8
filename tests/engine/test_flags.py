"""The operator's flags, and the environment that may give them."""

import argparse

import pytest

from windlass.__main__ import FLAGS, from_environment, main, parser, settings_of
from windlass.cluster.errors import ConfigurationError


def parsed(**environ: str) -> argparse.Namespace:
    return parser().parse_args(from_environment(environ))


def test_every_flag_may_be_given_by_the_environment() -> None:
    given = parsed(WINDLASS_LEASE="off", WINDLASS_METRICS_PORT="8080", WINDLASS_NAMESPACES="a, b")

    settings = settings_of(given)

    assert (settings.lease, settings.metrics_port, settings.namespaces) == (False, 8080, ("a", "b"))


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("WINDLASS_LEASE", "true", "choose from 'on', 'off'"),
        ("WINDLASS_LOG_LEVEL", "debug", "choose from 'DEBUG'"),
        ("WINDLASS_LOG_FORMAT", "yaml", "choose from 'text', 'json'"),
        ("WINDLASS_METRICS_PORT", "99999", "is not a whole number from 0 to 65535"),
    ],
)
def test_the_environment_is_checked_as_what_is_typed(
    variable: str, value: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed(**{variable: value})

    assert sentence in capsys.readouterr().err


def test_what_is_typed_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_WORKERS", "3")

    given = parser().parse_args([*from_environment({"WINDLASS_WORKERS": "3"}), "--workers", "5"])

    assert given.workers == 5


@pytest.mark.parametrize("kinds", ["rolling_updates", "stack_sets", "container_groups"])
def test_what_can_be_switched_off_is_on(kinds: str) -> None:
    off = parsed(**{f"WINDLASS_{kinds.upper()}": "off"})

    assert getattr(settings_of(parsed()), kinds) is True
    assert getattr(settings_of(off), kinds) is False


def test_lease_times_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="must rise in this order: 2, 20, 15"):
        settings_of(parsed(WINDLASS_LEASE_RENEW_DEADLINE="20"))


def test_a_wrong_start_says_why_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kubeconfig", "/nowhere/config"]) == 2
    assert capsys.readouterr().err.startswith("windlass: ")


def test_no_flag_stands_twice() -> None:
    assert len({name for name, *_ in FLAGS}) == len(FLAGS)
