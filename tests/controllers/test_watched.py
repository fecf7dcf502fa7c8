"""What watches show: who has a group looked at, who may have lost its label; and how often the guard is looked for."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.controllers.hands import KEY
from tests.controllers.runtimes import nobody_waits
from tests.engine.manual_clock import ManualClock
from tests.worlds import GROUP_UID, instance
from windlass.cluster.client import Client
from windlass.cluster.errors import ApiError, Invalid, Refused, RefusedBy, Transient
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.deletion_guard import DeletionWarning
from windlass.engine.expectations import Expectations
from windlass.engine.own_stores import OwnStores
from windlass.engine.queue import Key
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.view import Revision


def pod(name: str = "web-0", **fields: Any) -> Instance:
    return replace(instance(name), **fields)


class Queued:
    """Caches, and whom they had looked at."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, bool]] = []
        self.expectations = Expectations(ManualClock())
        self.stores = OwnStores()
        self.caches = Caches(self.stores, cast("Client", None), self.expectations, self._add, None, lambda *_: None)
        meta = {"namespace": "default", "name": "web", "uid": GROUP_UID, "generation": 1, "resourceVersion": "1"}
        self.stores.observe("ScalingGroup", {"metadata": meta, "spec": {}}, deleted=False)
        self.keys.clear()

    def _add(self, key: Key, *, at_once: bool = False) -> None:
        self.keys.append((key.name, at_once))


SHOWN: dict[str, tuple[Instance | None, Instance | None, int, bool]] = {
    # before, now, how often the group is looked at, whether the old one may have lost its label
    "a new one": (None, pod(), 1, False),
    "a changed one": (pod(), pod(resource_version="8"), 1, False),
    "one that goes": (pod(), pod(removing=True), 1, False),
    "one that has gone": (pod(removing=True), None, 1, False),
    "one that is seen no more": (pod(), None, 1, True),
    "one that lost its owner": (pod(), pod(group="", orphan_of="web"), 2, False),
    "one that is nobody's now": (pod(), pod(group=""), 1, True),
    "another one of its name": (pod(), pod(uid="other"), 2, False),
    "an orphan": (None, pod(group="", orphan_of="web"), 1, False),
    "a stranger": (None, pod(group=""), 0, False),
    "a stranger that goes": (pod(group=""), None, 0, False),
}


@pytest.mark.parametrize(("old", "new", "looks", "is_stray"), SHOWN.values(), ids=SHOWN)
def test_what_an_informer_shows_has_its_group_looked_at(
    old: Instance | None, new: Instance | None, looks: int, is_stray: bool
) -> None:
    queued = Queued()
    queued.caches._pod_changed(old, new)

    assert queued.keys == [("web", False)] * looks
    assert queued.caches.strays == ({KEY: {"web-0": "web-0-uid"}} if is_stray else {})


def test_one_that_was_asked_to_go_is_no_stray() -> None:
    queued = Queued()
    with queued.expectations.deleting(KEY, "web-0-uid"):
        pass
    queued.caches._pod_changed(pod(), None)

    assert queued.caches.strays == {}
    assert queued.keys == [("web", True)], "nothing else is awaited: at once"


def test_a_group_that_waits_is_looked_at_when_the_last_of_it_is_seen() -> None:
    queued = Queued()
    for name in ("web-1", "web-2"):
        with queued.expectations.creating(KEY, name):
            pass
    queued.caches._pod_changed(None, pod("web-1"))
    assert queued.keys == []
    queued.caches._pod_changed(None, pod("web-2"))
    assert queued.keys == [("web", True)]


# ---- how often the guard is looked for


class SleptError(Exception):
    """The warning sleeps."""


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (None, 600),
        (Refused("no", code=403, reason="Forbidden", by=RefusedBy.PERMISSIONS), 600),
        (Transient("no answer"), 60),
        (Invalid("odd", code=422, reason="Invalid"), 60),
    ],
    ids=["read", "refused", "no answer", "odd"],
)
def test_whether_deletions_are_guarded_is_looked_for_every_ten_minutes(error: ApiError | None, seconds: float) -> None:
    class Clock(ManualClock):
        async def sleep(self, seconds: float) -> None:
            raise SleptError(seconds)

    async def run() -> None:
        may_work = asyncio.Event()
        may_work.set()
        caches = Caches(
            OwnStores(), cast("Client", None), Expectations(ManualClock()), nobody_waits, None, lambda *_: None
        )
        warning = DeletionWarning(cast("Client", None), caches, cast("Any", None), Clock())

        async def look() -> None:
            if error is not None:
                raise error

        warning.look = look  # type: ignore[method-assign]
        await warning.run(may_work)

    with pytest.raises(SleptError, match=f"^{seconds}"):
        asyncio.run(run())


def test_a_revision_that_comes_or_goes_has_its_group_looked_at() -> None:
    kept = Revision("web-abc", 1, {}, namespace="default", group=GROUP_UID, uid="r")
    for old, new in ((None, kept), (kept, None)):
        queued = Queued()
        queued.caches._revision_changed(old, new)
        assert queued.keys == [("web", False)]
