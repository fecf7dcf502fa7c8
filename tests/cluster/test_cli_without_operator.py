"""`kubectl windlass` where no operator runs, and where there is no API server."""

import asyncio
import subprocess
from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster
from tests.cluster.doors import collection, manifest
from tests.cluster.operator_process import Installation, Operators
from tests.cluster.people import Person
from windlass.cli.subjects.group import scale
from windlass.cli.subjects.group.instances import read_group
from windlass.cluster.client import Client
from windlass.cluster.config import load
from windlass.cluster.errors import Conflict


def windlass(cluster: Cluster, namespace: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = Person.command(*arguments, "-n", namespace, "--kubeconfig", str(cluster.kubeconfig))
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def web(cluster: Cluster, namespace: str, installation: Installation) -> str:
    """A group that nobody looks after, and no lease."""
    installation.forget_lease()
    cluster.request("POST", collection("ScalingConfiguration", namespace), manifest("ScalingConfiguration"))
    cluster.request("POST", collection("ScalingGroup", namespace), manifest("ScalingGroup", desiredSize=2))
    return namespace


def test_a_group_that_nobody_looks_after_says_so_and_what_would_be_done(cluster: Cluster, web: str):
    assert windlass(cluster, web, "get", "group", "web").stdout.startswith("no operator has looked at this group yet")
    explained = windlass(cluster, web, "explain", "group", "web").stdout
    assert "there is no lease windlass-operator" in explained
    assert "To be done now" in explained
    planned = windlass(cluster, web, "plan", "group", "web")
    assert planned.returncode == 1
    assert "launch web-1" in planned.stdout
    assert cluster.request("GET", f"/api/v1/namespaces/{web}/pods")["items"] == []


def test_an_operator_that_was_killed_is_missed(cluster: Cluster, web: str, operator: Operators):
    process = operator.start("--lease-duration=3", "--lease-renew-deadline=2", "--lease-retry-period=0.5")
    process.wait_until_leading()
    assert "an operator runs:" in windlass(cluster, web, "explain", "group", "web").stdout.lower()
    process.stop()
    explained = windlass(cluster, web, "explain", "group", "web").stdout
    assert "the operator does not seem to run: nobody holds lease windlass-system/windlass-operator" in explained
    assert "look after the operator: kubectl get deployments,pods -A" in explained


def test_a_change_of_size_is_made_on_the_size_that_was_read(cluster: Cluster, web: str):
    async def scenario() -> None:
        async with Client(load(str(cluster.kubeconfig))) as client:
            before = await read_group(client, web, "web")
            await scale.set_size(client, web, "web", ("", 5))
            stale = {"resourceVersion": before["metadata"]["resourceVersion"]}
            with pytest.raises(Conflict):
                await scale.patch(client, before, {"metadata": stale, "spec": {"replicas": 3}})
            assert await scale.set_size(client, web, "web", ("+", 1)) == (5, 6)

    asyncio.run(scenario())


def test_without_an_api_server_a_plan_is_one_from_nothing_and_says_so(tmp_path: Path):
    files = tmp_path / "web.yaml"
    files.write_text(
        yaml.safe_dump_all([manifest("ScalingConfiguration"), manifest("ScalingGroup", desiredSize=2)]),
    )
    nowhere = tmp_path / "kubeconfig"
    server = {"server": "https://127.0.0.1:1"}
    nowhere.write_text(
        yaml.safe_dump(
            {
                "current-context": "nowhere",
                "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": ""}}],
                "clusters": [{"name": "nowhere", "cluster": server}],
            }
        )
    )
    for kubeconfig in (nowhere, tmp_path / "missing"):
        command = Person.command("plan", "-f", str(files), "--kubeconfig", str(kubeconfig))
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 1, ran.stderr
        assert ran.stdout.startswith("note: planned as for an empty cluster, and not checked by an API server: ")
        assert "launch web-1" in ran.stdout
    command = Person.command("get", "groups", "--kubeconfig", str(nowhere))
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert "no connection to https://127.0.0.1:1" in ran.stderr
    assert ran.stderr.count("\n") == 1
