"""A real control plane on this machine, for the demo, the tests and the benchmarks.

cluster = Cluster("mine")
cluster.up(Shape(nodes=3))
cluster.kubectl("get", "nodes")
cluster.down()
"""

from hack.cluster.access import Access, RefusedError, UnreachableError, is_true, wait_until
from hack.cluster.local import Cluster, Part, Shape, StartError, throw_away
from hack.cluster.programs import ALL, API_SERVER, CONTROLLER_MANAGER, ETCD, KWOK, SCHEDULER
from hack.cluster.tools import BuildError, tool

__all__ = [
    "ALL",
    "API_SERVER",
    "CONTROLLER_MANAGER",
    "ETCD",
    "KWOK",
    "SCHEDULER",
    "Access",
    "BuildError",
    "Cluster",
    "Part",
    "RefusedError",
    "Shape",
    "StartError",
    "UnreachableError",
    "is_true",
    "throw_away",
    "tool",
    "wait_until",
]
