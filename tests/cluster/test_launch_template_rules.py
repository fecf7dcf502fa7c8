"""What the real API server refuses of a LaunchTemplate, from both sides of each limit, and with which sentence."""

from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.bounds import (
    Bound,
    at_least,
    at_most,
    bounds_of_all_kinds,
    fewest,
    longest,
    most,
    name_of,
    shape,
    shortest,
    tried,
)
from tests.cluster.doors import TEMPLATE, Stored, accepted, manifest, refusal, says

KIND = {"kind": "LaunchTemplate"}


def versions(*numbers: int) -> list[dict[str, Any]]:
    return [{"version": number, "template": TEMPLATE} for number in numbers]


BOUNDS = [
    shape("defaultVersion", "Latest", "Default", "^(Latest|[1-9][0-9]*)$", **KIND),
    shape("defaultVersion", "1", "01", "^(Latest|[1-9][0-9]*)$", **KIND),
    Bound(
        "maxLength",
        "defaultVersion",
        "9" * 9,
        "9" * 10,
        "may not be more than 9 bytes",
        beside={"versions": versions(999_999_999)},
        **KIND,
    ),
    fewest("versions", versions(1), **KIND),
    most("versions", versions(*range(1, 101)), *versions(101), **KIND),
    at_least("versions[0].version", 1, **KIND),
    at_most("versions[0].version", 999_999_999, **KIND),
    shortest("versions[0].description", 1, **KIND),
    longest("versions[0].description", 256, **KIND),
]


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_last_value_within_a_bound_is_accepted(cluster: Cluster, bound: Bound) -> None:
    assert accepted(cluster, bound.thing(bound.at))


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_first_value_past_a_bound_is_refused_by_field_and_limit(cluster: Cluster, bound: Bound) -> None:
    said = refusal(cluster, bound.thing(bound.past))
    assert f"spec.{bound.field}: " in said
    assert bound.allowed in said


def test_no_bound_is_without_its_case() -> None:
    assert {bound for bound in bounds_of_all_kinds() if bound[0] == "LaunchTemplate"} == tried(BOUNDS)


def test_the_default_is_the_latest_version_where_nothing_else_is_said(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("LaunchTemplate"))["spec"]["defaultVersion"] == "Latest"


def test_the_default_version_must_be_one_that_there_is(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("LaunchTemplate", versions=versions(1, 3), defaultVersion="3"))
    said = refusal(cluster, manifest("LaunchTemplate", versions=versions(1, 3), defaultVersion="2"))
    assert "spec.defaultVersion: Invalid value: defaultVersion 2 is none of the versions" in said


@pytest.mark.parametrize("field", ["version", "template"])
def test_a_version_needs_its_number_and_a_template(cluster: Cluster, field: str) -> None:
    (version,) = versions(1)
    del version[field]
    said = refusal(cluster, manifest("LaunchTemplate", versions=[version]))
    assert f"spec.versions[0].{field}: Required value" in said


def test_a_number_stands_for_one_version(cluster: Cluster) -> None:
    said = refusal(cluster, manifest("LaunchTemplate", versions=versions(2, 2)))
    assert 'spec.versions[1]: Duplicate value: {"version":2}' in said


@pytest.mark.parametrize("kind", ["LaunchTemplate", "ScalingConfiguration"])
def test_a_template_has_metadata_and_a_spec_and_nothing_else(cluster: Cluster, kind: str) -> None:
    def with_template(template: dict[str, Any]) -> dict[str, Any]:
        version = {"template": template}
        return manifest(
            kind, **(version if kind == "ScalingConfiguration" else {"versions": [{"version": 1} | version]})
        )

    assert accepted(cluster, with_template(TEMPLATE | {"metadata": {"labels": {"app": "web"}}}))
    assert 'template.labels"' in refusal(cluster, with_template(TEMPLATE | {"labels": {"app": "web"}}))
    assert "template.spec: Required value" in refusal(cluster, with_template({"metadata": {}}))


SPEC = {"containers": [{"name": "web", "image": "web:1"}], "hostNetwork": True}
LABELLED = {"labels": {"app": "web"}}
BEFORE = {"version": 1, "description": "the first", "template": {"metadata": LABELLED, "spec": SPEC}}


def with_spec(**spec: Any) -> dict[str, Any]:
    return BEFORE | {"template": {"metadata": LABELLED, "spec": spec}}


def with_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    return BEFORE | {"template": {"metadata": metadata, "spec": SPEC}}


CHANGED = [
    pytest.param(with_spec(**SPEC | {"containers": [{"name": "web", "image": "web:2"}]}), id="the image"),
    # CEL's equality of a typed open object skips the keys that one side lacks: these two differ in nothing else.
    pytest.param(with_spec(containers=SPEC["containers"], hostPID=True), id="a key swapped"),
    pytest.param(with_spec(**SPEC | {"containers": [{"name": "web", "command": "web:1"}]}), id="one of a container"),
    pytest.param(with_metadata({"annotations": {"app": "web"}}), id="a key of metadata swapped"),
    pytest.param(with_metadata({"labels": {"tier": "web"}}), id="a label swapped"),
    pytest.param(with_spec(**SPEC, hostPID=True), id="a key added"),
    pytest.param(with_spec(containers=SPEC["containers"]), id="a key removed"),
    pytest.param(BEFORE | {"template": {"spec": SPEC}}, id="metadata removed"),
    pytest.param(BEFORE | {"description": "another"}, id="the description"),
    pytest.param({"version": 1, "template": BEFORE["template"]}, id="the description removed"),
]


@pytest.fixture
def template(cluster: Cluster, namespace: str) -> Stored:
    """A template of one version."""
    return Stored(cluster, namespace, "LaunchTemplate", versions=[BEFORE])


@pytest.mark.parametrize("changed", CHANGED)
def test_a_version_cannot_be_changed(template: Stored, changed: dict[str, Any]) -> None:
    with says(r"spec.versions\[0\]: Invalid value: version 1 cannot be changed: add a version with another number"):
        template.patched(versions=[changed])
    with says(r"spec.versions\[1\]: Invalid value: version 1 cannot be changed"):
        template.patched(versions=[*versions(2), changed])


def test_a_version_can_be_added_before_and_behind_the_others_and_removed(template: Stored) -> None:
    assert template.patched(versions=[*versions(3), BEFORE, *versions(2)])
    assert template.patched(versions=versions(2))
    with says("spec.defaultVersion: Invalid value: defaultVersion 1 is none of the versions"):
        template.patched(versions=versions(2), defaultVersion="1")


def test_the_default_can_be_moved(template: Stored) -> None:
    assert template.patched(defaultVersion="1")["spec"]["defaultVersion"] == "1"
