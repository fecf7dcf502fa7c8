"""A world in which anything may happen at any moment, an operator that crashes, and what must hold all the same."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from tests.contract import contract_broken
from tests.sim.troubles import Chance, arrive_late, delayed, repair_zone
from windlass.api.scaling_group import ActivityStatus, ConfigurationSource, ScalingGroupSpec
from windlass.planner.capacity.steps import Launch, Step
from windlass.planner.group import plan_group
from windlass.simulate.kubelet import AllGoesWell, Life
from windlass.simulate.play import play, run_pass
from windlass.simulate.world import ConflictError, PlayedOperator, World, Write

ZONES = ("zone-a", "zone-b", "zone-c")
MOST = 12  # instances; more would only be slower
SPANS = (0.3, 1, 2.5, 9, 31, 65, 190, 301, 620, 4000)  # seconds: on all sides of every limit


class CrashError(Exception):
    """The operator's process ends here."""


class LossyWorld(World):
    """A world in which some requests to create an instance get no answer: `lost` are still under way."""

    def __init__(self, random: Random, **fields: Any) -> None:
        super().__init__(**fields)
        self.random = random
        self.losing = False
        self.lost: list[Launch] = []

    def _launch(self, step: Launch, process: PlayedOperator | None) -> None:
        if process is not None and self.losing and self.random.random() < 0.2:
            self.lost.append(step)
        else:
            super()._launch(step, process)


@dataclass(slots=True)
class Sender:
    """A pass that creates instances. `ceiling`: the most that were desired since it read the group."""

    ceiling: int


