"""What can be said of real nodes without starting one: names, addresses, settings, images, what a machine lacks."""

import base64
import ipaddress
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from hack.cluster import Access, Shape, StartError, pki, wait_until
from hack.cluster import __main__ as command
from hack.cluster.access import PORT_FILE
from hack.cluster.kind import KindCluster
from hack.cluster.local import Cluster
from hack.cluster.nodes import cgroups, documents, forward, images, needs
from hack.cluster.nodes.plan import (
    ADDRESSES,
    MOST_NODES,
    NoRangeError,
    Plan,
    RealNode,
    free_range,
    is_real,
    mark_of,
)
from hack.cluster.programs import LOST_AFTER, controller_manager

LONGEST_NAME = 15  # characters, of a network interface
PLAN = Plan("0a1b2c", ipaddress.IPv4Network("198.18.16.0/20"))
NODE = PLAN.node(2)


def test_a_cluster_is_known_by_its_folder_and_by_nothing_else(tmp_path: Path) -> None:
    assert mark_of(tmp_path) == mark_of(tmp_path / "." / "x" / "..")
    assert mark_of(tmp_path) != mark_of(tmp_path / "other")
    assert len(PLAN.bridge) <= LONGEST_NAME
    assert len(PLAN.node(MOST_NODES).interface) <= LONGEST_NAME


def test_nodes_and_their_pods_have_addresses_of_their_own() -> None:
    nodes = [PLAN.node(number) for number in range(1, MOST_NODES + 1)]
    assert nodes[0] == RealNode(
        "real-1",
        "w0a1b2c-1",
        ipaddress.IPv4Interface("198.18.16.2/24"),
        ipaddress.IPv4Network("198.18.17.0/24"),
    )
    assert [node.name for node in nodes[:3]] == ["real-1", "real-2", "real-3"]
    assert str(PLAN.gateway) == "198.18.16.1/24"
    ranges = [PLAN.gateway.network, *(node.pods for node in nodes)]
    assert sorted(ranges) == list(PLAN.addresses.subnets(new_prefix=24))
    assert len({PLAN.gateway.ip, *(node.address.ip for node in nodes)}) == MOST_NODES + 1
    assert all(node.address in PLAN.gateway.network for node in nodes)


def test_a_range_is_taken_that_nobody_uses() -> None:
    mark = "000001"
    first = free_range(mark, [])
    assert free_range(mark, []) == first
    assert first.subnet_of(ADDRESSES)
    inside = ipaddress.IPv4Network(f"{first[700]}/32")
    second = free_range(mark, [inside, ipaddress.IPv4Network("10.0.0.0/8")])
    assert not second.overlaps(first)
    with pytest.raises(NoRangeError, match=r"each part of 198\.18\.0\.0/15 is in use"):
        free_range(mark, [ADDRESSES])


@pytest.mark.parametrize(("part", "real"), [("real-1", True), ("real-12", True), ("kwok", False), ("member-1", False)])
def test_a_part_is_a_real_node_by_its_name(part: str, real: bool) -> None:
    assert is_real(part) is real


def test_a_node_is_told_its_addresses_and_its_cgroup() -> None:
    files = documents.all_of(NODE, "windlass0a1b2c/real-2", "certificate", "/plugins")
    kubelet = yaml.safe_load(files["kubelet.yaml"])
    assert kubelet["cgroupRoot"] == "/windlass0a1b2c/real-2"
    assert kubelet["address"] == "198.18.16.3"
    assert kubelet["authentication"]["x509"]["clientCAFile"] == f"{documents.INSIDE}/clients-ca.crt"
    assert files["clients-ca.crt"] == "certificate"
    (plugin,) = json.loads(files["network/10-pods.conflist"])["plugins"]
    assert plugin["ipam"]["ranges"] == [[{"subnet": "198.18.18.0/24"}]]
    assert 'bin_dirs = ["/plugins"]' in files["containerd.toml"]
    assert f'sandbox = "{images.PAUSE}"' in files["containerd.toml"]


def test_a_node_is_taken_for_lost_long_after_it_should_have_spoken(tmp_path: Path) -> None:
    lease = documents.kubelet(NODE, "any")["nodeLeaseDurationSeconds"]
    assert lease < LOST_AFTER
    access = Access("any", tmp_path)
    pki.create(access.pki)
    (tmp_path / PORT_FILE).write_text("1")
    flag = f"--node-monitor-grace-period={LOST_AFTER}s"
    assert flag in controller_manager(access, real_nodes=True)
    assert flag not in controller_manager(access)


def test_a_kubelet_shows_who_it_is_and_knows_the_api_server_by_another_name(tmp_path: Path) -> None:
    access = Access("any", tmp_path)
    pki.create(access.pki)
    (tmp_path / PORT_FILE).write_text("20001")
    pki.create_for_node(access.pki, "real-1")
    written = yaml.safe_load(access.write_kubeconfig("real-1", at="198.18.16.1").read_text())
    (server,), (user,) = written["clusters"], written["users"]
    assert server["cluster"]["server"] == "https://198.18.16.1:20001"
    assert server["cluster"]["tls-server-name"] == "kubernetes"
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["user"]["client-certificate-data"]))
    assert certificate.subject.rfc4514_string() == "CN=system:node:real-1,O=system:nodes"
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(access.ca.read_bytes()))


