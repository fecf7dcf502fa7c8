"""A group that is not being updated: its Pod is there or comes back, and the status says how it is."""

from windlass.api.container_group import ContainerGroupStatus, Disruption, Phase, UpdateResult, UpdateStatus
from windlass.planner.conditions import Readiness
from windlass.planner.containergroup.ladder import everyone
from windlass.planner.containergroup.parts import CREDENTIALS, Change
from windlass.planner.containergroup.pod import changes_of
from windlass.planner.containergroup.presence import depart, make, node_lost_at, silent_since, supporting, surplus
from windlass.planner.containergroup.reasons import (
    AllEnded,
    NotAsAsked,
    NotReady,
    PodComesUp,
    PodDiffers,
    ResizeTakenBack,
    RunsAsAsked,
    SomeEndedBadly,
)
from windlass.planner.containergroup.reported import is_well, problem, settles_at
from windlass.planner.containergroup.steps import ContainerGroupPlan, Resize, Step, WriteSecret
from windlass.planner.containergroup.telling import Move, told
from windlass.planner.containergroup.view import PENDING_RESIZES, ContainerGroupView, Pod
from windlass.planner.plan import Event, Plan
from windlass.planner.reason import Reason

OVER = frozenset({Phase.SUCCEEDED, Phase.FAILED})
_NOT_APPLIED = frozenset({UpdateResult.FAILED, UpdateResult.REFUSED})


def at_rest(v: ContainerGroupView, status: ContainerGroupStatus, *events: Event) -> ContainerGroupPlan:
    """What is done and said where no update runs. A group that is over stays over, also without its Pod."""
    pod = v.pod
    if status.phase in OVER:
        return Plan(status, NotAsAsked(status.message), events=events)
    if pod is None:
        return _moves(v, status, make(v, again=bool(status.pod_name)), events)
    leaving = depart(v, pod)
    if leaving is not None:
        return _moves(v, status, leaving, events)
    found = changes_of(v.group, pod)
    steps = _mends(v, status, pod, found)
    phase, readiness, why = _standing(v, status, pod, found)
    made = told(v, status, phase, readiness, why, steps)
    holds = (why,) if isinstance(why, NotAsAsked) else ()
    moments = (node_lost_at(v), settles_at(pod, everyone(v.group.spec)) if _has_failed(status) else None)
    wake_at = min((each for each in moments if each is not None and each > v.now), default=None)
    return Plan(made, why, steps, holds, events, wake_at)


def _moves(
    v: ContainerGroupView, status: ContainerGroupStatus, move: Move, events: tuple[Event, ...]
) -> ContainerGroupPlan:
    readiness: Readiness = "Stalled" if move.stuck else "Reconciling"
    made = told(v, status, Phase.PENDING, readiness, move.why, move.steps)
    return Plan(made, move.why, move.steps, events=(*events, *move.events), wake_at=move.wake_at)


def _mends(
    v: ContainerGroupView, status: ContainerGroupStatus, pod: Pod, found: tuple[Change, ...]
) -> tuple[Step, ...]:
    """What is put right without an update."""
    update = status.last_update
    if update is not None and update.result in _NOT_APPLIED and pod.resizing in PENDING_RESIZES:
        had = {each.name: each.sizes for each in pod.reports}
        asked = {each.name: each.sizes for each in pod.containers}
        back = {name: sizes for name, sizes in had.items() if sizes is not None and sizes != asked.get(name)}
        if back and v.refused("Resize") is None:
            return (Resize(v.group.name, pod.uid, back, ResizeTakenBack(v.group.name)),)
    if not found:
        return (*supporting(v), *surplus(v))
    if any(each.part == CREDENTIALS for each in found):
        return ()
    return tuple(step for step in supporting(v) if isinstance(step, WriteSecret))  # a password may have been changed


def _standing(
    v: ContainerGroupView, status: ContainerGroupStatus, pod: Pod, found: tuple[Change, ...]
) -> tuple[Phase, Readiness, Reason]:
    spec, update = v.group.spec, status.last_update
    total = len(spec.containers)
    reports = {each.name: each for each in pod.reports}
    ready = sum(1 for each in spec.containers if each.name in reports and is_well(pod, reports[each.name]))
    silent = _node_trouble(v, pod)  # then what is reported of the containers is old
    trouble = silent or problem(pod)
    if pod.phase == "Succeeded":
        return Phase.SUCCEEDED, "Ready", AllEnded()
    if pod.phase == "Failed":
        return Phase.FAILED, "Stalled", SomeEndedBadly(trouble or "they ended")
    phase = Phase.RUNNING if pod.phase == "Running" else Phase.PENDING
    failed = _has_failed(status)
    well = phase is Phase.RUNNING and ready == total and silent is None and not (failed and _settles(v, pod))
    if update is not None and ((found and _is_not_applied(update)) or (failed and not well)):
        return phase, "Stalled", NotAsAsked(update.reason)
    if found:
        return phase, "Idle", PodDiffers(tuple(str(each) for each in found))
    if well:
        return phase, "Ready", RunsAsAsked(total)
    said = f": {trouble}" if trouble else ""
    return (
        phase,
        "Reconciling",
        PodComesUp(ready, total, said) if phase is Phase.PENDING else NotReady(ready, total, said),
    )


def _is_not_applied(update: UpdateStatus) -> bool:
    """Whether it asked for something that it did not bring: one that had nothing to change lacks nothing."""
    return update.result in _NOT_APPLIED and bool(update.parts)


def _has_failed(status: ContainerGroupStatus) -> bool:
    return status.last_update is not None and status.last_update.result is UpdateResult.FAILED


def _settles(v: ContainerGroupView, pod: Pod) -> bool:
    """Whether a container has been started just now, and may crash once more."""
    until = settles_at(pod, everyone(v.group.spec))
    return until is not None and v.now < until


def _node_trouble(v: ContainerGroupView, pod: Pod) -> str | None:
    return f"its node {pod.node} does not answer" if silent_since(v) is not None else None


def restarts_text(disruption: Disruption, restarts: tuple[str, ...]) -> str:
    """What an update starts again, for a sentence."""
    if disruption is Disruption.RECREATE:
        return ", the Pod is made anew"
    return f", {', '.join(restarts)} restarted" if restarts else ", nothing restarted"
