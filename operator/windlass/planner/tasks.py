"""The life of a task: something that is done once to its owner and then is over.

The table of phases, which task of an owner has its turn, and when a task that is over may be deleted; for every kind of
task. All functions are given the tasks of one owner, of every kind that excludes each other.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar

from windlass.api.task import Phase, Wanted
from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class Stage:
    """A row of the table of phases: what the phase means, and which ones may come next."""

    meaning: str
    then: frozenset[Phase] = frozenset()


_ENDS = frozenset({Phase.SUCCESSFUL, Phase.FAILED, Phase.CANCELLED, Phase.ROLLED_BACK, Phase.ROLLBACK_FAILED})
# RollbackFailed at once where there is nothing to go back to.
_BREAKS_OFF = frozenset({Phase.FAILED, Phase.CANCELLED, Phase.ROLLING_BACK, Phase.ROLLBACK_FAILED})

PHASES: Mapping[Phase, Stage] = MappingProxyType(
    {
        Phase.PENDING: Stage(
            "Not begun. It may end at once: refused, cancelled, or with the outcome of an earlier one of its token.",
            _ENDS | {Phase.RUNNING, Phase.SUSPENDED},
        ),
        Phase.RUNNING: Stage(
            "Batch after batch is done.",
            _BREAKS_OFF | {Phase.PAUSED, Phase.SUSPENDED, Phase.BAKING, Phase.SUCCESSFUL},
        ),
        Phase.PAUSED: Stage(
            "Stopped by itself, at a checkpoint or after a failure; goes on by the clock or when a person says so.",
            _BREAKS_OFF | {Phase.RUNNING, Phase.SUSPENDED, Phase.BAKING},
        ),
        Phase.SUSPENDED: Stage(
            "Stopped by a person, on either way; what was on its way settles.",
            _BREAKS_OFF | {Phase.RUNNING, Phase.PAUSED, Phase.BAKING, Phase.ROLLED_BACK},
        ),
        Phase.BAKING: Stage(
            "All is done and is watched for a while; if something turns up that is not done, it runs again.",
            _BREAKS_OFF | {Phase.RUNNING, Phase.SUSPENDED, Phase.SUCCESSFUL},
        ),
        Phase.ROLLING_BACK: Stage(
            "What was done is undone. Whoever cancels that leaves it half undone, so it has failed then.",
            frozenset({Phase.SUSPENDED, Phase.ROLLED_BACK, Phase.ROLLBACK_FAILED}),
        ),
        Phase.SUCCESSFUL: Stage("All is done."),
        Phase.FAILED: Stage("It was refused, or gave up; what was done stays."),
        Phase.CANCELLED: Stage("A person ended it; what was done stays."),
        Phase.ROLLED_BACK: Stage("What was done is undone."),
        Phase.ROLLBACK_FAILED: Stage("It gave up undoing what was done."),
    }
)

FINAL = frozenset(phase for phase, stage in PHASES.items() if not stage.then)
WELL = frozenset({Phase.SUCCESSFUL, Phase.CANCELLED, Phase.ROLLED_BACK})  # ended as somebody asked for

FOLLOWERS: Mapping[Wanted, frozenset[Wanted]] = MappingProxyType(
    {
        Wanted.RUNNING: frozenset({Wanted.SUSPENDED, Wanted.CANCELLED, Wanted.ROLLED_BACK}),
        Wanted.SUSPENDED: frozenset({Wanted.RUNNING, Wanted.CANCELLED, Wanted.ROLLED_BACK}),
        Wanted.CANCELLED: frozenset(),
        Wanted.ROLLED_BACK: frozenset(),
    }
)
"""What may be wanted next: a task that was cancelled or rolled back does not begin again."""


def may_become(before: Phase, after: Phase) -> bool:
    """Whether a task may go from one phase to the other, or stay."""
    return before is after or after in PHASES[before].then


def may_be_wanted(before: Wanted, after: Wanted) -> bool:
    """Whether people may ask for the one after the other, or again for the same."""
    return before is after or after in FOLLOWERS[before]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be known of a task to put it in line with the others of its owner.

    `started_at`: set once it has begun; it is never begun again. `removing`: it is being deleted. `lasts`: how long it
    is kept when it is over (`ttlSecondsAfterFinished`), None: as long as the history has room. `counted`: it was made
    by Windlass or its command line, so the history limit is about it; others would be created again and run again.
    `position`: tells who was first of those that were created in the same second; 0 where nobody noted that.
    `undoes`: the name of the earlier one of its kind that it undoes.
    """

    kind: str
    name: str
    created_at: datetime
    phase: Phase = Phase.PENDING
    started_at: datetime | None = None
    completed_at: datetime | None = None
    client_token: str | None = None
    removing: bool = False
    lasts: timedelta | None = None
    counted: bool = False
    position: int = 0
    undoes: str = ""

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.phase in FINAL

    @property
    def seniority(self) -> tuple[bool, datetime, int, str, str]:
        """Smaller: comes first. Whatever has begun comes before what has not, then by age, then by name."""
        return (self.started_at is None and not self.final, self.created_at, self.position, self.name, self.kind)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


