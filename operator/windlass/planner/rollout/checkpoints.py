"""Checkpoints: the shares of new instances at which a rollout pauses, so that people can look.

They are percentages from 1 to 100, ascending, the last of them 100; or there are none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

END = 100  # per cent


@dataclass(frozen=True, slots=True)
class Progress:
    """What must be remembered: the last checkpoint that was reached (per cent, 0: none), and until when it pauses.

    `paused_until` is None where it does not pause: by then the next checkpoint may be made for. A person who lets the
    rollout go on early sets it to None.
    """

    reached: int = 0
    paused_until: datetime | None = None


def begin(checkpoints: Sequence[int], total: int, new_ready: int) -> Progress:
    """Where a rollout begins: what is reached before anything was done is no reason to pause."""
    return Progress(_reached(checkpoints, total, new_ready))


def advance(
    checkpoints: Sequence[int], progress: Progress, total: int, new_ready: int, now: datetime, pause: timedelta
) -> Progress:
    """The progress with `new_ready` of `total` new instances in service; look again at its `paused_until`.

    A checkpoint is reached once: if the total grows afterwards, it still is. Of several that are reached together the
    last counts. The end is no checkpoint to pause at.
    """
    reached = _reached(checkpoints, total, new_ready)
    if reached > progress.reached:
        return Progress(reached, None if reached == END else now + pause)
    if progress.paused_until is not None and now >= progress.paused_until:
        return Progress(progress.reached)
    return progress


def goal(checkpoints: Sequence[int], progress: Progress, total: int) -> int:
    """How many new instances there may be now: just as many as the checkpoint takes that it pauses at or makes for."""
    if progress.paused_until is not None:
        return _instances(progress.reached, total)
    ahead = (percentage for percentage in checkpoints if percentage > progress.reached)
    return _instances(next(ahead, END), total)


def _reached(checkpoints: Sequence[int], total: int, new_ready: int) -> int:
    """The last checkpoint that so many are enough for; 0: none. With a total of 0 there is nothing to look at."""
    if not total:
        return 0
    return max((p for p in checkpoints if _instances(p, total) <= new_ready), default=0)


def _instances(percentage: int, total: int) -> int:
    """The share of the total, rounded up: a checkpoint is not reached before its percentage is."""
    return -(-total * percentage // END)
