"""Why a group is as it is."""

import json
from dataclasses import replace
from datetime import timedelta
from textwrap import dedent
from typing import Any

import pytest

from tests.cli.bodies import metadata
from tests.worlds import (
    NEXT_CONFIGURATION,
    THREE_ZONES,
    activity,
    ago,
    backoff,
    failed_zone,
    fleet,
    group,
    instance,
    pending,
    revision,
    view,
)
from windlass.api.common import rfc3339, to_wire
from windlass.cli.operator_sign import SeenLease
from windlass.cli.subjects.group.explain import lines, values
from windlass.cli.subjects.group.explanation import Explanation, explain
from windlass.cli.subjects.group.observing import _template_problem
from windlass.planner.capacity.reasons_launches import MeantToEnd
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group

LEASE = SeenLease("windlass-system", "windlass-0", ago("2s"), timedelta(seconds=15))
EDITED = [{"manager": "kubectl-edit", "time": rfc3339(ago("1h"))}]


def explained(
    seen: GroupView, *, records: Any = (), leases: Any = (LEASE,), looked_at: bool = True, source: Any = None
) -> Explanation:
    """The explanation of a group whose status is what the last pass wrote."""
    status = replace(seen, status=plan_group(seen).status) if looked_at else seen
    return explain(status, metadata(seen, managedFields=EDITED), records, leases, source=source)


def record(number: int, **status: Any) -> dict[str, Any]:
    wanted = {"phase": "Successful", "type": "ScaleOut", "cause": "the desired size changed from 0 to 3"}
    start = rfc3339(ago(f"{number}m"))
    return {"metadata": {"name": f"web-a{number}"}, "status": wanted | {"startTime": start} | status}


def waits(found: Explanation) -> list[str]:
    return [wait.what for wait in found.waits]


def test_a_quiet_group_shows_what_was_done_last_and_who_looks_after_it():
    found = explained(view(group(3), fleet(3)), records=[record(2), record(1, description="launched 3 instances")])
    assert lines(found) == dedent(
        """
        ScalingGroup default/web: Ready
          3 instances in service, as desired

        Last activities
          web-a1   ScaleOut   Successful   60s ago   the desired size changed from 0 to 3: launched 3 instances
          web-a2   ScaleOut   Successful   2m ago    the desired size changed from 0 to 3

        Operator
          An operator runs: windlass-0 holds lease windlass-system/windlass-operator
          The group was last changed 60m ago, by kubectl-edit
        """
    ).strip("\n").split("\n")


def test_a_troubled_group_shows_what_it_waits_for_and_until_when():
    troubled = view(
        group(4, zones=THREE_ZONES, min_ready_seconds=30, health_seconds=60),
        [
            pending("web-0", zone="zone-a", problem="container web: ImagePullBackOff"),
            instance("web-1", zone="zone-b", age="40s", ready="10s"),
            instance("web-2", zone="zone-a", not_ready="20s", problem="container web: CrashLoopBackOff"),
            instance("web-3", zone="zone-b", age="50s", unschedulable="50s", problem="0/6 nodes are available"),
        ],
        zones=[failed_zone("zone-c")],
        activity=activity("ScaleOut", to=4, first_ordinal=0, arrived=({"first": 2, "count": 1},)),
        next_ordinal=4,
    )
    shown = lines(explained(troubled))
    start = shown.index("Waiting until")
    assert shown[start : start + 11] == [
        "Waiting until",
        "  12:00:20 (in 20s)     web-1: in service, if still ready then (minReadySeconds 30)",
        "  12:00:40 (in 40s)     web-2: unhealthy, and replaced, unless ready by then (healthCheck.intervalSeconds 60)",
        "  12:03:00 (in 3m)      zone-c is tried again with one instance; left out until then: 0/2 nodes are available",
        "  12:04:10 (in 4m10s)   web-3: zone-b counts as failed, unless scheduled by then (zoneFailureSeconds 300)",
        "  12:09:50 (in 9m50s)   web-0: failed, and replaced, unless ready by then (launchTimeoutSeconds 600)",
        "",
        "Instances with a problem",
        "  web-2   NotReady   container web: CrashLoopBackOff",
        "  web-0   Pending    container web: ImagePullBackOff",
        "  web-3   Pending    0/6 nodes are available",
    ]
    assert "  see what its Pod says: kubectl describe pod web-0 -n default" in shown


