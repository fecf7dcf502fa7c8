"""An administrator's way to one API server: a few requests, kubectl, tokens of service accounts."""

import base64
import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from hack.cluster.tools import tool

Object = dict[str, Any]

PORT_FILE = "api.port"
_TOKEN_SECONDS = 24 * 3600  # longer than any test run or demo
_APPLY = "application/apply-patch+yaml"


class RefusedError(Exception):
    """The API server answered with an error; `code` is its HTTP status."""

    def __init__(self, what: str, code: int, message: str) -> None:
        super().__init__(f"{what}: {message} (HTTP {code})")
        self.code = code


class UnreachableError(Exception):
    """No answer from the API server."""


class Access:
    """One API server as its administrator sees it. The folder holds its port, `pki/` and the kubeconfigs."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    @property
    def port(self) -> int:
        """Where the API server listens on 127.0.0.1; taken at its first start and kept until `down`."""
        return int((self.folder / PORT_FILE).read_text())

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def ca(self) -> Path:
        """The certificate that the API server's own is signed with."""
        return self.pki / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "admin.kubeconfig"

    def write_kubeconfig(self, user: str, *, at: str | None = None) -> Path:
        """Writes `<user>.kubeconfig`, certificates included, so that the file can be copied anywhere.

        `at`: an address other than loopback by which the API server is reached. Its certificate does not name it.
        """
        path = self.folder / f"{user}.kubeconfig"
        server = {"server": self.url, "certificate-authority-data": _base64(self.ca)}
        if at:
            server |= {"server": f"https://{at}:{self.port}", "tls-server-name": "kubernetes"}
        credentials = {
            "client-certificate-data": _base64(self.pki / f"{user}.crt"),
            "client-key-data": _base64(self.pki / f"{user}.key"),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.name,
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": user}}],
            "clusters": [{"name": self.name, "cluster": server}],
            "users": [{"name": user, "user": credentials}],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path

    def request(
        self, method: str, path: str, body: Object | None = None, content_type: str = "application/json"
    ) -> Any:
        """One request with the administrator's certificate; returns the decoded answer, or the text if it is no JSON.

        Raises RefusedError, UnreachableError.
        """
        connection = http.client.HTTPSConnection(urlsplit(self.url).netloc, context=self._tls, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": content_type, "Accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{method} {self.url}{path}: {error}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise RefusedError(f"{method} {path}", answer.status, _message(text))
        return json.loads(text) if answer.getheader("Content-Type", "").startswith("application/json") else text

    def apply(self, collection: str, manifest: Object) -> Object:
        """Server-side apply of one object; `collection` is the path of its kind, as in `/api/v1/nodes`.

        Raises RefusedError, UnreachableError.
        """
        path = f"{collection}/{manifest['metadata']['name']}?fieldManager=hack-cluster&force=true"
        applied: Object = self.request("PATCH", path, manifest, _APPLY)
        return applied

    def token(self, namespace: str, service_account: str) -> str:
        """A bearer token of the service account, good for a day.

        Raises RefusedError (404 where the account does not exist), UnreachableError.
        """
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        return str(self.request("POST", path, request)["status"]["token"])

    def write_token_kubeconfig(self, namespace: str, service_account: str, path: Path) -> Path:
        """Writes a kubeconfig with such a token; its namespace is the service account's.

        Raises RefusedError, UnreachableError.
        """
        context = {"cluster": self.name, "user": service_account, "namespace": namespace}
        server = {"server": self.url, "certificate-authority-data": _base64(self.ca)}
        token = {"token": self.token(namespace, service_account)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "operator",
            "contexts": [{"name": "operator", "context": context}],
            "clusters": [{"name": self.name, "cluster": server}],
            "users": [{"name": service_account, "user": token}],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002 - subprocess's own name for it
        """Runs kubectl as the administrator and returns what it printed.

        Raises subprocess.CalledProcessError, with kubectl's words in `stderr`.
        """
        ran = subprocess.run(
            [str(tool("kubernetes", "kubectl")), *args],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            env={"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder)},
            check=False,
        )
        if ran.returncode:
            error = subprocess.CalledProcessError(ran.returncode, ("kubectl", *args), ran.stdout, ran.stderr)
            error.add_note(ran.stderr.strip())
            raise error
        return ran.stdout

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.pki / "admin.crt", self.pki / "admin.key")
        return context


def wait_until(condition: Callable[[], object], limit: float, what: str) -> None:
    """Tries until the condition is true; an API server that does not answer yet, or refuses, counts as false.

    Raises TimeoutError with `what` and the last refusal after `limit` seconds.
    """
    end = time.monotonic() + limit
    last = ""
    while True:
        try:
            if condition():
                return
        except (RefusedError, UnreachableError) as error:
            last = f": {error}"
        if time.monotonic() > end:
            raise TimeoutError(f"waiting for {what}: not so after {limit:.0f} s{last}")
        time.sleep(0.05)


def is_true(thing: Mapping[str, Any], kind: str) -> bool:
    """Whether an object's status holds the condition with status True."""
    found = thing.get("status", {}).get("conditions") or ()  # the API server writes null at first
    return any(condition["type"] == kind and condition["status"] == "True" for condition in found)


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
