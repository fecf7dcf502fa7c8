"""Real nodes of a local cluster: containerd and kubelet, each node in namespaces of its own on this machine.

A node's first process is the whole node: when it ends, the kernel ends everything in its namespaces, and with them go
their mounts and their network. What remains then is a bridge for each cluster and a cgroup for each node; both have
names that come from the cluster's folder, so that `down` finds them whatever has happened.
"""

from hack.cluster.nodes.needs import missing
from hack.cluster.nodes.real import RealNodes

__all__ = ["RealNodes", "missing"]
