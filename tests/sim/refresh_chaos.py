"""A refresh in a world in which anything may happen at any moment, an operator that crashes, and what must hold."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from tests.contract import contract_broken
from tests.sim.chaos import CrashError, LossyWorld
from tests.sim.troubles import Chance, arrive_late, delayed, repair_zone
from windlass.api.instance_refresh import InstanceRefreshSpec
from windlass.api.processes import Process
from windlass.api.rollout import RolloutStatus
from windlass.api.scaling_group import ConfigurationSource, ScalingGroupSpec
from windlass.api.task import Phase, Wanted
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.steps import Launch, Remove, SwitchSource, WriteConfiguration
from windlass.planner.capacity.view import take_census
from windlass.planner.rollout.budget import Budget
from windlass.planner.rollout.refresh import Refresh, Sources
from windlass.planner.tasks import FINAL, PHASES, may_be_wanted, may_become
from windlass.simulate.kubelet import AllGoesWell, Life
from windlass.simulate.play import play, run_pass
from windlass.simulate.world import ConflictError, PlayedOperator, Write

ZONES = ("zone-a", "zone-b", "zone-c")
MOST = 12  # instances; more would only be slower
SPANS = (1, 2.5, 9, 31, 65, 190, 301, 620, 1900)  # seconds: on all sides of every limit
CHECKPOINTS = ((), (), (100,), (20, 50, 100), (1, 2, 99, 100), (34, 67, 100))
OWN = {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}}
OTHER = {"template": {"spec": {"containers": [{"name": "web", "image": "other:1"}]}}}
DESIRED: tuple[dict[str, Any] | None, ...] = (
    None,
    {"image": "web:2"},
    {"image": "web:2"},
    {"scaling_configuration": "other"},
    {"scaling_configuration": "other", "image": "other:2"},
)
UID = "r1-uid"


class HangingWorld(LossyWorld):
    """A world in which, at times, each removal of a pass hangs: its process is given up, the requests are not."""

    def __init__(self, random: Random, **fields: Any) -> None:
        super().__init__(random, **fields)
        self.hanging = False
        self.hung: list[Remove] = []

    def _remove(self, step: Remove) -> None:
        if self.hanging:
            self.hung.append(step)
        else:
            super()._remove(step)


@dataclass(slots=True)
class Sender:
    """A pass that writes, and the bounds of the sizes that were desired since it read the group."""

    least: int
    most: int
    suspended: tuple[Process, ...] = ()


@dataclass(slots=True)
class RefreshChaos:
    """Plays one seed."""

    dice: Random
    quiet: bool = False
    world: HangingWorld = field(init=False)
    process: PlayedOperator = field(init=False)
    log: list[str] = field(default_factory=list)
    under_way: list[Launch | Remove] = field(default_factory=list)
    sender: Sender = field(default_factory=lambda: Sender(0, 0))
    commits: list[str] = field(default_factory=list)
    _seen: RolloutStatus | None = None
    _phase: Phase = Phase.PENDING

    def __post_init__(self) -> None:
        dice = self.dice
        spec = ScalingGroupSpec(
            max_size=MOST,
            desired_size=dice.choice((dice.randint(0, 4), dice.randint(4, MOST))),
            configuration=ConfigurationSource(scaling_configuration="web"),
            zones=tuple(dice.sample(ZONES, dice.choice((0, 0, 1, 3)))),
            removal_policy=(dice.choice(("OldestConfiguration", "OldestInstance", "NewestInstance")),),
            min_ready_seconds=dice.choice((0, 0, 40)),
        )
        sources = Sources({"other": OTHER})
        self.world = HangingWorld(dice, name="web", spec=spec, configuration=OWN, sources=sources)
        self.process = PlayedOperator(removals_in_doubt=True)
        for _ in play(self.world, self.process):
            pass
        if not self.quiet:
            self.world.fate = self._fate()
        self.world.refreshes["r1"] = Refresh("r1", UID, 1, self.world.now, self._wanted())

    def _wanted(self) -> InstanceRefreshSpec:
        dice = self.dice
        return InstanceRefreshSpec.model_validate(
            {
                "scaling_group": "web",
                "min_healthy_percentage": dice.choice((0, 50, 80, 90, 100)),
                "max_healthy_percentage": dice.choice((100, 100, 110, 120, 200)),
                "desired_configuration": dice.choice(DESIRED),
                "skip_matching": dice.random() < 0.6,
                "checkpoints": dice.choice(CHECKPOINTS),
                "checkpoint_pause_minutes": dice.choice((1, 30)),
                "auto_rollback": dice.random() < 0.4,
                "progress_deadline_seconds": dice.choice((900, 3600)),
                "bake_seconds": dice.choice((0, 0, 120)),
            }
        )

    def _fate(self) -> Chance:
        return Chance(self.dice, trouble=self.dice.choice((0.0, 0.1, 0.5)))

    @property
    def refresh(self) -> Refresh | None:
        """As it is now; None where it was deleted."""
        return self.world.refreshes.get("r1")

    # ---- playing

    def play(self, steps: int) -> None:
        """So many random steps, each with what the operator does about it."""
        for _ in range(steps):
            event = self.dice.choice(EVENTS)
            self.log.append(f"{self.world.now:%d %H:%M:%S} {event.__name__[1:]}")
            event(self)
            for _ in range(self.dice.choice((0, 1, 1, 2, 4))):
                self.operate()

    def operate(self) -> None:
        """One pass, which may meet a change of the group, or crash before or after any of its writes."""
        crash_at = self.dice.randrange(8) if self.dice.random() < 0.15 else -1
        self.sender = Sender(self.world.desired, self.world.desired, self.world.spec.suspended_processes)
        self.world.losing, self.world.hanging = self.dice.random() < 0.1, self.dice.random() < 0.1
        done = 0

        def before(write: Write) -> None:
            nonlocal done
            if done == crash_at:
                if isinstance(write.step, Launch) and self.dice.random() < 0.5:
                    self.under_way.append(write.step)
                raise CrashError
            if self.dice.random() < 0.03:
                self._size()
            done += 1
            self._judge(write)

        try:
            run_pass(self.world, self.process, before=before)
        except ConflictError:
            self.log.append("    conflict")
        except CrashError:
            self._crash()
        self.under_way += self.world.lost
        self.world.lost.clear()
        self.world.losing = self.world.hanging = False
        if self.world.hung:
            self.under_way += self.world.hung
            self.world.hung.clear()
            self._crash()
        self.check()

    def _crash(self) -> None:
        self.log.append("    crash")
        self.process = PlayedOperator(removals_in_doubt=True)

    def calm(self) -> None:
        """Troubles stop and nobody asks for anything more: the refresh must end, and the group come to rest."""
        self.log.append(f"{self.world.now:%d %H:%M:%S} calm")
        for step in self.under_way:
            self._arrives(step)
        self.under_way.clear()
        self._soothe()
        for _ in play(self.world, self.process, until=self.world.now + timedelta(days=2)):
            self.check()
        self._check_over()

    def _soothe(self) -> None:
        world = self.world
        world.refusing, world.fate = None, AllGoesWell()
        for zone in tuple(world.broken):
            repair_zone(world, zone)
        for name, instance in world.instances.items():
            world.instances[name] = replace(instance, protected=False)
            if world.lives[name].scheduled is None:
                world.lives[name] = delayed(Life(), world.now - instance.created_at)
        world.change(enabled=True, suspended_processes=())
        if self.refresh is not None and self.refresh.spec.state is Wanted.SUSPENDED:
            world.ask("r1", state=Wanted.RUNNING)

    # ---- what happens

    def _time(self) -> None:
        self.world.advance(timedelta(seconds=self.dice.choice(SPANS)))

    def _size(self) -> None:
        near = max(0, min(MOST, self.world.desired + self.dice.randint(-3, 3)))
        self.world.change(desired_size=self.dice.choice((near, near, self.dice.randint(0, MOST))))
        self.sender.least = min(self.sender.least, self.world.desired)
        self.sender.most = max(self.sender.most, self.world.desired)

    def _kill(self) -> None:
        if self.world.instances:
            self.world.kill(self.dice.choice(sorted(self.world.instances)))

    def _delete(self) -> None:
        """What `kubectl delete pod` does: it is gone after a while."""
        if self.world.alive:
            name = self.dice.choice(sorted(i.name for i in self.world.alive))
            self.world.instances[name] = replace(self.world.instances[name], removing=True)
            self.world.removed_at[name] = self.world.now

    def _protect(self) -> None:
        for name, instance in self.world.instances.items():
            if self.dice.random() < 0.3:
                self.world.instances[name] = replace(instance, protected=self.dice.random() < 0.3)

    def _sicken(self) -> None:
        for name, life in self.world.lives.items():
            if life.ready is not None and self.dice.random() < 0.4:
                age = self.world.now - self.world.instances[name].created_at
                trouble = {self.dice.choice(("wavers", "ends")): max(age, life.ready)}
                self.world.lives[name] = replace(life, **trouble)
        self.world.advance(timedelta())

    def _break(self) -> None:
        self.world.broken.add(self.dice.choice(ZONES))

    def _mend(self) -> None:
        if self.world.broken:
            repair_zone(self.world, self.dice.choice(sorted(self.world.broken)))

    def _refuse(self) -> None:
        self.world.refusing = "exceeded quota"

    def _accept(self) -> None:
        self.world.refusing = None

    def _late(self) -> None:
        if self.under_way:
            self._arrives(self.under_way.pop(self.dice.randrange(len(self.under_way))))

    def _arrives(self, step: Launch | Remove) -> None:
        """A request of a process that is gone: nobody could hold it back."""
        if isinstance(step, Remove):
            self._removal_arrives(step)
        elif step.name not in self.world.created:
            self.log.append(f"    late: launch {step.name}")
            arrive_late(self.world, step)

    def _removal_arrives(self, step: Remove) -> None:
        """It may do nothing any more once a process has seen to it, but that what it removes leaves anyway."""
        before = dict(self.world.instances)
        self.world._remove(step)
        effective = self.world.instances != before
        self.log.append(f"    late: remove {step.name}, {effective=}")
        assert not effective or self.process.removals_in_doubt, f"{step.name} was to stay"

    def _suspend(self) -> None:
        processes = ("ScaleIn", "ScaleOut", "HealthCheck")
        self.world.change(suspended_processes=tuple(self.dice.sample(processes, self.dice.choice((0, 0, 1)))))

    def _switch(self) -> None:
        self.world.change(enabled=self.dice.random() < 0.7)

    def _ask(self) -> None:
        if self.refresh is None:
            return
        state = self.dice.choice((Wanted.SUSPENDED, Wanted.RUNNING, Wanted.RUNNING, *Wanted))
        if may_be_wanted(self.refresh.spec.state, state):
            self.log.append(f"    {state}")
            self.world.ask("r1", state=state)

    def _approve(self) -> None:
        if self.refresh is not None:
            approved = self.dice.choice(self.refresh.spec.checkpoints or (0,))
            self.world.refreshes["r1"] = replace(self.refresh, approved=approved)

    def _forget(self) -> None:
        """Somebody deletes the refresh."""
        if self.dice.random() < 0.2:
            self.world.refreshes.pop("r1", None)

    def _edit(self) -> None:
        if self.dice.random() < 0.2:
            self.world.configuration = {"template": {"spec": {"containers": [{"name": "web", "image": "edited:1"}]}}}

    # ---- what must hold

    def _judge(self, write: Write) -> None:
        """Whether what is about to be written may be."""
        self.log.append(f"    {write.what}")
        step, rollout = write.step, self.world.status.rollout
        if isinstance(step, SwitchSource | WriteConfiguration):
            self.commits.append(type(step).__name__)
            assert len(set(self.commits)) == len(self.commits), f"committed twice: {self.commits}"
        if rollout is None or rollout.outcome is not None or self.refresh is None:
            return
        if isinstance(step, Launch):
            self._judge_launch(step, rollout, self.refresh)
        if isinstance(step, Remove):
            self._judge_removal(step, self.refresh)

    def _judge_launch(self, step: Launch, rollout: RolloutStatus, refresh: Refresh) -> None:
        spec, there = refresh.spec, self._alive()
        most = max(self.sender.most, self._kept(rollout))
        ceiling = self._budget(refresh, most).ceiling
        if step.name in self.world.instances:
            return
        assert len(there) + 1 <= ceiling, f"{step.name} is above the ceiling of {ceiling}"
        if rollout.back or len(there) + 1 <= most:
            return
        pinned = sum(i.protected for i in there)
        new = sum(self._is_new(i, rollout, refresh) for i in there) + 1
        ahead = [each for each in spec.checkpoints if each > rollout.checkpoint]
        until = rollout.checkpoint if rollout.paused_until is not None else min(ahead, default=100)
        goal = -(-(most - pinned) * until // 100)
        assert new <= goal, f"{step.name} is new number {new}, {goal} until checkpoint {until}"

    def _judge_removal(self, step: Remove, refresh: Refresh) -> None:
        instance = self.world.instances.get(step.name)
        served = self._by_state()[State.IN_SERVICE]
        if instance is None or instance.resource_version != step.resource_version or instance not in served:
            return
        assert not instance.protected, f"{step.name} is protected"
        floor = self._budget(refresh, self.sender.least).floor
        assert len(served) - 1 >= floor, f"without {step.name} fewer than {floor} are in service"

    def _kept(self, rollout: RolloutStatus) -> int:
        """The size that may not be left while ScaleIn is suspended."""
        return rollout.size if Process.SCALE_IN in self.sender.suspended else 0

    @staticmethod
    def _budget(refresh: Refresh, size: int) -> Budget:
        return Budget.of(size, refresh.spec.min_healthy_percentage, refresh.spec.max_healthy_percentage)

    @staticmethod
    def _is_new(instance: Instance, rollout: RolloutStatus, refresh: Refresh) -> bool:
        since = 0 if refresh.spec.skip_matching or rollout.back else rollout.first_ordinal
        return instance.revision == rollout.target and not instance.protected and instance.ordinal >= since

    def _by_state(self) -> dict[State, list[Instance]]:
        return take_census(self.world.view(self.process)).by_state

    def _alive(self) -> list[Instance]:
        return [i for state, those in self._by_state().items() for i in those if state not in GONE]

    def check(self) -> None:
        """After every pass."""
        status, world, refresh = self.world.status, self.world, self.refresh
        broken = contract_broken(status.conditions, world.generation) if status.conditions else None
        assert broken is None, broken
        if status.phase == "Ready":
            assert status.in_service == status.replicas == status.desired
        self._check_rollout(status.rollout)
        if refresh is None or refresh.status.phase is self._phase:
            return
        self.log.append(f"    = {refresh.status.phase}: {refresh.status.message}")
        broken = contract_broken(refresh.status.conditions, refresh.generation)
        assert broken is None, broken
        assert refresh.status.phase in _further(self._phase), f"{self._phase} became {refresh.status.phase}"
        self._phase = refresh.status.phase

    def _check_rollout(self, now: RolloutStatus | None) -> None:
        before, self._seen = self._seen, now
        if now is None or before is None:
            assert now is None or self.refresh is None or self.refresh.status.start_time is None, "it began again"
            return
        assert may_become(Phase(before.phase), Phase(now.phase)), f"{before.phase} became {now.phase}"
        assert now.checkpoint >= before.checkpoint, f"checkpoint {before.checkpoint} became {now.checkpoint}"
        assert now.back or not before.back
        if now.committing and self.refresh is not None:
            old = [i.name for i in self._alive() if not i.protected and not self._is_new(i, now, self.refresh)]
            assert before.committing or not old, f"committed while {old} are old"

    def _check_over(self) -> None:
        world, refresh = self.world, self.refresh
        assert world.status.rollout is None, f"it does not end: {world.status.rollout}"
        assert world.status.phase == "Ready", world.status.message
        assert len([i for i in world.alive if i.ready]) == len(world.alive) == world.desired
        if refresh is None:
            return
        status = refresh.status
        assert status.phase in FINAL, f"it does not end: {status.phase}, {status.message}"
        assert status.completion_time is not None
        if status.phase is not Phase.SUCCESSFUL and "own configuration stays" not in status.message:
            assert not self.commits, self.commits


GONE = (State.REMOVING, State.FAILED)
Event = Callable[[RefreshChaos], None]


def _further(phase: Phase) -> set[Phase]:
    """What a task may have become since somebody looked."""
    found, new = {phase}, {phase}
    while new:
        new = {after for before in new for after in PHASES[before].then} - found
        found |= new
    return found


EVENTS: tuple[Event, ...] = (
    *(RefreshChaos._time,) * 16,
    *(RefreshChaos._size,) * 3,
    *(RefreshChaos._kill,) * 2,
    *(RefreshChaos._late,) * 3,
    *(RefreshChaos._mend,) * 2,
    *(RefreshChaos._accept,) * 3,
    *(RefreshChaos._ask,) * 2,
    RefreshChaos._approve,
    RefreshChaos._forget,
    RefreshChaos._edit,
    RefreshChaos._suspend,
    RefreshChaos._switch,
    RefreshChaos._delete,
    RefreshChaos._protect,
    RefreshChaos._sicken,
    RefreshChaos._break,
    RefreshChaos._refuse,
)
