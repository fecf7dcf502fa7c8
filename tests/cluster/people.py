"""People at their own machines: a kubeconfig with their rights in one namespace, and `kubectl windlass`."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hack.cluster import Cluster, wait_until

Object = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"


class Person:
    """Somebody who has one of Kubernetes' own roles (view, edit, admin) in a namespace, and nothing else."""

    def __init__(self, cluster: Cluster, namespace: str, role: str, folder: Path) -> None:
        self.kubeconfig = folder / f"{role}.kubeconfig"
        self._folder = folder
        name = f"somebody-who-may-{role}"
        cluster.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
        cluster.request("POST", f"/apis/{RBAC}/v1/namespaces/{namespace}/rolebindings", binding)
        user = f"system:serviceaccount:{namespace}:{name}"
        wait_until(lambda: _may_look(cluster, user, namespace), 30, f"{name}'s rights")
        self._write_kubeconfig(cluster, namespace, cluster.token(namespace, name))

    def windlass(self, *arguments: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
        """What `kubectl windlass` says, with `text` on its standard input."""
        return subprocess.run(
            self.command(*arguments),
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=60,
            check=False,
        )

    def says(self, *arguments: str, text: str | None = None) -> Any:
        """What it says to programs, whether it found something to do or not."""
        ran = self.windlass(*arguments, "-o", "json", text=text)
        assert ran.returncode in {0, 1}, ran.stderr
        assert ran.stderr == ""
        return json.loads(ran.stdout)

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "windlass.cli.main", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": os.defpath, "HOME": str(self._folder), "TERM": "xterm"}

    def _write_kubeconfig(self, cluster: Cluster, namespace: str, token: str) -> None:
        ca = base64.b64encode(cluster.ca.read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "local", "user": "me", "namespace": namespace}}],
            "clusters": [{"name": "local", "cluster": {"server": cluster.url, "certificate-authority-data": ca}}],
            "users": [{"name": "me", "user": {"token": token}}],
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config))


def _may_look(cluster: Cluster, user: str, namespace: str) -> bool:
    """Whether the roles of the chart have been added to Kubernetes' own, which takes a moment."""
    attributes = {"group": "windlass.dev", "resource": "scalinggroups", "verb": "watch", "namespace": namespace}
    review = {"spec": {"user": user, "resourceAttributes": attributes}}
    answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])
