"""Groups, and whole namespaces, that are deleted while the operator works on them."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster.groups import MERGE, Group, Groups
from tests.cluster.operator_process import Operators
from tests.cluster.witness import Object, alive
from tests.faults.explained import told
from tests.faults.oracle import writes_nothing
from tests.faults.proxy import Proxy, delayed
from tests.faults.run import RESYNC, Run, point_of, settle

MANY = 50
SLOWLY = 0.2  # seconds that a creation takes: those under way when the group goes are as many as had been answered
HOLD = "windlass.test/hold"


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_a_group_that_is_deleted_while_it_launches_is_launched_no_further(run: Run, propagation: str) -> None:
    web, process = half_launched(run), run.processes[0]
    web.delete(propagation)
    run.groups.seen.wait_for("the group's end", lambda now: "web" not in now)
    wait_until(lambda: answered(run) == len(asked_for(run)), 10, "answers to what was under way")
    run.groups.pods.wait_for("the end of its Pods", lambda now: not now)
    writes_nothing(run)

    assert 3 <= len(asked_for(run)) <= 16
    assert refused_with(run, 404) <= 1
    wait_until(lambda: not leftovers(run.groups), 20, "the end of its records and revisions")
    assert run.groups.pods.now == {}
    assert "Traceback" not in process.log, process.log


def test_a_group_deleted_and_created_again_while_it_launches_has_nothing_of_the_first(run: Run) -> None:
    first = half_launched(run)
    old = first.body["metadata"]["uid"]
    first.delete()
    run.groups.seen.wait_for("the group's end", lambda now: "web" not in now)
    before = len(asked_for(run))
    second = run.groups.create(desired=MANY, deletionPolicy="Force")
    new = second.body["metadata"]["uid"]
    settle(second, MANY, 40)
    run.groups.pods.wait_for("the end of the first one's Pods", lambda now: set(map(owner, now.values())) == {new})
    writes_nothing(run)

    assert len(run.groups.pods.now) == MANY == second.status["replicas"]
    assert [owner(pod) for pod in asked_for(run)[before:]].count(old) <= 4
    assert most_of(run.groups, new) == MANY
    assert carried_out_for(run, new) == MANY
    told = second.records[second.status["activity"]["name"]]
    assert (told["instanceCount"], told["description"]) == (MANY, f"launched {MANY} instances, {MANY} in service")
    assert "Traceback" not in run.processes[0].log, run.processes[0].log


def half_launched(run: Run) -> Group:
    """A group of fifty of which the first few are there, and the others on their way."""
    run.proxy.inject(delayed(SLOWLY), lambda request: point_of(request).startswith("create "), times=None)
    run.start(RESYNC, ready=True)
    web = run.groups.create(desired=MANY, deletionPolicy="Force")
    run.groups.pods.wait_for("the first few", lambda pods: len(pods) >= 3)
    return web


def asked_for(run: Run) -> list[Object]:
    """The Pods that the operator wanted created, in order."""
    return [request.content for request in run.proxy.seen if point_of(request).startswith("create ")]


def answered(run: Run) -> int:
    return sum((each.verb, each.what, each.dry) == ("create", "pods", False) for each in run.groups.audit.writes())


def refused_with(run: Run, code: int) -> int:
    return [asked.code for asked in run.groups.audit.writes()].count(code)


def carried_out_for(run: Run, uid: str) -> int:
    """How many Pods there ever were of this group."""
    return len({name for name, pod in run.groups.pods.history if pod is not None and owner(pod) == uid})


def most_of(groups: Groups, uid: str) -> int:
    """How many of this group's Pods counted at once, at most."""
    counting: set[str] = set()
    most = 0
    for name, pod in groups.pods.history:
        counting.discard(name)
        if pod is not None and owner(pod) == uid and alive(pod):
            counting.add(name)
        most = max(most, len(counting))
    return most


def owner(thing: Object) -> str:
    return str(thing["metadata"]["ownerReferences"][0]["uid"])


def leftovers(groups: Groups) -> list[str]:
    base = f"/apis/{{}}/namespaces/{groups.namespace}/{{}}"
    kinds = (("windlass.dev/v1alpha1", "scalingactivities"), ("apps/v1", "controllerrevisions"))
    paths = (base.format(*kind) for kind in kinds)
    return [item["metadata"]["name"] for path in paths for item in groups.cluster.request("GET", path)["items"]]


# ---- the whole namespace


@pytest.fixture
def doomed(cluster: Cluster, operator: Operators, proxy: Proxy, tmp_path: Path) -> Iterator[Run]:
    """A run in a namespace that the test deletes."""
    name = f"doomed-{secrets.token_hex(3)}"
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    wait_until(lambda: cluster.request("GET", account), 30, f"namespace {name}")
    with Groups(cluster, name) as groups:
        yield Run(groups, proxy, operator, tmp_path)


def test_in_a_namespace_that_is_going_nothing_is_replaced_again_and_again(doomed: Run) -> None:
    """The namespace controller deletes the Pods first, and waits for them; the group is still there and misses them."""
    groups = doomed.groups
    doomed.start(RESYNC, ready=True)
    web = groups.create(desired=3)
    settle(web, 3)
    hold = {"metadata": {"finalizers": [HOLD]}}
    groups.cluster.request("PATCH", groups.path("pods", "web-1"), hold, MERGE)
    groups.cluster.request("DELETE", f"/api/v1/namespaces/{groups.namespace}")
    web.wait_for_message("is being terminated")
    assert f"namespace {groups.namespace} because it is being terminated" in told(groups)
    writes_nothing(doomed)

    refused = [each for each in groups.audit.writes() if (each.verb, each.what, each.code) == ("create", "pods", 403)]
    assert 1 <= len(refused) <= 3
    groups.cluster.request("PATCH", groups.path("pods", "web-1"), {"metadata": {"finalizers": None}}, MERGE)
    assert "Traceback" not in doomed.processes[0].log, doomed.processes[0].log
    assert doomed.processes[0].get("/readyz")[0] == 200
    assert groups.broken_promises() == []
