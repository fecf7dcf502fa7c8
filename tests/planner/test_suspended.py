"""What may not be replaced is not removed: the evidence stays."""

import pytest

from tests.worlds import activity, fleet, group, pending, planned, removals


@pytest.mark.parametrize("process", ["HealthCheck", "ScaleOut"])
@pytest.mark.parametrize("ended", [None, "20m"])
def test_what_failed_stays_while_it_may_not_be_replaced(process: str, ended: str | None) -> None:
    late = pending("web-2", age="1h", scheduled="11m")
    last = activity(first_ordinal=2, ended=ended) if ended else activity(first_ordinal=2)
    plan = planned(group(3, suspended_processes=(process,)), (*fleet(2), late), activity=last)

    assert plan.status.failed == 1
    assert not removals(plan)
    assert plan.status.activity is not None
    assert plan.status.activity.ended_at is not None  # nothing holds it open
