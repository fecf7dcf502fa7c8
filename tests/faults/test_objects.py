"""Objects that are not as the operator made them: names taken, owners and labels lost, what cannot go.

Nothing of the network fails here: other people and programs work on the same objects.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from hack.cluster import wait_until
from tests.cluster.groups import MERGE, Group, Groups, ordinals
from tests.cluster.witness import Object, alive
from tests.faults.explained import explained, told
from tests.faults.oracle import writes_nothing
from tests.faults.proxy import Fault, Forward, Reply, Request
from tests.faults.run import Run, carried_out, settle, writes_of

HOLD = "windlass.test/hold"
GROUP_LABEL = "windlass.dev/group"


# ---- a name that somebody else's Pod bears


def somebody_s(groups: Groups, name: str) -> None:
    make_pod(groups, name)


def another_controller_s(groups: Groups, name: str) -> None:
    """It has even the group's label."""
    owner = groups.cluster.request("POST", groups.path("configmaps"), {"metadata": {"name": name}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": owner["metadata"]["uid"]}
    label = {GROUP_LABEL: name.rpartition("-")[0]}
    make_pod(groups, name, ownerReferences=[reference | {"controller": True}], labels=label)


def one_that_is_leaving(groups: Groups, name: str) -> None:
    make_pod(groups, name, finalizers=[HOLD])
    groups.cluster.request("DELETE", f"{groups.path('pods', name)}?gracePeriodSeconds=0")


TAKING = {"somebody": somebody_s, "other": another_controller_s, "leaving": one_that_is_leaving}


@pytest.mark.parametrize("moment", ["before", "between"])
def test_a_name_that_another_pod_bears_is_passed_over(run: Run, groups: Groups, moment: str) -> None:
    """`between`: the Pod is made when the name has been reserved and before its creation arrives."""
    there = {name: f"{name}-1" for name in TAKING}
    for name, take in TAKING.items():
        taking = partial(take, groups, there[name])
        if moment == "before":
            taking()
        else:
            run.proxy.inject(first(taking), writes_of(name, f"create {there[name]}"))
    all_ = {name: groups.create(name, desired=3) for name in TAKING}
    for name, group in all_.items():
        settle(group, 3)
        assert own(groups, group) == [0, 2, 3]
        assert tries(run, "create", there[name]) == [409]
        (record,) = group.records.values()
        assert record["description"] == "launched 3 instances, 3 in service"
        assert record["instances"] == [f"{name}-0", f"{name}-2", f"{name}-3"]
    foreign = {name: groups.pods.now[name]["metadata"]["uid"] for name in there.values()}
    for group in all_.values():
        group.scale(0)
        settle(group, 0)
    writes_nothing(run)
    assert {name: pod["metadata"]["uid"] for name, pod in groups.pods.now.items()} == foreign
    assert [tries(run, "delete", name) for name in foreign] == [[], [], []]


def make_pod(groups: Groups, name: str, **metadata: object) -> None:
    body = {"metadata": {"name": name, **metadata}, "spec": {"containers": [{"name": "other", "image": "other:1"}]}}
    groups.cluster.request("POST", groups.path("pods"), body)


def first(act: Callable[[], None]) -> Fault:
    """Something else arrives before the request."""

    async def fault(_: Request, forward: Forward) -> Reply:
        await asyncio.to_thread(act)
        return await forward()

    return fault


# ---- an instance that is the group's no longer


LOST: dict[str, Object] = {
    "label": {"labels": {GROUP_LABEL: None}},
    "changed": {"labels": {GROUP_LABEL: "another-group"}},
}


def test_an_instance_that_was_taken_out_of_its_group_is_made_up_for_and_left_alone(run: Run, groups: Groups) -> None:
    all_ = {name: groups.create(name, desired=3) for name in LOST}
    for group in all_.values():
        settle(group, 3)
    before = {name: groups.pods.now[f"{name}-1"]["metadata"] for name in LOST}
    for name, change in LOST.items():
        patch(groups, f"{name}-1", change)
    for name, group in all_.items():
        groups.pods.wait_for("one in its place", lambda pods, name=name: f"{name}-3" in pods)
        settle(group, 3)
    writes_nothing(run)
    assert set(groups.pods.now) == {f"{name}-{number}" for name in LOST for number in range(4)}

    for name, change in LOST.items():
        patch(groups, f"{name}-1", {part: before[name][part] for part in change})
    for name, group in all_.items():
        group.wait_for("one too many to go", lambda status: status["activity"]["type"] == "ScaleIn")
        settle(group, 3)
        deleted = [each for each in carried_out(run, "delete", "pods") if each.startswith(name)]
        assert len(deleted) == 1
    assert len(groups.pods.now) == 3 * len(LOST)


def test_an_instance_that_loses_its_owner_is_taken_back(run: Run, groups: Groups) -> None:
    web = groups.create(desired=2, deletionPolicy="Force")
    settle(web, 2)
    patch(groups, "web-0", {"ownerReferences": None})
    groups.pods.wait_for("its owner", lambda pods: bool(pods["web-0"]["metadata"].get("ownerReferences")))
    settle(web, 2)
    assert sorted(groups.pods.now) == ["web-0", "web-1"]


def test_an_instance_whose_label_is_off_outlives_its_group(run: Run, groups: Groups) -> None:
    web = groups.create(desired=2, deletionPolicy="Force")
    settle(web, 2)
    patch(groups, "web-0", {"labels": {GROUP_LABEL: None}})
    groups.pods.wait_for("its release", lambda pods: not pods["web-0"]["metadata"].get("ownerReferences"))
    settle(web, 2)
    web.delete()
    groups.pods.wait_for("the others to go", lambda pods: list(pods) == ["web-0"])
    assert alive(groups.pods.now["web-0"])


# ---- what cannot go


def test_instances_that_cannot_go_are_named_with_what_holds_them(run: Run, groups: Groups) -> None:
    web = groups.create(desired=4)
    settle(web, 4)
    for name in web.pods:
        patch(groups, name, {"finalizers": [HOLD]})
    web.scale(2)
    web.wait_for_message("2 instances on the way out; web-")
    leaving = sorted(web.status["activity"]["leaving"])
    web.wait_for_message(f"2 instances on the way out; {leaving[0]}: its deletion waits for finalizer {HOLD}")
    explanation = explained(groups)
    assert [(each["name"], each["state"]) for each in explanation["troubles"]] == [
        (leaving[0], "Removing"),
        (leaving[1], "Removing"),
    ]
    assert f"{leaving[0]}, {leaving[1]}   Removing   its deletion waits for finalizer" in told(groups)
    writes_nothing(run)

    for name in list(groups.pods.now):
        patch(groups, name, {"finalizers": None})
    settle(web, 2)
    assert sorted(carried_out(run, "delete", "pods")) == leaving
    assert web.records["web-a2"]["description"] == "removed 2 instances; 2 left"


def test_a_revision_that_cannot_go_holds_nothing_up(run: Run, groups: Groups) -> None:
    web = groups.create(desired=1)
    settle(web, 1)
    (oldest,) = web.revisions
    path = f"/apis/apps/v1/namespaces/{groups.namespace}/controllerrevisions/{oldest}"
    groups.cluster.request("PATCH", path, {"metadata": {"finalizers": [HOLD]}}, MERGE)
    for number in (2, 3):
        groups.configure("web", annotations={"windlass.test/version": str(number)})
        web.wait_for(f"revision {number}", lambda status, number=number: len(status["revisions"]) == number)
    web.kill("web-0")
    wait_until(lambda: marked(groups, path), 10, "the oldest on its way out")
    web.scale(3)
    settle(web, 3, 10)
    writes_nothing(run)

    assert tries(run, "delete", oldest) == [200]
    groups.cluster.request("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
    web.wait_for("two revisions", lambda status: len(status["revisions"]) == 2)


def marked(groups: Groups, path: str) -> bool:
    return "deletionTimestamp" in groups.cluster.request("GET", path)["metadata"]


# ---- looking


def patch(groups: Groups, pod: str, metadata: Object) -> None:
    groups.cluster.request("PATCH", groups.path("pods", pod), {"metadata": metadata}, MERGE)


def own(groups: Groups, web: Group) -> list[int]:
    uid = web.body["metadata"]["uid"]
    pods = groups.pods.now.values()
    return ordinals(
        pod["metadata"]["name"]
        for pod in pods
        if any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences", ()))
    )


def tries(run: Run, verb: str, name: str) -> list[int]:
    """The answers to the operator's requests of that kind for this object, dry runs apart."""
    return [each.code for each in run.groups.audit.writes() if (each.verb, each.name) == (verb, name) and not each.dry]
