"""A container group on a real API server, as people see it. Simulated nodes (kwok) are its kubelet."""

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec

from hack.cluster import Cluster, RefusedError, wait_until
from tests.cluster.doors import API, MERGE_PATCH
from windlass.cluster.container_groups import WirePod, to_group_pod
from windlass.planner.containergroup.view import Pod

LIMIT = 40.0  # a container that was started anew is watched for ten seconds
SIZE = {"cpu": "100m", "memory": "64Mi"}
FILES = {"name": "conf", "configFile": {"files": [{"path": "app.ini", "content": "eD0x"}]}}

Object = dict[str, Any]


def container(name: str = "web", image: str = "web:1", **more: Any) -> Object:
    return {"name": name, "image": image, "resources": SIZE, **more}


class ContainerWorld:
    """One namespace with a group `web`."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def path(self, plural: str, name: str = "", group: str = "/api/v1") -> str:
        return f"{group}/namespaces/{self.namespace}/{plural}{f'/{name}' if name else ''}"

    def create(self, *containers: Object, **spec: Any) -> None:
        wanted = {"size": {"cpu": "1", "memory": "1Gi"}, "containers": list(containers) or [container()], **spec}
        body = {"apiVersion": "windlass.dev/v1alpha1", "kind": "ContainerGroup", "metadata": {"name": "web"}}
        self.cluster.request("POST", self.path("containergroups", group=API), {**body, "spec": wanted})

    def change(self, **spec: Any) -> None:
        """Change it, and wait for the end of that update."""
        path = self.path("containergroups", "web", API)
        generation = self.cluster.request("PATCH", path, {"spec": spec}, MERGE_PATCH)["metadata"]["generation"]

        def over() -> bool:
            update = self.status.get("lastUpdate") or {}
            return bool(update.get("generation") == generation and update.get("result"))

        self.wait(over, "the end of the update")

    def credentials(self, name: str, password: str) -> None:
        file = json.dumps({"auths": {"registry.example": {"username": "me", "password": password}}})
        data = {".dockerconfigjson": base64.b64encode(file.encode()).decode()}
        kind = "kubernetes.io/dockerconfigjson"
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "data": data}
        self.cluster.apply(self.path("secrets"), body)

    def delete(self) -> None:
        self.cluster.request("DELETE", self.path("containergroups", "web", API))

    @property
    def status(self) -> Object:
        found: Object = self.cluster.request("GET", self.path("containergroups", "web", API)).get("status") or {}
        return found

    @property
    def pod(self) -> Object:
        found: Object = self.cluster.request("GET", self.path("pods", "web"))
        return found

    @property
    def seen(self) -> Pod:
        """The Pod as decisions see it."""
        return to_group_pod(msgspec.convert(self.pod, WirePod)).pod

    def restarts(self) -> dict[str, int]:
        return {each["name"]: each["restartCount"] for each in self.pod["status"]["containerStatuses"]}

    def wait(self, seen: Callable[[], object], what: str) -> None:
        def reached() -> bool:
            try:
                return bool(seen())
            except RefusedError:
                return False

        wait_until(reached, LIMIT, f"{what}: {self.status if self.is_there else None}")

    @property
    def is_there(self) -> bool:
        try:
            self.cluster.request("GET", self.path("containergroups", "web", API))
        except RefusedError:
            return False
        return True

    def wait_until_running(self) -> None:
        def runs() -> bool:
            ready = {each["type"]: each["status"] for each in self.status.get("conditions", ())}
            return self.status.get("phase") == "Running" and ready.get("Ready") == "True"

        self.wait(runs, "a group that runs")
