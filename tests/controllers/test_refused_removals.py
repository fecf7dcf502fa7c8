"""Tries to remove instances some of which the API server keeps: the others go, in no more tries than that takes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from tests.controllers.hands import hands, only
from tests.worlds import GROUP, GROUP_UID, activity, ago, fleet, group, steps_of_kind, view
from windlass.cluster.client import Client
from windlass.cluster.errors import Refused, RefusedBy
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.planner.capacity.steps import Remove
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group


@dataclass
class Keeping:
    """An API server that deletes Pods but for those that it keeps."""

    keeps: Callable[[int], bool]
    gone: set[str] = field(default_factory=set)
    asked: int = 0

    async def delete(self, _resource: object, _namespace: str, name: str, **_: object) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.keeps(int(name.removeprefix(f"{GROUP}-"))):
            raise Refused(f"deleting Pod default/{name}: it stays", code=403, reason="Forbidden", by=RefusedBy.POLICY)
        self.gone.add(name)


@dataclass
class Shrinking:
    """A group that is to have no instance, try after try; the pauses between them are over at once."""

    size: int
    api: Keeping
    in_memory: InMemoryState = field(
        default_factory=lambda: InMemoryState(uid=GROUP_UID, look_live=False, removals_in_doubt=False)
    )
    pauses: list[int] = field(default_factory=list)

    def seen(self) -> GroupView:
        there = tuple(each for each in fleet(self.size) if each.name not in self.api.gone)
        pause = replace(self.in_memory.removal_pause[1], retry_at=ago("1s")) if self.in_memory.removal_pause else None
        running = activity("ScaleIn", from_=self.size, to=0)
        doubt = self.in_memory.removals_in_doubt
        return view(group(0, max_size=10_000), there, activity=running, removal_pause=pause, removals_in_doubt=doubt)

    def try_once(self) -> None:
        seen = self.seen()
        steps, _ = hands(cast("Client", self.api), seen, self.in_memory)
        asyncio.run(steps.carry_out(only(seen, *steps_of_kind(plan_group(seen), Remove))))
        if self.in_memory.removal_pause is not None:
            self.pauses.append(self.in_memory.removal_pause[1].failures)


KEPT: dict[str, tuple[int, Callable[[int], bool], int]] = {
    "one of three batches": (3000, lambda number: number == 2999, 4),
    "twelve of a hundred": (100, lambda number: number >= 88, 2),
    "half of a hundred": (100, lambda number: number % 2 == 1, 4),
}


@pytest.mark.parametrize(("size", "keeps", "most"), KEPT.values(), ids=KEPT)
def test_those_that_may_go_go_whoever_is_kept(size: int, keeps: Callable[[int], bool], most: int) -> None:
    shrinking = Shrinking(size, Keeping(keeps))
    may_go = size - sum(map(keeps, range(size)))
    while len(shrinking.api.gone) < may_go:
        shrinking.try_once()
        assert len(shrinking.pauses) <= most
    assert set(shrinking.pauses) == {1}, "the pauses grow although some went"


def test_where_all_are_kept_the_pauses_grow_and_few_are_asked_for() -> None:
    shrinking = Shrinking(500, Keeping(lambda _: True))
    for _ in range(4):
        shrinking.try_once()
    assert shrinking.pauses == [1, 2, 3, 4]
    assert shrinking.api.asked <= 4 * 40


def test_a_removal_that_was_refused_or_not_asked_for_settles_no_doubt() -> None:
    shrinking = Shrinking(100, Keeping(lambda _: True))
    shrinking.in_memory.removals_in_doubt = True
    shrinking.try_once()
    assert shrinking.in_memory.removals_in_doubt
    shrinking.api.keeps = lambda _: False
    shrinking.try_once()
    assert not shrinking.in_memory.removals_in_doubt
