"""Whether an object in a target cluster is what was asked for yet: the rules of kstatus (sigs.k8s.io/cli-utils).

Two differ. A Pod for which there is no room yet is waited for, because a node may come; kstatus gives it up after 15 s.
And nothing here asks for the time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.planner.reason import counted

Body = Mapping[str, Any]

_NO_DEADLINE = (1 << 31) - 1  # a Deployment without progressDeadlineSeconds; Kubernetes has this number for it as well


@dataclass(frozen=True, slots=True)
class Ready:
    """It is as asked for, as far as its kind tells."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It may come to be ready by itself."""

    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """It has failed, and does not come to be ready by itself."""

    why: str


State = Ready | Waiting | Broken


def readiness(body: Body) -> State:
    """How the object stands. What makes no sense, as a hostile API server may send it, counts as missing."""
    if _at(body, "metadata", "deletionTimestamp"):
        return Waiting("it is being deleted")
    generation, observed = _at(body, "metadata", "generation"), _at(body, "status", "observedGeneration")
    if _is_number(generation) and _is_number(observed) and generation != observed:
        return Waiting(f"its controller has not seen generation {generation} yet")
    for each in _conditions(body):
        if each.type == "Reconciling" and each.status == "True":
            return Waiting(each.said)
        if each.type == "Stalled" and each.status == "True":
            return Broken(each.said)
    rule = _RULES.get((_group(body), _text(body, "kind")), _other)
    return rule(body)


# ---- one rule for each kind that tells it in its own way


def _other(body: Body) -> State:
    """Kinds that nothing is known of: by their condition Ready; those without one are ready when they are there."""
    for each in _conditions(body):
        if each.type == "Ready":
            return Ready() if each.status == "True" else Waiting(each.said)
    return Ready()


def _deployment(body: Body) -> State:
    progressing = _number(body, "spec", "progressDeadlineSeconds", default=_NO_DEADLINE) == _NO_DEADLINE
    available = False
    for each in _conditions(body):
        if each.type == "Progressing":
            if each.reason == "ProgressDeadlineExceeded":
                return Broken(f"it made no progress for its progressDeadlineSeconds: {each.said}")
            progressing |= each.status == "True" and each.reason == "NewReplicaSetAvailable"
        available |= each.type == "Available" and each.status == "True"
    wanted, there = _number(body, "spec", "replicas", default=1), _number(body, "status", "replicas")
    updated = _number(body, "status", "updatedReplicas")
    return (
        _too_few(there, wanted, "exist")
        or _too_few(updated, wanted, "are of the new template")
        or _too_many(there, wanted)
        or _too_few(_number(body, "status", "availableReplicas"), updated, "are available")
        or _too_few(_number(body, "status", "readyReplicas"), wanted, "are ready")
        or (None if progressing else Waiting("its new ReplicaSet is not available yet"))
        or (None if available else Waiting("it is not available yet"))
        or Ready()
    )


def _stateful_set(body: Body) -> State:
    if _at(body, "spec", "updateStrategy", "type") == "OnDelete":
        return Ready()
    wanted, there = _number(body, "spec", "replicas", default=1), _number(body, "status", "replicas")
    missing = (
        _too_few(there, wanted, "exist")
        or _too_few(_number(body, "status", "readyReplicas"), wanted, "are ready")
        or _too_many(there, wanted)
    )
    if missing is not None:
        return missing
    partition = _at(body, "spec", "updateStrategy", "rollingUpdate", "partition")
    if _is_number(partition):
        updated = _number(body, "status", "updatedReplicas")
        return _too_few(updated, wanted - partition, "are of the new template") or Ready()
    if _text(body, "status", "currentRevision") != _text(body, "status", "updateRevision"):
        return Waiting("not all of its replicas are of the new template")
    return _too_few(_number(body, "status", "currentReplicas"), wanted, "are current") or Ready()


def _replica_set(body: Body) -> State:
    for each in _conditions(body):
        if each.type == "ReplicaFailure" and each.status == "True":
            return Waiting(f"its Pods cannot be created: {each.said}")
    wanted = _number(body, "spec", "replicas", default=1)
    return (
        _too_few(_number(body, "status", "fullyLabeledReplicas"), wanted, "are labelled")
        or _too_few(_number(body, "status", "availableReplicas"), wanted, "are available")
        or _too_few(_number(body, "status", "readyReplicas"), wanted, "are ready")
        or _too_many(_number(body, "status", "replicas"), wanted)
        or Ready()
    )


