"""RollingUpdates, and groups in the middle of one, for tests."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.worlds import CONFIGURATION, NEXT_CONFIGURATION, ago, group, revision, view
from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import RollingUpdateSpec, RollingUpdateStatus
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group
from windlass.planner.rolling_update.update import Update

REVISIONS = (revision("web-1", 1, CONFIGURATION), revision("web-2", 2, NEXT_CONFIGURATION))
IMAGE: dict[str, Any] = {"kind": "Image", "image": {"image": "web:2"}}
SCRIPT: dict[str, Any] = {"kind": "Script", "script": {"run": "echo hello", "timeout_seconds": 60}}
PACKAGE: dict[str, Any] = {"kind": "Package", "package": {"name": "htop", "version": "3.2", "source": "packages"}}
STARTED = ago("1m")
PACKAGES = {"packages": {"install": "apt install $PACKAGE_NAME", "uninstall": "apt remove $PACKAGE_NAME"}}


def update(name: str = "u1", *, uid: str | None = None, at: datetime = STARTED, **fields: Any) -> Update:
    """One of group web, to an image by default. But for `status`, `removing` and `counted`: fields of its spec."""
    apart = {key: fields.pop(key) for key in ("removing", "counted", "generation") if key in fields}
    status = RollingUpdateStatus.model_validate(fields.pop("status", {}))
    wanted = {"scaling_group": "web"} | (IMAGE if "kind" not in fields else {}) | fields
    made: dict[str, Any] = {"generation": 1} | apart
    spec = RollingUpdateSpec.model_validate(wanted)
    return Update(name, uid or f"uid-{name}", made.pop("generation"), at, spec, status, **made)


def run_status(count: int = 10, **fields: Any) -> UpdateRunStatus:
    """What a group of so many instances remembers of u1, which started a minute ago."""
    given: dict[str, Any] = {
        "name": "u1",
        "uid": "uid-u1",
        "started_at": STARTED,
        "members": (OrdinalRange(first=0, count=count),),
        "batches": 1,
    }
    return UpdateRunStatus.model_validate(given | fields)


def in_update(
    instances: Iterable[Instance],
    desired: int = 10,
    *,
    wanted: dict[str, Any] | None = None,
    remembered: dict[str, Any] | None = None,
    group_spec: dict[str, Any] | None = None,
    **fields: Any,
) -> GroupView:
    """A view of a group of `desired` instances whose update u1 runs. `wanted`: fields of the update."""
    running = update(**({"status": {"start_time": STARTED, "phase": "Running"}} | (wanted or {})))
    given: dict[str, Any] = {
        "update": run_status(desired, **(remembered or {})),
        "updates": (running,),
        "revisions": REVISIONS,
        "packages": PACKAGES,
    }
    return view(group(desired, **(group_spec or {})), instances, **(given | fields))


def planned_for(*args: Any, **fields: Any) -> GroupPlan:
    """The plan for `in_update(…)`."""
    return plan_group(in_update(*args, **fields))


def status_of(plan: GroupPlan, name: str = "u1") -> RollingUpdateStatus:
    """What the update's own status is to say."""
    return next(report.status for report in plan.reports if report.name == name and report.kind == "RollingUpdate")
