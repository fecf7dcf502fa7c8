"""Why a group is as it is: all that can be said about it, as values."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from windlass.api.common import NODE_ZONE_LABEL, PROTECT_ANNOTATION
from windlass.api.processes import Process
from windlass.api.scaling_activity import ScalingActivityStatus
from windlass.api.scaling_group import DeletionPolicy
from windlass.cli.operator_sign import Complaint, LastChange, SeenLease, Sign, last_change, sign_of
from windlass.cli.subjects.group.forecast import acting, step_line
from windlass.cli.text import age
from windlass.cluster.deletion_guard import DeletionGuard
from windlass.planner.capacity.instance import Instance, Patience, State
from windlass.planner.capacity.reasons import (
    ConfigurationMissing,
    Disabled,
    HeldBack,
    HeldUp,
    LaunchesFail,
    NoZoneLeft,
    OnlyProtectedLeft,
    ProcessSuspended,
    TemplateRefused,
)
from windlass.planner.capacity.reasons_deletion import DeletionUnguarded
from windlass.planner.capacity.reasons_launches import MeantToEnd, NoZoneTakes
from windlass.planner.capacity.reasons_source import LaunchTemplateMissing, VersionMissing
from windlass.planner.capacity.revisions import meant_to_end
from windlass.planner.capacity.situation import Situation, desired_cut
from windlass.planner.capacity.source import named_source, own_data
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group, see
from windlass.planner.reason import Reason, names
from windlass.planner.reasons import PassFailed

MOST_ACTIVITIES = 5
MOST_NAMED = 10  # Pods in one command
LINGERING = timedelta(minutes=1)  # longer than a kubelet needs to tell that a Pod is gone
RECENTLY = timedelta(minutes=10)  # the longest pause between two tries of a pass, twice
OPERATOR_ADVICE = "look after the operator: kubectl get deployments,pods -A -l app.kubernetes.io/name=windlass"
CRDS_ADVICE = "install Windlass' CRDs again; the group goes on within seconds"
TROUBLED = (State.FAILED, State.UNHEALTHY, State.NOT_READY, State.PENDING, State.REMOVING)

Body = Mapping[str, Any]
Advice = Callable[[GroupView, Any], str]


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that happens by itself at a moment."""

    until: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity as its record has it."""

    name: str
    status: ScalingActivityStatus


@dataclass(frozen=True, slots=True)
class Trouble:
    """An instance that does no work, and why."""

    name: str
    state: State
    problem: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that can be said about a group. `phase` and `said` are its status's; `reason` (a code) and `message` are
    so at this moment.

    `guarded`: whether a policy of the cluster enforces deletionPolicy; Unknown where one may not look at policies.
    """

    view: GroupView
    phase: str
    reason: str
    message: str
    said: str
    to_do: tuple[str, ...]
    holds: tuple[Reason, ...]
    waits: tuple[Wait, ...]
    troubles: tuple[Trouble, ...]
    cut: Reason | None
    outdated: int
    suspended: tuple[str, ...]
    activities: tuple[Activity, ...]
    records_readable: bool
    changed: LastChange | None
    source_changed: LastChange | None
    sign: Sign
    complaint: Complaint | None
    advice: tuple[str, ...]
    guarded: Literal["Yes", "No", "Unknown"]

    @property
    def unguarded(self) -> Reason | None:
        """That the group relies in vain on being guarded against its deletion, if so."""
        refuses = self.view.spec.deletion_policy is DeletionPolicy.REFUSE
        return DeletionUnguarded() if refuses and self.guarded == "No" else None


def explain(
    view: GroupView,
    metadata: Body,
    records: Iterable[Body] | None,
    leases: Sequence[SeenLease] | None,
    complaint: Complaint | None = None,
    guard: DeletionGuard | None = None,
    source: Body | None = None,
) -> Explanation:
    """Explain the group that is seen so. `metadata` is the group's own; `leases`, `guard` None: one may not look.

    `source`: its ScalingConfiguration or LaunchTemplate, to say who changed that last; None: there is none.

    `records` None: there is no such kind.
    """
    situation, plan, changed = see(view), plan_group(view), last_change(metadata)
    looked_at = view.status.observed_generation >= view.generation
    sign = sign_of(leases, looked_at=looked_at, changed=changed, now=view.now)
    return Explanation(
        view=view,
        phase=view.status.phase or "Unknown",
        reason=plan.status.conditions[0].reason,
        message=plan.status.message,
        said=view.status.message,
        to_do=tuple(step_line(step) for step in acting(plan)),
        holds=plan.holds,
        waits=tuple(_waits(situation, plan)),
        troubles=tuple(_troubles(situation)),
        cut=desired_cut(view.spec),
        outdated=plan.status.outdated,
        suspended=tuple(process.value for process in Process if view.suspends(process)),
        activities=_last_activities(records or ()),
        records_readable=records is not None,
        changed=changed,
        source_changed=last_change(source["metadata"]) if source is not None else None,
        sign=sign,
        complaint=complaint if complaint is not None and view.now - complaint.at < RECENTLY else None,
        advice=(
            *([OPERATOR_ADVICE] if sign.state == "Absent" else []),
            *([CRDS_ADVICE] if records is None else []),
            *_advice(view, plan),
            *_protection_advice(situation),
        ),
        guarded="Unknown" if guard is None else "Yes" if guard.covers(view.namespace) else "No",
    )


