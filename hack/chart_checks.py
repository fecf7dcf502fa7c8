"""What hack/verify_charts checks. Prints each check; ends with 1 if one of them fails."""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from hack.cluster import API_SERVER, ETCD, Access, Cluster, Shape, throw_away, tool

ROOT = Path(__file__).resolve().parent.parent
CHARTS = ROOT / "charts"
OPERATOR, CRDS = CHARTS / "windlass", CHARTS / "windlass-crds"
NAMESPACE = "windlass-system"
TEAMS = ("team-a", "team-b")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}

ALL_SET: dict[str, Any] = {
    "image": {"repository": "images.example/windlass-operator", "tag": "1.2.3", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "images"}],
    "replicas": 1,
    "namespaces": list(TEAMS),
    "log": {"format": "text", "level": "DEBUG"},
    "metrics": {"host": "0.0.0.0", "port": 9090},  # noqa: S104
    "workers": 2,
    "rollingUpdates": {"enabled": True},
    "containerGroups": {"enabled": True},
    "stackSets": {"enabled": True},
    "stackTargets": {"allowLocal": True, "impersonate": [{"namespace": TEAMS[0], "serviceAccount": "deployer"}]},
    "lease": {
        "enabled": True,
        "namespace": TEAMS[0],
        "durationSeconds": 6,
        "renewDeadlineSeconds": 4.5,
        "retryPeriodSeconds": 0.5,
    },
    "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    "podDisruptionBudget": {"enabled": False},
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
}
VALUES: dict[str, dict[str, Any]] = {
    "default": {},
    "one replica without a lease": {"replicas": 1, "lease": {"enabled": False}},
    "in some namespaces": {"namespaces": list(TEAMS)},
    "without stack sets": {"stackSets": {"enabled": False}},
    "groups and their updates alone": {"stackSets": {"enabled": False}, "containerGroups": {"enabled": False}},
    "groups alone": {each: {"enabled": False} for each in ("rollingUpdates", "stackSets", "containerGroups")},
    "all values set": ALL_SET,
}
# Each with a part of the sentence that refuses it.
MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"replica": 1}, "additional properties 'replica' not allowed"),
    ({"lease": {"duration": 15}}, "additional properties 'duration' not allowed"),
    ({"namespaces": "team-a"}, "got string, want array"),
    ({"namespaces": ["Team_A"]}, "does not match pattern"),
    ({"log": {"level": "info"}}, "value must be one of"),
    ({"stackTargets": {"impersonate": [{"namespace": "team-a"}]}}, "missing property 'serviceAccount'"),
    ({"lease": {"enabled": False}}, "replicas must be 1 where lease.enabled is false"),
    ({"lease": {"durationSeconds": 10}}, "must rise in this order"),
)


class FailedError(Exception):
    """A check has failed; the message says how."""


def main() -> int:
    with throw_away_control_plane() as server:
        checks: list[tuple[str, Callable[[], None]]] = [
            ("charts and package have one version", one_version),
            ("the schema knows every value", schema_knows_every_value),
            ("helm lint", lint),
            ("mistakes in values are refused", mistakes_are_refused),
            ("the API server takes windlass-crds", partial(dry_run, server, CRDS, {})),
        ]
        for name, values in VALUES.items():
            checks.append((f"the API server takes windlass, {name}", partial(dry_run, server, OPERATOR, values)))
            checks.append((f"its Pod meets the restricted standard, {name}", partial(meets_standard, server, values)))
        passed = [passes(*check) for check in checks]
        return 0 if all(passed) else 1