def test_the_archive_holds_each_image_with_its_program_and_version(tmp_path: Path) -> None:
    program, archive = tmp_path / "program", tmp_path / "images.tar"
    program.write_bytes(b"\x7fELF")
    images.write_archive(archive, images.of_program(program))
    with tarfile.open(archive) as tar:
        files = {file.name: _content(tar, file) for file in tar.getmembers()}
    index = json.loads(files["index.json"])["manifests"]
    names = [each["annotations"]["io.containerd.image.name"] for each in index]
    assert names == [images.PAUSE, images.APP_1, images.APP_2, images.FAILING]

    manifest = json.loads(_blob(files, index[2]))
    settings = json.loads(_blob(files, manifest["config"]))
    assert settings["config"]["Entrypoint"] == ["/app"]
    assert settings["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    (tmp_path / "layer.tar").write_bytes(_blob(files, manifest["layers"][1]))
    with tarfile.open(tmp_path / "layer.tar") as layer:
        assert _content(layer, layer.getmember("version")) == b"2"


def test_the_same_program_makes_the_same_images(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"the same")
    written = []
    for name in ("one", "other"):
        images.write_archive(tmp_path / name, images.of_program(program))
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_a_cgroup_of_version_1_is_in_every_tree_and_may_run_where_its_parent_may(tmp_path: Path) -> None:
    for tree in ("cpu", "cpuset", "memory"):
        (tmp_path / tree).mkdir()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n")
    own = cgroups.create("windlass/real-1", tmp_path)
    assert own == [tmp_path / tree / "windlass/real-1/programs" for tree in ("cpu", "cpuset", "memory")]
    assert (own[1] / "cpuset.cpus").read_text() == "0-1\n"
    assert (own[1].parent / "cpuset.mems").read_text() == "0\n"
    assert cgroups.create("windlass/real-1", tmp_path) == own


def test_a_cgroup_of_version_2_is_in_one_tree(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    assert cgroups.create("windlass/real-1", tmp_path) == [tmp_path / "windlass/real-1/programs"]


def test_an_ended_cgroup_is_gone_and_what_ran_in_it_too(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (own,) = cgroups.create("windlass/real-1", tmp_path)
    (tmp_path / "cpu" / "another").mkdir()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as running:
        procs = own / "cgroup.procs"
        procs.write_text(f"{running.pid}\n")
        assert cgroups.processes("windlass", tmp_path) == {running.pid}

        def empty_when_it_has_ended() -> None:  # as the kernel does
            running.wait()
            procs.unlink()

        kernel = threading.Thread(target=empty_when_it_has_ended)
        kernel.start()
        cgroups.end("windlass", tmp_path)
        kernel.join()
    assert [path.name for path in (tmp_path / "cpu").iterdir()] == ["another"]
    cgroups.end("windlass", tmp_path)


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back whatever it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    while data := connection.recv(1 << 16):
                        connection.sendall(data)

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


def test_connections_are_passed_on_in_both_directions_and_end_together(echo: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["127.0.0.1", str(port), "127.0.0.1", str(echo)]
    with subprocess.Popen([sys.executable, "-I", str(forward.__file__), *arguments]) as forwarder:
        try:
            wait_until(lambda: _answer(port, b"again"), 10, "the forwarder listens")
            much = os.urandom(1 << 20)
            assert _answer(port, much) == much
        finally:
            forwarder.kill()


def _answer(port: int, data: bytes) -> bytes:
    """What comes back until the connection ends; nothing where nobody listens."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    except ConnectionRefusedError:
        return b""
    with connection:
        sender = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
        sender.start()
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        sender.join()
    return received


@pytest.mark.parametrize(("words", "wanted"), [([], None), (["--real-node"], 1), (["--real-node", "2"], 2)])
def test_how_many_real_nodes_there_are_is_said_to_the_command(words: list[str], wanted: int | None) -> None:
    assert command._parser().parse_args(["up", *words]).real_nodes == wanted


def test_what_this_machine_lacks_is_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs.os, "geteuid", lambda: 1000)
    cluster = Cluster("none", tmp_path)
    with pytest.raises(StartError, match="starting a real node: this machine lacks root rights"):
        cluster.up(Shape(real_nodes=1))
    assert not cluster.folder.exists()


def test_programs_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(needs.os, "geteuid", lambda: 0)
    monkeypatch.setattr(needs, "PATH", str(tmp_path))
    lacks = needs.missing()
    assert lacks[:2] == ["bash on PATH", "ip on PATH"]


def test_more_real_nodes_than_there_are_addresses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="starting 16 real nodes: a cluster has at most 15"):
        Cluster("many", tmp_path).up(Shape(real_nodes=MOST_NODES + 1))


def test_kind_has_no_other_nodes_than_real_ones() -> None:
    with pytest.raises(StartError, match="every node that kind makes is real"):
        KindCluster("none").create(Shape(real_nodes=1))


def test_the_first_process_is_a_script_that_bash_understands() -> None:
    script = Path(documents.__file__).with_name("first_process")
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


def _content(tar: tarfile.TarFile, file: tarfile.TarInfo) -> bytes:
    read = tar.extractfile(file)
    assert read
    return read.read()


def _blob(files: dict[str, bytes], line: dict[str, str]) -> bytes:
    return files[f"blobs/{line['digest'].replace(':', '/')}"]
