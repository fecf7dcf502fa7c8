"""Plain text for people: aligned columns, sections, ages, moments."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

GAP = "   "
MOST_LINES = 10  # of one section are shown
BAR = 20  # cells of a progress bar


def columns(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """The rows as lines, each column as wide as its widest cell."""
    cells = [tuple(row) for row in rows]
    if not cells:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    return [
        (indent + GAP.join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in cells
    ]


def in_sections(head: Sequence[str], sections: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """The head, and below it each section that is not empty: its title, and the first lines of it."""
    lines = list(head)
    for title, found in sections:
        if found:
            lines += ["", title, *(f"  {line}" for line in found[:MOST_LINES])]
        if len(found) > MOST_LINES:
            lines.append(f"  … and {len(found) - MOST_LINES} more")
    return lines


def bar(percentage: int) -> str:
    """`[########------------]  40 %`."""
    filled = BAR * percentage // 100
    return f"[{'#' * filled}{'-' * (BAR - filled)}] {percentage:>3} %"


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, as kubectl writes it: `45s`, `4m30s`, `90m`, `7h5m`, `30h`, `5d3h`, `200d`."""
    return "" if since is None else duration(now - since)


def duration(span: timedelta) -> str:
    """A length of time, the shorter the more exact; nothing is below zero."""
    seconds = max(0, round(span.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _two(days, "d", hours % 24, "h") if days < 8 else f"{days}d"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def moment(at: datetime, now: datetime) -> str:
    """A time in the reader's own zone and how far off it is: `14:03:10 (in 25s)`; with the date if it is not today."""
    here, today = at.astimezone(), now.astimezone().date()
    clock = f"{here:%H:%M:%S}" if here.date() == today else f"{here:%Y-%m-%d %H:%M:%S}"
    return f"{clock} (in {duration(at - now)})" if at > now else f"{clock} ({duration(now - at)} ago)"


def capitalised(text: str) -> str:
    """The same with a capital first letter."""
    return text[:1].upper() + text[1:]
