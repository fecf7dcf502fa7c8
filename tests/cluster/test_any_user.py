"""The operator under a user that no file knows, as images and OpenShift start it."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hack.cluster import Cluster
from tests.cluster.groups import ZONES, Groups
from tests.cluster.operator_process import Installation, OperatorProcess

ROOT = Path(__file__).parents[2]
USER = 1_000_640_000  # OpenShift gives each namespace a range of its own, far above all that a system knows
ACCOUNT = "var/run/secrets/kubernetes.io/serviceaccount"

# A Pod's root: what a program needs at its usual place, no /etc, nothing that can be written.
POD_ROOT = """
set -eu
root=$1; shift
mount -t tmpfs -o mode=755 pod "$root"
for folder in /usr /bin /lib /lib64 /dev /proc $READABLE; do
    [ -e "$folder" ] || continue
    mkdir -p "$root$folder"
    mount --rbind "$folder" "$root$folder"
done
mkdir -p "$root/$ACCOUNT"
cp "$ACCOUNT_FILES"/* "$root/$ACCOUNT/"
chmod 444 "$root/$ACCOUNT"/*
mount -o remount,ro "$root"
cd "$root"
exec chroot "$root" "$@"
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "chroot"))),
    reason="a Pod's root needs root rights, and unshare, setpriv and chroot",
)


@pytest.fixture
def in_a_pod(cluster: Cluster, installation: Installation, tmp_path: Path) -> Iterator[OperatorProcess]:
    """The operator as a kubelet starts it: any uid, no passwd entry, no HOME, a root that cannot be written."""
    installation.forget_lease()
    files, root = tmp_path / "account", tmp_path / "root"
    files.mkdir()
    root.mkdir()
    account = installation.manifest("ServiceAccount")["metadata"]["name"]
    (files / "token").write_text(cluster.token(installation.namespace, account))
    (files / "ca.crt").write_bytes(cluster.ca.read_bytes())
    (files / "namespace").write_text(installation.namespace)
    server = urlsplit(cluster.url)
    command = ["unshare", "--mount", "sh", "-c", POD_ROOT, "sh", str(root)]
    command += ["setpriv", f"--reuid={USER}", "--regid=0", "--clear-groups", "--no-new-privs", "--pdeathsig=KILL"]
    command += ["env", "-i", f"PATH={os.defpath}", "PYTHONDONTWRITEBYTECODE=1"]
    command += [f"KUBERNETES_SERVICE_HOST={server.hostname}", f"KUBERNETES_SERVICE_PORT={server.port}"]
    command += [sys.executable, "-m", "windlass", *installation.arguments]
    command += ["--metrics-host=127.0.0.1", "--metrics-port=0"]
    readable = " ".join(dict.fromkeys([sys.base_prefix, sys.prefix, str(ROOT / "operator")]))
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    env = {"PATH": path, "READABLE": readable, "ACCOUNT": ACCOUNT, "ACCOUNT_FILES": str(files)}
    process = OperatorProcess(command, env, tmp_path / "operator.log")
    try:
        yield process
    finally:
        process.kill()


def test_under_any_uid_it_hears_of_a_group_that_is_created_after_its_first_reading(
    in_a_pod: OperatorProcess, cluster: Cluster, namespace: str
) -> None:
    in_a_pod.wait_until_ready()
    in_a_pod.wait_until_leading()
    status = Path(f"/proc/{in_a_pod.pid}/status").read_text()
    assert f"Uid:\t{USER}\t{USER}" in status
    with Groups(cluster, namespace) as groups:
        groups.create(zones=ZONES).wait_until_ready(3)
    assert in_a_pod.get("/readyz")[0] == 200
    assert in_a_pod.stop() == 0
    assert "Traceback" not in in_a_pod.log, in_a_pod.log
