"""Member clusters: API servers of their own that are reached by way of proxies, which can do them harm.

A member is an API server and nothing else: it has no controllers, no scheduler and no nodes. So in a member

- a Deployment is ready when the test has written its status;
- what is deleted leaves its dependents, and with foreground deletion it stays;
- a deleted namespace stays Terminating: a test takes a new one, and leaves it;
- a namespace has no ServiceAccount `default`, without which no Pod is accepted: a test that needs one makes it.

CRDs, RBAC, server-side apply and tokens of ServiceAccounts are the API server's own and work as anywhere.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from hack.cluster import API_SERVER, ETCD, Access, Cluster
from tests.faults.proxy import Proxy

_ACCOUNT = "administrator"
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Member:
    """One member: `access` is its administrator's direct way to it, `proxy` stands before it for everybody else."""

    cluster: Cluster
    access: Access
    proxy: Proxy

    @property
    def name(self) -> str:
        return self.access.name

    @cached_property
    def kubeconfig(self) -> str:
        """By way of the proxy, with an administrator's token: no path is in it, so that it can go into a Secret."""
        path = self.access.folder / f"{_ACCOUNT}.kubeconfig"
        self._make_administrator()
        self.access.write_token_kubeconfig("kube-system", _ACCOUNT, path)
        return self.proxy.kubeconfig(path, self.access.folder).read_text()

    @property
    def uid(self) -> str:
        """Which cluster it is."""
        return str(self.access.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"])

    def new_namespace(self, name: str = "test") -> str:
        """A namespace whose name begins so. It is never removed."""
        metadata = {"name": f"{name}-{secrets.token_hex(3)}"}
        self.access.request("POST", "/api/v1/namespaces", {"metadata": metadata})
        return metadata["name"]

    def stop(self) -> None:
        """Ends the API server in its own time, at most 10 s."""
        self.cluster.stop(self.name)

    def kill(self) -> None:
        """Ends the API server at once."""
        self.cluster.kill(self.name)

    def start(self) -> None:
        """Starts the API server unless it runs, and waits until it answers."""
        self.cluster.start(self.name)

    def restore(self) -> None:
        """It answers, and nothing happens to what it is asked."""
        self.proxy.heal()
        self.start()

    def _make_administrator(self) -> None:
        account = {"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": "kube-system"}
        manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _ACCOUNT}}
        self.access.apply("/api/v1/namespaces/kube-system/serviceaccounts", manifest)
        binding = {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": _ACCOUNT},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [account],
        }
        self.access.apply(f"/apis/{_RBAC}/v1/clusterrolebindings", binding)


@contextmanager
def with_members(cluster: Cluster, count: int) -> Iterator[tuple[Member, ...]]:
    """The cluster with so many members. They end with the cluster, their proxies with the block."""
    cluster.up(replace(cluster.shape, members=count), (ETCD, API_SERVER))
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(access, tls=True)) for access in cluster.members]
        pairs = zip(cluster.members, proxies, strict=True)
        yield tuple(Member(cluster, access, proxy) for access, proxy in pairs)
