"""`make kind-test`: Windlass as its users have it, on a real cluster made by kind.

The image is built, loaded and installed, and every command of README, docs/install.md and the chart's notes is run as
it stands in the document, in the order of `PLAN`. Between them come faults: a killed instance, containers that start
again, a stopped worker, a leader that goes.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster import BuildError, Shape, StartError, tool, wait_until
from hack.cluster.__main__ import link_commands
from hack.cluster.kind import KindCluster
from hack.cluster.local import ROOT
from hack.kind import docker, images
from hack.kind.documents import Command, blocks_of, notes_commands, yaml_of

NAME = "kind-test"
README, INSTALL = "README.md", "docs/install.md"
FIRST_GROUP = "A first group in five minutes"
OWN_IMAGE = "windlass-operator:0.1.0"  # as deploy/operator.yaml names it
SYSTEM = "windlass-system"
LIMIT = 300.0  # seconds for anything to come about; for a stopped worker it takes the most, some 120
CANNOT_RUN = 2  # this exit code, where Docker is missing


class TrialError(Exception):
    """A command did not do what its document says, or the cluster did not become what it should be."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A block of commands of a document."""

    document: str
    heading: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Inline:
    """A command within a sentence or a table of a document."""

    document: str
    text: str


Step = Shown | Inline | Callable[["Trial"], None]


