"""Watches that lose what happened: single lines, or all since a version that is too old. Nothing may come of it."""

import asyncio
import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest

from hack.cluster import wait_until
from tests.cluster.audit import AuditLog
from tests.cluster.doors import collection
from tests.cluster.groups import CONTAINER, condition
from tests.faults.faults import Ends, edited, error_line, falls_silent, refused, watches
from tests.faults.oracle import Outcome, nothing_came_of_it, writes_nothing
from tests.faults.proxy import Request
from tests.faults.run import Run, settle
from windlass.cluster.client import Client
from windlass.cluster.config import load
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import PODS

EXPIRED = error_line(410, "Expired", "too old resource version")
EXPIRED_ANSWER = refused(410, "Expired", "too old resource version")
WAYS = ("a line", "all since a version: 410 in the stream", "all since a version: 410 in answer")
ANY = "*"  # of whatever name
SOON = "--resync-period=1"
# Too long for anything to be read anew within a test, but for what the API server says is too old.
LONG = "--resync-period=3600"


@dataclass
class Loss:
    """From when it is armed, the watches of a kind lose the lines of these types about the objects of these names, or
    of whatever name.

    If they lose more than single lines, then at the first of these: the watch ends there, and what was before is too
    old to begin another one at.
    """

    run: Run
    plural: str
    way: str = "a line"
    lost: list[tuple[str, str]] = field(default_factory=list)
    passed: int = 0  # objects that were heard of before it was armed
    _wanted: set[tuple[str, str]] = field(default_factory=set)
    _oldest: int = 0

    def __post_init__(self) -> None:
        asked = watches(self.plural)
        self.run.proxy.inject(EXPIRED_ANSWER, lambda it: asked(it) and self._is_too_old(it), None)
        self.run.proxy.inject(edited(self._edit), asked, None)

    def arm(self, name: str, *types: str) -> None:
        self._wanted |= {(each, name) for each in types}

    def wait_until_watched(self) -> None:
        asked = watches(self.plural)
        wait_until(lambda: any(asked(each) for each in self.run.proxy.seen), 20, f"the watch of {self.plural}")

    def _edit(self, line: bytes) -> bytes | None:
        self.passed += not self._wanted and b'"type":"ADDED"' in line
        if not self._wanted or not line:
            return line
        event = json.loads(line)
        found = (event["type"], event["object"]["metadata"].get("name", ""))
        if not self._wanted & {found, (event["type"], ANY)}:
            return line
        self.lost.append(found)
        if self.way == "a line":
            return None
        self._wanted.clear()
        self._oldest = int(event["object"]["metadata"]["resourceVersion"])
        raise Ends(b"" if self.way.endswith("answer") else EXPIRED)

    def _is_too_old(self, request: Request) -> bool:
        asked_for = parse_qs(urlsplit(request.target).query).get("resourceVersion", [str(self._oldest)])
        return int(asked_for[0]) < self._oldest


def period(way: str) -> str:
    """Single lines are made up for when everything is read again, all else at once."""
    return SOON if way == "a line" else LONG


# ---- instances and revisions


@pytest.mark.parametrize("way", WAYS)
def test_an_instance_that_went_unheard_is_replaced(run: Run, way: str) -> None:
    pods = Loss(run, "pods", way)
    run.start(period(way))
    web = run.groups.create(desired=3)
    settle(web, 3)
    pods.arm("web-0", "MODIFIED", "DELETED")
    web.kill("web-0")
    run.groups.pods.wait_for("web-3 in its place", lambda now: "web-3" in now)
    settle(web, 3)
    assert pods.lost
    assert ("DELETED", "web-0") in pods.lost or way != "a line"
    nothing_came_of_it(run, Outcome(web, size=3, created=4), quiet=way == "a line")


@pytest.mark.parametrize(
    ("way", "types"),
    [
        (WAYS[0], ("ADDED",)),
        (WAYS[0], ("MODIFIED",)),
        (WAYS[0], ("ADDED", "MODIFIED")),
        (WAYS[1], ("ADDED",)),
        (WAYS[2], ("MODIFIED",)),
    ],
)
def test_instances_of_which_nothing_was_heard_are_not_launched_again(
    run: Run, way: str, types: tuple[str, ...]
) -> None:
    pods = Loss(run, "pods", way)
    pods.arm("web-1", *types)
    run.start(period(way))
    web = run.groups.create(desired=3)
    settle(web, 3)
    assert pods.lost
    nothing_came_of_it(run, Outcome(web, size=3, created=3), quiet=way == "a line")


