"""What `plan` says of an update of a group that has instances."""

from dataclasses import replace
from typing import Any

import pytest

from tests.updates import IMAGE, PACKAGE, PACKAGES, SCRIPT, in_update, update
from tests.worlds import CONFIGURATION, ago, fleet, group, revision, view
from windlass.cli.subjects.group.plan import Start
from windlass.cli.subjects.task.plan import Mine, task_outlook
from windlass.cli.told import Outlook
from windlass.planner.capacity.source import own_data
from windlass.planner.digest import digest
from windlass.planner.rolling_update.mark import Mark
from windlass.planner.rollout.refresh import Sources


def outlook_of(
    size: int = 10, spec: dict[str, Any] | None = None, sources: Sources | None = None, **fields: Any
) -> Outlook:
    wanted = update("next", **fields)
    seen = view(group(size, **(spec or {})), fleet(size), revisions=[revision()], configuration=CONFIGURATION)
    seen = replace(seen, updates=(wanted,), packages=PACKAGES, sources=sources or Sources())
    return task_outlook(Start(seen, True), Mine({}, {"next": "Created"}))


def course_of(found: Outlook) -> dict[str, Any]:
    (course,) = found.values()["updates"]
    return dict(course)


def test_an_image_is_told_with_its_batches_their_instances_and_how_many_stay():
    found = outlook_of(batches=3, **IMAGE)
    said = found.lines()
    assert said[:6] == [
        "RollingUpdate default/next: would be created",
        "  Image (image web:2): 10 instances in 3 batches; at least 8 in service",
        "  batch 1: web-0 to web-3 (4 instances)",
        "  batch 2: web-4 to web-6 (3 instances)",
        "  batch 3: web-7 to web-9 (3 instances)",
        "  Successful after 72s at least",  # six waves: two at once of four, then of three
    ]
    assert any(line.endswith(" start RollingUpdate next: 10 instances in 3 batches") for line in said)
    changes = [line for line in said if "change web-" in line]
    assert len(changes) == 10
    assert "change web-0 in place: RollingUpdate next gives container web the image web:2" in changes[0]
    assert any("write ScalingConfiguration web: RollingUpdate next is done" in line for line in said)
    assert any("end RollingUpdate next: Successful (done on 10 instances)" in line for line in said)
    assert found.assumption is not None
    assert "each container ran its new image after 2s" in found.assumption
    assert (found.acts, found.settled, found.refused) == (True, False, False)


def test_no_more_are_away_at_once_than_may_be():
    passes = outlook_of(batches=3, **IMAGE).values()["passes"]
    together = [[step["name"] for step in each["steps"] if step["step"] == "ChangeImage"] for each in passes]
    assert [len(names) for names in together if names] == [2, 2, 2, 1, 2, 1]


def test_one_batch_that_was_asked_for_takes_all_at_once():
    found = outlook_of(batches=1, **IMAGE)
    course = course_of(found)
    assert (course["batches"], course["floor"], course["total"]) == (1, None, 10)
    assert found.lines()[1] == "  Image (image web:2): 10 instances in 1 batch"


def test_scripts_run_side_by_side_and_take_nobody_out_of_service():
    found = outlook_of(4, batches=2, **SCRIPT)
    said = found.lines()
    assert said[1:5] == [
        "  Script (script, for 60 s at most): 4 instances in 2 batches",
        "  batch 1: web-0, web-1 (2 instances)",
        "  batch 2: web-2, web-3 (2 instances)",
        "  Successful after 6s at least",
    ]
    assert sum("run in web-" in line for line in said) == 4
    assert course_of(found)["dealt"] == [["web-0", "web-1"], ["web-2", "web-3"]]


def test_a_package_is_told_by_its_name_version_and_source():
    found = outlook_of(2, **PACKAGE)
    assert found.lines()[1] == "  Package (install htop 3.2 by ConfigMap/packages): 2 instances in 1 batch"
    assert course_of(found)["phase"] == "Successful"


@pytest.mark.parametrize(
    ("pause", "approved", "pauses"),
    [
        ("Automatic", 1, []),
        ("FirstBatchPause", 1, [2]),
        ("FirstBatchPause", 2, []),
        ("EveryBatchPause", 1, [2, 3, 4, 5]),
        ("EveryBatchPause", 3, [4, 5]),
    ],
)
def test_the_pauses_are_those_that_nobody_has_approved(pause: str, approved: int, pauses: list[int]):
    found = outlook_of(pause=pause, approved_batches=approved, batches=5, **SCRIPT)
    course = course_of(found)
    assert (course["pauses"], course["after"] is None) == (pauses, bool(pauses))


