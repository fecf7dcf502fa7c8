"""TLS: whom we believe, and whom we show ourselves to."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hack.cluster import pki
from tests.cluster_client.fake_api import FakeApi, Pauses
from windlass.cluster.client import Client
from windlass.cluster.connection import ClientCertificate, Connection
from windlass.cluster.errors import ConfigurationError, Transient
from windlass.cluster.transport import tls_context


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.create(folder)
    return folder


def server_tls(keys: Path) -> ssl.SSLContext:
    """As an API server does: shows its own certificate, asks for the client's."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(keys / "ca.crt"))
    context.load_cert_chain(keys / "kube-apiserver.crt", keys / "kube-apiserver.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def ask(keys: Path, **options: Any) -> str:
    """Who the server took us for."""
    names: list[str] = []

    async def who(request: web.Request) -> web.StreamResponse:
        shown = request.get_extra_info("peercert")
        names.append(dict(pair[0] for pair in shown["subject"])["commonName"] if shown else "nobody")
        return web.Response(body=b"ok")

    async def run() -> None:
        async with FakeApi().running(server_tls(keys)) as api:
            api.fail_next(who)
            async with Client(replace(Connection(api.url, "a test"), **options), sleep=Pauses()) as client:
                await client.get_raw("/readyz")

    asyncio.run(run())
    return names[0]


def test_a_server_of_the_given_authority_is_believed(keys: Path) -> None:
    assert ask(keys, ca=(keys / "ca.crt").read_bytes()) == "nobody"


def test_a_client_certificate_says_who_we_are(keys: Path) -> None:
    certificate = ClientCertificate((keys / "admin.crt").read_bytes(), (keys / "admin.key").read_bytes())
    assert ask(keys, ca=(keys / "ca.crt").read_bytes(), certificate=certificate) == "admin"


def test_a_server_of_another_authority_is_not_believed(keys: Path) -> None:
    with pytest.raises(Transient, match="certificate verify failed"):
        ask(keys, ca=(keys / "front-proxy-ca.crt").read_bytes())


def test_without_an_authority_the_machines_own_are_asked(keys: Path) -> None:
    with pytest.raises(Transient, match="certificate verify failed"):
        ask(keys)


def test_the_machines_own_authorities_are_read_once_for_all() -> None:
    one, other = (tls_context(Connection(f"https://{name}", name)) for name in ("a", "b"))
    assert one is other
    assert one is not tls_context(Connection("https://a", "a", verify=False))


def test_checks_can_be_switched_off(keys: Path) -> None:
    assert ask(keys, verify=False) == "nobody"


def test_the_server_may_be_known_by_another_name(keys: Path) -> None:
    ca = (keys / "ca.crt").read_bytes()
    assert ask(keys, ca=ca, tls_server_name="kubernetes.default.svc") == "nobody"
    with pytest.raises(Transient, match=r"example\.test"):
        ask(keys, ca=ca, tls_server_name="example.test")


def test_an_authority_file_may_hold_comments_in_any_script(keys: Path) -> None:
    assert ask(keys, ca="# Unsere Stammzertifikate, größtenteils\n".encode() + (keys / "ca.crt").read_bytes())


def test_certificates_that_cannot_be_read_are_told_before_anything_is_sent(keys: Path) -> None:
    with pytest.raises(ConfigurationError, match="loading the certificates of a test: "):
        ask(keys, ca=b"no certificate at all")


def test_a_key_that_does_not_fit_its_certificate_is_told(keys: Path) -> None:
    certificate = ClientCertificate((keys / "admin.crt").read_bytes(), (keys / "kwok.key").read_bytes())
    with pytest.raises(ConfigurationError, match="loading the certificates of a test: "):
        ask(keys, ca=(keys / "ca.crt").read_bytes(), certificate=certificate)
