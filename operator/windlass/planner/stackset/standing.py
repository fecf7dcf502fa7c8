"""The statuses of targets and instances, with the messages and conditions that go with them."""

from collections.abc import Sequence
from datetime import datetime

from windlass.api.stack_instance import (
    MAX_ERRORS,
    Deployed,
    Drift,
    DriftedObject,
    ObjectError,
    StackInstanceStatus,
    Work,
)
from windlass.api.stack_target import StackTargetStatus
from windlass.api.stacks import InstancePhase
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_instances import (
    CannotDelete,
    DeployFailed,
    DriftFound,
    InstanceDeployed,
    NoDrift,
    RolledBack,
)
from windlass.planner.stackset.reasons_targets import TargetReached, TargetUnreachable
from windlass.planner.stackset.view import Sources


def target_standing(
    before: StackTargetStatus, why: Reason, uid: str, version: str, generation: int, now: datetime
) -> StackTargetStatus:
    """The status of a target of which a look found this. The cluster that answered first stays the one that counts."""
    reached = isinstance(why, TargetReached)
    phase = "Ready" if reached else "Unreachable" if isinstance(why, TargetUnreachable) else "Stalled"
    readiness: Readiness = "Ready" if reached else "Stalled" if phase == "Stalled" else "Reconciling"
    said = str(why)[:1024]
    return before.model_copy(
        update={
            "observed_generation": generation,
            "phase": phase,
            "message": said,
            "cluster_uid": before.cluster_uid or uid,
            "version": version or before.version,
            "checked_at": now,
            "conditions": conditions(readiness, why, said, old=before.conditions, generation=generation, now=now),
        }
    )


def deployed_standing(
    before: StackInstanceStatus,
    *,
    work: Work,
    sources: Sources,
    errors: Sequence[ObjectError],
    error_count: int,
    objects: int,
    rolled_back: bool,
    drifted: Sequence[DriftedObject],
    cluster_uid: str,
    generation: int,
    now: datetime,
) -> StackInstanceStatus:
    """The status of an instance whose work is over. With errors it has failed; `objects`: what its target holds."""
    update: dict[str, object] = {
        "errors": tuple(errors[:MAX_ERRORS]),
        "error_count": error_count,
        "objects": objects,
        "completion_time": now,
        "observed_generation": generation,
        "cluster_uid": before.cluster_uid or cluster_uid,
        "rolled_back": rolled_back,
    }
    readiness: Readiness = "Ready"
    if errors:
        first = first_of(errors[0], error_count)
        deleting = work in {Work.DELETE, Work.RETAIN}
        why: Reason = CannotDelete(first) if deleting else DeployFailed(first)
        if rolled_back:
            why = RolledBack(first)
        update["phase"] = InstancePhase.INOPERABLE if deleting else InstancePhase.FAILED
        readiness = "Stalled"
    elif work is Work.DETECT_DRIFT:
        why = DriftFound(len(drifted), drifted[0].object) if drifted else NoDrift(objects)
        update |= {
            "phase": InstancePhase.COMPLETE,
            "drift": Drift.DRIFTED if drifted else Drift.IN_SYNC,
            "drifted": tuple(drifted[:MAX_ERRORS]),
        }
        readiness = "Idle" if drifted else "Ready"
    else:
        why = InstanceDeployed(objects)
        update |= {
            "phase": InstancePhase.COMPLETE,
            "deployed": Deployed(template=sources.template, variables=sources.variables, overrides=sources.overrides),
            "drift": Drift.IN_SYNC,
            "drifted": (),
        }
    said = str(why)[:1024]
    update |= {
        "message": said,
        "conditions": conditions(readiness, why, said, old=before.conditions, generation=generation, now=now),
    }
    return before.model_copy(update=update)


def first_of(error: ObjectError, count: int) -> str:
    """The first thing that went wrong, and how many did if there are more."""
    said = f"{error.object}: {error.message}" if error.object else error.message
    return f"{said} ({count} errors in all)" if count > 1 else said
