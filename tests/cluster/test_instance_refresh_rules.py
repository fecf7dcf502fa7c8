"""What the real API server refuses of an InstanceRefresh, from both sides of each limit, and with which sentence."""

from collections.abc import Callable
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.bounds import (
    OBJECT_NAME,
    Bound,
    at_least,
    at_most,
    bounds_of_all_kinds,
    longest,
    most,
    name_of,
    one_of,
    shape,
    shortest,
    tried,
)
from tests.cluster.doors import MERGE_PATCH, Stored, accepted, collection, manifest, refusal, says

KIND = {"kind": "InstanceRefresh"}
DESIRED = "desiredConfiguration"
WITH_TEMPLATE = KIND | {"beside": {DESIRED: {"launchTemplate": {"name": "web"}}}}
WITH_CONTAINER = KIND | {"beside": {DESIRED: {"containers": [{"name": "web", "image": "web:2"}]}}}
WITH_VARIABLE = KIND | {"beside": {DESIRED: {"containers": [{"name": "web", "environment": [{"key": "A"}]}]}}}
CONTAINER = f"{DESIRED}.containers[0]"
VARIABLE = f"{CONTAINER}.environment[0]"
TWENTY_CONTAINERS = [{"name": f"c{number}", "image": "web:2"} for number in range(20)]
HUNDRED_VARIABLES = [{"key": f"A{number}"} for number in range(100)]
CONTAINER_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
VERSION = "^(Default|Latest|[1-9][0-9]*)$"

BOUNDS = [
    shortest("scalingGroup", 1, **KIND),
    longest("scalingGroup", 253, **KIND),
    shape("scalingGroup", "web-2", "web_2", OBJECT_NAME, **KIND),
    *one_of("state", "Running", "Suspended", "Cancelled", "RolledBack", not_="Paused", **KIND),
    longest("stateReason", 256, **KIND),
    shortest("clientToken", 1, **KIND),
    longest("clientToken", 64, **KIND),
    shape("clientToken", "deploy #7 ~ !", "größe", "^[ -~]+$", **KIND),
    at_least("minHealthyPercentage", 0, **KIND),
    at_most("minHealthyPercentage", 100, **KIND),
    at_least("maxHealthyPercentage", 100, **KIND),
    at_most("maxHealthyPercentage", 200, **KIND),
    most("checkpoints", list(range(1, 101)), 100, **KIND),
    at_most("checkpoints[0]", 100, **KIND),
    at_least("checkpointPauseMinutes", 1, **KIND),
    at_most("checkpointPauseMinutes", 2880, **KIND),
    at_least("progressDeadlineSeconds", 1, **KIND),
    at_most("progressDeadlineSeconds", 86_400, **KIND),
    at_least("bakeSeconds", 0, **KIND),
    at_most("bakeSeconds", 86_400, **KIND),
    at_least("ttlSecondsAfterFinished", 0, **KIND),
    at_most("ttlSecondsAfterFinished", 86_400, **KIND),
    shortest(f"{DESIRED}.image", 1, **KIND),
    longest(f"{DESIRED}.image", 512, **KIND),
    shape(f"{DESIRED}.image", "registry:5000/web@sha256:0f", "web 2", r"^\S+$", **KIND),
    shortest(f"{DESIRED}.scalingConfiguration", 1, **KIND),
    longest(f"{DESIRED}.scalingConfiguration", 253, **KIND),
    shape(f"{DESIRED}.scalingConfiguration", "web-2.a", "Web", OBJECT_NAME, **KIND),
    shortest(f"{DESIRED}.launchTemplate.name", 1, **KIND),
    longest(f"{DESIRED}.launchTemplate.name", 253, **KIND),
    shape(f"{DESIRED}.launchTemplate.name", "web-2.a", "Web", OBJECT_NAME, **KIND),
    Bound(
        "maxLength",
        f"{DESIRED}.launchTemplate.version",
        "9" * 9,
        "9" * 10,
        "may not be more than 9 bytes",
        **WITH_TEMPLATE,
    ),
    *[
        shape(f"{DESIRED}.launchTemplate.version", good, bad, VERSION, **WITH_TEMPLATE)
        for good, bad in (("Default", "default"), ("Latest", "Newest"), ("1", "0"))
    ],
    most(f"{DESIRED}.containers", TWENTY_CONTAINERS, {"name": "c20", "image": "web:2"}, **KIND),
    shortest(f"{CONTAINER}.name", 1, **WITH_CONTAINER),
    longest(f"{CONTAINER}.name", 63, **WITH_CONTAINER),
    shape(f"{CONTAINER}.name", "web-2", "web.2", CONTAINER_NAME, **WITH_CONTAINER),
    shortest(f"{CONTAINER}.image", 1, **WITH_CONTAINER),
    longest(f"{CONTAINER}.image", 512, **WITH_CONTAINER),
    shape(f"{CONTAINER}.image", "web:2", "web:2 ", r"^\S+$", **WITH_CONTAINER),
    most(f"{CONTAINER}.command", ["a"] * 20, "a", **WITH_CONTAINER),
    longest(f"{CONTAINER}.command[0]", 256, **WITH_CONTAINER),
    most(f"{CONTAINER}.args", ["a"] * 100, "a", **WITH_CONTAINER),
    longest(f"{CONTAINER}.args[0]", 1024, **WITH_CONTAINER),
    most(f"{CONTAINER}.environment", HUNDRED_VARIABLES, {"key": "A100"}, **WITH_CONTAINER),
    shortest(f"{VARIABLE}.key", 1, **WITH_VARIABLE),
    longest(f"{VARIABLE}.key", 128, **WITH_VARIABLE),
    shape(f"{VARIABLE}.key", "_Web_2", "2_WEB", "^[A-Za-z_][0-9A-Za-z_]*$", **WITH_VARIABLE),
    shape(f"{VARIABLE}.key", "web2", "web-2", "^[A-Za-z_][0-9A-Za-z_]*$", **WITH_VARIABLE),
    longest(f"{VARIABLE}.value", 256, **WITH_VARIABLE),
]


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_last_value_within_a_bound_is_accepted(cluster: Cluster, bound: Bound) -> None:
    assert accepted(cluster, bound.thing(bound.at))


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_first_value_past_a_bound_is_refused_by_field_and_limit(cluster: Cluster, bound: Bound) -> None:
    said = refusal(cluster, bound.thing(bound.past))
    assert f"spec.{bound.field}: " in said
    assert bound.allowed in said


