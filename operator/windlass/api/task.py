"""What the kinds that are done once and then over have in common."""

from enum import StrEnum


class Phase(StrEnum):
    """Where a task stands: `status.phase`."""

    PENDING = "Pending"
    RUNNING = "Running"
    PAUSED = "Paused"
    SUSPENDED = "Suspended"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    ROLLED_BACK = "RolledBack"
    ROLLBACK_FAILED = "RollbackFailed"


class Wanted(StrEnum):
    """What people want of a task: `spec.state`."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"
    CANCELLED = "Cancelled"
    ROLLED_BACK = "RolledBack"
