"""The demonstration behind `make demo-stacks`: one template, three clusters; a failure, a retry, drift, a deletion."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hack.cluster import (
    API_SERVER,
    CONTROLLER_MANAGER,
    ETCD,
    Access,
    BuildError,
    Cluster,
    RefusedError,
    Shape,
    StartError,
    UnreachableError,
    wait_until,
)
from hack.cluster.__main__ import link_commands
from hack.cluster.installation import start_operator
from hack.demonstration import LIMIT, ROOT, say, typed
from windlass.api.common import API_VERSION

NAME = "demo-stacks"
COMPONENTS = (ETCD, API_SERVER, CONTROLLER_MANAGER)  # nothing here runs on nodes
TARGETS = ("eu-1-acme", "eu-1-globex", "us-1-acme")
OVER = ("Successful", "Failed", "Cancelled")
CHANGED = 'greeting = "good day"\nports    = [{ name = "http", port = 80 }]\n'

OPERATION = """\
apiVersion: windlass.dev/v1alpha1
kind: StackSetOperation
metadata:
  name: {name}
spec:
  stackSet: catalog
"""
DEPLOY = """\
  action: DeploySet
  preferences:
    regionConcurrencyType: PARALLEL
    maxConcurrentCount: 10
"""
DETECT_DRIFT = "  action: DetectDrift\n"
DEPLOY_US = """\
  action: DeploySet
  targets: {regions: [us-1], accounts: [acme]}
"""
FORGET_US = """\
  action: DeleteInstances
  targets: {regions: [us-1], accounts: [acme]}
  retainStacks: true
