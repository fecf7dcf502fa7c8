"""What an operation of a stack set writes at the hub: no object more often than there is something to say."""

import asyncio
from datetime import datetime, timedelta

from tests.cluster_client.objects import Change
from tests.cluster_client.virtual_time import run
from tests.controllers.small_stacks import SmallStacks
from windlass.cluster.transport import Request

ACCOUNTS = [f"a{number}" for number in range(20)]


async def takes_a_while(_: Request) -> None:
    await asyncio.sleep(0.05)


async def played(*names: str) -> list[Change]:
    """All that became of these operations, one after the other."""
    small = SmallStacks({"eu": ACCOUNTS})
    small.stack_set()
    small.members["eu"].fault = takes_a_while
    async with small.process(prompt=True) as process:
        process.start()
        await small.settle(process)
        before = len(small.objects.history)
        for name in names:
            small.start(name, "CreateInstances" if name == "create" else "DeploySet", ["eu"], ACCOUNTS)
            await small.settle(process)
            assert small.status("stacksetoperations", name)["phase"] == "Successful"
    return small.objects.history[before:]


def test_an_instance_is_written_once_for_each_of_its_transitions() -> None:
    """One whose turn comes at once, or before it could be said, does not say that it waits."""
    history = run(played("create", "again"))
    told: dict[str, list[str]] = {}
    for change in history:
        if change.plural == "stackinstances":
            status = change.body.get("status") or {}
            told.setdefault(change.body["metadata"]["name"], []).append(status.get("phase", ""))
    created = ["", "OPERATION_IN_PROGRESS", "OPERATION_COMPLETE"]
    at_once = [*created, "OPERATION_COMPLETE", *created[1:]]  # the fourth: its spec, which asks for it
    later = [*created, "OPERATION_COMPLETE", "WAIT_IN_PROGRESS", *created[1:]]
    courses = list(told.values())
    assert all(each in (at_once, later) for each in courses)
    assert courses.count(later) > len(ACCOUNTS) / 2


def test_counts_of_an_operation_are_written_once_a_second_and_its_end_at_once() -> None:
    changes = [change for change in run(played("create")) if change.type == "MODIFIED"]
    told = [change.body["status"] for change in changes if change.plural == "stacksetoperations"]
    instances = [change.body["status"] for change in changes if change.plural == "stackinstances"]
    began, ended = (datetime.fromisoformat(told[-1][field]) for field in ("startTime", "completionTime"))
    seconds = (ended - began).total_seconds()
    assert seconds > 5
    assert seconds - 1 <= len(told) <= seconds + 3  # it begins, is prepared, and ends
    done = [status["succeeded"] for status in told]
    assert done == sorted(done)
    assert done[-1] == len(ACCOUNTS)
    last = max(datetime.fromisoformat(status["completionTime"]) for status in instances if "completionTime" in status)
    assert ended - last < timedelta(seconds=1)
