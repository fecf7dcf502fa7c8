"""A container group in a world in which anything may happen, an operator that crashes, and what must hold."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from tests.container_groups import SMALL, container, spec
from tests.contract import contract_broken
from windlass.api.container_group import ContainerGroupSpec, Disruption, Phase, UpdateResult
from windlass.planner.containergroup.ladder import allows
from windlass.planner.containergroup.pod import changes_of
from windlass.planner.containergroup.presence import NODE_LOST
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.steps import CreatePod, DeletePod, PatchPod, Resize
from windlass.planner.containergroup.view import Resizing
from windlass.simulate.container_groups import (
    PLENTY,
    ContainerGroupWorld,
    Course,
    PlayedProcess,
    Write,
    play,
    run_pass,
)
from windlass.simulate.world import ConflictError

SPANS = (0.5, 1, 1.5, 3, 9, 12, 31, 70, 190, 301, 700)  # seconds: on all sides of every limit
ROOMS = ("1Gi", "1536Mi", "2Gi", "64Gi")
NAMES = ("web", "log", "side")


class CrashError(Exception):
    """The operator's process ends here."""


@dataclass(slots=True)
class Chaos:
    """Plays one seed."""

    dice: Random
    world: ContainerGroupWorld = field(init=False)
    process: PlayedProcess = field(default_factory=PlayedProcess)
    log: list[str] = field(default_factory=list)
    _restarts: int = 0
    _patched: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        courses = {
            f"{name}:{number}": self._course() for name in NAMES for number in range(1, 5) if self.dice.random() < 0.4
        }
        self.world = ContainerGroupWorld(
            self._spec(), courses=courses, shrinks=self.dice.random() < 0.7, registries={"a": "1", "b": "1"}
        )

    def _course(self) -> Course:
        crashes = timedelta(seconds=self.dice.choice((1, 3, 14)))
        return self.dice.choice(
            (Course(crashes=crashes), Course(ready=None), Course(ready=timedelta(seconds=40)), Course(pulled=False))
        )

    def _spec(self) -> ContainerGroupSpec:
        dice = self.dice
        containers = {name: self._container(name) for name in NAMES[: dice.choice((1, 2, 2, 2, 3))]}
        wanted: dict[str, Any] = {
            "tags": [{"key": "a", "value": dice.choice("xyz")}] if dice.random() < 0.7 else [],
            "imageRegistryCredentials": [{"secretName": each} for each in dice.choice(("", "a", "b", "ab"))],
            "update": {
                "mostDisruptiveAllowed": dice.choice([*Disruption, Disruption.RECREATE, Disruption.RECREATE]),
                "deadlineSeconds": dice.choice((60, 300)),
            },
        }
        if dice.random() < 0.2:
            wanted["dnsConfig"] = {"searches": ["a.test"]}
        return spec(*containers.values(), **wanted)

    def _container(self, name: str) -> dict[str, Any]:
        memory, arguments = self.dice.choice(("256Mi", "512Mi", "1Gi")), {"args": ["-v"]}
        more = arguments if self.dice.random() < 0.15 else {}
        return container(name, f"{name}:{self.dice.randint(1, 4)}", resources=SMALL | {"memory": memory}, **more)

    def _next_spec(self) -> ContainerGroupSpec:
        """Another spec, or the same but for one or two fields."""
        dice = self.dice
        if dice.random() < 0.2:
            return self._spec()
        now = self.world.spec.model_dump(by_alias=True, exclude_none=True)
        for _ in range(dice.choice((1, 1, 2))):
            other = self._container(dice.choice(now["containers"])["name"])
            mine = next(each for each in now["containers"] if each["name"] == other["name"])
            match dice.randrange(6):
                case 0 | 1:
                    mine["image"] = other["image"]
                case 2 | 3:
                    mine["resources"] = other["resources"]
                case 4:
                    now["tags"] = [{"key": dice.choice("ab"), "value": dice.choice("xyz")}]
                case _:
                    now["update"] = {"mostDisruptiveAllowed": dice.choice(list(Disruption)), "deadlineSeconds": 300}
        return ContainerGroupSpec.model_validate(now)

    # ---- playing

    def play(self, steps: int) -> None:
        """So many random steps, each with what the operator does about it."""
        for _ in range(steps):
            event = self.dice.choice(EVENTS)
            self.log.append(f"{self.world.now:%d %H:%M:%S} {event.__name__[1:]}")
            event(self)
            self._look()
            for _ in range(self.dice.choice((0, 1, 1, 2, 4))):
                self.operate()

    def operate(self) -> None:
        """One pass, which may meet a change of the group, or crash before any of its writes."""
        crash_at = self.dice.randrange(4) if self.dice.random() < 0.15 else -1
        done = 0

        def before(write: Write) -> None:
            nonlocal done
            if done == crash_at:
                raise CrashError
            if self.dice.random() < 0.03:
                self._edit()
            done += 1
            self._judge(write)

        try:
            run_pass(self.world, self.process, before=before)
        except ConflictError:
            self.log.append("    conflict")
        except CrashError:
            self.log.append("    crash")
            self.process = PlayedProcess()
        self._look()

    def calm(self) -> None:
        """Troubles stop and nobody asks for anything more: an update that runs ends, and the group comes to rest."""
        world = self.world
        self.log.append(f"{world.now:%d %H:%M:%S} calm")
        world.refusing, world.room, world.free = None, PLENTY, PLENTY
        world.registries |= {"a": "9", "b": "9"}
        world.find_node()
        self._rest()
        assert world.status.phase in {Phase.PENDING, Phase.RUNNING}, f"it ends: {world.status.phase}"
        assert world.pod is not None
        last = world.status.last_update
        if not self._changes():
            assert last is None or last.result is not None
        # And whatever state it was left in, a good spec with no ceiling is applied.
        world.courses = {}
        world.change(spec(container(image="web:9"), container("log", "log:9")))
        self._rest()
        assert (world.status.phase, world.status.message) == (Phase.RUNNING, "2 containers as asked"), world.status
        assert world.status.last_update is not None
        assert world.status.last_update.result is UpdateResult.SUCCESSFUL
        assert set(world.copies) == set()

    def _rest(self) -> None:
        until = self.world.now + timedelta(hours=1)
        for plan in play(self.world, self.process, until=until, before=self._judge):
            self.log.append(f"    {self.world.now:%H:%M:%S} {plan.status.phase} {plan.status.message}")
            self._look()

    # ---- what happens

    def _time(self) -> None:
        self.world.advance(timedelta(seconds=self.dice.choice(SPANS)))

    def _attend(self) -> None:
        """An operator that is awake, for a while."""
        for _ in range(self.dice.choice((3, 15, 30))):
            self.operate()
            self.world.advance(timedelta(seconds=1))

    def _edit(self) -> None:
        """As the door lets it: only while pending or running."""
        if self.world.status.phase in {"", Phase.PENDING, Phase.RUNNING}:
            self.world.change(self._next_spec())

    def _delete(self) -> None:
        self.world.delete_pod()

    def _evict(self) -> None:
        self.world.evict()

    def _lose_node(self) -> None:
        self.world.lose_node(gone=self.dice.random() < 0.3)

    def _find_node(self) -> None:
        self.world.find_node()

    def _node_room(self) -> None:
        self.world.room = Sizes.read("64", self.dice.choice(ROOMS))
        self.world.free = Sizes.read("64", self.dice.choice(ROOMS))

    def _refuse(self) -> None:
        self.world.refusing = None if self.world.refusing else "exceeded quota"

    def _secrets(self) -> None:
        name = self.dice.choice("ab")
        if self.dice.random() < 0.3:
            self.world.registries.pop(name, None)
        else:
            self.world.registries[name] = str(self.dice.randint(1, 9))

    def _crash(self) -> None:
        self.process = PlayedProcess()

    # ---- what must hold

    def _changes(self) -> bool:
        view = self.world.view(self.process)
        return view.pod is not None and bool(changes_of(view.group, view.pod))

    def _judge(self, write: Write) -> None:
        """Of each write, at the moment at which it is done."""
        world, step, last = self.world, write.step, self.world.status.last_update
        self.log.append(f"    {write.what}")
        if isinstance(step, CreatePod):
            assert world.pod is None, "never two Pods"
            assert world.status.observed_generation == world.generation or self._raced(), "what is made was told before"
        if not isinstance(step, DeletePod | PatchPod | Resize) or world.pod is None or world.pod.uid != step.uid:
            return
        updating = world.status.phase == Phase.UPDATING and last is not None and last.result is None
        if isinstance(step, DeletePod):
            silent = world.silent_since is not None and world.now >= world.silent_since + NODE_LOST
            assert not step.force or world.node_gone or silent, "only a lost node is not waited for"
            if world.node_gone or silent or world.pod.evicted:
                return
            assert updating, "a good Pod is deleted by an update alone"
            assert last is not None
            assert last.disruption is Disruption.RECREATE, "written before it is done"
            assert self._raced() or self._allowed(Disruption.RECREATE), "not above the ceiling"
        elif isinstance(step, PatchPod):
            assert updating, "a Pod is patched by an update alone"
            assert last is not None
            assert set(step.images) <= set(last.restarted_containers), "only what was told is started again"
            self._patched |= {(step.uid, name) for name in step.images}
            needed = Disruption.RESTART_CONTAINER if step.images else Disruption.METADATA
            assert self._raced() or self._allowed(needed), "not above the ceiling"
            assert world.pod.resizing is Resizing.NONE, "nothing is done where a size is not to be had"
        elif updating:
            assert self._raced() or self._allowed(Disruption.RESIZE), "not above the ceiling"
        else:
            assert last is not None
            assert last.result is UpdateResult.FAILED, "only what has failed is taken back"

    def _raced(self) -> bool:
        """Whether somebody has edited the group since its status was written."""
        return self.world.status.observed_generation != self.world.generation

    def _allowed(self, disruption: Disruption) -> bool:
        return allows(self.world.spec.update.most_disruptive_allowed, disruption)

    def _look(self) -> None:
        """Of the world, after each write and each event."""
        world = self.world
        last = world.status.last_update
        if world.status.conditions:
            assert contract_broken(world.status.conditions, world.generation) is None
        for restart in world.restarts[self._restarts :]:
            if restart.cause == "image":
                assert (restart.pod, restart.container) in self._patched, f"{restart.container} need not restart"
        self._restarts = len(world.restarts)
        if (
            last is not None
            and last.result is UpdateResult.SUCCESSFUL
            and not self._raced()
            and world.status.phase == Phase.RUNNING
        ):
            assert not self._changes(), "what was successful is as asked"


EVENTS = (
    *(Chaos._time,) * 5,
    *(Chaos._attend,) * 7,
    *(Chaos._edit,) * 5,
    Chaos._delete,
    Chaos._evict,
    Chaos._lose_node,
    Chaos._find_node,
    Chaos._find_node,
    Chaos._node_room,
    Chaos._node_room,
    Chaos._refuse,
    Chaos._secrets,
    Chaos._crash,
)
