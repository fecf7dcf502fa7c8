"""The same commands on kind, for machines where Docker runs or can be started (`CLUSTER=kind`).

`make kind-test` tries it; the other tests run without Docker. Zones are labels of kind's workers, every member is a
kind cluster of its own; audit logs and starting or stopping single programs are not available. Where no registry of
images can be reached, the nodes' image is made of packages, and there is no DNS in the cluster.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from hack.cluster import programs
from hack.cluster.access import Access
from hack.cluster.local import CLUSTERS, ROOT, Cluster, Part, Shape, StartError
from hack.cluster.tools import tool
from hack.kind import docker, images

# kind itself skips the first; a patch replaces the list.
_NO_DNS = yaml.safe_dump({"kind": "InitConfiguration", "skipPhases": ["preflight", "addon/coredns"]})


class KindCluster(Cluster):
    """A cluster whose nodes are containers. Its kubeconfig and shape are kept as those of any other."""

    @property
    def url(self) -> str:
        return str(yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]["server"])

    @property
    def members(self) -> tuple[Access, ...]:
        """The member clusters, each made by kind as well."""
        return tuple(KindCluster(f"{self.name}-{number + 1}") for number in range(self.shape.members))

    @property
    def kind_name(self) -> str:
        """What kind knows it by: one daemon may serve several checkouts."""
        return f"windlass-{docker.CHECKOUT}-{self.name}"

    def up(self, shape: Shape | None = None, components: Sequence[str] = programs.ALL) -> None:
        """Creates what is missing; `components` has no meaning here.

        Raises StartError, tools.BuildError.
        """
        self.create(shape)
        for crd in sorted((ROOT / "crds").glob("*.yaml")):
            self.kubectl("apply", "--server-side", "-f", str(crd))
            self.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(crd))

    def create(self, shape: Shape | None = None) -> None:
        """The bare cluster, its members with it: no CRDs.

        Raises StartError, tools.BuildError.
        """
        shape = shape or self.shape
        if shape.real_nodes:
            raise StartError("starting a real node: every node that kind makes is real; say --nodes N")
        docker.ensure()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "shape.json").write_text(json.dumps(asdict(shape)))
        if self.kind_name not in _kind("get", "clusters").split():
            config = self.folder / "kind.yaml"
            config.write_text(yaml.safe_dump(_config(shape, images.node_image())))
            arguments = ["--config", str(config), "--kubeconfig", str(self.kubeconfig), "--wait", "120s"]
            _kind("create", "cluster", "--name", self.kind_name, *arguments)
        self.kubectl("wait", "--for=condition=Ready", "--timeout=120s", "nodes", "--all")
        for member in self.members:
            KindCluster(member.name).up(Shape(nodes=0))
        self._publish_kubeconfigs()

    def down(self) -> None:
        """Deletes the containers and all that was kept; the last cluster takes a Docker daemon of ours with it."""
        docker.ensure()
        for member in self.members:
            KindCluster(member.name).down()
        _kind("delete", "cluster", "--name", self.kind_name)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._withdraw_kubeconfigs()
        if not _kind("get", "clusters").split():
            docker.stop()

    def status(self) -> list[Part]:
        """One line per container."""
        docker.ensure()
        containers = _kind("get", "nodes", "--name", self.kind_name).split()
        return [Part(name, _container_pid(name), None, Path(f"docker logs {name}")) for name in containers]


def is_kind(name: str) -> bool:
    """Whether the cluster of this name was made by kind."""
    return (CLUSTERS / name / "kind.yaml").exists()


def _config(shape: Shape, image: str | None) -> dict[str, Any]:
    zone = "topology.kubernetes.io/zone"
    given = {"image": image} if image else {}
    workers: list[dict[str, Any]] = [
        {"role": "worker", "labels": {zone: shape.zones[number % len(shape.zones)]}} for number in range(shape.nodes)
    ]
    nodes = [node | given for node in ({"role": "control-plane"}, *workers)]
    patches = [_NO_DNS] if image else []
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": nodes,
        "kubeadmConfigPatches": patches,
    }


def _container_pid(name: str) -> int | None:
    ran = subprocess.run(["docker", "inspect", "-f", "{{.State.Pid}}", name], capture_output=True, check=False)
    return int(ran.stdout or 0) or None


def _kind(*args: str) -> str:
    ran = subprocess.run([str(tool("kind", "kind")), *args], stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        raise StartError(f"running kind {' '.join(args)}: it ended with {ran.returncode}")
    return ran.stdout
