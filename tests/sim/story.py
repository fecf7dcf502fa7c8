"""A scenario that is played and written down, one line for each write: when, what, why."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.contract import contract_broken
from tests.golden import matches_golden
from tests.worlds import span
from windlass.api.common import rfc3339
from windlass.api.scaling_group import ConfigurationSource, ScalingGroupSpec
from windlass.planner.capacity.steps import Record
from windlass.simulate.kubelet import Change, Life
from windlass.simulate.play import play
from windlass.simulate.world import PlayedOperator, World, Write

GOLDEN = Path(__file__).parent / "golden"


class Named:
    """Fates by name; all others live as `other` says."""

    def __init__(
        self,
        lives: dict[str, Life] | None = None,
        other: Life | None = None,
        changes: dict[str, Change] | None = None,
    ) -> None:
        self.lives, self.other = lives or {}, other or Life()
        self.changes = changes or {}

    def life_of(self, name: str, zone: str | None) -> Life:
        return self.lives.get(name, self.other)

    def change_of(self, name: str) -> Change:
        return self.changes.get(name, Change())


class Story:
    """A world, one operator that never crashes, and what it wrote."""

    def __init__(self, desired: int, *, zones: tuple[str, ...] = (), **spec: Any) -> None:
        wanted = {"configuration": ConfigurationSource(scaling_configuration="web"), "zones": zones, "max_size": 100}
        self.world = World("web", ScalingGroupSpec.model_validate(wanted | {"desired_size": desired} | spec))
        self.process = PlayedOperator()
        self.lines: list[str] = []

    @property
    def in_service(self) -> int:
        return sum(instance.ready for instance in self.world.alive)

    @property
    def message(self) -> str:
        return self.world.status.message

    def say(self, text: str) -> None:
        """A line that tells the reader what happens from outside."""
        self.lines.append(f"-- {text}")

    def settle(self, limit: str = "1d") -> None:
        """Play until nothing changes any more, or for so long."""
        until = self.world.now + span(limit)
        for played in play(self.world, self.process, until=until):
            self.lines += [_line(self.world, write) for write in played.writes]
            self._check()

    def wait(self, time: str) -> None:
        """Play for so long."""
        until = self.world.now + span(time)
        self.settle(time)
        self.world.advance(max(timedelta(), until - self.world.now))

    def _check(self) -> None:
        status = self.world.status
        assert contract_broken(status.conditions, self.world.generation) is None
        if status.phase == "Ready":
            assert status.in_service == status.desired == len(self.world.alive)

    def told(self, name: str) -> bool:
        """Whether the story is the one that is kept."""
        return matches_golden(GOLDEN / f"{name}.log", self.lines)


def _line(world: World, write: Write) -> str:
    """When (since the world began, as hours), what, why."""
    when = rfc3339(world.now)[11:19]
    if write.step is None and write.what.startswith("refresh "):
        said = world.refreshes[write.what.partition(" ")[2]].status
        return f"{when} {write.what} {said.phase}: {said.message}"
    if write.step is None and write.what.startswith("update "):
        update = world.updates[write.what.partition(" ")[2]].status
        return f"{when} {write.what} {update.phase}: {update.message}"
    if write.step is None:
        return f"{when} {write.what} {world.status.phase}: {world.status.message}"
    told = (
        write.step.status.description or write.step.status.cause if isinstance(write.step, Record) else write.step.why
    )
    return f"{when} {write.what}: {told}"
