"""The same chaos for an operator whose informer is behind, and for instances that never go.

What the informer shows is a state that was, and it only goes forward. The rules of the engine decide what may be done
on it: a pass that wrote is followed by none until its writes are shown (30 s at most, then everything is read live);
after a surprise, a lost answer or a start, the next pass that acts reads live first; removals name the version they
were decided on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.sim.chaos import Chaos, LossyWorld
from tests.sim.troubles import Chance
from windlass.engine.expectations import LIMIT
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import Launch, Remove, Step
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group
from windlass.simulate.kubelet import Life
from windlass.simulate.world import PlayedOperator

NEVER = timedelta(days=3650)
Instances = Mapping[str, Instance]


@dataclass(slots=True)
class Informed(PlayedOperator):
    """A process with an informer and what it still expects of it."""

    shown: int = 0  # which of the states that were
    look_live: bool = True
    removals_in_doubt: bool = True
    created: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    since: datetime | None = None

    @property
    def satisfied(self) -> bool:
        return not self.created and not self.removed

    def expects(self, now: datetime, created: Iterable[str] = (), removed: Iterable[str] = ()) -> None:
        self.created.update(created)
        self.removed.update(removed)
        self.since = now

    def sees(self, instances: Instances) -> None:
        """The informer shows one more state."""
        self.created -= instances.keys()
        staying = {instance.uid for instance in instances.values() if not instance.removing}
        self.removed &= staying


class RememberedWorld(LossyWorld):
    """A world that keeps every state of its instances; each that differs has another version.

    `fresh`: informers show at once what is so.
    """

    def __init__(self, random: Random, **fields: Any) -> None:
        super().__init__(random, **fields)
        self.states: list[Instances] = [{}]
        self.acting: Informed | None = None
        self.fresh = False
        self._versions = 1

    def remember(self) -> None:
        """What is so now is a state that informers will come to see."""
        last = self.states[-1]
        for name, instance in self.instances.items():
            before = last.get(name)
            if before is None or replace(instance, resource_version=before.resource_version) != before:
                self._versions += 1
                self.instances[name] = replace(instance, resource_version=str(self._versions))
        if self.instances != last:
            self.states.append(dict(self.instances))

    def view(self, process: PlayedOperator) -> GroupView:
        view = super().view(process)
        return replace(view, instances=tuple(self.seen_by(process).values())) if isinstance(process, Informed) else view

    def seen_by(self, process: Informed) -> Instances:
        if self.fresh:
            self.remember()
        return self.instances if self.fresh else self.states[process.shown]

    def next_change(self) -> datetime | None:
        change = super().next_change()
        return None if change is None or change > self.now + NEVER / 2 else change

    def look(self, process: Informed) -> None:
        """Read live."""
        self.remember()
        process.shown = len(self.states) - 1
        process.created.clear()
        process.removed.clear()
        process.look_live = False

    def _launch(self, step: Launch, process: PlayedOperator | None) -> None:
        lost = len(self.lost)
        super()._launch(step, process)
        self.remember()
        if not isinstance(process, Informed):
            return
        if len(self.lost) > lost:
            process.look_live = True
        if len(self.lost) > lost or step.name in self.instances:
            process.expects(self.now, created=[step.name] if step.name not in self.seen_by(process) else [])

    def _remove(self, step: Remove) -> None:
        super()._remove(step)
        self.remember()
        if self.acting is None:
            return
        there = self.instances.get(step.name)
        if there is not None and there.uid == step.uid and there.removing:
            self.acting.expects(self.now, removed=[step.uid])
        else:
            self.acting.look_live = True


class NeverGone(Chance):
    """Some do not go when they are deleted: somebody's finalizer keeps them."""

    def life_of(self, name: str, zone: str | None) -> Life:
        life = super().life_of(name, zone)
        return replace(life, dies_slowly=NEVER) if self.random.random() < 0.1 else life


class OldViews(Chaos):
    """Plays one seed on views that are old."""

    world: RememberedWorld
    process: Informed

    def __post_init__(self) -> None:
        self.late_removals: list[Remove] = []
        super().__post_init__()

    def operate(self) -> None:
        self.world.remember()
        if self.late_removals and self.random.random() < 0.3:
            self._remove_late(self.late_removals.pop(self.random.randrange(len(self.late_removals))))
        if not self._may_pass():
            self.log.append("    waits for its informer")
            return
        self.world.acting = self.process
        super().operate()
        self.world.acting = None

    def _unseen(self) -> int:
        shown = self.world.seen_by(self.process)
        return sum(instance.name not in shown for instance in self.world.alive)

    def _may_pass(self) -> bool:
        process = self.process
        self._catch_up(process)
        if not process.satisfied:
            overdue = process.since is not None and self.world.now >= process.since + LIMIT
            if not (process.look_live or overdue):
                return False
            self.world.look(process)
        if process.look_live and plan_group(self.world.view(process)).acts:
            self.world.look(process)
        return True

    def _catch_up(self, process: Informed) -> None:
        last = len(self.world.states) - 1
        upto = self.random.choice((process.shown, self.random.randint(process.shown, last), last))
        for number in range(process.shown + 1, upto + 1):
            process.sees(self.world.states[number])
        process.shown = upto

    def calm(self) -> None:
        self.late_removals.clear()
        self.world.acting, self.world.fresh = None, True
        super().calm()
        self.world.fresh = False
        self.world.look(self.process)

    def _crash(self, unsent: Sequence[Step]) -> None:
        activity = self.world.status.activity
        leaving = activity.leaving if activity else ()
        self.late_removals += [
            step for step in unsent if isinstance(step, Remove) and step.name in leaving and self.random.random() < 0.7
        ]
        super()._crash(unsent)

    def _remove_late(self, step: Remove) -> None:
        """A removal of a process that is gone: once another one has acted, it may take nobody who stays."""
        self.log.append(f"    late: remove {step.name}")
        alive = len(self.world.alive)
        self.world.acting = None
        self.world._remove(step)
        assert self.process.removals_in_doubt or len(self.world.alive) == alive, f"{step.name} was to stay"

    def _new_world(self, **fields: Any) -> RememberedWorld:
        return RememberedWorld(self.random, **fields)

    def _new_process(self) -> Informed:
        return Informed(shown=len(self.world.states) - 1)

    def _fate(self) -> Chance:
        return NeverGone(self.random, trouble=self.random.choice((0.0, 0.2, 0.6)))
