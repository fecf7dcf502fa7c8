"""Instances shared out among groups."""

from typing import NamedTuple


class Shape(NamedTuple):
    """So many groups of one size."""

    groups: int
    size: int

    def __str__(self) -> str:
        return f"{self.groups} x {self.size}"

    @property
    def instances(self) -> int:
        """How many there are in all."""
        return self.groups * self.size
