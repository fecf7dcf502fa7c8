"""The same commands on kind, for machines where Docker runs (`CLUSTER=kind`).

Not tried by the project's own tests, which run without Docker. Zones are labels of kind's workers, every member is a
kind cluster of its own; audit logs and starting or stopping single programs are not available.
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
from hack.cluster.local import ROOT, Cluster, Part, Shape, StartError
from hack.cluster.tools import tool


class KindCluster(Cluster):
    """A cluster whose nodes are containers. Its kubeconfig and shape are kept as those of any other."""

    @property
    def url(self) -> str:
        return str(yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]["server"])

    @property
    def members(self) -> tuple[Access, ...]:
        """The member clusters, each made by kind as well."""
        return tuple(KindCluster(f"{self.name}-{number + 1}") for number in range(self.shape.members))

    def up(self, shape: Shape | None = None, components: Sequence[str] = programs.ALL) -> None:
        """Creates what is missing; `components` has no meaning here.

        Raises StartError, tools.BuildError.
        """
        if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
            raise StartError("starting kind: CLUSTER=kind is set but no Docker answers; unset it or start Docker")
        shape = shape or self.shape
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "shape.json").write_text(json.dumps(asdict(shape)))
        self._create(shape)
        for member in self.members:
            KindCluster(member.name).up(Shape(nodes=0))
        self._publish_kubeconfig()
        for crd in sorted((ROOT / "crds").glob("*.yaml")):
            self.kubectl("apply", "--server-side", "-f", str(crd))
            self.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(crd))

    def down(self) -> None:
        """Deletes the containers and all that was kept."""
        for member in self.members:
            KindCluster(member.name).down()
        _kind("delete", "cluster", "--name", self.name)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._withdraw_kubeconfig()

    def status(self) -> list[Part]:
        """One line per container."""
        containers = _kind("get", "nodes", "--name", self.name).split()
        return [Part(name, _container_pid(name), None, Path(f"docker logs {name}")) for name in containers]

    def _create(self, shape: Shape) -> None:
        if self.name in _kind("get", "clusters").split():
            return
        config = self.folder / "kind.yaml"
        config.write_text(yaml.safe_dump(_config(shape)))
        _kind("create", "cluster", "--name", self.name, "--config", str(config), "--kubeconfig", str(self.kubeconfig))


def _config(shape: Shape) -> dict[str, Any]:
    zone = "topology.kubernetes.io/zone"
    workers = [
        {"role": "worker", "labels": {zone: shape.zones[number % len(shape.zones)]}} for number in range(shape.nodes)
    ]
    nodes = [{"role": "control-plane"}, *workers]
    return {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}


def _container_pid(name: str) -> int | None:
    ran = subprocess.run(["docker", "inspect", "-f", "{{.State.Pid}}", name], capture_output=True, check=False)
    return int(ran.stdout or 0) or None


def _kind(*args: str) -> str:
    ran = subprocess.run([str(tool("kind", "kind")), *args], stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        raise StartError(f"running kind {' '.join(args)}: it ended with {ran.returncode}")
    return ran.stdout