class Trial:
    """One cluster, and what is asked of it."""

    def __init__(self, cluster: KindCluster) -> None:
        self._cluster = cluster
        self._folder = Path(tempfile.mkdtemp(prefix="windlass-trial-"))

    def run(self, plan: tuple[Step, ...]) -> None:
        """Raises TrialError at the first step that goes wrong."""
        for step in plan:
            began = time.monotonic()
            if isinstance(step, Shown):
                title = f"{step.document}: {step.heading}"
                _say(title)
                (block,) = (
                    block
                    for block in blocks_of((ROOT / step.document).read_text())
                    if (block.heading, block.number) == (step.heading, step.number)
                )
                for command in block.commands:
                    self._type(command)
            elif isinstance(step, Inline):
                title = step.document
                _say(title)
                self._type(Command(step.text))
            else:
                title = step.__name__.replace("_", " ")
                _say(title)
                step(self)
            print(f"== {title}: {time.monotonic() - began:.0f} s", flush=True)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- steps between the commands

    def three_in_service(self) -> None:
        self._settle(3)

    def five_in_service(self) -> None:
        self._settle(5)

    def none_in_service(self) -> None:
        self._settle(0)

    def kill_an_instance(self) -> None:
        size, victim = len(self._instances()), self._instances()[0]
        self._kubectl("delete", "pod", victim["metadata"]["name"], "--wait=false")
        self._wait("another instance", lambda: not _ids([victim]) & _ids(self._instances()))
        self._settle(size)

    def start_all_containers_again(self) -> None:
        """As after a reboot: kubelet makes new sandboxes, and says not ready since later than initialized."""
        before = self._instances()
        for pod in before:
            node, label = pod["spec"]["nodeName"], f"io.kubernetes.pod.uid={pod['metadata']['uid']}"
            for sandbox in docker.docker("exec", node, "crictl", "pods", "--quiet", "--label", label).split():
                docker.docker("exec", node, "crictl", "stopp", sandbox)
        self._wait("an instance that is not ready", lambda: self._group()["status"].get("inService", 0) < len(before))
        self._settle(len(before))
        if _ids(self._instances()) != _ids(before):
            raise TrialError("containers that started again cost instances their place; they had been in service")

    def stop_a_worker(self) -> None:
        """Its instance comes back in another zone, for as long as the worker is away."""
        size = len(self._instances())
        self._patch({"zoneFailureSeconds": 10, "healthCheck": {"intervalSeconds": 60}})
        worker = self._instances()[0]["spec"]["nodeName"]
        docker.docker("stop", "--time", "1", worker)
        try:
            self._wait(
                "the stopped worker's instances in another zone",
                lambda: self._is_settled(size) and all(pod["spec"]["nodeName"] != worker for pod in self._running()),
            )
        finally:
            docker.docker("start", worker)
        self._kubectl("wait", "--for=condition=Ready", f"--timeout={LIMIT:.0f}s", "node", worker)
        self._settle(size)

    def take_the_leader_away(self) -> None:
        leader = self._leader()
        self._kubectl("--namespace", SYSTEM, "delete", "pod", leader, "--wait=false")
        self._wait("another leader", lambda: self._leader() not in {"", leader})
        size = len(self._instances())
        self._kubectl("scale", "scalinggroup", "web", f"--replicas={size + 1}")
        self._settle(size + 1)
        self._kubectl("scale", "scalinggroup", "web", f"--replicas={size}")
        self._settle(size)

    def replace_all_replicas(self) -> None:
        """As an upgrade to another image does, one after the other; meanwhile the group is scaled."""
        before = self._leader()
        self._kubectl("--namespace", SYSTEM, "rollout", "restart", "deployment/windlass")
        self._kubectl("scale", "scalinggroup", "web", "--replicas=4")
        self.operator_is_ready()
        self._wait("another leader", lambda: self._leader() not in {"", before})
        self._settle(4)
        self._kubectl("scale", "scalinggroup", "web", "--replicas=3")
        self._settle(3)

    def instances_run_on(self) -> None:
        if not self._running():
            raise TrialError("uninstalling the operator took instances with it")

    def follow_the_notes(self) -> None:
        notes = self._shell("helm get notes windlass --namespace windlass-system")
        commands = notes_commands(notes)
        if len(commands) < 4:
            raise TrialError(f"the chart's notes hold {len(commands)} commands:\n{notes}")
        for command in commands:
            self._type(Command(command))

    def build_the_image_that_the_manifests_name(self) -> None:
        self._type(Command("make image"))
        self._load(OWN_IMAGE)

    def write_the_kustomization(self) -> None:
        """Beside a copy of `deploy`, for the tree stays as it is."""
        shutil.copytree(ROOT / "deploy", self._folder / "deploy")
        text = yaml_of((ROOT / INSTALL).read_text(), "resources:")
        (self._folder / "deploy" / "kustomization.yaml").write_text(text)

    def operator_is_ready(self) -> None:
        self._kubectl("--namespace", SYSTEM, "rollout", "status", "deployment/windlass", f"--timeout={LIMIT:.0f}s")

    def remove_the_operator(self) -> None:
        self._kubectl("delete", "--filename", "deploy/operator.yaml", "--ignore-not-found", "--wait")

    def remove_the_namespace(self) -> None:
        self._kubectl("delete", "namespace", SYSTEM)

    def only_the_named_namespaces_are_served(self) -> None:
        self._kubectl("apply", "--filename", "examples/first-group.yaml", "--namespace", "team-a")
        self._kubectl("apply", "--filename", "examples/first-group.yaml", "--namespace", "default")
        ready = ["--for=condition=Ready", f"--timeout={LIMIT:.0f}s", "scalinggroup/web"]
        self._kubectl("wait", *ready, "--namespace", "team-a")
        if self._group().get("status", {}).get("replicas"):
            raise TrialError("an operator that works in team-a and team-b made instances in default")

    def no_groups_are_left(self) -> None:
        """A CRD that goes takes its groups and their instances with it."""
        self._wait("all instances gone", lambda: not self._instances("--all-namespaces"))

    # ---- running

    def _type(self, command: Command) -> None:
        text = _adapted(command.text)
        print(f"$ {text}", flush=True)
        if image := _pushed(text):
            self._load(image)
            return
        output = self._shell(text, may_fail=bool(command.output))
        if command.output and normal(output) != normal(command.output):
            raise TrialError(f"the document shows another output:\n{command.output}")

    def _shell(self, text: str, *, may_fail: bool = False) -> str:
        where = self._folder if "--kustomize deploy" in text else ROOT
        ran = subprocess.run(
            ["bash", "-o", "pipefail", "-c", text],
            cwd=where,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=600,
            check=False,
        )
        print(ran.stdout, end="", flush=True)
        if ran.returncode and not may_fail:
            raise TrialError(f"it ended with {ran.returncode}: {text}")
        return ran.stdout

    def _kubectl(self, *arguments: str) -> str:
        print(f"$ kubectl {' '.join(arguments)}", flush=True)
        ran = subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
        if ran.returncode:
            raise TrialError(f"kubectl {arguments[0]} ended with {ran.returncode}: {ran.stderr.strip()}")
        return ran.stdout

    def _load(self, image: str) -> None:
        """In place of a push, as docs/install.md says."""
        kind = str(tool("kind", "kind"))
        subprocess.run([kind, "load", "docker-image", image, "--name", self._cluster.kind_name], check=True)

    # ---- looking

    def _patch(self, spec: dict[str, Any]) -> None:
        self._kubectl("patch", "scalinggroup", "web", "--type=merge", "--patch", json.dumps({"spec": spec}))

    def _group(self) -> dict[str, Any]:
        return self._read("get", "scalinggroup", "web")

    def _instances(self, *where: str) -> list[dict[str, Any]]:
        """Pods of the group that are not on their way out."""
        pods = self._read("get", "pods", "--selector", "windlass.dev/group=web", *where)["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def _running(self) -> list[dict[str, Any]]:
        return [pod for pod in self._instances() if pod["status"]["phase"] == "Running"]

    def _leader(self) -> str:
        """The Pod that holds the lease; empty while none does."""
        (lease,) = self._read("get", "leases", "--namespace", SYSTEM)["items"]
        holder = str(lease["spec"].get("holderIdentity") or "")
        pods = self._read("get", "pods", "--namespace", SYSTEM)["items"]
        return next((name for pod in pods if holder.startswith(name := pod["metadata"]["name"])), "")

    def _read(self, *arguments: str) -> dict[str, Any]:
        ran = subprocess.run(["kubectl", *arguments, "--output=json"], capture_output=True, text=True, check=False)
        if ran.returncode:
            raise TrialError(f"kubectl {' '.join(arguments)}: {ran.stderr.strip()}")
        return dict(json.loads(ran.stdout))

    def _is_settled(self, size: int) -> bool:
        group = self._group()
        status = group.get("status", {})
        seen = status.get("observedGeneration") == group["metadata"]["generation"]
        return seen and status.get("phase") == "Ready" and status.get("inService", 0) == size

    def _settle(self, size: int) -> None:
        self._wait(f"{size} instances in service", lambda: self._is_settled(size))

    def _wait(self, what: str, condition: Callable[[], object]) -> None:
        began = time.monotonic()
        try:
            wait_until(condition, LIMIT, what)
        except TimeoutError as error:
            self._shell("kubectl windlass explain group web; kubectl get pods -o wide -A", may_fail=True)
            raise TrialError(str(error)) from error
        print(f"{what}: after {time.monotonic() - began:.1f} s", flush=True)


TAKE_OWNERSHIP = (
    "helm install windlass-crds charts/windlass-crds --namespace windlass-system --create-namespace --take-ownership"
)
PLAN: tuple[Step, ...] = (
    Shown(INSTALL, "The image"),
    Shown(README, "Install", 0),
    Trial.operator_is_ready,
    Shown(README, FIRST_GROUP, 0),
    Trial.three_in_service,
    Shown(README, FIRST_GROUP, 1),
    Shown(README, FIRST_GROUP, 2),
    Shown(README, FIRST_GROUP, 3),
    Shown(README, FIRST_GROUP, 4),
    Inline(README, "kubectl scale scalinggroup web --replicas=5"),
    Trial.five_in_service,
    Inline(README, "kubectl windlass scale group web 5"),
    Shown(README, "When it does not move"),
    Trial.kill_an_instance,
    Trial.start_all_containers_again,
    Trial.take_the_leader_away,
    Trial.stop_a_worker,
    Inline(INSTALL, "helm uninstall windlass --namespace windlass-system"),
    Inline(INSTALL, "helm uninstall windlass-crds --namespace windlass-system"),
    Trial.instances_run_on,
    Shown(INSTALL, "With Helm"),
    Trial.follow_the_notes,
    Trial.three_in_service,
    Shown(INSTALL, "Upgrading"),
    Trial.replace_all_replicas,
    Trial.three_in_service,
    Shown(INSTALL, "Uninstalling"),
    Inline(INSTALL, "helm uninstall windlass --namespace windlass-system"),
    Inline(INSTALL, "helm uninstall windlass-crds --namespace windlass-system"),
    Trial.build_the_image_that_the_manifests_name,
    Shown(README, "Install", 1),
    Trial.operator_is_ready,
    Inline(INSTALL, "kubectl delete --filename deploy/operator.yaml"),
    Trial.write_the_kustomization,
    Shown(INSTALL, "With kubectl", 0),
    Trial.remove_the_operator,
    Shown(INSTALL, "With kubectl", 1),
    Trial.operator_is_ready,
    Trial.remove_the_operator,
    Inline(INSTALL, TAKE_OWNERSHIP),
    Shown(INSTALL, "In some namespaces only"),
    Trial.only_the_named_namespaces_are_served,
    Inline(INSTALL, "helm uninstall windlass --namespace windlass-system"),
    Trial.remove_the_namespace,
    Shown(INSTALL, "With kubectl", 2),
    Trial.operator_is_ready,
    Trial.three_in_service,
    Inline(INSTALL, "kubectl delete crd scalinggroups.windlass.dev"),
    Trial.no_groups_are_left,
)

# What the documents hold and this does not run, and why.
NOT_RUN: dict[Shown | Inline, str] = {
    Shown(README, "Two commands"): "they need no cluster, and are what CI runs",
    Inline(README, "IMAGE=images.example/windlass-operator:0.1.0 hack/image"): "the same as in docs/install.md",
    Inline(README, "kubectl windlass plan -f FILE"): "any file; `plan` is shown before",
    Inline(README, "kubectl windlass refresh web --image … --wait"): "tests/cluster/test_refresh_cli.py does",
    Inline(README, "kubectl windlass update image web …"): "tests/cluster/test_update_cli.py does",
    Inline(INSTALL, "PYTHON_VERSION=3.13 hack/image"): "another base, which may be out of reach here",
    Inline(INSTALL, "PYTHON_IMAGE=images.example/python:3.11-slim hack/image"): "a base in the user's registry",
    Inline(INSTALL, "kind load docker-image"): "takes the place of each push",
    Inline(INSTALL, "kubectl wait --for=condition=Ready"): "a part of a command; the notes have the whole",
}


def normal(output: str) -> str:
    """What stays the same from one run to the next: words, not blanks, lines of a tree, times, or a revision's hash."""
    text = re.sub(r"\b\d+(ms|s|m|h)(\d+(ms|s))?\b", "TIME", output)
    text = re.sub(r"(?<=web-)[0-9a-f]{10}\b", "HASH", text)
    return " ".join(re.sub(r"[─├└│]", " ", text).split())


def _adapted(text: str) -> str:
    """The cluster of the trial has a name of its own."""
    return text.replace("hack/cluster/cluster env", f"hack/cluster/cluster env --name {NAME}")


def _pushed(text: str) -> str | None:
    """The image of a push; there is no registry in the trial."""
    found = re.fullmatch(r"docker push (\S+)", text)
    return found.group(1) if found else None


def _ids(pods: list[dict[str, Any]]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def main() -> int:
    if lacks := docker.missing():
        print(f"hack/kind_test: cannot run here; this machine lacks {', '.join(lacks)}", file=sys.stderr)
        return CANNOT_RUN
    began = time.monotonic()
    cluster = KindCluster(NAME)
    trial = Trial(cluster)
    try:
        docker.ensure()
        os.environ["PYTHON_IMAGE"] = images.python_image()
        cluster.create(Shape(nodes=3))
        link_commands()
        programs = [ROOT / ".local" / "bin", tool("helm", "helm").parent, tool("kind", "kind").parent]
        os.environ["PATH"] = os.pathsep.join((*map(str, programs), os.environ["PATH"]))
        os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
        trial.run(PLAN)
    except (BuildError, StartError, TrialError) as error:
        print(f"hack/kind_test: {error}", file=sys.stderr)
        return 1
    finally:
        trial.close()
        cluster.down()
    print(f"hack/kind_test: all that the documents say holds; {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
