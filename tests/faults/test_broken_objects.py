"""One broken object of a kind: the others go on as if it were not there; it says what is wrong, and nothing loops."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import pytest

from hack.cluster import Cluster, RefusedError, wait_until
from tests.cluster.doors import collection, manifest
from tests.cluster.groups import CONTAINER, MERGE, Group, Groups, condition
from tests.cluster.witness import Object
from tests.faults.explained import told
from tests.faults.oracle import writes_nothing
from tests.faults.run import Run, carried_out, settle

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
QUICKLY = 8.0  # seconds, on a machine that is busy otherwise; alone it takes one
MANY = 20


def test_templates_that_make_no_pod_are_said_and_the_other_groups_go_on(run: Run, groups: Groups) -> None:
    broken = {
        "text": ({"spec": {"containers": "many"}}, "containers"),
        "labels": ({"metadata": {"labels": ["a"]}, "spec": {"containers": [CONTAINER]}}, "labels must be a map"),
        "nobody": ({"spec": {"containers": []}}, "spec.containers: Required value"),
    }
    for name, (template, _) in broken.items():
        thing = manifest("ScalingConfiguration", name, template=template)
        groups.cluster.request("POST", collection("ScalingConfiguration", groups.namespace), thing)
    stuck = {name: groups.create(name, configuration={"scalingConfiguration": name}) for name in broken}
    healthy_as_ever(groups)
    for name, (_, said) in broken.items():
        stuck[name].wait_for_message(said)
        assert condition(stuck[name].status, "Stalled") == "True"
        assert f"the API server refuses an instance made from ScalingConfiguration {name}" in told(groups, name)
    writes_nothing(run)
    assert set(carried_out(run, "create", "pods")) == {f"healthy-{number}" for number in range(MANY)}

    groups.configure("text")
    settle(stuck["text"], 3)


def test_a_group_stored_under_a_looser_schema_is_stalled_and_the_others_go_on(run: Run, groups: Groups) -> None:
    def loosen(schema: Object) -> None:
        del schema["properties"]["spec"]["properties"]["maxSize"]["maximum"]

    groups.configure("web")
    with looser(groups.cluster, "scalinggroups", loosen, lambda: try_size(groups, 20_000)):
        odd = groups.create("odd", desired=1, maxSize=20_000)
        odd.wait_for_message("reading spec.maxSize: Input should be less than or equal to 10000")
    healthy_as_ever(groups)
    assert condition(odd.status, "Stalled") == "True"
    writes_nothing(run)
    assert not any(pod.startswith("odd-") for pod in groups.pods.now)

    odd.change(maxSize=5)
    settle(odd, 1)


def try_size(groups: Groups, size: int) -> None:
    thing = manifest("ScalingGroup", "try", maxSize=size)
    groups.cluster.request("POST", f"{collection('ScalingGroup', groups.namespace)}?dryRun=All", thing)


@contextmanager
def looser(
    cluster: Cluster, plural: str, loosen: Callable[[Object], object], probe: Callable[[], object]
) -> Iterator[None]:
    """The kind as an older or newer version of the CRD has it; `probe` is refused by ours alone."""
    path = f"{CRDS}/{plural}.windlass.dev"
    ours = cluster.request("GET", path)["spec"]["versions"]
    changed = deepcopy(ours)
    loosen(changed[0]["schema"]["openAPIV3Schema"])
    cluster.request("PATCH", path, {"spec": {"versions": changed}}, MERGE)
    try:
        wait_until(lambda: not refused(probe), 20, "the looser schema")
        yield
    finally:
        cluster.request("PATCH", path, {"spec": {"versions": ours}}, MERGE)
    wait_until(lambda: refused(probe), 20, "our own schema again")


def refused(probe: Callable[[], object]) -> bool:
    try:
        probe()
    except RefusedError:
        return True
    return False


def test_records_that_others_wrote_hold_no_group_up(run: Run, groups: Groups) -> None:
    """Year 0 is a date to the API server; one is to come, the other is that of the activity that runs."""
    web = groups.create(desired=2, minReadySeconds=1)
    odd = {"type": "ScaleOut", "cause": "?", "phase": "Successful", "startTime": "0000-01-01T00:00:00Z"}
    write_record(groups, "web-a9", odd, new=True)
    wait_until(lambda: web.records.get("web-a1"), 10, "its own record")
    write_record(groups, "web-a1", {"completionTime": "0000-01-01T00:00:00Z"})
    web.wait_until_ready(2, QUICKLY)
    healthy_as_ever(groups)
    web.scale(3)
    web.wait_until_ready(3, QUICKLY)
    wait_until(lambda: web.records["web-a2"]["phase"] == "Successful", QUICKLY, "the record of the launch")
    writes_nothing(run)


def write_record(groups: Groups, name: str, status: Object, *, new: bool = False) -> None:
    path = collection("ScalingActivity", groups.namespace)
    if new:
        groups.cluster.request("POST", path, manifest("ScalingActivity", name, scalingGroup="web"))
    groups.cluster.request("PATCH", f"{path}/{name}/status", {"status": status}, MERGE)


@pytest.mark.parametrize("data", [{}, {"source": {"kind": 1}, "configuration": []}], ids=str)
def test_revisions_that_others_made_hold_no_group_up(run: Run, groups: Groups, data: object) -> None:
    web = groups.create(desired=1)
    settle(web, 1)
    (own,) = web.revisions.values()
    metadata = {"name": "web-odd", **{key: own["metadata"][key] for key in ("labels", "ownerReferences")}}
    path = f"/apis/apps/v1/namespaces/{groups.namespace}/controllerrevisions"
    body = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "revision": 7, "data": data}
    groups.cluster.request("POST", path, body)
    run.processes[0].wait_for_log(r"reading ControllerRevision \S+/web-odd: it is left out")
    web.scale(2)
    settle(web, 2)
    assert len(web.status["revisions"]) == 1


def healthy_as_ever(groups: Groups) -> Group:
    """A group that is made now is there as quickly as in any other namespace."""
    began = time.monotonic()
    healthy = groups.create("healthy", desired=MANY)
    settle(healthy, MANY, QUICKLY)
    assert time.monotonic() - began < QUICKLY
    return healthy