def _last_activities(records: Iterable[Body]) -> tuple[Activity, ...]:
    """The newest first."""
    found = [
        Activity(body["metadata"]["name"], ScalingActivityStatus.model_validate(body["status"]))
        for body in records
        if body.get("status")
    ]
    # By length first: web-a10 is newer than web-a9.
    found.sort(key=lambda each: (each.status.start_time, len(each.name), each.name), reverse=True)
    return tuple(found[:MOST_ACTIVITIES])


def _troubles(s: Situation) -> Iterator[Trouble]:
    for state in TROUBLED:
        for instance in s.census.of(state):
            problem = instance.problem or _lingering(instance, s.now)
            if problem is not None:
                yield Trouble(instance.name, state, problem)


def _lingering(instance: Instance, now: datetime) -> str | None:
    """What keeps an instance that should have been gone for a while."""
    if instance.leaving_since is None or now - instance.leaving_since < LINGERING:
        return None
    node = f"; its node {instance.node} may be gone" if instance.node else ""
    return f"deleted, and still there {age(instance.leaving_since, now)} after it should have been gone{node}"


# ---- what happens by itself


def _waits(s: Situation, plan: GroupPlan) -> list[Wait]:
    """In the order in which they come."""
    found = [*_instance_waits(s), *_zone_waits(s)]
    if s.backing_off is not None:
        found.append(Wait(s.backing_off.retry_at, "launching is tried again"))
    if plan.wake_at is not None and plan.wake_at > s.now and all(wait.until != plan.wake_at for wait in found):
        found.append(Wait(plan.wake_at, "the operator looks again, if nothing happens before"))
    return sorted(found, key=lambda wait: wait.until)


def _instance_waits(s: Situation) -> Iterator[Wait]:
    """Instances that change by time alone, those that do so together in one line."""
    together: defaultdict[tuple[datetime, str], list[str]] = defaultdict(list)
    for instance, until, what in _changes_by_time(s):
        together[until, what].append(instance.name)
    for (until, what), named in together.items():
        yield Wait(until, f"{names(tuple(named))}: {what}")


def _changes_by_time(s: Situation) -> Iterator[tuple[Instance, datetime, str]]:
    spec = s.spec
    for instance in s.census.of(State.PENDING):
        if instance.ready and instance.ready_changed_at is not None:
            until = instance.ready_changed_at + timedelta(seconds=spec.min_ready_seconds)
            yield instance, until, f"in service, if still ready then (minReadySeconds {spec.min_ready_seconds})"
        elif instance.scheduled_at is not None:
            until = instance.scheduled_at + timedelta(seconds=spec.launch_timeout_seconds)
            limit = f"launchTimeoutSeconds {spec.launch_timeout_seconds}"
            yield instance, until, f"failed, and replaced, unless ready by then ({limit})"
        elif instance.unschedulable_since is not None and instance.zone is not None:
            until = instance.unschedulable_since + s.zone_patience
            if until > s.now:
                limit = f"zoneFailureSeconds {spec.zone_failure_seconds}"
                yield instance, until, f"{instance.zone} counts as failed, unless scheduled by then ({limit})"
    for instance in s.census.of(State.NOT_READY):
        if instance.ready_changed_at is not None:
            interval = Patience.of(spec).health_interval
            until = instance.ready_changed_at + interval
            limit = f"healthCheck.intervalSeconds {spec.health_check.interval_seconds}"
            yield instance, until, f"unhealthy, and replaced, unless ready by then ({limit})"


def _zone_waits(s: Situation) -> Iterator[Wait]:
    for name, zone in s.zones.failed.items():
        if zone.until > s.now:
            yield Wait(zone.until, f"{name} is tried again with one instance; left out until then: {zone.reason}")


# ---- what people can do


def _advice(view: GroupView, plan: GroupPlan) -> Iterator[str]:
    for reason in dict.fromkeys((*plan.holds, plan.why)):
        advice = ADVICE.get(type(reason))
        if advice is not None:
            yield advice(view, reason)
    if any(c.reason == PassFailed.__name__ for c in view.status.conditions):
        yield "the operator's own passes fail: look at its log"
    cut = desired_cut(view.spec)
    if cut is not None:
        size = max(view.spec.min_size, min(view.spec.max_size, view.spec.desired_size or 0))
        yield f"set desiredSize to what is in effect: kubectl windlass scale group {view.name} {size}{_in(view)}"
    data = own_data(view)
    policy = meant_to_end(data["configuration"]) if data is not None else None
    if policy is not None:
        yield str(MeantToEnd(named_source(view), policy))
    runs = plan.status.rollout is not None or plan.status.update is not None
    if plan.status.outdated and not plan.holds and view.spec.enabled and not runs:
        yield f"replace outdated instances in batches: kubectl windlass refresh {view.name}{_in(view)}"


