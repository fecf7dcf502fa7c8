"""The rules between fields, at the real API server: what is refused, and with which sentence."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.doors import MERGE_PATCH, PLURALS, Stored, accepted, collection, manifest, refusal, says


@pytest.fixture
def group(cluster: Cluster, namespace: str) -> Iterator[Stored]:
    """A group of 4 between 2 and 6."""
    return Stored(cluster, namespace, "ScalingGroup", minSize=2, maxSize=6, desiredSize=4)


@pytest.mark.spec("scaling-group.md", "min size")
def test_a_minimum_above_the_maximum_is_refused_with_both(cluster: Cluster) -> None:
    said = refusal(cluster, manifest("ScalingGroup", minSize=3, maxSize=2))
    assert "spec.minSize: Invalid value: minSize 3 is above maxSize 2" in said


@pytest.mark.spec("scaling-group.md", "min size")
def test_a_minimum_may_equal_the_maximum(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("ScalingGroup", minSize=3, maxSize=3))


@pytest.mark.spec("scaling-group.md", "desired size")
@pytest.mark.parametrize("desired", [2, 6])
def test_a_new_groups_desired_size_may_be_its_minimum_or_maximum(cluster: Cluster, desired: int) -> None:
    assert accepted(cluster, manifest("ScalingGroup", minSize=2, maxSize=6, desiredSize=desired))


@pytest.mark.spec("scaling-group.md", "desired size")
@pytest.mark.parametrize("desired", [1, 7])
def test_a_new_groups_desired_size_must_lie_between_them(cluster: Cluster, desired: int) -> None:
    said = refusal(cluster, manifest("ScalingGroup", minSize=2, maxSize=6, desiredSize=desired))
    assert f"spec.desiredSize: Invalid value: desiredSize {desired} must lie between minSize 2 and maxSize 6" in said


@pytest.mark.spec("scaling-group.md", "desired size")
@pytest.mark.parametrize("desired", [2, 6])
def test_the_desired_size_can_be_set_and_scaled_to_its_bounds(group: Stored, desired: int) -> None:
    assert group.patched(desiredSize=desired)["spec"]["desiredSize"] == desired
    assert group.scaled(desired)["spec"]["replicas"] == desired


@pytest.mark.spec("scaling-group.md", "desired size")
@pytest.mark.parametrize("desired", [1, 7])
def test_the_desired_size_cannot_be_set_or_scaled_past_them(group: Stored, desired: int) -> None:
    sentence = f"spec.desiredSize: Invalid value: desiredSize {desired} must lie between minSize 2 and maxSize 6"
    with says(sentence):
        group.patched(desiredSize=desired)
    with says(sentence):
        group.scaled(desired)


@pytest.mark.parametrize(
    ("change", "moved"), [({"minSize": 5}, "minSize"), ({"maxSize": 3}, "maxSize")], ids=["min above", "max below"]
)
def test_a_bound_may_move_past_a_desired_size_that_stays(group: Stored, change: dict[str, int], moved: str) -> None:
    """An autoscaler owns desiredSize, Git owns the bounds: neither must block the other."""
    spec = group.patched(**change)["spec"]
    assert spec[moved] == change[moved]
    assert spec["desiredSize"] == 4


def test_a_desired_size_out_of_range_can_only_move_into_it(cluster: Cluster, namespace: str) -> None:
    group = Stored(cluster, namespace, "ScalingGroup", minSize=2, maxSize=6, desiredSize=4)
    cluster.request("PATCH", f"{collection('ScalingGroup', namespace)}/web", {"spec": {"minSize": 5}}, MERGE_PATCH)
    with says("desiredSize 3 must lie between minSize 5 and maxSize 6"):
        group.patched(desiredSize=3)
    assert group.scaled(5)["spec"]["replicas"] == 5
    assert group.patched(description="a change of something else")


@pytest.mark.spec("scaling-group.md", "desired size")
def test_a_group_without_a_desired_size_can_be_created_and_scaled(cluster: Cluster, namespace: str) -> None:
    group = Stored(cluster, namespace, "ScalingGroup", minSize=2, maxSize=6)
    assert group.scaled(3)["spec"]["replicas"] == 3


def test_kubectl_scale_sets_the_desired_size(
    cluster: Cluster, namespace: str, group: Stored, kubectl: Callable[..., str]
) -> None:
    kubectl("scale", "sg/web", "--replicas=6")
    assert kubectl("get", "sg", "web", "--output=jsonpath={.spec.desiredSize}") == "6"


@pytest.mark.spec("scaling-group.md", "name")
def test_a_group_name_of_52_characters_is_accepted(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("ScalingGroup", name="a" * 52))


@pytest.mark.spec("scaling-group.md", "name")
@pytest.mark.parametrize("name", ["a" * 53, "web.shop"], ids=["53 characters", "a dot"])
def test_a_group_name_that_makes_no_host_name_is_refused(cluster: Cluster, name: str) -> None:
    said = refusal(cluster, manifest("ScalingGroup", name=name))
    assert "metadata.name: Invalid value: a group's name may have at most 52 lower-case letters" in said


@pytest.mark.spec("scaling-group.md", "name")
def test_a_group_must_have_a_name(cluster: Cluster) -> None:
    assert "name or generateName is required" in refusal(cluster, manifest("ScalingGroup", name=""))


@pytest.mark.spec("scaling-group.md", "name")
def test_a_display_name_is_counted_in_characters_of_any_script(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("ScalingGroup", displayName="組" * 64))


REPEATED = [
    pytest.param(
        {"zones": ["zone-a", "zone-b", "zone-a"]},
        "spec.zones: Invalid value: zones may name each zone once",
        marks=pytest.mark.spec("scaling-group.md", "zones"),
        id="zones",
    ),
    pytest.param(
        {"removalPolicy": ["OldestInstance", "OldestInstance"]},
        "spec.removalPolicy: Invalid value: removalPolicy must have one stage, or two different ones",
        marks=pytest.mark.spec("capacity-and-placement.md", "second stage differs"),
        id="removal stages",
    ),
    pytest.param(
        {"suspendedProcesses": ["ScaleIn", "ScaleIn"]},
        "spec.suspendedProcesses: Invalid value: suspendedProcesses may name each process once",
        id="suspended processes",
    ),
    pytest.param(
        {"tags": [{"key": "team", "value": "a"}, {"key": "team", "value": "b"}]},
        "spec.tags: Invalid value: tags may have each key once",
        marks=pytest.mark.spec("scaling-group.md", "tags"),
        id="tags",
    ),
]


@pytest.mark.parametrize(("fields", "sentence"), REPEATED)
def test_a_list_names_nothing_twice(cluster: Cluster, fields: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(cluster, manifest("ScalingGroup", **fields))


REQUIRED = [
    pytest.param(
        "ScalingGroup",
        "configuration",
        marks=pytest.mark.spec("scaling-group.md", "configuration"),
    ),
    ("ScalingConfiguration", "template"),
    ("LaunchTemplate", "versions"),
    ("ScalingActivity", "scalingGroup"),
    ("InstanceRefresh", "scalingGroup"),
]


@pytest.mark.parametrize(("kind", "field"), REQUIRED)
def test_what_a_kind_cannot_do_without_is_required(cluster: Cluster, kind: str, field: str) -> None:
    thing = manifest(kind)
    del thing["spec"][field]
    assert f"spec.{field}: Required value" in refusal(cluster, thing)


@pytest.mark.spec("scaling-group.md", "configuration")
def test_the_configuration_can_be_switched(group: Stored) -> None:
    changed = group.patched(configuration={"scalingConfiguration": "web-2"})
    assert changed["spec"]["configuration"] == {"scalingConfiguration": "web-2"}


def test_the_configuration_can_be_switched_to_a_launch_template_and_back(cluster: Cluster, namespace: str) -> None:
    group = Stored(cluster, namespace, "ScalingGroup")
    template = {"name": "web", "version": "3"}
    changed = group.patched(configuration={"scalingConfiguration": None, "launchTemplate": template})
    assert changed["spec"]["configuration"] == {"launchTemplate": template}
    other = Stored(cluster, namespace, "ScalingGroup", name="other", configuration={"launchTemplate": template})
    changed = other.patched(configuration={"scalingConfiguration": "web", "launchTemplate": None})
    assert changed["spec"]["configuration"] == {"scalingConfiguration": "web"}


def test_a_launch_template_without_a_version_means_its_default(cluster: Cluster) -> None:
    stored = accepted(cluster, manifest("ScalingGroup", configuration={"launchTemplate": {"name": "web"}}))
    assert stored["spec"]["configuration"] == {"launchTemplate": {"name": "web", "version": "Default"}}


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param({}, id="none"),
        pytest.param({"scalingConfiguration": "web", "launchTemplate": {"name": "web"}}, id="both"),
    ],
)
def test_the_configuration_names_exactly_one_source(cluster: Cluster, configuration: dict[str, Any]) -> None:
    said = refusal(cluster, manifest("ScalingGroup", configuration=configuration))
    assert (
        "spec.configuration: Invalid value: configuration must have either scalingConfiguration or launchTemplate"
    ) in said


def test_a_launch_template_has_a_name(cluster: Cluster) -> None:
    said = refusal(cluster, manifest("ScalingGroup", configuration={"launchTemplate": {"version": "1"}}))
    assert "spec.configuration.launchTemplate.name: Required value" in said


def test_an_activity_cannot_be_changed(cluster: Cluster, namespace: str) -> None:
    activity = Stored(cluster, namespace, "ScalingActivity")
    with says("spec: Invalid value: an activity is a record: its spec cannot be changed"):
        activity.patched(scalingGroup="shop")
    assert activity.patched(scalingGroup="web")


WRONG_TYPES = [("minSize", "three", "integer"), ("enabled", "yes", "boolean"), ("zones", "zone-a", "array")]


@pytest.mark.parametrize(("field", "value", "wanted"), WRONG_TYPES)
def test_a_value_of_the_wrong_type_is_refused_with_the_right_one(
    cluster: Cluster, field: str, value: str, wanted: str
) -> None:
    said = refusal(cluster, manifest("ScalingGroup", **{field: value}))
    assert f"spec.{field}: Invalid value" in said
    assert f"must be of type {wanted}" in said


@pytest.mark.parametrize("kind", PLURALS)
def test_strict_validation_refuses_an_unknown_field(cluster: Cluster, kind: str) -> None:
    assert 'unknown field "spec.colour"' in refusal(cluster, manifest(kind, colour="red"))
