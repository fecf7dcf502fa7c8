"""Rolling updates by the real controllers and loop, with the process ending at each of its requests in turn."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import pytest

from tests.controllers.processes import Asked, Crash, Process
from tests.controllers.small_cluster import SmallCluster
from windlass.api.common import UPDATE_ANNOTATION, UPDATE_LABEL
from windlass.cluster.container_exec import Ran
from windlass.cluster.errors import ApiError, Invalid, Transient
from windlass.planner.tasks import FINAL
from windlass.registry import controllers as all_controllers

SIZE = 4
NEXT_IMAGE = "web:2"
IMAGE = {"kind": "Image", "image": {"image": NEXT_IMAGE, "rollbackImage": "web:1"}}
SCRIPT = {"kind": "Script", "script": {"run": "migrate", "timeoutSeconds": 30}}
AGAIN = {"kind": "Script", "script": {"run": "migrate", "timeoutSeconds": 30, "idempotent": True}}
PACKAGE = {"kind": "Package", "package": {"name": "nginx", "version": "1.27", "source": "scripts"}}
WELL = Ran(0, "done")


class Containers:
    """What is run in the containers of the group, and what comes of it: `end` says, by the instance's name."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, tuple[str, ...]]] = []
        self.end: Callable[[str], Ran | ApiError] = lambda _: WELL

    def __call__(self, asked: Asked) -> Ran | ApiError:
        name = asked.path.split("/")[-2]
        self.ran.append((name, tuple(asked.body)))
        return self.end(name)

    @property
    def times(self) -> Counter[str]:
        """How often something was run in which instance."""
        return Counter(name for name, _ in self.ran)


class World:
    """A group whose instances are in service, and an update of it."""

    def __init__(self, small: SmallCluster, **spec: Any) -> None:
        self.small = small
        self.containers = Containers()
        small.update("u1", **spec)

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.small.updates["u1"].get("status") or {}
        return found

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Succeeded, failed, unknown, skipped."""
        succeeded, failed, unknown, skipped = (
            self.status.get(each, 0) for each in ("succeeded", "failed", "unknown", "skipped")
        )
        return succeeded, failed, unknown, skipped

    @property
    def results(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What the ConfigMaps of the update say, by their names."""
        found = self.small.objects.selected("configmaps", None, UPDATE_LABEL)
        return {
            each["metadata"]["name"]: {name: json.loads(text) for name, text in each["data"].items()} for each in found
        }

    def process(self, **how: Any) -> Process:
        return Process(self.small.objects, self.small.clock, run=self.containers, **how)

    def ask(self, **spec: Any) -> None:
        """Somebody changes what is wanted of the update."""
        self.small.ask("u1", "RollingUpdate", **spec)

    async def settle(self, process: Process) -> None:
        await self.small.settle(process)

    async def until(self, process: Process, holds: Callable[[], bool], seconds: int = 120) -> None:
        for _ in range(seconds):
            if holds() or process.ended:
                return
            self.small.kubelets()
            await process.live(1.0)
            self.small.check()
        raise AssertionError(f"not within {seconds} s: {self.status}, {self.small.group['status']}")

    async def to_its_end(self, process: Process) -> None:
        """A person lets it go on after each batch with a failure."""

        def over() -> bool:
            approved = self.small.updates["u1"]["spec"].get("approvedBatches", 1)
            if self.status.get("phase") == "Paused" and approved <= self.status["batch"]:
                self.ask(approvedBatches=self.status["batch"] + 1)
            return self.status.get("phase") in FINAL and "update" not in self.small.group["status"]

        await self.until(process, over, seconds=600)


async def world(size: int = SIZE, **spec: Any) -> World:
    small = SmallCluster(size, historyLimit=100)
    async with Process(small.objects, small.clock) as process:
        process.start()
        await small.settle(process)
    small.most = small.least = size
    return World(small, **spec)


def play(scenario: Callable[[], Any]) -> None:
    asyncio.run(scenario())


def images(small: SmallCluster) -> list[str]:
    return sorted(pod["spec"]["containers"][0]["image"] for pod in small.alive)


def restarts(small: SmallCluster) -> list[int]:
    return [pod["status"]["containerStatuses"][0]["restartCount"] for pod in small.alive]


def commits(small: SmallCluster) -> int:
    """How often the configuration was written since it was made."""
    return sum(change.plural == "scalingconfigurations" for change in small.objects.history) - 1


