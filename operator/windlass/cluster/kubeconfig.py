"""Kubeconfig files: merged as kubectl merges them, resolved to one `Connection`.

These are the files of the people who run us: what they hold is trusted. Tokens and certificates are read here; only
exec plugins and auth providers need the `kubernetes` package, an extra that costs half a second to import.
"""

import base64
import binascii
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from windlass.cluster.connection import (
    TOKEN_RECHECK_SECONDS,
    ClientCertificate,
    Connection,
    FileToken,
    StaticToken,
    TokenSource,
)
from windlass.cluster.errors import ConfigurationError


class Cluster(msgspec.Struct, rename="kebab"):
    """`clusters[].cluster`."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    proxy_url: str = ""


class User(msgspec.Struct, rename="kebab"):
    """`users[].user`."""

    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    username: str = ""
    impersonate: str = msgspec.field(default="", name="as")
    auth_provider: dict[str, Any] | None = None
    exec_plugin: dict[str, Any] | None = msgspec.field(default=None, name="exec")


class Context(msgspec.Struct):
    """`contexts[].context`."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: Cluster = msgspec.field(default_factory=Cluster)


class _NamedUser(msgspec.Struct):
    name: str
    user: User | None = None


class _NamedContext(msgspec.Struct):
    name: str
    context: Context = msgspec.field(default_factory=Context)


class _File(msgspec.Struct, rename="kebab"):
    current_context: str | None = None
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


class _Named(Protocol):
    name: str


class _Origin(NamedTuple):
    """An entry's file: relative paths in it are relative to that file."""

    path: Path
    entry: Any


N = TypeVar("N", bound=_Named)


def connection(paths: Sequence[Path], context: str | None) -> Connection:
    """The connection that `context` (None: the current one) of these files describes."""
    files = _read_all(paths)
    found = [path for path, _ in files]
    clusters = _first_of_each(files, lambda file: file.clusters)
    users = _first_of_each(files, lambda file: file.users)
    contexts = _first_of_each(files, lambda file: file.contexts)
    where = f"reading kubeconfig {os.pathsep.join(map(str, found))}"
    name = context or next((file.current_context for _, file in files if file.current_context), None)
    if not name:
        raise ConfigurationError(f"{where}: it has no current context; name one of {_names(contexts)}")
    chosen: Context = _pick(where, "context", name, contexts).entry.context
    cluster_origin = _pick(f"{where}: context {name!r}", "cluster", chosen.cluster, clusters)
    user_origin = _pick(f"{where}: context {name!r}", "user", chosen.user, users) if chosen.user else None
    return _resolve(
        f"{where}: context {name!r}", name, chosen, cluster_origin, user_origin, [path for path, _ in files]
    )


def _resolve(
    where: str, name: str, context: Context, cluster_origin: _Origin, user_origin: _Origin | None, paths: Sequence[Path]
) -> Connection:
    cluster: Cluster = cluster_origin.entry.cluster
    where_cluster = f"{where}: cluster {context.cluster!r}"
    _check_cluster(where_cluster, cluster)
    ca = _pem(where_cluster, cluster_origin.path, "certificate-authority", cluster)
    token, certificate = None, None
    if user_origin is not None:
        user: User = user_origin.entry.user or User()
        token, certificate = _credentials(f"{where}: user {context.user!r}", user_origin.path, user, paths, name)
    return Connection(
        server=cluster.server.rstrip("/"),
        source=f"context {name!r} of {cluster_origin.path}",
        namespace=context.namespace or "default",
        ca=ca,
        verify=not cluster.insecure_skip_tls_verify,
        tls_server_name=cluster.tls_server_name or None,
        token=token,
        certificate=certificate,
    )


def _check_cluster(where: str, cluster: Cluster) -> None:
    if urlsplit(cluster.server).scheme not in {"http", "https"} or not urlsplit(cluster.server).hostname:
        raise ConfigurationError(f"{where}: server {cluster.server!r} is not an http or https address")
    if cluster.proxy_url:
        raise ConfigurationError(f"{where}: proxy-url is not supported; connect without a proxy")


def _credentials(
    where: str, path: Path, user: User, paths: Sequence[Path], context: str
) -> tuple[TokenSource | None, ClientCertificate | None]:
    if user.impersonate:
        raise ConfigurationError(f"{where}: impersonation ('as') is not supported")
    if user.exec_plugin is not None or user.auth_provider is not None:
        return _from_plugin(where, paths, context, user.exec_plugin or {})
    if user.username:
        raise ConfigurationError(f"{where}: user name and password are not accepted by any supported Kubernetes")
    chain = _pem(where, path, "client-certificate", user)
    key = _pem(where, path, "client-key", user)
    if (chain is None) != (key is None):
        raise ConfigurationError(f"{where}: a client certificate needs both the certificate and its key")
    certificate = ClientCertificate(chain, key) if chain is not None and key is not None else None
    if user.token_file:  # kubectl prefers it to a token beside it
        return FileToken(path.parent / Path(user.token_file).expanduser()), certificate
    return (StaticToken(user.token) if user.token else None), certificate


