"""Instances in the middle of an update, and what a plan says and does about it."""

from dataclasses import replace
from typing import Any

from tests.updates import status_of
from tests.worlds import ago, instance
from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import InstanceResult
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import ChangeImage, GroupPlan, InstanceOutcome, KeepResults, RunScript
from windlass.planner.rolling_update.mark import Mark

UID = "uid-u1"


def told(plan: GroupPlan, name: str = "u1") -> tuple[str, str]:
    """The phase and the sentence of the status that the object of this name is to have."""
    status = next(report.status for report in plan.reports if report.name == name)
    return str(status.phase), status.message


def counts(plan: GroupPlan) -> tuple[int, int, int, int]:
    """Succeeded, failed, unknown, skipped."""
    status = status_of(plan)
    return status.succeeded, status.failed, status.unknown, status.skipped


def member(ordinal: int, mark: Mark | None = None, **fields: Any) -> Instance:
    """An instance, marked or not."""
    return replace(instance(f"web-{ordinal}", **fields), mark=mark)


def imaged(*, runs: str | None = "20s", begun: str = "50s", **fields: Any) -> Mark:
    """Of an image that was changed so long ago, and runs for so long."""
    shown = {"shown_image": "web:2", "running_since": ago(runs)} if runs is not None else {"shown_image": "web:1"}
    return Mark(**({"update": UID, "container": "web", "image": "web:2", "begun_at": ago(begun)} | shown | fields))


def scripted(result: InstanceResult | None = InstanceResult.SUCCEEDED, *, begun: str = "50s", **fields: Any) -> Mark:
    """Of a script that began so long ago, and its result."""
    given = {"begun_at": ago(begun), "result": result, "ended_at": ago("5s") if result is not None else None}
    return Mark(**({"update": UID, "container": "web", "run": "r"} | given | fields))


def ranges(*ordinals: int) -> tuple[OrdinalRange, ...]:
    """Each by itself."""
    return tuple(OrdinalRange(first=ordinal, count=1) for ordinal in ordinals)


def changed(plan: GroupPlan) -> list[str]:
    """Whose image is changed."""
    return [step.name for step in plan.steps if isinstance(step, ChangeImage)]


def run_in(plan: GroupPlan) -> list[str]:
    """In whom a script is run."""
    return [step.name for step in plan.steps if isinstance(step, RunScript)]


def kept(plan: GroupPlan) -> tuple[InstanceOutcome, ...]:
    """The results that are kept."""
    return next((step.outcomes for step in plan.steps if isinstance(step, KeepResults)), ())


def results(plan: GroupPlan) -> dict[str, str]:
    """The same, by name."""
    return {each.name: str(each.result) for each in kept(plan)}
