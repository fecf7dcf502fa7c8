"""Scaling groups as a person at kubectl has them, with everything noted that happens to them meanwhile."""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from hack.cluster import Cluster, wait_until
from tests.cluster.audit import AuditLog
from tests.cluster.doors import collection, manifest
from tests.cluster.witness import LIMIT, Object, Witness, alive
from tests.contract import contract_broken
from windlass.api.common import Condition, rfc3339

ZONES = ["zone-a", "zone-b", "zone-c"]
CONTAINER = {"name": "web", "image": "web:1"}
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


@contextmanager
def fresh_namespace(cluster: Cluster, name: str) -> Iterator[str]:
    """A namespace that outlives one test; its end is not waited for."""
    name = f"{name}-{secrets.token_hex(3)}"
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    wait_until(
        lambda: cluster.request("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default"), 30, f"namespace {name}"
    )
    yield name
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")


class Groups:
    """The scaling groups of one namespace. Use it as a context manager: it watches from the beginning to the end."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.audit = AuditLog(cluster, namespace)
        self.seen = Witness(cluster, collection("ScalingGroup", namespace))
        self.pods = Witness(cluster, self.path("pods"))
        self._configured = False
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self.seen)
        self._open.enter_context(self.pods)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def path(self, plural: str, name: str = "") -> str:
        """Where objects of Kubernetes' first kinds are: pods, events, resourcequotas."""
        return f"/api/v1/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def create(self, name: str = "web", desired: int | None = 3, **spec: Any) -> "Group":
        """A group of at most 100, of configuration `web` if no other is named; that is made if it was not before."""
        if "configuration" not in spec and not self._configured:
            self.configure("web")
        if desired is not None:
            spec["desiredSize"] = desired
        self.cluster.request("POST", collection("ScalingGroup", self.namespace), _group(name, spec))
        return Group(self, name)

    def configure(self, name: str, *, annotations: Mapping[str, str] | None = None, **spec: Any) -> None:
        """Create or change the ScalingConfiguration: one container, these annotations, and more of the Pod's spec."""
        self._configured = self._configured or name == "web"
        template = {
            "metadata": {"annotations": dict(annotations or {}), "labels": {"app": name}},
            "spec": {"containers": [CONTAINER], **spec},
        }
        self.cluster.apply(
            collection("ScalingConfiguration", self.namespace),
            manifest("ScalingConfiguration", name, template=template),
        )

    def unconfigure(self, name: str) -> None:
        """Delete the ScalingConfiguration."""
        self.cluster.request("DELETE", f"{collection('ScalingConfiguration', self.namespace)}/{name}")

    def get(self, name: str) -> "Group":
        """A group that is there already."""
        return Group(self, name)

    def messages(self) -> list[str]:
        """Every message that any of the groups ever had."""
        return [group["status"]["message"] for _, group in self.seen.history if group and group.get("status")]

    def broken_promises(self) -> list[str]:
        """What was wrong with any status that was ever to be seen: the conditions' contract, counters going back."""
        self.seen.catch_up()
        found: list[str] = []
        before: dict[str, Object] = {}
        for name, group in self.seen.history:
            old = before.pop(name, None)
            if group is None:
                continue
            found += _wrong(group, old if old and old["metadata"]["uid"] == group["metadata"]["uid"] else None)
            before[name] = group
        return found


