"""Find out where the API server is and how we prove who we are there.

Importing this module must stay cheap: the command line prints its first line before it has loaded an HTTP client.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from windlass.cluster.connection import Connection, FileToken, why
from windlass.cluster.errors import ConfigurationError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_KUBECONFIG = Path("~/.kube/config")


def load(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """The connection by `kubeconfig` if given, else by $KUBECONFIG, the Pod's ServiceAccount, or ~/.kube/config.

    `kubeconfig` may be several files joined by the system's path separator. A context exists only in kubeconfigs, so
    with one the ServiceAccount is passed over. ConfigurationError says what is missing and where.
    """
    paths = kubeconfig_paths(kubeconfig, os.environ)
    if not paths and context is None and in_cluster(os.environ):
        return from_service_account(os.environ)
    from windlass.cluster import kubeconfig as files  # not needed in a Pod

    return files.connection(paths or [DEFAULT_KUBECONFIG.expanduser()], context)


def kubeconfig_paths(given: str | None, environ: Mapping[str, str]) -> list[Path]:
    """The kubeconfig files somebody named, in their order."""
    named = given or environ.get("KUBECONFIG", "")
    return [Path(name).expanduser() for name in named.split(os.pathsep) if name]


def in_cluster(environ: Mapping[str, str]) -> bool:
    """Whether this process runs in a Pod that was given a ServiceAccount's token."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and (SERVICE_ACCOUNT / "token").exists()


def from_service_account(environ: Mapping[str, str]) -> Connection:
    """The connection of the Pod this process runs in."""
    host = environ["KUBERNETES_SERVICE_HOST"]
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        ca = (SERVICE_ACCOUNT / "ca.crt").read_bytes()
        namespace = (SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"reading the Pod's ServiceAccount in {SERVICE_ACCOUNT}: {why(error)}") from error
    return Connection(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        source="the Pod's ServiceAccount",
        namespace=namespace or "default",
        ca=ca,
        token=FileToken(SERVICE_ACCOUNT / "token"),
    )
