"""What a container group does next."""

from windlass.api.container_group import ContainerGroupStatus, Disruption, Phase, UpdateResult, UpdateStatus
from windlass.planner.containergroup.ladder import Way, allows, everyone, lacks_containers, way
from windlass.planner.containergroup.parts import whole_changes
from windlass.planner.containergroup.pod import changes_of
from windlass.planner.containergroup.presence import depart, has_ended
from windlass.planner.containergroup.reasons import (
    GroupDeleted,
    IncorrectStatus,
    NameTaken,
    NoNeedUpdate,
    UpdateBegins,
    UpdateExceedsCeiling,
    VolumesWithoutContainers,
)
from windlass.planner.containergroup.resting import OVER, at_rest, restarts_text
from windlass.planner.containergroup.steps import ContainerGroupPlan
from windlass.planner.containergroup.telling import told
from windlass.planner.containergroup.updating import go_on
from windlass.planner.containergroup.view import ContainerGroupView
from windlass.planner.plan import Event, Plan
from windlass.planner.reason import Reason


def plan_container_group(v: ContainerGroupView) -> ContainerGroupPlan:
    """The next step of a group. A generation of the spec is considered once: then it is applied, or refused."""
    group, status = v.group, v.group.status
    if group.removing:
        return Plan(status, GroupDeleted())
    if v.pod is not None and not v.pod.owned:
        why = NameTaken(group.name)
        return Plan(told(v, status, Phase.PENDING, "Stalled", why), why)
    if status.applied and group.generation != status.observed_generation:
        return _consider(v)
    update = status.last_update
    if update is not None and update.result is None:
        return go_on(v, status, update)
    return at_rest(v, status)


def _consider(v: ContainerGroupView) -> ContainerGroupPlan:
    """Begin the update that a new generation asks for, or say why not."""
    group, status = v.group, v.group.status
    pod = v.pod
    if status.phase in OVER:
        return _refuse(v, None, IncorrectStatus(status.phase))
    if pod is not None and has_ended(pod):
        return _refuse(v, None, IncorrectStatus(pod.phase))
    if pod is None or depart(v, pod) is not None:
        # There is nothing left that an update could disrupt: the Pod comes back with it.
        parts = whole_changes(group.spec, status.applied)
        restarts = everyone(group.spec) if pod is not None else ()
        return _begin(v, Way(parts, Disruption.RECREATE, (), restarts)) if parts else _refuse(v, None, NoNeedUpdate())
    found = changes_of(group, pod)
    if not found:
        return _refuse(v, None, NoNeedUpdate())
    needed, allowed = way(found, group.spec, pod.qos_class), group.spec.update.most_disruptive_allowed
    if lacks_containers(found):
        return _refuse(v, needed, VolumesWithoutContainers())
    if not allows(allowed, needed.disruption):
        return _refuse(v, needed, UpdateExceedsCeiling(needed.decisive, str(needed.disruption), str(allowed)))
    return _begin(v, needed)


def _begin(v: ContainerGroupView, needed: Way) -> ContainerGroupPlan:
    update = _update(v, needed)
    why = UpdateBegins(needed.parts, str(needed.disruption), restarts_text(needed.disruption, needed.restarts))
    return go_on(v, v.group.status, update, Event("Normal", why))


def _refuse(v: ContainerGroupView, needed: Way | None, why: Reason) -> ContainerGroupPlan:
    """Nothing is done; what goes on without an update goes on."""
    refused = _update(v, needed).model_copy(
        update={
            "restarted_containers": (),
            "end_time": v.now,
            "result": UpdateResult.REFUSED,
            "reason": str(why)[:1024],
        }
    )
    status: ContainerGroupStatus = v.group.status.model_copy(
        update={"last_update": refused, "observed_generation": v.group.generation}
    )
    return at_rest(v, status, Event("Normal" if isinstance(why, NoNeedUpdate) else "Warning", why))


def _update(v: ContainerGroupView, needed: Way | None) -> UpdateStatus:
    return UpdateStatus(
        generation=v.group.generation,
        client_token=v.group.spec.client_token or "",
        parts=needed.parts if needed is not None else (),
        disruption=needed.disruption if needed is not None else None,
        restarted_containers=needed.restarts if needed is not None else (),
        start_time=v.now,
    )
