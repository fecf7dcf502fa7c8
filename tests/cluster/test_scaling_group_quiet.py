"""A group that is as desired costs nothing, and a change costs as few requests as there can be."""

from collections import Counter
from collections.abc import Iterator

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster.audit import AuditLog
from tests.cluster.groups import ZONES, Groups
from tests.cluster.operator_process import Operators

# Time is told by the renewals of the lease: they are further apart than two writes of one group's counts may be.
LEASE = ("--lease-retry-period=1.1", "--lease-renew-deadline=3", "--lease-duration=5")
RENEWALS = 4


@pytest.fixture
def groups(cluster: Cluster, namespace: str) -> Iterator[Groups]:
    """The groups of the test's namespace, with no operator yet."""
    with Groups(cluster, namespace) as groups:
        yield groups
        assert groups.broken_promises() == []


def test_groups_as_desired_cause_no_writes_but_the_renewal_of_the_lease(groups: Groups, operator: Operators) -> None:
    operator.start(*LEASE).wait_until_leading()
    for name, spec in {"web": {"zones": ZONES}, "idle": {"enabled": False}}.items():
        groups.create(name, desired=3, **spec)
    groups.get("web").wait_until_ready(3)
    groups.get("idle").wait_for_phase("Disabled")
    groups.create("stalled", configuration={"scalingConfiguration": "none"}).wait_for_phase("Stalled")
    wait_until_settled(groups, operator)
    assert asked_while_quiet(groups, operator) == []


def test_an_operator_that_starts_anew_writes_nothing_about_groups_as_desired(
    groups: Groups, operator: Operators
) -> None:
    first = operator.start(*LEASE)
    first.wait_until_leading()
    web = groups.create(desired=3, zones=ZONES)
    web.wait_until_ready(3)
    web.scale(2)
    web.wait_until_ready(2)
    wait_until_settled(groups, operator)
    assert first.stop() == 0
    audit = AuditLog(groups.cluster, groups.namespace)
    operator.start(*LEASE).wait_until_leading()
    assert asked_while_quiet(groups, operator) == []
    assert audit.writes() == []


def test_a_launch_asks_for_each_instance_once_and_reads_only_what_it_makes_them_from(
    groups: Groups, operator: Operators
) -> None:
    operator.start(*LEASE).wait_until_leading()
    web = groups.create(desired=0)
    web.wait_until_ready(0)
    wait_until_settled(groups, operator)
    audit = AuditLog(groups.cluster, groups.namespace)
    web.scale(20)
    web.wait_until_ready(20)
    wait_until_settled(groups, operator)
    asked = requests(audit)
    # One before it acts, one at its end, and the counts at most once a second between.
    assert 2 <= asked.pop("patch scalinggroups/status") <= 5
    assert asked == {
        "get scalingconfigurations": 1,  # its deletion may have gone unheard
        "create pods": 20,
        "create scalingactivities": 1,
        "patch scalingactivities/status": 2,
        "create events": 2,
    }


def test_a_removal_asks_for_each_instance_once_and_reads_nothing(groups: Groups, operator: Operators) -> None:
    operator.start(*LEASE).wait_until_leading()
    web = groups.create(desired=20)
    web.wait_until_ready(20)
    wait_until_settled(groups, operator)
    audit = AuditLog(groups.cluster, groups.namespace)
    web.scale(5)
    web.wait_until_ready(5)
    wait_until_settled(groups, operator)
    asked = requests(audit)
    assert 2 <= asked.pop("patch scalinggroups/status") <= 5
    assert asked == {
        "delete pods": 15,
        "create scalingactivities": 1,
        "patch scalingactivities/status": 2,
        "patch events": 2,  # what was told of the launch before, counted up
    }


def test_a_first_launch_asks_for_a_dry_run_and_a_revision_too(groups: Groups, operator: Operators) -> None:
    operator.start(*LEASE).wait_until_leading()
    groups.configure("web")
    web = groups.create(desired=3)
    web.wait_until_ready(3)
    wait_until_settled(groups, operator)
    asked = requests(groups.audit)
    assert 3 <= asked.pop("patch scalinggroups/status") <= 5
    assert asked == {
        "list pods": 1,  # the first time that this process acts on the group, it looks what there is
        "list controllerrevisions": 1,
        "get scalingconfigurations": 2,  # for the revision, and for the instances
        "create pods, dry run": 1,
        "create controllerrevisions": 1,
        "create pods": 3,
        "create scalingactivities": 1,
        "patch scalingactivities/status": 2,
        "create events": 2,
    }


def requests(audit: AuditLog) -> Counter[str]:
    """How often each thing was asked by the operator, watches apart."""
    asked = (each for each in audit.asked() if each.verb != "watch")
    return Counter(f"{each.verb} {each.what}{', dry run' if each.dry else ''}" for each in asked)


def wait_until_settled(groups: Groups, operator: Operators) -> None:
    """Until every record is closed and nothing has been written between two renewals of the lease."""
    lease = AuditLog(groups.cluster, operator.installation.namespace)
    state = {"renewals": 0, "writes": -1}

    def settled() -> bool:
        renewals, writes = len(lease.writes()), len(groups.audit.writes())
        if renewals == state["renewals"]:
            return False
        quiet = writes == state["writes"]
        state.update(renewals=renewals, writes=writes)
        return quiet

    wait_until(settled, 30, "nothing more to write")


def asked_while_quiet(groups: Groups, operator: Operators) -> list[str]:
    """What the operator asks of the API server about these groups while it renews its lease a few times."""
    lease = AuditLog(groups.cluster, operator.installation.namespace)
    audit = AuditLog(groups.cluster, groups.namespace)
    wait_until(lambda: len(lease.writes()) >= RENEWALS, 30, "renewals of the lease")
    assert {asked.what for asked in lease.writes()} == {"leases"}
    return list(requests(audit))
