"""The bridge of a cluster's real nodes. The nodes' own ends of it come and go with them."""

import contextlib
import ipaddress
import json
import os
import subprocess
from pathlib import Path

from hack.cluster.locking import locked
from hack.cluster.nodes import cgroups
from hack.cluster.nodes.plan import Plan, bridge_name, free_range, interface_name, mark_of
from hack.cluster.process import Process

# Where `ip` and what containerd calls are, also for those whose PATH ends at /usr/bin.
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))

_INTERFACES = Path("/sys/class/net")
_LOCK = Path("/run/windlass-addresses.lock")  # one for the machine: clusters of several checkouts choose their ranges


def connect(folder: Path) -> Plan:
    """The plan of the cluster with this folder, its bridge in place. A bridge that is made gets a range that is free.

    Raises NoRangeError, OSError.
    """
    kept = folder / "addresses"
    with locked(_LOCK, waiting="waiting for another cluster that chooses its addresses"):
        if not kept.exists() or not exists(bridge_of(folder)):
            disconnect(folder)
            _remove_abandoned()
            kept.write_text(str(free_range(mark_of(folder), _taken())))
        plan = Plan(mark_of(folder), ipaddress.IPv4Network(kept.read_text()))
        _make(plan, folder)
    return plan


def disconnect(folder: Path) -> None:
    """Removes the cluster's bridge and what is plugged into it, if it is there."""
    for interface in [*_INTERFACES.glob(f"{interface_name(mark_of(folder), '*')}"), _INTERFACES / bridge_of(folder)]:
        unplug(interface.name)


def unplug(interface: str) -> None:
    """Removes a network interface, if it is there.

    A node that was killed leaves connections that the kernel wants to close properly: for as long as a minute and a
    half they would keep the node's cable.
    """
    if exists(interface):
        with contextlib.suppress(OSError):  # it went by itself in this moment
            _ip("link", "delete", interface)


def bridge_of(folder: Path) -> str:
    """What the cluster's bridge is called, whether or not it is there."""
    return bridge_name(mark_of(folder))


def exists(interface: str) -> bool:
    return (_INTERFACES / interface).exists()


def _make(plan: Plan, folder: Path) -> None:
    """Also finishes what was cut off."""
    if not exists(plan.bridge):
        _ip("link", "add", plan.bridge, "type", "bridge")
    _ip("link", "set", plan.bridge, "alias", str(folder.resolve()), "up")
    _ip("address", "replace", str(plan.gateway), "dev", plan.bridge)
    # The whole range: nobody else takes it, and what is sent to a node that is gone goes nowhere.
    _ip("route", "replace", str(plan.addresses), "dev", plan.bridge)


def _remove_abandoned() -> None:
    """Removes the bridges of clusters without a single program: their starter was killed, and they with it."""
    for interface in _INTERFACES.glob(f"{bridge_name('')}*"):
        folder = Path((interface / "ifalias").read_text().strip())
        is_ours = interface.name == bridge_of(folder)
        if is_ours and not any(Process(file.stem, folder).pid for file in folder.glob("*.pid")):
            cgroups.end(interface.name)
            disconnect(folder)


def _taken() -> list[ipaddress.IPv4Network]:
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all"))
    return [ipaddress.IPv4Network(route["dst"]) for route in routes if route["dst"][:1].isdecimal()]


def _ip(*arguments: str) -> str:
    """What `ip …` prints. Raises OSError with its complaint."""
    environment = os.environ | {"PATH": PATH}
    ran = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, env=environment)
    if ran.returncode:
        raise OSError(f"running ip {' '.join(arguments)}: {ran.stderr.strip()}")
    return ran.stdout
