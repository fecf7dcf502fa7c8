"""The model of a LaunchTemplate."""

from typing import Any

import pytest
from pydantic import ValidationError

from windlass.api.common import to_wire
from windlass.api.launch_template import (
    LaunchTemplateReference,
    LaunchTemplateSpec,
    LaunchTemplateStatus,
    LaunchTemplateVersion,
)
from windlass.api.scaling_configuration import ScalingConfigurationSpec
from windlass.api.scaling_group import ScalingGroupSpec

TEMPLATE: dict[str, Any] = {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}
FIRST = {"version": 1, "template": TEMPLATE}


def test_the_default_is_the_latest_version_where_nothing_else_is_said() -> None:
    spec = LaunchTemplateSpec.model_validate({"versions": [FIRST]})
    assert to_wire(spec) == {"defaultVersion": "Latest", "versions": [FIRST]}


def test_a_version_has_all_that_a_scaling_configuration_has() -> None:
    own = {"version", "description"}
    assert LaunchTemplateVersion.model_fields.keys() - own == ScalingConfigurationSpec.model_fields.keys()
    assert issubclass(LaunchTemplateVersion, ScalingConfigurationSpec)


@pytest.mark.parametrize("model", [ScalingConfigurationSpec, LaunchTemplateVersion])
@pytest.mark.parametrize(
    "template",
    [
        pytest.param({}, id="no spec"),
        pytest.param(TEMPLATE | {"labels": {"app": "web"}}, id="another key"),
        pytest.param({"spec": "web:1"}, id="a spec that is no map"),
    ],
)
def test_a_template_is_metadata_and_a_spec(model: type[ScalingConfigurationSpec], template: dict[str, Any]) -> None:
    number = {"version": 1} if model is LaunchTemplateVersion else {}
    assert model.model_validate({"template": TEMPLATE | {"metadata": {"labels": {"app": "web"}}}} | number)
    with pytest.raises(ValidationError, match="template"):
        model.model_validate({"template": template} | number)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"versions": []}, id="no version"),
        pytest.param({"versions": [FIRST | {"version": 0}]}, id="version 0"),
        pytest.param({"versions": [FIRST | {"version": 1_000_000_000}]}, id="a version of ten digits"),
        pytest.param({"versions": [FIRST | {"version": number} for number in range(1, 102)]}, id="101 versions"),
        pytest.param({"versions": [FIRST | {"description": ""}]}, id="an empty description"),
        pytest.param({"versions": [FIRST], "defaultVersion": "Default"}, id="a default that means itself"),
        pytest.param({"versions": [FIRST], "defaultVersion": "0"}, id="version 0 as the default"),
    ],
)
def test_the_model_refuses_what_the_definition_refuses(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LaunchTemplateSpec.model_validate(spec)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"scalingConfiguration": "web"}, {"scalingConfiguration": "web"}),
        ({"launchTemplate": {"name": "web"}}, {"launchTemplate": {"name": "web", "version": "Default"}}),
        ({"launchTemplate": {"name": "web", "version": "3"}}, {"launchTemplate": {"name": "web", "version": "3"}}),
    ],
)
def test_a_group_may_name_a_version_in_place_of_a_configuration(given: dict[str, Any], read: dict[str, Any]) -> None:
    assert to_wire(ScalingGroupSpec.model_validate({"configuration": given}))["configuration"] == read


@pytest.mark.parametrize("version", ["0", "01", "latest", "1000000000", ""])
def test_a_version_is_a_number_or_one_of_two_words(version: str) -> None:
    with pytest.raises(ValidationError, match="version"):
        LaunchTemplateReference.model_validate({"name": "web", "version": version})


def test_a_status_that_has_not_been_written_yet_says_nothing_of_versions() -> None:
    assert to_wire(LaunchTemplateStatus()) == {"observedGeneration": 0, "phase": "", "message": "", "conditions": []}
