"""The operator as users run it: a process of its own, with the rights of the chart's ServiceAccount and no more."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from hack.cluster import Cluster, tool, wait_until
from hack.cluster.installation import NOT_APPLIED

Object = dict[str, Any]

CHART = Path(__file__).parents[2] / "charts" / "windlass"
LEASE = "windlass-operator"
READY_SECONDS = 30.0
_LIBC = ctypes.CDLL(None)  # loaded here: nothing may be imported between fork and exec
_PR_SET_PDEATHSIG = 1


def render(namespace: str, *arguments: str, chart: Path = CHART, release: str = "windlass") -> list[Object]:
    """The objects that `helm template` makes of the chart."""
    command = [str(tool("helm", "helm")), "template", release, str(chart), "--namespace", namespace, *arguments]
    command.append("--skip-tests")
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [thing for thing in yaml.safe_load_all(ran.stdout) if thing]


class Installation:
    """The chart installed in a namespace of its own, apart from its Deployment: processes on this machine stand in.

    `arguments` are helm's, as in `--set=workers=2`.
    """

    def __init__(self, cluster: Cluster, namespace: str, folder: Path, *arguments: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.manifests = render(namespace, *arguments)
        self.user = f"system:serviceaccount:{namespace}:{self.manifest('ServiceAccount')['metadata']['name']}"
        self._folder = folder

    def manifest(self, kind: str, ending: str = "") -> Object:
        """The one object of a kind whose name ends so."""
        found = (thing for thing in self.manifests if thing["kind"] == kind)
        (wanted,) = (thing for thing in found if thing["metadata"]["name"].endswith(ending))
        return wanted

    def install(self) -> None:
        """Apply the manifests; the namespace is made if it is not there."""
        self.cluster.apply("/api/v1/namespaces", {"metadata": {"name": self.namespace}} | _head("v1", "Namespace"))
        self.cluster.kubectl("apply", "--server-side", "--filename=-", input=self._applied())

    def remove(self) -> None:
        """Delete what was applied, without waiting, and the namespace."""
        self.cluster.kubectl("delete", "--wait=false", "--ignore-not-found", "--filename=-", input=self._applied())
        self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def forget_lease(self) -> None:
        """Whoever starts next leads at once, also after a holder that was killed."""
        self.cluster.kubectl("delete", "lease", LEASE, "--ignore-not-found", f"--namespace={self.namespace}")

    @property
    def arguments(self) -> list[str]:
        """The command line of the operator's container."""
        (container,) = self.manifest("Deployment")["spec"]["template"]["spec"]["containers"]
        return list(container["args"])

    @cached_property
    def kubeconfig(self) -> Path:
        """A kubeconfig with the token of the chart's ServiceAccount; the namespace is that of the release."""
        account = self.manifest("ServiceAccount")["metadata"]["name"]
        path = self._folder / f"{self.namespace}.kubeconfig"
        return self.cluster.write_token_kubeconfig(self.namespace, account, path)

    def _applied(self) -> str:
        return yaml.safe_dump_all(thing for thing in self.manifests if thing["kind"] not in NOT_APPLIED)


class OperatorProcess:
    """One run of `python -m windlass`, ended by `stop` or `kill`; the kernel kills it with this process."""

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self._log = log
        starter = os.getpid()

        def dies_with_us() -> None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
            if os.getppid() != starter:
                os.kill(os.getpid(), signal.SIGKILL)

        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                env={"PATH": os.defpath, "HOME": str(log.parent), **env},  # no KUBECONFIG or WINDLASS_… of the caller's
                preexec_fn=dies_with_us,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has said so far."""
        return self._log.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it has ended, by itself or not."""
        return self._process.poll() is not None

    @property
    def leads(self) -> bool:
        """Whether it says that it holds the lease."""
        told = re.findall(r" leads( no longer)?$", self.log, re.MULTILINE)
        return bool(told) and not told[-1]

    @property
    def url(self) -> str:
        """Where it serves probes and metrics."""
        found = re.search(r"metrics and probes on ([^\s\"]+:\d+)", self.log)
        assert found, self.log
        return f"http://{found.group(1)}"

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of `/healthz`, `/readyz` or `/metrics`."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def wait_until_ready(self, limit: float = READY_SECONDS) -> None:
        """Until it has read everything and says so on /readyz. It may stand by: see `wait_until_leading`."""
        self._wait(lambda: "metrics and probes on" in self.log and self.get("/readyz")[0] == 200, limit, "ready")

    def wait_until_leading(self, limit: float = READY_SECONDS) -> None:
        """Until it has said that it holds the lease."""
        self.wait_for_log(r" leads\b(?! no longer)", limit)

    def wait_for_log(self, pattern: str, limit: float = READY_SECONDS) -> None:
        """Until a part of its log matches the regular expression."""
        self._wait(lambda: re.search(pattern, self.log), limit, f"saying {pattern!r}")

    def wait_until_ended(self, limit: float = 20.0) -> int:
        """Its exit code; negative is the signal that killed it."""
        return self._process.wait(limit)

    def stop(self, limit: float = 20.0) -> int:
        """SIGTERM, as the kubelet sends it; its exit code. One that goes on after the limit is killed, and an error."""
        self._process.terminate()
        try:
            return self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def terminate(self) -> None:
        """SIGTERM, without waiting for what it does."""
        self._process.terminate()

    def pause(self) -> None:
        """SIGSTOP: it stands still, and does not know that time passes. `kill` ends it all the same."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def _wait(self, condition: Any, limit: float, what: str) -> None:
        def reached() -> object:
            assert self._process.poll() is None, f"the operator ended with {self._process.returncode}:\n{self._end()}"
            return condition()

        try:
            wait_until(reached, limit, f"the operator's {what}")
        except TimeoutError as error:
            error.add_note(self._end())
            raise

    def _end(self) -> str:
        return "\n".join(self.log.splitlines()[-40:])


class Operators:
    """Starts operators with the rights of one installation, and ends those that still run."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation = installation
        self._folder = folder
        self._started: list[OperatorProcess] = []

    def start(self, *arguments: str, env: Mapping[str, str] | None = None, ready: bool = True) -> OperatorProcess:
        """An operator with the flags of the chart's container, then these (the last one counts), then in `env`.

        `ready`: wait until it is. Metrics are served on a free port of 127.0.0.1.
        """
        number = len(self._started) + 1
        here = [f"--kubeconfig={self.installation.kubeconfig}", "--metrics-host=127.0.0.1", "--metrics-port=0"]
        command = [sys.executable, "-m", "windlass", *self.installation.arguments, *here, *arguments]
        started = OperatorProcess(command, env or {}, self._folder / f"operator-{number}.log")
        self._started.append(started)
        if ready:
            started.wait_until_ready()
        return started

    def end(self) -> None:
        """Kill those that run: what they leave behind is as after any crash."""
        for process in self._started:
            process.kill()


def _head(version: str, kind: str) -> Object:
    return {"apiVersion": version, "kind": kind}
