"""Groups in the middle of a refresh, for tests of the planner; beside `worlds`, which has the parts."""

from collections.abc import Iterable
from typing import Any

from tests.worlds import CONFIGURATION, NEXT_CONFIGURATION, group, refresh, revision, rollout, view
from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group
from windlass.planner.rollout.refresh import Refresh

IMAGE = {"image": "web:2"}
REVISIONS = (revision("web-1", 1, CONFIGURATION), revision("web-2", 2, NEXT_CONFIGURATION))


def image_refresh(name: str = "r1", **fields: Any) -> Refresh:
    """A refresh to the image web:2."""
    return refresh(name, **({"desired_configuration": IMAGE} | fields))


def in_refresh(
    instances: Iterable[Instance],
    desired: int = 10,
    *,
    wanted: dict[str, Any] | None = None,
    remembered: dict[str, Any] | None = None,
    group_spec: dict[str, Any] | None = None,
    **fields: Any,
) -> GroupView:
    """A view of a group of `desired` instances whose refresh r1 started a minute ago, from web-1 to web-2.

    `wanted`: fields of the refresh; `remembered`: of the group's status.rollout; `group_spec`: of the group's spec.
    """
    told = {"start_time": rollout().started_at, "phase": "Running"}
    running = image_refresh(**({"status": told} | (wanted or {})))
    given: dict[str, Any] = {
        "rollout": rollout(**(remembered or {})),
        "refreshes": (running,),
        "revisions": REVISIONS,
    }
    return view(group(desired, **(group_spec or {})), instances, **(given | fields))


def report_of(plan: GroupPlan, name: str = "r1") -> InstanceRefreshStatus:
    """What the refresh's own status is to say."""
    return next(report.status for report in plan.reports if report.name == name)


def told(plan: GroupPlan, name: str = "r1") -> tuple[str, str]:
    """The refresh's phase and sentence."""
    status = report_of(plan, name)
    return str(status.phase), status.message


def planned_for(*args: Any, **fields: Any) -> GroupPlan:
    """The plan for `in_refresh(…)`."""
    return plan_group(in_refresh(*args, **fields))
