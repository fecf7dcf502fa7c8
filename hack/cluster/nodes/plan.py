"""What the real nodes of a cluster are called, and which addresses they have."""

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.pki import SERVICE_IP_RANGE

# Set aside for tests of devices (RFC 2544): no network that a machine is in uses it.
ADDRESSES = ipaddress.IPv4Network("198.18.0.0/15")
RANGE_LENGTH = 20  # of a cluster: one /24 for the bridge and fifteen for nodes' Pods
MOST_NODES = 15
KUBERNETES_SERVICE = str(ipaddress.IPv4Network(SERVICE_IP_RANGE)[1])


class NoRangeError(Exception):
    """Every range of addresses is in use on this machine."""


@dataclass(frozen=True, slots=True)
class RealNode:
    """One node's names and addresses. `interface`: the bridge's end of its cable."""

    name: str
    interface: str
    address: ipaddress.IPv4Interface
    pods: ipaddress.IPv4Network


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a cluster's nodes have of what the machine has only one of each. `mark` tells it from other clusters."""

    mark: str
    addresses: ipaddress.IPv4Network

    @property
    def bridge(self) -> str:
        """The network interface that the nodes are plugged into. The cluster's cgroup is called so too."""
        return bridge_name(self.mark)

    @property
    def gateway(self) -> ipaddress.IPv4Interface:
        """The machine's own address on the bridge."""
        network = next(self.addresses.subnets(new_prefix=24))
        return ipaddress.IPv4Interface(f"{network[1]}/{network.prefixlen}")

    def node(self, number: int) -> RealNode:
        """The node of this number, from 1 to MOST_NODES."""
        bridge, *pods = self.addresses.subnets(new_prefix=24)
        address = ipaddress.IPv4Interface(f"{bridge[number + 1]}/{bridge.prefixlen}")
        return RealNode(node_name(number), interface_name(self.mark, number), address, pods[number - 1])


def bridge_name(mark: str) -> str:
    return f"windlass{mark}"


def interface_name(mark: str, number: int | str) -> str:
    """The bridge's end of a node's cable."""
    return f"w{mark}-{number}"


def node_name(number: int) -> str:
    return f"real-{number}"


def is_real(part: str) -> bool:
    """Whether the name of a cluster's part is that of a real node."""
    name, _, number = part.partition("-")
    return name == "real" and number.isdecimal()


def mark_of(folder: Path) -> str:
    """Six hexadecimal digits for a cluster's folder: the names of interfaces have at most 15 characters."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:6]


def free_range(mark: str, taken: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """A range for a cluster that overlaps none of the taken; the mark says where the search begins.

    Raises NoRangeError.
    """
    ranges = list(ADDRESSES.subnets(new_prefix=RANGE_LENGTH))
    first = int(mark, 16) % len(ranges)
    used = list(taken)
    for candidate in ranges[first:] + ranges[:first]:
        if not any(candidate.overlaps(network) for network in used):
            return candidate
    raise NoRangeError(f"each part of {ADDRESSES} is in use on this machine; hack/cluster/cluster down gives one back")
