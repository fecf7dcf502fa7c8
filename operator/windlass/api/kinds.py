"""All kinds, in the order in which they are documented."""

from windlass.api import (
    container_group,
    instance_refresh,
    launch_template,
    rolling_update,
    scaling_activity,
    scaling_configuration,
    scaling_group,
    stack_instance,
    stack_set,
    stack_set_operation,
    stack_target,
)

KINDS = (
    scaling_group.KIND,
    scaling_configuration.KIND,
    launch_template.KIND,
    scaling_activity.KIND,
    instance_refresh.KIND,
    rolling_update.KIND,
    stack_set.KIND,
    stack_set_operation.KIND,
    stack_instance.KIND,
    stack_target.KIND,
    container_group.KIND,
)