def _daemon_set(body: Body) -> State:
    wanted = _at(body, "status", "desiredNumberScheduled")
    if not _is_number(_at(body, "status", "observedGeneration")) or not _is_number(wanted):
        return Waiting("its controller has not seen it yet")
    return (
        _too_few(_number(body, "status", "currentNumberScheduled"), wanted, "exist")
        or _too_few(_number(body, "status", "updatedNumberScheduled"), wanted, "are of the new template")
        or _too_few(_number(body, "status", "numberAvailable"), wanted, "are available")
        or _too_few(_number(body, "status", "numberReady"), wanted, "are ready")
        or Ready()
    )


def _pod(body: Body) -> State:
    phase = _text(body, "status", "phase")
    if phase in ("Succeeded", "Failed"):  # either way nothing more comes of it
        return Ready()
    if phase == "Running":
        if any(each.type == "Ready" and each.status == "True" for each in _conditions(body)):
            return Ready()
        crashing = [_text(each, "name") for each in _mappings(body, "status", "containerStatuses") if _crashes(each)]
        return Broken(f"containers crash again and again: {', '.join(crashing)}") if crashing else Waiting("not ready")
    for each in _conditions(body):
        if each.type == "PodScheduled" and each.status == "False" and each.reason == "Unschedulable":
            return Waiting(f"no node has room for it: {each.said}")
    return Waiting("it has not started")


def _crashes(container: Body) -> bool:
    return _text(container, "state", "waiting", "reason") == "CrashLoopBackOff"


def _job(body: Body) -> State:
    for each in _conditions(body):
        if each.status == "True" and each.type in ("Complete", "Suspended"):
            return Ready()
        if each.status == "True" and each.type == "Failed":
            return Broken(f"it failed: {each.said}")
    return Ready() if _text(body, "status", "startTime") else Waiting("it has not started")


def _claim(body: Body) -> State:
    return Ready() if _at(body, "status", "phase") == "Bound" else Waiting("it is not bound to a volume")


def _service(body: Body) -> State:
    balanced = _at(body, "spec", "type") == "LoadBalancer"
    return Waiting("it has no cluster IP") if balanced and not _text(body, "spec", "clusterIP") else Ready()


def _definition(body: Body) -> State:
    for each in _conditions(body):
        if each.type == "NamesAccepted" and each.status == "False":
            return Broken(f"its names are not accepted: {each.said}")
        if each.type == "Established" and each.status == "True":
            return Ready()
        if each.type == "Established" and each.status == "False" and each.reason != "Installing":
            return Broken(f"it is not served: {each.said}")
    return Waiting("it is not served yet")


_RULES: Mapping[tuple[str, str], Callable[[Body], State]] = {
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
}


def _too_few(there: int, wanted: int, what: str) -> State | None:
    return Waiting(f"{there} of {wanted} replicas {what}") if there < wanted else None


def _too_many(there: int, wanted: int) -> State | None:
    return Waiting(f"{counted(there - wanted, 'replica')} too many still there") if there > wanted else None


# ---- reading what may have any shape


@dataclass(frozen=True, slots=True)
class _Condition:
    type: str
    status: str
    reason: str
    message: str

    @property
    def said(self) -> str:
        return self.message or self.reason or f"{self.type} is {self.status or 'not told'}"


def _conditions(body: Body) -> Iterator[_Condition]:
    for each in _mappings(body, "status", "conditions"):
        yield _Condition(*(_text(each, key) for key in ("type", "status", "reason", "message")))


def _group(body: Body) -> str:
    return _text(body, "apiVersion").rpartition("/")[0]


def _at(body: Any, *path: str) -> Any:
    for key in path:
        body = body.get(key) if isinstance(body, Mapping) else None
    return body


def _text(body: Body, *path: str) -> str:
    found = _at(body, *path)
    return found if isinstance(found, str) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(body: Body, *path: str, default: int = 0) -> int:
    found = _at(body, *path)
    return found if _is_number(found) else default


def _mappings(body: Body, *path: str) -> list[Body]:
    found = _at(body, *path)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
