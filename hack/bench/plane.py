"""A throw-away control plane: etcd and an API server; a scheduler and simulated nodes (kwok) where they are asked for.
Who works on it is started for as long as it is measured, so that nobody else's watches and caches cost time then."""

import os
import re
import shutil
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import yaml

from hack.bench import manifests
from hack.bench.usage import cpu_seconds
from hack.cluster import API_SERVER, CONTROLLER_MANAGER, ETCD, KWOK, SCHEDULER, Cluster, Shape, StartError, wait_until
from hack.cluster.process import Process
from windlass.cluster.config import load
from windlass.cluster.connection import Connection, StaticToken
from windlass.cluster.resources import SCALING_CONFIGURATIONS

ROOT = Path(__file__).parents[2]
OPERATOR_MANIFESTS = ROOT / "deploy" / "operator.yaml"
OPERATOR_NAMESPACE = "windlass-system"
OPERATOR_ACCOUNT = "windlass"
START_SECONDS = 60.0

_NOT_INSTALLED = {"Deployment", "PodDisruptionBudget", "Service"}
_WRITES = {"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}
_REQUESTS = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Plane:
    """Use it as a context manager; it is gone at the end, also after Ctrl-C.

    `audit`: log every request, which costs the API server time. `nodes`: how many simulated nodes there are;
    `members`: how many member clusters, each an API server and nothing else. `real_nodes`: how many nodes with a real
    kubelet; there is a controller-manager beside them.
    """

    def __init__(self, *, audit: bool = False, nodes: int = 0, members: int = 0, real_nodes: int = 0) -> None:
        self._folder = ROOT / ".local" / "bench" / str(os.getpid())
        self.cluster = Cluster("bench", self._folder, dies_with_parent=True)
        self._shape = Shape(nodes=nodes, audit=audit, members=members, real_nodes=real_nodes)

    def __enter__(self) -> Self:
        try:
            others = (SCHEDULER, KWOK) if self._shape.nodes else ()
            if self._shape.real_nodes:
                others = (SCHEDULER, CONTROLLER_MANAGER)
            self.cluster.up(self._shape, components=(ETCD, API_SERVER, *others))
            self._install_operator()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.down()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- who works on it

    @contextmanager
    def controller_manager(self) -> Iterator[int]:
        """A controller-manager that may make 5,000 requests a second (hack/cluster's own flags); gives its pid.

        Each of its controllers uses the token of a ServiceAccount of its own.
        """
        self.cluster.start(CONTROLLER_MANAGER)
        try:
            yield next(part.pid for part in self.cluster.status() if part.name == CONTROLLER_MANAGER and part.pid)
        finally:
            self.cluster.kill(CONTROLLER_MANAGER)

    @contextmanager
    def operator(self, *arguments: str, module: str = "windlass") -> Iterator["Operator"]:
        """The operator with the chart's flags, then these, and the token of the chart's ServiceAccount, leading.

        `module`: what is run; it takes the operator's flags.
        """
        operator = Operator([*self._operator_command(module), *arguments], self.cluster.folder)
        try:
            operator.wait_until_leading()
            yield operator
        except Exception as error:
            error.add_note(f"the end of the operator's log:\n{operator.end_of_log()}")
            raise
        finally:
            operator.stop()

    @property
    def administrator(self) -> Connection:
        """Who may do anything."""
        return load(str(self.cluster.kubeconfig))

    def service_account(self) -> Connection:
        """The operator's identity."""
        token = StaticToken(self.cluster.token(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT))
        return Connection(self.cluster.url, "the chart's ServiceAccount", ca=self.cluster.ca.read_bytes(), token=token)

    # ---- what is on it

    def create_namespace(self, name: str) -> None:
        """One that Pods and groups can be created in: with a ServiceAccount, which no controller makes here."""
        self.cluster.apply("/api/v1/namespaces", _named("Namespace", name))
        self.cluster.apply(f"/api/v1/namespaces/{name}/serviceaccounts", _named("ServiceAccount", "default"))
        self.cluster.apply(SCALING_CONFIGURATIONS.path(name), manifests.configuration())

    def writes(self) -> Counter[str]:
        """Requests so far that were to change something, by resource ("scalinggroups/status"); dry runs are none."""
        counted: Counter[str] = Counter()
        for labels, value in _REQUESTS.findall(self.cluster.request("GET", "/metrics")):
            told = dict(_LABEL.findall(labels))
            if told["verb"] in _WRITES and not told["dry_run"]:
                counted["/".join(filter(None, (told["resource"], told["subresource"])))] += int(float(value))
        return counted

    def cpu_seconds(self) -> float:
        """Processor time of etcd and the hub's API server so far."""
        parts = (part for part in self.cluster.status() if part.name in {ETCD, API_SERVER})
        return sum(cpu_seconds(part.pid) for part in parts if part.pid)

    def _install_operator(self) -> None:
        installation = [each for each in yaml.safe_load_all(OPERATOR_MANIFESTS.read_text()) if each]
        applied = yaml.safe_dump_all(each for each in installation if each["kind"] not in _NOT_INSTALLED)
        self.cluster.kubectl("apply", "--server-side", "--filename=-", input=applied)
        (deployment,) = (each for each in installation if each["kind"] == "Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        self._operator_arguments: list[str] = container["args"]

    def _operator_command(self, module: str) -> list[str]:
        here = [f"--kubeconfig={self._operator_kubeconfig()}", "--metrics-host=127.0.0.1", "--metrics-port=0"]
        return [sys.executable, "-m", module, *self._operator_arguments, *here]

    def _operator_kubeconfig(self) -> Path:
        path = self.cluster.folder / "operator.kubeconfig"
        if not path.exists():
            config = yaml.safe_load(self.cluster.kubeconfig.read_text())
            config["users"][0]["user"] = {"token": self.cluster.token(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT)}
            config["contexts"][0]["context"]["namespace"] = OPERATOR_NAMESPACE
            path.touch(mode=0o600)
            path.write_text(yaml.safe_dump(config))
        return path


class Operator:
    """One run of `python -m windlass`."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._process = Process("operator", folder)
        self._process.log.unlink(missing_ok=True)
        self._process.start(command, dies_with_parent=True, environment={"PYTHONPATH": str(ROOT)})

    @property
    def pid(self) -> int:
        """Its process number; StartError if it has ended."""
        pid = self._process.pid
        if pid is None:
            raise StartError("the operator has ended")
        return pid

    def wait_until_leading(self) -> None:
        wait_until(lambda: self.pid and re.search(r" leads\b", self._log), START_SECONDS, "the operator's leading")

    def metrics(self) -> str:
        """What it shows to Prometheus."""
        found = re.search(r"metrics and probes on ([^\s\"]+:\d+)", self._log)
        if not found:
            raise StartError("reading the operator's log: it does not say where its metrics are")
        with urllib.request.urlopen(f"http://{found.group(1)}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def end_of_log(self) -> str:
        """The last lines that it has said."""
        return self._process.end_of_log()

    def stop(self) -> None:
        """End it in its own time, so that it gives the lease back."""
        self._process.stop(gracefully_within=10.0)

    @property
    def _log(self) -> str:
        return self._process.log.read_text(errors="replace")


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
