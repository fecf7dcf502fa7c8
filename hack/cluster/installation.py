"""What the chart installs, on a local cluster; a process on this machine stands in for its Deployment."""

import sys
from pathlib import Path

import yaml

from hack.cluster.access import Access, Object
from hack.cluster.local import ROOT, Cluster
from hack.cluster.process import Process

MANIFESTS = ROOT / "deploy" / "operator.yaml"
NOT_APPLIED = frozenset({"Deployment", "PodDisruptionBudget", "Service"})


def start_operator(cluster: Cluster) -> Process:
    """Install roles, ServiceAccount and policies, and run the operator with that ServiceAccount's rights.

    Where it runs already, it goes on as it is. Its token is good for a day.

    Raises RefusedError, UnreachableError, subprocess.CalledProcessError.
    """
    manifests = [thing for thing in yaml.safe_load_all(MANIFESTS.read_text()) if thing]
    applied = yaml.safe_dump_all(thing for thing in manifests if thing["kind"] not in NOT_APPLIED)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", input=applied)
    operator = Process("operator", cluster.folder)
    kubeconfig = _kubeconfig(cluster, _only(manifests, "ServiceAccount"))
    (container,) = _only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    here = [f"--kubeconfig={kubeconfig}", "--metrics-host=127.0.0.1", "--metrics-port=0", "--log-format=text"]
    here.append("--allow-local-targets=on")  # where the cluster's members are
    operator.start([sys.executable, "-m", "windlass", *container["args"], *here])
    return operator


def _kubeconfig(access: Access, account: Object) -> Path:
    metadata = account["metadata"]
    return access.write_token_kubeconfig(metadata["namespace"], metadata["name"], access.folder / "operator.kubeconfig")


def _only(manifests: list[Object], kind: str) -> Object:
    (found,) = (thing for thing in manifests if thing["kind"] == kind)
    return found
