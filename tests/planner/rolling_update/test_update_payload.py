"""What an update does on each instance, and what undoes an earlier one."""

from typing import Any

import pytest

from tests.updates import PACKAGE, PACKAGES, SCRIPT, update
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.payload import (
    Command,
    NewImage,
    container_of,
    earlier_of,
    package_source,
    payload_of,
)
from windlass.planner.rolling_update.reasons import (
    EarlierGone,
    EarlierNotOver,
    EarlierOfAnother,
    NothingToGoBackTo,
    PackageScriptMissing,
    PackageSourceMissing,
)
from windlass.planner.rolling_update.update import Update

OVER = {"phase": "Failed"}
TWO_WAYS = {"script": {"run": "up", "rollback": "down"}}
SIDECAR = {"container": "side", "image": "web:2", "rollback_image": "web:1"}


def rollback(kind: str, **fields: Any) -> Update:
    return update("u2", kind=kind, invoke="Rollback", rollback_of="u1", **fields)


def undone(earlier: Update, **fields: Any) -> NewImage | Command | Reason:
    found = earlier_of(rollback(str(earlier.spec.kind), **fields), (earlier,))
    assert isinstance(found, Update)
    return payload_of(rollback(str(earlier.spec.kind), **fields).spec, found, PACKAGES)


@pytest.mark.spec("rolling-update.md", "image")
def test_an_image_for_a_container() -> None:
    assert payload_of(update().spec, None, {}) == NewImage(None, "web:2")
    assert payload_of(update(image=SIDECAR, kind="Image").spec, None, {}) == NewImage("side", "web:2")


@pytest.mark.spec("rolling-update.md", "script")
def test_a_script_is_the_last_argument_of_its_command() -> None:
    found = payload_of(update(**SCRIPT).spec, None, {})
    assert found == Command(None, ("/bin/sh", "-c", "echo hello"), 60, again=False)


@pytest.mark.spec("rolling-update.md", "package")
@pytest.mark.parametrize(
    ("action", "script"), [("Install", "apt install $PACKAGE_NAME"), ("Uninstall", "apt remove $PACKAGE_NAME")]
)
def test_a_package_is_what_its_config_map_says(action: str, script: str) -> None:
    package = PACKAGE["package"] | {"action": action, "idempotent": True}
    found = payload_of(update(kind="Package", package=package).spec, None, PACKAGES)
    told = {"PACKAGE_NAME": "htop", "PACKAGE_VERSION": "3.2"}
    assert found == Command(None, ("/bin/sh", "-c", script), 600, again=True, environment=told)


@pytest.mark.parametrize(
    ("packages", "why"),
    [
        ({}, PackageSourceMissing("packages")),
        ({"packages": None}, PackageSourceMissing("packages")),
        ({"packages": {"uninstall": "x"}}, PackageScriptMissing("packages", "install", 16_384)),
        ({"packages": {"install": ""}}, PackageScriptMissing("packages", "install", 16_384)),
        ({"packages": {"install": "ä" * 8193}}, PackageScriptMissing("packages", "install", 16_384)),
    ],
)
def test_a_package_without_a_script_is_refused(packages: Any, why: Reason) -> None:
    assert payload_of(update(**PACKAGE).spec, None, packages) == why


def test_a_script_of_as_many_bytes_as_may_be_is_taken() -> None:
    assert isinstance(payload_of(update(**PACKAGE).spec, None, {"packages": {"install": "ä" * 8192}}), Command)


def test_a_digest_tells_scripts_and_what_they_are_given_apart() -> None:
    one = Command(None, ("sh", "-c", "x"), 9, again=False)
    assert one.digest == Command("web", ("sh", "-c", "x"), 600, again=True).digest
    assert one.digest != Command(None, ("sh", "-c", "y"), 9, again=False).digest
    assert one.digest != Command(None, ("sh", "-c", "x"), 9, again=False, environment={"A": "1"}).digest


# ---- undoing


