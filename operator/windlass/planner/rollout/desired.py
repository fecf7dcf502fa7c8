"""What a refresh has instances made from: the desired configuration, as the data of a revision."""

from collections.abc import Mapping
from typing import Any

from windlass.api.instance_refresh import DesiredConfiguration
from windlass.planner.capacity.source import TEMPLATE, configuration_data, own_data, template_data
from windlass.planner.capacity.view import GroupView
from windlass.planner.launch_template.versions import follows
from windlass.planner.reason import Reason
from windlass.planner.rollout.reasons import (
    ConfigurationGone,
    ConfigurationShared,
    NothingToMakeFrom,
)
from windlass.planner.rollout.reasons_template import TemplateNotChanged
from windlass.planner.rollout.refresh import Sources
from windlass.planner.rollout.resolve import resolve

Data = Mapping[str, Any]


def desired_data(own: Data | None, wanted: DesiredConfiguration | None, sources: Sources) -> Data | Reason:
    """The data of the revision that instances are to be made from, or why there is none.

    `own`: the data of the group's own source, None where that does not exist.
    """
    base = _base(own, wanted, sources)
    if isinstance(base, Reason) or wanted is None or (wanted.image is None and not wanted.containers):
        return base
    name = base["source"]["name"]
    if base["source"]["kind"] == TEMPLATE:
        return TemplateNotChanged(name)
    if name in sources.shared:
        return ConfigurationShared(name)
    changed = resolve(base["configuration"], wanted.image, wanted.containers)
    return changed if isinstance(changed, Reason) else {**base, "configuration": changed}


def is_own(view: GroupView, wanted: DesiredConfiguration | None, target: Data | None) -> bool:
    """Whether the group's configuration is what was desired, the `target`: a template's version in the same words.

    Where these follow the template, they are all that was asked for, whatever they mean by now.
    """
    asked = wanted.launch_template if wanted is not None else None
    same = own_data(view) == target
    if asked is None:
        return same
    return view.spec.configuration.launch_template == asked and (same or follows(asked.version))


def _base(own: Data | None, wanted: DesiredConfiguration | None, sources: Sources) -> Data | Reason:
    """What is named, or else the group's own, before any change of it."""
    if wanted is not None and wanted.launch_template is not None:
        return template_data(wanted.launch_template, sources.templates.get(wanted.launch_template.name))
    if wanted is not None and wanted.scaling_configuration is not None:
        name = wanted.scaling_configuration
        configuration = sources.configurations.get(name)
        return ConfigurationGone(name) if configuration is None else configuration_data(name, configuration)
    return NothingToMakeFrom() if own is None else own