def test_the_first_checkpoint_is_1_percent_at_least(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("InstanceRefresh", checkpoints=[1, 100]))
    said = refusal(cluster, manifest("InstanceRefresh", checkpoints=[0, 100]))
    assert "spec.checkpoints[0]: " in said
    assert "should be greater than or equal to 1" in said


def test_no_bound_is_without_its_case() -> None:
    here = tried(BOUNDS) | {("InstanceRefresh", "checkpoints[]", "minimum")}
    assert {bound for bound in bounds_of_all_kinds() if bound[0] == "InstanceRefresh"} == here


DEFAULTS = {
    "scalingGroup": "web",
    "state": "Running",
    "minHealthyPercentage": 80,
    "maxHealthyPercentage": 120,
    "skipMatching": True,
    "checkpoints": [],
    "checkpointPauseMinutes": 60,
    "autoRollback": False,
    "progressDeadlineSeconds": 3600,
    "bakeSeconds": 0,
}


def test_the_defaults_show(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("InstanceRefresh"))["spec"] == DEFAULTS


def test_what_is_inside_a_desired_configuration_has_its_defaults(cluster: Cluster) -> None:
    stored = accepted(cluster, desired(launchTemplate={"name": "web"}))["spec"][DESIRED]
    assert stored == {"launchTemplate": {"name": "web", "version": "Default"}, "containers": []}
    stored = accepted(cluster, desired(containers=[{"name": "web", "command": []}]))["spec"][DESIRED]
    assert stored == {"containers": [{"name": "web", "command": [], "environment": []}]}
    stored = accepted(cluster, desired(containers=[{"name": "web", "environment": [{"key": "A"}]}]))["spec"][DESIRED]
    assert stored["containers"][0]["environment"] == [{"key": "A", "value": ""}]


def desired(**parts: Any) -> dict[str, Any]:
    return manifest("InstanceRefresh", desiredConfiguration=parts)


