"""Plain text: columns, ages, moments."""

from datetime import timedelta

import pytest

from tests.worlds import NOW, ago, later, span
from windlass.cli.text import age, columns, duration, moment


def test_columns_are_as_wide_as_their_widest_cell_and_end_without_blanks():
    assert columns([("NAME", "STATE", "INFO"), ("web-10", "Ready", "")]) == ["NAME     STATE   INFO", "web-10   Ready"]


def test_no_rows_are_no_lines():
    assert columns([]) == []


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        ("0s", "0s"),
        ("1m59s", "119s"),
        ("2m", "2m"),
        ("4m30s", "4m30s"),
        ("10m30s", "10m"),
        ("2h59m", "179m"),
        ("3h", "3h"),
        ("7h5m", "7h5m"),
        ("8h5m", "8h"),
        ("47h", "47h"),
        ("48h", "2d"),
        ("5d3h", "5d3h"),
        ("8d3h", "8d"),
        ("400d", "400d"),
    ],
)
def test_a_length_of_time_is_written_as_kubectl_does(length: str, shown: str):
    assert duration(span(length)) == shown


def test_clocks_that_differ_make_no_negative_age():
    assert age(later("3s"), NOW) == "0s"
    assert duration(timedelta(seconds=-1)) == "0s"


def test_what_has_no_beginning_has_no_age():
    assert age(None, NOW) == ""


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (later("25s"), "12:00:25 (in 25s)"),
        (ago("5m"), "11:55:00 (5m ago)"),
        (later("1d"), "2026-01-16 12:00:00 (in 24h)"),
    ],
)
def test_a_moment_says_how_far_off_it_is_and_the_date_only_if_it_is_not_today(at, shown: str):
    assert moment(at, NOW) == shown