def out_of_service(small: SmallCluster) -> int:
    """The most that were out of service at any one time since the group was whole."""
    most, ready, whole = 0, set(), False
    for change in small.objects.history:
        if change.plural == "pods":
            conditions = change.body.get("status", {}).get("conditions", ())
            name = change.body["metadata"]["name"]
            (ready.add if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) else ready.discard)(
                name
            )
            whole |= len(ready) == SIZE
            most = max(most, SIZE - len(ready)) if whole else 0
    return most


def check_over_once(w: World) -> None:
    phases = [
        phase
        for change in w.small.objects.history
        if change.plural == "rollingupdates" and (phase := (change.body.get("status") or {}).get("phase"))
    ]
    first_end = next(index for index, phase in enumerate(phases) if phase in FINAL)
    assert set(phases[first_end:]) == {w.status["phase"]}, "it is over once and for all"
    assert "completionTime" in w.status


def check_image(w: World) -> None:
    assert w.status["phase"] == "Successful", w.status
    assert images(w.small) == [NEXT_IMAGE] * SIZE
    assert restarts(w.small) == [1] * SIZE
    assert commits(w.small) == 1
    made = w.small.objects.by_place["scalingconfigurations", "default", "web"]
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == NEXT_IMAGE
    assert w.small.group["status"]["outdated"] == 0
    assert w.counts == (SIZE, 0, 0, 0)
    assert out_of_service(w.small) <= 1
    assert sorted(name for page in w.results.values() for name in page) == [f"web-{n}" for n in range(SIZE)]
    check_over_once(w)


@pytest.mark.spec("rolling-update.md", "image")
def test_an_image_is_changed_in_place_batch_by_batch_and_committed_once() -> None:
    async def scenario() -> None:
        w = await world(**IMAGE, batches=2)
        async with w.process() as process:
            process.start()
            await w.settle(process)
        check_image(w)
        assert w.results.keys() == {"u1-1", "u1-2"}
        assert {each["result"] for page in w.results.values() for each in page.values()} == {"Succeeded"}

    play(scenario)


@pytest.mark.spec("rolling-update.md", "script")
def test_a_script_runs_once_in_each_instance() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT, batches=2)
        async with w.process() as process:
            process.start()
            await w.settle(process)
        assert w.status["phase"] == "Successful", w.status
        assert w.containers.times == {f"web-{n}": 1 for n in range(SIZE)}
        command = w.containers.ran[0][1]
        assert command[:2] == ("/bin/sh", "-c")
        assert command[3:] == ("windlass", "30", "--", "/bin/sh", "-c", "migrate")
        assert w.counts == (SIZE, 0, 0, 0)
        check_over_once(w)

    play(scenario)


async def requests_of(spec: dict[str, Any], prompt: bool) -> int:
    w = await world(**spec)
    async with w.process(prompt=prompt) as process:
        process.start()
        await w.to_its_end(process)
        return len(process.transport.asked)


async def with_crash(spec: dict[str, Any], crash: Crash, *, prompt: bool) -> World:
    """The update of a process that ends in its course, and of the next one."""
    w = await world(**spec)
    w.small.latecomers = crash.arrives == "late"
    late: list[tuple[int, Asked]] = []
    for each in (crash, None):
        async with w.process(crash=each, prompt=prompt) as process:
            process.transport.overtaken = late
            process.start()
            await w.to_its_end(process)
            late = [(3, asked) for asked in process.transport.late]
    return w


every_crash = pytest.mark.parametrize(("prompt", "arrives"), list(product((False, True), ("never", "at once", "late"))))


@every_crash
def test_a_crash_at_any_request_of_an_image_changes_nothing(prompt: bool, arrives: str) -> None:
    async def scenario() -> None:
        spec = IMAGE | {"batches": 2}
        for at in range(await requests_of(spec, prompt)):
            w = await with_crash(spec, Crash(at, arrives), prompt=prompt)
            check_image(w)

    play(scenario)


