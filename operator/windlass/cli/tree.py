"""An object and what belongs to it, drawn as a tree."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from windlass.cli.text import age, columns


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree. `key` is kind and name; all but `since` is what makes a change worth a line."""

    depth: int
    key: str
    state: str = ""
    zone: str = ""
    since: datetime | None = None
    info: str = ""


def drawn(message: str, rows: Sequence[Row], now: datetime, *, zone: str = "ZONE") -> list[str]:
    """The sentence, and the tree of these rows: each below the last one before it that is less deep.

    `zone`: the heading of what the rows have as their zone.
    """
    cells = [(twig + r.key, r.state, r.zone, age(r.since, now), r.info) for twig, r in _with_twigs(rows)]
    return [message, "", *columns([("NAME", "STATE", zone, "AGE", "INFO"), *cells])]


def _with_twigs(rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Each row with what is drawn before it: `├─ `, `└─ `, and `│  ` beside what is further down."""
    twigs = []
    goes_on: set[int] = set()  # depths at which another branch follows, seen from the end
    for row in reversed(rows):
        trunk = "".join("│  " if depth in goes_on else "   " for depth in range(1, row.depth))
        twigs.append(trunk + ("├─ " if row.depth in goes_on else "└─ ") if row.depth else "")
        goes_on = {depth for depth in goes_on if depth < row.depth} | {row.depth}
    return zip(reversed(twigs), rows, strict=True)
