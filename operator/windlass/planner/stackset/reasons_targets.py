"""Why the regions, accounts and units that are named cannot be had, and how a target answers."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class AccountsTooLarge(Reason):
    """The list of accounts is longer than it may be."""

    TEXT: ClassVar[str] = "400: accountsCSV has {size} bytes: at most {most} are allowed"
    size: int
    most: int


@dataclass(frozen=True, slots=True)
class NoAccounts(Reason):
    """The list of accounts names none."""

    TEXT: ClassVar[str] = "400: accountsCSV names no account"


@dataclass(frozen=True, slots=True)
class NotAccounts(Reason):
    """Something in the list of accounts is none."""

    TEXT: ClassVar[str] = (
        "400: accountsCSV has {fields}: an account is 1 to 63 letters, digits, `-`, `_` or `.`, without quotes, and "
        "begins and ends with a letter or digit"
    )
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountsRepeated(Reason):
    """The list of accounts names some again."""

    TEXT: ClassVar[str] = "400: accountsCSV names {accounts} more than once: name each account once"
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitsOfSelfManaged(Reason):
    """The set's owner names accounts, not units."""

    TEXT: ClassVar[str] = (
        "400: organizationalUnits are for SERVICE_MANAGED sets, and this one is SELF_MANAGED: name its accounts"
    )


@dataclass(frozen=True, slots=True)
class UnitsNeeded(Reason):
    """The set is one of the organisation's."""

    TEXT: ClassVar[str] = (
        "400: organizationalUnits are missing: a SERVICE_MANAGED set needs them, also where accounts are named"
    )


@dataclass(frozen=True, slots=True)
class TargetsUnknown(Reason):
    """There is no cluster for some of what is named."""

    TEXT: ClassVar[str] = "400: there is no StackTarget for {what}: create what is missing, or leave it out"
    what: str


@dataclass(frozen=True, slots=True)
class NothingMeant(Reason):
    """All that is named is there, and nothing is left of it."""

    TEXT: ClassVar[str] = (
        "400: no account is left to deploy to: none of these units' accounts has a StackTarget in these regions, or "
        "accountFilter leaves none of them"
    )


@dataclass(frozen=True, slots=True)
class ManagementAccount(Reason):
    """The account that manages the organisation is named."""

    TEXT: ClassVar[str] = (
        "400: {accounts} is the management account, to which a SERVICE_MANAGED set is never deployed: leave it out"
    )
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotManaged(Reason):
    """The set has nothing in some of what is named."""

    TEXT: ClassVar[str] = "400: the stack set does not manage {what}: leave it out, or add it by CreateInstances first"
    what: str


# ---- how a target answers


@dataclass(frozen=True, slots=True)
class TargetReached(Reason):
    """The cluster answers."""

    TEXT: ClassVar[str] = "the cluster answers; Kubernetes {version}"
    version: str


@dataclass(frozen=True, slots=True)
class TargetUnreachable(Reason):
    """The cluster does not answer as it should."""

    TEXT: ClassVar[str] = "the cluster cannot be reached: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class TargetRefused(Reason):
    """Spec or credentials cannot be used."""

    TEXT: ClassVar[str] = "{problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class SamePlace(Reason):
    """Another target is of the same region and account."""

    TEXT: ClassVar[str] = "StackTarget {other} is of the same region and account: delete one of both"
    other: str


@dataclass(frozen=True, slots=True)
class AnotherCluster(Reason):
    """Another cluster answers than before."""

    TEXT: ClassVar[str] = (
        "another cluster answers (its kube-system has the uid {found}, not {expected}): nothing is deployed to it; if "
        "that is meant, make the StackTarget anew, and its instances by DeleteInstances with retainStacks and "
        "CreateInstances"
    )
    expected: str
    found: str