def _pem(where: str, path: Path, field: str, entry: Cluster | User) -> bytes | None:
    """The bytes of `<field>-data`, else of the file that `<field>` names, else None."""
    attribute = field.replace("-", "_")
    data: str = getattr(entry, f"{attribute}_data")
    file: str = getattr(entry, attribute)
    try:
        if data:
            return base64.b64decode(data, validate=True)
        return (path.parent / Path(file).expanduser()).read_bytes() if file else None
    except binascii.Error as error:
        raise ConfigurationError(f"{where}: {field}-data is not base64: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{where}: {field} {file}: {error.strerror}") from error


def _read_all(paths: Sequence[Path]) -> list[tuple[Path, _File]]:
    # A file of a list may be missing, as for kubectl; one that was named alone, or all of them, may not.
    existing = [path for path in paths if path.exists()]
    if not existing:
        missing = os.pathsep.join(map(str, paths))
        verb = "none of these files exists" if len(paths) > 1 else "there is no such file"
        raise ConfigurationError(f"reading kubeconfig {missing}: {verb}, and this is no Pod with a ServiceAccount")
    return [(path, _read(path)) for path in existing]


def _read(path: Path) -> _File:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"reading kubeconfig {path}: {error.strerror}") from error
    try:
        parsed = _parse(content)
        return msgspec.convert({} if parsed is None else parsed, _File)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigurationError(f"reading kubeconfig {path}: {error}") from error


def _parse(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        import yaml  # 20 ms, and not needed for JSON

    try:
        return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 — both are safe
    except yaml.YAMLError as error:
        raise ValueError(f"it is neither JSON nor YAML: {' '.join(str(error).split())}") from error


def _first_of_each(
    files: Iterable[tuple[Path, _File]], entries: Callable[[_File], Sequence[N] | None]
) -> dict[str, _Origin]:
    found: dict[str, _Origin] = {}
    for path, file in files:
        for entry in entries(file) or ():
            found.setdefault(entry.name, _Origin(path, entry))
    return found


def _pick(where: str, noun: str, name: str, entries: dict[str, _Origin]) -> _Origin:
    if name not in entries:
        raise ConfigurationError(f"{where}: {noun} {name!r} is not in it; it has {_names(entries)}")
    return entries[name]


def _names(entries: Iterable[str]) -> str:
    return ", ".join(sorted(entries)) or "none"


class PluginToken:
    """A token that an exec plugin or an auth provider hands out; the `kubernetes` package keeps it fresh."""

    def __init__(self, where: str, ask: Callable[[], str]) -> None:
        self._where = where
        self._ask = ask
        self._asked_at = 0.0
        self.value = ""
        self.renew()

    def due(self) -> bool:
        """Once a minute; the package runs the plugin only when the token is about to end."""
        return time.monotonic() >= self._asked_at + TOKEN_RECHECK_SECONDS

    def renew(self) -> None:
        """Ask for the token; runs the plugin if the last one has ended."""
        self._asked_at = time.monotonic()
        try:
            token = self._ask()
        except Exception as error:  # whatever a plugin and the package can throw
            raise ConfigurationError(f"{self._where}: asking its plugin for a token: {error}") from error
        if not token:
            raise ConfigurationError(f"{self._where}: its plugin gave no token; the log says why")
        self.value = token


def _from_plugin(
    where: str, paths: Sequence[Path], context: str, plugin: Mapping[str, Any]
) -> tuple[TokenSource | None, ClientCertificate | None]:
    said = " ".join(str(plugin.get("installHint") or "").split())
    hint = f"; its own hint: {said}" if said else ""
    command = str(plugin.get("command") or "")
    if command and os.sep not in command and not shutil.which(command):
        raise ConfigurationError(f"{where}: it logs in by the plugin {command}, which is not on PATH{hint}")
    try:
        package = import_module("kubernetes.client")
        loader = import_module("kubernetes.config")
    except ImportError as error:
        raise ConfigurationError(
            f"{where}: it logs in by a plugin, which needs the 'kubernetes' package: "
            f"pip install 'windlass-operator[kubeconfig]'{hint}"
        ) from error
    settings = package.Configuration()
    try:
        loader.load_kube_config(os.pathsep.join(map(str, paths)), context, settings, persist_config=False)
    except Exception as error:  # whatever a plugin and the package can throw
        raise ConfigurationError(f"{where}: logging in by its plugin: {error}") from error
    certificate = None
    if settings.cert_file and settings.key_file:
        certificate = ClientCertificate(Path(settings.cert_file).read_bytes(), Path(settings.key_file).read_bytes())
    token = PluginToken(where, lambda: _token_in(settings)) if _token_in(settings) else None
    if token is None and certificate is None:  # the package logs why, and goes on
        raise ConfigurationError(f"{where}: its plugin gave neither a token nor a certificate; the log says why{hint}")
    return token, certificate


def _token_in(settings: Any) -> str:
    for key in ("BearerToken", "authorization"):  # its name since version 35 of the package, and before
        answer: str | None = settings.get_api_key_with_prefix(key)
        if answer:
            return answer.removeprefix("Bearer ")
    return ""
