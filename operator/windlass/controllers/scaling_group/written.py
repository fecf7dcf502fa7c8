"""A group's view as far as it is written in the cluster: without what a process remembers, and without any I/O."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from windlass.api.launch_template import LaunchTemplateReference
from windlass.api.scaling_activity import FINAL_PHASES, ScalingActivityStatus
from windlass.api.scaling_group import ScalingGroupSpec, ScalingGroupStatus
from windlass.cluster.errors import Invalid
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.view import EndedRecord, GroupView, Revision
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.refresh import Refresh, Sources
from windlass.planner.tasks import FINAL

Body = Mapping[str, Any]


def view_of(
    group: Body,
    spec: ScalingGroupSpec,
    status: ScalingGroupStatus,
    now: datetime,
    *,
    configuration: Body | None,
    instances: Iterable[Instance],
    orphans: Iterable[Instance],
    revisions: Iterable[Revision],
    record: Body | None,
    records: Mapping[str, Body],
    refreshes: tuple[Refresh, ...] = (),
    sources: Sources | None = None,
    updates: tuple[Update, ...] = (),
    packages: Mapping[str, Mapping[str, str] | None] | None = None,
    template: Body | None = None,
) -> GroupView:
    """The view of a group whose spec and status these are, to a process that knows nothing beside.

    `record` is that of the last activity, if there is one; `records` are all of the group, by name. `sources`: what
    its `refreshes` name; `packages`: what its `updates` do. `configuration` and `template`: the objects that its spec
    names.
    """
    metadata = group["metadata"]
    return GroupView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        spec=spec,
        status=status,
        now=now,
        instances=tuple(instances),
        orphans=tuple(orphans),
        configuration=configuration["spec"] if configuration else None,
        template=template["spec"] if template else None,
        revisions=tuple(revisions),
        record=read_record(record),
        history=tuple(_ended(records)),
        deleting="deletionTimestamp" in metadata,
        refreshes=refreshes,
        sources=sources or Sources(),
        updates=updates,
        packages=packages or {},
    )


def named_by(refreshes: Iterable[Refresh]) -> tuple[set[str], list[LaunchTemplateReference]]:
    """The ScalingConfigurations and the versions of LaunchTemplates that refreshes which are not over name."""
    wanted = [
        each.spec.desired_configuration
        for each in refreshes
        if each.spec.desired_configuration and each.status.phase not in FINAL
    ]
    configurations = {each.scaling_configuration for each in wanted if each.scaling_configuration is not None}
    return configurations, [each.launch_template for each in wanted if each.launch_template is not None]


def parse_spec(group: Body) -> ScalingGroupSpec:
    """The group's spec; Invalid if it is none, which only a CRD of another version lets through."""
    try:
        return ScalingGroupSpec.model_validate(group["spec"])
    except ValidationError as error:
        raise _invalid("spec", error) from error


def _invalid(part: str, error: ValidationError) -> Invalid:
    first = error.errors()[0]
    where = ".".join(str(place) for place in (part, *first["loc"]))
    return Invalid(f"reading {where}: {first['msg']}", code=422, reason="Invalid")


def parse_status(group: Body) -> ScalingGroupStatus:
    """The group's status; an empty one where there is none yet. Invalid if it is of a version that this cannot read."""
    try:
        return ScalingGroupStatus.model_validate(group.get("status") or {})
    except ValidationError as error:
        raise _invalid("status", error) from error


def read_record(body: Body | None) -> ScalingActivityStatus | None:
    """What a record says; None where it says nothing, or what no record would: then it is written anew."""
    if body is None or not body.get("status"):
        return None
    try:
        return ScalingActivityStatus.model_validate(body["status"])
    except ValidationError:
        return None


def _ended(records: Mapping[str, Body]) -> Iterator[EndedRecord]:
    for name, record in sorted(records.items()):
        status = record.get("status") or {}
        if status.get("phase") in FINAL_PHASES:
            with suppress(KeyError, TypeError, ValueError):  # somebody else's idea of a record
                yield EndedRecord(name, datetime.fromisoformat(status["startTime"]))
