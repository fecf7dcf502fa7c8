"""Whom the group releases of those that are seen no more, and how many requests that takes side by side."""

import asyncio
from typing import Any, cast

import pytest

from tests.controllers.hands import KEY
from tests.controllers.runtimes import nobody_waits
from tests.controllers.scripted import GONE, Api, refused
from tests.engine.manual_clock import ManualClock
from tests.worlds import GROUP, GROUP_UID
from windlass.api.common import GROUP_LABEL, owner_reference
from windlass.cluster.client import Client
from windlass.cluster.errors import Transient
from windlass.controllers.scaling_group.caches import MOST_STRAYS, Caches
from windlass.controllers.scaling_group.release import SIDE_BY_SIDE, release_strays
from windlass.engine.expectations import Expectations
from windlass.engine.own_stores import OwnStores


def with_strays(api: Api, count: int = 1) -> Caches:
    caches = Caches(OwnStores(), cast("Client", api), Expectations(ManualClock()), nobody_waits, None, lambda *_: None)
    caches.strays[KEY] = {f"web-{n}": f"uid-{n}" for n in range(count)}
    return caches


@pytest.mark.parametrize("count", [31, 32, 33, 70])
def test_strays_are_looked_at_32_at_a_time(count: int) -> None:
    api = Api(lambda verb, name: GONE)
    caches = with_strays(api, count)
    released = release(api, caches)

    assert (SIDE_BY_SIDE, MOST_STRAYS) == (32, 10_000)
    assert (released, KEY in caches.strays) == ([], False)
    assert len(api.asked) == count
    assert api.most_in_flight == min(count, 32)


def release(api: Api, caches: Caches) -> list[str]:
    return asyncio.run(release_strays(cast("Client", api), caches, KEY, GROUP_UID))


def stray(**metadata: Any) -> dict[str, Any]:
    owners = [owner_reference("ScalingGroup", GROUP, GROUP_UID)]
    return {"metadata": {"uid": "uid-0", "resourceVersion": "3", "labels": {}, "ownerReferences": owners} | metadata}


OTHER = owner_reference("ScalingGroup", "other", "other-uid")
STRAYS: dict[str, tuple[dict[str, Any], bool]] = {
    "without the label": (stray(), True),
    "of another group's label": (stray(labels={GROUP_LABEL: "other"}), True),
    "without any labels": (stray(labels=None), True),
    "with the label": (stray(labels={GROUP_LABEL: GROUP}), False),
    "another one of its name": (stray(uid="uid-9"), False),
    "going": (stray(deletionTimestamp="2026-01-15T12:00:00Z"), False),
    "not the group's": (stray(ownerReferences=[OTHER]), False),
    "nobody's": (stray(ownerReferences=None), False),
}


@pytest.mark.parametrize(("body", "goes"), STRAYS.values(), ids=STRAYS)
def test_only_what_is_still_owned_and_bears_no_label_is_released(body: dict[str, Any], goes: bool) -> None:
    api = Api(lambda verb, name: body)
    caches = with_strays(api)

    assert release(api, caches) == (["web-0"] if goes else [])
    assert len(api.bodies) == goes


def test_other_owners_of_what_is_released_stay() -> None:
    owners = [owner_reference("ScalingGroup", GROUP, GROUP_UID), OTHER]
    api = Api(lambda verb, name: stray(ownerReferences=owners))
    caches = with_strays(api)
    release(api, caches)

    assert api.bodies == [{"metadata": {"uid": "uid-0", "resourceVersion": "3", "ownerReferences": [OTHER]}}]


def test_one_that_may_not_be_released_is_told_and_not_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    api = Api(lambda verb, name: stray() if verb == "get" else refused("not this one"))
    caches = with_strays(api)

    assert release(api, caches) == []
    assert KEY not in caches.strays
    assert [record.getMessage() for record in caplog.records] == [
        "not this one; it stays owned by the group that does not see it"
    ]


def test_one_that_cannot_be_looked_at_for_now_is_looked_at_again() -> None:
    api = Api(lambda verb, name: Transient("no", code=429))
    caches = with_strays(api)

    with pytest.raises(Transient):
        release(api, caches)
    assert caches.strays[KEY] == {"web-0": "uid-0"}