@pytest.mark.spec("rolling-update.md", "rollback")
def test_what_undoes_each_kind() -> None:
    assert undone(update(status=OVER, kind="Image", image=SIDECAR)) == NewImage("side", "web:1")
    script = undone(update(status=OVER, kind="Script", **TWO_WAYS))
    assert script == Command(None, ("/bin/sh", "-c", "down"), 600, again=False)
    package = undone(update(status=OVER, **PACKAGE))
    assert isinstance(package, Command)
    assert package.arguments[-1] == "apt remove $PACKAGE_NAME"


@pytest.mark.spec("rolling-update.md", "rollback")
def test_what_a_rollback_says_itself_goes_first() -> None:
    assert undone(update(status=OVER), image={"image": "web:0"}) == NewImage(None, "web:0")
    script = undone(update(status=OVER, kind="Script", **TWO_WAYS), script={"run": "sideways"})
    assert isinstance(script, Command)
    assert script.arguments[-1] == "sideways"
    package = undone(update(status=OVER, **PACKAGE), package=PACKAGE["package"] | {"version": "3.1"})
    assert isinstance(package, Command)
    assert (package.arguments[-1], package.environment["PACKAGE_VERSION"]) == ("apt install $PACKAGE_NAME", "3.1")


@pytest.mark.spec("rolling-update.md", "rollback")
def test_an_uninstallation_is_undone_by_installing() -> None:
    package = undone(update(status=OVER, kind="Package", package=PACKAGE["package"] | {"action": "Uninstall"}))
    assert isinstance(package, Command)
    assert package.arguments[-1] == "apt install $PACKAGE_NAME"


@pytest.mark.parametrize(
    ("earlier", "field"),
    [
        (update(status=OVER), "image.rollbackImage"),
        (update(status=OVER, **SCRIPT), "script.rollback"),
        (update(status=OVER, kind="Package", invoke="Rollback", rollback_of="u0"), "package"),
        (update(status=OVER, kind="Image", invoke="Rollback", rollback_of="u0"), "image.rollbackImage"),
        (update(status=OVER, kind="Script", invoke="Rollback", rollback_of="u0"), "script.rollback"),
    ],
)
def test_what_does_not_say_how_it_is_undone_cannot_be(earlier: Update, field: str) -> None:
    assert undone(earlier) == NothingToGoBackTo("u1", field)


@pytest.mark.parametrize(
    ("earlier", "why"),
    [
        (None, EarlierGone("u1")),
        (update(status=OVER), EarlierOfAnother("u1", "Image", "Script")),
        (update(status={"phase": "Paused"}, **SCRIPT), EarlierNotOver("u1")),
        (update(**SCRIPT), EarlierNotOver("u1")),
    ],
)
def test_only_one_that_has_ended_and_is_of_the_same_kind_can_be_undone(earlier: Update | None, why: Reason) -> None:
    there = () if earlier is None else (earlier,)
    assert earlier_of(rollback("Script"), there) == why


def test_nobody_undoes_itself() -> None:
    one = update("u1", kind="Script", invoke="Rollback", rollback_of="u1")
    assert earlier_of(one, (one,)) == EarlierGone("u1")


def test_which_config_map_is_needed() -> None:
    earlier = update(status=OVER, **PACKAGE)
    assert package_source(earlier.spec, None) == "packages"
    assert package_source(rollback("Package").spec, earlier) == "packages"
    assert package_source(update(**SCRIPT).spec, None) is None
    assert package_source(rollback("Package").spec, None) is None


# ---- which container


CONTAINERS = {"spec": {"containers": [{"name": "web"}, {"name": "side"}]}}
MAIN = {"metadata": {"annotations": {"kubectl.kubernetes.io/default-container": "side"}}}


@pytest.mark.parametrize(
    ("named", "template", "found"),
    [
        (None, CONTAINERS, "web"),
        (None, CONTAINERS | MAIN, "side"),
        ("web", CONTAINERS | MAIN, "web"),
        ("injected", CONTAINERS, "injected"),
        (None, {}, None),
        (None, None, None),
        (None, 2, None),
    ],
)
def test_the_container_is_the_one_that_is_named_or_the_main_one(
    named: str | None, template: Any, found: str | None
) -> None:
    assert container_of(NewImage(named, "web:2"), {"template": template}) == found
