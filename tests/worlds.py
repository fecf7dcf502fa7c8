"""Builders of worlds for tests of the planner: what is not said is as in a quiet group; the impossible is refused.

Ages are written as people say them: `instance("web-1", age="3d")` was created three days before `NOW`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from windlass.api.instance_refresh import InstanceRefreshSpec, InstanceRefreshStatus
from windlass.api.rollout import RolloutStatus
from windlass.api.scaling_activity import ScalingActivityStatus
from windlass.api.scaling_group import (
    ActivityResult,
    ActivityStatus,
    ActivityType,
    ConfigurationSource,
    HealthCheck,
    LaunchBackoff,
    RevisionStatus,
    ScalingGroupSpec,
    ScalingGroupStatus,
    ZoneStatus,
)
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.records import record_of
from windlass.planner.capacity.situation import Situation
from windlass.planner.capacity.steps import GroupPlan, Launch, Record, Remove
from windlass.planner.capacity.view import EndedRecord, GroupView, RefusedLaunch, Revision
from windlass.planner.digest import digest
from windlass.planner.group import plan_group, see
from windlass.planner.rollout.refresh import Refresh

NOW = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)
GROUP, GROUP_UID = "web", "group-uid"
CONFIGURATION: Mapping[str, Any] = {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}}
NEXT_CONFIGURATION: Mapping[str, Any] = {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}
THREE_ZONES = ("zone-a", "zone-b", "zone-c")

T = TypeVar("T")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class ImpossibleWorldError(Exception):
    """No cluster can be like this."""


def span(text: str) -> timedelta:
    """`"90s"`, `"3m"`, `"1h30m"`, `"2d"` as a duration."""
    parts = re.findall(r"(\d+)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration such as 90s, 3m, 1h30m or 2d")
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())


def ago(text: str) -> datetime:
    """The moment that long before NOW."""
    return NOW - span(text)


def later(text: str) -> datetime:
    """The moment that long after NOW."""
    return NOW + span(text)


# ---- what is wanted


def group(desired: int | None = 3, **fields: Any) -> ScalingGroupSpec:
    """A group's spec: 0 to 100 instances, in the scheduler's zones. `health_seconds`: the health check's interval."""
    if "health_seconds" in fields:
        fields["health_check"] = HealthCheck(interval_seconds=fields.pop("health_seconds"))
    return ScalingGroupSpec.model_validate(
        {
            "min_size": 0,
            "max_size": 100,
            "desired_size": desired,
            "configuration": ConfigurationSource(scaling_configuration=GROUP),
        }
        | fields
    )


# ---- what there is


def instance(
    name: str,
    *,
    zone: str | None = None,
    age: str = "1d",
    scheduled: str | None = "",
    unschedulable: str | None = None,
    ready: str | None = "",
    not_ready: str | None = None,
    was_ready: bool | None = None,
    ended: bool = False,
    removing: bool = False,
    leaving: str | None = None,
    protected: bool = False,
    unclear_protection: str | None = None,
    cost: int = 0,
    node: str | None = "",
    revision: str = "web-1",
    problem: str | None = None,
) -> Instance:
    """One instance; of this name and no more, one that came into service as soon as it was created, a day ago.

    `scheduled`, `ready`, `not_ready`, `unschedulable`: how long it has been so; None: it is not. `not_ready` means that
    it was ready before. An instance that is `unschedulable` or not `scheduled` is not ready unless something says so.
    """
    created_at = ago(age)
    if unschedulable is not None and scheduled == "":
        scheduled = None
    if ready == "" and (scheduled is None or not_ready is not None or ended):
        ready = None
    changed = ready if ready is not None else not_ready
    made = Instance(
        namespace="default",
        group=GROUP_UID,
        name=name,
        uid=f"{name}-uid",
        resource_version="7",
        ordinal=int(name.rpartition("-")[2]),
        revision=revision,
        zone=zone,
        created_at=created_at,
        scheduled_at=None if scheduled is None else ago(scheduled) if scheduled else created_at,
        unschedulable_since=None if unschedulable is None else ago(unschedulable),
        node=(f"node-of-{name}" if node == "" else node) if scheduled is not None else None,
        ended=ended,
        ready=ready is not None,
        ready_changed_at=None if changed is None else ago(changed) if changed else created_at,
        was_ready=(ready is not None or not_ready is not None) if was_ready is None else was_ready,
        removing=removing,
        leaving_since=None if leaving is None else ago(leaving),
        protected=protected,
        unclear_protection=unclear_protection,
        deletion_cost=cost,
        problem=problem,
    )
    _refuse(_impossible(made, said_node=bool(node)), made.name)
    return made