@pytest.mark.parametrize("way", WAYS[:2])
def test_a_revision_of_which_nothing_was_heard_is_not_kept_twice(run: Run, way: str) -> None:
    revisions = Loss(run, "controllerrevisions", way)
    run.start(period(way))
    web = run.groups.create(desired=0)
    wait_until(lambda: web.revisions and revisions.passed, 20, "the revision, and that it was heard of")
    revisions.arm(ANY, "ADDED", "MODIFIED")
    run.groups.configure("web", annotations={"changed": "yes"})
    wait_until(lambda: len(web.revisions) == 2, 20, "another revision")
    (newest,) = (name for name, each in web.revisions.items() if each["revision"] == 2)
    web.change(desiredSize=2)
    settle(web, 2)
    assert ("ADDED", newest) in revisions.lost
    nothing_came_of_it(run, Outcome(web, size=2, created=2), quiet=way == "a line")


# ---- our own kinds


@pytest.mark.parametrize("way", WAYS)
def test_a_group_of_which_nothing_was_heard_is_launched(run: Run, way: str) -> None:
    groups = Loss(run, "scalinggroups", way)
    run.start(period(way))
    groups.wait_until_watched()
    groups.arm("web", "ADDED")
    web = run.groups.create(desired=3)
    settle(web, 3)
    assert groups.lost == [("ADDED", "web")]
    nothing_came_of_it(run, Outcome(web, size=3, created=3), quiet=way == "a line")


@pytest.mark.parametrize("way", WAYS)
def test_a_change_of_a_group_that_was_lost_is_made_up_for(run: Run, way: str) -> None:
    groups = Loss(run, "scalinggroups", way)
    run.start(period(way))
    web = run.groups.create(desired=3)
    settle(web, 3)
    groups.arm("web", "MODIFIED")
    web.change(desiredSize=1)
    settle(web, 1)
    assert ("MODIFIED", "web") in groups.lost
    nothing_came_of_it(run, Outcome(web, size=1, created=3, deleted=2, most=3), quiet=way == "a line")


@pytest.mark.parametrize("way", WAYS)
def test_a_group_that_went_unheard_is_not_acted_for_and_is_forgotten(run: Run, way: str) -> None:
    groups = Loss(run, "scalinggroups", way)
    process = run.start(SOON, ready=True)
    web = run.groups.create(desired=3, deletionPolicy="Force")
    settle(web, 3)
    wait_until(lambda: 'group="web"' in process.get("/metrics")[1], 20, "its metrics")
    audit = AuditLog(run.groups.cluster, run.groups.namespace)
    groups.arm("web", "MODIFIED", "DELETED")
    web.delete()
    run.groups.pods.wait_for("the end of its Pods", lambda now: not now)
    wait_until(lambda: 'group="web"' not in process.get("/metrics")[1], 20, "the end of its metrics")
    writes_nothing(run)
    assert [asked for asked in audit.writes() if (asked.verb, asked.what) == ("create", "pods")] == []
    assert groups.lost
    assert "Traceback" not in process.log


@pytest.mark.parametrize("way", WAYS)
def test_a_group_created_again_unheard_is_another_one(run: Run, way: str) -> None:
    groups = Loss(run, "scalinggroups", way)
    run.start(SOON, ready=True)
    web = run.groups.create(desired=3, deletionPolicy="Force")
    settle(web, 3)
    former = web.body["metadata"]["uid"]
    groups.arm("web", "MODIFIED", "DELETED", "ADDED")
    web.delete()
    run.groups.seen.wait_for("its end", lambda now: "web" not in now)
    again = run.groups.create(desired=2)
    settle(again, 2, 40)
    owners = {pod["metadata"]["ownerReferences"][0]["uid"] for pod in again.pods.values()}
    assert owners == {again.body["metadata"]["uid"]} != {former}
    run.groups.pods.wait_for("the end of the former's Pods", lambda now: len(now) == 2)
    writes_nothing(run)
    assert groups.lost


@pytest.mark.parametrize("way", WAYS[:2])
def test_a_configuration_that_was_changed_unheard_is_taken_up(run: Run, way: str) -> None:
    configurations = Loss(run, "scalingconfigurations", way)
    run.start(period(way))
    web = run.groups.create(desired=2)
    settle(web, 2)
    configurations.arm("web", "MODIFIED")
    run.groups.configure("web", annotations={"changed": "yes"})
    wait_until(lambda: len(web.revisions) == 2, 20, "its revision")
    assert configurations.lost == [("MODIFIED", "web")]
    assert "Traceback" not in run.processes[0].log


