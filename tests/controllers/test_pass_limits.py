"""What a pass answers, remembers, forgets and observes, on both sides of each limit."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.cluster_client.objects import status
from tests.controllers.hands import KEY, no_scripts
from tests.controllers.processes import Process
from tests.controllers.small_cluster import SmallCluster
from tests.worlds import GROUP_UID
from windlass.api.common import GROUP_LABEL
from windlass.cluster.errors import Conflict, Gone, Transient
from windlass.controllers.scaling_group.observe import InMemoryState, observe
from windlass.controllers.scaling_group.written import read_record
from windlass.engine.expectations import LIMIT
from windlass.engine.loop import AT_ONCE
from windlass.engine.queue import Key
from windlass.planner.capacity.view import LaunchPause, LeftOrphan, RefusedLaunch, RemovalPause

Scenario = Callable[[SmallCluster, Process], Awaitable[None]]


def play(scenario: Scenario, desired: int = 2) -> None:
    """With a group that has come to rest; passes are run one by one."""

    async def run() -> None:
        small = SmallCluster(desired)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            process.may_work.clear()
            process.transport.asked.clear()
            await scenario(small, process)

    asyncio.run(run())


def known(process: Process) -> InMemoryState:
    return process.controller._in_memory[KEY]


def expect_something(process: Process) -> None:
    with process.expectations.creating(KEY, "web-9"):
        pass


def asked(process: Process, method: str, end: str) -> int:
    return sum(each.method == method and each.path.endswith(end) for each in process.transport.asked)


# ---- what is forgotten


def test_who_leads_no_more_expects_nothing_and_remembers_nothing() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        expect_something(process)
        process.controller.stop_leading()
        assert process.expectations.satisfied(KEY)
        assert not process.controller._in_memory

    play(scenario)


def test_a_group_that_is_gone_leaves_nothing_behind() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        forgotten: list[Key] = []
        process.controller._groups._forget_key = forgotten.append
        small.objects.remove("scalinggroups", "default", "web")
        process.show_all()
        expect_something(process)
        process.caches.strays[KEY] = {"web-0": "x"}
        with pytest.raises(Gone):
            await process.controller.reconcile(KEY)
        assert process.expectations.satisfied(KEY)
        assert KEY not in process.caches.strays
        assert KEY not in process.controller._in_memory
        assert forgotten == [KEY]

    play(scenario)


def test_another_group_of_the_name_expects_nothing_of_the_former_one() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        former = known(process)
        expect_something(process)
        meta = {**small.group["metadata"], "uid": "another-uid"}
        small.objects.put("scalinggroups", {**small.group, "metadata": meta, "status": {}})
        process.show_all()
        await process.controller.reconcile(KEY)
        assert known(process) is not former
        assert known(process).uid == "another-uid"
        assert known(process).watched_since == process.clock.now()
        assert asked(process, "GET", "/pods") == 1, "it has just begun to look at this one"

    play(scenario)


# ---- what is shown of a failure


@pytest.mark.parametrize("length", [899, 900, 901])
def test_a_failure_is_shown_with_900_characters_at_most(length: int) -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        await process.controller.report(KEY, Transient("x" * length))
        assert small.group["status"]["message"].count("x") == min(length, 900)
        assert small.group["status"]["conditions"][0]["type"] == "Ready"

    play(scenario)


def test_a_failure_of_a_group_that_is_gone_is_shown_nowhere() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.objects.remove("scalinggroups", "default", "web")
        process.show_all()
        await process.controller.report(KEY, Transient("no answer"))
        assert process.transport.asked == []

    play(scenario)


# ---- what a pass answers


def test_a_pass_that_has_nothing_to_do_answers_when_the_plan_changes_by_time() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        assert await process.controller.reconcile(KEY) is None
        assert process.transport.asked == []
        small._show(small.objects.by_place["pods", "default", "web-0"], "Running", Ready="False")
        process.show_all()
        await process.clock.advance(2)
        due = process.clock.now() + timedelta(seconds=298)
        assert await process.controller.reconcile(KEY) == due
        assert small.group["status"]["notReady"] == 1
        assert await process.controller.reconcile(KEY) == due

    play(scenario)


@pytest.mark.parametrize(("seconds", "written"), [(0.9, False), (1.0, True), (1.1, True)])
def test_counts_are_written_when_a_second_is_over(seconds: float, written: bool) -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        await process.clock.advance(5)
        for pod, later in (("web-0", seconds), ("web-1", 0.0)):
            small._show(small.objects.by_place["pods", "default", pod], "Running", Ready="False")
            process.show_all()
            answer = await process.controller.reconcile(KEY)
            since = process.clock.now()
            if later:
                await process.clock.advance(later)
        assert (small.group["status"]["notReady"] == 2) is written
        assert isinstance(answer, type(since))
        assert (answer - since < timedelta(seconds=1)) is not written, "it looks again when it may write"

    play(scenario)


def test_counts_that_change_are_shown_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        await process.clock.advance(5)
        process.told.reasons.clear()
        caplog.clear()
        small._show(small.objects.by_place["pods", "default", "web-0"], "Running", Ready="False")
        process.show_all()
        with caplog.at_level("INFO"):
            await process.controller.reconcile(KEY)
        assert small.group["status"]["notReady"] == 1
        assert process.told.reasons == []
        assert [record.getMessage() for record in caplog.records if record.levelname == "INFO"] == []

    play(scenario)


def test_refusals_are_told_without_waiting_for_a_second() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        process.transport.refuse = lambda each: (
            (403, status(403, "Forbidden", "exceeded quota: few")) if each.path.endswith("/pods") else None
        )
        small.change(desiredSize=3)
        process.show_all()
        await process.controller.reconcile(KEY)
        assert known(process).refusals == [RefusedLaunch(2, "exceeded quota: few")]
        await process.controller.reconcile(KEY)
        assert small.group["status"]["launchBackoff"]["failures"] == 1
        assert known(process).refusals == []

    play(scenario)


def test_a_pass_that_acts_is_followed_by_one_at_once_or_by_what_it_waits_for() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.change(desiredSize=3)
        process.show_all()
        progressed: list[Key] = []
        process.controller._made_progress = progressed.append
        assert await process.controller.reconcile(KEY) == process.clock.now() + LIMIT
        assert progressed == [KEY]
        assert known(process).settled == {2}
        process.show_all()
        small.kubelets()
        small.kubelets()
        process.show_all()
        assert await process.controller.reconcile(KEY) is AT_ONCE, "it writes the record, and waits for nothing"
        assert progressed == [KEY]
        assert known(process).settled == set()

    play(scenario)


def test_a_name_that_somebody_else_has_is_remembered_until_all_launches_are_settled() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        theirs = {"namespace": "default", "name": "web-2", "uid": "theirs", "creationTimestamp": "2026-07-01T11:00:00Z"}
        small.objects.put("pods", {"metadata": theirs})
        small.change(desiredSize=3)
        process.show_all()
        await process.controller.reconcile(KEY)
        assert (known(process).taken, known(process).settled) == ({2}, {2})
        for _ in range(4):
            process.show_all()
            small.kubelets()
            await process.controller.reconcile(KEY)
        assert (known(process).taken, known(process).settled) == (set(), set())

    play(scenario)


def test_each_pass_tells_of_its_group() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        told: list[str] = []
        process.controller._deletion_warning.notice = lambda group: told.append(group.uid)  # type: ignore[method-assign]
        await process.controller.reconcile(KEY)
        assert told == [GROUP_UID]

    play(scenario)


def test_a_pass_that_does_nothing_reads_nothing_live() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        known(process).look_live = True
        await process.controller.reconcile(KEY)
        assert asked(process, "GET", "/pods") == 0
        small.change(desiredSize=3)
        process.show_all()
        await process.controller.reconcile(KEY)
        assert asked(process, "GET", "/pods") == 1
        assert not known(process).look_live

    play(scenario)


def test_where_something_is_awaited_and_the_informers_may_be_behind_it_is_read_live() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        expect_something(process)
        answer = await process.controller.reconcile(KEY)
        assert answer == process.expectations.wake_at(KEY)
        assert process.transport.asked == []
        known(process).look_live = True
        assert await process.controller.reconcile(KEY) is None
        assert asked(process, "GET", "/pods") == 1
        assert process.expectations.satisfied(KEY)

    play(scenario)


def test_a_status_that_cannot_be_written_because_the_group_is_gone_drops_it() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.change(desiredSize=3)
        process.show_all()
        small.objects.silently_remove("scalinggroups", "default", "web")
        with pytest.raises(Gone):
            await process.controller.reconcile(KEY)
        assert process.caches.groups.get("default", "web") is None

    play(scenario)


def test_a_group_that_changed_meanwhile_is_known_as_it_is_now() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.change(desiredSize=3)
        process.show_all()
        small.change(desiredSize=2)
        with pytest.raises(Conflict):
            await process.controller.reconcile(KEY)
        group = process.caches.groups.get("default", "web")
        assert group is not None
        assert group["spec"]["desiredSize"] == 2

    play(scenario)


def test_the_end_of_an_activity_is_counted_once() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        labels = {"type": "ScaleIn", "result": "Successful"}

        def count() -> float:
            return process.metrics.registry.get_sample_value("windlass_activities_total", labels) or 0

        small.change(desiredSize=1)
        for passes in range(8):
            process.show_all()
            small.kubelets()
            process.show_all()
            before = count()
            await process.controller.reconcile(KEY)
            assert passes or not count(), "it has only begun"
            assert count() - before <= 1
        assert count() == 1

    play(scenario)


# ---- what is observed


async def seen(process: Process, **remembered: Any) -> Any:
    group = process.caches.groups.get("default", "web")
    assert group is not None
    in_memory = InMemoryState(uid=GROUP_UID, **remembered)
    return await observe(
        process.client, process.caches, no_scripts(process.client), KEY, group, in_memory, process.clock.now()
    )


def test_a_pause_is_for_what_people_wanted_when_it_began() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        now = process.clock.now()
        removals, launches = RemovalPause(1, now, "no"), LaunchPause(1, now, "no")
        version = f"{GROUP_UID}/1/configuration-uid/1"
        view = await seen(process, removal_pause=(1, removals), launch_pause=(version, launches))
        assert (view.removal_pause, view.launch_pause) == (removals, launches)
        small.change(desiredSize=3)
        process.show_all()
        view = await seen(process, removal_pause=(1, removals), launch_pause=(version, launches))
        assert (view.removal_pause, view.launch_pause) == (None, None)

    play(scenario)


@pytest.mark.parametrize(("seconds", "left"), [(-1, False), (0, False), (1, True)])
def test_an_orphan_is_left_until_the_moment_at_which_it_is_tried_again(seconds: int, left: bool) -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        meta = {"namespace": "default", "name": "web-7", "uid": "orphan", "creationTimestamp": "2026-07-01T11:00:00Z"}
        small.objects.put("pods", {"metadata": meta | {"labels": {GROUP_LABEL: "web"}}})
        process.show_all()
        tried = LeftOrphan("web-7", "no", process.clock.now() + timedelta(seconds=seconds))
        view = await seen(process, left_orphans={"orphan": tried, "gone": tried})
        assert view.left_orphans == ((tried,) if left else ())
        assert [orphan.uid for orphan in view.orphans] == ([] if left else ["orphan"])

    play(scenario)


def test_a_refused_record_is_that_of_the_activity_that_it_was_refused_for() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        name = small.group["status"]["activity"]["name"]
        assert (await seen(process, record_refused=name)).record_refused
        assert not (await seen(process, record_refused="web-a99")).record_refused
        assert not (await seen(process)).record_refused

    play(scenario)


def test_the_history_is_of_those_that_ended_and_say_when_they_began() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        def record(name: str, **said: Any) -> None:
            meta = {"namespace": "default", "name": name, "uid": name}
            small.objects.put("scalingactivities", {"metadata": meta, "spec": {"scalingGroup": "web"}, "status": said})

        record("web-a7", phase="Failed", startTime="2026-01-15T12:00:00Z")
        record("web-a8", phase="InProgress", startTime="2026-01-15T12:00:00Z")
        record("web-a6", phase="Failed")
        record("web-a5", phase="Failed", startTime="yesterday")
        process.show_all()
        assert [ended.name for ended in (await seen(process)).history] == ["web-a1", "web-a7"]

    play(scenario)


@pytest.mark.parametrize("body", [None, {}, {"status": {}}, {"status": {"phase": "Odd"}}])
def test_what_says_nothing_is_no_record(body: Any) -> None:
    assert read_record(body) is None
