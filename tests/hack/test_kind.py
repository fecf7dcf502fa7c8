"""What kind needs where there is no registry of images, as far as it can be tried without Docker."""

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hack.cluster import Shape, StartError
from hack.cluster.kind import KindCluster, _config, is_kind
from hack.cluster.tools import TOOL_SETS
from hack.kind import docker, images, runc

ROOT = Path(__file__).parents[2]
ALL = (1 << len(runc.NAMES)) - 1


def status(bounding: int) -> str:
    return f"Name:\tpython\nCapEff:\t0000000000000000\nCapBnd:\t{bounding:016x}\n"


def test_the_capabilities_have_their_numbers() -> None:
    numbers = {name: number for number, name in enumerate(runc.NAMES)}
    # From linux/capability.h.
    known = {"CAP_CHOWN": 0, "CAP_SYS_ADMIN": 21, "CAP_SYS_RESOURCE": 24, "CAP_CHECKPOINT_RESTORE": 40}
    assert {name: numbers[name] for name in known} == known


@pytest.mark.parametrize(
    ("bounding", "missing"),
    [(ALL, set()), (ALL & ~(1 << 24), {"CAP_SYS_RESOURCE"}), (ALL & ~1 & ~(1 << 40), {"CAP_CHOWN", runc.NAMES[40]})],
)
def test_a_capability_that_root_lacks_is_found(bounding: int, missing: set[str]) -> None:
    assert runc.missing_capabilities(status(bounding)) == missing


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (("--root", "/r", "create", "--bundle", "/b", "id"), "/b/config.json"),
        (("run", "-b", "/b", "id"), "/b/config.json"),
        (("exec", "--process", "/p.json", "id"), "/p.json"),
        (("delete", "--bundle", "/b", "id"), None),
        (("create", "id"), None),
    ],
)
def test_the_file_with_the_capabilities_is_found(arguments: tuple[str, ...], file: str | None) -> None:
    assert runc.written_by_docker(arguments) == (Path(file) if file else None)


def test_missing_capabilities_are_taken_out_and_nothing_else() -> None:
    process = {"args": ["sh"], "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "ambient": None}}
    fewer = {"args": ["sh"], "capabilities": {"bounding": ["CAP_CHOWN"], "ambient": []}}
    assert runc.without(process, {"CAP_SYS_RESOURCE"}) == fewer
    assert runc.without({"process": process, "hostname": "h"}, {"CAP_SYS_RESOURCE"}) == {
        "process": fewer,
        "hostname": "h",
    }


def test_runc_is_called_with_the_same_arguments_and_fewer_capabilities(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"process": {"capabilities": {"bounding": list(runc.NAMES)}}}))
    program = tmp_path / "runc"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    command = [str(ROOT / "hack" / "kind" / "runc.py"), "create", "--bundle", str(tmp_path), "name"]
    path = os.pathsep.join((str(tmp_path), str(Path(sys.executable).parent), os.defpath))
    ran = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == command[1:]
    left = json.loads((tmp_path / "config.json").read_text())["process"]["capabilities"]["bounding"]
    assert set(runc.NAMES) - set(left) == runc.missing_capabilities(Path("/proc/self/status").read_text())


def test_an_address_range_that_is_taken_is_not_chosen() -> None:
    first = docker.free_range([], "0000a1")
    assert docker.free_range([], "0000a1") == first
    second = docker.free_range([ipaddress.IPv4Network((first[-2], 24), strict=False)], "0000a1")
    assert not first.overlaps(second)
    with pytest.raises(StartError, match="in use on this machine"):
        docker.free_range([ipaddress.IPv4Network("172.16.0.0/12")], "0000a1")


def test_the_last_range_is_followed_by_the_first() -> None:
    last = docker.free_range([], "00003f")
    assert str(last) == "172.31.192.0/18"
    assert str(docker.free_range([last], "00003f")) == "172.16.0.0/18"


def test_zones_are_labels_of_workers_in_turn() -> None:
    config = _config(Shape(nodes=3, zones=("a", "b")), None)
    workers = [node for node in config["nodes"] if node["role"] == "worker"]
    assert [worker["labels"]["topology.kubernetes.io/zone"] for worker in workers] == ["a", "b", "a"]
    assert "image" not in config["nodes"][0]
    assert config["kubeadmConfigPatches"] == []


def test_a_node_image_of_our_own_is_on_every_node_and_has_no_dns() -> None:
    config = _config(Shape(nodes=2), "ours:1")
    assert {node["image"] for node in config["nodes"]} == {"ours:1"}
    (patch,) = map(yaml.safe_load, config["kubeadmConfigPatches"])
    assert patch["skipPhases"] == ["preflight", "addon/coredns"]


def test_a_cluster_by_kind_is_known_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hack.cluster.kind.CLUSTERS", tmp_path)
    assert not is_kind("mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kind.yaml").touch()
    assert is_kind("mine")


def test_kind_knows_clusters_of_several_checkouts_by_different_names(monkeypatch: pytest.MonkeyPatch) -> None:
    here = KindCluster("default").kind_name
    monkeypatch.setattr("hack.kind.docker.CHECKOUT", "another")
    assert KindCluster("default").kind_name != here


def test_a_node_runs_the_kubernetes_that_the_control_plane_is_of() -> None:
    assert TOOL_SETS["kubernetes-node"].version == TOOL_SETS["kubernetes"].version


def test_the_network_is_found_under_the_name_that_its_image_gets() -> None:
    manifests = yaml.safe_load_all((images.NODE / "manifests" / "default-cni.yaml").read_text())
    (pods,) = (thing["spec"]["template"]["spec"] for thing in manifests if thing["kind"] == "DaemonSet")
    assert [container["image"] for container in pods["containers"]] == [images.NETWORK]


def test_images_are_named_as_kubeadm_asks_for_them() -> None:
    assert images.images_by_program("images.example/kube-proxy:v1.36.3\nimages.example/deep/etcd:3.6.8-0\n") == {
        "kube-proxy": "images.example/kube-proxy:v1.36.3",
        "etcd": "images.example/deep/etcd:3.6.8-0",
    }


@pytest.mark.parametrize("script", ["entrypoint", "network"])
def test_the_scripts_of_a_node_can_be_read_by_their_shell(script: str) -> None:
    subprocess.run(["bash", "-n", images.NODE / script], check=True)


def test_without_docker_the_trial_says_what_is_missing_and_ends_with_2(tmp_path: Path) -> None:
    for name in ("bash", "env", "dirname", "readlink", "sha256sum", "cat"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    # Without the usual folders of administrators' programs, too: the machine may have dockerd in them.
    without = "import hack.kind.docker as d, hack.kind.trial as t; d._PATH = ''; raise SystemExit(t.main())"
    command = [sys.executable, "-c", without]
    ran = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert ran.returncode == 2
    assert ran.stderr.startswith("hack/kind_test: cannot run here; this machine lacks docker on PATH, dockerd on PATH")
