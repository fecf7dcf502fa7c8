"""The simulator does what the real controller does with the same plans: what it foretells is what comes."""

import asyncio
from typing import Any

import pytest

from tests.controllers.processes import Process
from tests.controllers.town import Town
from windlass.api.common import ZONE_LABEL
from windlass.api.scaling_group import ConfigurationSource, ScalingGroupSpec
from windlass.simulate.play import play
from windlass.simulate.world import Process as PlayedProcess
from windlass.simulate.world import World

Sizes = tuple[int | None, ...]
Outcome = dict[str, Any]


def simulated(sizes: Sizes, kills: tuple[str, ...], **spec: Any) -> Outcome:
    source = ConfigurationSource(scaling_configuration="web")
    first = ScalingGroupSpec.model_validate(
        {"max_size": 20, "desired_size": sizes[0], "configuration": source} | {_snake(key): spec[key] for key in spec}
    )
    world, process = World("web", first), PlayedProcess(removals_in_doubt=True)
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
    async def run() -> Town:
        town = Town(sizes[0], **spec)
        async with Process(town.objects, town.clock) as process:
            process.start()
            for size in sizes:
                if size != sizes[0]:
                    town.change(desiredSize=size)
                await town.settle(process)
            for name in kills:
                town.objects.remove("pods", "default", name)
                await town.settle(process)
        return town

    town = asyncio.run(run())
    told = [(name, body["status"]) for name, body in sorted(town.records.items(), key=lambda item: len(item[0]))]
    status = town.group["status"]
    return {
        "created": town.created,
        "alive": {
            pod["metadata"]["name"]: pod["metadata"]["labels"].get(ZONE_LABEL)
            for pod in sorted(town.alive, key=lambda pod: town.created.index(pod["metadata"]["name"]))
        },
        "records": [
            (name, record["type"], record["phase"], record["cause"], record["description"]) for name, record in told
        ],
        "named": [list(record["instances"]) for _, record in told],
        "next": (status["nextOrdinal"], status["nextActivity"]),
        "says": (status["phase"], status["message"]),
        "revisions": len(town.objects.selected("controllerrevisions")),
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