class Group:
    """One group."""

    def __init__(self, groups: Groups, name: str) -> None:
        self.name = name
        self._groups = groups
        self._cluster = groups.cluster
        self._path = f"{collection('ScalingGroup', groups.namespace)}/{name}"

    # ---- how it is

    @property
    def body(self) -> Object:
        """As the API server has it."""
        return dict(self._cluster.request("GET", self._path))

    @property
    def status(self) -> Object:
        return dict(self.body.get("status") or {})

    @property
    def phase(self) -> str:
        return str(self.status["phase"])

    @property
    def pods(self) -> dict[str, Object]:
        """The Pods that count, by name, as last seen."""
        return {name: pod for name, pod in self._groups.pods.now.items() if alive(pod) and self._owns(pod)}

    @property
    def records(self) -> dict[str, Object]:
        """The status of each of its activities' records, by name."""
        listed = self._cluster.request("GET", collection("ScalingActivity", self._groups.namespace))["items"]
        mine = (record for record in listed if record["spec"]["scalingGroup"] == self.name)
        return {record["metadata"]["name"]: record.get("status") or {} for record in mine}

    @property
    def revisions(self) -> dict[str, Object]:
        """Its ControllerRevisions by name."""
        path = f"/apis/apps/v1/namespaces/{self._groups.namespace}/controllerrevisions"
        listed = self._cluster.request("GET", path)["items"]
        return {item["metadata"]["name"]: item for item in listed if self._owns(item)}

    @property
    def zones(self) -> dict[str, int]:
        """How many of its Pods are meant for each zone."""
        selectors = (pod["spec"].get("nodeSelector", {}) for pod in self.pods.values())
        return dict(Counter(each.get("topology.kubernetes.io/zone", "") for each in selectors))

    def events(self) -> list[tuple[str, str]]:
        """Reason and message of each event about it, in the order in which they were first said."""
        listed = self._cluster.request("GET", self._groups.path("events"))["items"]
        mine = [event for event in listed if event["involvedObject"]["name"] == self.name]
        mine.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [(event["reason"], event["message"]) for event in mine]

    def _owns(self, thing: Object) -> bool:
        owners = thing["metadata"].get("ownerReferences", ())
        return any(owner["kind"] == "ScalingGroup" and owner["name"] == self.name for owner in owners)

    # ---- what is asked of it

    def change(self, **spec: Any) -> None:
        """Change fields of its spec."""
        self._cluster.request("PATCH", self._path, {"spec": spec}, MERGE)

    def scale(self, size: int) -> None:
        """As `kubectl scale` does."""
        self._groups.cluster.kubectl(
            "--namespace", self._groups.namespace, "scale", f"scalinggroup/{self.name}", f"--replicas={size}"
        )

    def annotate(self, pod: str, **annotations: str | None) -> None:
        """Annotate one of its Pods: `fail="true"` is windlass.test/fail."""
        keys = {f"windlass.test/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self._cluster.request("PATCH", self._groups.path("pods", pod), {"metadata": {"annotations": keys}}, MERGE)

    def grow_old(self, *pods: str) -> None:
        """These were scheduled an hour ago: what ends within a minute of its launch is a failed launch."""
        hour_ago = rfc3339(datetime.now(UTC) - timedelta(hours=1))
        scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": hour_ago}
        for pod in pods:
            path = f"{self._groups.path('pods', pod)}/status"
            self._cluster.request("PATCH", path, {"status": {"conditions": [scheduled]}}, STRATEGIC)

    def kill(self, pod: str) -> None:
        """Delete one of its Pods at once, as somebody who does not know the group does."""
        self._cluster.request("DELETE", f"{self._groups.path('pods', pod)}?gracePeriodSeconds=0")

    def delete(self, propagation: str = "Background") -> None:
        self._cluster.request("DELETE", f"{self._path}?propagationPolicy={propagation}")

    # ---- waiting

    def wait_for(self, what: str, so: Callable[[Object], object], limit: float = LIMIT) -> None:
        """Until its status is so."""

        def seen(now: dict[str, Object]) -> bool:
            return bool(self.name in now and now[self.name].get("status") and so(now[self.name]["status"]))

        self._groups.seen.wait_for(f"{self.name}: {what}", seen, limit)

    def wait_until_ready(self, size: int, limit: float = LIMIT) -> None:
        """Until it says of its present spec that it is as desired, with so many in service."""

        def ready(now: dict[str, Object]) -> bool:
            group = now.get(self.name, {})
            status = group.get("status") or {}
            current = status.get("observedGeneration") == group.get("metadata", {}).get("generation")
            return current and condition(status, "Ready") == "True" and status["inService"] == size

        self._groups.seen.wait_for(f"{self.name}: {size} in service", ready, limit)
        self._groups.pods.catch_up()

    def wait_for_message(self, part: str, limit: float = LIMIT) -> None:
        self.wait_for(f"saying {part!r}", lambda status: part in status["message"], limit)

    def wait_for_phase(self, phase: str, limit: float = LIMIT) -> None:
        self.wait_for(f"phase {phase}", lambda status: status["phase"] == phase, limit)

    def wait_for_event(self, reason: str, part: str = "", limit: float = LIMIT) -> None:
        def told() -> bool:
            return any(code == reason and part in message for code, message in self.events())

        wait_until(told, limit, f"the event {reason} of {self.name} with {part!r} (there are {self.events()})")


def condition(status: Object, kind: str) -> str | None:
    """The status of a condition, None where it is not there."""
    return next((each["status"] for each in status.get("conditions", ()) if each["type"] == kind), None)


def ordinals(pods: Iterable[str]) -> list[int]:
    return sorted(int(name.rpartition("-")[2]) for name in pods)


def _group(name: str, spec: Mapping[str, Any]) -> Object:
    return manifest("ScalingGroup", name, **{"maxSize": 100, **spec})


COUNTERS = ("nextOrdinal", "nextActivity", "observedGeneration")


def _wrong(group: Object, before: Object | None) -> list[str]:
    status = group.get("status")
    if not status:
        return []
    name, generation = group["metadata"]["name"], group["metadata"]["generation"]
    told = f"{name} at {group['metadata']['resourceVersion']}"
    found = contract_broken((Condition.model_validate(each) for each in status.get("conditions", ())), generation)
    wrong = [f"{told}: {found}: {json.dumps(status['conditions'])}"] if found else []
    old = (before or {}).get("status") or {}
    wrong += [
        f"{told}: {counter} went from {old[counter]} back to {status.get(counter)}"
        for counter in COUNTERS
        if status.get(counter, 0) < old.get(counter, 0)
    ]
    if status.get("observedGeneration", 0) > generation:
        wrong.append(f"{told}: observedGeneration is ahead")
    return wrong
