"""What a group's own configuration is: the source that its spec names, as the data of a revision.

`{"source": {"kind": …, "name": …}, "configuration": {…}}`; a launch template's source has the `version`'s number too.
"""

from collections.abc import Mapping
from typing import Any

from windlass.api import launch_template, scaling_configuration
from windlass.api.launch_template import LaunchTemplateReference
from windlass.api.scaling_group import ConfigurationSource
from windlass.planner.capacity.reasons import ConfigurationMissing
from windlass.planner.capacity.reasons_source import LaunchTemplateMissing, VersionMissing
from windlass.planner.capacity.view import GroupView
from windlass.planner.launch_template.versions import contents, follows, number_of, numbers
from windlass.planner.reason import Reason

Data = Mapping[str, Any]
CONFIGURATION, TEMPLATE = scaling_configuration.KIND.kind, launch_template.KIND.kind


def own_data(view: GroupView) -> Data | None:
    """The snapshot of the group's configuration together with its source; None where it does not exist."""
    found = find_own(view)
    return None if isinstance(found, Reason) else found


def find_own(view: GroupView) -> Data | Reason:
    """The same, or why it does not exist."""
    wanted = view.spec.configuration
    if wanted.launch_template is not None:
        return template_data(wanted.launch_template, view.template)
    _, name = kind_and_name(wanted)
    return ConfigurationMissing(name) if view.configuration is None else configuration_data(name, view.configuration)


def configuration_data(name: str, configuration: Mapping[str, Any]) -> Data:
    """The data of a revision that is made from the ScalingConfiguration of this name and spec."""
    return {"source": {"kind": CONFIGURATION, "name": name}, "configuration": configuration}


def template_data(wanted: LaunchTemplateReference, template: Mapping[str, Any] | None) -> Data | Reason:
    """The data of a revision that is made from a version of the LaunchTemplate with this spec, or why there is none."""
    if template is None:
        return LaunchTemplateMissing(wanted.name)
    number = number_of(template, wanted.version)
    if number is None:
        return VersionMissing(wanted.name, wanted.version, tuple(map(str, numbers(template))))
    source = {"kind": TEMPLATE, "name": wanted.name, "version": number}
    return {"source": source, "configuration": contents(template, number)}


def source_of(data: Data) -> str:
    """Where the data of a revision came from: `ScalingConfiguration/web`, `LaunchTemplate/web:3`."""
    return _written(data, "/")


def named_source(view: GroupView) -> str:
    """The group's source for people: `ScalingConfiguration web`, `LaunchTemplate web:3`."""
    data, template = own_data(view), view.spec.configuration.launch_template
    if data is not None:
        return _written(data, " ")
    kind, name = kind_and_name(view.spec.configuration)
    return f"{kind} {name}" + (f":{template.version}" if template is not None else "")


def followed(wanted: ConfigurationSource) -> str | None:
    """Where a group's spec asks for Default or Latest of a template, for people: `LaunchTemplate web:Latest`."""
    asked = wanted.launch_template
    return f"{TEMPLATE} {asked.name}:{asked.version}" if asked is not None and follows(asked.version) else None


def kind_and_name(wanted: ConfigurationSource) -> tuple[str, str]:
    """Of the object that a group's spec names as its source."""
    if wanted.launch_template is not None:
        return TEMPLATE, wanted.launch_template.name
    return CONFIGURATION, wanted.scaling_configuration or ""


def _written(data: Data, between: str) -> str:
    source = data["source"]
    version = f":{source['version']}" if "version" in source else ""
    return f"{source['kind']}{between}{source['name']}{version}"
