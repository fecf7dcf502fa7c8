"""A control plane on this machine: real etcd, API server, controllers and scheduler, with simulated nodes (kwok)."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from hack.cluster import pki, programs
from hack.cluster.access import PORT_FILE, Access, Object, is_true, wait_until
from hack.cluster.locking import kept_port, locked
from hack.cluster.nodes import RealNodes, missing
from hack.cluster.nodes.plan import MOST_NODES, NoRangeError, is_real, node_name
from hack.cluster.process import Process, Usage

ROOT = Path(__file__).parents[2]
CLUSTERS = ROOT / ".local" / "clusters"
DEFAULT = "default"

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_NAMESPACES = "/api/v1/namespaces"
_NODES = "/api/v1/nodes"
_START_LIMIT = 90.0  # seconds for one part to answer; 2 to 4 are usual, many more on a machine that is busy otherwise


class StartError(Exception):
    """A part of the cluster did not come up; the message ends with the end of its log."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a cluster consists of. `members`: further API servers, each a cluster of its own for its users.

    `nodes` are simulated; `real_nodes`, 15 at the most, are kubelets whose Pods run. Both are in the zones in turn.
    """

    nodes: int = 6
    zones: tuple[str, ...] = ("zone-a", "zone-b", "zone-c")
    members: int = 0
    audit: bool = False
    real_nodes: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A line of `status`: one program, its process number and usage while it runs, and its log."""

    name: str
    pid: int | None
    usage: Usage | None
    log: Path


