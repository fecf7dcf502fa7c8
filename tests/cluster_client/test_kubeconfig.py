"""Kubeconfigs, as kubectl reads them."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from windlass.cluster.connection import Connection
from windlass.cluster.errors import ConfigurationError
from windlass.cluster.kubeconfig import connection


def kubeconfig(
    path: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **more: Any
) -> Path:
    """One context `here` of one cluster and one user."""
    content = {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://example.test:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user if user is not None else {"token": "secret"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def read(tmp_path: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> Connection:
    return connection([kubeconfig(tmp_path / "config", cluster, user)], None)


def problem(tmp_path: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, cluster, user)
    return str(caught.value)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_context_leads_to_server_user_and_namespace(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.server, found.namespace) == ("https://example.test:6443", "shop")
    assert found.token is not None
    assert found.token.value == "secret"
    assert found.verify
    assert found.source == f"context 'here' of {tmp_path / 'config'}"


def test_yaml_is_read_as_well_as_json(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "current-context: here\n"
        "clusters:\n- name: c\n  cluster:\n    server: https://example.test/\n"
        "contexts:\n- name: here\n  context:\n    cluster: c\n"
        "users: null\n"
    )
    found = connection([path], None)
    assert (found.server, found.namespace, found.token) == ("https://example.test", "default", None)


def test_another_context_can_be_chosen(tmp_path: Path) -> None:
    contexts = [
        {"name": "here", "context": {"cluster": "c", "user": "u"}},
        {"name": "there", "context": {"cluster": "d"}},
    ]
    clusters = [
        {"name": "c", "cluster": {"server": "https://c"}},
        {"name": "d", "cluster": {"server": "https://d"}},
    ]
    path = kubeconfig(tmp_path / "config", contexts=contexts, clusters=clusters)
    assert connection([path], "there").server == "https://d"


def test_an_unknown_context_is_answered_with_those_there_are(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config")
    with pytest.raises(ConfigurationError) as caught:
        connection([path], "x")
    assert str(caught.value) == f"reading kubeconfig {path}: context 'x' is not in it; it has here"


def test_without_a_current_context_it_says_what_to_do(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", **{"current-context": ""})
    with pytest.raises(ConfigurationError, match="it has no current context; name one of here"):
        connection([path], None)


@pytest.mark.parametrize(("entry", "noun"), [("clusters", "cluster 'c'"), ("users", "user 'u'")])
def test_a_context_that_leads_nowhere_is_told(tmp_path: Path, entry: str, noun: str) -> None:
    path = kubeconfig(tmp_path / "config", **{entry: []})
    with pytest.raises(ConfigurationError, match=f"context 'here': {noun} is not in it; it has none"):
        connection([path], None)


# ---- several files


def test_the_first_file_wins_and_later_ones_fill_in(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.write_text(json.dumps({"contexts": [{"name": "here", "context": {"cluster": "c", "namespace": "first"}}]}))
    second = kubeconfig(tmp_path / "second")
    found = connection([first, second], None)
    assert (found.server, found.namespace) == ("https://example.test:6443", "first")


def test_missing_files_of_several_are_passed_over(tmp_path: Path) -> None:
    assert connection([tmp_path / "absent", kubeconfig(tmp_path / "config")], None).namespace == "shop"


def test_it_is_told_when_none_of_several_files_exists(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent:.*gone: none of these files exists"):
        connection([tmp_path / "absent", tmp_path / "gone"], None)


def test_relative_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ca.crt").write_text("authority of a")
    first = tmp_path / "b" / "config"
    first.parent.mkdir()
    first.write_text('{"current-context": "here"}')
    second = kubeconfig(tmp_path / "a" / "config", {"certificate-authority": "ca.crt"})
    assert connection([first, second], None).ca == b"authority of a"


# ---- certificates


def test_certificates_are_read_from_data(tmp_path: Path) -> None:
    user = {"client-certificate-data": base64_of("chain"), "client-key-data": base64_of("key")}
    found = read(tmp_path, {"certificate-authority-data": base64_of("authority")}, user)
    assert found.ca == b"authority"
    assert found.certificate is not None
    assert (found.certificate.chain, found.certificate.key) == (b"chain", b"key")
    assert "key" not in repr(found.certificate).replace("key=", "")


def test_certificates_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "my.crt").write_text("chain")
    (tmp_path / "my.key").write_text("key")
    found = read(tmp_path, None, {"client-certificate": "my.crt", "client-key": str(tmp_path / "my.key")})
    assert found.certificate is not None
    assert (found.certificate.chain, found.certificate.key) == (b"chain", b"key")


def test_data_comes_before_files(tmp_path: Path) -> None:
    found = read(tmp_path, {"certificate-authority-data": base64_of("data"), "certificate-authority": "absent"})
    assert found.ca == b"data"


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    message = problem(tmp_path, None, {"client-certificate-data": base64_of("chain")})
    assert message.endswith("user 'u': a client certificate needs both the certificate and its key")


def test_a_missing_certificate_file_is_named(tmp_path: Path) -> None:
    message = problem(tmp_path, {"certificate-authority": "absent.crt"})
    assert message.endswith("cluster 'c': certificate-authority absent.crt: No such file or directory")


def test_data_that_is_not_base64_is_named(tmp_path: Path) -> None:
    assert "cluster 'c': certificate-authority-data is not base64" in problem(
        tmp_path, {"certificate-authority-data": "%%%"}
    )


def test_tls_may_be_told_another_name_or_not_to_check(tmp_path: Path) -> None:
    found = read(tmp_path, {"tls-server-name": "inside", "insecure-skip-tls-verify": True})
    assert (found.tls_server_name, found.verify) == ("inside", False)


# ---- tokens


def test_a_token_file_is_read_and_comes_before_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the file\n")
    found = read(tmp_path, None, {"tokenFile": "token", "token": "beside it"})
    assert found.token is not None
    assert found.token.value == "from the file"


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    assert "token: No such file or directory" in problem(tmp_path, None, {"tokenFile": "token"})


# ---- what is not supported


@pytest.mark.parametrize(
    ("cluster", "user", "sentence"),
    [
        ({"proxy-url": "http://proxy:3128"}, None, "cluster 'c': proxy-url is not supported; connect without a proxy"),
        ({"server": "example.test"}, None, "cluster 'c': server 'example.test' is not an http or https address"),
        ({"server": ""}, None, "cluster 'c': server '' is not an http or https address"),
        (None, {"as": "eve"}, "user 'u': impersonation ('as') is not supported"),
        (None, {"username": "a", "password": "b"}, "user 'u': user name and password are not accepted by any"),
    ],
)
def test_what_is_not_supported_is_refused_with_a_sentence(
    tmp_path: Path, cluster: dict[str, Any] | None, user: dict[str, Any] | None, sentence: str
) -> None:
    assert sentence in problem(tmp_path, cluster, user)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{ this: is: not }: yaml", "it is neither JSON nor YAML"),
        ("[]", "Expected `object`, got `array`"),
        (
            '{"clusters": [{"name": "c", "cluster": {"server": 5}}]}',
            "Expected `str`, got `int` - at `$.clusters[0].cluster.server`",
        ),
        ("", "it has no current context; name one of none"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        connection([path], None)
    assert str(caught.value).startswith(f"reading kubeconfig {path}: {sentence}")


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        connection([tmp_path], None)


# ---- plugins


def plugin(tmp_path: Path, script: str) -> dict[str, Any]:
    path = tmp_path / "plugin.py"
    path.write_text(script)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(path)],
            "interactiveMode": "Never",
        }
    }


GIVES_TOKEN = """
import json
status = {"token": "from the plugin"}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