# ---- whose turn it is


@dataclass(frozen=True, slots=True)
class AnotherFirst(Reason):
    """Another task of the same owner has its turn."""

    TEXT: ClassVar[str] = "{first} is active: wait until it is over, or cancel it, and create this one again"
    first: str


@dataclass(frozen=True, slots=True)
class SameToken(Reason):
    """Nothing is done, because an earlier task has the same token."""

    TEXT: ClassVar[str] = "{first} has the same clientToken: nothing is done, its outcome counts"
    first: str


def same_as(task: Task, tasks: Iterable[Task]) -> Task | None:
    """The first task of the same kind and token, if it is another: its outcome is this one's, which does nothing.

    As long as the first one is not over, this one is Pending. None also for a task that has begun or is over.
    """
    if task.client_token is None or task.started_at is not None or task.final:
        return None
    same = (other for other in tasks if (other.kind, other.client_token) == (task.kind, task.client_token))
    first = min(same, key=lambda other: other.seniority, default=task)
    return None if _is(first, task) else first


def _take_over(tasks: Iterable[Task]) -> set[tuple[str, str]]:
    """Kind and name of all that do nothing themselves, because an earlier one has their token."""
    firsts: dict[tuple[str, str], Task] = {}
    for task in sorted(tasks, key=lambda each: each.seniority):
        if task.client_token is not None:
            firsts.setdefault((task.kind, task.client_token), task)
    return {
        (task.kind, task.name)
        for task in tasks
        if task.client_token is not None
        and task.started_at is None
        and not task.final
        and not _is(firsts[task.kind, task.client_token], task)
    }


def first_in_line(tasks: Collection[Task]) -> Task | None:
    """The one task that may be active: the one that has begun, else the eldest (then by name) that may begin.

    One that is being deleted before it has begun never begins; neither does one with the token of an earlier one.
    """
    idle = _take_over(tasks)
    able = (
        task
        for task in tasks
        if not task.final and (task.started_at is not None or not (task.removing or (task.kind, task.name) in idle))
    )
    return min(able, key=lambda task: task.seniority, default=None)


def ahead_of(task: Task, tasks: Collection[Task]) -> Task | None:
    """The task whose turn it is, if it is another: this one is Failed at once, with the name of the first.

    None also for a task that is over, and for one that takes over the outcome of another.
    """
    first = first_in_line(tasks)
    if task.final or first is None or _is(first, task) or same_as(task, tasks) is not None:
        return None
    return first


def _is(one: Task, other: Task) -> bool:
    return (one.kind, one.name) == (other.kind, other.name)


# ---- what is kept


def expires_at(task: Task) -> datetime | None:
    """When its own time is over; None: it is not over, or is kept as long as the history has room."""
    if not task.final or task.completed_at is None or task.lasts is None:
        return None
    return task.completed_at + task.lasts


def deletable(tasks: Collection[Task], limit: int, now: datetime) -> tuple[Task, ...]:
    """The tasks that may be deleted now, the longest over first.

    Those whose own time is over; and of those that count, all that are over but the `limit` (0 or more) that ended
    last. One whose outcome is still to be taken over stays, and one that another is to undo.
    """
    over = sorted((task for task in tasks if task.final and not task.removing), key=_end)
    counted = [task for task in over if task.counted]
    beyond = counted[: max(0, len(counted) - limit)]
    needed = {(first.kind, first.name) for task in tasks if (first := same_as(task, tasks)) is not None}
    needed |= {(task.kind, task.undoes) for task in tasks if not task.final}
    return tuple(
        task for task in over if (task in beyond or _expired(task, now)) and (task.kind, task.name) not in needed
    )


def next_expiry(tasks: Iterable[Task], now: datetime) -> datetime | None:
    """When the next task may be deleted because its time is over, if nothing happens before."""
    times = (expires_at(task) for task in tasks if not task.removing)
    return min((time for time in times if time is not None and time > now), default=None)


def _expired(task: Task, now: datetime) -> bool:
    time = expires_at(task)
    return time is not None and time <= now


def _end(task: Task) -> tuple[datetime, datetime, str, str]:
    return (task.completed_at or task.created_at, task.created_at, task.name, task.kind)
