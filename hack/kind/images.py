"""Images made of Debian's packages and of Go modules, for machines that reach no registry of images.

`node_image` is what kind's nodes run; `python_image` is a base for the operator's own. Where the usual images are there
or can be pulled, those are taken.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.cluster.local import ROOT, StartError
from hack.cluster.locking import locked
from hack.cluster.tools import TOOL_SETS, cache_folder, ensure, source_of
from hack.kind.docker import can_be_had, docker

NODE = Path(__file__).parent / "node"
NETWORK = "windlass.dev/node-network:1"  # as in node/manifests/default-cni.yaml
RELEASE = "bookworm"

# What kind's own node image has of Debian's packages, and runc.
NODE_PACKAGES = """
    bash ca-certificates conntrack curl dbus ebtables ethtool fuse-overlayfs gawk gettext-base hostname iproute2
    iptables jq kmod less libnss-myhostname libseccomp2 mount netcat-openbsd nfs-common nftables openssl pigz procps
    rsync runc socat systemd systemd-sysv tar util-linux
"""
# For kube-proxy and the node's network; and the libraries that a CPython is linked with.
SLIM_PACKAGES = """
    ca-certificates conntrack iproute2 iptables kmod libbz2-1.0 libexpat1 libffi8 libgdbm6 liblzma5 libncursesw6 libnsl2
    libreadline8 libsqlite3-0 libssl3 libuuid1 netbase tzdata zlib1g
"""
_LEFT_OUT = (
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "__pycache__",
    "_tkinter*",
    "config-*",
    "site-packages",
)
_UNREAD = ("usr/share/doc", "usr/share/man", "usr/share/locale")


def node_image() -> str | None:
    """The name of the image for kind's nodes, made if need be; None where kind's own can be had.

    Raises StartError, tools.BuildError.
    """
    if can_be_had(_default_of_kind()):
        return None
    name = f"windlass-kind-node:{_digest()}"
    if not docker("images", "--quiet", name):
        _say(f"making {name}, because kind's node image cannot be pulled")
        _make_node(name)
    return name


def python_image() -> str:
    """A base for the operator's image: the Dockerfile's, or one of the same layout with the Python that runs this.

    Raises StartError.
    """
    (default,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    if can_be_had(default):
        return str(default)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = f"windlass-python:{version}"
    if not docker("images", "--quiet", name):
        _say(f"making {name}, because {default} cannot be pulled")
        _make_python(name, version, Path(sys.base_prefix))
    return name


def _default_of_kind() -> str:
    source = source_of(TOOL_SETS["kind"]) / "pkg" / "apis" / "config" / "defaults" / "image.go"
    found = re.search(r'^const Image = "(.+)"$', source.read_text(), re.MULTILINE)
    if not found:
        raise StartError(f"starting kind: {source} names no image for nodes")
    return found.group(1)


def _digest() -> str:
    """Of everything that goes into a node."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted(path for path in NODE.rglob("*") if path.is_file()):
        digest.update(file.read_bytes())
    for name in ("kubernetes", "kubernetes-node", "etcd", "containerd", "cni", "crictl", "kind"):
        digest.update(TOOL_SETS[name].folder.name.encode())
    return digest.hexdigest()[:12]


# ---- the node


def _make_node(name: str) -> None:
    node, containerd = ensure(TOOL_SETS["kubernetes-node"]), ensure(TOOL_SETS["containerd"])
    kubernetes = ensure(TOOL_SETS["kubernetes"])
    base, slim = _debian("node", NODE_PACKAGES), _debian("slim", SLIM_PACKAGES)
    with _context() as context:
        files = source_of(TOOL_SETS["kind"]) / "images" / "base" / "files"
        shutil.copytree(files, context / "base", copy_function=_copy)
        shutil.copytree(NODE / "manifests", context / "manifests")
        shutil.copytree(ensure(TOOL_SETS["cni"]), context / "cni")
        _copy_all(context / "bin", [node / "kubeadm", node / "kubelet", kubernetes / "kubectl"])
        _copy_all(context / "bin", [ensure(TOOL_SETS["crictl"]) / "crictl", *containerd.iterdir()])
        _copy_all(context / "bin", [NODE / "entrypoint"])
        images = list(_images_in_it(slim, _sandbox_image(context / "base" / "etc" / "containerd" / "config.toml")))
        docker("save", "--output", str(context / "images.tar"), *images)
        arguments = ["--build-arg", f"BASE={base}", "--file", str(NODE / "Dockerfile"), str(context)]
        docker("build", "--tag", name, *arguments)


def _images_in_it(slim: str, sandbox: str) -> Iterator[str]:
    """Makes the images that a node starts with, named as kubeadm and containerd ask for them; the names."""
    kubernetes, node = TOOL_SETS["kubernetes"], ensure(TOOL_SETS["kubernetes-node"])
    named = images_by_program(
        _run(str(node / "kubeadm"), "config", "images", "list", "--kubernetes-version", kubernetes.version)
    )
    for program in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        yield _image(named[program], ensure(kubernetes) / program)
    yield _image(named["kube-proxy"], node / "kube-proxy", slim)
    yield _image(named["etcd"], ensure(TOOL_SETS["etcd"]) / "etcd")  # whatever version is in ours
    yield _image(NETWORK, NODE / "network", slim)
    with _context() as folder:
        source = source_of(kubernetes) / "build" / "pause" / "linux" / "pause.c"
        _run("gcc", "-Os", "-static", "-s", "-DVERSION=own", "-o", str(folder / "pause"), str(source))
        yield _image(sandbox, folder / "pause")


