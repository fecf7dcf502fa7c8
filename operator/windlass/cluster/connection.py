"""Where an API server is and how we prove who we are there."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from windlass.cluster.errors import ConfigurationError

log = logging.getLogger(__name__)

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
            token, problem = "", why(error)
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
    """One API server and one identity there. `source` says in a few words where this comes from.

    `impersonate`: the user as whom everything is done there. Groups need not be told: an API server knows those of a
    ServiceAccount, and to name them takes rights of its own. `local_addresses`: whether the server may be at an address
    that leads back to this machine or to what only this machine reaches.
    """

    server: str  # "https://10.96.0.1:443"; may end in a path, as behind a gateway
    source: str
    namespace: str = "default"
    ca: bytes | None = field(default=None, repr=False)  # PEM; None: the authorities this machine trusts
    verify: bool = True
    tls_server_name: str | None = None
    token: TokenSource | None = field(default=None, repr=False)
    certificate: ClientCertificate | None = None
    impersonate: str | None = None
    local_addresses: bool = True


def why(error: Exception) -> str:
    """What went wrong with a file, in the system's words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