TOGETHER = [
    pytest.param({"image": "web:2"}, id="an image"),
    pytest.param({"scalingConfiguration": "web-2"}, id="a configuration"),
    pytest.param({"scalingConfiguration": "web-2", "image": "web:2"}, id="a configuration and an image"),
    pytest.param({"launchTemplate": {"name": "web", "version": "3"}}, id="a template's version"),
    pytest.param({"containers": [{"name": "web", "args": ["a"]}]}, id="containers"),
    pytest.param(
        {"scalingConfiguration": "web-2", "image": "web:2", "containers": [{"name": "log", "image": "log:2"}]},
        id="containers on top",
    ),
]


@pytest.mark.parametrize("parts", TOGETHER)
def test_what_a_desired_configuration_may_have_together(cluster: Cluster, parts: dict[str, Any]) -> None:
    assert accepted(cluster, desired(**parts))


APART = [
    pytest.param(
        {},
        "spec.desiredConfiguration: Invalid value: desiredConfiguration must have image, scalingConfiguration, "
        "launchTemplate or containers; leave it out to replace instances with the group's own configuration",
        id="nothing",
    ),
    pytest.param(
        {"scalingConfiguration": "web", "launchTemplate": {"name": "web"}},
        "spec.desiredConfiguration: Invalid value: desiredConfiguration may have scalingConfiguration or "
        "launchTemplate, not both",
        id="two sources",
    ),
    pytest.param(
        {"image": "web:2", "launchTemplate": {"name": "web"}},
        "spec.desiredConfiguration.image: Invalid value: image cannot be set together with launchTemplate: add a "
        "version with that image to the template",
        id="an image with a template",
    ),
    pytest.param(
        {"containers": [{"name": "web", "image": "web:2"}], "launchTemplate": {"name": "web"}},
        "spec.desiredConfiguration.containers: Invalid value: containers cannot be set together with launchTemplate: "
        "add a version with those changes to the template",
        id="containers with a template",
    ),
    pytest.param(
        {"containers": [{"name": "web"}]},
        "spec.desiredConfiguration.containers[0]: Invalid value: container web must have image, command, args or "
        "environment",
        id="a container of which nothing is changed",
    ),
    pytest.param(
        {"containers": [{"name": "web", "image": "web:2"}, {"name": "web", "image": "web:3"}]},
        'spec.desiredConfiguration.containers[1]: Duplicate value: {"name":"web"}',
        id="a container twice",
    ),
    pytest.param(
        {"containers": [{"name": "web", "environment": [{"key": "A"}, {"key": "A", "value": "1"}]}]},
        'spec.desiredConfiguration.containers[0].environment[1]: Duplicate value: {"key":"A"}',
        id="a variable twice",
    ),
    pytest.param(
        {"launchTemplate": {"version": "1"}},
        "spec.desiredConfiguration.launchTemplate.name: Required value",
        id="a template without a name",
    ),
]


