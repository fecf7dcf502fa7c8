"""The batch of an update that runs or waits to begin: how it stands on each of its instances."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from windlass.api.rolling_update import FailedInstance, InstanceResult
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.steps import InstanceOutcome
from windlass.planner.capacity.view import Census, GroupView
from windlass.planner.rolling_update import members
from windlass.planner.rolling_update.payload import Command
from windlass.planner.rolling_update.verdict import Again, UnderWay, Verdict, of_image, of_script

FAILURES = (InstanceResult.FAILED, InstanceResult.UNKNOWN)
LEFT = "the instance left before it was done there"
ONCE = Command(None, (), 0, again=False)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waits:
    """In service, and nothing is seen to be begun on it."""

    instance: Instance


@dataclass(frozen=True, slots=True)
class Skipped:
    """Gone, or not in service before anything was begun on it."""

    name: str


Standing = Verdict | Waits | Skipped


@dataclass(frozen=True, slots=True)
class Batch:
    """The instances of a batch, each once.

    `outcomes`: of those on which it has ended; `under_way`; `again`: whose script is run again now; `waiting`: in
    service, and not seen to be begun; first those on which it was to be begun before. `skipped`: the names of those
    that are gone, or not in service before anything was begun on them. `touched`: the ordinals of those on which
    anything was; `unfinished`: of those of them, and of those to be begun, on which it has not succeeded. `failed`: the
    uids of those that are there and on which it failed, or may have.
    """

    outcomes: tuple[InstanceOutcome, ...] = ()
    under_way: tuple[UnderWay, ...] = ()
    again: tuple[Instance, ...] = ()
    waiting: tuple[Instance, ...] = ()
    skipped: tuple[str, ...] = ()
    touched: tuple[int, ...] = ()
    unfinished: tuple[int, ...] = ()
    failed: frozenset[str] = frozenset()

    @property
    def begun(self) -> bool:
        """Whether anything was begun on any of them."""
        return bool(self.touched)

    @property
    def failures(self) -> tuple[InstanceOutcome, ...]:
        """Those on which it failed, or may have."""
        return tuple(each for each in self.outcomes if each.result in FAILURES)

    @property
    def told(self) -> tuple[FailedInstance, ...]:
        """The same, as statuses tell of them."""
        return tuple(
            FailedInstance(name=each.name, result=each.result, exit_code=each.exit_code, output=each.output)
            for each in self.failures
        )

    @property
    def closed(self) -> "Batch":
        """The same where its results are kept already: whoever came into service since has missed its turn."""
        late = tuple(each.name for each in self.waiting)
        return replace(self, waiting=(), skipped=(*self.skipped, *late))

    def count(self, result: InstanceResult) -> int:
        """On how many it has ended so."""
        return sum(each.result is result for each in self.outcomes)


def look(view: GroupView, census: Census, status: UpdateRunStatus, command: Command | None) -> Batch:
    """How the batch stands. `command`: what may be run again where nobody knows whether it ran; None: nothing."""
    wanted = sorted(members.batch(status.members, status.batches, status.batch))
    if not wanted:
        return Batch()
    begun = members.within(status.begun, wanted)
    there = _there(census, frozenset(wanted))
    eye = _Eye(view, status.uid, command or ONCE)
    seen = {ordinal: eye.sees(ordinal, there.get(ordinal), begun=ordinal in begun) for ordinal in wanted}
    touched = [ordinal for ordinal, each in seen.items() if not isinstance(each, Waits | Skipped)]
    open_ = [ordinal for ordinal, each in seen.items() if not _has_succeeded(each)]
    unfinished = [n for n in open_ if n in begun or not isinstance(seen[n], Waits | Skipped)]
    failed = [n for n in unfinished if isinstance(seen[n], InstanceOutcome) and n in there]
    waiting = {ordinal: each.instance for ordinal, each in seen.items() if isinstance(each, Waits)}
    return Batch(
        outcomes=_all(InstanceOutcome, seen),
        under_way=_all(UnderWay, seen),
        again=tuple(each.instance for each in _all(Again, seen)),
        waiting=tuple(waiting[ordinal] for ordinal in sorted(waiting, key=lambda n: (n not in begun, n))),
        skipped=tuple(each.name for each in _all(Skipped, seen)),
        touched=tuple(touched),
        unfinished=tuple(unfinished),
        failed=frozenset(there[ordinal][0].uid for ordinal in failed),
    )


def _there(census: Census, wanted: frozenset[int]) -> dict[int, tuple[Instance, State]]:
    return {
        instance.ordinal: (instance, state)
        for state, instances in census.by_state.items()
        if state is not State.REMOVING
        for instance in instances
        if instance.ordinal in wanted
    }


def _all(kind: type[T], seen: dict[int, Standing]) -> tuple[T, ...]:
    return tuple(each for each in seen.values() if isinstance(each, kind))


def _has_succeeded(standing: Standing) -> bool:
    return isinstance(standing, InstanceOutcome) and standing.result is InstanceResult.SUCCEEDED


@dataclass(frozen=True, slots=True)
class _Eye:
    view: GroupView
    update: str
    command: Command

    def sees(self, ordinal: int, found: tuple[Instance, State] | None, *, begun: bool) -> Standing:
        if found is None:
            name = f"{self.view.name}-{ordinal}"
            return self._left(name) if begun else Skipped(name)
        instance, state = found
        mark, running = instance.mark, instance.uid in self.view.scripts_running
        if mark is None or mark.update != self.update:
            if running:
                return UnderWay(instance, "its script is about to begin")
            return Waits(instance) if state is State.IN_SERVICE else Skipped(instance.name)
        if mark.image is None:
            return of_script(instance, mark, self.command, self._now, running=running)
        return of_image(instance, state, mark, self._now, self._timeout, settled=not begun)

    @property
    def _now(self) -> datetime:
        return self.view.now

    @property
    def _timeout(self) -> timedelta:
        return timedelta(seconds=self.view.spec.launch_timeout_seconds)

    def _left(self, name: str) -> InstanceOutcome:
        return InstanceOutcome(name, InstanceResult.FAILED, output=LEFT, ended_at=self._now)
