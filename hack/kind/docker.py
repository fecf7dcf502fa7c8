"""The Docker daemon that kind works on: the one that answers, else one of this checkout's own.

The own daemon keeps everything below `.local/docker`, and has a bridge, a socket and an address range to itself, so
that it runs beside other daemons and other checkouts'.
"""

import hashlib
import ipaddress
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from hack.cluster.access import wait_until
from hack.cluster.local import ROOT, StartError
from hack.cluster.process import Process
from hack.kind.runc import missing_capabilities

FOLDER = ROOT / ".local" / "docker"
NEEDED = ("dockerd", "containerd", "runc", "ip", "iptables")
# One hexadecimal name for all that the machine has only one of each; another checkout's is another.
CHECKOUT = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
_BRIDGE = f"windlass-{CHECKOUT}"
_RUN = Path(tempfile.gettempdir()) / f"windlass-docker-{CHECKOUT}"  # short: a socket's path has at most 107 characters
_SOCKET = _RUN / "docker.sock"
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
_START_LIMIT = 60.0  # seconds; one or two are usual


def missing() -> list[str]:
    """What this machine lacks for Docker; nothing where a daemon answers."""
    if _answers():
        return []
    lacks = [f"{name} on PATH" for name in ("docker", *NEEDED) if not shutil.which(name, path=_PATH)]
    return lacks if os.geteuid() == 0 else [*lacks, "root rights, or a Docker daemon that answers this user"]


def ensure() -> None:
    """Makes `docker` and `kind` talk to a daemon: the caller's, else this checkout's own, started if need be.

    Raises StartError.
    """
    if _answers():
        return
    if lacks := missing():
        raise StartError(f"starting Docker: no daemon answers, and for one of its own it lacks {', '.join(lacks)}")
    os.environ["DOCKER_HOST"] = f"unix://{_SOCKET}"
    os.environ["PATH"] = _PATH
    if not _answers():
        _start()


def stop() -> None:
    """Ends this checkout's own daemon, if it runs, and takes its bridge away; its images stay."""
    daemon = _daemon()
    if daemon.pid:
        daemon.stop(gracefully_within=60.0)
    _run("ip", "link", "delete", _BRIDGE, check=False)
    shutil.rmtree(_RUN, ignore_errors=True)


def docker(*arguments: str) -> str:
    """What `docker …` prints. The builder is the one that every version of Docker has.

    Raises StartError with the end of its output.
    """
    environment = os.environ | {"DOCKER_BUILDKIT": "0"}
    ran = subprocess.run(["docker", *arguments], capture_output=True, check=False, env=environment)
    if ran.returncode:
        output = (ran.stdout + ran.stderr).decode(errors="replace").splitlines()
        raise StartError(f"running docker {arguments[0]}: it ended with {ran.returncode}\n" + "\n".join(output[-20:]))
    return ran.stdout.decode()


def can_be_had(image: str) -> bool:
    """Whether the image is there or can be pulled."""
    if not subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
        return True
    return not subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, check=False).returncode


def free_range(taken: Iterable[ipaddress.IPv4Network], mark: str) -> ipaddress.IPv4Network:
    """One of the 64 ranges /18 of 172.16.0.0/12 that overlaps none of the taken; the mark says where the search begins.

    Raises StartError.
    """
    ranges = list(ipaddress.IPv4Network("172.16.0.0/12").subnets(new_prefix=18))
    first = int(mark, 16) % len(ranges)
    used = list(taken)
    for candidate in ranges[first:] + ranges[:first]:
        if not any(candidate.overlaps(network) for network in used):
            return candidate
    raise StartError("starting Docker: each part of 172.16.0.0/12 is in use on this machine")


def _start() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    _RUN.mkdir(parents=True, exist_ok=True)
    nothing = FOLDER / "daemon.json"  # in place of the machine's own settings
    nothing.write_text("{}")
    if not _run("ip", "link", "show", _BRIDGE, check=False):
        addresses = free_range(_taken(), CHECKOUT)
        (FOLDER / "range").write_text(str(addresses))
        _run("ip", "link", "add", _BRIDGE, "type", "bridge")
        _run("ip", "address", "add", f"{addresses[-2]}/24", "dev", _BRIDGE)
        _run("ip", "link", "set", _BRIDGE, "up")
    # The upper half of the range is the bridge's; networks that are made get the lower.
    lower, _ = ipaddress.IPv4Network((FOLDER / "range").read_text()).subnets()
    command = [
        shutil.which("dockerd", path=_PATH) or "dockerd",
        f"--config-file={nothing}",
        f"--data-root={FOLDER / 'data'}",
        f"--exec-root={_RUN / 'exec'}",
        f"--pidfile={_RUN / 'docker.pid'}",
        f"--host=unix://{_SOCKET}",
        f"--bridge={_BRIDGE}",
        f"--default-address-pool=base={lower},size=24",
    ]
    if missing_capabilities(Path("/proc/self/status").read_text()):
        command += [f"--add-runtime=fewer={Path(__file__).with_name('runc.py')}", "--default-runtime=fewer"]
    daemon = _daemon()
    daemon.start(command, environment={"PATH": _PATH})

    def answers() -> bool:
        if not daemon.pid:
            raise StartError(f"starting Docker: it ended at once; the end of {daemon.log}:\n{daemon.end_of_log()}")
        return _answers()

    try:
        wait_until(answers, _START_LIMIT, "Docker")
    except TimeoutError as error:
        raise StartError(f"starting Docker: {error}; the end of {daemon.log}:\n{daemon.end_of_log()}") from error


def _daemon() -> Process:
    return Process("dockerd", FOLDER)


def _answers() -> bool:
    if not shutil.which("docker"):
        return False
    return not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode


def _taken() -> list[ipaddress.IPv4Network]:
    links = json.loads(_run("ip", "-json", "-4", "address"))
    return [
        ipaddress.IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False)
        for link in links
        for address in link["addr_info"]
    ]


def _run(*command: str, check: bool = True) -> str:
    """Its output; nothing where it failed and may."""
    environment = os.environ | {"PATH": _PATH}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ran.returncode and check:
        raise StartError(f"running {' '.join(command)}: {ran.stderr.strip()}")
    return ran.stdout if not ran.returncode else ""