def test_one_that_pauses_would_not_end_by_itself_and_says_which_command_goes_on():
    said = outlook_of(pause="EveryBatchPause", batches=5, **SCRIPT).lines()
    assert "  it waits for a person before batch 2 to 5: kubectl windlass approve next -n default" in said
    ends = next(line for line in said if line.startswith("  it would not end by itself: "))
    assert "2 of 10 done; waits for a person to let batch 2 of 5 begin" in ends
    assert any("RollingUpdate next waits for a person to let batch 2 of 5 begin" in line for line in said)


def test_many_batches_are_not_all_told():
    said = outlook_of(30, batches=30, **SCRIPT).lines()
    assert "  batch 10: web-9 (1 instance)" in said
    assert "  … and 20 more batches" in said


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            {"kind": "Image", "image": {"image": "web:2", "container": "log"}},
            "there is no container log in the template",
        ),
        ({"kind": "Image", "invoke": "Rollback", "rollback_of": "gone"}, "RollingUpdate gone of this group does not"),
        (
            {"kind": "Package", "package": {"name": "htop", "version": "3.2", "source": "none"}},
            "ConfigMap none does not exist in this namespace",
        ),
    ],
)
def test_what_forbids_an_update_is_said(spec: dict[str, Any], why: str):
    found = outlook_of(**spec)
    assert (found.refused, found.acts, course_of(found)["total"]) == (True, False, 0)
    assert found.lines()[1].startswith("  it would end at once as Failed: ")
    assert why in found.lines()[1]
    assert why in course_of(found)["forbidden"]


def test_a_configuration_of_several_groups_is_not_written():
    found = outlook_of(sources=Sources(shared=frozenset({"web"})), **IMAGE)
    assert "is used by other groups too, which would get the image" in course_of(found)["forbidden"]


def test_one_without_anybody_in_service_does_nothing():
    found = outlook_of(0, **SCRIPT)
    assert course_of(found)["phase"] == "Successful"
    assert course_of(found)["message"] == "no instance that it is about was in service: nothing was done"


def test_a_suspended_one_would_not_end_by_itself():
    found = outlook_of(state="Suspended", **IMAGE)
    assert any("it would not end by itself" in line for line in found.lines())
    assert (found.acts, found.settled) == (False, False)


# ---- one that runs


FIRST = {"begun": ({"first": 0, "count": 1},)}
TO_IMAGE = FIRST | {"batches": 2, "from_revision": "web-1", "to_revision": "web-2"}


def going_on(*marks: Mark | None, remembered: dict[str, Any], **fields: Any) -> Outlook:
    there = [replace(each, mark=mark) for each, mark in zip(fleet(len(marks)), marks, strict=True)]
    uids = [each.uid for each in there if each.mark is not None and each.mark.run]
    own = digest(own_data(view(group(1))))
    known = remembered | {"own": own}
    seen = in_update(there, len(marks), scripts_running=frozenset(uids), remembered=known, **fields)
    return task_outlook(Start(seen, True), Mine({}, {"u1": "Unchanged"}))


def test_a_script_that_runs_is_taken_to_end_well():
    running = Mark("uid-u1", ago("20s"), "web", run="run-1")
    found = going_on(running, None, wanted=SCRIPT, remembered=FIRST)
    assert course_of(found)["phase"] == "Successful"
    assert [line for line in found.lines() if "run in web-0" in line] == []
    assert [line for line in found.lines() if "run in web-1" in line] != []


def test_a_container_whose_image_was_changed_is_taken_to_run_it():
    begun = Mark("uid-u1", ago("20s"), "web", image="web:2")
    found = going_on(begun, None, wanted=IMAGE | {"batches": 2}, remembered=TO_IMAGE)
    assert [line for line in found.lines() if "change web-0" in line] == []
    course = course_of(found)
    assert (course["phase"], course["dealt"]) == ("Successful", [["web-0"], ["web-1"]])


def test_one_that_has_trouble_keeps_it():
    pulls = Mark("uid-u1", ago("20s"), "web", image="web:2", trouble="container web: ImagePullBackOff")
    found = going_on(pulls, None, wanted=IMAGE | {"batches": 2}, remembered=TO_IMAGE)
    assert course_of(found)["phase"] == "Paused"
    assert "it failed on web-0: container web: ImagePullBackOff" in course_of(found)["message"]
