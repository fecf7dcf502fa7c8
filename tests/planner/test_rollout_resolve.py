"""The desired configuration: an image and containers' settings on top of a configuration."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from windlass.planner.reason import Reason
from windlass.planner.rollout.reasons import NoContainers, UnknownContainer, UnknownMainContainer
from windlass.planner.rollout.resolve import MAIN_CONTAINER, resolve


@dataclass(frozen=True)
class Variable:
    key: str
    value: str


@dataclass(frozen=True)
class Change:
    name: str
    image: str | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    environment: tuple[Variable, ...] | None = None


SECRET = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "web", "key": "token"}}}
WEB = {
    "name": "web",
    "image": "web:1",
    "command": ["serve"],
    "env": [{"name": "COLOUR", "value": "blue"}, SECRET],
    "ports": [{"containerPort": 80}],
}
PROXY = {"name": "proxy", "image": "proxy:1"}


def configuration(*containers: Mapping[str, Any], main: str | None = None) -> dict[str, Any]:
    annotations = {MAIN_CONTAINER: main} if main else {"team": "shop"}
    metadata = {"labels": {"app": "web"}, "annotations": annotations}
    return {"template": {"metadata": metadata, "spec": {"restartPolicy": "Always", "containers": list(containers)}}}


def test_the_image_goes_to_the_first_container() -> None:
    assert resolve(configuration(WEB, PROXY), "web:2") == configuration({**WEB, "image": "web:2"}, PROXY)


def test_the_image_goes_to_the_container_that_the_annotation_names() -> None:
    changed = resolve(configuration(WEB, PROXY, main="proxy"), "proxy:2")

    assert changed == configuration(WEB, {**PROXY, "image": "proxy:2"}, main="proxy")


@pytest.mark.parametrize("nothing", [None, {}, {"annotations": None}])
def test_a_template_without_metadata_has_its_first_container_as_main(nothing: object) -> None:
    template = {"metadata": nothing, "spec": {"containers": [WEB]}}

    assert resolve({"template": template}, "web:2") == {
        "template": {"metadata": nothing, "spec": {"containers": [{**WEB, "image": "web:2"}]}}
    }


# change, what is different in the container
CHANGES: dict[str, tuple[Change, dict[str, Any]]] = {
    "nothing": (Change("web"), {}),
    "the image": (Change("web", image="web:3"), {"image": "web:3"}),
    "the command, as a whole": (Change("web", command=("run", "-v")), {"command": ["run", "-v"]}),
    "arguments": (Change("web", args=("--fast",)), {"args": ["--fast"]}),
    "no arguments where there were none": (Change("web", args=()), {}),
    "a variable that is new": (
        Change("web", environment=(Variable("SIZE", "9"),)),
        {"env": [{"name": "COLOUR", "value": "blue"}, SECRET, {"name": "SIZE", "value": "9"}]},
    ),
    "a variable that is there keeps its place": (
        Change("web", environment=(Variable("COLOUR", "red"),)),
        {"env": [{"name": "COLOUR", "value": "red"}, SECRET]},
    ),
    "a variable that came from a Secret": (
        Change("web", environment=(Variable("TOKEN", ""),)),
        {"env": [{"name": "COLOUR", "value": "blue"}, {"name": "TOKEN", "value": ""}]},
    ),
    "no variables": (Change("web", environment=()), {}),
}


@pytest.mark.parametrize(("change", "different"), CHANGES.values(), ids=CHANGES)
def test_a_container_s_settings(change: Change, different: dict[str, Any]) -> None:
    assert resolve(configuration(PROXY, WEB), changes=[change]) == configuration(PROXY, {**WEB, **different})


def test_an_empty_command_is_the_image_s_own() -> None:
    changed = resolve(configuration(WEB), changes=[Change("web", command=())])

    assert changed == configuration({key: value for key, value in WEB.items() if key != "command"})


def test_containers_go_on_top_of_the_image() -> None:
    changed = resolve(configuration(WEB, PROXY), "web:2", [Change("proxy", "proxy:2"), Change("web", args=("-x",))])

    assert changed == configuration({**WEB, "image": "web:2", "args": ["-x"]}, {**PROXY, "image": "proxy:2"})


def test_what_changes_nothing_gives_equal_data() -> None:
    same = resolve(configuration(WEB), "web:1", [Change("web", "web:1", ("serve",), (), (Variable("COLOUR", "blue"),))])

    assert same == configuration(WEB)
    assert resolve({"template": {}}) == {"template": {}}


def test_the_given_configuration_is_left_as_it_is() -> None:
    given = configuration(WEB, PROXY)
    before = deepcopy(given)

    resolve(given, "web:2", [Change("web", command=("run",), environment=(Variable("COLOUR", "red"),))])

    assert given == before


REFUSED: dict[str, tuple[dict[str, Any], str | None, list[Change], Reason, str]] = {
    "an unknown container": (
        configuration(WEB, PROXY),
        "web:2",
        [Change("db", "db:2")],
        UnknownContainer("db", ("web", "proxy")),
        "there is no container db in the template: its containers are web, proxy",
    ),
    "an unknown main container": (
        configuration(WEB, main="db"),
        "web:2",
        [],
        UnknownMainContainer(MAIN_CONTAINER, "db"),
        "the template's annotation kubectl.kubernetes.io/default-container names container db, which is not there: "
        "correct it, or name the container whose image is to change",
    ),
    "an image, and no containers": (
        {"template": {"spec": {}}},
        "web:2",
        [],
        NoContainers(),
        "the template has no containers, so there is nothing to change",
    ),
    "a container, and none there": (
        {"template": {}},
        None,
        [Change("web", "web:2")],
        NoContainers(),
        "the template has no containers, so there is nothing to change",
    ),
}


@pytest.mark.parametrize(("given", "image", "changes", "reason", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_there_is_said(
    given: dict[str, Any], image: str | None, changes: list[Change], reason: Reason, said: str
) -> None:
    assert resolve(given, image, changes) == reason
    assert str(reason) == said
