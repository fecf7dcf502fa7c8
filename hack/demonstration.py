"""The demonstration behind `make demo`: launch, scale, heal, refresh, update in place, and why each thing is done."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hack.cluster import Access, BuildError, Cluster, RefusedError, StartError, UnreachableError, wait_until
from hack.cluster.__main__ import link_commands
from hack.cluster.installation import start_operator
from hack.cluster.process import Process
from windlass.api.common import API_VERSION
from windlass.cluster.resources import SCALING_CONFIGURATIONS

ROOT = Path(__file__).parents[1]
GROUP = "web"
NAMESPACE = "demo"
NEXT_IMAGE, PATCHED_IMAGE = "web:2", "web:2.1"  # simulated nodes run any image
BROKEN = "web-broken"
LIMIT = 90.0  # seconds for each step; two or three are usual


class Demonstration:
    """One group on one cluster, shown step by step with the commands that anybody can type."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._operator = Process("operator", cluster.folder)

    def run(self) -> None:
        began = time.monotonic()
        say("A control plane: etcd, API server, controllers, scheduler, and 6 simulated nodes (kwok) in 3 zones")
        self._cluster.up()
        link_commands()
        say("What the chart installs, and the operator (`python -m windlass`) with its ServiceAccount's rights")
        start_operator(self._cluster)

        say("A group of three instances over three zones")
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self._cluster.apply("/api/v1/namespaces", namespace)
        self._kubectl("apply", "-f", "examples/first-group.yaml")
        self._wait_for_size(3)
        self._show()

        say("What would happen if five were wanted? Nothing is done, only said:")
        self._kubectl("windlass", "plan", "group", GROUP, "--desired", "5", may_return=(0, 1))
        say("Do it, as any autoscaler does:")
        self._kubectl("scale", "scalinggroup", GROUP, "--replicas=5")
        self._wait_for_size(5)
        self._show()

        victim = self._instances()[0]
        say(f"Kill an instance, {victim}; another one takes its place:")
        self._kubectl("delete", "pod", victim, "--wait=false")
        wait_until(lambda: victim not in self._instances(), LIMIT, f"{victim} to go")
        self._wait_for_size(5)
        self._show()

        say("Back to three. Who leaves, and why:")
        self._kubectl("windlass", "plan", "group", GROUP, "--desired", "3", may_return=(0, 1))
        self._kubectl("scale", "scalinggroup", GROUP, "--replicas=3")
        self._wait_for_size(3)
        self._show()

        say("Another image for all of them, with a look at the first third: what would be done, and when")
        refresh = ("--image", NEXT_IMAGE, "--checkpoints", "34,100", "--name", "to-2")
        self._kubectl("windlass", "refresh", GROUP, *refresh)
        self._wait_for("instancerefresh", "to-2", "Paused")
        self._kubectl("windlass", "explain", "refresh", "to-2")
        say("It looks good: go on before the hour is over")
        self._kubectl("windlass", "resume", "to-2")
        self._wait_for("instancerefresh", "to-2", "Successful")
        self._wait_for_size(3)
        self._kubectl("get", "instancerefreshes", "-o", "wide")

        say("Another image in place, batch by batch: no instance is replaced, and a person looks at the first half")
        pods = self._instances()
        update = ("--batches", "2", "--pause", "FirstBatchPause", "--name", "to-2-1")
        self._kubectl("windlass", "update", "image", GROUP, PATCHED_IMAGE, *update)
        self._wait_for("rollingupdate", "to-2-1", "Paused")
        self._kubectl("windlass", "get", "update", "to-2-1")
        self._kubectl("windlass", "approve", "to-2-1")
        self._wait_for("rollingupdate", "to-2-1", "Successful")
        self._wait_for_size(3)
        self._show()
        if self._instances() != pods:
            raise StartError(f"an instance was replaced: {', '.join(pods)} were there before")

        say("A configuration whose instances end at once; the refresh to it rolls itself back")
        self._cluster.apply(SCALING_CONFIGURATIONS.path(NAMESPACE), _broken_configuration())
        refresh = ("--configuration", BROKEN, "--auto-rollback", "--progress-deadline", "5", "--name", "to-broken")
        self._kubectl("windlass", "refresh", GROUP, *refresh, "--wait", may_return=(0, 1))
        self._wait_for("instancerefresh", "to-broken", "RolledBack")
        self._wait_for_size(3)
        self._show()

        say("Delete the group by mistake: it still has instances, and its deletionPolicy is Refuse")
        self._kubectl("delete", "scalinggroup", GROUP, may_return=(1,))

        say("The record of all that")
        self._kubectl("get", "scalingactivities", "-o", "wide")
        print(ENDING.format(seconds=time.monotonic() - began))

    # ---- looking

    def _show(self) -> None:
        self._kubectl("get", "scalinggroup", GROUP)
        self._kubectl("get", "pods", "-l", f"windlass.dev/group={GROUP}", "-L", "windlass.dev/zone")

    def _wait_for_size(self, size: int) -> None:
        def settled() -> bool:
            group = json.loads(self._read("scalinggroup", GROUP))
            status = group.get("status", {})
            current = status.get("observedGeneration") == group["metadata"]["generation"]
            ready = current and status.get("phase") == "Ready" and status.get("inService") == size
            return ready and len(self._instances()) == size

        if not self._operator.pid:
            raise StartError(f"the operator has ended:\n{self._operator.end_of_log()}")
        wait_until(settled, LIMIT, f"{size} instances in service; the operator's log is {self._operator.log}")

    def _wait_for(self, kind: str, name: str, phase: str) -> None:
        def reached() -> bool:
            return bool(json.loads(self._read(kind, name)).get("status", {}).get("phase") == phase)

        wait_until(reached, LIMIT, f"{kind} {name} {phase}; the operator's log is {self._operator.log}")

    def _instances(self) -> list[str]:
        pods = json.loads(self._read("pods", "-l", f"windlass.dev/group={GROUP}"))
        return [pod["metadata"]["name"] for pod in pods["items"] if "deletionTimestamp" not in pod["metadata"]]

    def _read(self, *what: str) -> str:
        return self._cluster.kubectl("get", "-n", NAMESPACE, *what, "-o", "json")

    def _kubectl(self, *arguments: str, may_return: tuple[int, ...] = (0,)) -> None:
        typed(self._cluster, *arguments, "-n", NAMESPACE, may_return=may_return)


