"""The builders refuse worlds that no cluster can be in."""

from collections.abc import Callable

import pytest

from tests.worlds import ImpossibleWorldError, activity, fleet, instance, pending, span, view
from windlass.planner.capacity.instance import Instance, Patience, State, state_of
from windlass.planner.capacity.view import GroupView

IMPOSSIBLE: dict[str, Callable[[], object]] = {
    "ready without having been scheduled": lambda: instance("web-0", scheduled=None, ready="1m"),
    "was ready without having been scheduled": lambda: instance("web-0", scheduled=None, was_ready=True),
    "ended without having been scheduled": lambda: instance("web-0", scheduled=None, ended=True),
    "on a node without having been scheduled": lambda: instance("web-0", scheduled=None, node="node-1"),
    "scheduled and unschedulable": lambda: instance("web-0", scheduled="1m", unschedulable="1m"),
    "ready and never ready": lambda: instance("web-0", was_ready=False),
    "ended and ready": lambda: instance("web-0", ended=True, ready="1m"),
    "not ready for longer than it exists": lambda: instance("web-0", age="1m", not_ready="2m"),
    "scheduled before it was created": lambda: instance("web-0", age="1m", scheduled="2m"),
    "two of one name": lambda: view(instances=[instance("web-0"), instance("web-0", zone="zone-b")]),
    "of another group's name": lambda: view(instances=[instance("api-0")]),
    "an activity that ended without a result": lambda: activity(ended="1m", result=None),
    "an activity that ended before it began": lambda: activity(ended="5m", started="1m"),
    "a record of no activity": lambda: view(record=view(activity=activity()).record),
}


@pytest.mark.parametrize("build", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_impossible_world_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ImpossibleWorldError):
        build()


def test_an_instance_of_which_nothing_is_said_is_in_service() -> None:
    assert _state(instance("web-0")) is State.IN_SERVICE


def test_an_instance_that_is_pending_is_on_a_node() -> None:
    assert _state(pending("web-0")) is State.PENDING
    assert pending("web-0").node == "node-of-web-0"


def test_a_fleet_stands_in_its_zones_in_turn() -> None:
    assert [(i.name, i.zone) for i in fleet(3, zones=("zone-a", "zone-b"), first=4)] == [
        ("web-4", "zone-a"),
        ("web-5", "zone-b"),
        ("web-6", "zone-a"),
    ]


def test_a_view_counts_on_after_the_instances_that_there_are() -> None:
    assert view(instances=fleet(3)).status.next_ordinal == 3


def test_a_duration_that_nobody_understands_is_refused() -> None:
    with pytest.raises(ValueError, match="10 minutes"):
        span("10 minutes")


def _state(instance: Instance) -> State:
    seen: GroupView = view(instances=[instance])
    return state_of(instance, Patience.of(seen.spec), seen.now, launching=True)[0]
