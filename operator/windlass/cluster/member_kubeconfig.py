"""Kubeconfigs out of Secrets, which other people wrote: read strictly, and everything refused that reaches further than
to one API server by one identity.

What is refused is told by its field and by what the field may be. No value is quoted: it may be a secret.
"""

import base64
import binascii
import re
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeAlias

import yaml

from windlass.cluster.addresses import literal, why_no_member
from windlass.cluster.connection import ClientCertificate, Connection, StaticToken
from windlass.cluster.errors import ConfigurationError, shown
from windlass.cluster.transport import load_certificate
from windlass.planner.stackset.documents import Plain, resolved

MOST_BYTES = 64 << 10
MOST_DEPTH = 16
MOST_VALUES = 5_000
MOST_ENTRIES = 100  # clusters, users or contexts
MOST_KEY_BYTES = 8 << 10  # an RSA key of 8192 bits; signing by a longer one would hold up everything else

Value: TypeAlias = "Plain | list[Value] | dict[str, Value]"
Entry: TypeAlias = Mapping[str, Value]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOTHING = (None, "")
_DATA = "give its content, in base64, in {0}-data"
_CREDENTIALS = "give a token, or client-certificate-data and client-key-data"
_REFUSED = {
    "certificate-authority": f"is the path of a file: {_DATA}",
    "client-certificate": f"is the path of a file: {_DATA}",
    "client-key": f"is the path of a file: {_DATA}",
    "tokenFile": "is the path of a file: give the token itself in token",
    "proxy-url": "is refused: the API server must be reached without a proxy",
    "exec": f"is refused, because it runs a command: {_CREDENTIALS}",
    "auth-provider": f"is refused, because it asks somebody else: {_CREDENTIALS}",
    "username": f"is refused, API servers take no passwords: {_CREDENTIALS}",
    "password": f"is refused, API servers take no passwords: {_CREDENTIALS}",
    "as": "is refused: name a ServiceAccount in serviceAccountName of the StackTarget",
    "as-uid": "is refused: name a ServiceAccount in serviceAccountName of the StackTarget",
    "as-groups": "is refused: name a ServiceAccount in serviceAccountName of the StackTarget",
    "as-user-extra": "is refused: name a ServiceAccount in serviceAccountName of the StackTarget",
}
_FILE_FIELDS = ("apiVersion", "kind", "current-context", "clusters", "users", "contexts", "preferences", "extensions")
_CLUSTER_FIELDS = (
    "server",
    "certificate-authority-data",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "disable-compression",
    "extensions",
)
_USER_FIELDS = ("token", "client-certificate-data", "client-key-data", "extensions")
_CONTEXT_FIELDS = ("cluster", "user", "namespace", "extensions")

_TOKEN = re.compile(r"[!-~]+")
_URL = re.compile(r"[!-~]{1,2048}")
_PATH = re.compile(r"(/[-_~0-9A-Za-z][-._~0-9A-Za-z]*)*/?")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^]:[@%]+)(:[0-9]{1,5})?")
_HOST = re.compile(
    r"(?=.{1,253}\.?$)[0-9A-Za-z]([-_0-9A-Za-z]{0,61}[0-9A-Za-z])?"
    r"(\.[0-9A-Za-z]([-_0-9A-Za-z]{0,61}[0-9A-Za-z])?)*\.?"
)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_LOCAL_NAMES = ("localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback")
_METADATA_NAMES = ("metadata.google.internal", "metadata")


class _RefusedError(Exception):
    """Which field it is, and what it may be."""


def connection(text: bytes, *, source: str, allow_local: bool = False) -> Connection:
    """The connection that the current context of this kubeconfig describes.

    `source` begins the sentence of the ConfigurationError that tells what is refused. `allow_local`: the server may be
    at an address of this machine.
    """
    try:
        return _connection(_read(text), source, allow_local)
    except _RefusedError as refused:
        raise ConfigurationError(f"{source}: {refused}") from None


