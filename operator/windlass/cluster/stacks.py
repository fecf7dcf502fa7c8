"""Stack sets and what belongs to them on the wire, read as decisions see them."""

import re
from datetime import datetime

from windlass.api.common import MADE_BY_ANNOTATION
from windlass.api.stack_instance import Drift, Work
from windlass.api.stack_set import StackSetSpec, StackSetStatus
from windlass.api.stack_set_operation import StackSetOperationSpec, StackSetOperationStatus
from windlass.api.stacks import InstancePhase
from windlass.cluster.parsing import Body, parsed
from windlass.cluster.store import as_number
from windlass.planner.stackset.targets import Place, Target
from windlass.planner.stackset.view import Operation, Sources, StackInstance, StackSet

MADE_BY_SET = "StackSet"


def to_stack_set(body: Body) -> StackSet:
    """A StackSet; Invalid if it is none."""
    metadata = body["metadata"]
    return StackSet(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        spec=parsed("StackSet", body, StackSetSpec, "spec"),
        status=parsed("StackSet", body, StackSetStatus, "status"),
        removing="deletionTimestamp" in metadata,
    )


def to_operation(body: Body) -> Operation:
    """A StackSetOperation; Invalid if it is none."""
    metadata = body["metadata"]
    made_by, of = (metadata.get("annotations") or {}).get(MADE_BY_ANNOTATION), str(body["spec"]["stackSet"])
    status = parsed("StackSetOperation", body, StackSetOperationStatus, "status")
    return Operation(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        spec=parsed("StackSetOperation", body, StackSetOperationSpec, "spec"),
        status=status,
        removing="deletionTimestamp" in metadata,
        position=status.position or as_number(metadata.get("resourceVersion", "")),
        counted=made_by is not None,
        by_set=made_by == MADE_BY_SET and re.fullmatch(rf"{re.escape(of)}-[0-9]{{1,15}}", metadata["name"]) is not None,
    )


def to_stack_instance(body: Body) -> StackInstance:
    """A StackInstance, as far as the decisions about its set read it: there may be ten thousand of them in a pass."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    deployed = status.get("deployed")
    return StackInstance(
        name=metadata["name"],
        uid=metadata["uid"],
        place=Place(spec["region"], spec["account"]),
        asked_by=spec.get("operationUID", ""),
        done_for=status.get("operationUID", ""),
        phase=InstancePhase(status.get("phase", InstancePhase.WAITING)),
        work=Work(spec.get("work", Work.DEPLOY)),
        sources=_sources(spec),
        deployed=None if deployed is None else _sources(deployed),
        drift=Drift(status.get("drift", Drift.NOT_CHECKED)),
        removing="deletionTimestamp" in metadata,
        timeout_minutes=spec.get("timeoutMinutes", 30),
    )


def _sources(named: Body) -> Sources:
    return Sources(named.get("template", ""), named.get("variables", ""), named.get("overrides", ""))


def to_target(body: Body) -> Target:
    """A StackTarget, as far as the choice of targets reads it."""
    spec = body["spec"]
    return Target(
        name=body["metadata"]["name"],
        region=spec["region"],
        account=spec["account"],
        unit=spec.get("organizationalUnit"),
        management=bool(spec.get("managementAccount")),
    )