def test_a_group_whose_source_was_changed_shows_who_did_it():
    changed = view(group(2), fleet(2), revisions=[revision("web-1", 1, NEXT_CONFIGURATION), revision("web-2", 2)])
    by_git = {"metadata": {"managedFields": [{"manager": "argocd-controller", "time": rfc3339(ago("3m"))}]}}
    found = explained(changed, source=by_git)
    older = "  2 instances made from an older configuration"
    assert f"{older}; ScalingConfiguration web was last changed 3m ago, by argocd-controller" in lines(found)
    assert values(found)["sourceChanged"] == {"at": "2026-01-15T11:57:00Z", "by": "argocd-controller", "scaledBy": None}
    assert older in lines(explained(changed))


def test_instances_that_wait_for_the_same_share_a_line():
    young = [instance(f"web-{n}", age="40s", ready="10s") for n in range(5)]
    assert waits(explained(view(group(5, min_ready_seconds=30), young))) == [
        "web-0, web-1, web-2 and 2 more: in service, if still ready then (minReadySeconds 30)"
    ]


def test_what_the_operator_says_beside_a_refusal_is_said_once():
    refused = view(group(3, max_size=2), fleet(1, revision="web-0"), template_problem="no image")
    seen = explained(refused)
    assert seen.message.count("desiredSize 3 is above maxSize 2") == 1
    assert _template_problem({"status": to_wire(plan_group(refused).status)}, refused) == "no image"


def test_a_record_of_two_digits_is_newer_than_one_of_one():
    records = [record(number) for number in (9, 10)]
    for each in records:
        each["status"]["startTime"] = rfc3339(ago("1m"))
    assert [each.name for each in explained(view(group(1)), records=records).activities] == ["web-a10", "web-a9"]


def test_launches_that_back_off_say_when_they_are_tried_again():
    failing = explained(view(group(1), backoff=backoff(2), activity=activity(ended="1m", result="Failed", to=1)))
    assert waits(failing) == ["launching is tried again"]
    assert [type(hold).__name__ for hold in failing.holds] == ["LaunchesFail"]
    assert failing.advice == (
        "correct what the last launch said, or take away what refuses it (a quota, a policy): it is tried again by "
        "itself, and at once when the configuration or the group changes",
    )


@pytest.mark.parametrize(
    ("seen", "advice"),
    [
        (
            view(group(1, suspended_processes=["ScaleIn"]), fleet(2)),
            "let it go on: take ScaleIn out of spec.suspendedProcesses",
        ),
        (
            view(group(1), fleet(2, protected=True)),
            "let the group choose among them: kubectl annotate pod NAME windlass.dev/protect- -n default",
        ),
        (
            view(group(1), configuration=None),
            "create ScalingConfiguration web; `kubectl windlass plan -f FILE` shows what would come of it",
        ),
        (
            view(group(1), revisions=(), template_problem="no image"),
            "correct spec.template of ScalingConfiguration web; the group goes on by itself",
        ),
        (
            view(group(1, enabled=False)),
            """enable it: kubectl patch scalinggroup web -n default --type merge -p '{"spec":{"enabled":true}}'""",
        ),
        (
            view(group(9, max_size=2), fleet(2)),
            "set desiredSize to what is in effect: kubectl windlass scale group web 2 -n default",
        ),
        (
            view(group(1), fleet(1), revisions=[revision("web-1", 1, NEXT_CONFIGURATION), revision("web-2", 2)]),
            "replace outdated instances in batches: kubectl windlass refresh web -n default",
        ),
        (
            view(group(1), fleet(1), configuration={"template": {"spec": {"restartPolicy": "Never"}}}),
            str(MeantToEnd("ScalingConfiguration web", "Never")),
        ),
    ],
    ids=["suspended", "protected", "no configuration", "template refused", "disabled", "cut", "outdated", "ends"],
)
def test_each_thing_that_holds_a_group_up_comes_with_what_to_do(seen: GroupView, advice: str):
    assert advice in explained(seen).advice


