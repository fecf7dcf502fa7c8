"""Each bound of each field, from both sides, at the real API server."""

from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.bounds import (
    OBJECT_NAME,
    Bound,
    at_least,
    at_most,
    bounds_of_all_kinds,
    fewest,
    longest,
    most,
    name_of,
    one_of,
    shape,
    shortest,
    tried,
)
from tests.cluster.doors import accepted, refusal, with_field

ZONE_NAME = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
TEN_TAGS = [{"key": f"tag-{number}"} for number in range(10)]
VERSION = "^(Default|Latest|[1-9][0-9]*)$"
FROM_TEMPLATE: dict[str, Any] = {"beside": {"configuration": {"launchTemplate": {"name": "web"}}}}
FIVE_ZONES = [f"zone-{letter}" for letter in "abcde"]

BOUNDS = [
    pytest.param(shortest("displayName", 1), marks=pytest.mark.spec("scaling-group.md", "name")),
    pytest.param(longest("displayName", 64), marks=pytest.mark.spec("scaling-group.md", "name")),
    pytest.param(
        shape("displayName", "組_Größe-1", "web group", r"^[\p{L}\p{N}_-]+$"),
        marks=pytest.mark.spec("scaling-group.md", "name"),
    ),
    pytest.param(shortest("description", 1), marks=pytest.mark.spec("scaling-group.md", "description")),
    pytest.param(longest("description", 256), marks=pytest.mark.spec("scaling-group.md", "description")),
    pytest.param(at_least("minSize", 0), marks=pytest.mark.spec("scaling-group.md", "min size")),
    pytest.param(at_most("minSize", 10_000), marks=pytest.mark.spec("scaling-group.md", "min size")),
    pytest.param(at_least("maxSize", 0), marks=pytest.mark.spec("scaling-group.md", "max size")),
    pytest.param(at_most("maxSize", 10_000), marks=pytest.mark.spec("scaling-group.md", "max size")),
    pytest.param(at_least("desiredSize", 0), marks=pytest.mark.spec("scaling-group.md", "desired size")),
    pytest.param(at_most("desiredSize", 10_000), marks=pytest.mark.spec("scaling-group.md", "desired size")),
    shortest("configuration.scalingConfiguration", 1),
    longest("configuration.scalingConfiguration", 253),
    shape("configuration.scalingConfiguration", "web-2.a", "Web", OBJECT_NAME),
    shortest("configuration.launchTemplate.name", 1, **FROM_TEMPLATE),
    longest("configuration.launchTemplate.name", 253, **FROM_TEMPLATE),
    shape("configuration.launchTemplate.name", "web-2.a", "Web", OBJECT_NAME, **FROM_TEMPLATE),
    Bound(
        "maxLength",
        "configuration.launchTemplate.version",
        "9" * 9,
        "9" * 10,
        "may not be more than 9 bytes",
        **FROM_TEMPLATE,
    ),
    *[
        shape("configuration.launchTemplate.version", good, bad, VERSION, **FROM_TEMPLATE)
        for good, bad in (("Default", "default"), ("Latest", "Newest"), ("1", "0"))
    ],
    pytest.param(most("zones", FIVE_ZONES, "zone-f"), marks=pytest.mark.spec("scaling-group.md", "zones")),
    shortest("zones[0]", 1),
    longest("zones[0]", 63),
    shape("zones[0]", "EU-west_1.a", "-a", ZONE_NAME),
    *[
        pytest.param(bound, marks=pytest.mark.spec("scaling-group.md", "zone policy"))
        for bound in one_of("zonePolicy", "Priority", "Balanced", not_="CostOptimized")
    ],
    at_least("zoneFailureSeconds", 0),
    at_most("zoneFailureSeconds", 86_400),
    fewest("removalPolicy", ["NewestInstance"]),
    most("removalPolicy", ["OldestConfiguration", "NewestInstance"], "OldestInstance"),
    *[
        pytest.param(bound, marks=pytest.mark.spec("scaling-group.md", "instance removal policy"))
        for bound in one_of(
            "removalPolicy[0]", "OldestConfiguration", "OldestInstance", "NewestInstance", not_="MostExpensive"
        )
    ],
    at_least("minReadySeconds", 0),
    at_most("minReadySeconds", 86_400),
    *[
        pytest.param(bound, marks=pytest.mark.spec("scaling-group.md", "health check method: instance"))
        for bound in one_of("healthCheck.method", "Instance", not_="LoadBalancer")
    ],
    *[
        pytest.param(bound, marks=pytest.mark.spec("scaling-group.md", "health check interval"))
        for bound in one_of("healthCheck.intervalSeconds", 0, 60, 300, 900, 3600, 10_800, not_=120)
    ],
    at_least("launchTimeoutSeconds", 1),
    at_most("launchTimeoutSeconds", 86_400),
    most("suspendedProcesses", ["ScaleIn", "ScaleOut", "HealthCheck"], "ScaleIn"),
    *one_of("suspendedProcesses[0]", "ScaleIn", "ScaleOut", "HealthCheck", not_="ScaleUp"),
    *one_of("deletionPolicy", "Refuse", "Force", not_="Orphan"),
    pytest.param(most("tags", TEN_TAGS, {"key": "tag-10"}), marks=pytest.mark.spec("scaling-group.md", "tags")),
    pytest.param(shortest("tags[0].key", 1), marks=pytest.mark.spec("scaling-group.md", "tags")),
    pytest.param(longest("tags[0].key", 36), marks=pytest.mark.spec("scaling-group.md", "tags")),
    pytest.param(
        shape("tags[0].key", "Cost_centre-1", "_team", "^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$"),
        marks=pytest.mark.spec("scaling-group.md", "tags"),
    ),
    at_least("historyLimit", 1),
    at_most("historyLimit", 100),
    shortest("scalingGroup", 1, kind="ScalingActivity"),
    longest("scalingGroup", 253, kind="ScalingActivity"),
    shape("scalingGroup", "web-2.a", "web_2", OBJECT_NAME, kind="ScalingActivity"),
]
TAG_VALUES = [
    pytest.param("a" * 43, True, "", id="43 characters"),
    pytest.param("a" * 44, False, "may not be more than 43 bytes", id="44 characters"),
    pytest.param("", True, "", id="empty"),
    pytest.param("a.b-c_d", True, "", id="dots, dashes and underscores"),
    pytest.param("a b", False, "should match '^[A-Za-z0-9_.-]*$'", id="a space"),
]


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_last_value_within_a_bound_is_accepted(cluster: Cluster, bound: Bound) -> None:
    assert accepted(cluster, bound.thing(bound.at))


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_first_value_past_a_bound_is_refused_by_field_and_limit(cluster: Cluster, bound: Bound) -> None:
    said = refusal(cluster, bound.thing(bound.past))
    assert f"spec.{bound.field}: " in said
    assert bound.allowed in said