HINT = "install it with\n  apt-get install login"


@pytest.mark.parametrize(
    ("user", "hint"),
    [
        ({"exec": {"command": "sh"}}, ""),
        ({"exec": {"command": "sh", "installHint": HINT}}, "; its own hint: install it with apt-get install login"),
        ({"auth-provider": {"name": "oidc"}}, ""),
    ],
)
def test_a_plugin_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: dict[str, Any], hint: str
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "kubernetes.client", raising=False)
    message = problem(tmp_path, None, user)
    assert message.endswith(
        "user 'u': it logs in by a plugin, which needs the 'kubernetes' package: "
        f"pip install 'windlass-operator[kubeconfig]'{hint}"
    )


def test_a_plugin_that_is_not_there_is_named_with_its_own_hint(tmp_path: Path) -> None:
    message = problem(tmp_path, None, {"exec": {"command": "no-such-login", "installHint": HINT}})
    assert message.endswith(
        "user 'u': it logs in by the plugin no-such-login, which is not on PATH; "
        "its own hint: install it with apt-get install login"
    )


def test_a_plugin_hands_out_the_token(tmp_path: Path) -> None:
    pytest.importorskip("kubernetes", reason="exec plugins need the extra windlass-operator[kubeconfig]")
    found = read(tmp_path, None, plugin(tmp_path, GIVES_TOKEN))
    assert found.token is not None
    assert found.token.value == "from the plugin"
    assert not found.token.due()


def test_a_plugin_that_fails_is_told(tmp_path: Path) -> None:
    pytest.importorskip("kubernetes", reason="exec plugins need the extra windlass-operator[kubeconfig]")
    message = problem(tmp_path, None, plugin(tmp_path, "raise SystemExit('no luck')"))
    assert message.endswith("user 'u': its plugin gave neither a token nor a certificate; the log says why")