def images_by_program(listed: str) -> dict[str, str]:
    """What `kubeadm config images list` printed, by the last part of each name."""
    return {name.rpartition(":")[0].rpartition("/")[2]: name for name in listed.split()}


def _sandbox_image(settings: Path) -> str:
    """The image of every Pod's first container, as containerd's settings on the node name it."""
    found = re.search(r'^\s*sandbox_image = "(.+)"$', settings.read_text(), re.MULTILINE)
    if not found:
        raise StartError(f"making a node's image: {settings} names no image for sandboxes")
    return found.group(1)


def _image(name: str, program: Path, base: str = "scratch") -> str:
    """An image that runs one program, which is found by its name alone."""
    with _context() as context:
        _copy_all(context, [program])
        where = f"/usr/local/bin/{program.name}"
        lines = [
            f"FROM {base}",
            "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            f"COPY {program.name} {where}",
            f'ENTRYPOINT ["{where}"]',
        ]
        (context / "Dockerfile").write_text("\n".join(lines) + "\n")
        docker("build", "--tag", name, str(context))
    return name


# ---- Debian


def _debian(name: str, packages: str) -> str:
    """An image of a small Debian with these packages, kept as an archive outside the tree; its name."""
    wanted = sorted(packages.split())
    digest = hashlib.sha256(" ".join((RELEASE, *wanted)).encode()).hexdigest()[:12]
    image = f"windlass-debian-{name}:{digest}"
    if docker("images", "--quiet", image):
        return image
    archive = cache_folder().with_name("images") / f"debian-{name}-{digest}.tar"
    with locked(archive.with_suffix(".lock"), waiting=f"debian-{name}: waiting for another build of the same"):
        if not archive.exists():
            _say(f"installing {len(wanted)} of Debian's packages and what they need")
            _debootstrap(archive, wanted)
    docker("import", str(archive), image)
    return image


def _debootstrap(archive: Path, packages: list[str]) -> None:
    if not shutil.which("debootstrap"):
        raise StartError("making an image: debootstrap is not on PATH (Debian: apt-get install debootstrap)")
    with _context(archive.parent) as scratch:
        root = scratch / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", RELEASE, str(root)]
        _run(*command, *filter(None, [os.environ.get("DEBIAN_MIRROR")]))
        for rest in ("var/cache/apt/archives", "var/lib/apt/lists", *_UNREAD):
            shutil.rmtree(root / rest, ignore_errors=True)
        draft = scratch / archive.name
        excluded = [f"--exclude=./{folder}/*" for folder in ("dev", "proc", "sys")]
        _run("tar", "--directory", str(root), *excluded, "--create", "--file", str(draft), ".")
        draft.rename(archive)


# ---- Python


def _make_python(name: str, version: str, prefix: Path) -> None:
    if prefix == Path("/usr"):
        raise StartError(
            f"making {name}: the Python that runs this is Debian's own, which cannot be moved to /usr/local;"
            " run this with another one, or make the Dockerfile's base reachable"
        )
    slim = _debian("slim", SLIM_PACKAGES)
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")  # those that this machine trusts
    with _context() as context:
        library = prefix / "lib" / f"python{version}"
        ignored = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(library, context / "python" / "lib" / library.name, ignore=ignored, symlinks=True)
        (context / "python" / "lib" / library.name / "site-packages").mkdir()
        _copy_all(context / "python" / "bin", [prefix / "bin" / f"python{version}"])
        _copy_all(context / "python" / "lib", (prefix / "lib").glob(f"libpython{version}.so*"))
        _copy_all(context, [certificates])
        lines = [
            f"FROM {slim}",
            "COPY python /usr/local",
            f"COPY {certificates.name} {certificates}",
            f"RUN printf '[global]\\ncert = {certificates}\\n' > /etc/pip.conf && ldconfig"
            f" && ln -s python{version} /usr/local/bin/python3 && ln -s python3 /usr/local/bin/python"
            " && python -m ensurepip",
        ]
        (context / "Dockerfile").write_text("\n".join(lines) + "\n")
        docker("build", "--tag", name, str(context))


# ---- files and programs


@contextmanager
def _context(inside: Path | None = None) -> Iterator[Path]:
    if inside:
        inside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="windlass-image-", dir=inside) as folder:
        yield Path(folder)


def _copy_all(folder: Path, files: Iterable[Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        _copy(file, folder / file.name)


def _copy(source: str | Path, target: str | Path) -> None:
    """A program or script as it is, however it is kept: Go's module cache is read-only and executable by nobody."""
    shutil.copyfile(source, target)
    Path(target).chmod(0o755)


def _run(*command: str) -> str:
    """Its output. Raises StartError with the end of it."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise StartError(f"making an image: {command[0]} is not on PATH") from error
    if ran.returncode:
        end = "\n".join((ran.stdout + ran.stderr).splitlines()[-20:])
        raise StartError(f"making an image: {command[0]} ended with {ran.returncode}\n{end}")
    return ran.stdout


def _say(text: str) -> None:
    print(f"hack/kind: {text}", file=sys.stderr, flush=True)
