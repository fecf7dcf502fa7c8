"""A record on the API server: which version of it is written, and what becomes of it where that fails."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.controllers.hands import KEY
from tests.controllers.runtimes import nobody_waits
from tests.controllers.scripted import CHANGED, GONE, Answer, Api, refused
from tests.engine.manual_clock import ManualClock
from tests.worlds import GROUP, GROUP_UID, activity, view
from windlass.api.common import GROUP_LABEL, owner_reference, to_wire
from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, ApiError, Conflict, Gone, Invalid
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.controllers.scaling_group.records import Records
from windlass.engine.expectations import Expectations
from windlass.engine.own_stores import OwnStores
from windlass.planner.capacity.reasons import HistoryFull, RecordingActivity
from windlass.planner.capacity.records import record_of
from windlass.planner.capacity.steps import ForgetRecord, Record

NAME = "web-a1"
SAYS = record_of(activity(), GROUP, 0)
THERE = AlreadyExists("it is there", code=409, reason="AlreadyExists")


def body(version: str, status: Any = None) -> dict[str, Any]:
    meta = {"namespace": "default", "name": NAME, "uid": "record-uid", "resourceVersion": version}
    said = to_wire(SAYS) if status is None else status
    return {"metadata": meta, "spec": {"scalingGroup": GROUP}, "status": said}


class Scene:
    """What one pass does about a record; `known`: the version that a watch has shown, if any."""

    def __init__(self, answer: Answer, known: str | None = None) -> None:
        self.api = Api(answer)
        client = cast("Client", self.api)
        self.stores = OwnStores()
        self.caches = Caches(self.stores, client, Expectations(ManualClock()), nobody_waits, None, lambda *_: None)
        if known is not None:
            self.stores.observe("ScalingActivity", body(known), deleted=False)
        self.in_memory = InMemoryState(uid=GROUP_UID)
        self.records = Records(client, self.caches, KEY, view(), self.in_memory)

    def write(self, *, exists: bool) -> None:
        asyncio.run(self.records.write(Record(NAME, SAYS, exists, RecordingActivity(NAME))))

    def forget(self) -> None:
        asyncio.run(self.records.forget(ForgetRecord(NAME, HistoryFull(1))))

    @property
    def version(self) -> str | None:
        known = self.caches.records.get("default", NAME)
        return None if known is None else known.resource_version


def answers(**said: Any) -> Answer:
    return lambda verb, name: said[verb]


def listed(version: str) -> Any:
    return SimpleNamespace(items=[body(version)])


# ---- which version


def test_what_is_written_is_for_the_version_that_was_seen() -> None:
    scene = Scene(answers(patch=body("8")), known="7")
    scene.write(exists=True)

    assert scene.api.asked == [("patch", NAME)]
    assert scene.api.bodies == [{"status": to_wire(SAYS), "metadata": {"resourceVersion": "7"}}]
    assert (scene.version, scene.in_memory.record_refused) == ("8", None)


def test_a_record_that_is_made_is_written_as_it_was_made() -> None:
    scene = Scene(answers(create=body("3"), patch=body("4")))
    scene.write(exists=False)
    made, written = scene.api.bodies

    assert made["metadata"] == {
        "name": NAME,
        "labels": {GROUP_LABEL: GROUP},
        "ownerReferences": [owner_reference("ScalingGroup", GROUP, GROUP_UID)],
    }
    assert made["spec"] == {"scalingGroup": GROUP}
    assert written["metadata"] == {"resourceVersion": "3"}
    assert scene.version == "4"


def test_one_that_was_there_already_is_read_before_it_is_written() -> None:
    scene = Scene(answers(create=THERE, list=listed("5"), patch=body("6")))
    scene.write(exists=False)

    assert [verb for verb, _ in scene.api.asked] == ["create", "list", "patch"]
    assert scene.api.bodies[-1]["metadata"] == {"resourceVersion": "5"}


def test_one_that_is_there_and_is_not_the_groups_is_written_whatever_its_version() -> None:
    scene = Scene(answers(create=THERE, list=SimpleNamespace(items=[]), patch=body("6")))
    scene.write(exists=False)

    assert "metadata" not in scene.api.bodies[-1]


# ---- where it fails


def test_one_that_somebody_wrote_since_is_read_and_the_pass_is_tried_again() -> None:
    scene = Scene(answers(patch=CHANGED, list=listed("9")), known="7")
    with pytest.raises(Conflict):
        scene.write(exists=True)

    assert scene.version == "9"


def test_one_that_is_gone_is_written_anew_by_the_next_pass() -> None:
    scene = Scene(answers(patch=GONE), known="7")
    scene.write(exists=True)

    assert (scene.version, scene.in_memory.record_refused) == (None, None)


def test_where_nobody_knew_of_it_the_group_itself_may_be_gone() -> None:
    with pytest.raises(Gone):
        Scene(answers(create=GONE)).write(exists=False)


@pytest.mark.parametrize("error", [refused("no"), Invalid("no", code=422, reason="Invalid")])
@pytest.mark.parametrize("exists", [True, False])
def test_one_that_is_refused_holds_nothing_up(exists: bool, error: ApiError, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(answers(patch=error, create=error), known="7" if exists else None)
    scene.write(exists=exists)

    assert scene.in_memory.record_refused == NAME
    assert [record.getMessage() for record in caplog.records] == ["no; the group goes on without this record"]


def test_one_that_does_not_keep_what_was_written_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(answers(patch=body("8", {"phase": "Odd"})), known="7")
    scene.write(exists=True)

    assert (scene.in_memory.record_refused, scene.version) == (NAME, "8")
    assert "holds what no record does" in caplog.text


# ---- forgetting


@pytest.mark.parametrize("answer", [None, GONE], ids=["there", "gone"])
def test_one_that_is_forgotten_is_deleted_and_known_no_more(answer: Exception | None) -> None:
    scene = Scene(answers(delete=answer), known="7")
    scene.forget()

    assert scene.api.asked == [("delete", NAME)]
    assert scene.version is None
