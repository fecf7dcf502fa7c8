"""Which regions × accounts are meant, and what is named where they cannot be had."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stacks import instance, stack_set, world
from windlass.api.stacks import MAX_CSV_BYTES, AccountFilter, DeploymentTargets, PermissionModel
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
from windlass.planner.stackset.selection import managed_units
from windlass.planner.stackset.targets import Place, Target, accounts_in, chosen, managed

SELF, SERVICE = PermissionModel.SELF_MANAGED, PermissionModel.SERVICE_MANAGED


def asked(*regions: str, **more: Any) -> DeploymentTargets:
    return DeploymentTargets(regions=regions, **more)


def places(*names: str) -> tuple[Place, ...]:
    """`eu-1/acme`."""
    return tuple(Place(*name.split("/")) for name in names)


# ---- accounts as text

TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "one": ("acme", ("acme",)),
    "commas": ("acme,shop,lab", ("acme", "shop", "lab")),
    "line ends": ("acme\nshop\nlab", ("acme", "shop", "lab")),
    "line ends of other systems": ("acme\r\nshop\rlab\r\n", ("acme", "shop", "lab")),
    "both": ("acme,shop\nlab", ("acme", "shop", "lab")),
    "blanks around them": (" acme ,\tshop\t\n  lab", ("acme", "shop", "lab")),
    "fields with nothing in them": (",acme,, ,shop,\n\n,lab,", ("acme", "shop", "lab")),
    "the mark that spreadsheets begin with": ("\ufeffacme,shop", ("acme", "shop")),
    "all that an account may have": ("a,A,0,a-b_c.d,000123456789", ("a", "A", "0", "a-b_c.d", "000123456789")),
    "the longest account": ("a" * 63, ("a" * 63,)),
}


@pytest.mark.parametrize(("csv", "accounts"), TEXTS.values(), ids=TEXTS)
@pytest.mark.spec("stack-set.md", "targets: regions × domains")
def test_accounts_in_a_text(csv: str, accounts: tuple[str, ...]) -> None:
    assert accounts_in(csv) == accounts


NO_ACCOUNTS: dict[str, tuple[str, Reason]] = {
    "nothing": ("", NoAccounts()),
    "nothing but commas": (" ,\n, ", NoAccounts()),
    "nothing but the mark": ("\ufeff", NoAccounts()),
    "quotes": ('"acme",shop', NotAccounts(("'\"acme\"'",))),
    "a blank within": ("ac me", NotAccounts(("'ac me'",))),
    "a blank that is none": ("acme\u00a0", NotAccounts(("'acme\\xa0'",))),
    "a line end that is none": ("acme\u2028shop", NotAccounts(("'acme\\u2028shop'",))),
    "a mark within": ("acme,\ufeffshop", NotAccounts(("'\\ufeffshop'",))),
    "another separator": ("acme;shop", NotAccounts(("'acme;shop'",))),
    "a dash at the end": ("acme-", NotAccounts(("'acme-'",))),
    "letters of another script": ("köln", NotAccounts(("'köln'",))),
    "half a character": ("\ud800", NotAccounts(("'\\ud800'",))),
    "all of them at once": ("a b,ok,c d", NotAccounts(("'a b'", "'c d'"))),
    "one too long": ("a" * 64, NotAccounts((f"'{'a' * 64}'",))),
    "what is too long to be shown": ("a" * 999, NotAccounts((f"'{'a' * 80}'",))),
    "one twice": ("acme,shop\nacme,lab,shop,acme", AccountsRepeated(("acme", "shop"))),
}


@pytest.mark.parametrize(("csv", "refused"), NO_ACCOUNTS.values(), ids=NO_ACCOUNTS)
def test_texts_that_are_refused(csv: str, refused: Reason) -> None:
    assert accounts_in(csv) == refused
    assert str(refused).startswith("400: accountsCSV ")


@pytest.mark.spec("stack-set.md", "targets: regions × domains")
def test_the_longest_text_of_accounts() -> None:
    account, blanks = "acme", MAX_CSV_BYTES - len("acme")

    assert accounts_in(account + " " * blanks) == ("acme",)
    assert accounts_in(account + " " * (blanks + 1)) == AccountsTooLarge(MAX_CSV_BYTES + 1, MAX_CSV_BYTES)


def test_the_text_is_measured_in_bytes() -> None:
    assert accounts_in("é" * 50_001) == AccountsTooLarge(100_002, MAX_CSV_BYTES)


@given(st.text())
def test_no_text_is_too_strange(csv: str) -> None:
    read = accounts_in(csv)

    assert isinstance(read, Reason) or accounts_in(",".join(read)) == read


# ---- an organisation

ORGANISATION = (
    Target("hq", "eu-1", "hq", "root", management=True),
    Target("hq-us", "us-1", "hq", "root"),
    Target("tools", "eu-1", "tools", "root"),
    Target("shop-eu", "eu-1", "shop", "root/eu/shop"),
    Target("shop-us", "us-1", "shop", "root/eu/shop"),
    Target("bank", "eu-1", "bank", "root/eu"),
    Target("europe", "eu-1", "europe", "root/europe"),
    Target("lab", "us-1", "lab", "root/us/lab"),
    Target("stray", "eu-1", "stray"),
)
EU = ("root/eu",)
IN_EU = places("eu-1/bank", "eu-1/shop", "us-1/shop")


# ---- what is created: accounts


@pytest.mark.spec("stack-set.md", "targets: regions × domains")
def test_named_accounts_are_meant_in_every_region() -> None:
    two = (*ORGANISATION, Target("bank-us", "us-1", "bank", "root/eu"))
    both = places("eu-1/bank", "eu-1/shop", "us-1/bank", "us-1/shop")

    assert chosen(asked("us-1", "eu-1", accounts=("shop", "bank")), two, SELF) == both
    assert chosen(asked("us-1", "eu-1", accounts_csv="shop\r\nbank\r\n"), two, SELF) == both


def test_a_text_of_accounts_that_cannot_be_read_is_the_refusal() -> None:
    assert chosen(asked("eu-1", accounts_csv="a b"), ORGANISATION, SELF) == NotAccounts(("'a b'",))


@pytest.mark.spec("stack-set.md", "targets: only managed")
@pytest.mark.parametrize(
    ("regions", "accounts", "named"),
    [
        (("eu-1",), ("nobody",), "account nobody"),
        (("mars", "eu-1"), ("shop",), "region mars"),
        (("eu-1", "us-1"), ("shop", "bank"), "account bank in region us-1"),
        (("eu-1", "us-1", "mars"), ("shop", "bank", "b", "a"), "region mars, account a, account b and 1 more"),
        (
            ("eu-1", "us-1"),
            ("tools", "bank", "lab"),
            "account lab in region eu-1, account bank in region us-1, account tools in region us-1",
        ),
        (
            ("eu-1", "us-1"),
            ("tools", "bank", "lab", "europe", "stray"),
            "account lab in region eu-1, account bank in region us-1, account europe in region us-1 and 2 more",
        ),
    ],
)
def test_all_that_has_no_target_is_named(regions: tuple[str, ...], accounts: tuple[str, ...], named: str) -> None:
    assert chosen(asked(*regions, accounts=accounts), ORGANISATION, SELF) == TargetsUnknown(named)


def test_the_sentence_about_what_has_no_target() -> None:
    assert str(chosen(asked("mars", accounts=("shop",)), ORGANISATION, SELF)) == (
        "400: there is no StackTarget for region mars: create what is missing, or leave it out"
    )


# ---- what is created: units


FILTERS: dict[str, tuple[dict[str, Any], tuple[Place, ...]]] = {
    "a unit, and those below it": ({"organizational_units": EU}, IN_EU),
    "a nested one": ({"organizational_units": ("root/eu/shop",)}, places("eu-1/shop", "us-1/shop")),
    "the root, without the management account": (
        {"organizational_units": ("root",)},
        places("eu-1/bank", "eu-1/europe", "eu-1/shop", "eu-1/tools", "us-1/lab", "us-1/shop"),
    ),
    "several units, one in the other": (
        {"organizational_units": ("root/eu", "root/eu/shop", "root/us")},
        places("eu-1/bank", "eu-1/shop", "us-1/lab", "us-1/shop"),
    ),
    "Intersection": (
        {"organizational_units": EU, "account_filter": AccountFilter.INTERSECTION, "accounts": ("shop", "lab")},
        places("eu-1/shop", "us-1/shop"),
    ),
    "Difference": (
        {"organizational_units": EU, "account_filter": AccountFilter.DIFFERENCE, "accounts": ("shop", "lab")},
        places("eu-1/bank"),
    ),
    "Difference that takes nothing away": (
        {"organizational_units": EU, "account_filter": AccountFilter.DIFFERENCE, "accounts": ("hq",)},
        IN_EU,
    ),
}


@pytest.mark.parametrize(("selection", "meant"), FILTERS.values(), ids=FILTERS)
@pytest.mark.spec("stack-set.md", "targets: units")
def test_units(selection: dict[str, Any], meant: tuple[Place, ...]) -> None:
    assert chosen(asked("eu-1", "us-1", **selection), ORGANISATION, SERVICE) == meant


@pytest.mark.spec("stack-set.md", "targets: units")
def test_union_adds_accounts_and_needs_a_target_of_each_in_each_region() -> None:
    union = {"organizational_units": ("root/us",), "account_filter": AccountFilter.UNION}

    assert chosen(asked("us-1", accounts=("shop",), **union), ORGANISATION, SERVICE) == places("us-1/lab", "us-1/shop")
    assert chosen(asked("us-1", accounts=("bank",), **union), ORGANISATION, SERVICE) == (
        TargetsUnknown("account bank in region us-1")
    )


@pytest.mark.parametrize("by", [AccountFilter.INTERSECTION, AccountFilter.DIFFERENCE, AccountFilter.UNION])
def test_accounts_beside_units_are_known_ones(by: AccountFilter) -> None:
    selection = asked("eu-1", organizational_units=("root",), accounts=("nobody",), account_filter=by)

    assert chosen(selection, ORGANISATION, SERVICE) == TargetsUnknown("account nobody")


@pytest.mark.spec("stack-set.md", "targets: units")
def test_units_in_which_there_is_nothing_are_named_with_all_else() -> None:
    selection = asked("mars", "eu-1", organizational_units=("root/e", "root/asia", "root/eu", "root/eu/shop/till"))

    assert chosen(selection, ORGANISATION, SERVICE) == TargetsUnknown(
        "unit root/asia, unit root/e, unit root/eu/shop/till and 1 more"
    )


@pytest.mark.spec("stack-set.md", "targets: units")
def test_the_management_account_is_never_had_by_a_set_of_the_organisation() -> None:
    union = asked("us-1", organizational_units=("root/us",), accounts=("hq",), account_filter=AccountFilter.UNION)
    alone = (Target("hq", "eu-1", "hq", "root/hq", management=True), *ORGANISATION)

    assert chosen(union, ORGANISATION, SERVICE) == ManagementAccount(("hq",))
    assert chosen(asked("eu-1", organizational_units=("root/hq",)), alone, SERVICE) == NothingMeant()


def test_a_set_that_names_accounts_may_name_the_management_account() -> None:
    assert chosen(asked("eu-1", accounts=("hq",)), ORGANISATION, SELF) == places("eu-1/hq")


def test_where_nothing_is_left_that_is_said() -> None:
    nowhere = asked("eu-1", organizational_units=("root/us",))
    nobody = asked("eu-1", organizational_units=EU, accounts=("lab",), account_filter=AccountFilter.INTERSECTION)

    assert chosen(nowhere, ORGANISATION, SERVICE) == NothingMeant()
    assert chosen(nobody, ORGANISATION, SERVICE) == NothingMeant()


@pytest.mark.spec("stack-set.md", "stack set: permission model")
def test_who_names_accounts_and_who_names_units() -> None:
    units, accounts = asked("eu-1", organizational_units=("root",)), asked("eu-1", accounts=("shop",))

    assert chosen(units, ORGANISATION, SELF) == UnitsOfSelfManaged()
    assert chosen(accounts, ORGANISATION, SERVICE) == UnitsNeeded()
    assert managed(units, IN_EU, ("eu-1",), (), ORGANISATION, SELF) == UnitsOfSelfManaged()
    assert managed(accounts, IN_EU, ("eu-1",), ("root",), ORGANISATION, SERVICE) == UnitsNeeded()
    assert all(str(reason).startswith("400: ") for reason in (UnitsOfSelfManaged(), UnitsNeeded()))


# ---- what a set manages


def of_set(
    selection: DeploymentTargets, there: Iterable[Place] = IN_EU, units: tuple[str, ...] = EU
) -> tuple[Place, ...] | Reason:
    """Of a set with instances in all of `root/eu`."""
    permission = SERVICE if selection.organizational_units else SELF
    return managed(selection, set(there), ("eu-1", "us-1"), units, ORGANISATION, permission)


@pytest.mark.spec("stack-set.md", "targets: only managed")
def test_of_regions_by_accounts_those_are_meant_that_there_are() -> None:
    assert of_set(asked("eu-1", "us-1", accounts=("bank", "shop"))) == IN_EU
    assert of_set(asked("us-1", accounts=("bank", "shop"))) == places("us-1/shop")
    assert of_set(asked("us-1", accounts_csv="bank")) == ()


def test_an_instance_whose_target_is_gone_can_be_named() -> None:
    assert of_set(asked("eu-1", accounts=("gone",)), places("eu-1/gone")) == places("eu-1/gone")


@pytest.mark.spec("stack-set.md", "targets: only managed")
@pytest.mark.spec("stack-set.md", "targets: units")
@pytest.mark.parametrize(
    ("selection", "meant"),
    [
        ({"organizational_units": EU}, IN_EU),
        ({"organizational_units": ("root/eu/shop",)}, places("eu-1/shop", "us-1/shop")),
        (
            {"organizational_units": EU, "account_filter": AccountFilter.INTERSECTION, "accounts": ("shop",)},
            places("eu-1/shop", "us-1/shop"),
        ),
        (
            {"organizational_units": EU, "account_filter": AccountFilter.DIFFERENCE, "accounts": ("shop",)},
            places("eu-1/bank"),
        ),
        (
            {"organizational_units": ("root/eu/shop",), "account_filter": AccountFilter.UNION, "accounts": ("bank",)},
            IN_EU,
        ),
    ],
)
def test_units_that_are_managed_and_those_below_them(selection: dict[str, Any], meant: tuple[Place, ...]) -> None:
    assert of_set(asked("eu-1", "us-1", **selection)) == meant


def test_an_account_that_came_into_a_unit_later_is_no_instance_yet() -> None:
    assert of_set(asked("eu-1", organizational_units=EU), places("eu-1/bank")) == places("eu-1/bank")


NOT_MANAGED: dict[str, tuple[DeploymentTargets, str]] = {
    "a region": (asked("ap-1", "eu-1", accounts=("shop",)), "region ap-1"),
    "an account": (asked("eu-1", accounts=("shop", "lab")), "account lab"),
    "a unit beside it": (asked("eu-1", organizational_units=("root/us", "root/eu")), "unit root/us"),
    "a unit above it": (asked("eu-1", organizational_units=("root",)), "unit root"),
    "one that begins the same": (asked("eu-1", organizational_units=("root/europe",)), "unit root/europe"),
    "one below it in which there is nothing": (
        asked("eu-1", organizational_units=("root/eu/shp",)),
        "unit root/eu/shp",
    ),
    "an account that is to be left out": (
        asked("eu-1", organizational_units=EU, accounts=("lab",), account_filter=AccountFilter.DIFFERENCE),
        "account lab",
    ),
    "all at once": (
        asked(
            "ap-1",
            "ap-2",
            organizational_units=("root",),
            accounts=("lab", "tools"),
            account_filter=AccountFilter.UNION,
        ),
        "unit root, region ap-1, region ap-2 and 2 more",
    ),
}


@pytest.mark.parametrize(("selection", "named"), NOT_MANAGED.values(), ids=NOT_MANAGED)
@pytest.mark.spec("stack-set.md", "targets: only managed")
def test_what_is_not_managed_is_named(selection: DeploymentTargets, named: str) -> None:
    assert of_set(selection) == NotManaged(named)
    assert str(of_set(selection)).startswith(f"400: the stack set does not manage {named}: ")


def test_a_set_manages_the_units_in_which_it_has_an_instance() -> None:
    hq, _, tools, shop, *_, stray = ORGANISATION

    assert units_with(shop, "root/us", "root/eu") == {"root/eu"}
    assert units_with(tools, "root") == {"root"}
    assert not units_with(tools, "root/eu")
    assert not units_with(shop, "root/eu/shop/till")
    assert not units_with(hq, "root")
    assert not units_with(stray, "root")
    assert not units_with(shop)


def units_with(target: Target, *asked: str) -> frozenset[str]:
    """Which of the units that were asked for a set manages whose one instance is in this target."""
    of = stack_set(permissionModel="SERVICE_MANAGED", status={"organizationalUnits": asked})
    return managed_units(world(of, instances=[instance(target.region, target.account)], known=[target]), of)


# ---- whatever there is

accounts = st.sets(st.sampled_from("abcde"), min_size=1).map(lambda found: tuple(sorted(found)))
unit = st.sampled_from(["root", "root/eu", "root/eu/shop", "root/europe", "root/us"])
organisations = st.lists(
    st.builds(
        Target,
        st.just("target"),
        st.sampled_from(["eu-1", "us-1"]),
        st.sampled_from("abcde"),
        st.none() | unit,
        st.booleans(),
    )
)


@given(organisations, st.sets(unit, min_size=1), st.sampled_from(AccountFilter), accounts)
def test_a_choice_is_of_targets_and_what_was_chosen_is_managed(
    targets: list[Target], units: set[str], by: AccountFilter, named: tuple[str, ...]
) -> None:
    named = () if by is AccountFilter.NONE else named
    selection = asked("eu-1", "us-1", organizational_units=tuple(units), accounts=named, account_filter=by)
    found = chosen(selection, targets, SERVICE)
    if isinstance(found, Reason):
        return

    assert set(found) <= {Place(each.region, each.account) for each in targets}
    assert list(found) == sorted(set(found))
    assert not {place.account for place in found} & {each.account for each in targets if each.management}
    everywhere = {Place(region, account) for region in ("eu-1", "us-1") for account in "abcde"}
    again = managed(selection, everywhere, ("eu-1", "us-1"), units, targets, SERVICE)
    assert isinstance(again, tuple)
    assert set(found) <= set(again)
