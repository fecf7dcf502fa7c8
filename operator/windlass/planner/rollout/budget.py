"""How many instances may come and go at once while a group's instances are exchanged: from counts alone.

Two bounds hold at any time. The floor: no instance in service is removed if fewer than so many would be left. The
ceiling: none is launched if there would be more. An instance that fails, or that people take away, may lead below the
floor; then nothing more is removed until the group is above it again.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Budget:
    """At least `floor` instances in service, at most `ceiling` there, `target` in the end; floor ≤ target ≤ ceiling."""

    floor: int
    target: int
    ceiling: int

    @classmethod
    def of(cls, target: int, min_healthy_percentage: int, max_healthy_percentage: int) -> "Budget":
        """The bounds of a group of `target` instances (0 or more), from 0…100 and 100…200 per cent of it.

        The floor is rounded up and the ceiling down, so that neither percentage is ever broken. Where that leaves no
        room to exchange anything (small groups, or 100 and 100 per cent), the room is one instance: above the target
        if the group may exceed it or must not fall below it, else below.
        """
        floor = -(-target * min_healthy_percentage // 100)
        ceiling = target * max_healthy_percentage // 100
        if target and floor == ceiling:
            if min_healthy_percentage == 100 or max_healthy_percentage > 100:
                ceiling += 1
            else:
                floor -= 1
        return cls(floor, target, ceiling)

    @property
    def spread(self) -> int:
        """How many new instances may be on their way: what fits between the bounds.

        A version that never comes into service gets no further than this.
        """
        return max(1, self.ceiling - self.floor)


@dataclass(frozen=True, slots=True)
class Counts:
    """The instances of a group, each counted once. Those that have failed, stand by or are being removed are not.

    Ready: in service. Pinned: protected or attached, so never exchanged. New: to stay; old: to be exchanged.
    `old_never_ready` are those of `old_not_ready` that were never in service and are not waited for: the new ones of a
    rollout that is rolled back; 0 on the way forward. `waiting`: leave soon, and still take up room.
    """

    old_ready: int = 0
    old_not_ready: int = 0
    new_ready: int = 0
    new_not_ready: int = 0
    pinned_ready: int = 0
    pinned_not_ready: int = 0
    waiting: int = 0
    old_never_ready: int = 0

    def __post_init__(self) -> None:
        if any(getattr(self, field.name) < 0 for field in fields(self)):
            raise ValueError(f"a count is negative: {self}")
        if self.old_never_ready > self.old_not_ready:
            raise ValueError(f"more old instances were never ready than are not ready: {self}")

    @property
    def old(self) -> int:
        """Those that are to be exchanged."""
        return self.old_ready + self.old_not_ready

    @property
    def new(self) -> int:
        """Those that are to stay."""
        return self.new_ready + self.new_not_ready

    @property
    def pinned(self) -> int:
        """Those that are never exchanged."""
        return self.pinned_ready + self.pinned_not_ready

    @property
    def ready(self) -> int:
        """Those in service."""
        return self.old_ready + self.new_ready + self.pinned_ready

    @property
    def alive(self) -> int:
        """All of them."""
        return self.old + self.new + self.pinned


@dataclass(frozen=True, slots=True)
class Batch:
    """How many instances come and go now. The numbers are of different instances, so all may be done side by side."""

    launch: int = 0
    """New ones to create."""
    never_ready: int = 0
    """Old ones that were never in service: they leave first, whatever the budget."""
    sick: int = 0
    """Old ones not in service that leave, beside those."""
    well: int = 0
    """Old ones in service that leave."""
    surplus_not_ready: int = 0
    """New ones not in service that leave because there are too many instances."""
    surplus_ready: int = 0
    """New ones in service that leave because there are too many instances."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do but wait."""
        return self == Batch()


def exchangeable(counts: Counts, budget: Budget) -> int:
    """How many new instances there are in the end: the target without those that are never exchanged."""
    return max(0, budget.target - counts.pinned)


def finished(counts: Counts, budget: Budget, *, shrinks: bool = True) -> bool:
    """Whether the exchange is over: none is old, no new one is missing, on its way or too many.

    Pinned instances are not waited for; what is too many and cannot go without breaking the floor isn't either, nor
    what may not go: unless the group `shrinks`, nothing that is too many leaves, in service or not.
    """
    too_many = 0 if shrinks else max(0, counts.alive - budget.target)
    complete = not counts.old and counts.new_not_ready <= too_many and counts.alive >= budget.target
    return complete and (not shrinks or next_batch(counts, budget).empty)


def next_batch(counts: Counts, budget: Budget, goal: int | None = None) -> Batch:
    """What comes and goes now. `goal`: how many new instances there may be at present; None: as many as in the end.

    Nothing is counted on twice: launches have room without what leaves at the same time, and what leaves does not
    rely on what is launched.
    """
    total = exchangeable(counts, budget)
    goal = total if goal is None else min(goal, total)
    sick, well = _old_to_leave(counts, budget, total - max(goal, counts.new))
    gone = counts.old_never_ready + sick + well
    surplus_not_ready, surplus_ready = _surplus(counts, budget, gone, well)
    return Batch(
        launch=_launches(counts, budget, goal),
        never_ready=counts.old_never_ready,
        sick=sick,
        well=well,
        surplus_not_ready=surplus_not_ready,
        surplus_ready=surplus_ready,
    )


def _launches(counts: Counts, budget: Budget, goal: int) -> int:
    """How many to create: the least of three rooms.

    Below the ceiling, with those that wait to leave. Up to the goal, which is never beyond the end: a checkpoint stops
    there, and nothing is launched that would have to go again. Up to the spread: a bad version gets no further.
    The last two do not stand in the way of the target: what is missing is launched, be it after a scale-out, a failure
    or a deletion.
    """
    missing = budget.target - counts.alive
    below_ceiling = budget.ceiling - counts.alive - counts.waiting
    to_the_goal = max(goal - counts.new, missing)
    in_the_spread = max(budget.spread - counts.new_not_ready, missing)
    return max(0, min(below_ceiling, to_the_goal, in_the_spread))


def _old_to_leave(counts: Counts, budget: Budget, kept: int) -> tuple[int, int]:
    """How many old ones leave that are not in service, and that are; `kept` old ones stay until the next checkpoint.

    Sick ones first: they serve nobody. But they may come back, and new ones that are not in service may never come:
    without the new ones, the floor is kept in numbers. Well ones leave while the floor is kept in service.
    """
    alive = counts.alive - counts.old_never_ready
    not_ready = counts.old_not_ready - counts.old_never_ready
    room = max(0, not_ready + counts.old_ready - max(0, kept))
    sick = min(not_ready, room, max(0, alive - budget.floor - counts.new_not_ready))
    well = min(counts.old_ready, room - sick, max(0, counts.ready - budget.floor))
    return sick, well


def _surplus(counts: Counts, budget: Budget, gone: int, well: int) -> tuple[int, int]:
    """How many new ones leave that are not in service, and that are, because there are too many instances.

    While old ones remain, these leave first, and only what exceeds the ceiling is too many; afterwards, what exceeds
    the target. Those not in service go first; the others while the floor is kept in service.
    """
    limit = budget.ceiling if counts.old else budget.target
    surplus = max(0, counts.alive - gone - limit)
    not_ready = min(counts.new_not_ready, surplus)
    ready = min(counts.new_ready, surplus - not_ready, max(0, counts.ready - well - budget.floor))
    return not_ready, ready
