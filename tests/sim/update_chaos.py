"""An update in a world in which anything may happen at any moment, an operator that crashes, and what must hold."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from tests.contract import contract_broken
from tests.sim.chaos import CrashError
from tests.sim.refresh_chaos import SPANS, _further
from tests.sim.troubles import Chance, delayed
from tests.updates import PACKAGE, PACKAGES
from tests.worlds import CONFIGURATION
from windlass.api.processes import Process
from windlass.api.rolling_update import PauseOption, RollingUpdateSpec, UpdateState
from windlass.api.scaling_group import ConfigurationSource, ScalingGroupSpec
from windlass.api.task import Phase
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.steps import ChangeImage, RunScript, WriteConfiguration
from windlass.planner.capacity.view import GroupView, take_census
from windlass.planner.rolling_update import members
from windlass.planner.rolling_update.update import Update
from windlass.planner.tasks import FINAL, may_become
from windlass.simulate.kubelet import AllGoesWell, Life
from windlass.simulate.play import play, run_pass
from windlass.simulate.world import ConflictError, PlayedOperator, World, Write

MOST = 12  # instances; more would only be slower
UID = "u1-uid"
EDITED = {"template": {"spec": {"containers": [{"name": "web", "image": "edited:1"}]}}}
SCRIPT = {"run": "work", "timeout_seconds": 20}
WANTED: tuple[dict[str, Any], ...] = (
    {"kind": "Image", "image": {"image": "web:2"}},
    {"kind": "Image", "image": {"image": "web:2"}},
    {"kind": "Image", "image": {"image": "web:1"}},
    {"kind": "Script", "script": SCRIPT},
    {"kind": "Script", "script": SCRIPT | {"idempotent": True}},
    PACKAGE,
)
ENTERED: tuple[tuple[str, ...], ...] = ((), (), ("ScaleIn",), ("HealthCheck", "ScaleOut"))


class LateWorld(World):
    """A world of which a pass may see the instances as they were a while ago: `before`, for the next look alone."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.before: tuple[Instance, ...] = ()

    def view(self, process: PlayedOperator) -> GroupView:
        before, self.before = self.before, ()
        now = super().view(process)
        return replace(now, instances=before) if before else now


@dataclass(slots=True)
class Sender:
    """A pass that writes, and the smallest size that was desired since it read the group.

    `unseen`: how many have left service, but for the update, since the instances were as it has seen them.
    """

    least: int
    unseen: int = 0


