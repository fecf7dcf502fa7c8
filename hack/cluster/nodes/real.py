"""Starting real nodes and ending them, whatever has happened to them before."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hack.cluster import pki
from hack.cluster.access import Access
from hack.cluster.nodes import cgroups, documents, images, network
from hack.cluster.nodes.needs import NAMESPACES
from hack.cluster.nodes.plan import KUBERNETES_SERVICE, Plan, RealNode, interface_name, mark_of, node_name
from hack.cluster.process import Process, Usage, usage_of
from hack.cluster.tools import TOOL_SETS, ensure

FORWARDER = "api-on-bridge"
TOOLS = ("kubernetes-node", "containerd", "runc", "cni", "node-programs")

_HERE = Path(__file__).parent
_FIRST_PROCESS = _HERE / "first_process"
_FORWARD = _HERE / "forward.py"


class RealNodes:
    """The real nodes of one cluster, by number from 1.

    `process` gives the process of a part by its name; `dies_with_parent` as in Cluster.
    """

    def __init__(self, access: Access, process: Callable[[str], Process], *, dies_with_parent: bool) -> None:
        self._access = access
        self._process = process
        self._dies_with_parent = dies_with_parent

    def start(self, number: int, zone: str) -> None:
        """Starts the node unless it runs; what an earlier life of it has left is ended first.

        Raises tools.BuildError, NoRangeError, OSError, TimeoutError.
        """
        name = node_name(number)
        plan = network.connect(self._access.folder)
        self._start_forwarder(plan)
        if self._process(name).pid:
            return
        self.stop(number)
        tools = {name: ensure(TOOL_SETS[name]) for name in TOOLS}
        node, cgroup = plan.node(number), self._cgroup(number)
        folder = self._write_files(plan, node, cgroup, tools["cni"])
        environment = {
            "PATH": os.pathsep.join((*map(str, tools.values()), network.PATH)),
            "NODE": name,
            "LABELS": f"type=real,topology.kubernetes.io/region=local,topology.kubernetes.io/zone={zone}",
            "INTERFACE": node.interface,
            "ADDRESS": str(node.address),
            "PODS": str(node.pods),
            "BRIDGE": plan.bridge,
            "GATEWAY": str(plan.gateway.ip),
            "KUBERNETES_SERVICE": KUBERNETES_SERVICE,
            "PORT": str(self._access.port),
            "PYTHON": sys.executable,
            "FORWARD": str(_FORWARD),
            "FIRST_PROCESS": str(_FIRST_PROCESS),
            "IMAGES": str(self._images(tools["node-programs"])),
            "CGROUPS": " ".join(map(str, cgroups.create(cgroup))),
        }
        self._process(name).start(
            [shutil.which("unshare", path=network.PATH) or "unshare", *NAMESPACES, str(_FIRST_PROCESS)],
            dies_with_parent=self._dies_with_parent,
            environment=environment,
            folder=folder,
        )

    def stop(self, number: int) -> None:
        """Ends the node at once, with everything on it. Its disk is kept."""
        self._process(node_name(number)).stop()
        cgroups.end(self._cgroup(number))
        network.unplug(interface_name(mark_of(self._access.folder), number))

    def inside(self, number: int, *command: str) -> list[str]:
        """The command that runs this one where the node's own programs run. The tools of a node are on its PATH.

        Raises RuntimeError where the node does not run.
        """
        pid = self._process(node_name(number)).pid
        if not pid:
            raise RuntimeError(f"{node_name(number)} does not run")
        path = os.pathsep.join((*(str(TOOL_SETS[name].folder) for name in TOOLS), network.PATH))
        mounts = ["nsenter", f"--target={pid}", "--mount"]
        return ["env", f"PATH={path}", *mounts, "nsenter", "--net=/run/netns/node", *command]

    def load(self, number: int, archive: Path) -> None:
        """Gives a node that runs the images of an archive. Its disk keeps them.

        Raises subprocess.CalledProcessError.
        """
        ctr = ("ctr", f"--address={documents.SOCKET}", "--namespace=k8s.io")
        subprocess.run(self.inside(number, *ctr, "images", "import", str(archive)), check=True, capture_output=True)

    def remove(self) -> None:
        """Ends all nodes and takes away what the machine has for them, except for the cluster's folder."""
        self._process(FORWARDER).stop()
        cgroups.end(network.bridge_of(self._access.folder))
        network.disconnect(self._access.folder)

    def usage(self, number: int) -> Usage:
        """What all processes on the node have taken that run now."""
        usages = [usage for pid in cgroups.processes(self._cgroup(number)) if (usage := usage_of(pid))]
        return Usage(sum(usage.memory_mb for usage in usages), sum(usage.cpu_seconds for usage in usages))

    def _cgroup(self, number: int) -> str:
        return f"{network.bridge_of(self._access.folder)}/{node_name(number)}"

    def _images(self, programs: Path) -> Path:
        """The archive with the images, written once for all nodes and for these programs."""
        archive = self._access.folder / f"{programs.name}.tar"
        if not archive.exists():
            images.write_archive(archive, images.of_program(programs / "app"))
        return archive

    def _write_files(self, plan: Plan, node: RealNode, cgroup: str, cni: Path) -> Path:
        folder = self._access.folder / "nodes" / node.name
        authority = self._access.ca.read_text()
        for name, content in documents.all_of(node, cgroup, authority, str(cni)).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        pki.create_for_node(self._access.pki, node.name)
        kubeconfig = self._access.write_kubeconfig(node.name, at=str(plan.gateway.ip))
        kubeconfig.rename(folder / "kubelet.kubeconfig")
        return folder

    def _start_forwarder(self, plan: Plan) -> None:
        port = str(self._access.port)
        command = [sys.executable, "-I", str(_FORWARD), str(plan.gateway.ip), port, "127.0.0.1", port]
        self._process(FORWARDER).start(command, dies_with_parent=self._dies_with_parent)