@every_crash
def test_no_script_runs_twice_whenever_the_process_ends(prompt: bool, arrives: str) -> None:
    async def scenario() -> None:
        spec = SCRIPT | {"batches": 2}
        for at in range(await requests_of(spec, prompt)):
            w = await with_crash(spec, Crash(at, arrives), prompt=prompt)
            succeeded, failed, unknown, skipped = w.counts
            assert max(w.containers.times.values(), default=0) <= 1, f"crash at request {at}"
            assert (failed, skipped, succeeded + unknown) == (0, 0, SIZE)
            assert len(w.containers.times) >= succeeded
            told = {name: each["result"] for page in w.results.values() for name, each in page.items()}
            at_last = any(each["name"] in ("web-2", "web-3") for each in w.status["failures"])
            assert w.status["phase"] == ("Failed" if at_last else "Successful")
            kept = Counter(told.values())["Unknown"]
            assert kept == unknown or (arrives == "late" and kept > unknown), "what came late is known better"
            check_over_once(w)

    play(scenario)


@every_crash
def test_one_that_may_run_twice_runs_to_its_end_everywhere(prompt: bool, arrives: str) -> None:
    async def scenario() -> None:
        spec = AGAIN | {"batches": 2}
        for at in range(await requests_of(spec, prompt)):
            w = await with_crash(spec, Crash(at, arrives), prompt=prompt)
            assert w.counts == (SIZE, 0, 0, 0), f"crash at request {at}"
            assert set(w.containers.times) == {f"web-{n}" for n in range(SIZE)}
            assert max(w.containers.times.values()) <= 2
            check_over_once(w)

    play(scenario)


# ---- scripts


def lost() -> Transient:
    return Transient("running: the connection broke off", detail="the connection broke off", lost=True)


def not_run(code: int = 500) -> Transient:
    return Transient("running: nobody there", code=code, detail="nobody there")


@pytest.mark.spec("rolling-update.md", "results")
@pytest.mark.parametrize(
    ("end", "result", "told"),
    [
        (Ran(3, "no such table"), "Failed", {"exitCode": 3, "output": "no such table"}),
        (Ran(2, ""), "Failed", {"exitCode": 2, "output": "it ended with 2, and wrote nothing"}),
        (Ran(124, "killed after 30 s"), "Failed", {"exitCode": 124, "output": "killed after 30 s"}),
        (lost(), "Unknown", {"output": "nobody knows to which end it ran: the connection broke off"}),
        (
            Invalid("running: no container", code=400, reason="BadRequest", detail="no container app"),
            "Failed",
            {"output": "it was not run: no container app"},
        ),
        (not_run(), "Failed", {"output": "it was not run: nobody there"}),
    ],
)
def test_how_a_script_ended_is_kept_with_its_last_words(end: Ran | ApiError, result: str, told: dict[str, Any]) -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT)
        w.containers.end = lambda name: end if name == "web-1" else WELL
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
        kept = w.results["u1-1"]["web-1"]
        assert {key: value for key, value in kept.items() if not key.endswith("Time")} == {"result": result} | told
        assert kept["startTime"] <= kept["endTime"]
        assert w.status["phase"] == "Failed"
        assert w.counts == (SIZE - 1, int(result == "Failed"), int(result == "Unknown"), 0)
        assert w.status["failures"][0]["output"] == told["output"]

    play(scenario)


def test_what_was_certainly_not_run_is_tried_again() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT)
        ends = {f"web-{n}": [not_run(0), not_run(503), WELL] for n in range(SIZE)}
        w.containers.end = lambda name: ends[name].pop(0)
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
        assert w.counts == (SIZE, 0, 0, 0)
        limits = [command[4] for name, command in w.containers.ran if name == "web-0"]
        assert limits[0] == "30"
        assert int(limits[-1]) < 30, "it is over when others count on that"

    play(scenario)


def test_no_script_runs_where_the_reply_to_its_mark_is_lost_unless_the_mark_is_there() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT)
        seen: Counter[str] = Counter()

        def first_of_each(asked: Asked) -> bool:
            if asked.method != "PATCH" or "/pods/" not in asked.path:
                return False
            seen[asked.path] += 1
            return seen[asked.path] == 1

        async with w.process() as process:
            process.transport.lose = first_of_each
            process.start()
            await w.to_its_end(process)
            assert len(seen) == SIZE
        assert w.counts == (SIZE, 0, 0, 0)
        assert set(w.containers.times.values()) == {1}

    play(scenario)