def _protection_advice(s: Situation) -> Iterator[str]:
    """The way out for instances that are of no use and protected, and for what was meant to protect and does not."""
    dead = [i.name for i in s.census.of(State.FAILED, State.UNHEALTHY) if i.protected]
    if dead:
        pods = " ".join(dead[:MOST_NAMED])
        yield f"have what is of no use replaced: kubectl annotate pod {pods} {PROTECT_ANNOTATION}-{_in(s.view)}"
    if s.census.unclear:
        pods = " ".join(i.name for i in s.census.unclear[:MOST_NAMED])
        command = f"kubectl annotate --overwrite pod {pods} {PROTECT_ANNOTATION}=true{_in(s.view)}"
        yield f"if they are meant to be protected: {command}"


def _in(view: GroupView) -> str:
    """The flag for the group's namespace: whoever pastes a command may stand in another one."""
    return f" -n {view.namespace}"


def _resume(view: GroupView, reason: ProcessSuspended) -> str:
    process = Process(reason.process)
    update = next((each for each in view.updates if each.name == view.suspender(process)), None)
    if update is None or process in view.spec.suspended_processes:
        return f"let it go on: take {reason.process} out of spec.suspendedProcesses"
    if update.task.final:
        delete = f"kubectl delete rollingupdate {update.name}{_in(view)}"
        return f"let it go on: {delete} (it has ended, and suspends {reason.process} as long as it exists)"
    see = f"kubectl windlass explain update {update.name}{_in(view)}"
    return f"it goes on when RollingUpdate {update.name} has ended: {see}"


def _launches(view: GroupView, reason: LaunchesFail) -> str:
    return (
        "correct what the last launch said, or take away what refuses it (a quota, a policy): it is tried again by"
        " itself, and at once when the configuration or the group changes"
    )


def _describe(view: GroupView, reason: HeldUp | NoZoneLeft | NoZoneTakes) -> str:
    return f"see what its Pod says: kubectl describe pod {reason.name}{_in(view)}"


def _look_at_zones(view: GroupView, reason: NoZoneLeft | NoZoneTakes) -> str:
    return (
        f"compare spec.zones with what the nodes say: kubectl get nodes -L {NODE_ZONE_LABEL}; {_describe(view, reason)}"
    )


def _let_go(view: GroupView, reason: HeldBack) -> str:
    return f"find out what is to happen before {reason.name} may go: kubectl get pod {reason.name} -o yaml{_in(view)}"


def _unprotect(view: GroupView, reason: OnlyProtectedLeft) -> str:
    return f"let the group choose among them: kubectl annotate pod NAME {PROTECT_ANNOTATION}-{_in(view)}"


def _create(view: GroupView, reason: ConfigurationMissing) -> str:
    return f"create ScalingConfiguration {reason.name}; `kubectl windlass plan -f FILE` shows what would come of it"


def _create_template(view: GroupView, reason: LaunchTemplateMissing) -> str:
    return f"create LaunchTemplate {reason.name}; `kubectl windlass plan -f FILE` shows what would come of it"


def _name_another(view: GroupView, reason: VersionMissing) -> str:
    return (
        f"add version {reason.version} to LaunchTemplate {reason.name}, or name one that it has in"
        " spec.configuration.launchTemplate.version"
    )


def _correct(view: GroupView, reason: TemplateRefused) -> str:
    if view.spec.configuration.launch_template is None:
        return f"correct spec.template of {reason.source}; the group goes on by itself"
    return (
        f"{reason.source} cannot be changed: add a corrected version to the template; the group goes on by itself"
        " where it asks for Latest, or for Default and that is the new one"
    )


def _enable(view: GroupView, reason: Disabled) -> str:
    patch = """'{"spec":{"enabled":true}}'"""
    return f"enable it: kubectl patch scalinggroup {view.name} {_in(view)[1:]} --type merge -p {patch}"


ADVICE: Mapping[type[Reason], Advice] = {
    ProcessSuspended: _resume,
    LaunchesFail: _launches,
    HeldUp: _describe,
    NoZoneLeft: _look_at_zones,
    NoZoneTakes: _look_at_zones,
    HeldBack: _let_go,
    OnlyProtectedLeft: _unprotect,
    ConfigurationMissing: _create,
    LaunchTemplateMissing: _create_template,
    VersionMissing: _name_another,
    TemplateRefused: _correct,
    Disabled: _enable,
}
