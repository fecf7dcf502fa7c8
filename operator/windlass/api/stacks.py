"""What the kinds of stack sets have in common: where something is deployed, with which care, and the states of it."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from windlass.api.common import GROUP, Model, ObjectName, Rule

STACK_SET_LABEL = f"{GROUP}/stack-set"
WISH_ANNOTATION = f"{GROUP}/wish"  # of an operation that its set started: what for
STACK_FINALIZER = f"{GROUP}/stacks"  # of a set, while it has instances; of an instance, while it has a stack
PRUNE_ANNOTATION = f"{GROUP}/prune"  # `keep`: an object is left in the target when the template drops it

MAX_INLINE_BYTES = 51_200  # spec/stack-set.md: template and variables in the object itself
MAX_FILE_BYTES = 1 << 20  # the same: in a file
MAX_CSV_BYTES = 100_000  # the same: a list of accounts
MAX_REGIONS = 50
MAX_ACCOUNTS = 1000
MAX_UNITS = 100
MAX_VARIABLES = 1000

SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}

_PLACE = r"^[0-9A-Za-z]([-._0-9A-Za-z]*[0-9A-Za-z])?$"
Region = Annotated[str, Field(min_length=1, max_length=63, pattern=_PLACE)]
Account = Annotated[str, Field(min_length=1, max_length=63, pattern=_PLACE)]
Unit = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^/ \t\n\r\f\v]+(/[^/ \t\n\r\f\v]+)*$")]
VariableName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z_][-0-9A-Za-z_]*$")]
FileKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._0-9A-Za-z]+$")]


class RegionConcurrency(StrEnum):
    """How an operation goes through its regions."""

    SEQUENTIAL = "SEQUENTIAL"
    PARALLEL = "PARALLEL"


class ToleranceMode(StrEnum):
    """Whether the failure tolerance limits how many run at once."""

    STRICT = "STRICT_FAILURE_TOLERANCE"
    SOFT = "SOFT_FAILURE_TOLERANCE"


class PermissionModel(StrEnum):
    """Who says which accounts there are."""

    SELF_MANAGED = "SELF_MANAGED"
    SERVICE_MANAGED = "SERVICE_MANAGED"


class CallIdentity(StrEnum):
    """As whom a set of a whole organisation is managed."""

    SELF = "SELF"
    DELEGATED_ADMIN = "DELEGATED_ADMIN"


class AccountFilter(StrEnum):
    """What accounts mean beside organisational units."""

    NONE = "None"
    INTERSECTION = "Intersection"
    DIFFERENCE = "Difference"
    UNION = "Union"


class InstancePhase(StrEnum):
    """Where a stack instance stands in its last operation."""

    WAITING = "WAIT_IN_PROGRESS"
    RUNNING = "OPERATION_IN_PROGRESS"
    COMPLETE = "OPERATION_COMPLETE"
    FAILED = "OPERATION_FAILED"
    CANCELLED = "CANCEL_COMPLETE"
    INOPERABLE = "INOPERABLE"


class FileReference(Model):
    """One key of a ConfigMap or Secret in the same namespace."""

    name: ObjectName
    """Name of the object."""
    key: FileKey
    """The key whose value it is: at most 1 MiB."""


class VariablesFile(Model):
    """A file of variables: in a ConfigMap, or in a Secret."""

    config_map_ref: FileReference | None = None
    """A key of a ConfigMap in the same namespace."""
    secret_ref: FileReference | None = None
    """A key of a Secret in the same namespace."""


class DeploymentTargets(Model):
    """Which regions × accounts are meant."""

    regions: Annotated[tuple[Region, ...], Field(min_length=1, max_length=MAX_REGIONS, json_schema_extra=SET)]
    """The regions, 1 to 50, each once."""
    accounts: Annotated[tuple[Account, ...], Field(max_length=MAX_ACCOUNTS, json_schema_extra=SET)] = ()
    """The accounts, at most 1000, each once; not together with accountsCSV."""
    accounts_csv: Annotated[
        Annotated[str, Field(min_length=1, max_length=MAX_CSV_BYTES)] | None, Field(alias="accountsCSV")
    ] = None
    """The same, as text with commas or line ends between them: at most 100,000 bytes."""
    organizational_units: Annotated[tuple[Unit, ...], Field(max_length=MAX_UNITS, json_schema_extra=SET)] = ()
    """Organisational units, at most 100, as StackTargets name them (`root/eu/shop`): all accounts in them and in those
    below them, but never the management account. For SERVICE_MANAGED sets alone, which need at least one."""
    account_filter: AccountFilter = AccountFilter.NONE
    """What accounts mean beside organizationalUnits. None: no accounts are given; Intersection: only those of the
    units' accounts; Difference: all of the units' accounts but those; Union: those as well."""


class OperationPreferences(Model):
    """In which order, how many at once, and how many failures are borne."""

    region_concurrency_type: RegionConcurrency = RegionConcurrency.SEQUENTIAL
    """SEQUENTIAL: one region after the other; PARALLEL: all regions side by side."""
    region_order: Annotated[tuple[Region, ...], Field(max_length=MAX_REGIONS)] = ()
    """The order of the regions, with SEQUENTIAL: exactly the operation's regions. Without it the order is random."""
    failure_tolerance_count: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """How many instances of a region may fail: 0 or more; 0 where neither this nor the percentage is given."""
    failure_tolerance_percentage: Annotated[int, Field(ge=0, le=100)] | None = None
    """The same as a share of the region's instances in the operation, rounded down: 0 to 100."""
    max_concurrent_count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many instances of a region are worked at at once: 1 or more; 1 where neither this nor the percentage is
    given."""
    max_concurrent_percentage: Annotated[int, Field(ge=1, le=100)] | None = None
    """The same as a share of the region's instances in the operation, rounded down, but at least one: 1 to 100."""
    failure_tolerance_mode: ToleranceMode = ToleranceMode.STRICT
    """STRICT_FAILURE_TOLERANCE: at most one more at once than failures are still borne, so that a region never has more
    than one failure too many; SOFT_FAILURE_TOLERANCE: as many at once as asked for, whatever is borne."""


