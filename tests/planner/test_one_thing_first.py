"""What must be done before anything else can be, and says so."""

import pytest

from tests.worlds import GROUP, activity, fleet, group, instance, launches, planned, removals, revision, steps_of_kind
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import RecordingActivity
from windlass.planner.capacity.steps import KeepRevision, Record

SICK = instance(f"{GROUP}-9", not_ready="2h")


@pytest.mark.parametrize(
    ("desired", "there"),
    [(1, fleet(3)), (5, fleet(3)), (4, (*fleet(3), SICK))],
    ids=["too many", "too few", "one is sick"],
)
def test_nothing_begins_while_the_last_record_is_open(desired: int, there: tuple[Instance, ...]) -> None:
    plan = planned(group(desired), there, activity=activity(ended="1m", to=3), record="open")

    assert plan.why == RecordingActivity(f"{GROUP}-a1")
    assert [step.name for step in steps_of_kind(plan, Record)] == [f"{GROUP}-a1"]
    assert not launches(plan)
    assert not removals(plan)
    assert plan.status.next_activity == 2


def test_a_revisions_name_does_not_depend_on_the_order_in_which_somebody_wrote() -> None:
    one = {"template": {"spec": {"a": 1, "b": 2}, "metadata": {}}}
    other = {"template": {"metadata": {}, "spec": {"b": 2, "a": 1}}}
    kept = [
        steps_of_kind(planned(group(1), configuration=configuration, revisions=[revision()]), KeepRevision)
        for configuration in (one, other)
    ]

    assert [step.name for step in kept[0]] == [step.name for step in kept[1]] != []
