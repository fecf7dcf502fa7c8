"""The kinds of object that the command line knows: each has a module here, and its place in SUBJECTS."""

from windlass.cli.subject import Subject
from windlass.cli.subjects.container_group import CONTAINER_GROUP
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.launch_template import TEMPLATE
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.stack_set import OPERATION, STACK_INSTANCE, STACK_SET, STACK_TARGET
from windlass.cli.subjects.update import UPDATE

SUBJECTS: tuple[Subject, ...] = (
    GROUP,
    TEMPLATE,
    REFRESH,
    UPDATE,
    STACK_SET,
    OPERATION,
    STACK_INSTANCE,
    STACK_TARGET,
    CONTAINER_GROUP,
)
"""In the order in which help and errors name them."""