@pytest.mark.spec("scaling-group.md", "tags")
@pytest.mark.parametrize(("value", "good", "allowed"), TAG_VALUES)
def test_a_tags_value_has_its_bounds(cluster: Cluster, value: str, good: bool, allowed: str) -> None:
    thing = with_field("ScalingGroup", "tags", [{"key": "team", "value": value}])
    if good:
        assert accepted(cluster, thing)
    else:
        said = refusal(cluster, thing)
        assert "spec.tags[0].value: " in said
        assert allowed in said


ELSEWHERE = {
    "LaunchTemplate": "test_launch_template_rules.py",
    "InstanceRefresh": "test_instance_refresh_rules.py",
    "RollingUpdate": "test_rolling_update_rules.py",
    "ContainerGroup": "test_container_group_bounds.py",
    "StackSet": "test_stack_bounds.py",
    "StackSetOperation": "test_stack_bounds.py",
    "StackInstance": "test_stack_bounds.py",
    "StackTarget": "test_stack_bounds.py",
}


def test_no_bound_is_without_its_case() -> None:
    """The tables above are written by hand from the specification; this finds what they forget."""
    here = tried(BOUNDS) | {("ScalingGroup", "tags[].value", keyword) for keyword in ("maxLength", "pattern")}
    assert {bound for bound in bounds_of_all_kinds() if bound[0] not in ELSEWHERE} == here