@dataclass(slots=True)
class Chaos:
    """Plays one seed."""

    random: Random
    world: LossyWorld = field(init=False)
    process: PlayedOperator = field(init=False)
    log: list[str] = field(default_factory=list)
    sender: Sender = field(default_factory=lambda: Sender(0))
    under_way: list[tuple[Launch, Sender]] = field(default_factory=list)
    launches_in_doubt: set[int] = field(default_factory=set)
    steps: int = 0
    down: int = 0  # steps for which nobody operates
    _seen: tuple[int, int, ActivityStatus | None] = (0, 1, None)
    _created: int = 0
    _late_senders: list[Sender] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec = ScalingGroupSpec(
            max_size=MOST,
            desired_size=self.random.randint(0, 6),
            configuration=ConfigurationSource(scaling_configuration="web"),
            zones=self._zones(),
            history_limit=self.random.choice((1, 3, 20)),
        )
        self.world = self._new_world(name="web", spec=spec, fate=self._fate())
        self.process = self._new_process()

    def _new_world(self, **fields: Any) -> LossyWorld:
        return LossyWorld(self.random, **fields)

    def _new_process(self) -> PlayedOperator:
        return PlayedOperator(removals_in_doubt=True)

    # ---- playing

    def play(self, steps: int) -> None:
        """So many random steps, each with what the operator does about it."""
        for _ in range(steps):
            self.steps += 1
            event = self.random.choice(EVENTS)
            self.log.append(f"{self.world.now:%d %H:%M:%S} {event.__name__[1:]}")
            event(self)
            self.check()
            self.down = max(0, self.down - 1)
            for _ in range(self.random.choice((0, 1, 1, 2, 4))):
                if not self.down:
                    self.operate()

    def operate(self) -> None:
        """One pass, which may meet a change of the group, or crash before or after any of its writes."""
        self._shuffle()
        plan = plan_group(self.world.view(self.process))
        crash_at = self.random.randrange(len(plan.steps) + 3) if self.random.random() < 0.15 else -1
        self.sender = Sender(self.world.desired + self._unseen())
        self.world.losing = self.random.random() < 0.1
        done: list[Write] = []

        def before(write: Write) -> None:
            self.check()
            if len(done) == crash_at:
                raise CrashError
            if self.random.random() < 0.03:
                self._size()
            self.log.append(f"    {write.what}")
            done.append(write)

        try:
            run_pass(self.world, self.process, before=before)
            if crash_at >= 0:
                raise CrashError  # after the last write
        except ConflictError:
            self.log.append("    conflict")
        except CrashError:
            self._crash([step for step in plan.steps if all(write.step is not step for write in done)] if done else [])
        self._send_late(self.world.lost)
        self.launches_in_doubt.update(step.ordinal for step in self.world.lost)
        self.world.lost.clear()
        self.world.losing = False
        self.check()

    def _unseen(self) -> int:
        """Instances of requests that arrived late, which the pass cannot know of."""
        return 0

    def calm(self) -> None:
        """Troubles stop: the group must become exactly what is wanted, and then stay without a write."""
        self.log.append(f"{self.world.now:%d %H:%M:%S} calm")
        for step, sender in self.under_way:
            self._arrives(step, sender)
        self._nothing_more_arrives()
        self._soothe()
        if self.random.random() < 0.5:
            self._crash([])
        for played in play(self.world, self.process):
            self.log += [f"    {write.what}" for write in played.writes]
            self.sender = Sender(self.world.desired)
            self.check()
        self._check_settled()
        self.world.fate = self._fate()

    def _fate(self) -> Chance:
        return Chance(self.random, trouble=self.random.choice((0.0, 0.2, 0.6)))

    def _crash(self, unsent: Sequence[Step]) -> None:
        """Of what was not answered yet, some requests are still under way to the API server, and some never were."""
        self.log.append("    crash")
        launching = self.world.status.activity and self.world.status.activity.launching
        if launching:
            self.launches_in_doubt.update(range(launching.first, launching.first + launching.count))
        self._send_late([step for step in unsent if isinstance(step, Launch) and self.random.random() < 0.7])
        self.process = self._new_process()
        self.down = self.random.choice((0, 0, 0, 5))

    def _send_late(self, steps: Iterable[Launch]) -> None:
        late = [(step, self.sender) for step in steps]
        self.under_way += late
        self._late_senders += [sender for _, sender in late]

    def _arrives(self, step: Launch, sender: Sender) -> None:
        """A request of a process that is gone. One whose name was used and freed meanwhile would have to be under way
        for longer than an instance lives: left out."""
        if step.name in self.world.created:
            return
        self.log.append(f"    late: launch {step.name}")
        # Requests of several passes may be under way together: as many as any of them was to bring the group to.
        most = max(other.ceiling for other in (sender, *self._late_senders))
        current, self.sender = self.sender, Sender(most)
        arrive_late(self.world, step)
        self.check()
        self.sender = current

    def _shuffle(self) -> None:
        names = list(self.world.instances)
        self.random.shuffle(names)
        self.world.instances = {name: self.world.instances[name] for name in names}

    def _soothe(self) -> None:
        world = self.world
        world.refusing, world.template_problem, world.fate = None, None, AllGoesWell()
        world.configuration = world.configuration or {"template": {"spec": {}}}
        for zone in tuple(world.broken):
            repair_zone(world, zone)
        for name, instance in world.instances.items():
            world.instances[name] = replace(instance, protected=False)
            if world.lives[name].scheduled is None:
                age = world.now - instance.created_at
                world.lives[name] = delayed(Life(), age)
        self._change(enabled=True, suspended_processes=())

    # ---- what happens

    def _time(self) -> None:
        self.world.advance(timedelta(seconds=self.random.choice(SPANS)))

    def _size(self) -> None:
        low = self.random.choice((0, 0, self.random.randint(0, MOST)))
        high = self.random.choice((MOST, self.random.randint(low, MOST)))
        desired = self.random.choice((self.random.randint(low, high), self.random.randint(0, MOST), None))
        self._change(min_size=low, max_size=high, desired_size=desired)

    def _change(self, **fields: object) -> None:
        self.world.change(**fields)
        for sender in (self.sender, *self._late_senders):
            sender.ceiling = max(sender.ceiling, self.world.desired)

    def _place(self) -> None:
        self._change(zones=self._zones(), zone_policy=self.random.choice(("Balanced", "Priority")))

    def _zones(self) -> tuple[str, ...]:
        return tuple(self.random.sample(ZONES, self.random.randint(0, 3)))

    def _rules(self) -> None:
        stages = ("OldestConfiguration", "OldestInstance", "NewestInstance")
        self._change(
            removal_policy=tuple(self.random.sample(stages, self.random.randint(1, 2))),
            min_ready_seconds=self.random.choice((0, 0, 40)),
            health_check={"interval_seconds": self.random.choice((0, 60, 300))},
            launch_timeout_seconds=self.random.choice((60, 600)),
            zone_failure_seconds=self.random.choice((0, 60, 300)),
            history_limit=self.random.choice((1, 3, 20)),
        )

    def _suspend(self) -> None:
        processes = ("ScaleIn", "ScaleOut", "HealthCheck")
        self._change(suspended_processes=tuple(self.random.sample(processes, self.random.choice((0, 0, 1, 2)))))

    def _switch(self) -> None:
        self._change(enabled=self.random.random() < 0.7)

    def _configuration(self) -> None:
        versions = ({"template": {"spec": {"image": n}}} for n in range(3))
        self.world.configuration = self.random.choice((None, *versions))
        self.world.template_problem = self.random.choice((None, None, None, "spec.containers: Required value"))

    def _kill(self) -> None:
        if self.world.instances:
            self.world.kill(self.random.choice(sorted(self.world.instances)))

    def _delete(self) -> None:
        if self.world.alive:
            name = self.random.choice(sorted(i.name for i in self.world.alive))
            self.world.instances[name] = replace(self.world.instances[name], removing=True)
            self.world.removed_at[name] = self.world.now

    def _annotate(self) -> None:
        for name, instance in self.world.instances.items():
            if self.random.random() < 0.3:
                protected, cost = self.random.random() < 0.3, self.random.choice((0, 0, -5, 5))
                self.world.instances[name] = replace(instance, protected=protected, deletion_cost=cost)

    def _sicken(self) -> None:
        """Some turn not ready, or end, all at once."""
        for name, life in self.world.lives.items():
            if life.ready is not None and self.random.random() < 0.5:
                age = self.world.now - self.world.instances[name].created_at
                trouble = {self.random.choice(("wavers", "ends")): max(age, life.ready)}
                self.world.lives[name] = replace(life, **trouble)
        self.world.advance(timedelta())

    def _break(self) -> None:
        self.world.broken.add(self.random.choice(ZONES))

    def _mend(self) -> None:
        if self.world.broken:
            repair_zone(self.world, self.random.choice(sorted(self.world.broken)))

    def _refuse(self) -> None:
        self.world.refusing = "exceeded quota"

    def _accept(self) -> None:
        self.world.refusing = None

    def _late(self) -> None:
        if self.under_way:
            self._arrives(*self.under_way.pop(self.random.randrange(len(self.under_way))))

    def _nothing_more_arrives(self) -> None:
        self.under_way.clear()
        self._late_senders.clear()

    # ---- what must hold

    def check(self) -> None:
        """After every write."""
        self._check_creations()
        self._check_counters()
        status, world = self.world.status, self.world
        broken = contract_broken(status.conditions, world.generation) if status.conditions else None
        assert broken is None, broken
        if status.phase == "Ready":
            assert status.in_service == status.replicas == status.desired
        open_records = [name for name, record in world.records.items() if record.phase == "InProgress"]
        assert open_records in ([], [status.activity.name if status.activity else ""]), open_records

    def _check_creations(self) -> None:
        created = self.world.created
        for name in created[self._created :]:
            assert len(self.world.alive) <= self.sender.ceiling, f"{name} is above {self.sender.ceiling}"
            again = created.count(name) > 1
            assert not again or int(name.rpartition("-")[2]) in self.launches_in_doubt, f"{name} was created twice"
        self._created = len(created)

    def _check_counters(self) -> None:
        ordinal, number, activity = self._seen
        status = self.world.status
        assert status.next_ordinal >= ordinal
        assert status.next_activity >= number
        if activity is not None and activity.ended_at is None:
            assert status.activity is not None
            assert status.activity.name == activity.name, "an activity began while another ran"
        self._seen = (status.next_ordinal, status.next_activity, status.activity)

    def _check_settled(self) -> None:
        world, status = self.world, self.world.status
        assert sum(i.ready and not i.ended for i in world.alive) == len(world.alive) == world.desired, status.message
        assert status.phase == "Ready", status.message
        assert status.activity is None or status.activity.ended_at is not None, "an activity never ends"
        assert not [name for name, record in world.records.items() if record.phase == "InProgress"], "an open record"
        assert len(world.records) <= world.spec.history_limit
        assert status.launch_backoff is None, "failures that are over are not forgotten"
        for pause in (0, 1, 601, 90_000):
            world.advance(timedelta(seconds=pause))
            assert run_pass(world, self.process) is None, "a group at rest is written to"
            assert run_pass(world, PlayedOperator()) is None, "a group at rest is written to by a new process"


Event = Callable[[Chaos], None]

EVENTS: tuple[Event, ...] = (
    *(Chaos._time,) * 12,
    *(Chaos._size,) * 5,
    *(Chaos._kill,) * 3,
    *(Chaos._late,) * 3,
    *(Chaos._mend,) * 2,
    *(Chaos._accept,) * 3,
    Chaos._place,
    Chaos._rules,
    Chaos._suspend,
    Chaos._switch,
    Chaos._configuration,
    Chaos._configuration,
    Chaos._delete,
    Chaos._annotate,
    Chaos._sicken,
    Chaos._break,
    Chaos._refuse,
    Chaos._nothing_more_arrives,
)
