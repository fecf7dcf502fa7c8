"""Kubeconfigs that other people wrote: what is taken, and what is refused with which sentence."""

import base64
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import example, given
from hypothesis import strategies as st

from hack.cluster import pki
from windlass.cluster.addresses import Address, why_no_member
from windlass.cluster.connection import Connection
from windlass.cluster.errors import ConfigurationError
from windlass.cluster.member_kubeconfig import connection

Change = Callable[[dict[str, Any]], object]
SOURCE = "Secret eu-1, key kubeconfig"


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.create(folder)
    return folder


def kubeconfig(**user: Any) -> dict[str, Any]:
    """One context `here` of one cluster and one user."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example.test:6443"}}],
        "users": [{"name": "u", "user": user or {"token": "secret"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
    }


def cluster(**fields: Any) -> Change:
    return lambda file: file["clusters"][0]["cluster"].update({name.replace("_", "-"): fields[name] for name in fields})


def server(url: Any) -> Change:
    return cluster(server=url)


def user(**fields: Any) -> Change:
    return lambda file: file["users"][0]["user"].update({name.replace("_", "-"): fields[name] for name in fields})


def field(name: str, value: Any) -> Change:
    return lambda file: file.update({name: value})


def read(file: dict[str, Any], *, allow_local: bool = False) -> Connection:
    return connection(json.dumps(file).encode(), source=SOURCE, allow_local=allow_local)


def problem(text: bytes) -> str:
    with pytest.raises(ConfigurationError) as caught:
        connection(text, source=SOURCE)
    message = str(caught.value)
    assert message.startswith(f"{SOURCE}: ")
    assert message.isprintable()
    return message.removeprefix(f"{SOURCE}: ")


# ---- what is taken


def test_a_token_and_an_address_are_all_that_is_needed() -> None:
    found = read(kubeconfig())
    assert (found.server, found.ca, found.certificate) == ("https://api.example.test:6443", None, None)
    assert found.token is not None
    assert found.token.value == "secret"
    assert (found.source, found.verify, found.local_addresses, found.impersonate) == (SOURCE, True, False, None)


def test_yaml_is_read_as_well_as_json() -> None:
    text = b"""
apiVersion: v1
current-context: here
clusters:
- name: c
  cluster:
    server: https://api.example.test/k8s/clusters/c-1/
    insecure-skip-tls-verify: false
    extensions: [{name: cluster_info, extension: {version: v1.36.0}}]
contexts:
- context: {cluster: c, user: u}
  name: here
users:
- name: u
  user: {token: "123"}
