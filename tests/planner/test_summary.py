"""How a group stands: each phase, the sentence that goes with it, and the conditions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract import contract_broken
from tests.worlds import (
    THREE_ZONES,
    activity,
    added,
    after,
    backoff,
    failed_zone,
    fleet,
    group,
    instance,
    on_wire,
    pending,
    planned,
    view,
)
from windlass.api.scaling_activity import ScalingActivityStatus
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group

RUNNING = activity("ScaleOut", first_ordinal=0)
HELD = "its deletion waits for finalizer backup.example/copy"
HANGS = instance("web-2", age="9m", unschedulable="2m", problem="0/2 nodes are available")

# view, phase, readiness, message
ROWS: dict[str, tuple[GroupView, str, str, str]] = {
    "as desired": (view(group(3), fleet(3)), "Ready", "Ready", "3 instances in service, as desired"),
    "as desired, of an older configuration": (
        view(group(2), [instance("web-0"), instance("web-1", revision="web-0")]),
        "Ready",
        "Ready",
        "2 instances in service, as desired; 1 instance made from an older configuration, kept until replaced",
    ),
    "as desired, somebody's deleted instance still on its way out": (
        view(group(1), [instance("web-0"), instance("web-1", removing=True)]),
        "Ready",
        "Ready",
        "1 instance in service, as desired",
    ),
    "disabled, and smaller than it should be": (
        view(group(3, enabled=False), fleet(1)),
        "Disabled",
        "Idle",
        "disabled by spec.enabled: nothing is done; 1 of 3 in service",
    ),
    "disabled, as desired": (
        view(group(3, enabled=False), fleet(3)),
        "Disabled",
        "Ready",
        "disabled by spec.enabled: nothing is done; 3 of 3 in service",
    ),
    "being deleted": (
        view(group(3), fleet(3), deleting=True),
        "Deleting",
        "Reconciling",
        "the group is being deleted, and its instances with it",
    ),
    "disabled and being deleted": (
        view(group(3, enabled=False), deleting=True),
        "Deleting",
        "Reconciling",
        "the group is being deleted, and its instances with it",
    ),
    "the configuration does not exist": (
        view(group(3), configuration=None),
        "Stalled",
        "Stalled",
        "ScalingConfiguration web does not exist: create it, or name another one in "
        "spec.configuration.scalingConfiguration",
    ),
    "the configuration does not exist any more, and nothing is to be done": (
        view(group(3), fleet(3), configuration=None),
        "Stalled",
        "Stalled",
        "ScalingConfiguration web does not exist: create it, or name another one in "
        "spec.configuration.scalingConfiguration",
    ),
    "the API server refuses the Pod": (
        view(group(3), template_problem="spec.containers: Required value"),
        "Stalled",
        "Stalled",
        "the API server refuses an instance made from ScalingConfiguration web: spec.containers: Required value",
    ),
    "launching": (
        view(group(3), fleet(1)),
        "ScalingOut",
        "Reconciling",
        "the desired size changed from 0 to 3",
    ),
    "launched": (
        view(group(3), (*fleet(1), pending("web-1"), pending("web-2")), activity=RUNNING),
        "ScalingOut",
        "Reconciling",
        "2 instances on the way into service",
    ),
    "launched, and something says why it does not arrive": (
        view(group(3), (*fleet(2), HANGS), activity=RUNNING),
        "ScalingOut",
        "Reconciling",
        "1 instance on the way into service; web-2: 0/2 nodes are available",
    ),
    "launched, and every zone has failed": (
        view(
            group(3, zones=("zone-a",)),
            (*fleet(2, zones=("zone-a",)), replace(HANGS, zone="zone-a")),
            activity=RUNNING,
            zones=[failed_zone("zone-a")],
        ),
        "ScalingOut",
        "Reconciling",
        "all zones have failed, 1 instance waiting to be scheduled; web-2: 0/2 nodes are available",
    ),
    "replacing": (
        view(group(3), (*fleet(2), pending("web-2")), activity=activity("Replace", first_ordinal=2)),
        "Replacing",
        "Reconciling",
        "1 instance on the way into service",
    ),
    "shrinking": (
        view(group(1), fleet(3), activity=activity(ended="1h")),
        "ScalingIn",
        "Reconciling",
        "the desired size changed from 3 to 1",
    ),
    "shrunk, and one cannot go": (
        view(
            group(1),
            [instance("web-0"), instance("web-2", removing=True), instance("web-1", removing=True, problem=HELD)],
            activity=activity("ScaleIn", from_=3, to=1),
        ),
        "ScalingIn",
        "Reconciling",
        "2 instances on the way out; web-1: its deletion waits for finalizer backup.example/copy",
    ),
    "shrunk, and some are on their way out": (
        view(
            group(1),
            [instance("web-0"), instance("web-1", removing=True), instance("web-2", removing=True)],
            activity=activity("ScaleIn", from_=3, to=1),
        ),
        "ScalingIn",
        "Reconciling",
        "2 instances on the way out",
    ),
    "one is not ready": (
        view(group(2), [instance("web-0"), instance("web-1", not_ready="10s")]),
        "Waiting",
        "Reconciling",
        "web-1 not ready; replaced when that lasts 300 seconds",
    ),
    "one is not ready, and the health check is suspended": (
        view(group(2, suspended_processes=("HealthCheck",)), [instance("web-0"), instance("web-1", not_ready="10s")]),
        "Waiting",
        "Reconciling",
        "HealthCheck is suspended: 1 instance not ready, not replaced",
    ),
    "one is not in service and protected": (
        view(group(2), [instance("web-0"), instance("web-1", ended=True, protected=True)]),
        "Waiting",
        "Reconciling",
        "web-1 not in service, and left alone because of the annotation windlass.dev/protect",
    ),
    "one is not ready and protected": (
        view(group(2), [instance("web-0"), instance("web-1", not_ready="10s", protected=True)]),
        "Waiting",
        "Reconciling",
        "web-1 not in service, and left alone because of the annotation windlass.dev/protect",
    ),
    "too many, all protected": (
        view(group(1), fleet(3, protected=True)),
        "Waiting",
        "Reconciling",
        "2 instances too many, but all are protected by the annotation windlass.dev/protect",
    ),
    "scaling out is suspended": (
        view(group(3, suspended_processes=("ScaleOut",)), fleet(1)),
        "Waiting",
        "Reconciling",
        "ScaleOut is suspended: 2 instances missing, not launched",
    ),
    "scaling in is suspended": (
        view(group(1, suspended_processes=("ScaleIn",)), fleet(3)),
        "Waiting",
        "Reconciling",
        "ScaleIn is suspended: 2 instances too many, not removed",
    ),
    "launching failed, the next try is due later": (
        view(group(3), fleet(2), activity=activity(ended="0s", result="Failed"), backoff=backoff(4)),
        "Waiting",
        "Reconciling",
        "launching failed 4 times in a row, next try at 2026-01-15T12:00:30Z: exited with 1",
    ),
    "launching failed five times in a row": (
        view(group(3), fleet(2), activity=activity(ended="0s", result="Failed"), backoff=backoff(5)),
        "Stalled",
        "Stalled",
        "launching failed 5 times in a row, next try at 2026-01-15T12:00:30Z: exited with 1",
    ),
    "launching failed five times in a row, and is tried again": (
        view(
            group(3),
            (*fleet(2), pending("web-2")),
            activity=activity(first_ordinal=2),
            backoff=backoff(5, expired=True),
        ),
        "Stalled",
        "Stalled",
        "trying again after launching failed 5 times in a row: exited with 1",
    ),
    "launching failed six times in a row, and what failed is being removed": (
        view(
            group(3),
            (*fleet(2), instance("web-2", age="9m", ended=True, problem="exited with 1")),
            activity=activity(first_ordinal=2),
            backoff=backoff(5, expired=True),
        ),
        "Stalled",
        "Stalled",
        "trying again after launching failed 6 times in a row: exited with 1",
    ),
    "the record of the last activity is not closed yet": (
        view(group(3), fleet(2), activity=activity(ended="1s"), record="open"),
        "Waiting",
        "Reconciling",
        "2 instances where 3 are desired",
    ),
}


@pytest.mark.parametrize(("seen", "phase", "readiness", "message"), ROWS.values(), ids=ROWS)
def test_how_the_group_stands(seen: GroupView, phase: str, readiness: str, message: str) -> None:
    status = plan_group(seen).status

    assert (status.phase, status.message) == (phase, message)
    assert contract_broken(status.conditions, seen.generation) is None
    shown = {"Ready": {"Ready": True}, "Idle": {"Ready": False}}.get(readiness, {"Ready": False, readiness: True})
    assert {c.type: c.status == "True" for c in status.conditions} == shown
    assert {c.message for c in status.conditions} == {message}


def ready(plan: GroupPlan) -> str:
    return next(c.status for c in plan.status.conditions if c.type == "Ready")


# ---- never ready too early


def test_a_group_is_not_ready_in_the_pass_that_ends_a_failed_activity() -> None:
    """Whoever waits for Ready would go on with a group that has too few instances."""
    failed = activity("ScaleOut", first_ordinal=2, failed=(2,))
    plan = planned(group(3), fleet(2), activity=failed, backoff=backoff(1), next_ordinal=3)

    assert plan.status.activity is not None
    assert plan.status.activity.result == "Failed"
    assert ready(plan) != "True"


def test_a_group_is_not_ready_in_the_pass_that_ends_a_launch_because_there_are_too_many() -> None:
    plan = planned(group(2), fleet(3), activity=RUNNING)

    assert plan.status.activity is not None
    assert plan.status.activity.ended_at is not None
    assert ready(plan) != "True"


def test_a_group_is_not_ready_while_the_record_of_its_last_activity_keeps_it_from_acting() -> None:
    open_record: ScalingActivityStatus | None = view(activity=RUNNING).record
    late = activity("ScaleOut", ended="1s")

    for there in (fleet(2), fleet(4), (*fleet(2), instance("web-2", ended=True, was_ready=True))):
        assert ready(planned(group(3), there, activity=late, record=open_record)) != "True"


def test_a_group_is_ready_in_the_pass_that_ends_a_successful_activity() -> None:
    plan = planned(group(3), fleet(3), activity=RUNNING)

    assert (plan.status.phase, ready(plan)) == ("Ready", "True")


# ---- the status


def test_the_status_counts_every_state() -> None:
    status = planned(
        group(6),
        [
            instance("web-0"),
            pending("web-1"),
            instance("web-2", not_ready="10s"),
            instance("web-3", not_ready="10m"),
            instance("web-4", ended=True),
            instance("web-5", removing=True),
            instance("web-6", protected=True),
        ],
        activity=activity(to=6),
    ).status
    counts = (status.in_service, status.pending, status.not_ready, status.unhealthy, status.failed, status.removing)

    assert counts == (2, 1, 1, 1, 1, 1)
    assert (status.replicas, status.desired, status.protected) == (6, 6, 1)


def test_the_selector_is_the_group_s_label() -> None:
    assert planned().status.selector == "windlass.dev/group=web"


def test_the_status_speaks_of_the_generation_that_was_looked_at() -> None:
    assert planned(generation=7).status.observed_generation == 7


def test_instances_of_older_revisions_are_outdated() -> None:
    there = (instance("web-0", revision="web-9"), instance("web-1"), instance("web-2", revision="web-9", removing=True))

    assert planned(group(2), there).status.outdated == 1


def test_the_revisions_say_how_many_instances_were_made_from_them() -> None:
    (first,) = planned(group(2), fleet(2), added_at=[added("web-1", "3d")]).status.revisions

    assert (first.name, first.instances) == ("web-1", 2)


def test_the_current_revision_stays_known_while_the_configuration_is_gone() -> None:
    seen = view(group(2), fleet(2), configuration=None)
    remembered = replace(seen, status=seen.status.model_copy(update={"current_revision": "web-1"}))

    assert plan_group(remembered).status.current_revision == "web-1"
    assert plan_group(remembered).status.outdated == 0


@pytest.mark.parametrize("long", ["x" * 5000, "ü" * 5000], ids=["ascii", "other"])
def test_no_problem_is_too_long_for_the_status(long: str) -> None:
    troubled = instance("web-0", age="9m", unschedulable="6m", zone="zone-a", problem=long)
    plan = planned(group(1, zones=THREE_ZONES), [troubled], activity=RUNNING)

    assert type(plan.status).model_validate_json(plan.status.model_dump_json(by_alias=True))
    assert planned(group(1), template_problem=long).status.message.endswith(long[0])


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not plan_group(row[0]).acts])
def test_a_status_that_was_written_is_not_written_again(name: str) -> None:
    seen = ROWS[name][0]
    for _ in range(2):  # Ready is Unknown on the first pass alone
        written = plan_group(seen)
        seen = after(seen, written)

    assert on_wire(plan_group(replace(seen, now=seen.now + timedelta(seconds=1))).status) == seen.status
