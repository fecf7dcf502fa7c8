"""Waiting longer each time."""

from datetime import timedelta
from typing import TypeVar

Pause = TypeVar("Pause", float, timedelta)  # float: seconds


def doubling(first: Pause, times: int, longest: Pause) -> Pause:
    """The pause after `times` failures in a row (1 or more): `first`, doubling, never more than `longest`."""
    for _ in range(times - 1):
        if first >= longest:
            break
        first *= 2
    return min(first, longest)