def test_a_result_is_told_again_until_it_is_written() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT)
        away = True

        def while_away(asked: Asked) -> tuple[int, Any] | None:
            told = asked.method == "PATCH" and "/pods/" in asked.path and "endedAt" in json.dumps(asked.body)
            return (500, {}) if away and told else None

        async with w.process() as process:
            process.transport.refuse = while_away
            process.start()
            await w.until(process, lambda: len(w.containers.ran) == SIZE)
            for _ in range(20):
                await process.live(1.0)
            assert w.status["phase"] == "Running"
            away = False
            await w.to_its_end(process)
        assert w.counts == (SIZE, 0, 0, 0)
        assert set(w.containers.times.values()) == {1}

    play(scenario)


def test_an_instance_that_may_not_be_marked_is_not_run_in_and_not_asked_for_without_end() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT)

        def refuses(asked: Asked) -> tuple[int, Any] | None:
            if asked.method != "PATCH" or not asked.path.endswith("/pods/web-2"):
                return None
            return 403, {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "not this one"}

        async with w.process() as process:
            process.transport.refuse = refuses
            process.start()
            await w.until(process, lambda: len(w.containers.ran) == SIZE - 1)
            before = len(process.transport.asked)
            for _ in range(60):
                await process.live(1.0)
            assert len(process.transport.asked) - before < 60
            assert "web-2" not in w.containers.times
            w.ask(state="Cancelled")
            await w.to_its_end(process)
        assert w.status["phase"] == "Cancelled"
        assert w.counts[0] == SIZE - 1

    play(scenario)