def pending(name: str, **fields: Any) -> Instance:
    """An instance that was created and scheduled ten seconds ago and has not been ready yet."""
    return instance(name, **({"age": "10s", "ready": None} | fields))


def fleet(count: int, *, zones: Iterable[str | None] = (None,), first: int = 0, **fields: Any) -> tuple[Instance, ...]:
    """Alike instances from web-<first> on, in these zones in turn."""
    places = tuple(zones)
    names = (f"{GROUP}-{first + n}" for n in range(count))
    return tuple(instance(name, zone=places[n % len(places)], **fields) for n, name in enumerate(names))


def _impossible(i: Instance, *, said_node: bool) -> Iterable[str]:
    if i.created_at > NOW:
        yield "it is created in the future"
    if i.scheduled_at is None and (i.ready or i.was_ready):
        yield "it was ready without having been scheduled"
    if i.scheduled_at is None and said_node:
        yield "it is on a node without having been scheduled"
    if i.scheduled_at is None and i.ended:
        yield "its Pod ended without having been scheduled"
    if i.scheduled_at is not None and i.unschedulable_since is not None:
        yield "it is scheduled and unschedulable"
    if i.ready and not i.was_ready:
        yield "it is ready and was never ready"
    if i.ready and i.ended:
        yield "its Pod has ended and is ready"
    if i.was_ready and not i.ready and not i.ended and i.ready_changed_at is None:
        yield "it was ready and nothing says since when it is not"
    if i.ready_changed_at is not None and not i.was_ready:
        yield "its readiness changed and it was never ready"
    for moment in (i.scheduled_at, i.ready_changed_at, i.unschedulable_since):
        if moment is not None and not i.created_at <= moment <= NOW:
            yield "something happened to it before it was created, or in the future"


# ---- what the group remembers


def activity(type_: str = "ScaleOut", *, number: int = 1, **fields: Any) -> ActivityStatus:
    """An activity that began a minute ago and runs; with `ended="5m"` one that ended so long ago, as `result`."""
    ended, started = fields.pop("ended", None), fields.pop("started", None)
    if ended is not None:
        fields = {"result": "Successful", "description": "it is over", "launched": 0, "capacity_after": 0} | fields
        fields["ended_at"] = ago(ended)
    wanted = {"name": f"{GROUP}-a{number}", "type": type_, "cause": "somebody wanted it", "from_": 0, "to": 3}
    began = ago(started) if started else (fields["ended_at"] - span("1m") if ended else ago("1m"))
    made = ActivityStatus.model_validate(wanted | {"started_at": began, "first_ordinal": 0} | fields)
    _refuse(_impossible_activity(made), made.name)
    return made


def _impossible_activity(a: ActivityStatus) -> Iterable[str]:
    if (a.ended_at is None) != (a.result is None):
        yield "it ended without a result, or the other way round"
    if a.started_at > NOW or (a.ended_at is not None and not a.started_at <= a.ended_at <= NOW):
        yield "it ended before it began, or in the future"
    if a.launching is not None and a.launching.first < a.first_ordinal:
        yield "it launches instances that are not its own"


def backoff(failures: int = 1, *, retry: str = "30s", expired: bool = False, **fields: Any) -> LaunchBackoff:
    """Failed launches that are tried again `retry` from now, or have been due for so long (`expired`)."""
    wanted = {
        "failures": failures,
        "retry_at": ago(retry) if expired else later(retry),
        "reason": "exited with 1",
        "revision": "web-1",
        "generation": 1,
    }
    return LaunchBackoff.model_validate(wanted | fields)