class Cluster(Access):
    """One named cluster, all of it below `<root>/<name>`. Every method may be called again, also by another process.

    `dies_with_parent`: the kernel ends the programs when the process that started them ends, however that happens.
    """

    def __init__(self, name: str = DEFAULT, root: Path = CLUSTERS, *, dies_with_parent: bool = False) -> None:
        super().__init__(name, root / name)
        self._root = root
        self._dies_with_parent = dies_with_parent
        self._processes: dict[str, Process] = {}
        self._real_nodes = RealNodes(self, self._process, dies_with_parent=dies_with_parent)

    @property
    def shape(self) -> Shape:
        """As it was last brought up."""
        file = self.folder / "shape.json"
        if not file.exists():
            return Shape()
        kept = json.loads(file.read_text())
        return Shape(**kept | {"zones": tuple(kept["zones"])})

    @property
    def members(self) -> tuple[Access, ...]:
        """The member clusters' API servers: `member-1`, `member-2`, …"""
        names = [f"member-{number + 1}" for number in range(self.shape.members)]
        return tuple(Access(name, self.folder / "members" / name) for name in names)

    @property
    def published_kubeconfig(self) -> Path:
        """The administrator's kubeconfig where people look for it: `.local/kubeconfig` for the default cluster."""
        return self._root.parent / "kubeconfig" if self.name == DEFAULT else self.kubeconfig

    @property
    def published_member_kubeconfigs(self) -> tuple[Path, ...]:
        """The members': `.local/members/member-1.kubeconfig` and so on for the default cluster."""
        if self.name != DEFAULT:
            return tuple(member.kubeconfig for member in self.members)
        names = [f"member-{number + 1}" for number in range(self.shape.members)]
        return tuple(self._root.parent / "members" / f"{name}.kubeconfig" for name in names)

    @property
    def audit_log(self) -> Path:
        """One JSON line per request to the main API server, where the shape asks for it."""
        return self.folder / "audit.log"

    def up(self, shape: Shape | None = None, components: Sequence[str] = programs.ALL) -> None:
        """Starts what does not run yet and waits until it works; without a shape, the one it last had.

        CRDs are there before the controllers, which would see new kinds only half a minute later.

        Raises StartError, tools.BuildError.
        """
        shape = shape or self.shape
        _refuse_what_cannot_be(shape)
        with self._lock():
            self._prepare(shape)
            if programs.ETCD in components:
                self._start(programs.ETCD)
            self._start_api_servers()
            self._install_crds()
            for name in (programs.CONTROLLER_MANAGER, programs.SCHEDULER, programs.KWOK):
                if name in components:
                    self._start(name)
            if programs.CONTROLLER_MANAGER in components:
                self._wait_for(programs.CONTROLLER_MANAGER, self._has_default_service_account)
            if programs.KWOK in components:
                self._settle_nodes(untainted=programs.CONTROLLER_MANAGER in components)
            self._settle_real_nodes(untainted=programs.CONTROLLER_MANAGER in components)

    def down(self) -> None:
        """Ends every program, also of a start that was cut off, and removes everything that was kept."""
        with self._lock():
            running = [self._process(file.stem) for file in self.folder.glob("*.pid")]
            for process in running:
                process.signal(signal.SIGKILL)
            for process in running:
                process.stop()
            self._real_nodes.remove()
            shutil.rmtree(self.folder, ignore_errors=True)
            self._withdraw_kubeconfigs()

    def start(self, component: str) -> None:
        """Starts one component again and waits until it answers, if it is an API server (`member-1` is one).

        A real node (`real-1`) has been started then, and is ready a moment later.

        Raises StartError.
        """
        self._start(component)
        if component in self._api_servers:
            self._wait_until_served(component)

    def stop(self, component: str) -> None:
        """Ends one component in its own time, at most 10 s; a real node at once."""
        if is_real(component):
            self.kill(component)
        else:
            self._process(component).stop(gracefully_within=10.0)

    def kill(self, component: str) -> None:
        """Ends one component at once, a real node with everything on it."""
        if is_real(component):
            self._real_nodes.stop(_number(component))
        else:
            self._process(component).stop()

    def restart(self, component: str) -> None:
        self.stop(component)
        self.start(component)

    def load(self, real_node: str, archive: Path) -> None:
        """Gives a real node that runs the images of an archive (OCI image layout).

        Raises RuntimeError, subprocess.CalledProcessError.
        """
        self._real_nodes.load(_number(real_node), archive)

    def inside(self, real_node: str, *command: str) -> list[str]:
        """The command that runs this one in the mount and network namespaces of a real node.

        Raises RuntimeError where it does not run.
        """
        return self._real_nodes.inside(_number(real_node), *command)

    def status(self) -> list[Part]:
        """Every program that is part of this cluster, running or not, and what else was started in its folder."""
        names = dict.fromkeys([*programs.ALL, *(member.name for member in self.members)])
        names |= dict.fromkeys(node_name(number + 1) for number in range(self.shape.real_nodes))
        names |= dict.fromkeys(sorted(file.stem for file in self.folder.glob("*.pid")))
        parts = [self._process(name) for name in names]
        return [Part(part.name, part.pid, self._usage(part), part.log) for part in parts]

    def _usage(self, process: Process) -> Usage | None:
        if is_real(process.name) and process.pid:
            return self._real_nodes.usage(_number(process.name))
        return process.usage()

    def _lock(self) -> AbstractContextManager[None]:
        return locked(self._root / f"{self.name}.lock", waiting=f"cluster {self.name}: waiting for another command")

    def _prepare(self, shape: Shape) -> None:
        """Ports, keys and kubeconfigs."""
        before, members_before = self.shape, {member.name for member in self.members}
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "shape.json").write_text(json.dumps(asdict(shape)))
        for access in (self, *self.members):
            pki.create(access.pki)
            kept_port(access.folder / PORT_FILE, among=self._root)
            access.write_kubeconfig("admin")
        for name in members_before - {member.name for member in self.members}:
            self._process(name).stop()
        if bool(shape.real_nodes) != bool(before.real_nodes):
            self._process(programs.CONTROLLER_MANAGER).stop()  # it is started with the other setting, as below
        if shape.audit != before.audit:
            self._process(programs.API_SERVER).stop()
        self._publish_kubeconfigs()

    def _publish_kubeconfigs(self) -> None:
        self._withdraw_kubeconfigs()
        kubeconfigs = [self.kubeconfig, *(member.kubeconfig for member in self.members)]
        published = [self.published_kubeconfig, *self.published_member_kubeconfigs]
        for link, kubeconfig in zip(published, kubeconfigs, strict=True):
            if link != kubeconfig:
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(os.path.relpath(kubeconfig, link.parent))

    def _withdraw_kubeconfigs(self) -> None:
        if self.name == DEFAULT:
            self.published_kubeconfig.unlink(missing_ok=True)
            shutil.rmtree(self._root.parent / "members", ignore_errors=True)

    @property
    def _api_servers(self) -> dict[str, Access]:
        """By the name of their part."""
        return {programs.API_SERVER: self, **{member.name: member for member in self.members}}

    def _start_api_servers(self) -> None:
        for name in self._api_servers:
            self._start(name)
        for name in self._api_servers:
            self._wait_until_served(name)

    def _wait_until_served(self, name: str) -> None:
        """Until the API server answers, and has made its own namespaces, which it does a moment later."""
        server = self._api_servers[name]

        def served() -> bool:
            there = {found["metadata"]["name"] for found in server.request("GET", _NAMESPACES)["items"]}
            return bool(server.request("GET", "/readyz")) and there >= {"default", "kube-system"}

        self._wait_for(name, served)

    def _install_crds(self) -> None:
        files = sorted((ROOT / "crds").glob("*.yaml"))
        manifests: list[Object] = [crd for file in files for crd in yaml.safe_load_all(file.read_text()) if crd]
        for crd in manifests:
            self.apply(_CRDS, crd)
        for crd in manifests:
            path = f"{_CRDS}/{crd['metadata']['name']}"
            self._wait_for(programs.API_SERVER, lambda path=path: is_true(self.request("GET", path), "Established"))  # type: ignore[misc]

    def _settle_nodes(self, *, untainted: bool) -> None:
        """Makes the nodes be those of the shape, and waits until they are ready and (then) take Pods."""
        wanted = programs.nodes(self.shape.nodes, self.shape.zones)
        for node in wanted:
            self.apply(_NODES, node)
        names = {node["metadata"]["name"] for node in wanted}
        for node in self._nodes("kwok"):
            if node["metadata"]["name"] not in names:
                self.request("DELETE", f"{_NODES}/{node['metadata']['name']}")

        def settled(node: Object) -> bool:
            return is_true(node, "Ready") and not (untainted and node["spec"].get("taints"))

        self._wait_for(programs.KWOK, lambda: all(map(settled, self._nodes("kwok"))))

    def _nodes(self, kind: str) -> list[Object]:
        return list(self.request("GET", f"{_NODES}?labelSelector=type%3D{kind}")["items"])

    def _settle_real_nodes(self, *, untainted: bool) -> None:
        """Makes the real nodes be those of the shape, and waits until they are ready and (then) take Pods."""
        wanted = [node_name(number + 1) for number in range(self.shape.real_nodes)]
        there = [node["metadata"]["name"] for node in self._nodes("real")]
        for name in {*there, *(file.stem for file in self.folder.glob("real-*.pid"))} - {*wanted}:
            self.kill(name)
            if name in there:
                self.request("DELETE", f"{_NODES}/{name}")
        if not wanted:
            self._real_nodes.remove()
        for name in wanted:
            self._start(name)
        for name in wanted:
            self._wait_for(name, lambda name=name: self._is_settled(name, untainted=untainted))  # type: ignore[misc]

    def _is_settled(self, real_node: str, *, untainted: bool) -> bool:
        node = self.request("GET", f"{_NODES}/{real_node}")
        return is_true(node, "Ready") and not (untainted and node["spec"].get("taints"))

    def _has_default_service_account(self) -> bool:
        return bool(self.request("GET", "/api/v1/namespaces/default/serviceaccounts/default"))

    def _start(self, name: str) -> None:
        if is_real(name):
            self._start_real_node(_number(name))
            return
        self._process(name).start(self._command(name), dies_with_parent=self._dies_with_parent)

    def _start_real_node(self, number: int) -> None:
        zones = self.shape.zones
        try:
            self._real_nodes.start(number, zones[(number - 1) % len(zones)])
        except (NoRangeError, OSError, TimeoutError) as error:
            raise StartError(f"starting {node_name(number)}: {error}") from error

    def _command(self, name: str) -> list[str]:
        etcd_port = kept_port(self.folder / "etcd.port", among=self._root)
        if name == programs.ETCD:
            peer_port = kept_port(self.folder / "etcd-peer.port", among=self._root)
            return programs.etcd(self.folder / "etcd", etcd_port, peer_port)
        if name == programs.API_SERVER:
            return programs.api_server(self, etcd_port, "/registry", self.audit_log if self.shape.audit else None)
        if name == programs.CONTROLLER_MANAGER:
            return programs.controller_manager(self, real_nodes=bool(self.shape.real_nodes))
        if name in programs.CLIENTS:
            return programs.CLIENTS[name](self)
        member = next(member for member in self.members if member.name == name)
        return programs.api_server(member, etcd_port, f"/{name}", None)

    def _process(self, name: str) -> Process:
        return self._processes.setdefault(name, Process(name, self.folder))

    def _wait_for(self, name: str, condition: Callable[[], object]) -> None:
        """Waits on a condition that the named part brings about; its death ends the wait."""
        process = self._process(name)

        def reached() -> object:
            if process.pid is None:
                raise StartError(
                    f"starting {name}: it ended at once; the end of {process.log}:\n{process.end_of_log()}"
                )
            return condition()

        try:
            wait_until(reached, _START_LIMIT, name)
        except TimeoutError as error:
            raise StartError(f"starting {name}: {error}; the end of {process.log}:\n{process.end_of_log()}") from error


def _refuse_what_cannot_be(shape: Shape) -> None:
    """Raises StartError where the shape has real nodes that this machine cannot have."""
    if shape.real_nodes > MOST_NODES:
        raise StartError(f"starting {shape.real_nodes} real nodes: a cluster has at most {MOST_NODES}")
    if shape.real_nodes and (lacks := missing()):
        raise StartError(f"starting a real node: this machine lacks {', '.join(lacks)}")


def _number(real_node: str) -> int:
    return int(real_node.rpartition("-")[2])


@contextmanager
def throw_away(name: str, root: Path, shape: Shape, components: Sequence[str] = programs.ALL) -> Iterator[Cluster]:
    """A cluster that is up inside the block, and ends with it or with this process, whatever happens."""
    cluster = Cluster(name, root, dies_with_parent=True)
    try:
        cluster.up(shape, components)
        yield cluster
    finally:
        cluster.down()