"""


class StackDemonstration:
    """One set on three clusters, shown step by step with the commands that anybody can type."""

    def __init__(self, hub: Cluster) -> None:
        self._hub = hub

    def run(self) -> None:
        began = time.monotonic()
        say("Four control planes on this machine: one that Windlass runs in, and three member clusters")
        self._hub.up(Shape(nodes=0, members=len(TARGETS)), COMPONENTS)
        link_commands()
        start_operator(self._hub)
        eu, _, us = members = self._hub.members

        say("In each member a namespace, and an identity that may write ConfigMaps and Services there and nothing else")
        for member, target in zip(members, TARGETS, strict=True):
            self._in(member, "apply", "-f", "examples/member-cluster.yaml", quiet=member is not eu)
            self._keep_kubeconfig(member, target)

        say("A set: its template has a ConfigMap and a Service. What would be done? Nothing is done, only said:")
        self._kubectl("windlass", "plan", "-f", "examples/member-clusters.yaml", may_return=(1,))
        say("Do it. Two operations bring it to eu-1 and to us-1, one after the other")
        self._kubectl("apply", "-f", "examples/member-clusters.yaml")
        self._wait_for_end("catalog-us")
        self._wait_for_set("Ready")
        self._kubectl("windlass", "get", "stackset", "catalog")
        self._in(us, "get", "configmap,service", "-L", "windlass.dev/stack-set")

        say("Another greeting for all. Which fields of which objects would change, in which cluster?")
        change = json.dumps({"spec": {"variables": CHANGED}})
        self._kubectl("patch", "stackset", "catalog", "--type", "merge", "--patch", change)
        deploy = OPERATION.format(name="good-day") + DEPLOY
        self._kubectl("windlass", "plan", "-f", "-", "--summary", text=deploy, may_return=(1,))

        say("Before it is done, somebody takes the rights away that Windlass has in one of the clusters")
        self._in(eu, "delete", "rolebinding", "deployer")
        say(
            "Both regions side by side, ten instances of each at once; but no failure is borne, so it is one at a time:"
        )
        self._kubectl("create", "-f", "-", text=deploy)
        self._wait_for_end("good-day")
        self._wait_for_set("Degraded")
        self._kubectl("windlass", "get", "stackset", "catalog")
        say("eu-1 stopped at its first failure, and the other one there was never touched. us-1 did not stop. Why?")
        self._kubectl("windlass", "explain", "operation", "good-day")

        say("Give the rights back, and do it again where it failed or was cancelled")
        self._in(eu, "apply", "-f", "examples/member-cluster.yaml")
        self._kubectl("windlass", "retry", "operation", "good-day", "--wait")
        self._wait_for_set("Ready")

        say("Somebody changes things in a member by hand. Nothing tells Windlass of it; an operation looks")
        self._in(us, "patch", "configmap", "catalog", "--type", "merge", "--patch", '{"data": {"greeting": "howdy"}}')
        self._in(us, "delete", "service", "catalog")
        self._kubectl("create", "-f", "-", text=OPERATION.format(name="look") + DETECT_DRIFT)
        self._wait_for_end("look")
        self._wait_for_set("Degraded")
        self._kubectl("windlass", "explain", "stackset", "catalog")
        say("The greeting is that person's now, and Windlass takes nothing from others. Take it away, and deploy:")
        self._in(us, "delete", "configmap", "catalog")
        self._kubectl("create", "-f", "-", text=OPERATION.format(name="put-right") + DEPLOY_US)
        self._wait_for_end("put-right")
        self._wait_for_set("Ready")

        say("us-1 is to live on without the set: its instance is deleted, and what was deployed stays")
        self._kubectl("create", "-f", "-", text=OPERATION.format(name="forget") + FORGET_US)
        self._wait_for_end("forget")
        wait_until(lambda: self._status("stacksets/catalog").get("instances") == 2, LIMIT, "a set of two instances")
        self._kubectl("windlass", "get", "stackset", "catalog")
        say("The set is deleted; what it has deployed goes with it, and in us-1 it is still there")
        self._kubectl("delete", "stackset", "catalog")
        self._in(eu, "get", "configmap,service", "-l", "windlass.dev/stack-set=catalog")
        self._in(us, "get", "configmap,service", "-l", "windlass.dev/stack-set=catalog")
        print(ENDING.format(seconds=time.monotonic() - began))

    # ---- the hub

    def _keep_kubeconfig(self, member: Access, target: str) -> None:
        """As examples/member-clusters.yaml says."""
        command = (
            f"examples/member-kubeconfig --kubeconfig {_short(member.kubeconfig)} | "
            f"kubectl create secret generic {target} --from-file kubeconfig=/dev/stdin"
        )
        print(f"$ {command}", flush=True)
        path = f"{ROOT / '.local' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"KUBECONFIG": str(self._hub.kubeconfig), "PATH": path}
        if subprocess.run(["bash", "-o", "pipefail", "-c", command], env=environment, check=False).returncode:
            raise StartError(f"`{command}` failed")

    def _wait_for_end(self, operation: str) -> None:
        self._wait(f"stacksetoperations/{operation}", OVER)

    def _wait_for_set(self, phase: str) -> None:
        self._wait("stacksets/catalog", (phase,))

    def _wait(self, path: str, phases: tuple[str, ...]) -> None:
        log = _short(self._hub.folder / "operator.log")
        what = f"{path} to be {' or '.join(phases)}; the operator's log is {log}"
        wait_until(lambda: self._status(path).get("phase") in phases, LIMIT, what)

    def _status(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._hub.request("GET", f"/apis/{API_VERSION}/namespaces/default/{path}")
        return dict(found.get("status", {}))

    # ---- showing

    def _kubectl(self, *arguments: str, text: str | None = None, may_return: tuple[int, ...] = (0,)) -> None:
        typed(self._hub, *arguments, text=text, may_return=may_return)

    def _in(self, member: Access, *arguments: str, quiet: bool = False) -> None:
        """In a member's namespace, as its administrator."""
        if quiet:
            member.kubectl("--namespace", "catalog", *arguments)
        else:
            typed(self._hub, "--kubeconfig", str(_short(member.kubeconfig)), "--namespace", "catalog", *arguments)


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


ENDING = """
== That was the demonstration, in {seconds:.0f} s. What it started ends now; docs/stack-sets.md shows how to do all that
   yourself, on clusters that stay."""


def main() -> int:
    os.chdir(ROOT)
    hub = Cluster(NAME, dies_with_parent=True)
    try:
        StackDemonstration(hub).run()
    except (BuildError, StartError, TimeoutError, RefusedError, UnreachableError) as error:
        print(f"hack/demo_stacks: {error}", file=sys.stderr)
        return 1
    finally:
        hub.down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
