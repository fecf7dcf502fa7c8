"""Random stories of a stack set: processes that end anywhere, members that come and go, people who change their minds.

Whatever happens, every change keeps what was promised (`SmallStacks.check`), every operation ends, and every target
holds what the instances say. A seed that fails is a story to be played again.
"""

import asyncio
import random
from random import Random

import pytest

from tests.cluster_client.virtual_time import run
from tests.controllers.processes import Crash
from tests.controllers.small_stacks import ALSO, SET, TEMPLATE, Cluster, SmallStacks, stack
from windlass.cluster.transport import NoReply, Request

PLACES = {"eu": ("a", "b", "c"), "us": ("a", "b")}


def troubled(dice: Random, cluster: Cluster) -> None:
    """From now on it is well, away, slow, silent, or answers now and then."""

    async def away(_: Request) -> None:
        raise NoReply("connection refused", sent=False)

    async def slow(_: Request) -> None:
        await asyncio.sleep(5)

    async def silent(request: Request) -> None:
        await asyncio.sleep(request.seconds)
        raise NoReply("no answer", sent=True)

    async def moody(request: Request) -> None:
        if dice.random() < 0.3:
            await away(request)

    cluster.fault = dice.choice([None, None, away, slow, silent, moody])


def preferences(dice: Random) -> dict[str, object]:
    return {
        "regionConcurrencyType": dice.choice(["PARALLEL", "SEQUENTIAL"]),
        "maxConcurrentCount": dice.randint(1, 3),
        "failureToleranceCount": dice.randint(0, 2),
        "failureToleranceMode": dice.choice(["STRICT_FAILURE_TOLERANCE", "SOFT_FAILURE_TOLERANCE"]),
    }


def somebody_acts(dice: Random, small: SmallStacks, number: int) -> None:
    """One of the things that people do, where it can be done."""
    operations, instances = small.all("stacksetoperations"), small.all("stackinstances")
    name = f"op-{number}"
    match dice.randrange(7):
        case 0:
            small.start(name, "CreateInstances", ["eu", "us"], ["a", "b"], preferences=preferences(dice))
        case 1:
            extra = ALSO.replace("NAME", dice.choice(["one", "two"]))
            small.change("stacksets", SET, template={"manifests": TEMPLATE + extra})
            small.start(name, "DeploySet", preferences=preferences(dice))
        case 2:
            region = dice.choice(list(PLACES))
            small.start(name, "DeleteInstances", [region], ["a"], preferences=preferences(dice))
        case 3 if operations:
            small.change("stacksetoperations", dice.choice(sorted(operations)), state="Stopped")
        case 4 if operations:
            small.delete("stacksetoperations", dice.choice(sorted(operations)))
        case 5 if instances:
            small.delete("stackinstances", dice.choice(sorted(instances)))
        case _:
            small.start(name, "DetectDrift", preferences=preferences(dice))


async def played(seed: int) -> SmallStacks:
    dice = Random(seed)  # noqa: S311 - a story, no secret
    random.seed(seed)  # of the pauses between tries
    small = SmallStacks(PLACES)
    small.stack_set()
    small.start("first", "CreateInstances", ["eu", "us"], ["a", "b"], preferences=preferences(dice))
    number = 0
    for _ in range(6):
        crash = Crash(dice.randint(0, 80), dice.choice(["never", "at once"]))
        async with small.process(crash=crash, prompt=dice.random() < 0.5) as process:
            process.start()
            for _ in range(dice.randint(2, 6)):
                number += 1
                troubled(dice, dice.choice(list(small.members.values())))
                if dice.random() < 0.5:
                    somebody_acts(dice, small, number)
                await process.live(dice.choice([0.2, 2.0, 20.0]))
                small.check()
                if process.ended:
                    break
    for member in small.members.values():
        member.fault = None
    async with small.process() as process:
        process.start()
        await small.settle(process)
    return small


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_all_ends_and_nothing_is_lost(seed: int) -> None:
    small = run(played(seed))
    for region, accounts in PLACES.items():
        for account in accounts:
            listed = small.members[region].lists(stack(region, account).owner)
            there = {f"ConfigMap {account}/{name}" for name in small.held(region, account)}
            assert there <= set(listed), f"something is at {region}/{account} that nobody knows of"
            found = small.instances.get(f"{region}/{account}")
            if found is None:
                assert listed == [], f"{region}/{account} has no instance, and something is there"
            elif found["phase"] == "OPERATION_COMPLETE" and "deployed" in found:
                assert there == set(listed)
                assert len(listed) == found["objects"]
