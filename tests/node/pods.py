"""Pods on a real node, as a test sees them."""

import urllib.request
from collections.abc import Callable
from typing import Any

from hack.cluster import Cluster, is_true, wait_until
from hack.cluster.access import Object
from hack.cluster.nodes import cgroups
from hack.cluster.nodes.images import APP_1

LIMIT = 30.0  # seconds; what is waited for here takes one or two, more on a machine that is busy otherwise


def container(name: str, port: int = 8080, image: str = APP_1, **more: object) -> Object:
    """A container that answers on this port, and is asked every second whether it is ready."""
    env = [{"name": "PORT", "value": str(port)}]
    return {"name": name, "image": image, "env": env, "readinessProbe": probe("/ready", port)} | more


def probe(path: str, port: int = 8080) -> Object:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 1, "failureThreshold": 1}


def resources(cpu: str, memory: str) -> Object:
    """Request and limit are the same."""
    quantities = {"cpu": cpu, "memory": memory}
    return {"requests": quantities, "limits": quantities}


class Pods:
    """Creates Pods and looks at them."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._namespace = namespace

    def create(self, *containers: Object, name: str = "web", node: str | None = None) -> None:
        """A Pod on the real node of this name, or on any."""
        spec = {
            "nodeSelector": {"type": "real"} | ({"kubernetes.io/hostname": node} if node else {}),
            "dnsPolicy": "Default",
            "terminationGracePeriodSeconds": 10,
            "containers": list(containers),
        }
        self._cluster.request("POST", self._path, {"metadata": {"name": name}, "spec": spec})

    def create_ready(self, *containers: Object, name: str = "web", node: str | None = None) -> Object:
        """The same, and waits until it is ready."""
        self.create(*containers, name=name, node=node)
        return self.wait_until("is ready", lambda pod: is_true(pod, "Ready"), name)

    def get(self, name: str = "web") -> Object:
        found: Object = self._cluster.request("GET", f"{self._path}/{name}")
        return found

    def exists(self, name: str = "web") -> bool:
        return any(pod["metadata"]["name"] == name for pod in self._cluster.request("GET", self._path)["items"])

    def patch(self, container: str, change: Object, subresource: str = "", name: str = "web") -> None:
        """Changes one container."""
        spec = {"containers": [{"name": container} | change]}
        path = f"{self._path}/{name}{subresource}"
        self._cluster.request("PATCH", path, {"spec": spec}, "application/strategic-merge-patch+json")

    def wait_until(self, what: str, condition: Callable[[Object], object], name: str = "web") -> Object:
        """The Pod as it is when the condition is true."""
        found: list[Object] = []

        def holds() -> object:
            found.append(self.get(name))
            return condition(found[-1])

        wait_until(holds, LIMIT, f"Pod {name} {what}")
        return found[-1]

    def app(self, container: str, *words: str, name: str = "web") -> str:
        """What the program prints when it is run once more, in this container, with these words."""
        return self.kubectl("exec", name, f"--container={container}", "--", "/app", *words).strip()

    def logs(self, container: str, name: str = "web") -> list[str]:
        return self.kubectl("logs", name, f"--container={container}").splitlines()

    def kubectl(self, *arguments: str) -> str:
        return self._cluster.kubectl("--namespace", self._namespace, *arguments)


def status(pod: Object, container: str) -> dict[str, Any]:
    """What the kubelet says of a container; nothing at first."""
    found = pod["status"].get("containerStatuses", ())
    return next((each for each in found if each["name"] == container), {})


def condition(pod: Object, kind: str) -> dict[str, Any]:
    found = pod["status"].get("conditions", ())
    return next((each for each in found if each["type"] == kind), {})


def answer(pod: Object, path: str, port: int = 8080) -> str:
    """What a container says to this machine."""
    with urllib.request.urlopen(f"http://{pod['status']['podIP']}:{port}{path}", timeout=5) as answered:
        return str(answered.read().decode().strip())


def limits(pod: Object, container: str) -> tuple[int, int]:
    """What the kernel holds a container to: thousandths of a processor, and bytes of memory."""
    number = status(pod, container)["containerID"].rpartition("/")[2]
    of_its_class = {"Guaranteed": ""}.get(pod["status"]["qosClass"], f"/{pod['status']['qosClass'].lower()}")
    folder = f"{pod['spec']['nodeName']}/kubepods{of_its_class}/pod{pod['metadata']['uid']}/{number}"
    files = {file.name: file for tree in cgroups.trees() for file in tree.glob(f"windlass*/{folder}/*")}
    if "cpu.max" in files:
        quota, period = files["cpu.max"].read_text().split()
        memory = files["memory.max"]
    else:
        quota, period = (files[f"cpu.cfs_{name}_us"].read_text() for name in ("quota", "period"))
        memory = files["memory.limit_in_bytes"]
    return int(quota) * 1000 // int(period), int(memory.read_text())


def started(pod: Object) -> dict[str, tuple[str, int]]:
    """Which containers run, and how often each has been restarted."""
    return {each["name"]: (each["containerID"], each["restartCount"]) for each in pod["status"]["containerStatuses"]}