async def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which one script runs at a time."""
    monkeypatch.setattr("windlass.controllers.scaling_group.scripts.MOST_AT_ONCE", 1)
    return await world(**SCRIPT)


def test_those_that_wait_for_their_turn_run_after_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        w = await one_at_a_time(monkeypatch)
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: len(w.containers.ran) == 1)
            marked = [pod for pod in w.small.alive if UPDATE_ANNOTATION in pod["metadata"].get("annotations", {})]
            assert len(marked) == 1, "who waits is not marked"
            await w.to_its_end(process)
        assert w.counts == (SIZE, 0, 0, 0)

    play(scenario)


@pytest.mark.parametrize("state", ["Suspended", "Cancelled"])
def test_those_that_wait_for_their_turn_do_not_run_when_nothing_new_may_begin(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        w = await one_at_a_time(monkeypatch)
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: len(w.containers.ran) == 1)
            w.ask(state=state)
            await w.until(process, lambda: w.status.get("phase") == state)
            for _ in range(10):
                await process.live(1.0)
            ran = len(w.containers.ran)
            assert ran <= 2
            if state == "Suspended":
                w.ask(state="Running")
                await w.to_its_end(process)
                assert w.counts == (SIZE, 0, 0, 0)
            else:
                assert w.counts == (ran, 0, 0, 0)

    play(scenario)


def test_who_does_not_lead_any_more_runs_nothing_and_tells_nothing() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT)
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: bool(w.containers.ran))
            process.may_work.clear()
            process.controller.stop_leading()
            before = len(process.transport.asked)
            await process.live(5.0)
            assert len(process.transport.asked) == before
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
        assert w.counts == (0, 0, SIZE, 0)
        assert set(w.containers.times.values()) == {1}

    play(scenario)


def test_an_instance_that_goes_while_its_script_runs_is_not_waited_for() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT)
        w.small.least -= 1
        w.small.may_repeat = True
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: bool(w.containers.ran))
            w.small.objects.remove("pods", "default", "web-1")
            await w.to_its_end(process)
        assert w.status["phase"] == "Failed"
        assert w.counts == (SIZE - 1, 1, 0, 0)
        assert w.status["failures"][0]["output"] == "the instance left before it was done there"

    play(scenario)


# ---- packages


def put_scripts(w: World, install: str = "apk add", **more: str) -> None:
    metadata = {"namespace": "default", "name": "scripts", "uid": "scripts-uid"}
    w.small.objects.put(
        "configmaps", {"metadata": metadata, "data": {"install": install, "uninstall": "apk del"} | more}
    )


@pytest.mark.spec("rolling-update.md", "package")
def test_a_package_is_installed_by_the_script_of_its_config_map() -> None:
    async def scenario() -> None:
        w = await world(**PACKAGE)
        put_scripts(w)
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
        assert w.status["phase"] == "Successful", w.status
        command = w.containers.ran[0][1]
        assert command[4:] == (
            *("600", "PACKAGE_NAME=nginx", "PACKAGE_VERSION=1.27", "--"),
            *("/bin/sh", "-c", "apk add"),
        )

    play(scenario)


def test_what_a_config_map_says_later_is_not_run() -> None:
    async def scenario() -> None:
        w = await world(**PACKAGE, batches=2, pause="EveryBatchPause")
        put_scripts(w)
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: w.status.get("phase") == "Paused")
            put_scripts(w, install="rm -rf /")
            w.ask(approvedBatches=2)
            await w.to_its_end(process)
        assert w.status["phase"] == "Failed"
        assert "was changed since the update started" in w.status["message"]
        assert len(w.containers.ran) == SIZE // 2

    play(scenario)


def test_a_package_without_its_config_map_fails_at_once() -> None:
    async def scenario() -> None:
        w = await world(**PACKAGE)
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
        assert w.status["phase"] == "Failed"
        assert "ConfigMap scripts does not exist" in w.status["message"]
        assert not w.containers.ran

    play(scenario)


# ---- images


@pytest.mark.parametrize("code", [403, 422])
def test_an_image_that_the_api_server_does_not_take_fails_with_its_words(code: int) -> None:
    async def scenario() -> None:
        w = await world(**IMAGE)

        def refuses(asked: Asked) -> tuple[int, Any] | None:
            if asked.method != "PATCH" or "containers" not in (asked.body.get("spec") or {}):
                return None
            return code, {"kind": "Status", "code": code, "message": "spec.containers[0].image: no"}

        async with w.process() as process:
            process.transport.refuse = refuses
            process.start()
            await w.to_its_end(process)
        assert (w.status["phase"], w.counts) == ("Failed", (0, SIZE, 0, 0))
        assert "image: no" in w.status["failures"][0]["output"]
        assert (images(w.small), commits(w.small)) == (["web:1"] * SIZE, 0)

    play(scenario)


@pytest.mark.spec("rolling-update.md", "rollback")
def test_an_image_is_rolled_back_where_it_was_changed() -> None:
    async def scenario() -> None:
        w = await world(**IMAGE)
        async with w.process() as process:
            process.start()
            await w.settle(process)
            w.small.update("u2", kind="Image", invoke="Rollback", rollbackOf="u1")
            await w.settle(process)
        assert w.small.updates["u2"]["status"]["phase"] == "Successful", w.small.updates["u2"]["status"]
        assert (images(w.small), commits(w.small)) == (["web:1"] * SIZE, 2)
        assert restarts(w.small) == [2] * SIZE

    play(scenario)


# ---- results


def test_results_that_another_has_the_name_of_are_not_lost_in_silence() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT)
        metadata = {"namespace": "default", "name": "u1-1", "uid": "another"}
        w.small.objects.put("configmaps", {"metadata": metadata, "data": {}})
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: "ConfigMap u1-1" in w.small.group["status"]["message"])
            w.small.objects.remove("configmaps", "default", "u1-1")
            await w.to_its_end(process)
        assert w.results.keys() == {"u1-1"}

    play(scenario)


def test_results_that_may_not_be_kept_do_not_hold_up_the_update_nor_its_group(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT, batches=2)

        def refuses(asked: Asked) -> tuple[int, Any] | None:
            if asked.method != "POST" or "/configmaps" not in asked.path:
                return None
            return 403, {"kind": "Status", "code": 403, "message": "exceeded quota: count/configmaps"}

        async with w.process() as process:
            process.transport.refuse = refuses
            process.start()
            await w.to_its_end(process)
        assert (w.status["phase"], w.counts, w.results) == ("Successful", (SIZE, 0, 0, 0), {})
        assert "exceeded quota: count/configmaps; the update goes on" in caplog.text

    play(scenario)


def test_many_results_are_in_pages_that_the_update_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("windlass.controllers.scaling_group.update_steps.PAGE", 3)
        w = await world(**SCRIPT)
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
        assert {name: sorted(page) for name, page in w.results.items()} == {
            "u1-1-1": ["web-0", "web-1", "web-2"],
            "u1-1-2": ["web-3"],
        }
        kept = w.small.objects.by_place["configmaps", "default", "u1-1-1"]["metadata"]
        (owner,) = kept["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("RollingUpdate", "u1", "u1-uid")
        assert kept["labels"][UPDATE_LABEL] == "u1"

    play(scenario)


# ---- what is heard and what is not


def test_an_update_without_a_group_fails_at_once() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT, scalingGroup="nobody")
        async with w.process() as process:
            process.start()
            await w.settle(process)
        assert w.status["phase"] == "Failed"
        assert w.status["message"].startswith("ScalingGroup nobody does not exist")

    play(scenario)


def test_one_that_is_over_is_deleted_when_its_time_has_come() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT, ttlSecondsAfterFinished=60)
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
            await process.live(61.0)
            assert not w.small.updates

    play(scenario)


def test_a_watch_that_is_behind_does_not_cancel_the_one_that_runs() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT, batches=2, pause="EveryBatchPause")
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: w.status.get("phase") == "Paused")
        async with w.process() as process:
            for known in process.caches.updates.within(None):
                process.caches.updates.drop(known)
            process.start()
            for _ in range(5):
                await process.live(1.0)
            assert w.status["phase"] == "Paused"

    play(scenario)


def test_a_rollback_of_one_that_no_watch_has_shown_yet_is_not_refused() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT | {"script": {"run": "migrate", "rollback": "undo"}})
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
            w.small.update("u2", kind="Script", invoke="Rollback", rollbackOf="u1")
        async with w.process() as process:
            known = process.caches.updates.get("default", "u1")
            assert known is not None
            process.caches.updates.drop(known)
            process.start()
            await w.settle(process)
        assert w.small.updates["u2"]["status"]["phase"] == "Successful", w.small.updates["u2"]["status"]
        assert w.containers.ran[-1][1][-1] == "undo"

    play(scenario)


def test_where_updates_are_not_worked_on_one_that_runs_is_given_up_and_the_group_goes_on() -> None:
    async def scenario() -> None:
        w = await world(**SCRIPT, batches=2, pause="EveryBatchPause", enterProcesses=["ScaleOut"])
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: w.status.get("phase") == "Paused")
        before = w.small.updates["u1"]
        async with w.process(controllers=partial(all_controllers, rolling_updates=False)) as process:
            process.start()
            w.small.most = SIZE + 1
            w.small.change(desiredSize=SIZE + 1)
            await w.until(process, lambda: w.small.group["status"]["inService"] == SIZE + 1)
            assert not any("rollingupdates" in asked.path for asked in process.transport.asked)
        assert w.small.updates["u1"] == before
        assert "update" not in w.small.group["status"]

    play(scenario)


def test_where_updates_are_not_worked_on_one_in_the_middle_of_a_batch_is_given_up_without_its_results() -> None:
    """The operator has no right to make ConfigMaps then."""

    async def scenario() -> None:
        w = await world(**IMAGE)
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: w.status.get("phase") == "Running")
        assert w.small.group["status"]["update"]["begun"]
        async with w.process(controllers=partial(all_controllers, rolling_updates=False)) as process:
            forbidden = {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"}
            process.transport.refuse = lambda asked: (403, forbidden) if "configmaps" in asked.path else None
            process.start()
            w.small.most = SIZE + 1
            w.small.change(desiredSize=SIZE + 1)
            await w.until(process, lambda: w.small.group["status"]["inService"] == SIZE + 1)
        assert "update" not in w.small.group["status"]

    play(scenario)


def test_what_cannot_be_read_is_not_gone() -> None:
    """A CRD of a later version has given the update a field that this operator does not know."""

    async def scenario() -> None:
        w = await world(**SCRIPT, batches=2, pause="EveryBatchPause")
        async with w.process() as process:
            process.start()
            await w.until(process, lambda: w.status.get("phase") == "Paused")
            there = w.small.updates["u1"]
            later = {**there, "metadata": {**there["metadata"], "generation": 2}, "spec": {**there["spec"], "later": 1}}
            w.small.objects.put("rollingupdates", later)
            for _ in range(5):
                await process.live(1.0)
        assert (w.status["phase"], "update" in w.small.group["status"]) == ("Paused", True)
        assert "reading RollingUpdate u1: spec.later: Extra inputs" in w.small.group["status"]["message"]

    play(scenario)


def test_a_config_map_with_scripts_is_read_only_while_it_matters() -> None:
    async def scenario() -> None:
        w = await world(**PACKAGE)
        put_scripts(w)
        async with w.process() as process:
            process.start()
            await w.to_its_end(process)
            reads = [at for at, asked in enumerate(process.transport.asked) if asked.path.endswith("/scripts")]
            assert reads
            await process.live(700.0)
            assert not any(asked.path.endswith("/scripts") for asked in process.transport.asked[reads[-1] + 1 :])

    play(scenario)
