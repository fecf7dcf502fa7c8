"""Where the API server is and how we prove who we are: `load()` finds out, a `Connection` holds the answer.

Importing this module must stay cheap: the command line prints its first line before it has loaded an HTTP client.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from windlass.cluster.errors import ConfigurationError

log = logging.getLogger(__name__)

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_KUBECONFIG = Path("~/.kube/config")

# Mounted tokens live for an hour or more and are replaced at 80 % of their life; client-go looks once a minute too.
TOKEN_RECHECK_SECONDS = 60.0


class TokenSource(Protocol):
    """A bearer token that may be replaced while we run."""

    @property
    def value(self) -> str:
        """The token as last read."""

    def due(self) -> bool:
        """Whether it should be read again before the next request."""

    def renew(self) -> None:
        """Read it again; may block. ConfigurationError if there is none."""


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that stays as it is."""

    value: str = field(repr=False)

    def due(self) -> bool:
        """Never."""
        return False

    def renew(self) -> None:
        """Nothing to read."""


class FileToken:
    """A token in a file that something else replaces, such as the kubelet."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._read_at = 0.0
        self.value = ""
        self.renew()

    def due(self) -> bool:
        """Once a minute."""
        return self._clock() >= self._read_at + TOKEN_RECHECK_SECONDS

    def renew(self) -> None:
        """Read the file; an unreadable or empty one leaves the token we have."""
        self._read_at = self._clock()
        try:
            token = self._path.read_text(encoding="utf-8").strip()
            problem = "" if token else "it is empty"
        except (OSError, ValueError) as error:
            token, problem = "", _why(error)
        if token:
            self.value = token
        elif self.value:
            log.warning("reading token file %s: %s; going on with the token read before", self._path, problem)
        else:
            raise ConfigurationError(f"reading token file {self._path}: {problem}")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate chain and its key, both PEM."""

    chain: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """One API server and one identity there. `source` says in a few words where this comes from."""

    server: str  # "https://10.96.0.1:443"; may end in a path, as behind a gateway
    source: str
    namespace: str = "default"
    ca: bytes | None = field(default=None, repr=False)  # PEM; None: the authorities this machine trusts
    verify: bool = True
    tls_server_name: str | None = None
    token: TokenSource | None = field(default=None, repr=False)
    certificate: ClientCertificate | None = None


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
        raise ConfigurationError(f"reading the Pod's ServiceAccount in {SERVICE_ACCOUNT}: {_why(error)}") from error
    return Connection(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        source="the Pod's ServiceAccount",
        namespace=namespace or "default",
        ca=ca,
        token=FileToken(SERVICE_ACCOUNT / "token"),
    )


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
