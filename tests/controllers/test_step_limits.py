"""How many requests, how long a pause, and what is known afterwards: a plan's steps on both sides of each limit."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest

from tests.controllers.hands import hands, only
from tests.controllers.scripted import CHANGED, GONE, Answer, Api, lost, refused
from tests.worlds import GROUP, GROUP_UID, NOW, activity, fleet, group, steps_of_kind, view
from windlass.api.common import GROUP_LABEL, WITHDRAWN_ANNOTATION, owner_reference
from windlass.cluster.client import Client
from windlass.cluster.errors import ApiError, Conflict, Gone, Invalid, Transient
from windlass.cluster.pods import Pod
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.controllers.scaling_group.steps import A_FEW, MANY
from windlass.engine.slow_start import MOST_IN_FLIGHT
from windlass.planner.capacity.reasons import AsDesired
from windlass.planner.capacity.steps import Adopt, ForgetRecord, ForgetRevision, Remove, Step, WithdrawRemoval
from windlass.planner.capacity.view import GroupView, RemovalPause
from windlass.planner.group import plan_group


def leaving(size: int, **fields: Any) -> GroupView:
    """All of so many are to go."""
    return view(group(0, max_size=10_000), fleet(size), activity=activity("ScaleIn", from_=size, to=0), **fields)


def knows(**fields: Any) -> InMemoryState:
    wanted: dict[str, Any] = {"uid": GROUP_UID, "look_live": False, "removals_in_doubt": False}
    return InMemoryState(**(wanted | fields))


def carry_out(
    seen: GroupView, in_memory: InMemoryState, api: Api, steps: Iterable[Step] | None = None
) -> tuple[bool, Exception | None]:
    """Whether the pass made progress, and what it failed with. Without `steps`: all removals of the plan."""
    wanted = steps_of_kind(plan_group(seen), Remove) if steps is None else steps
    done, _ = hands(cast("Client", api), seen, in_memory)

    async def run() -> Exception | None:
        try:
            await done.carry_out(only(seen, *wanted))
        except ApiError as error:
            return error
        return None

    failure = asyncio.run(run())
    return done.progressed, failure


# ---- how many, how urgent


@pytest.mark.parametrize("size", [MANY - 1, MANY, MANY + 1])
def test_a_batch_of_more_than_256_gives_way_to_others(size: int) -> None:
    api = Api()
    carry_out(leaving(size), knows(), api)

    assert MANY == 256
    assert api.bulk == {size > 256}


@pytest.mark.parametrize(
    ("before", "size", "after"), [(1, 40, 40), (1, 63, 63), (1, 64, 64), (1, 65, 64), (40, 3, 40), (3, 40, 40)]
)
def test_as_many_begin_side_by_side_as_the_last_time_got_through(before: int, size: int, after: int) -> None:
    in_memory = knows(side_by_side=before)
    carry_out(leaving(size), in_memory, Api())

    assert MOST_IN_FLIGHT == 64
    assert in_memory.side_by_side == after


@pytest.mark.parametrize("error", [refused(), lost()], ids=["refused", "lost"])
def test_after_a_failure_they_begin_one_by_one(error: Exception) -> None:
    in_memory = knows(side_by_side=9)
    carry_out(leaving(3), in_memory, Api(lambda verb, name: error if name == "web-1" else None))

    assert in_memory.side_by_side == 1


@pytest.mark.parametrize("kept", [A_FEW - 1, A_FEW, A_FEW + 1])
def test_ten_that_are_kept_do_not_end_a_batch(kept: int) -> None:
    api = Api(lambda verb, name: refused() if int(name.removeprefix("web-")) >= 100 - kept else None)
    carry_out(leaving(100), knows(), api)

    assert A_FEW == 10
    assert (len(api.asked) == 100) is (kept <= A_FEW)


def test_those_that_were_kept_before_are_asked_for_last() -> None:
    in_memory, api = knows(kept={"web-4-uid", "web-3-uid"}), Api()
    carry_out(leaving(5), in_memory, api)

    assert {name for _, name in api.asked[-2:]} == {"web-4", "web-3"}
    assert in_memory.kept == set(), "all went"


# ---- removals that are refused


@pytest.mark.parametrize(
    ("before", "failures", "seconds"), [(None, 1, 1), (1, 2, 2), (2, 3, 4), (8, 9, 256), (9, 10, 300), (99, 100, 300)]
)
def test_removals_that_are_refused_pause_for_a_second_doubling_to_five_minutes(
    before: int | None, failures: int, seconds: int
) -> None:
    pause = None if before is None else RemovalPause(before, NOW, "before")
    seen, in_memory = leaving(2, removal_pause=pause, generation=4), knows()
    progressed, _ = carry_out(seen, in_memory, Api(lambda verb, name: refused(f"{name} stays")))

    assert in_memory.removal_pause == (4, RemovalPause(failures, NOW + timedelta(seconds=seconds), "web-0 stays"))
    assert not progressed
    assert in_memory.kept == {"web-0-uid", "web-1-uid"}


def test_where_some_went_the_pause_is_the_first_again() -> None:
    in_memory = knows()
    api = Api(lambda verb, name: refused() if name == "web-1" else None)
    progressed, failure = carry_out(leaving(3, removal_pause=RemovalPause(7, NOW, "before")), in_memory, api)

    assert (progressed, failure) == (True, None)
    assert in_memory.removal_pause is not None
    assert in_memory.removal_pause[1].failures == 1


@pytest.mark.parametrize("length", [899, 900, 901])
def test_what_was_said_is_kept_up_to_900_characters(length: int) -> None:
    in_memory = knows()
    carry_out(leaving(1), in_memory, Api(lambda verb, name: refused("x" * length)))

    assert in_memory.removal_pause is not None
    assert len(in_memory.removal_pause[1].message) == min(length, 900)


def test_a_pause_ends_when_they_go_and_not_when_nobody_is_asked_for() -> None:
    pause = (1, RemovalPause(3, NOW, "before"))
    in_memory = knows(removal_pause=pause, kept={"web-0-uid"})
    carry_out(leaving(1), in_memory, Api(), steps=())
    assert (in_memory.removal_pause, in_memory.kept) == (pause, {"web-0-uid"})

    carry_out(leaving(1), in_memory, Api())
    assert (in_memory.removal_pause, in_memory.kept) == (None, set())


# ---- what is known afterwards


def test_a_removal_whose_answer_is_lost_is_in_doubt_whatever_was_withdrawn() -> None:
    in_memory = knows(withdrawn={"web-0-uid"})
    progressed, failure = carry_out(leaving(1), in_memory, Api(lambda verb, name: lost()))

    assert isinstance(failure, Transient)
    assert (in_memory.removals_in_doubt, in_memory.withdrawn, in_memory.look_live) == (True, set(), True)
    assert not progressed


def test_one_that_was_turned_away_is_not() -> None:
    in_memory = knows(withdrawn={"web-0-uid"})
    _, failure = carry_out(leaving(1), in_memory, Api(lambda verb, name: Transient("too many", code=429)))

    assert isinstance(failure, Transient)
    assert (in_memory.removals_in_doubt, in_memory.withdrawn, in_memory.look_live) == (False, {"web-0-uid"}, False)


def test_one_that_is_gone_already_has_the_next_pass_look() -> None:
    in_memory = knows()
    progressed, failure = carry_out(leaving(2), in_memory, Api(lambda verb, name: GONE))

    assert (progressed, failure, in_memory.look_live) == (False, None, True)


def test_an_answer_that_is_lost_is_raised_before_any_other() -> None:
    errors = {"web-0": Transient("turned away", code=429), "web-1": lost("lost")}
    in_memory = knows(side_by_side=9)
    _, failure = carry_out(leaving(2), in_memory, Api(lambda verb, name: errors[name]))

    assert str(failure) == "lost"


@pytest.mark.parametrize(
    ("error", "in_doubt", "withdrawn"),
    [(None, False, set()), (refused(), True, {"gone-uid"}), (Transient("no", code=429), True, {"gone-uid"})],
    ids=["all went", "refused", "failed"],
)
def test_doubt_ends_when_each_removal_was_done(error: Exception | None, in_doubt: bool, withdrawn: set[str]) -> None:
    in_memory = knows(removals_in_doubt=True, withdrawn={"gone-uid"})
    carry_out(leaving(2), in_memory, Api(lambda verb, name: error))

    assert (in_memory.removals_in_doubt, in_memory.withdrawn) == (in_doubt, withdrawn)
    assert not in_memory.look_live, "only what was withdrawn must be known anew"


# ---- withdrawing


def may_stay(size: int) -> tuple[GroupView, list[WithdrawRemoval]]:
    names = tuple(f"web-{n}" for n in range(size))
    running = activity("ScaleIn", from_=size, to=0, leaving=names)
    seen = view(group(size), fleet(size), removals_in_doubt=True, activity=running)
    return seen, steps_of_kind(plan_group(seen), WithdrawRemoval)


@pytest.mark.parametrize("error", [None, GONE, CHANGED], ids=["changed", "gone", "another one"])
def test_what_was_withdrawn_is_read_again_before_anything_is_removed(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    seen, steps = may_stay(3)
    in_memory, api = knows(removals_in_doubt=True), Api(lambda verb, name: error)
    _, failure = carry_out(seen, in_memory, api, steps)

    assert failure is None
    assert api.asked == [("patch", f"web-{n}") for n in range(3)]
    assert api.bodies[0]["metadata"] == {"uid": "web-0-uid", "annotations": {WITHDRAWN_ANNOTATION: "7"}}
    assert (in_memory.removals_in_doubt, in_memory.look_live) == (False, True)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_one_whose_removal_cannot_be_withdrawn_for_now_is_tried_again() -> None:
    seen, steps = may_stay(3)
    in_memory = knows(removals_in_doubt=True)
    api = Api(lambda verb, name: Transient("no", code=429) if name == "web-1" else None)
    _, failure = carry_out(seen, in_memory, api, steps)

    assert isinstance(failure, Transient)
    assert in_memory.removals_in_doubt
    assert "web-1-uid" not in in_memory.withdrawn


# ---- adopting


def adopting(
    answer: Answer, count: int = 1, *, uid: str = GROUP_UID, **metadata: Any
) -> tuple[InMemoryState, Api, Exception | None, bool]:
    meta = {"uid": uid, **metadata}
    api = Api(lambda verb, name: {"metadata": meta} if (verb, name) == ("get", GROUP) else answer(verb, name))
    orphans = fleet(count)
    steps = [Adopt(o.name, o.uid, o.resource_version, AsDesired(1)) for o in orphans]
    in_memory = knows(side_by_side=9)
    progressed, failure = carry_out(view(group(count), orphans=orphans), in_memory, api, steps)
    return in_memory, api, failure, progressed


def pod_of_the_group(name: str, uid: str = GROUP_UID) -> Pod:
    meta = {
        "namespace": "default",
        "name": name,
        "uid": f"{name}-uid",
        "resourceVersion": "8",
        "creationTimestamp": "2026-01-14T12:00:00Z",
        "labels": {GROUP_LABEL: GROUP},
        "ownerReferences": [owner_reference("ScalingGroup", GROUP, uid)],
    }
    return msgspec.convert({"metadata": meta}, Pod)


def test_an_orphan_is_adopted_as_it_was_when_it_was_seen() -> None:
    in_memory, api, failure, progressed = adopting(lambda verb, name: pod_of_the_group(name))

    assert (failure, progressed, in_memory.left_orphans) == (None, True, {})
    (body,) = api.bodies
    assert body["metadata"]["uid"], body["metadata"]["resourceVersion"] == ("web-0-uid", "7")
    assert body["metadata"]["ownerReferences"] == [owner_reference("ScalingGroup", GROUP, GROUP_UID)]


@pytest.mark.parametrize("fields", [{"uid": "another"}, {"deletionTimestamp": "2026-01-15T12:00:00Z"}])
def test_a_group_that_goes_or_is_another_adopts_nobody(fields: dict[str, Any]) -> None:
    _, api, failure, _ = adopting(lambda verb, name: pod_of_the_group(name), **fields)

    assert isinstance(failure, Gone)
    assert api.bodies == []


@pytest.mark.parametrize("error", [refused("x" * 400), Invalid("x" * 400, code=422, reason="Invalid")])
def test_one_that_may_not_be_adopted_is_left_for_a_minute(error: ApiError) -> None:
    in_memory, _, failure, _ = adopting(lambda verb, name: error)
    (left,) = in_memory.left_orphans.values()

    assert failure is None
    assert (left.name, len(left.message), left.retry_at) == ("web-0", 300, NOW + timedelta(minutes=1))


def test_one_whose_owner_is_taken_off_again_is_left_too() -> None:
    in_memory, _, failure, progressed = adopting(lambda verb, name: pod_of_the_group(name, "another"))

    assert (failure, progressed) == (None, False)
    assert list(in_memory.left_orphans) == ["web-0-uid"]


def test_an_orphan_that_is_gone_has_the_next_pass_look() -> None:
    in_memory, _, failure, progressed = adopting(lambda verb, name: GONE)

    assert (failure, progressed, in_memory.look_live) == (None, False, True)


@pytest.mark.parametrize(("changed", "fails"), [({"web-0", "web-1"}, True), ({"web-1"}, False)], ids=["all", "some"])
def test_one_that_has_changed_is_a_failure_only_where_no_other_was_adopted(changed: set[str], fails: bool) -> None:
    def answer(verb: str, name: str) -> Any:
        if verb == "get":
            return GONE
        return CHANGED if name in changed else pod_of_the_group(name)

    in_memory, _, failure, progressed = adopting(answer, 2)

    assert isinstance(failure, Conflict) is fails
    assert progressed is not fails
    assert in_memory.look_live, "it could not be read again"


def test_one_that_cannot_be_adopted_for_now_is_tried_again() -> None:
    _, _, failure, _ = adopting(lambda verb, name: Transient("no", code=429))

    assert isinstance(failure, Transient)


# ---- what is not there


def test_what_is_not_known_to_be_there_is_not_deleted() -> None:
    api = Api()
    carry_out(
        view(group(0)), knows(), api, [ForgetRevision("web-x", AsDesired(0)), ForgetRecord("web-a1", AsDesired(0))]
    )

    assert api.asked == []
