"""What a request, a reply and a transport of them are, and whom it trusts. http1.py is the one that is used."""

import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from windlass.cluster.connection import ClientCertificate, Connection
from windlass.cluster.errors import ConfigurationError

MOST_BYTES = 16 << 20  # an object has at most 1.5 MiB in etcd (its --max-request-bytes); what it says of it takes more


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `target` is path and query, escaped.

    `seconds` limits the exchange on a connection that stands; for a stream, each silence. Connecting has a limit of its
    own beside it. `before_write` is called when the connection stands and nothing has been written; what it raises ends
    the request there. `most_bytes` limits the reply, its head included; of a stream only the head is limited.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    seconds: float
    body: bytes | None = None
    before_write: Callable[[], None] | None = None
    most_bytes: int = MOST_BYTES


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply. `headers` by name in title case; a success comes without: nothing in them is read."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream(Protocol):
    """A reply whose body arrives bit by bit."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """What has arrived, as it arrives. NoReply if the connection breaks or is silent for too long."""


class NoReply(Exception):  # noqa: N818 — not always an error: whether it is, the caller knows
    """There was no whole reply; the message is a clause. `sent`: the server may have acted on the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Transport(Protocol):
    """How requests reach one API server."""

    async def send(self, request: Request) -> Reply:
        """Exchange one request; NoReply if that fails. Never sends anything twice."""

    def stream(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        """Send a request and read the reply as it comes."""

    async def close(self) -> None:
        """End all connections."""


def tls_context(connection: Connection) -> ssl.SSLContext:
    """What to trust and what to show. ConfigurationError if the certificates cannot be used."""
    if connection.ca is None and connection.certificate is None and connection.verify:
        return _public_authorities()
    return _own_context(connection)


@cache
def _public_authorities() -> ssl.SSLContext:
    """One for all: reading what this machine trusts takes 30 ms and nearly a megabyte."""
    return _own_context(Connection("", "this machine"))


def _own_context(connection: Connection) -> ssl.SSLContext:
    authorities = connection.ca.decode("ascii", "ignore") if connection.ca else None
    try:
        context = ssl.create_default_context(cadata=authorities)
        if connection.certificate is not None:
            load_certificate(context, connection.certificate)
    except ssl.SSLError as error:
        raise ConfigurationError(f"loading the certificates of {connection.source}: {error}") from error
    # Python 3.13 began to refuse authorities without an Authority Key Identifier; clusters will have them for years.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def load_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Have this certificate shown; ssl.SSLError where it or its key cannot be read, or one does not fit the other."""
    # OpenSSL reads these from files only; the directory is readable by us alone and gone at once.
    with tempfile.TemporaryDirectory(prefix="windlass-") as directory:
        chain, key = Path(directory, "chain.pem"), Path(directory, "key.pem")
        chain.write_bytes(certificate.chain)
        key.write_bytes(certificate.key)
        context.load_cert_chain(chain, key, password="")  # without one OpenSSL asks for it at the terminal, and waits