def _connection(value: Value, source: str, allow_local: bool) -> Connection:
    file = _mapping("it", value, _FILE_FIELDS)
    for field, expected in (("apiVersion", "v1"), ("kind", "Config")):
        if file.get(field, expected) != expected:
            raise _RefusedError(f"{field} must be {expected}")
    name = _text("it", file, "current-context")
    context = _entry(file, "context", name, _CONTEXT_FIELDS)
    where = f"context {_quoted(name)}"
    cluster_name, user_name = _text(where, context, "cluster"), _text(where, context, "user")
    cluster = _entry(file, "cluster", cluster_name, _CLUSTER_FIELDS)
    user = _entry(file, "user", user_name, _USER_FIELDS)
    of_cluster, of_user = f"cluster {_quoted(cluster_name)}", f"user {_quoted(user_name)}"
    if cluster.get("insecure-skip-tls-verify") not in (None, False):
        raise _RefusedError(
            f"{of_cluster}: insecure-skip-tls-verify must be false or left out: give certificate-authority-data"
        )
    return Connection(
        server=_server(of_cluster, _text(of_cluster, cluster, "server"), allow_local),
        source=source,
        ca=_authorities(of_cluster, cluster),
        tls_server_name=_server_name(of_cluster, cluster),
        token=_token(of_user, user),
        certificate=_certificate(of_user, user),
        local_addresses=allow_local,
    )


# ---- the server


def _server(where: str, url: str, allow_local: bool) -> str:
    where = f"{where}: server"
    if not _URL.fullmatch(url) or "\\" in url:
        raise _RefusedError(f"{where} must be an address of at most 2048 visible ASCII characters")
    scheme, _, rest = url.partition("://")
    if scheme.lower() != "https" or not rest:
        raise _RefusedError(f"{where} must be an address that begins with https://")
    if "?" in rest or "#" in rest:
        raise _RefusedError(f"{where} must have no query and no fragment")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise _RefusedError(f"{where} must hold no user and no password")
    found = _AUTHORITY.fullmatch(authority)
    if found is None or not 0 < int((found[2] or ":443")[1:]) < 65_536:
        raise _RefusedError(f"{where} must be a host, and perhaps a port from 1 to 65535, after https://")
    if not _PATH.fullmatch(slash + path):
        raise _RefusedError(f"{where} may have a path of letters, digits, '-', '_', '~' and '.' alone")
    _check_host(where, found[1], allow_local)
    return f"https://{rest.rstrip('/')}"


def _check_host(where: str, host: str, allow_local: bool) -> None:
    address = literal(host.strip("[]"))
    if address is None:
        if not _HOST.fullmatch(host) or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise _RefusedError(f"{where} must name a host by a DNS name, or by an IP address as it is usually written")
        name = host.rstrip(".").lower()
        local = name in _LOCAL_NAMES or name.endswith(".localhost")
        problem = "this machine" if local else "a cloud's metadata" if name in _METADATA_NAMES else None
    else:
        problem = why_no_member(address)
    if problem is not None and not allow_local:
        raise _RefusedError(f"{where} is {problem}: no member cluster may be there")


def _server_name(where: str, cluster: Entry) -> str | None:
    name = cluster.get("tls-server-name")
    if name in _NOTHING:
        return None
    if not isinstance(name, str) or not (_HOST.fullmatch(name) or literal(name)):
        raise _RefusedError(f"{where}: tls-server-name must be a DNS name or an IP address")
    return name


# ---- certificates and tokens


def _authorities(where: str, cluster: Entry) -> bytes | None:
    authorities = _data(where, cluster, "certificate-authority-data")
    if authorities is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=authorities.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError):
            raise _RefusedError(
                f"{where}: certificate-authority-data must be PEM certificates that can be read"
            ) from None
    return authorities


def _certificate(where: str, user: Entry) -> ClientCertificate | None:
    chain, key = _data(where, user, "client-certificate-data"), _data(where, user, "client-key-data")
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise _RefusedError(f"{where}: client-certificate-data and client-key-data must both be given, or neither")
    if len(key) > MOST_KEY_BYTES:
        raise _RefusedError(f"{where}: client-key-data must be a key of at most {MOST_KEY_BYTES} bytes")
    certificate = ClientCertificate(chain, key)
    try:
        load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
    except ssl.SSLError:
        raise _RefusedError(
            f"{where}: client-certificate-data and client-key-data must be a PEM certificate and its PEM key, which "
            "has no password"
        ) from None
    return certificate


