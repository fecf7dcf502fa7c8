import asyncio
from datetime import timedelta

import pytest

from tests.engine.manual_clock import START, ManualClock
from windlass.cluster.errors import Gone, Invalid, Transient
from windlass.engine.expectations import LIMIT, Expectations
from windlass.engine.queue import Key

WEB = Key("ScalingGroup", "shop", "web")
API = Key("ScalingGroup", "shop", "api")


@pytest.fixture
def expectations() -> Expectations:
    return Expectations(ManualClock())


def test_an_owner_that_nothing_was_written_for_is_satisfied(expectations: Expectations):
    assert expectations.satisfied(WEB)
    assert expectations.wake_at(WEB) is None
    assert not expectations.overdue(WEB, START + timedelta(days=1))


def test_a_creation_is_expected_until_it_is_seen(expectations: Expectations):
    with expectations.creating(WEB, "web-1"):
        assert not expectations.satisfied(WEB)
    expectations.observed_created(WEB, "web-2")
    expectations.observed_created(API, "web-1")
    assert not expectations.satisfied(WEB)
    expectations.observed_created(WEB, "web-1")
    assert expectations.satisfied(WEB)


def test_a_creation_that_is_seen_before_its_answer_is_not_waited_for(expectations: Expectations):
    with expectations.creating(WEB, "web-1"):
        expectations.observed_created(WEB, "web-1")
    assert expectations.satisfied(WEB)


def test_a_deletion_is_expected_by_uid(expectations: Expectations):
    with expectations.deleting(WEB, "uid-1"):
        pass
    expectations.observed_deleted(WEB, "uid-2")
    assert not expectations.satisfied(WEB)
    expectations.observed_deleted(WEB, "uid-1")
    assert expectations.satisfied(WEB)


def test_a_request_that_fails_is_not_waited_for(expectations: Expectations):
    with pytest.raises(Invalid), expectations.creating(WEB, "web-1"):
        raise Invalid("creating Pod shop/web-1: spec.containers: Required value", code=422)
    with pytest.raises(Gone), expectations.deleting(WEB, "uid-1"):
        raise Gone("deleting Pod shop/web-1: not found", code=404)
    assert expectations.satisfied(WEB)


def test_a_request_that_may_have_been_carried_out_is_waited_for(expectations: Expectations):
    with pytest.raises(Transient), expectations.creating(WEB, "web-1"):
        raise Transient("creating Pod shop/web-1: time-out", lost=True)
    with pytest.raises(Transient), expectations.deleting(WEB, "uid-2"):
        raise Transient("deleting Pod shop/web-2: time-out", lost=True)
    expectations.observed_created(WEB, "web-1")
    assert not expectations.satisfied(WEB)
    assert expectations.overdue(WEB, START + LIMIT)


def test_owners_do_not_wait_for_each_other(expectations: Expectations):
    with expectations.creating(WEB, "web-1"):
        pass
    assert expectations.satisfied(API)


def test_what_is_not_seen_within_30_s_of_the_last_write_is_overdue_until_cleared():
    async def scenario() -> None:
        clock = ManualClock()
        expectations = Expectations(clock)
        with expectations.creating(WEB, "web-1"):
            pass
        await clock.advance(20)
        with expectations.creating(WEB, "web-2"):
            pass
        wake_at = expectations.wake_at(WEB)
        assert wake_at == START + timedelta(seconds=20) + LIMIT
        assert not expectations.overdue(WEB, wake_at - timedelta(seconds=1))
        assert expectations.overdue(WEB, wake_at)
        expectations.clear(WEB)
        assert expectations.satisfied(WEB)
        assert not expectations.overdue(WEB, wake_at)

    asyncio.run(scenario())


def test_owners_that_are_satisfied_leave_nothing_behind(expectations: Expectations):
    for number in range(1000):
        owner = Key("ScalingGroup", "shop", f"g{number}")
        with expectations.creating(owner, "web-1"), expectations.deleting(owner, "uid-2"):
            pass
        expectations.observed_created(owner, "web-1")
        expectations.observed_deleted(owner, "uid-2")
    assert expectations._owners == {}
