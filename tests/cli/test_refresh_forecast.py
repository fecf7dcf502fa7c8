"""What `plan` says of a refresh of a group that has instances."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.worlds import CONFIGURATION, NOW, fleet, group, revision, view
from windlass.api.instance_refresh import InstanceRefreshSpec
from windlass.cli.subjects.group.plan import Start
from windlass.cli.subjects.task.plan import Mine, task_outlook
from windlass.cli.told import Outlook
from windlass.planner.rollout.refresh import Refresh, Sources

AWS = {"minHealthyPercentage": 80, "maxHealthyPercentage": 100, "checkpoints": [20, 50, 100]}


def outlook_of(size: int = 10, suspended: Sequence[str] = (), min_ready: int = 0, **spec: Any) -> Outlook:
    wanted = InstanceRefreshSpec.model_validate({"scalingGroup": "web", **spec})
    wanted_group = group(size, suspended_processes=suspended, min_ready_seconds=min_ready)
    seen = view(wanted_group, fleet(size), revisions=[revision()], configuration=CONFIGURATION)
    seen = replace(seen, refreshes=(Refresh("next", "next-uid", 1, NOW, wanted),), sources=Sources())
    return task_outlook(Start(seen, True), Mine({"next": "Created"}, {}))


def test_every_batch_and_checkpoint_is_shown_and_how_long_it_takes_at_least():
    found = outlook_of(desiredConfiguration={"image": "web:2"}, **AWS)
    said = found.lines()
    assert said[:4] == [
        "InstanceRefresh default/next: would be created",
        "  10 instances to be replaced in 6 batches; at least 8 in service, at most 10 there",
        "  checkpoints: 20 %, 50 %; a pause of 60 min at each",
        "  Successful after 120m at least",
    ]
    launches = ["launch" in line for line in said]
    assert sum(launches) >= 10
    pauses = [line for line in said if "waits for the pause at checkpoint" in line]
    assert ["checkpoint 20 %" in pauses[0], "checkpoint 50 %" in pauses[1], len(pauses)] == [True, True, 2]
    assert any("write ScalingConfiguration web: InstanceRefresh next is done" in line for line in said)
    assert any("end InstanceRefresh next: Successful" in line for line in said)
    assert found.assumption is not None
    assert "came into service after 2s. A refresh takes longer" in found.assumption


def test_what_is_launched_at_one_moment_is_one_batch():
    found = outlook_of(desiredConfiguration={"image": "web:2"})  # 2 and 2 at once, then 4, then 2
    assert found.values()["refreshes"][0]["batches"] == 3


def test_one_that_replaces_nobody_has_no_batches():
    found = outlook_of()  # all are made from the group's own configuration
    (course,) = found.values()["refreshes"]
    assert (course["phase"], course["batches"], course["replaced"], course["after"]) == ("Successful", 0, 0, 0.0)
    assert found.lines()[1] == "  0 instances to be replaced in 0 batches; at least 8 in service, at most 12 there"


def test_a_suspended_one_would_not_end_by_itself():
    found = outlook_of(state="Suspended", desiredConfiguration={"image": "web:2"})
    assert any("it would not end by itself" in line for line in found.lines())
    assert found.values()["refreshes"][0]["after"] is None
    assert (found.acts, found.settled) == (False, False)


def test_one_whose_launches_are_suspended_would_not_end_by_itself():
    said = outlook_of(3, suspended=["ScaleOut"], desiredConfiguration={"image": "web:2"}).lines()
    assert (
        "  it would not end by itself: 0 of 3 updated; waits for ScaleOut is suspended: 1 instance missing" in said[2]
    )


def test_one_that_fails_on_the_way_says_why():
    found = outlook_of(3, min_ready=600, progressDeadlineSeconds=300, desiredConfiguration={"image": "web:2"})
    said = next(line for line in found.lines() if line.startswith("  Failed after 5m at least: "))
    assert "progressDeadlineSeconds" in said
    assert (found.acts, found.refused) == (True, False)  # the API server would take it


def test_one_that_is_cancelled_before_it_begins_is_settled():
    found = outlook_of(state="Cancelled", desiredConfiguration={"image": "web:2"})
    assert (found.acts, found.settled) == (False, True)
