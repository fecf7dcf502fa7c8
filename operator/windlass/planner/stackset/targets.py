"""Which regions × accounts are meant.

Whatever cannot be had is named, all of it at once: nothing is done to a part of what was asked for.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from windlass.api.stacks import MAX_CSV_BYTES, Account, AccountFilter, DeploymentTargets, PermissionModel
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_targets import (
    AccountsRepeated,
    AccountsTooLarge,
    ManagementAccount,
    NoAccounts,
    NotAccounts,
    NothingMeant,
    NotManaged,
    TargetsUnknown,
    UnitsNeeded,
    UnitsOfSelfManaged,
)

MOST_NAMED = 3  # in one sentence
_SHOWN = 80  # characters of what is no account
_BETWEEN = re.compile(r"[,\r\n]")
_ACCOUNTS = TypeAdapter(tuple[Account, ...])


class Place(NamedTuple):
    """Where an instance is. There are ten thousand of them in a pass: tuples are made and sorted fast enough."""

    region: str
    account: str


@dataclass(frozen=True, slots=True)
class Target:
    """A StackTarget. `unit`: the organisational unit of its account, from the root on; `management`: that account
    manages the organisation."""

    name: str
    region: str
    account: str
    unit: str | None = None
    management: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is named. Without units, `accounts` are what is meant; with units they mean what `by` says."""

    regions: frozenset[str]
    accounts: frozenset[str]
    units: frozenset[str]
    by: AccountFilter


def accounts_in(csv: str) -> tuple[str, ...] | Reason:
    """The accounts of a text with commas or line ends between them.

    Blanks around them, and fields with nothing in them, do not matter. One that is named twice is refused, as it is in
    `accounts`.
    """
    size = len(csv.encode(errors="surrogatepass"))
    if size > MAX_CSV_BYTES:
        return AccountsTooLarge(size, MAX_CSV_BYTES)
    fields = [field for part in _BETWEEN.split(csv.removeprefix("\ufeff")) if (field := part.strip(" \t"))]
    try:
        accounts = _ACCOUNTS.validate_python(fields)
    except ValidationError as error:
        wrong = (fields[int(each["loc"][0])] for each in error.errors(include_url=False, include_context=False))
        return NotAccounts(tuple(repr(field[:_SHOWN]) for field in wrong))
    repeated = tuple(account for account, times in Counter(accounts).items() if times > 1)
    if repeated:
        return AccountsRepeated(repeated)
    return accounts or NoAccounts()


def chosen(
    selection: DeploymentTargets, targets: Sequence[Target], permission: PermissionModel
) -> tuple[Place, ...] | Reason:
    """Where instances are to be, sorted, or why not. An account that is named needs a StackTarget in each region; of a
    unit's accounts those are meant that have one."""
    asked = _asked(selection, permission)
    if isinstance(asked, Reason):
        return asked
    there = {Place(each.region, each.account) for each in targets}
    count, without = _without_target(asked, there, targets)
    if count:
        return TargetsUnknown(_first(without, count))
    managers = asked.accounts & _managers(targets) if asked.by is AccountFilter.UNION else ()
    if managers:
        return ManagementAccount(tuple(sorted(managers)))
    return _meant(asked, there, targets) or NothingMeant()


def managed(
    selection: DeploymentTargets,
    instances: Collection[Place],
    regions: Collection[str],
    units: Collection[str],
    targets: Sequence[Target],
    permission: PermissionModel,
) -> tuple[Place, ...] | Reason:
    """Which of the instances are meant, sorted, or why none is: what is named must be among the `regions` and `units`
    that the set manages, or below those, and among its instances' accounts."""
    asked = _asked(selection, permission)
    if isinstance(asked, Reason):
        return asked
    roots, empty = _roots(units), _empty(asked.units, targets)
    strange = {unit for unit in asked.units if unit in empty or not _inside(unit, roots)}
    unknown = _named("unit", strange) + _named("region", asked.regions.difference(regions))
    unknown += _named("account", asked.accounts - {place.account for place in instances})
    if unknown:
        return NotManaged(_first(unknown, len(unknown)))
    return _meant(asked, instances, targets)


def _asked(selection: DeploymentTargets, permission: PermissionModel) -> _Asked | Reason:
    if selection.organizational_units and permission is PermissionModel.SELF_MANAGED:
        return UnitsOfSelfManaged()
    if not selection.organizational_units and permission is PermissionModel.SERVICE_MANAGED:
        return UnitsNeeded()
    accounts = selection.accounts if selection.accounts_csv is None else accounts_in(selection.accounts_csv)
    if isinstance(accounts, Reason):
        return accounts
    return _Asked(
        frozenset(selection.regions),
        frozenset(accounts),
        frozenset(selection.organizational_units),
        selection.account_filter,
    )


def _without_target(asked: _Asked, there: Set[Place], targets: Sequence[Target]) -> tuple[int, Iterator[str]]:
    """How much of what is named has no target, and what that is: made one by one, as it may be regions × accounts."""
    regions, accounts = {place.region for place in there}, {place.account for place in there}
    unknown = _named("unit", _empty(asked.units, targets)) + _named("region", asked.regions - regions)
    unknown += _named("account", asked.accounts - accounts)
    if asked.units and asked.by is not AccountFilter.UNION:
        return len(unknown), iter(unknown)
    rows, columns = sorted(asked.regions & regions), sorted(asked.accounts & accounts)
    had = sum(place.region in asked.regions and place.account in asked.accounts for place in there)
    pairs = (f"account {a} in region {r}" for r in rows for a in columns if Place(r, a) not in there)
    return len(unknown) + len(rows) * len(columns) - had, chain(unknown, pairs)


def _meant(asked: _Asked, places: Iterable[Place], targets: Sequence[Target]) -> tuple[Place, ...]:
    """Those of the places that are asked for, sorted."""
    here = {place for place in places if place.region in asked.regions}
    named = {place for place in here if place.account in asked.accounts}
    if not asked.units:
        return tuple(sorted(named))
    roots, managers = _roots(asked.units), _managers(targets)
    inside = here & {
        Place(each.region, each.account)
        for each in targets
        if each.unit is not None and each.account not in managers and _inside(each.unit, roots)
    }
    match asked.by:
        case AccountFilter.INTERSECTION:
            inside &= named
        case AccountFilter.DIFFERENCE:
            inside -= named
        case AccountFilter.UNION:
            inside |= named
    return tuple(sorted(inside))


def _managers(targets: Iterable[Target]) -> set[str]:
    return {each.account for each in targets if each.management}


def _roots(units: Iterable[str]) -> tuple[str, ...]:
    """What the names of these units, and of all below them, begin with; each with a slash at its end."""
    return tuple(f"{unit}/" for unit in units)


def _inside(unit: str, roots: tuple[str, ...]) -> bool:
    return f"{unit}/".startswith(roots)


def _empty(units: Iterable[str], targets: Iterable[Target]) -> set[str]:
    """Those of the units in which, and below which, there is no target."""
    known = _roots({each.unit for each in targets if each.unit is not None})
    return {unit for unit in units if not any(name.startswith(f"{unit}/") for name in known)}


def _named(noun: str, names: Iterable[str]) -> list[str]:
    return [f"{noun} {name}" for name in sorted(names)]


def _first(entries: Iterable[str], count: int) -> str:
    """The first few of so many."""
    shown = ", ".join(islice(entries, MOST_NAMED))
    return f"{shown} and {count - MOST_NAMED} more" if count > MOST_NAMED else shown