@dataclass(slots=True)
class UpdateChaos:
    """Plays one seed."""

    dice: Random
    quiet: bool = False
    world: LateWorld = field(init=False)
    process: PlayedOperator = field(init=False)
    log: list[str] = field(default_factory=list)
    under_way: list[ChangeImage] = field(default_factory=list)
    sender: Sender = field(default_factory=lambda: Sender(0))
    commits: int = 0
    _seen: UpdateRunStatus | None = None
    _phase: Phase = Phase.PENDING
    _repeats: bool = False
    _before: tuple[Instance, ...] = ()
    _fresh: bool = False

    def __post_init__(self) -> None:
        dice = self.dice
        spec = ScalingGroupSpec(
            max_size=MOST,
            desired_size=dice.choice((dice.randint(0, 4), dice.randint(4, MOST))),
            configuration=ConfigurationSource(scaling_configuration="web"),
            min_ready_seconds=dice.choice((0, 0, 40)),
            launch_timeout_seconds=dice.choice((60, 600)),
        )
        self.world = LateWorld(name="web", spec=spec, configuration=CONFIGURATION, packages=dict(PACKAGES))
        self.process = PlayedOperator(removals_in_doubt=True)
        for _ in play(self.world, self.process):
            pass
        if not self.quiet:
            self.world.fate = Chance(dice, trouble=dice.choice((0.0, 0.1, 0.4)))
        wanted = self._wanted()
        self._repeats = wanted.script is not None and wanted.script.idempotent
        self.world.updates["u1"] = Update("u1", UID, 1, self.world.now, wanted)

    def _wanted(self) -> RollingUpdateSpec:
        dice = self.dice
        entered = dice.choice(ENTERED)
        return RollingUpdateSpec.model_validate(
            {
                "scaling_group": "web",
                "batches": dice.choice((1, 2, 3, 5, 40)),
                "pause": "Automatic" if self.quiet else dice.choice(list(PauseOption)),
                "enter_processes": entered,
                "exit_processes": dice.choice((None, None, entered[:1])),
            }
            | dice.choice(WANTED)
        )

    @property
    def update(self) -> Update | None:
        """As it is now; None where it was deleted."""
        return self.world.updates.get("u1")

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
        crash_at = self.dice.randrange(8) if self.dice.random() < 0.12 else -1
        self.sender = Sender(self.world.desired)
        if self._fresh and self.dice.random() < 0.5:
            self.log.append("    sees old instances")
            self.world.before = self._before
            self.sender.unseen = sum(self._has_left(each) for each in self._before if each.ready)
        self._fresh, self._before = False, tuple(self.world.instances.values())
        done = 0

        def before(write: Write) -> None:
            nonlocal done
            if done == crash_at:
                if isinstance(write.step, ChangeImage) and self.dice.random() < 0.5:
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
        self.check()

    def _has_left(self, before: Instance) -> bool:
        now = self.world.instances.get(before.name)
        if now is not None and now.mark is not None and now.mark.update == UID and now.mark.image is not None:
            return False
        return now is None or now.removing or not now.ready

    def _crash(self) -> None:
        self.log.append("    crash")
        self.process = PlayedOperator(removals_in_doubt=True)
        self._fresh = True

    def calm(self) -> None:
        """Troubles stop and a person lets it go on: the update must end, and the group come to rest."""
        self.log.append(f"{self.world.now:%d %H:%M:%S} calm")
        self._late()
        self._soothe()
        for _ in range(2 + (self.update.status.batches if self.update is not None else 0) + MOST):
            for played in play(self.world, self.process, until=self.world.now + timedelta(days=2)):
                self.commits += sum(isinstance(write.step, WriteConfiguration) for write in played.writes)
                self.check()
            if self.update is None or self.update.status.phase in FINAL:
                break
            self._go_on(self.update)
        self._check_over()

    def _go_on(self, update: Update) -> None:
        """What a person does: approve; or end it where what is broken is not replaced, as the update itself asks."""
        if update.status.phase is Phase.PAUSED:
            self._approve()
        elif Process.HEALTH_CHECK in update.spec.enter_processes and "in service again" in update.status.message:
            self.world.ask_update("u1", state=UpdateState.CANCELLED)

    def _soothe(self) -> None:
        world = self.world
        world.fate = AllGoesWell()
        for name, instance in world.instances.items():
            world.instances[name] = replace(instance, protected=False)
            if name in world.lives and world.lives[name].scheduled is None:
                world.lives[name] = delayed(Life(), world.now - instance.created_at)
        world.change(enabled=True, suspended_processes=())
        if self.update is not None and self.update.spec.state is UpdateState.SUSPENDED:
            world.ask_update("u1", state=UpdateState.RUNNING)

    # ---- what happens

    def _time(self) -> None:
        self.world.advance(timedelta(seconds=self.dice.choice(SPANS)))

    def _size(self) -> None:
        near = max(0, min(MOST, self.world.desired + self.dice.randint(-3, 3)))
        self.world.change(desired_size=near)
        self.sender.least = min(self.sender.least, self.world.desired)

    def _kill(self) -> None:
        if self.world.instances:
            self.world.kill(self.dice.choice(sorted(self.world.instances)))

    def _delete(self) -> None:
        """What `kubectl delete pod` does: it is gone after a while."""
        if self.world.alive:
            name = self.dice.choice(sorted(i.name for i in self.world.alive))
            self.world.instances[name] = replace(self.world.instances[name], removing=True)
            self.world.removed_at[name] = self.world.now

    def _sicken(self) -> None:
        for name, life in self.world.lives.items():
            if life.ready is not None and self.dice.random() < 0.4:
                age = self.world.now - self.world.instances[name].created_at
                trouble = {self.dice.choice(("wavers", "ends")): max(age, life.ready)}
                self.world.lives[name] = replace(life, **trouble)
        self.world.advance(timedelta())

    def _late(self) -> None:
        """What a process that is gone had sent arrives: nobody could hold it back."""
        for step in self.under_way:
            run, instance = self.world.status.update, self.world.instances.get(step.name)
            if run is not None and run.outcome is None and instance is not None and instance.uid == step.uid:
                self.log.append(f"    late: give {step.name} {step.image}")
                self.world._change_image(step)
        self.under_way.clear()

    def _suspend(self) -> None:
        processes = ("ScaleIn", "ScaleOut", "HealthCheck")
        self.world.change(suspended_processes=tuple(self.dice.sample(processes, self.dice.choice((0, 0, 1)))))

    def _switch(self) -> None:
        self.world.change(enabled=self.dice.random() < 0.7)

    def _ask(self) -> None:
        if self.update is None or self.update.spec.state is UpdateState.CANCELLED:
            return
        states = (UpdateState.SUSPENDED, UpdateState.SUSPENDED, UpdateState.RUNNING, UpdateState.RUNNING)
        state = self.dice.choice((*states, *states, UpdateState.CANCELLED))
        self.log.append(f"    {state}")
        self.world.ask_update("u1", state=state)

    def _approve(self) -> None:
        if self.update is not None:
            self.world.ask_update("u1", approved_batches=self.update.spec.approved_batches + 1)

    def _forget(self) -> None:
        """Somebody deletes the update."""
        if self.dice.random() < 0.1:
            self.world.updates.pop("u1", None)

    def _edit(self) -> None:
        if self.dice.random() < 0.2:
            self.world.configuration = EDITED

    def _package(self) -> None:
        if self.dice.random() < 0.2:
            self.world.packages = {"packages": self.dice.choice((None, {"install": "another"}))}

    # ---- what must hold

    def _judge(self, write: Write) -> None:
        """Whether what is about to be written may be."""
        self.log.append(f"    {write.what}")
        step, run, update = write.step, self.world.status.update, self.update
        if isinstance(step, WriteConfiguration):
            self.commits += 1
            assert self.commits == 1, "committed twice"
            assert step.before == self.world.configuration, "somebody's edit is overwritten"
        if not isinstance(step, ChangeImage | RunScript):
            return
        assert run is not None
        assert run.phase == Phase.RUNNING, f"{write.what} while it is {run.phase}"
        instance = self.world.instances.get(step.name)
        if instance is None or instance.uid != step.uid:
            return
        now = set(members.batch(run.members, run.batches, run.batch))
        assert instance.ordinal in now, f"{step.name} is not in batch {run.batch}"
        assert instance.ordinal in members.within(run.begun, now), f"{step.name} is not written down before"
        if isinstance(step, RunScript):
            self._judge_script(step, instance, now)
        elif update is not None and update.spec.batches > 1:
            self._judge_image(step, instance)

    def _judge_script(self, step: RunScript, instance: Instance, batch: set[int]) -> None:
        there = {each.uid for each in self.world.alive}
        others = [script.name for uid, script in self.process.scripts.items() if uid in there]
        assert all(int(name.rpartition("-")[2]) in batch for name in others), f"two batches at once: {others}"
        assert instance.uid not in self.process.scripts, f"two scripts in {step.name}"

    def _judge_image(self, step: ChangeImage, instance: Instance) -> None:
        if instance.mark is not None and instance.mark.update == step.update:
            return
        view = self.world.view(self.process)
        census = take_census(view)
        served = census.by_state[State.IN_SERVICE]
        if instance not in served:
            return
        missed = view.suspends(Process.SCALE_OUT)  # and cannot be launched
        size = min(self.sender.least, census.capacity) if missed else self.sender.least
        floor = max(0, min(-(-size * 80 // 100), size - 1))
        floor -= self.sender.unseen
        assert len(served) - 1 >= floor, f"without {step.name} fewer than {floor} are in service"

    def check(self) -> None:
        """After every pass."""
        status, world, update = self.world.status, self.world, self.update
        broken = contract_broken(status.conditions, world.generation) if status.conditions else None
        assert broken is None, broken
        if status.phase == "Ready":
            assert status.in_service == status.replicas == status.desired
        self._check_run(status.update)
        self._check_scripts()
        if update is None:
            return
        told = update.status
        done = told.succeeded + told.failed + told.unknown + told.skipped
        assert done <= told.total or told.start_time is None, f"{done} of {told.total}: {told}"
        if told.phase is self._phase:
            return
        self.log.append(f"    = {told.phase}: {told.message}")
        broken = contract_broken(told.conditions, update.generation)
        assert broken is None, broken
        assert told.phase in _further(self._phase), f"{self._phase} became {told.phase}"
        self._phase = told.phase

    def _check_run(self, now: UpdateRunStatus | None) -> None:
        before, self._seen = self._seen, now
        if now is None or before is None:
            assert now is None or self.update is None or self.update.status.start_time is None, "it began again"
            return
        assert may_become(Phase(before.phase), Phase(now.phase)), f"{before.phase} became {now.phase}"
        assert now.batch in (before.batch, before.batch + 1), f"batch {before.batch} became {now.batch}"
        assert (now.members, now.batches, now.uid) == (before.members, before.batches, before.uid)
        assert now.accepted >= before.accepted
        if now.batch > before.batch and now.outcome is None:
            kept = [each.name for each in self.world.results[now.uid, before.batch]]
            batch = [f"web-{n}" for n in members.batch(now.members, now.batches, before.batch)]
            assert sorted(kept) == sorted(batch), f"{kept} are told of batch {batch}"

    def _check_scripts(self) -> None:
        if self._repeats:
            return
        twice = [name for (_, name), times in Counter(self.world.ran).items() if times > 1]
        assert not twice, f"the script ran twice in {twice}"

    def _check_over(self) -> None:
        world, update = self.world, self.update
        assert world.status.update is None, f"it does not end: {world.status.update}"
        view = world.view(self.process)
        entered = update.spec.enter_processes if update is not None else ()
        leaves = update.spec.exit_processes if update is not None else None
        kept = () if leaves is None else tuple(each for each in entered if each not in leaves)
        suspended = {process for process in Process if view.suspends(process)}
        started = update is not None and update.status.start_time is not None
        assert suspended == (set(kept) if started else set()), f"{suspended} are suspended"
        if not suspended:
            assert world.status.phase == "Ready", world.status.message
            assert len([i for i in world.alive if i.ready]) == len(world.alive) == world.desired
        if update is not None:
            self._check_told(update)

    def _check_told(self, update: Update) -> None:
        status = update.status
        assert status.phase in FINAL, f"it does not end: {status.phase}, {status.message}"
        assert status.completion_time is not None
        assert status.waiting_for is None
        counts = (status.succeeded, status.failed, status.unknown, status.skipped)
        if status.phase is Phase.SUCCESSFUL or status.message.startswith("it failed on"):
            assert sum(counts) == status.total, f"{counts} of {status.total}"
        image = update.spec.image
        well = status.phase is Phase.SUCCESSFUL or self.world.configuration == EDITED
        assert well or not self.commits, "the image is written though it has failed"
        if status.phase is Phase.SUCCESSFUL and image is not None and image.image == "web:2":
            assert self.commits or not status.total, "the image is not written"


Event = Callable[[UpdateChaos], None]

EVENTS: tuple[Event, ...] = (
    *(UpdateChaos._time,) * 16,
    *(UpdateChaos._size,) * 2,
    *(UpdateChaos._approve,) * 4,
    *(UpdateChaos._kill,) * 2,
    *(UpdateChaos._ask,) * 2,
    *(UpdateChaos._late,) * 2,
    UpdateChaos._forget,
    UpdateChaos._edit,
    UpdateChaos._package,
    UpdateChaos._suspend,
    UpdateChaos._switch,
    UpdateChaos._delete,
    UpdateChaos._sicken,
)
