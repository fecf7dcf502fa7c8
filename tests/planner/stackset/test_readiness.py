"""When an object in a target counts as ready: the table of kstatus, and what a hostile API server may send."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from windlass.planner.stackset.readiness import Broken, Ready, Waiting, readiness


def of(api_version: str, kind: str, text: str = "", generation: int | None = 1) -> dict[str, Any]:
    """An object with this spec and status, as YAML."""
    metadata = {"name": "test"} | ({} if generation is None else {"generation": generation})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **(yaml.safe_load(text) or {})}


def conditions(*of_each: str) -> list[dict[str, str]]:
    """`Type=Status/Reason message`."""
    made = []
    for each in of_each:
        head, _, message = each.partition(" ")
        type_, _, rest = head.partition("=")
        status, _, reason = rest.partition("/")
        made.append({"type": type_, "status": status, "reason": reason, "message": message})
    return made


def deployment(*of_each: str, spec: str = "", **status: int) -> dict[str, Any]:
    found = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    body = of("apps/v1", "Deployment", spec)
    return {**body, "status": {**found, **status, "conditions": conditions(*of_each)}}


def stateful(spec: str, **status: Any) -> dict[str, Any]:
    return {**of("apps/v1", "StatefulSet", spec), "status": {"observedGeneration": 1, **status}}


def daemons(**status: int) -> dict[str, Any]:
    return {**of("apps/v1", "DaemonSet"), "status": status}


def replicas(*of_each: str, **status: int) -> dict[str, Any]:
    body = of("apps/v1", "ReplicaSet", "spec: {replicas: 2}")
    return {**body, "status": {"observedGeneration": 1, **status, "conditions": conditions(*of_each)}}


def pod(phase: str, *of_each: str, waiting: str = "") -> dict[str, Any]:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    status = {
        "phase": phase,
        "conditions": conditions(*of_each),
        "containerStatuses": [{"name": "web", "state": state}],
    }
    return {**of("v1", "Pod"), "status": status}


def job(*of_each: str, **status: str) -> dict[str, Any]:
    return {**of("batch/v1", "Job"), "status": {**status, "conditions": conditions(*of_each)}}


def definition(*of_each: str) -> dict[str, Any]:
    body = of("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    return {**body, "status": {"conditions": conditions(*of_each)}}


def custom(*of_each: str, generation: int = 1, **status: Any) -> dict[str, Any]:
    return {
        **of("acme.example/v1", "Thing", generation=generation),
        "status": {**status, "conditions": conditions(*of_each)},
    }


AVAILABLE, PROGRESSED = "Available=True", "Progressing=True/NewReplicaSetAvailable"
ALL_FOUR = {
    "observedGeneration": 1,
    "desiredNumberScheduled": 4,
    "currentNumberScheduled": 4,
    "updatedNumberScheduled": 4,
    "numberAvailable": 4,
    "numberReady": 4,
}
FOUR = "spec: {replicas: 4}"
PARTED = "spec: {replicas: 4, updateStrategy: {rollingUpdate: {partition: 3}}}"
LABELLED = {"replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
TABLE: dict[str, tuple[dict[str, Any], Any]] = {
    # any kind
    "being deleted": (
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"deletionTimestamp": "2026-07-01T12:00:00Z"}},
        Waiting("it is being deleted"),
    ),
    "not seen by its controller": (
        custom("Ready=True", generation=2, observedGeneration=1),
        Waiting("its controller has not seen generation 2 yet"),
    ),
    "seen by its controller": (custom("Ready=True", generation=2, observedGeneration=2), Ready()),
    "no condition": (custom(), Ready()),
    "Ready": (custom("Ready=True"), Ready()),
    "Ready is False": (custom("Ready=False/Nope not yet"), Waiting("not yet")),
    "Ready is Unknown": (custom("Ready=Unknown/Nope"), Waiting("Nope")),
    "Ready without a word": (custom("Ready=Unknown"), Waiting("Ready is Unknown")),
    "Reconciling": (custom("Reconciling=True/Busy at work", "Ready=True"), Waiting("at work")),
    "Reconciling no more": (custom("Reconciling=False", "Ready=True"), Ready()),
    "Stalled": (custom("Stalled=True/Bad no such image"), Broken("no such image")),
    "Stalled no more": (custom("Stalled=False", "Ready=True"), Ready()),
    # what is ready when it is there
    "ConfigMap": (of("v1", "ConfigMap"), Ready()),
    "Secret": (of("v1", "Secret"), Ready()),
    "Namespace": (of("v1", "Namespace", "status: {phase: Active}"), Ready()),
    "CronJob": (of("batch/v1", "CronJob"), Ready()),
    "PodDisruptionBudget": (
        {
            **of("policy/v1", "PodDisruptionBudget"),
            "status": {"observedGeneration": 1, "conditions": conditions("DisruptionAllowed=False")},
        },
        Ready(),
    ),
    "PodDisruptionBudget, not seen": (
        of("policy/v1", "PodDisruptionBudget", "status: {observedGeneration: 1}", generation=2),
        Waiting("its controller has not seen generation 2 yet"),
    ),
    # Deployment
    "Deployment, new": (of("apps/v1", "Deployment"), Waiting("0 of 1 replicas exist")),
    "Deployment": (deployment(AVAILABLE, PROGRESSED), Ready()),
    "Deployment of none": (
        deployment(
            AVAILABLE, spec="spec: {replicas: 0}", replicas=0, updatedReplicas=0, readyReplicas=0, availableReplicas=0
        ),
        Ready(),
    ),
    "Deployment without a deadline": (deployment(AVAILABLE), Ready()),
    "Deployment with the number that is no deadline": (
        deployment(AVAILABLE, spec="spec: {progressDeadlineSeconds: 2147483647}"),
        Ready(),
    ),
    "Deployment, progressing": (
        deployment(AVAILABLE, "Progressing=True/ReplicaSetUpdated", spec="spec: {progressDeadlineSeconds: 45}"),
        Waiting("its new ReplicaSet is not available yet"),
    ),
    "Deployment with a deadline, progressed": (
        deployment(AVAILABLE, PROGRESSED, spec="spec: {progressDeadlineSeconds: 45}"),
        Ready(),
    ),
    "Deployment beyond its deadline": (
        deployment("Progressing=False/ProgressDeadlineExceeded too slow"),
        Broken("it made no progress for its progressDeadlineSeconds: too slow"),
    ),
    "Deployment, not available": (deployment(PROGRESSED, "Available=False"), Waiting("it is not available yet")),
    "Deployment, old ones": (
        deployment(AVAILABLE, updatedReplicas=0),
        Waiting("0 of 1 replicas are of the new template"),
    ),
    "Deployment, too many": (deployment(AVAILABLE, replicas=3), Waiting("2 replicas too many still there")),
    "Deployment, few available": (deployment(AVAILABLE, availableReplicas=0), Waiting("0 of 1 replicas are available")),
    "Deployment, few ready": (deployment(AVAILABLE, readyReplicas=0), Waiting("0 of 1 replicas are ready")),
    # StatefulSet
    "StatefulSet, new": (of("apps/v1", "StatefulSet"), Waiting("0 of 1 replicas exist")),
    "StatefulSet": (stateful(FOUR, replicas=4, readyReplicas=4, currentReplicas=4), Ready()),
    "StatefulSet, few ready": (
        stateful(FOUR, replicas=4, readyReplicas=2, currentReplicas=4),
        Waiting("2 of 4 replicas are ready"),
    ),
    "StatefulSet, few current": (
        stateful(FOUR, replicas=4, readyReplicas=4, currentReplicas=2),
        Waiting("2 of 4 replicas are current"),
    ),
    "StatefulSet, too many": (
        stateful(FOUR, replicas=8, readyReplicas=4, currentReplicas=4),
        Waiting("4 replicas too many still there"),
    ),
    "StatefulSet, two revisions": (
        stateful(FOUR, replicas=4, readyReplicas=4, currentReplicas=4, currentRevision="web-1", updateRevision="web-2"),
        Waiting("not all of its replicas are of the new template"),
    ),
    "StatefulSet, parted": (stateful(PARTED, replicas=4, readyReplicas=4, updatedReplicas=1), Ready()),
    "StatefulSet, parted, too few": (
        stateful(PARTED, replicas=4, readyReplicas=4, updatedReplicas=0),
        Waiting("0 of 1 replicas are of the new template"),
    ),
    "StatefulSet that people update": (stateful("spec: {replicas: 4, updateStrategy: {type: OnDelete}}"), Ready()),
    # DaemonSet
    "DaemonSet, new": (of("apps/v1", "DaemonSet"), Waiting("its controller has not seen it yet")),
    "DaemonSet, no number": (daemons(observedGeneration=1), Waiting("its controller has not seen it yet")),
    "DaemonSet": (daemons(**ALL_FOUR), Ready()),
    "DaemonSet on no node": (daemons(observedGeneration=1, desiredNumberScheduled=0), Ready()),
    "DaemonSet, an old generation": (
        {**daemons(**ALL_FOUR), "metadata": {"generation": 2}},
        Waiting("its controller has not seen generation 2 yet"),
    ),
    "DaemonSet, few exist": (daemons(**ALL_FOUR | {"currentNumberScheduled": 1}), Waiting("1 of 4 replicas exist")),
    "DaemonSet, few new": (
        daemons(**ALL_FOUR | {"updatedNumberScheduled": 1}),
        Waiting("1 of 4 replicas are of the new template"),
    ),
    "DaemonSet, few available": (
        daemons(**ALL_FOUR | {"numberAvailable": 2}),
        Waiting("2 of 4 replicas are available"),
    ),
    "DaemonSet, few ready": (daemons(**ALL_FOUR | {"numberReady": 2}), Waiting("2 of 4 replicas are ready")),
    # ReplicaSet
    "ReplicaSet": (replicas(**LABELLED), Ready()),
    "ReplicaSet, new": (of("apps/v1", "ReplicaSet"), Waiting("0 of 1 replicas are labelled")),
    "ReplicaSet, few available": (
        replicas(**LABELLED | {"availableReplicas": 1}),
        Waiting("1 of 2 replicas are available"),
    ),
    "ReplicaSet, few ready": (replicas(**LABELLED | {"readyReplicas": 1}), Waiting("1 of 2 replicas are ready")),
    "ReplicaSet, too many": (replicas(**LABELLED | {"replicas": 3}), Waiting("1 replica too many still there")),
    "ReplicaSet without Pods": (
        replicas("ReplicaFailure=True/FailedCreate quota exceeded", **LABELLED),
        Waiting("its Pods cannot be created: quota exceeded"),
    ),
    # Pod
    "Pod, new": (of("v1", "Pod"), Waiting("it has not started")),
    "Pod": (pod("Running", "Ready=True"), Ready()),
    "Pod, not ready": (pod("Running", "Ready=False"), Waiting("not ready")),
    "Pod that has ended": (pod("Succeeded", "Ready=False/PodCompleted"), Ready()),
    "Pod that has failed": (pod("Failed", "Ready=False/PodCompleted"), Ready()),
    "Pod that crashes": (
        pod("Running", "Ready=False", waiting="CrashLoopBackOff"),
        Broken("containers crash again and again: web"),
    ),
    "Pod that crashed and is ready": (pod("Running", "Ready=True", waiting="CrashLoopBackOff"), Ready()),
    "Pod whose image is pulled": (pod("Running", waiting="ContainerCreating"), Waiting("not ready")),
    "Pod, pending": (pod("Pending", "PodScheduled=True"), Waiting("it has not started")),
    "Pod without room": (
        pod("Pending", "PodScheduled=False/Unschedulable 0/3 nodes are available"),
        Waiting("no node has room for it: 0/3 nodes are available"),
    ),
    # Job
    "Job, new": (of("batch/v1", "Job"), Waiting("it has not started")),
    "Job that runs": (job(startTime="2026-07-01T12:00:00Z"), Ready()),
    "Job that is complete": (job("Complete=True"), Ready()),
    "Job that has failed": (job("Failed=True/BackoffLimitExceeded six tries"), Broken("it failed: six tries")),
    "Job that has not failed": (job("Failed=False"), Waiting("it has not started")),
    "Job, suspended": (job("Suspended=True"), Ready()),
    # others
    "claim, new": (of("v1", "PersistentVolumeClaim"), Waiting("it is not bound to a volume")),
    "claim": (of("v1", "PersistentVolumeClaim", "status: {phase: Bound}"), Ready()),
    "Service": (of("v1", "Service"), Ready()),
    "Service, balanced": (of("v1", "Service", "spec: {type: LoadBalancer, clusterIP: 10.0.0.1}"), Ready()),
    "Service, balanced, new": (of("v1", "Service", "spec: {type: LoadBalancer}"), Waiting("it has no cluster IP")),
    "CRD, new": (definition(), Waiting("it is not served yet")),
    "CRD": (definition("NamesAccepted=True", "Established=True"), Ready()),
    "CRD, installing": (
        definition("NamesAccepted=True", "Established=False/Installing"),
        Waiting("it is not served yet"),
    ),
    "CRD, not established": (definition("Established=False/Other no"), Broken("it is not served: no")),
    "CRD whose names are taken": (
        definition("NamesAccepted=False/ListKindConflict taken", "Established=False/NotAccepted"),
        Broken("its names are not accepted: taken"),
    ),
    "a kind of the same name in another group": (of("acme.example/v1", "Deployment"), Ready()),
}


@pytest.mark.parametrize(("body", "expected"), TABLE.values(), ids=TABLE)
def test_the_table_of_kstatus(body: dict[str, Any], expected: object) -> None:
    assert readiness(body) == expected


KINDS = sorted({(body["apiVersion"], body["kind"]) for body, _ in TABLE.values()})
KEYS = sorted({key for body, _ in TABLE.values() for part in ("spec", "status") for key in body.get(part) or {}})
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=2) | st.dictionaries(st.sampled_from([*KEYS, "type", "status"]), below, max_size=4)
    ),
    max_leaves=12,
)


@given(st.sampled_from(KINDS), ANYTHING, ANYTHING, ANYTHING)
def test_whatever_is_sent_has_an_answer(kind: tuple[str, str], metadata: Any, spec: Any, status: Any) -> None:
    body = {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec, "status": status}

    assert isinstance(readiness(body), Ready | Waiting | Broken)
