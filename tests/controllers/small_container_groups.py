"""One container group on an API in memory, with a kubelet that brings its Pod up and reports of it."""

import pickle
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tests.cluster_client.objects import Body, Objects
from tests.controllers.processes import Process
from tests.controllers.small_stacks import MovedLoopClock
from windlass.api.common import API_VERSION
from windlass.controllers.container_groups.controller import ContainerGroupController

NAMESPACE, NAME = "default", "web"
LONGEST_STORY = 1200.0
QUIET_SECONDS = 3
SIZE = {"cpu": "500m", "memory": "128Mi"}


def container(name: str, image: str = "web:1", **more: Any) -> Body:
    return {"name": name, "image": image, "resources": SIZE, **more}


def spec(*containers: Body, **more: Any) -> Body:
    return {
        "size": {"cpu": "2", "memory": "1Gi"},
        "containers": list(containers) or [container("web"), container("side", "side:1")],
        **more,
    }


class SmallContainerGroup:
    """A group `web`. `crashing`: images whose containers end with 3 at once; `infeasible`: no Pod can be resized."""

    def __init__(self) -> None:
        self.clock = MovedLoopClock()
        self.objects = Objects(now=self.clock.now, slow_to_go=("pods",))
        self.crashing: set[str] = set()
        self.infeasible = False
        self.silent = False
        self._checked = 0
        self._pods: set[str] = set()

    def copied(self) -> "SmallContainerGroup":
        found: SmallContainerGroup = pickle.loads(pickle.dumps(self))  # noqa: S301 - our own
        return found

    # ---- what people do

    def create(self, wanted: Body) -> None:
        body = {"apiVersion": API_VERSION, "kind": "ContainerGroup", "metadata": {"name": NAME}, "spec": wanted}
        path = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/containergroups"
        assert self.objects.answer("POST", path, "", body)[0] == 201

    def change(self, **wanted: Any) -> None:
        path = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/containergroups/{NAME}"
        assert self.objects.answer("PATCH", path, "", {"spec": wanted})[0] == 200

    def delete_pod(self) -> None:
        path, uid = f"/api/v1/namespaces/{NAMESPACE}/pods/{NAME}", self.pod["metadata"]["uid"]
        assert self.objects.answer("DELETE", path, "", {"preconditions": {"uid": uid}})[0] == 200

    def secret(self, name: str, text: str) -> None:
        meta = {"namespace": NAMESPACE, "name": name, "uid": f"uid-{name}"}
        kind = "kubernetes.io/dockerconfigjson"
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta,
            "type": kind,
            "data": {".dockerconfigjson": text},
        }
        self.objects.put("secrets", body)

    def stranger(self) -> None:
        meta = {
            "namespace": NAMESPACE,
            "name": NAME,
            "uid": "uid-stranger",
            "creationTimestamp": "2026-01-15T12:00:00Z",
        }
        self.objects.put("pods", {"metadata": meta, "spec": {"containers": [{"name": "x", "image": "x"}]}})

    # ---- looking

    @property
    def pod(self) -> Body:
        return self.objects.by_place["pods", NAMESPACE, NAME]

    @property
    def status(self) -> Body:
        found: Body = self.objects.by_place["containergroups", NAMESPACE, NAME].get("status") or {}
        return found

    def images(self) -> dict[str, str]:
        return {each["name"]: each["image"] for each in self.pod["spec"]["containers"]}

    def restarts(self) -> dict[str, int]:
        return {each["name"]: each["restartCount"] for each in self.pod["status"]["containerStatuses"]}

    def names(self, plural: str) -> list[str]:
        return [body["metadata"]["name"] for body in self.objects.selected(plural)]

    def writes(self, plural: str) -> list[str]:
        """What became of the objects of a kind, in its order."""
        return [change.type for change in self.objects.history if change.plural == plural]

    # ---- time

    def process(self, *, namespaces: tuple[str, ...] | None = None, **how: Any) -> Process:
        """One that works in these namespaces; None: in all."""
        return Process(
            self.objects,
            self.clock,
            controllers=lambda runtime: [ContainerGroupController(replace(runtime, namespaces=namespaces))],
            **how,
        )

    async def settle(self, process: Process) -> None:
        """Until nothing has changed for a while and the group is at rest, or the process ends."""
        began, quiet = self.clock.monotonic(), 0
        while self.clock.monotonic() < began + LONGEST_STORY:
            before = self.objects.version
            await process.live(1.0)
            self.tick()
            quiet = 0 if self.objects.version != before else quiet + 1
            if process.ended or (quiet >= QUIET_SECONDS and self.status.get("phase") != "Updating"):
                return
        raise AssertionError(f"not at rest after {LONGEST_STORY} s: {self.status}")

    async def until(self, process: Process, seen: Callable[[], object], limit: float = 600.0) -> None:
        began = self.clock.monotonic()
        while not seen():
            assert self.clock.monotonic() < began + limit, f"not so after {limit} s: {self.status}"
            await process.live(1.0)
            self.tick()

    def tick(self) -> None:
        """The kubelet looks once, and what was promised is checked."""
        for change in self.objects.history[self._checked :]:
            if change.plural == "pods" and change.body["metadata"]["uid"] != "uid-stranger":
                self._pods.add(change.body["metadata"]["uid"])
        self._checked = len(self.objects.history)
        if self.silent:
            return
        for pod in self.objects.selected("pods"):
            if "deletionTimestamp" in pod["metadata"]:
                self.objects.remove("pods", NAMESPACE, pod["metadata"]["name"])
            elif pod["metadata"]["uid"] != "uid-stranger":
                reported = self._reported(pod)
                if reported != pod.get("status"):
                    self.objects.put("pods", {**pod, "status": reported})

    @property
    def pods_made(self) -> int:
        return len(self._pods)

    def _reported(self, pod: Body) -> Body:
        before = pod.get("status") or {}
        old = {each["name"]: each for each in before.get("containerStatuses", ())}
        reports = [self._report(each, old.get(each["name"])) for each in pod["spec"]["containers"]]
        wanted = {each["name"]: each["resources"] for each in pod["spec"]["containers"]}
        conditions: list[Body] = []
        if self.infeasible and any(each["resources"] != wanted[each["name"]] for each in reports):
            pending = {"type": "PodResizePending", "status": "True", "reason": "Infeasible", "message": "no room"}
            conditions = [pending]
        return {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "qosClass": "Guaranteed",
            "conditions": conditions,
            "containerStatuses": reports,
        }

    def _report(self, wanted: Body, old: Body | None) -> Body:
        now = f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        resources = old["resources"] if old is not None and self.infeasible else wanted["resources"]
        fresh = old is None or old["image"] != wanted["image"]
        report: Body = {
            "name": wanted["name"],
            "image": wanted["image"],
            "imageID": f"sha256:{wanted['image']}",
            "restartCount": 0 if old is None else old["restartCount"] + fresh,
            "resources": resources,
            "allocatedResources": resources["requests"],
        }
        if wanted["image"] in self.crashing:
            ended = {"exitCode": 3, "reason": "Error", "message": "cannot find its database"}
            state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
            return report | {"ready": False, "state": state, "lastState": {"terminated": ended}}
        running = {"running": {"startedAt": now}} if fresh or old is None else old["state"]
        return report | {"ready": True, "state": running}


def told(statuses: Iterable[Body]) -> list[str]:
    """The phases, each once in a row."""
    found: list[str] = []
    for each in statuses:
        if each.get("phase") and found[-1:] != [each["phase"]]:
            found.append(each["phase"])
    return found
