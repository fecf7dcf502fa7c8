"""The command line of every program of the control plane. What is not obvious about a flag is said beside it."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml

from hack.cluster.access import Access, Object
from hack.cluster.pki import SERVICE_IP_RANGE
from hack.cluster.tools import tool

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KWOK = "kwok"
ALL = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)  # in the order in which they start

# Requests a second that the controllers may make. With their default of 20 they would be the slowest part by far.
QPS = 5000
# Seconds after which a node that says nothing is not Ready, where there are real nodes; by default it takes 50. Real
# nodes speak every 2.5 seconds, those of kwok every 10.
LOST_AFTER = 20
AUDIT_MEGABYTES = 10_000  # by default it is begun anew after 100 MB, and who reads it misses what was before

_STAGES = Path(__file__).with_name("kwok.yaml")
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


def etcd(data: Path, client_port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(tool("etcd", "etcd")),
        "--name=local",
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=local={peer}",
        "--unsafe-no-fsync",  # nothing here outlives a power cut
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=5m",
        "--log-level=warn",
    ]


def api_server(access: Access, etcd_port: int, prefix: str, audit_log: Path | None) -> list[str]:
    pki = access.pki
    command = [
        str(tool("kubernetes", API_SERVER)),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--etcd-prefix={prefix}",
        "--bind-address=127.0.0.1",
        f"--secure-port={access.port}",
        "--endpoint-reconciler-type=none",  # a loopback address is no endpoint
        f"--tls-cert-file={pki}/kube-apiserver.crt",
        f"--tls-private-key-file={pki}/kube-apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/service-account.pub",
        f"--service-account-signing-key-file={pki}/service-account.key",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-cluster-ip-range={SERVICE_IP_RANGE}",
        "--allow-privileged=true",
        # What the aggregator needs. Another API server (metrics.k8s.io) may listen on loopback if its Service has the
        # type ExternalName and names localhost; with --enable-aggregator-routing that type is refused.
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        # How it reaches the kubelet of a real node, for logs and exec. The names of nodes are in no DNS.
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
    ]
    if audit_log:
        policy = _write(access.folder / "audit-policy.yaml", _AUDIT_POLICY)
        command += [f"--audit-policy-file={policy}", f"--audit-log-path={audit_log}"]
        command += [f"--audit-log-maxsize={AUDIT_MEGABYTES}"]
    return command


def controller_manager(access: Access, *, real_nodes: bool = False) -> list[str]:
    pki = access.pki
    lost = [f"--node-monitor-grace-period={LOST_AFTER}s", "--node-monitor-period=1s"] if real_nodes else []
    return [
        str(tool("kubernetes", CONTROLLER_MANAGER)),
        f"--kubeconfig={access.write_kubeconfig(CONTROLLER_MANAGER)}",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials=true",  # without it RBAC stops most of its controllers
        f"--service-account-private-key-file={pki}/service-account.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--kube-api-qps={QPS}",
        f"--kube-api-burst={QPS}",
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--profiling=false",
        *lost,
    ]


def scheduler(access: Access) -> list[str]:
    client = {
        "kubeconfig": str(access.write_kubeconfig(SCHEDULER)),
        "qps": QPS,
        "burst": QPS,
        "contentType": "application/vnd.kubernetes.protobuf",
    }
    config = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": client,
    }
    path = _write(access.folder / "scheduler.yaml", config)
    return [str(tool("kubernetes", SCHEDULER)), f"--config={path}", "--secure-port=0"]


def kwok(access: Access) -> list[str]:
    return [
        str(tool("kwok", KWOK)),
        f"--kubeconfig={access.write_kubeconfig(KWOK)}",
        f"--config={_STAGES}",
        "--node-port=0",  # it would listen on all addresses otherwise
        "-v=WARN",
    ]


def nodes(count: int, zones: Sequence[str]) -> list[Object]:
    """Manifests of simulated nodes (kwok), spread over the zones in turn."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"node-{number + 1}", "labels": _labels(f"node-{number + 1}", zone)},
        }
        for number, zone in zip(range(count), itertools.cycle(zones), strict=False)
    ]


def _labels(node: str, zone: str) -> dict[str, str]:
    return {
        "type": "kwok",  # kwok.yaml looks for it
        "kubernetes.io/hostname": node,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "local",
        "topology.kubernetes.io/zone": zone,
    }


def _write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


CLIENTS: Mapping[str, Callable[[Access], list[str]]] = {
    SCHEDULER: scheduler,
    KWOK: kwok,
}
