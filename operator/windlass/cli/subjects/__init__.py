"""The kinds of object that the command line knows: each has a module here, and its place in SUBJECTS."""

from windlass.cli.subject import Subject
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.launch_template import TEMPLATE
from windlass.cli.subjects.refresh import REFRESH

SUBJECTS: tuple[Subject, ...] = (GROUP, TEMPLATE, REFRESH)
"""In the order in which help and errors name them."""
