"""A stack set with member clusters, as an administrator of the hub sees it."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from hack.cluster import Cluster, RefusedError, wait_until
from tests.cluster.doors import API, MERGE_PATCH
from tests.cluster.members import Member

LIMIT = 30.0
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: shop
data:
  greeting: ${greeting}
  region: ${windlass.region}
  account: ${windlass.account}
"""
OVER = ("Successful", "Failed", "Cancelled")

Object = dict[str, Any]


class StackWorld:
    """One namespace of the hub, and a namespace of its own in each member."""

    def __init__(self, cluster: Cluster, namespace: str, members: Iterable[Member]) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.members = tuple(members)
        self.homes = {member.name: member.new_namespace("shop") for member in self.members}
        self._at: dict[tuple[str, str], tuple[Member, str]] = {}

    # ---- the hub

    def path(self, plural: str, name: str = "", group: str = API) -> str:
        return f"{group}/namespaces/{self.namespace}/{plural}{f'/{name}' if name else ''}"

    def create(self, plural: str, kind: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> Object:
        body = {"apiVersion": "windlass.dev/v1alpha1", "kind": kind, "metadata": {"name": name, **metadata}}
        made: Object = self.cluster.request("POST", self.path(plural), {**body, "spec": dict(spec)})
        return made

    def get(self, plural: str, name: str) -> Object:
        found: Object = self.cluster.request("GET", self.path(plural, name))
        return found

    def patch(self, plural: str, name: str, spec: Mapping[str, Any]) -> None:
        self.cluster.request("PATCH", self.path(plural, name), {"spec": dict(spec)}, MERGE_PATCH)

    def delete(self, plural: str, name: str) -> None:
        self.cluster.request("DELETE", self.path(plural, name))

    def is_gone(self, plural: str, name: str) -> bool:
        try:
            self.get(plural, name)
        except RefusedError:
            return True
        return False

    def target(self, region: str, account: str, member: Member, namespace: str = "", **spec: Any) -> None:
        """A StackTarget that leads to this member, by a Secret of its own."""
        home = namespace or self.homes[member.name]
        name = f"{region}-{account}"
        self._at[region, account] = member, home
        self.secret(name, member.kubeconfig)
        cluster = {"kubeconfigSecretRef": {"name": name}}
        self.create(
            "stacktargets",
            "StackTarget",
            name,
            {"region": region, "account": account, "cluster": cluster, "namespace": home, **spec},
        )

    def secret(self, name: str, kubeconfig: str) -> None:
        data = {"kubeconfig": base64.b64encode(kubeconfig.encode()).decode()}
        path = self.path("secrets", group="/api/v1")
        self.cluster.apply(path, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data})

    def stack_set(self, name: str = "shop", **spec: Any) -> Object:
        return self.create(
            "stacksets",
            "StackSet",
            name,
            {"template": {"manifests": TEMPLATE}, "variables": 'greeting = "hello"\n', **spec},
        )

    def start(
        self, name: str, action: str, regions: Iterable[str] = (), accounts: Iterable[str] = (), **spec: Any
    ) -> None:
        targets = {"regions": list(regions), "accounts": list(accounts)}
        wanted = {"stackSet": "shop", "action": action, **({"targets": targets} if targets["regions"] else {}), **spec}
        self.create("stacksetoperations", "StackSetOperation", name, wanted)

    def wait_for_end(self, name: str, phase: str = "Successful", limit: float = LIMIT) -> Object:
        """The operation's status when it is over, which must be in this phase."""

        def over() -> bool:
            return self.get("stacksetoperations", name).get("status", {}).get("phase") in OVER

        try:
            wait_until(over, limit, f"the end of {name}")
        finally:
            status: Object = self.get("stacksetoperations", name).get("status", {})
        assert status["phase"] == phase, (status, self.instances())
        return status

    def instances(self) -> dict[tuple[str, str], Object]:
        """The instances by region and account."""
        found = self.cluster.request("GET", self.path("stackinstances"))["items"]
        return {(each["spec"]["region"], each["spec"]["account"]): each for each in found}

    def phases(self) -> dict[tuple[str, str], str]:
        return {place: each.get("status", {}).get("phase", "") for place, each in self.instances().items()}

    def wait_for_set(self, name: str = "shop", **status: Any) -> None:
        def reached() -> bool:
            shown = self.get("stacksets", name).get("status", {})
            return all(shown.get(field) == value for field, value in status.items())

        try:
            wait_until(reached, LIMIT, f"a set with {status}")
        except TimeoutError as error:
            error.add_note(str(self.get("stacksets", name).get("status")))
            raise

    # ---- the members

    def held(self, region: str, account: str, name: str = "shop") -> dict[str, str] | None:
        """The data of the ConfigMap that is deployed there; None: there is none."""
        member, home = self._at[region, account]
        try:
            return dict(member.access.request("GET", f"/api/v1/namespaces/{home}/configmaps/{name}")["data"])
        except RefusedError:
            return None

    def lists(self, region: str, account: str) -> list[Object]:
        """The ConfigMaps there that list what was deployed."""
        member, home = self._at[region, account]
        found = member.access.request("GET", f"/api/v1/namespaces/{home}/configmaps")["items"]
        return [each for each in found if each["metadata"]["name"].startswith("windlass-")]