def failed_zone(name: str, *, until: str = "3m", over: str | None = None, failures: int = 1) -> ZoneStatus:
    """A zone that is left out for `until` from now, or was until `over` before now."""
    moment = ago(over) if over is not None else later(until)
    return ZoneStatus(name=name, failed_until=moment, failures=failures, reason="0/2 nodes are available")


def revision(name: str = "web-1", number: int = 1, configuration: Mapping[str, Any] = CONFIGURATION) -> Revision:
    """A kept revision of the group's ScalingConfiguration."""
    source = {"kind": "ScalingConfiguration", "name": GROUP}
    return Revision(name, number, {"source": source, "configuration": configuration})


def added(name: str = "web-1", when: str = "30d") -> RevisionStatus:
    """What the status remembers of a kept revision."""
    return RevisionStatus(name=name, configuration=f"ScalingConfiguration/{GROUP}", added_at=ago(when))


def ended_records(count: int, *, first: int = 1, age: str = "1h") -> tuple[EndedRecord, ...]:
    """Records of activities that ended, a second apart."""
    return tuple(EndedRecord(f"{GROUP}-a{first + n}", ago(age) + timedelta(seconds=n)) for n in range(count))


# ---- tasks on the group


def refresh(
    name: str = "r1",
    *,
    age: str = "1m",
    status: Mapping[str, Any] | None = None,
    approved: int = 0,
    removing: bool = False,
    generation: int = 1,
    **spec: Any,
) -> Refresh:
    """An InstanceRefresh of the group that nobody has looked at; `spec` and `status` by the models' own field names."""
    return Refresh(
        name,
        f"{name}-uid",
        generation,
        ago(age),
        InstanceRefreshSpec.model_validate({"scaling_group": GROUP} | spec),
        InstanceRefreshStatus.model_validate(status or {}),
        approved=approved,
        removing=removing,
    )


def rollout(name: str = "r1", *, started: str = "1m", progress: str | None = None, **fields: Any) -> RolloutStatus:
    """What the group remembers of a refresh that runs, from revision web-1, its own configuration, to web-2."""
    wanted = {
        "kind": "InstanceRefresh",
        "name": name,
        "uid": f"{name}-uid",
        "started_at": ago(started),
        "from_revision": "web-1",
        "to_revision": "web-2",
        "own": digest(revision().data),
        "first_ordinal": 0,
        "progress_at": ago(progress or started),
    }
    return RolloutStatus.model_validate(wanted | fields)


# ---- the whole


def view(
    spec: ScalingGroupSpec | None = None,
    instances: Iterable[Instance] = (),
    *,
    activity: ActivityStatus | None = None,
    backoff: LaunchBackoff | None = None,
    rollout: RolloutStatus | None = None,
    update: UpdateRunStatus | None = None,
    zones: Iterable[ZoneStatus] = (),
    record: ScalingActivityStatus | str | None = "kept",
    revisions: Iterable[Revision] | None = None,
    added_at: Iterable[RevisionStatus] | None = None,
    next_ordinal: int | None = None,
    next_activity: int | None = None,
    history: Iterable[EndedRecord] = (),
    configuration: Mapping[str, Any] | None = CONFIGURATION,
    generation: int = 1,
    now: datetime = NOW,
    refusals: Iterable[RefusedLaunch] = (),
    settled: Iterable[int] = (),
    taken: Iterable[int] = (),
    **fields: Any,
) -> GroupView:
    """A view of a group whose configuration is kept and whose records say what the status says.

    `record`: "kept": as the activity is; "open": still InProgress; None: there is none.
    """
    there, spec = tuple(instances), spec or group()
    kept = (revision(),) if revisions is None else tuple(revisions)
    status = ScalingGroupStatus(
        observed_generation=generation,
        activity=activity,
        launch_backoff=backoff,
        rollout=rollout,
        update=update,
        zones=tuple(zones),
        revisions=tuple(added(r.name) for r in kept) if added_at is None else tuple(added_at),
        next_ordinal=max((i.ordinal for i in there), default=-1) + 1 if next_ordinal is None else next_ordinal,
        next_activity=_next_activity(activity) if next_activity is None else next_activity,
    )
    made = GroupView(
        namespace="default",
        name=GROUP,
        uid=GROUP_UID,
        generation=generation,
        spec=spec,
        status=status,
        now=now,
        instances=there,
        configuration=configuration,
        revisions=kept,
        record=_record(activity, record, status.next_ordinal),
        history=tuple(history),
        settled=frozenset(settled).union(taken),
        taken=frozenset(taken),
        refusals=tuple(refusals),
        **fields,
    )
    _refuse(_impossible_view(made), made.name)
    return made


