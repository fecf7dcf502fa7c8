"""The simulator does what the real controller does with the same plans: what it foretells is what comes."""

import asyncio
from typing import Any

import pytest

from tests.controllers.processes import Process
from tests.controllers.small_cluster import SmallCluster
from windlass.api.common import ZONE_LABEL
from windlass.api.scaling_group import ConfigurationSource, ScalingGroupSpec
from windlass.simulate.play import play
from windlass.simulate.world import PlayedOperator, World

Sizes = tuple[int | None, ...]
Outcome = dict[str, Any]


def simulated(sizes: Sizes, kills: tuple[str, ...], **spec: Any) -> Outcome:
    source = ConfigurationSource(scaling_configuration="web")
    first = ScalingGroupSpec.model_validate(
        {"max_size": 20, "desired_size": sizes[0], "configuration": source} | {_snake(key): spec[key] for key in spec}
    )
    world, process = World("web", first), PlayedOperator(removals_in_doubt=True)
    for size in sizes:
        if size != sizes[0]:
            world.change(desired_size=size)
        list(play(world, process))
    for name in kills:
        world.kill(name)
        list(play(world, process))
    told = sorted(world.records.items(), key=lambda item: len(item[0]))
    return {
        "created": world.created,
        "alive": {instance.name: instance.zone for instance in world.alive},
        "records": [(name, record.type.value, record.phase, record.cause, record.description) for name, record in told],
        "named": [list(record.instances) for _, record in told],
        "next": (world.status.next_ordinal, world.status.next_activity),
        "says": (world.status.phase, world.status.message),
        "revisions": len(world.revisions),
    }


def _snake(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def real(sizes: Sizes, kills: tuple[str, ...], **spec: Any) -> Outcome:
    async def run() -> SmallCluster:
        small = SmallCluster(sizes[0], **spec)
        async with Process(small.objects, small.clock) as process:
            process.start()
            for size in sizes:
                if size != sizes[0]:
                    small.change(desiredSize=size)
                await small.settle(process)
            for name in kills:
                small.objects.remove("pods", "default", name)
                await small.settle(process)
        return small

    small = asyncio.run(run())
    told = [(name, body["status"]) for name, body in sorted(small.records.items(), key=lambda item: len(item[0]))]
    status = small.group["status"]
    return {
        "created": small.created,
        "alive": {
            pod["metadata"]["name"]: pod["metadata"]["labels"].get(ZONE_LABEL)
            for pod in sorted(small.alive, key=lambda pod: small.created.index(pod["metadata"]["name"]))
        },
        "records": [
            (name, record["type"], record["phase"], record["cause"], record["description"]) for name, record in told
        ],
        "named": [list(record["instances"]) for _, record in told],
        "next": (status["nextOrdinal"], status["nextActivity"]),
        "says": (status["phase"], status["message"]),
        "revisions": len(small.objects.selected("controllerrevisions")),
    }


STORIES: dict[str, tuple[Sizes, tuple[str, ...], dict[str, Any]]] = {
    "a new group": ((3,), (), {}),
    "nobody said how many": ((None,), (), {"minSize": 2}),
    "out and in": ((2, 6, 3, 4), (), {}),
    "in zones": ((3, 7, 2), (), {"zones": ["zone-a", "zone-b", "zone-c"]}),
    "first zones first": ((3, 7, 2), (), {"zones": ["zone-a", "zone-b"], "zonePolicy": "Priority"}),
    "down to nothing": ((4, 0, 1), (), {"removalPolicy": ["NewestInstance"]}),
    "some are killed": ((4,), ("web-1", "web-3", "web-4"), {}),
}


@pytest.mark.parametrize("story", STORIES)
def test_what_is_foretold_is_what_comes(story: str) -> None:
    sizes, kills, spec = STORIES[story]
    assert real(sizes, kills, **spec) == simulated(sizes, kills, **spec)
