"""The kinds of object that the command line knows: each has a module here, and its place in SUBJECTS."""

from windlass.cli.subject import Subject
from windlass.cli.subjects.group import GROUP

SUBJECTS: tuple[Subject, ...] = (GROUP,)
"""In the order in which help and errors name them."""