def target_rules(at: str) -> tuple[Rule, ...]:
    """The rules across the fields of deployment targets, at this path below the spec."""
    return (
        Rule(
            "!has(self.accountsCSV) || self.accounts.size() == 0",
            "400: give accounts or accountsCSV, not both",
            field=".accountsCSV",
            at=at,
        ),
        Rule(
            "!has(self.accountsCSV) || bytes(self.accountsCSV).size() <= 100000",
            "400: accountsCSV must have at most 100000 bytes",
            field=".accountsCSV",
            at=at,
        ),
        Rule(
            "self.organizationalUnits.size() > 0 || has(self.accountsCSV) || self.accounts.size() > 0",
            "400: give accounts, accountsCSV or organizationalUnits",
            at=at,
        ),
        Rule(
            "self.organizationalUnits.size() > 0 || self.accountFilter == 'None'",
            "400: accountFilter is for organizationalUnits: give some, or leave it out",
            field=".accountFilter",
            at=at,
        ),
        Rule(
            "self.organizationalUnits.size() == 0 || "
            "(self.accountFilter == 'None') == (!has(self.accountsCSV) && self.accounts.size() == 0)",
            "400: accounts beside organizationalUnits need accountFilter Intersection, Difference or Union, and these "
            "need accounts",
            field=".accountFilter",
            at=at,
        ),
    )


def preference_rules(at: str) -> tuple[Rule, ...]:
    """The rules across the fields of operation preferences, at this path below the spec."""
    return (
        Rule(
            "!has(self.failureToleranceCount) || !has(self.failureTolerancePercentage)",
            "400: give failureToleranceCount or failureTolerancePercentage, not both",
            field=".failureTolerancePercentage",
            at=at,
        ),
        Rule(
            "!has(self.maxConcurrentCount) || !has(self.maxConcurrentPercentage)",
            "400: give maxConcurrentCount or maxConcurrentPercentage, not both",
            field=".maxConcurrentPercentage",
            at=at,
        ),
        Rule(
            "self.regionOrder.size() == 0 || self.regionConcurrencyType == 'SEQUENTIAL'",
            "400: regionOrder is for regionConcurrencyType SEQUENTIAL alone",
            field=".regionOrder",
            at=at,
        ),
    )


def order_rules(preferences: str) -> tuple[Rule, ...]:
    """That the order in these preferences, a field of the spec, names exactly the regions of `targets` beside them."""
    order = f"self.{preferences}.regionOrder"
    return (
        Rule(
            f"has(self.targets) || {order}.size() == 0",
            f"400: {preferences}.regionOrder needs targets: it names exactly their regions",
            field=f".{preferences}.regionOrder",
        ),
        # The regions are a set: an order as long as they are that has them all has each of them once.
        Rule(
            f"!has(self.targets) || {order}.size() == 0 || "
            f"({order}.size() == self.targets.regions.size() && self.targets.regions.all(r, r in {order}))",
            f"400: {preferences}.regionOrder must name exactly the regions of targets",
            field=f".{preferences}.regionOrder",
        ),
    )