def test_a_configuration_that_was_created_unheard_is_found(run: Run) -> None:
    configurations = Loss(run, "scalingconfigurations")
    run.start(SOON)
    configurations.wait_until_watched()
    configurations.arm("later", "ADDED")
    web = run.groups.create(desired=2, configuration={"scalingConfiguration": "later"})
    web.wait_for_message("ScalingConfiguration later does not exist: create it")
    run.groups.configure("later")
    settle(web, 2)
    assert configurations.lost == [("ADDED", "later")]
    nothing_came_of_it(run, Outcome(web, size=2, created=2))


@pytest.mark.parametrize("way", WAYS[:2])
def test_a_configuration_that_went_unheard_does_not_live_on(run: Run, way: str) -> None:
    configurations = Loss(run, "scalingconfigurations", way)
    run.start(SOON, ready=True)
    web = run.groups.create(desired=2)
    settle(web, 2)
    configurations.arm("web", "MODIFIED", "DELETED")
    run.groups.unconfigure("web")
    web.wait_for("stalled", lambda status: condition(status, "Stalled") == "True")
    assert configurations.lost
    assert len(web.pods) == 2


@pytest.mark.parametrize("way", WAYS[:2])
def test_a_record_that_went_unheard_does_not_live_on(run: Run, way: str) -> None:
    """One that did would be counted among those that are kept, and deleted in vain."""
    records = Loss(run, "scalingactivities", way)
    run.start(SOON, ready=True)
    web = run.groups.create(desired=1, historyLimit=2)
    settle(web, 1)
    web.change(desiredSize=2)
    settle(web, 2)
    records.arm("web-a1", "MODIFIED", "DELETED")
    run.groups.cluster.request("DELETE", f"{collection('ScalingActivity', run.groups.namespace)}/web-a1")
    wait_until(lambda: records.lost, 10, "the loss")
    writes_nothing(run)
    web.change(desiredSize=3)
    settle(web, 3)
    assert sorted(web.records) == ["web-a2", "web-a3"]
    assert deletions(run, "scalingactivities") == []
    nothing_came_of_it(run, Outcome(web, size=3, created=3))


def deletions(run: Run, what: str) -> list[str]:
    """Which objects of a kind the operator has tried to delete."""
    return [asked.name for asked in run.groups.audit.writes() if (asked.verb, asked.what) == ("delete", what)]


# ---- how watches begin and go on


@pytest.mark.parametrize(("code", "reason"), [(422, "Invalid"), (400, "BadRequest")])
def test_an_api_server_that_does_not_stream_lists_is_asked_for_them(run: Run, code: int, reason: str) -> None:
    no = refused(code, reason, "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
    run.proxy.inject(no, lambda request: "sendInitialEvents" in request.target, None)
    run.start(SOON)
    web = run.groups.create(desired=3)
    settle(web, 3)
    web.kill("web-0")
    run.groups.pods.wait_for("web-3 in its place", lambda now: "web-3" in now)
    settle(web, 3)
    nothing_came_of_it(run, Outcome(web, size=3, created=4))


@pytest.mark.parametrize("bookmarks", ["with bookmarks", "without bookmarks"])
def test_a_watch_that_falls_silent_is_begun_anew(run: Run, bookmarks: str) -> None:
    """Here after a second; the operator's patience is a minute and a half."""
    silent = threading.Event()
    if bookmarks == "without bookmarks":
        run.proxy.inject(edited(without_bookmarks), watches("pods"), None)
    else:
        run.proxy.inject(falls_silent(silent.is_set), watches("pods"))
    make_pod(run, "first")

    async def scenario() -> None:
        async with Client(load(str(run.kubeconfig)), user_agent="windlass/test") as client:
            pods = Informer(
                client, PODS, Pod, to_instance, namespaces=(run.groups.namespace,), silence=1.0, initial_silence=1.0
            )
            running = asyncio.create_task(pods.run())
            await pods.synced.wait()
            silent.set()
            await asyncio.to_thread(make_pod, run, "second")
            async with asyncio.timeout(20):
                while not all(pods.get(run.groups.namespace, name) for name in ("first", "second")):
                    await asyncio.sleep(0.02)
            begun = sum(watches("pods")(each) for each in run.proxy.seen)
            async with asyncio.timeout(20):
                while sum(watches("pods")(each) for each in run.proxy.seen) == begun:
                    await asyncio.sleep(0.02)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    asyncio.run(scenario())


def make_pod(run: Run, name: str) -> None:
    body = {"metadata": {"name": name}, "spec": {"containers": [CONTAINER]}}
    run.groups.cluster.request("POST", run.groups.path("pods"), body)


def without_bookmarks(line: bytes) -> bytes | None:
    return None if b'"BOOKMARK"' in line else line