def test_where_no_zone_takes_an_instance_the_nodes_zones_are_to_be_looked_at():
    stuck = [
        pending(
            "web-0", zone="zone-a", age="11m", scheduled=None, unschedulable="10m", problem="0/2 nodes are available"
        )
    ]
    (advice,) = explained(view(group(1, zones=("zone-a",)), stuck)).advice
    assert advice.startswith("compare spec.zones with what the nodes say: kubectl get nodes -L topology.kubernetes.io/")
    assert advice.endswith("kubectl describe pod web-0 -n default")


def test_a_dead_instance_that_is_protected_comes_with_the_way_out():
    dead = explained(view(group(2), [instance("web-0"), instance("web-1", ended=True, protected=True)]))
    assert dead.advice == (
        "have what is of no use replaced: kubectl annotate pod web-1 windlass.dev/protect- -n default",
    )


def test_an_annotation_that_was_meant_to_protect_comes_with_the_right_spelling():
    unclear = explained(view(group(1), [instance("web-0", unclear_protection="yse")]))
    assert unclear.message.endswith(
        "web-0 is not protected: its annotation windlass.dev/protect is neither true nor false: yse"
    )
    (advice,) = unclear.advice
    assert advice.endswith(": kubectl annotate --overwrite pod web-0 windlass.dev/protect=true -n default")


def test_an_instance_that_does_not_go_is_told_though_the_group_is_ready():
    lingering = instance("web-1", removing=True, leaving="5m")
    leaving = instance("web-2", removing=True, leaving="20s")
    ready = explained(view(group(1), [instance("web-0"), lingering, leaving]))
    assert ready.message == "1 instance in service, as desired"
    assert [(trouble.name, trouble.problem) for trouble in ready.troubles] == [
        ("web-1", "deleted, and still there 5m after it should have been gone; its node node-of-web-1 may be gone")
    ]


def test_what_is_worth_knowing_is_told_whether_it_holds_anything_up_or_not():
    revisions = [revision("web-1", 1, NEXT_CONFIGURATION), revision("web-2", 2)]
    spec = group(9, max_size=2, suspended_processes=["HealthCheck"])
    shown = lines(explained(view(spec, fleet(2), revisions=revisions)))
    start = shown.index("Worth knowing")
    assert shown[start + 1 : start + 4] == [
        "  desiredSize 9 is above maxSize 2: the group works towards 2",
        "  2 instances made from an older configuration",
        "  suspended: HealthCheck",
    ]


def test_without_an_operator_it_says_first_that_none_runs_and_what_one_would_do():
    gone = replace(LEASE, renewed_at=ago("5m"))
    found = explained(view(group(1)), leases=(gone,), looked_at=False)
    assert lines(found)[:7] == [
        "ScalingGroup default/web: Unknown",
        "  the operator does not seem to run: lease windlass-system/windlass-operator was last renewed 5m ago, "
        "by windlass-0",
        "  the desired size changed from 0 to 1",
        "  (its status says: nothing yet)",
        "",
        "To be done now",
        "  launch web-0: the group names no zones: the scheduler chooses",
    ]
    assert found.advice[0].startswith("look after the operator: kubectl get deployments,pods -A")


def test_long_sections_are_cut_and_counted():
    shown = lines(explained(view(group(30)), looked_at=False))
    start = shown.index("To be done now")
    assert shown[start + 10].startswith("  launch web-9")
    assert shown[start + 11] == "  … and 20 more"


def test_a_pass_that_fails_points_to_the_operators_log():
    seen = view(group(1), fleet(1))
    status = seen.status.model_copy(
        update={"conditions": (plan_group(seen).status.conditions[0].model_copy(update={"reason": "PassFailed"}),)}
    )
    found = explained(replace(seen, status=status), looked_at=False)
    assert "the operator's own passes fail: look at its log" in found.advice


def test_programs_get_all_of_it_in_plain_values():
    found = values(explained(view(group(9, max_size=2), fleet(1), backoff=backoff()), records=[record(1)]))
    assert json.loads(json.dumps(found)) == found
    assert found["operator"]["state"] == "Running"
    assert found["changed"] == {"at": "2026-01-15T11:00:00Z", "by": "kubectl-edit", "scaledBy": None}
    assert found["waits"] == [{"until": "2026-01-15T12:00:30Z", "message": "launching is tried again"}]
    assert found["activities"][0]["name"] == "web-a1"
    assert found["desiredCut"].startswith("desiredSize 9")