@pytest.mark.parametrize(("parts", "sentence"), APART)
def test_what_a_desired_configuration_may_not_be(cluster: Cluster, parts: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(cluster, desired(**parts))


@pytest.mark.parametrize("checkpoints", [[], [100], [1, 100], [20, 50, 100]])
def test_checkpoints_ascend_to_100(cluster: Cluster, checkpoints: list[int]) -> None:
    assert accepted(cluster, manifest("InstanceRefresh", checkpoints=checkpoints))


BAD_CHECKPOINTS = [
    pytest.param([50, 20, 100], "checkpoints must ascend", id="down"),
    pytest.param([20, 20, 100], "checkpoints must ascend", id="twice"),
    pytest.param([20, 99], "the last of checkpoints must be 100, not 99", id="the last below 100"),
]


@pytest.mark.parametrize(("checkpoints", "sentence"), BAD_CHECKPOINTS)
def test_checkpoints_that_do_not_are_refused(cluster: Cluster, checkpoints: list[int], sentence: str) -> None:
    said = refusal(cluster, manifest("InstanceRefresh", checkpoints=checkpoints))
    assert f"spec.checkpoints: Invalid value: {sentence}" in said


FULL = DEFAULTS | {
    "clientToken": "a",
    "checkpoints": [20, 100],
    "ttlSecondsAfterFinished": 60,
    "desiredConfiguration": {
        "containers": [{"name": "web", "image": "web:2", "environment": [{"key": "A", "value": "1"}]}]
    },
}
OTHERS = {
    "scalingGroup": "shop",
    "clientToken": "b",
    "minHealthyPercentage": 81,
    "maxHealthyPercentage": 121,
    "desiredConfiguration": {
        "containers": [{"name": "web", "image": "web:2", "environment": [{"key": "B", "value": "1"}]}]
    },
    "skipMatching": False,
    "checkpoints": [30, 100],
    "checkpointPauseMinutes": 61,
    "autoRollback": True,
    "progressDeadlineSeconds": 3601,
    "bakeSeconds": 1,
    "ttlSecondsAfterFinished": 61,
}
OPTIONAL = ("clientToken", "desiredConfiguration", "ttlSecondsAfterFinished")


def test_the_tables_below_have_every_field_but_the_two_that_can_be_changed(cluster: Cluster) -> None:
    assert FULL.keys() == OTHERS.keys() | {"state"}
    assert accepted(cluster, manifest("InstanceRefresh", **FULL | {"stateReason": "a"}))["spec"].keys() == (
        FULL.keys() | {"stateReason"}
    )


@pytest.mark.parametrize("field", OTHERS)
def test_a_field_cannot_be_changed(cluster: Cluster, namespace: str, field: str) -> None:
    refresh = Stored(cluster, namespace, "InstanceRefresh", **FULL)
    with says(f"spec.{field}: Invalid value: {field} cannot be changed: start another InstanceRefresh"):
        refresh.patched(**{field: OTHERS[field]})


@pytest.mark.parametrize("field", OPTIONAL)
def test_a_field_cannot_be_set_or_taken_away_later(cluster: Cluster, namespace: str, field: str) -> None:
    sentence = f"spec.{field}: Invalid value: {field} cannot be changed: start another InstanceRefresh"
    with says(sentence):
        Stored(cluster, namespace, "InstanceRefresh", **FULL).patched(**{field: None})
    bare = Stored(cluster, namespace, "InstanceRefresh", name="bare")
    with says(sentence):
        bare.patched(**{field: FULL[field]})


def test_the_same_again_is_no_change(cluster: Cluster, namespace: str) -> None:
    assert Stored(cluster, namespace, "InstanceRefresh", **FULL).patched(**FULL)


STATES = ("Running", "Suspended", "Cancelled", "RolledBack")


@pytest.mark.parametrize("before", ["Running", "Suspended"])
@pytest.mark.parametrize("after", STATES)
def test_a_refresh_that_is_wanted_can_get_any_state(cluster: Cluster, namespace: str, before: str, after: str) -> None:
    refresh = Stored(cluster, namespace, "InstanceRefresh", state=before)
    assert refresh.patched(state=after, stateReason="for a test")["spec"]["state"] == after


@pytest.mark.parametrize("before", ["Cancelled", "RolledBack"])
@pytest.mark.parametrize("after", STATES)
def test_a_refresh_that_is_cancelled_or_rolled_back_stays_so(
    cluster: Cluster, namespace: str, before: str, after: str
) -> None:
    refresh = Stored(cluster, namespace, "InstanceRefresh", state=before)
    assert refresh.patched(stateReason="said better")
    if after == before:
        assert refresh.patched(state=after)
    else:
        with says(f"spec.state: Invalid value: state {before} is final: it cannot become {after}"):
            refresh.patched(state=after)


def test_the_columns_show_what_the_status_says(cluster: Cluster, namespace: str, kubectl: Callable[..., str]) -> None:
    path = collection("InstanceRefresh", namespace)
    cluster.request("POST", path, manifest("InstanceRefresh", "web-2"))
    ready = {"type": "Ready", "status": "False", "reason": "Running", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {"phase": "Running", "percentage": 20, "updated": 2, "total": 10, "failed": 1, "message": "launching"}
    patch = {"status": status | {"conditions": [ready]}}
    cluster.request("PATCH", f"{path}/web-2/status", patch, MERGE_PATCH)
    row = kubectl("get", "ir", "web-2", "--output=wide", "--no-headers").split()
    assert row[:7] == ["web-2", "web", "Running", "20", "2", "10", "False"]
    assert row[8:] == ["Running", "1", "launching"]


def test_a_phase_that_there_is_not_is_refused(cluster: Cluster, namespace: str) -> None:
    path = collection("InstanceRefresh", namespace)
    cluster.request("POST", path, manifest("InstanceRefresh"))
    with says('status.phase: Unsupported value: "Done"'):
        cluster.request("PATCH", f"{path}/web/status", {"status": {"phase": "Done"}}, MERGE_PATCH)
