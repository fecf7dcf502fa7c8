"""All kinds, in the order in which they are documented."""

from windlass.api import instance_refresh, launch_template, scaling_activity, scaling_configuration, scaling_group

KINDS = (
    scaling_group.KIND,
    scaling_configuration.KIND,
    launch_template.KIND,
    scaling_activity.KIND,
    instance_refresh.KIND,
)
