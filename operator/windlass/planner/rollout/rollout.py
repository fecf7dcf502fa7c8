"""The rollout that runs in a group, and what is counted of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from windlass.api.rollout import RolloutStatus
from windlass.api.task import Phase
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.view import Census
from windlass.planner.rollout.budget import Batch, Budget, Counts, exchangeable, next_batch
from windlass.planner.rollout.checkpoints import Progress, goal
from windlass.planner.rollout.refresh import Refresh

ALIVE = (State.PENDING, State.NOT_READY, State.UNHEALTHY, State.IN_SERVICE)  # what failed does not count
NOT_IN_SERVICE = (State.PENDING, State.NOT_READY, State.UNHEALTHY)

Instances = Mapping[State, list[Instance]]


@dataclass(frozen=True, slots=True)
class Rollout:
    """The rollout as it stands. `old` are exchanged, `new` stay; protected instances are neither.

    `refresh` is None where the object is gone.
    """

    status: RolloutStatus
    refresh: Refresh | None
    counts: Counts
    budget: Budget
    old: Instances
    new: Instances

    @property
    def active(self) -> bool:
        """Whether instances are exchanged: it has not ended."""
        return self.status.outcome is None

    @property
    def stopped(self) -> bool:
        """Whether nothing new begins: a person suspended it, or it pauses."""
        return self.status.phase in {Phase.SUSPENDED, Phase.PAUSED}

    @property
    def total(self) -> int:
        """How many instances it is about."""
        return exchangeable(self.counts, self.budget)

    @property
    def batch(self) -> Batch:
        """What comes and goes now, if nothing else is in the way."""
        if self.status.phase == Phase.SUSPENDED:
            return next_batch(self.counts, self.budget, self.counts.new)
        return next_batch(self.counts, self.budget, self._goal)

    @property
    def old_per_zone(self) -> Counter[str | None]:
        """How many are to be exchanged, by zone."""
        return Counter(instance.zone for instances in self.old.values() for instance in instances)

    @property
    def most(self) -> int:
        """How many instances there may be: more than that are too many."""
        return self.budget.ceiling if self.counts.old else self.budget.target

    @property
    def _goal(self) -> int:
        if self.status.back or self.refresh is None:
            return self.total
        progress = Progress(self.status.checkpoint, self.status.paused_until)
        return goal(self.refresh.spec.checkpoints, progress, self.total)


def size_there(census: Census, desired: int, before: int, *, shrinks: bool) -> int:
    """The desired size, or what is there of the size that was desired `before`.

    Where the group does not shrink, who leaves counts until it is gone: another one is to take its place.
    """
    there = census.count(*ALIVE) + (0 if shrinks else census.count(State.REMOVING))
    return max(desired, min(before, there))


def counted(census: Census, desired: int, status: RolloutStatus, refresh: Refresh | None) -> Rollout:
    """The rollout with each instance counted once: as old, new, or protected.

    What failed takes up room until it is removed, and may be kept as evidence; protected, it is as good as one of N.
    """
    all_new = refresh is None or refresh.spec.skip_matching or status.back
    old: dict[State, list[Instance]] = {state: [] for state in ALIVE}
    new: dict[State, list[Instance]] = {state: [] for state in ALIVE}
    pinned = dict.fromkeys(ALIVE, 0)
    for state in ALIVE:
        for instance in census.by_state[state]:
            if instance.protected:
                pinned[state] += 1
            elif instance.revision == status.target and (all_new or instance.ordinal >= status.first_ordinal):
                new[state].append(instance)
            else:
                old[state].append(instance)
    failed = census.by_state[State.FAILED]
    kept = sum(instance.protected for instance in failed)
    counts = Counts(
        old_ready=len(old[State.IN_SERVICE]),
        old_not_ready=sum(len(old[state]) for state in NOT_IN_SERVICE),
        new_ready=len(new[State.IN_SERVICE]),
        new_not_ready=sum(len(new[state]) for state in NOT_IN_SERVICE),
        pinned_ready=pinned[State.IN_SERVICE],
        pinned_not_ready=sum(pinned[state] for state in NOT_IN_SERVICE) + kept,
        waiting=len(failed) - kept,
        old_never_ready=sum(i.never_ready for i in old[State.PENDING]) if status.back else 0,
    )
    spec = refresh.spec if refresh is not None else None
    least, most = (spec.min_healthy_percentage, spec.max_healthy_percentage) if spec is not None else (100, 100)
    return Rollout(status, refresh, counts, Budget.of(desired, least, most), old, new)