"""
    found = connection(text, source=SOURCE)
    assert found.server == "https://api.example.test/k8s/clusters/c-1"
    assert found.token is not None
    assert found.token.value == "123"


def test_certificates_are_read_from_data(keys: Path) -> None:
    chain, key, ca = ((keys / name).read_bytes() for name in ("admin.crt", "admin.key", "ca.crt"))
    file = kubeconfig(**{"client-certificate-data": base64_of(chain), "client-key-data": base64_of(key)})
    cluster(certificate_authority_data=base64_of(ca), tls_server_name="kubernetes.default.svc")(file)
    found = read(file)
    assert (found.ca, found.tls_server_name, found.token) == (ca, "kubernetes.default.svc", None)
    assert found.certificate is not None
    assert (found.certificate.chain, found.certificate.key) == (chain, key)


def test_only_the_current_context_is_looked_at() -> None:
    file = kubeconfig()
    file["clusters"].append({"name": "other", "cluster": {"server": "http://localhost", "proxy-url": "http://proxy"}})
    file["users"].append({"name": "other", "user": {"exec": {"command": "sh"}}})
    file["contexts"].append({"name": "other", "context": {"cluster": "other", "user": "other"}})
    assert read(file).server == "https://api.example.test:6443"


def test_two_readings_of_the_same_file_are_the_same_connection() -> None:
    assert read(kubeconfig()) == read(kubeconfig())
    assert read(kubeconfig()) != read(kubeconfig(token="another"))


@pytest.mark.parametrize("url", ["https://127.0.0.1:6443", "https://[::1]:6443", "https://localhost:6443"])
def test_addresses_of_this_machine_are_taken_where_they_are_allowed(url: str) -> None:
    file = kubeconfig()
    server(url)(file)
    found = read(file, allow_local=True)
    assert (found.server, found.local_addresses) == (url, True)


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1",
        "https://192.168.1.1:6443/",
        "https://[2001:db8::1]:6443",
        "https://api.xn--bcher-kva.example.",
        "HTTPS://api.example.test",
        "https://1.example.test",
    ],
)
def test_other_addresses_are_taken(url: str) -> None:
    file = kubeconfig()
    server(url)(file)
    assert read(file).server.lower() == url.rstrip("/").lower()


# ---- what is refused

ADDRESS = "cluster 'c': server is {}: no member cluster may be there"
HOST = "cluster 'c': server must name a host by a DNS name, or by an IP address as it is usually written"
PLACE = "cluster 'c': server must be a host, and perhaps a port from 1 to 65535, after https://"
TOKEN = "user 'u': token must be text of visible ASCII characters, without spaces and line ends"
CREDENTIALS = "give a token, or client-certificate-data and client-key-data"
ACCOUNT = "is refused: name a ServiceAccount in serviceAccountName of the StackTarget"
PAIR = "must be a PEM certificate and its PEM key, which has no password"
AUTHORITY = "cluster 'c': certificate-authority-data must be "

ATTACKS: list[tuple[str, Change, str]] = [
    # commands and other people's work
    ("exec", user(exec={"command": "sh"}), f"user 'u': exec is refused, because it runs a command: {CREDENTIALS}"),
    ("an empty exec", user(exec={}), "user 'u': exec is refused, because it runs a command"),
    ("auth provider", user(auth_provider={"name": "oidc"}), "user 'u': auth-provider is refused, because it asks"),
    ("proxy", cluster(proxy_url="http://proxy"), "cluster 'c': proxy-url is refused: the API server must be reached"),
    # files of this machine
    ("CA file", cluster(certificate_authority="/etc/passwd"), "cluster 'c': certificate-authority is the path of a"),
    ("certificate file", user(client_certificate="/tls.crt"), "user 'u': client-certificate is the path of a file"),
    ("key file", user(client_key="/tls.key"), "give its content, in base64, in client-key-data"),
    ("token file", user(tokenFile="/var/run/secrets/token"), "user 'u': tokenFile is the path of a file: give the"),
    # other identities
    ("as", user(**{"as": "system:admin"}), f"user 'u': as {ACCOUNT}"),
    ("as groups", user(as_groups=["system:masters"]), f"user 'u': as-groups {ACCOUNT}"),
    ("as uid", user(as_uid="1"), f"user 'u': as-uid {ACCOUNT}"),
    ("as extra", user(as_user_extra={"a": ["b"]}), f"user 'u': as-user-extra {ACCOUNT}"),
    ("user name", user(username="a"), "user 'u': username is refused, API servers take no passwords"),
    ("password", user(password="b"), "user 'u': password is refused, API servers take no passwords"),
    # no TLS
    ("no checks", cluster(insecure_skip_tls_verify=True), "cluster 'c': insecure-skip-tls-verify must be false or"),
    ("no checks, as text", cluster(insecure_skip_tls_verify="true"), "insecure-skip-tls-verify must be false"),
    ("http", server("http://api.example.test"), "cluster 'c': server must be an address that begins with https://"),
    ("file", server("file:///etc/passwd"), "cluster 'c': server must be an address that begins with https://"),
    ("no scheme", server("api.example.test:6443"), "cluster 'c': server must be an address that begins with https://"),
    # what an address may hide
    ("user info", server("https://eve:pw@api.example.test"), "cluster 'c': server must hold no user and no password"),
    ("user info as host", server("https://api.example.test@127.0.0.1"), "server must hold no user and no password"),
    ("query", server("https://api.example.test/?a=b"), "cluster 'c': server must have no query and no fragment"),
    ("empty query", server("https://api.example.test?"), "cluster 'c': server must have no query and no fragment"),
    ("fragment", server("https://api.example.test#a"), "cluster 'c': server must have no query and no fragment"),
    ("backslash", server("https://api.example.test\\@127.0.0.1"), "server must be an address of at most 2048 visible"),
    ("line end", server("https://api.example.test\r\nX: y"), "server must be an address of at most 2048 visible"),
    ("tab", server("https://local\thost"), "server must be an address of at most 2048 visible"),
    ("long address", server(f"https://a/{'a' * 3000}"), "server must be an address of at most 2048 visible"),
    ("path upwards", server("https://api.example.test/a/../b"), "server may have a path of letters, digits"),
    ("escaped path", server("https://api.example.test/%2e%2e/b"), "server may have a path of letters, digits"),
    ("empty path part", server("https://api.example.test//evil"), "server may have a path of letters, digits"),
    ("port 0", server("https://api.example.test:0"), PLACE),
    ("large port", server("https://api.example.test:65536"), PLACE),
    ("port in words", server("https://api.example.test:https"), PLACE),
    ("port without a number", server("https://api.example.test:"), PLACE),
    ("no host", server("https:///api"), PLACE),
    ("zone", server("https://[fe80::1%25eth0]"), PLACE),
    ("half a bracket", server("https://[::1"), PLACE),
    # addresses of this machine, and of what only it reaches
    ("loopback", server("https://127.0.0.1:6443"), ADDRESS.format("a loopback address")),
    ("other loopback", server("https://127.8.9.1"), ADDRESS.format("a loopback address")),
    ("loopback 6", server("https://[::1]:6443"), ADDRESS.format("a loopback address")),
    ("mapped", server("https://[::ffff:127.0.0.1]"), ADDRESS.format("a loopback address")),
    ("mapped in hex", server("https://[::ffff:7f00:1]"), ADDRESS.format("a loopback address")),
    ("compatible", server("https://[::127.0.0.1]"), ADDRESS.format("a loopback address")),
    ("6to4", server("https://[2002:7f00:1::]"), ADDRESS.format("a loopback address")),
    ("NAT64", server("https://[64:ff9b::a9fe:a9fe]"), ADDRESS.format("the address of a cloud's metadata")),
    ("link-local", server("https://169.254.0.1"), ADDRESS.format("a link-local address")),
    ("link-local 6", server("https://[fe80::1]"), ADDRESS.format("a link-local address")),
    ("metadata", server("https://169.254.169.254"), ADDRESS.format("the address of a cloud's metadata")),
    ("metadata 6", server("https://[fd00:ec2::254]"), ADDRESS.format("the address of a cloud's metadata")),
    ("metadata elsewhere", server("https://100.100.100.200"), ADDRESS.format("the address of a cloud's metadata")),
    ("metadata's name", server("https://metadata.google.internal"), ADDRESS.format("a cloud's metadata")),
    ("unspecified", server("https://0.0.0.0"), ADDRESS.format("an unspecified address")),
    ("this network", server("https://0.1.2.3"), ADDRESS.format("an unspecified address")),
    ("unspecified 6", server("https://[::]"), ADDRESS.format("an unspecified address")),
    ("multicast", server("https://224.0.0.1"), ADDRESS.format("a multicast address")),
    ("multicast 6", server("https://[ff02::1]"), ADDRESS.format("a multicast address")),
    ("broadcast", server("https://255.255.255.255"), ADDRESS.format("a reserved address")),
    ("localhost", server("https://LocalHost.:6443"), ADDRESS.format("this machine")),
    ("below localhost", server("https://api.localhost"), ADDRESS.format("this machine")),
    ("decimal", server("https://2130706433"), HOST),
    ("octal", server("https://0177.0.0.1"), HOST),
    ("hexadecimal", server("https://0x7f000001"), HOST),
    ("mixed", server("https://127.0.0x0.1"), HOST),
    ("short", server("https://127.1"), HOST),
    ("dot at its end", server("https://127.0.0.1."), HOST),
    ("wide digits", server("https://１２７.0.0.1"), "server must be an address of at most 2048 visible"),
    ("escaped host", server("https://%6c%6fcalhost"), PLACE),
    ("no name", server("https://-a.example"), HOST),
    ("long name", server(f"https://{'a' * 64}.example"), HOST),
    ("server's other name", cluster(tls_server_name=".example"), "tls-server-name must be a DNS name or an IP address"),
    # tokens
    ("empty token", user(token=""), TOKEN),
    ("blank token", user(token="  "), TOKEN),
    ("token with line ends", user(token="a\r\nX-Remote-User: admin"), TOKEN),
    ("token with an end", user(token="a\n"), TOKEN),
    ("token in another script", user(token="tökén"), TOKEN),
    ("token that is a number", user(token=12345), TOKEN),
    ("no credentials", field("users", [{"name": "u", "user": {}}]), f"user 'u': it has no credentials: {CREDENTIALS}"),
    # certificates
    ("CA no base64", cluster(certificate_authority_data="%%"), AUTHORITY + "text in base64"),
    ("CA no text", cluster(certificate_authority_data=["a"]), AUTHORITY + "text in base64"),
    ("CA no PEM", cluster(certificate_authority_data=base64_of(b"no PEM")), AUTHORITY + "PEM certificates that can be"),
    ("CA in words", cluster(certificate_authority_data="größer"), AUTHORITY + "text in base64"),
    ("one of a pair", user(client_key_data=base64_of(b"k")), "client-certificate-data and client-key-data must both"),
    (
        "a pair that is no PEM",
        user(client_certificate_data=base64_of(b"c"), client_key_data=base64_of(b"k")),
        PAIR,
    ),
    (
        "a huge key",
        user(client_certificate_data=base64_of(b"c"), client_key_data=base64_of(bytes(9000))),
        "user 'u': client-key-data must be a key of at most 8192 bytes",
    ),
    # wrong types, and entries that lead nowhere
    ("another kind", field("kind", "Secret"), "kind must be Config"),
    ("another version", field("apiVersion", "v2"), "apiVersion must be v1"),
    ("no context", field("current-context", ""), "it: current-context must be given, as text"),
    ("context that is none", field("current-context", 5), "it: current-context must be given, as text"),
    ("unknown context", field("current-context", "x"), "contexts must have exactly one entry with the name 'x', not 0"),
    ("no clusters", field("clusters", None), "clusters must be a list of at most 100 entries"),
    ("many users", field("users", [{"name": "u"}] * 101), "users must be a list of at most 100 entries"),
    (
        "two of a name",
        lambda file: file["users"].append(file["users"][0]),
        "users must have exactly one entry with the name 'u', not 2",
    ),
    ("list as cluster", field("clusters", [{"name": "c", "cluster": []}]), "cluster 'c' must be a mapping with the"),
    ("text as user", field("users", [{"name": "u", "user": "root"}]), "user 'u' must be a mapping with the fields"),
    ("number as server", server(5), "cluster 'c': server must be given, as text"),
    ("unknown field", user(tokens="a"), "user 'u': it may have the fields token, client-certificate-data, "),
    ("unknown field of all", field("\x1b[2Jclusters", []), "and not '\N{REPLACEMENT CHARACTER}[2Jclusters'"),
    (
        "name with escapes",
        lambda file: file.update({"current-context": "\x1b]0;owned\x07\u202e" + "x" * 1000}),
        "contexts must have exactly one entry with the name '\N{REPLACEMENT CHARACTER}]0;owned"
        f"\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}{'x' * 53}', not 0",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), [each[1:] for each in ATTACKS], ids=[each[0] for each in ATTACKS])
def test_an_attack_is_refused_with_a_sentence(change: Change, sentence: str) -> None:
    file = kubeconfig()
    change(file)
    assert sentence in problem(json.dumps(file, ensure_ascii=False).encode())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "it must be a mapping with the fields apiVersion, kind, "),
        (b"[]", "it must be a mapping with the fields apiVersion, kind, "),
        (b"a: 1\n" * 20_000, "it must have at most 64 KiB"),
        (b"\xff\xfe", "it must be text in UTF-8"),
        (b"a: \x00", "it must be YAML or JSON: "),
        (b"a: [", "it must be YAML or JSON: "),
        (b"a: &x [1]\nb: *x", "it must be YAML without anchors (&) and aliases (*)"),
        (b"a: *x", "it must be YAML without anchors (&) and aliases (*)"),
        (b"&a a: &b [*a, *a]", "it must be YAML without anchors (&) and aliases (*)"),
        (b"a: !!python/object/apply:os.system [id]", "it must be YAML without tags (!)"),
        (b"a: !!str 5", "it must be YAML without tags (!)"),
        (b"a: 1\na: 2", "each field must be given once, and 'a' is given again"),
        (b'{"a": 1, "a": 2}', "each field must be given once, and 'a' is given again"),
        (b"1: a", "the name of each field must be text"),
        (b"? [a]\n: b", "the name of each field must be text"),
        (b"[" * 60_000, "it must have at most 16 levels and 5000 values"),
        (b"- " * 30_000, "it must have at most 16 levels and 5000 values"),
        (b"a: [" + b"1," * 30_000 + b"]", "it must have at most 16 levels and 5000 values"),
        (b"a: 1\n---\nb: 2", "it must be one document"),
        (b"<<: {clusters: []}", "and not '<<'"),
        (b"a: " + b"9" * 60_000, "and not 'a'"),
    ],
    ids=lambda each: each[:20].decode(errors="replace") if isinstance(each, bytes) else "",
)
def test_a_file_that_is_no_kubeconfig_is_refused(text: bytes, sentence: str) -> None:
    assert sentence in problem(text)


def test_a_key_that_does_not_fit_its_certificate_is_refused(keys: Path) -> None:
    chain, key = (keys / "admin.crt").read_bytes(), (keys / "kwok.key").read_bytes()
    file = kubeconfig(**{"client-certificate-data": base64_of(chain), "client-key-data": base64_of(key)})
    assert PAIR in problem(json.dumps(file).encode())


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(keys: Path) -> None:
    key = serialization.load_pem_private_key((keys / "admin.key").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pw")
    )
    chain = (keys / "admin.crt").read_bytes()
    file = kubeconfig(**{"client-certificate-data": base64_of(chain), "client-key-data": base64_of(locked)})
    assert PAIR in problem(json.dumps(file).encode())


def test_no_value_is_quoted() -> None:
    file = kubeconfig(token="very secret")
    server("https://eve:very-secret@a")(file)
    assert "secret" not in problem(json.dumps(file).encode())
    server("https://a")(file)
    assert "secret" not in problem(json.dumps(file).encode())


# ---- whatever somebody writes

HOSTS = ["127.0.0.1", "[::1]", "10.0.0.1", "[fe80::1]", "localhost", "a.example", "0x7f.1", "2130706433", "169.254.9.9"]
SIGNS = ["", "@", ":", ":443", "/", "/a", "//", "?", "#", "\\", ".", "%00", "\n", "\t", "::", "[", "]", "ö"]
WORDS: list[Any] = ["", "\n", "true", "other", "c", "u", "here", 0, 1.5, None, True, False, [], {}, ["a"], {"a": "b"}]
FIELDS = [
    "server",
    "token",
    "exec",
    "tokenFile",
    "proxy-url",
    "insecure-skip-tls-verify",
    "client-key-data",
    "tls-server-name",
]
PLACES: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
    lambda file: file,
    lambda file: file["clusters"][0],
    lambda file: file["clusters"][0]["cluster"],
    lambda file: file["users"][0]["user"],
    lambda file: file["contexts"][0]["context"],
]
urls = st.tuples(st.sampled_from(HOSTS), st.lists(st.sampled_from(HOSTS + SIGNS), max_size=3)).map(
    lambda parts: f"https://{parts[0]}{''.join(parts[1])}"
)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A kubeconfig in which a few values were exchanged, and sometimes bytes."""
    file = kubeconfig()
    places = [place(file) for place in PLACES]
    places[2]["server"] = draw(urls)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from(places))
        place[draw(st.sampled_from([*place, *FIELDS]))] = draw(st.sampled_from(WORDS) | urls | st.text(max_size=20))
    text = bytearray(json.dumps(file, ensure_ascii=draw(st.booleans())).encode(errors="replace"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(text)))
        text[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(text)


def as_the_system_reads(host: str) -> list[Address]:
    """The addresses that a host means without a name being looked up."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return []
    return [ip_address(place[0]) for *_, place in found]


@given(changed())
@example(b"{")
def test_nothing_but_a_refusal_comes_of_a_file_and_nothing_forbidden_comes_through(text: bytes) -> None:
    with suppress(ConfigurationError):
        found = connection(text, source=SOURCE)
        assert found.verify
        assert not found.local_addresses
        assert found.server.startswith("https://")
        host = found.server.removeprefix("https://").partition("/")[0]
        bare = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        assert bare != "localhost"
        for address in as_the_system_reads(bare):
            assert why_no_member(address) is None
