"""All kinds, in the order in which they are documented."""

from windlass.api import scaling_activity, scaling_configuration, scaling_group

KINDS = (scaling_group.KIND, scaling_configuration.KIND, scaling_activity.KIND)