def say(text: str) -> None:
    """The sentence above what is shown next."""
    print(f"\n== {text}", flush=True)


def typed(access: Access, *arguments: str, text: str | None = None, may_return: tuple[int, ...] = (0,)) -> None:
    """Show kubectl as anybody can type it, with `text` as its standard input, and what it prints.

    Raises StartError where it returns something else.
    """
    here = "" if text is None else f" <<EOF\n{text.strip()}\nEOF"
    command = f"kubectl {shlex.join(arguments)}"
    print(f"$ {command}{here}", flush=True)
    path = f"{ROOT / '.local' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"KUBECONFIG": str(access.kubeconfig), "PATH": path}
    kubectl = ROOT / ".local" / "bin" / "kubectl"
    code = subprocess.run([kubectl, *arguments], env=environment, input=text, text=True, check=False).returncode
    if code not in may_return:
        raise StartError(f"`{command}` ended with {code}")


def _broken_configuration() -> dict[str, Any]:
    annotations = {"windlass.test/fail": "true"}
    template = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "web", "image": "web:3"}]}}
    kind = {"apiVersion": API_VERSION, "kind": "ScalingConfiguration", "metadata": {"name": BROKEN}}
    return kind | {"spec": {"template": template}}


ENDING = """
== That was the demonstration, in {seconds:.0f} s. All of it still runs. Look further:

  eval "$(hack/cluster/cluster env)"             kubectl, its windlass plugin and the kubeconfig for this shell
  kubectl windlass -n demo get group web -w      the group, live
  kubectl windlass -n demo explain group web     why it is as it is
  kubectl -n demo get windlass                   everything of ours in the namespace
  hack/cluster/cluster status                    what runs, and where the logs are

End it:

  make cluster-down"""


def main() -> int:
    os.chdir(ROOT)
    try:
        Demonstration(Cluster()).run()
    except (BuildError, StartError, TimeoutError, RefusedError, UnreachableError) as error:
        print(f"hack/demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
