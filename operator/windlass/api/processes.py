"""What a scaling group does by itself."""

from enum import StrEnum


class Process(StrEnum):
    """What a group does by itself and can be told not to."""

    SCALE_IN = "ScaleIn"
    SCALE_OUT = "ScaleOut"
    HEALTH_CHECK = "HealthCheck"
