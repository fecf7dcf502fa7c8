"""The settings of a node's programs. What is not obvious about one is said beside it.

The paths are those inside the node, where its folder is `/run/node`.
"""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from hack.cluster.nodes.images import PAUSE
from hack.cluster.nodes.plan import RealNode

INSIDE = "/run/node"
SOCKET = "/run/containerd/containerd.sock"
_SIGNALS = ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree")
ABSENT = "http://127.0.0.1:1"  # nobody listens there


def all_of(node: RealNode, cgroup: str, authority: str, cni: str) -> Mapping[str, str]:
    """Every file of a node by its name. `authority`: the certificate that clients' are signed with; `cni`: a folder."""
    return {
        "containerd.toml": containerd(cni),
        # An image that is not there fails at once; otherwise its registry's name would be looked up first.
        "registries/_default/hosts.toml": f'server = "{ABSENT}"\n',
        "network/10-pods.conflist": json.dumps(network(node)),
        "clients-ca.crt": authority,
        "kubelet.yaml": yaml.safe_dump(kubelet(node, cgroup)),
    }


def containerd(cni: str) -> str:
    return f"""
version = 3
root = "{INSIDE}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "{SOCKET}"
[plugins.'io.containerd.internal.v1.opt']
  path = "{INSIDE}/opt"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{PAUSE}"
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "{INSIDE}/registries"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true  # a root without CAP_SYS_RESOURCE cannot make a process less likely to be killed
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = "plain-runc"
      SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{cni}"]
    conf_dir = "{INSIDE}/network"
"""


def network(node: RealNode) -> dict[str, Any]:
    """CNI: each Pod has a cable of its own to its node."""
    addresses = {
        "type": "host-local",
        "dataDir": "/run/addresses-of-pods",
        "ranges": [[{"subnet": str(node.pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": False, "ipam": addresses}]}


def kubelet(node: RealNode, cgroup: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,  # else it refuses version 1 of cgroups
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "enforceNodeAllocatable": ["pods"],
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{INSIDE}/clients-ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "address": str(node.address.ip),
        "resolvConf": "",  # Pods know no names: there is no DNS in the cluster
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        # The machine is others' too: its memory and disk are no sign that this node has too many Pods.
        "evictionHard": dict.fromkeys(_SIGNALS, "0%"),
        "imageGCHighThresholdPercent": 100,
        "volumePluginDir": f"{INSIDE}/kubelet/volume-plugins",
        "serializeImagePulls": False,
        # A node that is lost is known to be so within LOST_AFTER (programs.py), not after 50 s.
        "nodeLeaseDurationSeconds": 10,
        "nodeStatusUpdateFrequency": "5s",
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "eventRecordQPS": 0,  # no limit
    }
