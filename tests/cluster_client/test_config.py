"""Which API server, and as whom."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from windlass.cluster import config
from windlass.cluster.config import load
from windlass.cluster.connection import FileToken, StaticToken
from windlass.cluster.errors import ConfigurationError

KUBECONFIG = """
current-context: {name}
clusters: [{{name: {name}, cluster: {{server: "https://{name}:6443"}}}}]
contexts: [{{name: {name}, context: {{cluster: {name}, user: me}}}}]
users: [{{name: me, user: {{token: t0ken}}}}]
"""


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kubeconfig, no Pod."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(config, "SERVICE_ACCOUNT", tmp_path / "serviceaccount")


def write_kubeconfig(path: Path, name: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(KUBECONFIG.format(name=name), encoding="utf-8")
    return str(path)


def enter_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str = "10.96.0.1") -> Path:
    mounted = tmp_path / "serviceaccount"
    mounted.mkdir()
    (mounted / "token").write_text("first\n")
    (mounted / "ca.crt").write_text("the authority")
    (mounted / "namespace").write_text("windlass-system")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return mounted


def test_a_given_kubeconfig_comes_before_all_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_pod(tmp_path, monkeypatch)
    monkeypatch.setenv("KUBECONFIG", write_kubeconfig(tmp_path / "env", "environment"))
    assert load(write_kubeconfig(tmp_path / "given", "given")).server == "https://given:6443"


def test_the_environments_kubeconfig_comes_before_the_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_pod(tmp_path, monkeypatch)
    monkeypatch.setenv("KUBECONFIG", write_kubeconfig(tmp_path / "env", "environment"))
    assert load().server == "https://environment:6443"


def test_the_pod_comes_before_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kubeconfig(tmp_path / "home" / ".kube" / "config", "home")
    enter_pod(tmp_path, monkeypatch)
    found = load()
    assert (found.server, found.namespace, found.ca) == ("https://10.96.0.1:443", "windlass-system", b"the authority")
    assert found.token is not None
    assert found.token.value == "first"


def test_a_context_is_looked_for_at_home_even_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kubeconfig(tmp_path / "home" / ".kube" / "config", "home")
    enter_pod(tmp_path, monkeypatch)
    assert load(context="home").server == "https://home:6443"


def test_home_is_the_last_resort(tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "home" / ".kube" / "config", "home")
    assert load().server == "https://home:6443"


def test_with_nothing_at_all_it_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"reading kubeconfig .*/home/\.kube/config: there is no such file, and"
    ):
        load()


def test_an_ipv6_address_is_put_in_brackets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_pod(tmp_path, monkeypatch, host="fd00::1")
    assert load().server == "https://[fd00::1]:443"


def test_a_service_account_without_its_authority_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (enter_pod(tmp_path, monkeypatch) / "ca.crt").unlink()
    with pytest.raises(ConfigurationError, match=r"reading the Pod's ServiceAccount in .*: No such file or directory"):
        load()


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    found = load(write_kubeconfig(tmp_path / "given", "given"))
    assert found.token is not None
    assert found.token.value == "t0ken"
    assert "t0ken" not in repr(found)
    assert "t0ken" not in repr(StaticToken("t0ken"))


class TestTokenInAFile:
    def make(self, tmp_path: Path) -> tuple[Path, FileToken, list[float]]:
        path = tmp_path / "token"
        path.write_text("one")
        now = [1000.0]
        return path, FileToken(path, clock=lambda: now[0]), now

    def test_it_is_read_again_after_a_minute_and_not_before(self, tmp_path: Path) -> None:
        path, token, now = self.make(tmp_path)
        path.write_text("two")
        now[0] += 59.9
        assert not token.due()
        assert token.value == "one"
        now[0] += 0.1
        assert token.due()
        token.renew()
        assert token.value == "two"
        assert not token.due()

    def test_a_file_that_vanishes_leaves_the_token(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        path, token, _ = self.make(tmp_path)
        path.unlink()
        with caplog.at_level(logging.WARNING):
            token.renew()
        assert token.value == "one"
        assert "No such file or directory; going on with the token read before" in caplog.text

    def test_an_empty_file_leaves_the_token(self, tmp_path: Path) -> None:
        path, token, _ = self.make(tmp_path)
        path.write_text("\n")
        token.renew()
        assert token.value == "one"

    def test_a_file_that_was_never_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"reading token file .*: No such file or directory"):
            FileToken(tmp_path / "absent")


def test_reading_the_configuration_loads_neither_an_http_client_nor_yaml(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(
        '{"current-context": "a", "clusters": [{"name": "a", "cluster": {"server": "https://a"}}],'
        ' "contexts": [{"name": "a", "context": {"cluster": "a"}}]}'
    )
    code = (
        "import sys; from windlass.cluster.config import load; "
        f"print(load({str(path)!r}).server, *sorted({{'aiohttp', 'asyncio', 'yaml', 'ssl'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["https://a"]