def passes(what: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except (FailedError, subprocess.CalledProcessError) as error:
        detail = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        print(f"FAILED: {what}\n{detail}")
        return False
    print(f"ok: {what}")
    return True


@contextmanager
def throw_away_control_plane() -> Iterator[Cluster]:
    """An API server with the CRDs and the namespaces that the rendered manifests name."""
    with (
        tempfile.TemporaryDirectory(prefix="windlass-charts-") as folder,
        throw_away(f"charts-{os.getpid()}", Path(folder), Shape(nodes=0), (ETCD, API_SERVER)) as cluster,
    ):
        for name in (NAMESPACE, *TEAMS):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
            cluster.apply("/api/v1/namespaces", namespace)
            # Nobody else makes it here, and every Pod needs one.
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
            cluster.apply(f"/api/v1/namespaces/{name}/serviceaccounts", account)
        yield cluster


def one_version() -> None:
    found = {re.search(r'__version__ = "(.+)"', (ROOT / "operator/windlass/__init__.py").read_text()).group(1)}  # type: ignore[union-attr]
    found.add(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
    for chart in (OPERATOR, CRDS):
        described = yaml.safe_load((chart / "Chart.yaml").read_text())
        found |= {described["version"], described["appVersion"]}
    if len(found) > 1:
        raise FailedError(f"pyproject.toml, windlass.__version__ and both Chart.yaml name {', '.join(sorted(found))}")


def schema_knows_every_value() -> None:
    """What may be set is described, is in values.yaml, and is tried below; nothing else is."""
    schema = yaml.safe_load((OPERATOR / "values.schema.json").read_text())
    known = set(described(schema)) - {"global"}
    for where, values in {
        "values.yaml": yaml.safe_load((OPERATOR / "values.yaml").read_text()),
        "ALL_SET": ALL_SET,
    }.items():
        if differing := known ^ set(paths(values, known)):
            raise FailedError(f"values.schema.json and {where} differ in {', '.join(sorted(differing))}")


def described(schema: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        if "description" not in part:
            raise FailedError(f"values.schema.json: {above}{name} has no description")
        yield f"{above}{name}"
        yield from described(part, f"{above}{name}.")


def paths(values: dict[str, Any], known: set[str], above: str = "") -> Iterator[str]:
    """The paths of all values; below what the schema leaves open there are none."""
    for name, value in values.items():
        yield f"{above}{name}"
        if isinstance(value, dict) and any(path.startswith(f"{above}{name}.") for path in known):
            yield from paths(value, known, f"{above}{name}.")


def lint() -> None:
    helm("lint", "--strict", "--quiet", str(OPERATOR), str(CRDS))


def mistakes_are_refused() -> None:
    for values, sentence in MISTAKES:
        try:
            rendered(OPERATOR, values)
        except subprocess.CalledProcessError as refused:
            if sentence not in refused.stderr:
                raise FailedError(f"{values} is refused, but without {sentence!r}:\n{refused.stderr}") from None
        else:
            raise FailedError(f"{values} is not refused")


def dry_run(server: Access, chart: Path, values: dict[str, Any]) -> None:
    apply = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors")
    server.kubectl(*apply, "--filename=-", input=rendered(chart, values))


def meets_standard(server: Access, values: dict[str, Any]) -> None:
    """Pods are checked against the namespace's standard when they are created, not with their Deployment.

    The Pod of `helm test` is: dry_run has had it created.
    """
    (deployment,) = (thing for thing in yaml.safe_load_all(rendered(OPERATOR, values)) if thing["kind"] == "Deployment")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "windlass"}}
    server.apply(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account)
    pod = deployment["spec"]["template"] | {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"] |= {"name": "windlass", "namespace": NAMESPACE}
    server.kubectl("create", "--dry-run=server", "--filename=-", input=yaml.safe_dump(pod))


def rendered(chart: Path, values: dict[str, Any]) -> str:
    return helm(
        "template", chart.name, str(chart), f"--namespace={NAMESPACE}", "--values=-", input=yaml.safe_dump(values)
    )


def helm(*arguments: str, input: str | None = None) -> str:  # noqa: A002 - subprocess's own name for it
    command = [str(tool("helm", "helm")), *arguments]
    return subprocess.run(command, input=input, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