def _token(where: str, user: Entry) -> StaticToken | None:
    token = user.get("token")
    if token is None:
        if user.get("client-certificate-data") in _NOTHING and user.get("client-key-data") in _NOTHING:
            raise _RefusedError(f"{where}: it has no credentials: {_CREDENTIALS}")
        return None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _RefusedError(f"{where}: token must be text of visible ASCII characters, without spaces and line ends")
    return StaticToken(token)


def _data(where: str, entry: Entry, field: str) -> bytes | None:
    value = entry.get(field)
    if value in _NOTHING:
        return None
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise _RefusedError(f"{where}: {field} must be text in base64") from None


# ---- entries and fields


def _entry(file: Entry, noun: str, name: str, fields: Collection[str]) -> Entry:
    """The only `clusters[]`, `users[]` or `contexts[]` of this name."""
    entries = file.get(f"{noun}s")
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise _RefusedError(f"{noun}s must be a list of at most {MOST_ENTRIES} entries")
    found = [each for each in entries if isinstance(each, dict) and each.get("name") == name]
    if len(found) != 1:
        raise _RefusedError(f"{noun}s must have exactly one entry with the name {_quoted(name)}, not {len(found)}")
    where = f"{noun} {_quoted(name)}"
    return _mapping(where, _mapping(where, found[0], ("name", noun)).get(noun), fields)


def _mapping(where: str, value: Value, fields: Collection[str]) -> Entry:
    if not isinstance(value, dict):
        raise _RefusedError(f"{where} must be a mapping with the fields {', '.join(fields)}")
    for field, given in value.items():
        if field in _REFUSED and field not in fields:
            if given not in _NOTHING:
                raise _RefusedError(f"{where}: {field} {_REFUSED[field].format(field)}")
        elif field not in fields:
            raise _RefusedError(f"{where}: it may have the fields {', '.join(fields)}, and not {_quoted(field)}")
    return value


def _text(where: str, entry: Entry, field: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value:
        raise _RefusedError(f"{where}: {field} must be given, as text")
    return value


def _quoted(name: str) -> str:
    return f"'{shown(name[:64])}'"


# ---- YAML


def _read(text: bytes) -> Value:
    if len(text) > MOST_BYTES:
        raise _RefusedError(f"it must have at most {MOST_BYTES >> 10} KiB")
    try:
        composer = _Composer(yaml.parse(text.decode(), Loader=_LOADER))
        return composer.document()
    except UnicodeDecodeError:
        raise _RefusedError("it must be text in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _RefusedError(f"it must be YAML or JSON: {shown(error.problem or 'it is neither')}{line}") from None
    except yaml.YAMLError:
        raise _RefusedError("it must be YAML or JSON: there is a character that neither has") from None


class _Composer:
    """Makes values of a parser's events, one by one: nothing is built beyond the limits."""

    def __init__(self, events: Iterable[yaml.Event]) -> None:
        self._events = iter(events)
        self._values = 0

    def document(self) -> Value:
        """The only document there is; None where there is none."""
        found: list[Value] = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if found:
                    raise _RefusedError("it must be one document")
                found.append(self._value(next(self._events), 0))
        return found[0] if found else None

    def _value(self, event: yaml.Event, depth: int) -> Value:
        self._values += 1
        if depth > MOST_DEPTH or self._values > MOST_VALUES:
            raise _RefusedError(f"it must have at most {MOST_DEPTH} levels and {MOST_VALUES} values")
        if not isinstance(event, yaml.NodeEvent) or isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _RefusedError("it must be YAML without anchors (&) and aliases (*)")
        if getattr(event, "tag", None) is not None:
            raise _RefusedError("it must be YAML without tags (!)")
        if isinstance(event, yaml.MappingStartEvent):
            return dict(self._entries(depth + 1))
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)]
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else resolved(event.value)
        raise _RefusedError("it must be YAML or JSON")

    def _entries(self, depth: int) -> Iterator[tuple[str, Value]]:
        names: set[str] = set()
        for event in self._until(yaml.MappingEndEvent):
            name = self._value(event, depth)
            if not isinstance(name, str):
                raise _RefusedError("the name of each field must be text")
            if name in names:
                raise _RefusedError(f"each field must be given once, and {_quoted(name)} is given again")
            names.add(name)
            yield name, self._value(next(self._events), depth)

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event
