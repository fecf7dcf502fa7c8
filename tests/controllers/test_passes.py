"""Single passes of the controller: what wakes it, what it waits for, what it does when an answer is lost or refused."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.cluster_client.objects import status
from tests.controllers.processes import KEY, Asked, Process
from tests.controllers.small_cluster import SmallCluster, configuration_body
from windlass.cluster.errors import Conflict, Gone, Invalid, Refused, Transient
from windlass.engine.expectations import LIMIT

Scenario = Callable[[SmallCluster, Process], Awaitable[None]]


def play(scenario: Scenario, desired: int | None = 2, *, settled: bool = True, **spec: Any) -> None:
    """With a group that has come to rest, and a process that works; or with one that nobody has looked at."""

    async def run() -> None:
        small = SmallCluster(desired, **spec)
        async with Process(small.objects, small.clock) as process:
            if settled:
                process.start()
                await small.settle(process)
                process.transport.asked.clear()
            await scenario(small, process)

    asyncio.run(run())


def asked(process: Process) -> list[tuple[str, str]]:
    return [(each.method, each.path.rpartition("/")[2]) for each in process.transport.asked]


# ---- what wakes it


def test_what_concerns_a_group_has_it_looked_at_and_its_own_status_does_not() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        def wakes(change: Callable[[], object]) -> bool:
            process.queue._ready.clear()
            change()
            process.show_all()
            return KEY in process.queue._ready

        objects, group = small.objects, small.group
        assert not wakes(lambda: objects.put("scalinggroups", {**small.group, "status": {"message": "x"}}))
        assert wakes(lambda: small.change(desiredSize=1))
        going = {**group["metadata"], "deletionTimestamp": "2026-07-01T12:00:00Z"}
        assert wakes(lambda: objects.put("scalinggroups", {**small.group, "metadata": going}))
        assert wakes(lambda: objects.put("scalingconfigurations", configuration_body(generation=2)))
        assert wakes(lambda: objects.remove("scalingconfigurations", "default", "web"))
        assert wakes(lambda: objects.put("scalingconfigurations", configuration_body()))
        other = {**configuration_body(name="other"), "spec": {}}
        assert not wakes(lambda: objects.put("scalingconfigurations", other))
        record = {"metadata": {"namespace": "default", "name": "web-a9", "uid": "r"}, "spec": {"scalingGroup": "web"}}
        assert wakes(lambda: objects.put("scalingactivities", record))
        assert wakes(lambda: objects.remove("scalingactivities", "default", "web-a9"))
        assert wakes(lambda: objects.remove("scalinggroups", "default", "web"))

    play(scenario, settled=False)


# ---- what it waits for


def test_what_watches_never_show_is_read_live_half_a_minute_later_and_not_made_again() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.change(desiredSize=4)
        process.show_all()
        process.show_all = lambda: None  # type: ignore[method-assign]
        await process.live(LIMIT.total_seconds() - 1)
        assert len(small.alive) == 4
        assert ("GET", "pods") not in asked(process)
        assert not process.expectations.satisfied(KEY)
        await process.live(2)
        assert asked(process).count(("GET", "pods")) == 1
        assert len(small.alive) == 4
        assert len(process.caches.pods) == 4

    play(scenario)


def test_counts_are_written_once_a_second_at_most() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.change(desiredSize=6)
        process.show_all()
        await process.live(0.1)
        process.transport.asked.clear()
        for _ in range(8):
            small.kubelets()
            await process.live(0.1)
        await process.live(1.5)
        written = [each for each in asked(process) if each == ("PATCH", "status")]
        assert 1 <= len(written) <= 4
        await small.settle(process)
        assert small.group["status"]["inService"] == 6

    play(scenario)


# ---- lost answers


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_a_lost_answer_makes_nothing_twice(method: str) -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        left = [2]

        def lose(each: Asked) -> bool:
            lost = (
                each.method == method and each.path.rpartition("/")[0].endswith(("default", "pods", "web")) and left[0]
            )
            left[0] -= bool(lost)
            return bool(lost)

        process.transport.lose = lose
        small.most = 5
        small.change(desiredSize=5 if method == "POST" else 1)
        process.show_all()
        await small.settle(process)
        assert len(small.alive) == (5 if method == "POST" else 1)
        assert left == [0]
        assert len(small.records) == 2

    play(scenario, 3)


def test_after_a_lost_answer_the_next_pass_that_acts_looks_live() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        in_memory = process.controller._in_memory[KEY]
        assert not in_memory.look_live
        process.transport.lose = lambda each: each.path.endswith("/pods")
        small.change(desiredSize=3)
        process.stores.observe("ScalingGroup", small.group, deleted=False)
        process.may_work.clear()
        with pytest.raises(Transient):
            await process.controller.reconcile(KEY)
        assert in_memory.look_live

    play(scenario)


# ---- refusals


def refuses(method: str, kind: str, code: int, reason: str, message: str) -> Callable[[Asked], Any]:
    def refuse(each: Asked) -> tuple[int, Any] | None:
        wanted = each.method == method and f"/{kind}" in each.path and "dryRun" not in each.query
        return (code, status(code, reason, message)) if wanted else None

    return refuse


def test_refused_launches_are_told_and_tried_again_with_a_back_off() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        process.transport.refuse = refuses("POST", "pods", 403, "Forbidden", "exceeded quota: few")
        small.change(desiredSize=4)
        process.show_all()
        for _ in range(5):
            await process.live(1)
        backoff = small.group["status"]["launchBackoff"]
        assert (backoff["failures"], "exceeded quota: few" in backoff["reason"]) == (1, True)
        assert "ActivityFailed" in process.told.reasons
        failed = {"type": "ScaleOut", "result": "Failed"}
        assert process.metrics.registry.get_sample_value("windlass_activities_total", failed) == 1
        process.transport.refuse = lambda _: None
        await small.settle(process)
        assert len(small.alive) == 4
        assert "launchBackoff" in small.group["status"]  # until they have lived for a minute
        await process.live(61)
        assert "launchBackoff" not in small.group["status"]

    play(scenario)


def test_a_template_that_is_refused_is_asked_for_again_with_pauses_and_no_launch() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        def refuse(each: Asked) -> tuple[int, Any] | None:
            message = status(422, "Invalid", "Pod is invalid: spec: Required value")
            return (422, message) if "dryRun" in each.query else None

        process.transport.refuse = refuse
        process.start()
        process.queue.add(KEY)
        for _ in range(4):
            await process.live(1)
        assert small.group["status"]["phase"] == "Stalled"
        assert "Required value" in small.group["status"]["message"]
        tries = [each for each in process.transport.asked if "dryRun" in each.query]
        assert len(tries) == 1
        for _ in range(40):
            await process.live(1)
        tries = [each for each in process.transport.asked if "dryRun" in each.query]
        assert len(tries) == 4  # after 5, 10 and 20 s
        process.transport.refuse = lambda _: None
        await small.settle(process)
        assert len(small.alive) == 2

    play(scenario, settled=False)


def test_refused_removals_pause_and_then_go_on() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        process.transport.refuse = refuses("DELETE", "pods", 403, "Forbidden", "nobody leaves")
        small.change(desiredSize=1)
        process.show_all()
        for _ in range(6):
            await process.live(1)
        tries = [each for each in asked(process) if each[0] == "DELETE"]
        assert len(tries) == 6  # two each at once, after 1 s and after 2 s more
        assert "nobody leaves" in small.group["status"]["message"]
        process.transport.refuse = lambda _: None
        await small.settle(process)
        assert len(small.alive) == 1

    play(scenario, 3)


def test_a_name_that_somebody_else_has_is_left_to_them() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        theirs = {"namespace": "default", "name": "web-2", "uid": "theirs", "creationTimestamp": "2026-07-01T11:00:00Z"}
        small.objects.put("pods", {"metadata": theirs})
        small.check = lambda: None  # type: ignore[method-assign]
        small.change(desiredSize=4)
        process.show_all()
        await small.settle(process)
        names = {pod["metadata"]["name"] for pod in small.alive}
        assert names == {"web-0", "web-1", "web-3", "web-4"}
        assert small.group["status"]["activity"]["skipped"] == [{"first": 2, "count": 1}]
        assert small.objects.by_place["pods", "default", "web-2"]["metadata"]["uid"] == "theirs"

    play(scenario)


def test_who_is_not_as_it_was_when_it_was_chosen_is_not_removed() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        process.may_work.clear()
        for pod in small.alive:  # and no watch has shown it
            small.objects.put("pods", {**pod, "spec": {"changed": True}})
        small.change(desiredSize=0)
        process.stores.observe("ScalingGroup", small.group, deleted=False)
        with pytest.raises(Conflict):
            await process.controller.reconcile(KEY)
        assert len(small.alive) == 2
        assert not process.controller._in_memory[KEY].look_live  # each has been read again alone
        await process.controller.reconcile(KEY)
        assert not small.alive

    play(scenario)


def test_a_group_that_is_deleted_while_it_launches_gets_no_more() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.change(desiredSize=20)
        process.may_work.clear()
        process.stores.observe("ScalingGroup", small.group, deleted=False)

        def then() -> None:
            if len(small.alive) >= 5 and "deletionTimestamp" not in small.group["metadata"]:
                meta = {**small.group["metadata"], "deletionTimestamp": "2026-07-01T12:00:00Z"}
                small.objects.put("scalinggroups", {**small.group, "metadata": meta})
                process.stores.observe("ScalingGroup", small.group, deleted=False)

        process.transport.answered = then
        with pytest.raises(Gone):
            await process.controller.reconcile(KEY)
        assert 5 <= len(small.alive) <= 10

    play(scenario)


# ---- what it shows


@pytest.mark.parametrize(
    ("error", "phase", "stalled"),
    [
        (Transient("no answer", detail="no answer"), "Waiting", False),
        (Invalid("reading spec: bad", code=422, reason="Invalid"), "Stalled", True),
    ],
)
def test_passes_that_fail_are_shown_once(error: Exception, phase: str, stalled: bool) -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        process.may_work.clear()
        await process.controller.report(KEY, error)
        shown = small.group["status"]
        assert shown["phase"] == phase
        assert str(error) in shown["message"]
        assert any(each["type"] == "Stalled" and each["status"] == "True" for each in shown["conditions"]) is stalled
        assert (shown["inService"], shown["observedGeneration"]) == (2, 1)
        version = small.objects.version
        await process.controller.report(KEY, error)
        assert small.objects.version == version

    play(scenario)


def test_where_the_status_may_not_be_written_an_event_says_that_passes_fail() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        process.may_work.clear()
        process.told.reasons.clear()
        process.transport.refuse = refuses("PATCH", "scalinggroups", 403, "Forbidden", "not you")
        with pytest.raises(Refused):
            await process.controller.report(KEY, Transient("no answer", detail="no answer"))
        assert process.told.reasons == ["PassFailed"]
        small.objects.remove("scalinggroups", "default", "web")
        process.show_all()
        await process.controller.report(KEY, Transient("no answer", detail="no answer"))

    play(scenario)


def test_metrics_show_the_group_and_forget_it() -> None:
    def shown(process: Process) -> float | None:
        labels = {"namespace": "default", "group": "web", "state": "in_service"}
        return process.metrics.registry.get_sample_value("windlass_group_instances", labels)

    async def scenario(small: SmallCluster, process: Process) -> None:
        assert shown(process) == 2
        process.controller.stop_leading()
        assert shown(process) is None
        process.queue.add(KEY)
        await process.live(1)
        assert shown(process) == 2
        assert process.controller._in_memory[KEY].look_live
        small.objects.remove("scalinggroups", "default", "web")
        await process.live(1)
        assert shown(process) is None
        assert not process.controller._in_memory

    play(scenario)


def test_a_scale_out_is_told_from_its_beginning_to_its_end() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        process.told.reasons.clear()
        small.change(desiredSize=3)
        process.show_all()
        await small.settle(process)
        assert process.told.reasons == ["ActivityStarted", "ActivitySuccessful"]
        successful = {"type": "ScaleOut", "result": "Successful"}
        assert process.metrics.registry.get_sample_value("windlass_activities_total", successful) == 2

    play(scenario)


def test_a_pass_that_waits_says_until_when() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        process.may_work.clear()
        small.change(desiredSize=3)
        process.stores.observe("ScalingGroup", small.group, deleted=False)
        answer = await process.controller.reconcile(KEY)
        assert answer == process.clock.now() + LIMIT
        assert await process.controller.reconcile(KEY) == answer
        assert timedelta() < answer - process.clock.now()

    play(scenario)


def test_the_log_names_the_first_steps_of_a_plan_and_why(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        caplog.clear()
        small.change(desiredSize=16)
        process.show_all()
        with caplog.at_level("INFO"):
            await process.live(1)

    play(scenario)
    line = next(record.getMessage() for record in caplog.records if "launch" in record.getMessage())
    first, *steps, more = line.split("; ")
    assert first == "the desired size changed from 2 to 16"
    assert [step.split(" (")[0] for step in steps] == [f"launch web-{number}" for number in range(2, 12)]
    assert more == "and 4 steps more like these"


def test_a_record_that_was_deleted_unheard_is_written_anew() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.change(desiredSize=3)
        process.show_all()
        await process.live(0.1)
        assert small.records["web-a2"]["status"]["phase"] == "InProgress"
        small.objects.silently_remove("scalingactivities", "default", "web-a2")
        await small.settle(process)
        assert small.records["web-a2"]["status"]["phase"] == "Successful"
        assert process.told.reasons.count("PassFailed") == 0

    play(scenario)
