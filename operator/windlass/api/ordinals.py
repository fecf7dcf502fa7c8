"""Instances named by their ordinals, which no second one of a group ever bears."""

from windlass.api.common import Observed


class OrdinalRange(Observed):
    """`count` ordinals from `first` on."""

    first: int
    """The first of them."""
    count: int
    """How many there are."""
