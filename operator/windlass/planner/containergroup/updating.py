"""An update that has begun: what its rung asks for, step by step, until the kubelet reports that it is so, or not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.api.container_group import ContainerGroupStatus, Disruption, Phase, UpdateResult, UpdateStatus
from windlass.planner.containergroup.ladder import allows, everyone
from windlass.planner.containergroup.parts import What
from windlass.planner.containergroup.pod import changes_of, made_from, manifest, patch
from windlass.planner.containergroup.presence import depart, make, missing_secrets, node_lost_at, supporting
from windlass.planner.containergroup.reasons import (
    PodReplaced,
    SecretMissing,
    UpdateApplied,
    UpdateDone,
    UpdateFailed,
    UpdateGoesOn,
    UpdateRises,
)
from windlass.planner.containergroup.reported import (
    crashed,
    ended_before,
    has_ended_with_its_old_image,
    lacking,
    not_resized,
    problem,
    settles_at,
)
from windlass.planner.containergroup.resting import at_rest, restarts_text
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.steps import ContainerGroupPlan, DeletePod, Resize
from windlass.planner.containergroup.telling import Move, told
from windlass.planner.containergroup.view import ContainerGroupView, Pod, Resizing
from windlass.planner.plan import Event, Plan
from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class _Waits:
    """Nothing can be done, for this reason. `until`: when time alone changes that; then all is done."""

    what: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """All is as asked."""


@dataclass(frozen=True, slots=True)
class _Fails:
    """It cannot come to a good end."""

    because: str


@dataclass(frozen=True, slots=True)
class _Rises:
    """The way that was taken does not lead on. `asks`: whether the ceiling says if the Pod may be made anew."""

    because: str
    asks: bool = True


_Next = Move | _Waits | _Done | _Fails | _Rises


def go_on(
    v: ContainerGroupView, status: ContainerGroupStatus, update: UpdateStatus, *events: Event
) -> ContainerGroupPlan:
    """The next step of this update, or its end."""
    ahead = _next(v, update)
    if isinstance(ahead, _Rises):
        ceiling = v.group.spec.update.most_disruptive_allowed
        if ahead.asks and not allows(ceiling, Disruption.RECREATE):
            because = f"{ahead.because}; to make the Pod anew is more than mostDisruptiveAllowed, {ceiling}"
            return _end(v, status, update, UpdateFailed(update.parts, because), events)
        rises = UpdateRises(update.parts, ahead.because)
        risen = update.model_copy(
            update={"disruption": Disruption.RECREATE, "restarted_containers": everyone(v.group.spec)}
        )
        return go_on(v, status, risen, *events, Event("Normal", rises))
    due = update.start_time + timedelta(seconds=v.group.spec.update.deadline_seconds)
    over = v.now >= due
    match ahead:
        case _Fails(because):
            return _end(v, status, update, UpdateFailed(update.parts, because), events)
        case _Done():
            return _end(v, status, update, None, events)
        case _Waits(_, until) if over and until is not None:
            return _end(v, status, update, None, events)
        case _Waits(what, _) if over:
            return _end(v, status, update, UpdateFailed(update.parts, _late(v, what)), events)
        case Move(why) if over:
            return _end(v, status, update, UpdateFailed(update.parts, _late(v, str(why))), events)
        case _Waits(what, until):
            return _goes_on(v, status, update, what, Move(_about(update, what), wake_at=until), events, due)
        case Move(why):
            return _goes_on(v, status, update, str(why), ahead, events, due)


def _late(v: ContainerGroupView, what: str) -> str:
    return f"not done after {v.group.spec.update.deadline_seconds} s: {what}"


def _about(update: UpdateStatus, what: str) -> Reason:
    return UpdateGoesOn(update.parts, str(update.disruption), what)


def _goes_on(
    v: ContainerGroupView,
    status: ContainerGroupStatus,
    update: UpdateStatus,
    what: str,
    move: Move,
    events: tuple[Event, ...],
    due: datetime,
) -> ContainerGroupPlan:
    why = _about(update, what)
    going = status.model_copy(update={"last_update": update})
    made = told(v, going, Phase.UPDATING, "Stalled" if move.stuck else "Reconciling", why, move.steps)
    wake_at = min(each for each in (due, move.wake_at, node_lost_at(v)) if each is not None)
    return Plan(made, why, move.steps, events=(*events, *move.events), wake_at=wake_at)


def _end(
    v: ContainerGroupView,
    status: ContainerGroupStatus,
    update: UpdateStatus,
    failure: UpdateFailed | None,
    events: tuple[Event, ...],
) -> ContainerGroupPlan:
    disruption = update.disruption or Disruption.METADATA
    why = failure or UpdateDone(update.parts, str(disruption), restarts_text(disruption, update.restarted_containers))
    ended = update.model_copy(
        update={
            "end_time": v.now,
            "result": UpdateResult.FAILED if failure else UpdateResult.SUCCESSFUL,
            "reason": str(why)[:1024],
        }
    )
    event = Event("Warning" if failure else "Normal", why)
    return at_rest(v, status.model_copy(update={"last_update": ended}), *events, event)


# ---- what is next


def _next(v: ContainerGroupView, update: UpdateStatus) -> _Next:
    pod = v.pod
    if update.disruption is Disruption.RECREATE:
        return make(v) if pod is None else _anew(v, update, pod)
    if pod is None or depart(v, pod) is not None:
        return _Rises("the Pod that was to be changed is gone", asks=False)
    return _in_place(v, update, pod)


def _anew(v: ContainerGroupView, update: UpdateStatus, pod: Pod) -> _Next:
    leaving = depart(v, pod)
    if leaving is not None:
        return leaving
    if made_from(pod) < update.generation:
        ceiling = v.group.spec.update.most_disruptive_allowed
        if not allows(ceiling, Disruption.RECREATE):
            return _Fails(f"the Pod that was lost is back, and mostDisruptiveAllowed is {ceiling}")
        missing = missing_secrets(v)
        if missing:
            return Move(SecretMissing(missing), stuck=True)
        refusal = v.refused("CreatePod")
        if refusal is not None:
            return _Fails(f"the API server refuses the new Pod, so the old one stays: {refusal.said}")
        why = PodReplaced(v.group.name, ", ".join(update.parts))
        return Move(why, (DeletePod(v.group.name, pod.uid, why, then=manifest(v.group)),))
    return _watched(v, pod, everyone(v.group.spec))


def _in_place(v: ContainerGroupView, update: UpdateStatus, pod: Pod) -> _Next:
    group, restarted = v.group, update.restarted_containers
    images = {What.IMAGE, What.IMAGE_OF_ENDED}
    # An image that somebody sets meanwhile is left to the next update: nothing is restarted that was not told.
    found = tuple(each for each in changes_of(group, pod) if each.what not in images or each.container in restarted)
    if pod.phase in {"Succeeded", "Failed"}:
        return _Fails(f"its containers ended before: {problem(pod) or 'with 0'}")
    over = next((each.container for each in found if each.what is What.IMAGE_OF_ENDED), None)
    if over is not None:
        return _Rises(has_ended_with_its_old_image(pod, over))
    missing = missing_secrets(v)
    if missing:
        return Move(SecretMissing(missing), stuck=True)
    writes = supporting(v)
    if writes:
        return Move(writes[0].why, writes)
    wanted = {each.name: Sizes.of(each.resources) for each in group.spec.containers}
    sizes = {each.container: wanted[each.container] for each in found if each.what is What.SIZE}
    if sizes:
        refusal = v.refused("Resize")
        if refusal is not None:
            because = f"the API server refuses the resize: {refusal.said}"
            # A new Pod may have what this one, or its node, may not; a quota or a small node is in its way as well.
            return _Rises(because) if refusal.invalid else _Fails(because)
        why = UpdateApplied(group.name, tuple(str(each) for each in found if each.what is What.SIZE))
        return Move(why, (Resize(group.name, pod.uid, sizes, why),))
    resized = _resize_waits(update, v, pod)
    if resized is not None:
        return resized
    if found:
        refusal = v.refused("PatchPod")
        if refusal is not None:
            return _Fails(f"the API server refuses the change: {refusal.said}")
        why = UpdateApplied(group.name, tuple(str(each) for each in found))
        return Move(why, (patch(v, pod, found, why),))
    ended = ended_before(pod, restarted)
    # Not made anew: it may have ended because its new image cannot be had, and a new Pod would have none either.
    return _Fails(ended) if ended is not None else _watched(v, pod, restarted)


def _resize_waits(update: UpdateStatus, v: ContainerGroupView, pod: Pod) -> _Next | None:
    """What becomes of the sizes that the API server has taken; None: the containers have them."""
    said = f": {pod.resize_message}" if pod.resize_message else ""
    if pod.resizing is not Resizing.NONE and not pod.observed:
        return _Waits("the kubelet has not seen the change yet")  # what it says is of an earlier one
    if pod.resizing is Resizing.INFEASIBLE:
        return _Rises(f"the node cannot make the resize{said}")
    if pod.resizing is Resizing.DEFERRED:
        return _Waits(f"the node defers the resize{said}")
    resizes = update.disruption is Disruption.RESIZE
    lacks = not_resized(pod, v.group.spec, update.parts, all_tell=resizes)
    if lacks is None and pod.resizing is Resizing.IN_PROGRESS:
        lacks = "the kubelet is resizing"
    if lacks is None and resizes and not pod.observed:
        lacks = "the kubelet has not seen the change yet"
    return _Waits(lacks) if lacks is not None else None


def _watched(v: ContainerGroupView, pod: Pod, names: tuple[str, ...]) -> _Next:
    """Whether these containers, started anew, run as they should."""
    spec = v.group.spec
    crash = crashed(pod, spec, names)
    if crash is not None:
        return _Fails(crash)
    lacks = lacking(pod, spec, names)
    if lacks is not None:
        return _Waits(lacks)
    until = settles_at(pod, names)
    if until is not None and v.now < until:
        return _Waits("its containers run; waits whether they go on", until)
    return _Done()