def _next_activity(activity: ActivityStatus | None) -> int:
    return int(activity.name.rpartition("-a")[2]) + 1 if activity else 1


def _record(
    activity: ActivityStatus | None, record: ScalingActivityStatus | str | None, next_ordinal: int
) -> ScalingActivityStatus | None:
    if not isinstance(record, str) or activity is None:
        return None if isinstance(record, str) else record
    running = activity.model_copy(update={"ended_at": None, "result": None})
    return record_of(running if record == "open" else activity, GROUP, next_ordinal)


def _impossible_view(v: GroupView) -> Iterable[str]:
    names = [i.name for i in v.instances]
    if len(set(names)) != len(names):
        yield "two instances have one name"
    if any(not name.startswith(f"{GROUP}-") for name in names):
        yield "an instance does not bear the group's name"
    if any(i.created_at > v.now for i in v.instances):
        yield "an instance is created in the future"
    if v.record is not None and v.status.activity is None:
        yield "there is a record of no activity"
    if len({r.name for r in v.revisions}) != len(v.revisions):
        yield "two revisions have one name"
    if any(r.failures and r.failed_until is None and r.next_try is None for r in v.status.zones):
        yield "a zone failed and nothing says until when"


def _refuse(reasons: Iterable[str], what: str) -> None:
    found = next(iter(reasons), None)
    if found is not None:
        raise ImpossibleWorldError(f"{what}: {found}")


# ---- looking at plans


def planned(*args: Any, **fields: Any) -> GroupPlan:
    """The plan for `view(…)`."""
    return plan_group(view(*args, **fields))


def situation(*args: Any, **fields: Any) -> Situation:
    """What the rules look at in `view(…)`."""
    return see(view(*args, **fields))


def steps_of_kind(plan: GroupPlan, kind: type[T]) -> list[T]:
    """The plan's steps of one kind."""
    return [step for step in plan.steps if isinstance(step, kind)]


def launches(plan: GroupPlan) -> list[Launch]:
    """What is created."""
    return [step for step in plan.steps if isinstance(step, Launch)]


def removals(plan: GroupPlan) -> list[Remove]:
    """What is deleted."""
    return [step for step in plan.steps if isinstance(step, Remove)]


def leaving(plan: GroupPlan) -> list[str]:
    """The names of what is deleted."""
    return [step.name for step in removals(plan)]


def records(plan: GroupPlan) -> list[Record]:
    """The records that are written."""
    return [step for step in plan.steps if isinstance(step, Record)]


def after(before: GroupView, plan: GroupPlan, **changes: Any) -> GroupView:
    """The view of the next pass, in which the status has been written and nothing else is known to have happened.

    The record says what it was told to, unless `changes` says otherwise.
    """
    written = on_wire(plan.status)
    told = next((step.status for step in plan.steps if isinstance(step, Record)), before.record)
    return replace(before, **({"status": written, "record": told} | changes))


def on_wire(status: ScalingGroupStatus) -> ScalingGroupStatus:
    """The status as it is read again: times to the second."""
    return ScalingGroupStatus.model_validate_json(status.model_dump_json(by_alias=True))


def result_of(plan: GroupPlan) -> ActivityResult | None:
    """How the activity ended in this plan."""
    return plan.status.activity.result if plan.status.activity else None


def type_of(plan: GroupPlan) -> ActivityType | None:
    """What the plan's activity changes."""
    return plan.status.activity.type if plan.status.activity else None
