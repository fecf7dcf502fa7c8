"""Views of groups, drawn by chance: any that can be, and moments that chance alone would hardly ever meet.

Of views whose parts are drawn each for itself next to none is Ready, and few get past the first rules. So most begin
with a group at rest, to which one thing has happened.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.updates import SCRIPT, STARTED, run_status, update
from tests.worlds import (
    GROUP,
    THREE_ZONES,
    activity,
    added,
    backoff,
    ended_records,
    failed_zone,
    fleet,
    group,
    instance,
    later,
    refresh,
    revision,
    rollout,
    view,
)
from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import InstanceResult
from windlass.api.scaling_group import RemovalStage, ScalingGroupSpec
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.view import GroupView, RefusedLaunch, RemovalPause
from windlass.planner.rolling_update.mark import Mark

DONE = Mark("uid-u1", STARTED, "web", run="run-1", result=InstanceResult.SUCCEEDED, exit_code=0)

KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"age": "9d"},
    {"ready": "1s"},
    {"age": "30s", "ready": None},
    {"age": "2h", "ready": None},
    {"age": "5s", "scheduled": None},
    {"age": "9m", "unschedulable": "2m"},
    {"age": "9m", "unschedulable": "6m", "problem": "no node fits"},
    {"not_ready": "10s"},
    {"not_ready": "2h", "problem": "probe failed"},
    {"ended": True},
    {"ended": True, "was_ready": True},
    {"removing": True},
)


PAUSES: tuple[dict[str, Any], ...] = ({}, {"over": "1s"}, {"failures": 4})


@st.composite
def instances(draw: st.DrawFn) -> tuple[Instance, ...]:
    ordinals = draw(st.lists(st.integers(0, 40), unique=True, max_size=14))
    made = []
    for ordinal in ordinals:
        fields: dict[str, Any] = draw(st.sampled_from(KINDS)) | {
            "zone": draw(st.sampled_from((*THREE_ZONES, "zone-x", None))),
            "protected": draw(st.sampled_from((False, False, False, True))),
            "cost": draw(st.sampled_from((0, 0, 0, -1, 5))),
            "revision": draw(st.sampled_from(("web-1", "web-2", "web-x"))),
        }
        made.append(instance(f"web-{ordinal}", **fields))
    return tuple(made)


@st.composite
def specs(draw: st.DrawFn) -> ScalingGroupSpec:
    low, high = sorted((draw(st.integers(0, 12)), draw(st.integers(0, 16))))
    return group(
        draw(st.sampled_from((None, *range(16)))),
        min_size=low,
        max_size=high,
        enabled=draw(st.sampled_from((*(True,) * 7, False))),
        zones=draw(st.sampled_from(((), ("zone-a",), THREE_ZONES, THREE_ZONES))),
        zone_policy=draw(st.sampled_from(("Balanced", "Priority"))),
        removal_policy=draw(st.lists(st.sampled_from(RemovalStage), min_size=1, max_size=2, unique=True).map(tuple)),
        suspended_processes=draw(
            st.lists(st.sampled_from(("ScaleIn", "ScaleOut", "HealthCheck")), unique=True, max_size=1).map(tuple)
        ),
        min_ready_seconds=draw(st.sampled_from((0, 30))),
        health_seconds=draw(st.sampled_from((0, 300))),
        history_limit=draw(st.sampled_from((1, 20))),
    )


@st.composite
def activities(draw: st.DrawFn, next_ordinal: int) -> dict[str, Any]:
    if draw(st.booleans()):
        return {}
    first = draw(st.integers(0, next_ordinal))
    fields: dict[str, Any] = {"first_ordinal": first, "to": draw(st.integers(0, 16)), "from_": draw(st.integers(0, 16))}
    if first < next_ordinal and draw(st.booleans()):
        fields["launching"] = OrdinalRange(first=first, count=draw(st.integers(1, next_ordinal - first)))
        fields["failed"] = tuple(sorted(draw(st.sets(st.integers(first, next_ordinal - 1), max_size=3))))
    if draw(st.booleans()):
        fields |= {
            "ended": draw(st.sampled_from(("1s", "1h"))),
            "result": draw(st.sampled_from(("Successful", "Failed"))),
        }
    made = activity(draw(st.sampled_from(("ScaleOut", "ScaleIn", "Replace"))), **fields)
    return {"activity": made, "record": draw(st.sampled_from(("kept", "open", None)))}


@st.composite
def anything(draw: st.DrawFn) -> GroupView:
    there = draw(instances())
    next_ordinal = max((i.ordinal for i in there), default=-1) + 1 + draw(st.integers(0, 3))
    failed = draw(st.lists(st.sampled_from(THREE_ZONES), unique=True, max_size=3))
    zones = [failed_zone(name, **draw(st.sampled_from(PAUSES))) for name in failed]
    return view(
        draw(specs()),
        there,
        next_ordinal=next_ordinal,
        zones=zones,
        backoff=draw(st.sampled_from((None, None, backoff(1), backoff(6), backoff(2, expired=True)))),
        revisions=(revision("web-1", 1), revision("web-2", 2, {"template": 2})),
        added_at=(added("web-1", "9d"), added("web-2", "8d")),
        settled=draw(st.sets(st.integers(0, 40), max_size=3)),
        refusals=draw(st.sampled_from(((), (), (RefusedLaunch(0, "quota exceeded"),)))),
        configuration=draw(st.sampled_from(({"template": 2}, {"template": 3}, {"template": 2}, {"template": 2}, None))),
        **draw(activities(next_ordinal)),
    )


# ---- moments


Fields = dict[str, Any]

NEW: dict[str, Any] = {"age": "30s", "ready": None}
LATE: dict[str, Any] = {"age": "2h", "ready": None}
WAITS: dict[str, Any] = {"age": "30s", "scheduled": None, "problem": "no node fits"}
STUCK: dict[str, Any] = {"age": "9m", "unschedulable": "6m", "problem": "no node fits", "zone": "zone-a"}
WAVERS: dict[str, Any] = {"not_ready": "10s"}
SICK: dict[str, Any] = {"not_ready": "2h", "problem": "probe failed"}
OUTDATED: tuple[Fields, ...] = ({"revision": "web-1"}, {"revision": "web-1"}, {"revision": "web-1"}, {})
GOING: dict[str, Any] = {"removing": True}
HEALTHY: tuple[dict[str, Any], ...] = ({}, {"age": "9d"}, {"cost": 5}, {"protected": True}, {"revision": "web-1"})
AFTER_REST = 20  # the ordinals of those to whom something happened begin here

Draw = st.DrawFn


def extras(*kinds: Mapping[str, Any]) -> Callable[[Draw], Fields]:
    """One to three more instances, of these kinds."""

    def fields(draw: Draw) -> Fields:
        return {"extras": draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))}

    return fields


def some(**choices: Any) -> Callable[[Draw], Fields]:
    """Fields that are as they are, or drawn where they are a strategy."""

    def fields(draw: Draw) -> Fields:
        return {key: draw(value) if isinstance(value, st.SearchStrategy) else value for key, value in choices.items()}

    return fields


def running(type_: str) -> Callable[[Draw], Fields]:
    return some(running=type_)


def allof(*parts: Callable[[Draw], Fields]) -> Callable[[Draw], Fields]:
    def fields(draw: Draw) -> Fields:
        return {key: value for part in parts for key, value in part(draw).items()}

    return fields


TRIES = st.sampled_from((1, 2, 4))
MANY_TRIES = st.sampled_from((5, 6, 9))
FEW = st.integers(1, 3)
LESS = FEW.map(lambda number: -number)


def failing(failures: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return failures.map(lambda number: backoff(number, revision="web-2"))


MOMENTS: dict[str, Callable[[Draw], Fields]] = {
    "nobody said how many": some(spec={"desired_size": None}),
    "another configuration": some(configuration={"template": 3}),
    "launches failed": allof(extras(LATE, {"ended": True, "was_ready": False}), running("ScaleOut")),
    "a zone failed": allof(extras(STUCK), some(zones=THREE_ZONES)),
    "some are sick": extras(SICK, {"ended": True, "was_ready": True}),
    "too few": some(more=FEW),
    "too many": some(more=LESS),
    "deleted": some(deleting=True, more=st.integers(-1, 1)),
    "switched off": some(spec={"enabled": False}, more=st.integers(-1, 1)),
    "the template is refused": some(template_problem="spec: Required value", template_retry_at=later("30s")),
    "no configuration": some(configuration=None, more=st.integers(0, 1)),
    "launches fail for long": some(more=FEW, backoff=failing(MANY_TRIES)),
    "trying once more": allof(extras(NEW), some(backoff=failing(MANY_TRIES))),
    "launches fail": some(more=FEW, backoff=failing(TRIES)),
    "removals are refused": some(
        more=FEW.map(lambda n: -n), removal_pause=RemovalPause(2, later("9s"), "nobody leaves")
    ),
    "growing is suspended": some(more=FEW, spec={"suspended_processes": ("ScaleOut",)}),
    "all are protected": some(more=LESS, rest=({"protected": True},)),
    "on the way": extras(NEW, {"ready": "1s"}),
    "no zone is left": allof(extras({**WAITS, "zone": "zone-a"}), some(failed_zones=THREE_ZONES, zones=THREE_ZONES)),
    "what hangs is outdated": extras({**WAITS, "revision": "web-1"}, {**NEW, "revision": "web-1"}),
    "held up": extras(WAITS, {**NEW, "problem": "image not found"}),
    "sick when an activity ends": allof(extras(SICK), running("ScaleOut")),
    "too few when a removal ends": allof(some(more=FEW), running("ScaleIn")),
    "health is suspended": allof(extras(WAVERS), some(spec={"suspended_processes": ("HealthCheck",)})),
    "wavering": extras(WAVERS),
    "wavering and protected": extras({**WAVERS, "protected": True}),
    "held back": allof(extras({**GOING, "problem": "its deletion waits for finalizer x"}), running("ScaleIn")),
    "on the way out": allof(extras(GOING), running("ScaleIn")),
    "orphans": some(orphans=st.sampled_from((1, 2, 3)).map(lambda n: fleet(n, first=30)), more=FEW),
    "a refresh runs": some(refresh=("Running",), rest=OUTDATED),
    "a refresh waits for instances": allof(extras(NEW, NEW), some(refresh=("Running",), rest=OUTDATED)),
    "a refresh is paused": some(refresh=("Paused", "Suspended", "Suspended"), rest=OUTDATED),
    "a refresh is done": some(refresh=("Running",), rest=({"revision": "web-2"},)),
    "a refresh begins": some(refresh=("Pending",)),
    "an update runs": some(update=("Running",)),
    "an update has its results kept": some(update=("Over",)),
    "an update waits": some(update=("Waiting",)),
    "an update is paused": some(update=("Paused", "Suspended")),
    "an update begins": some(update=("Pending",)),
    "at rest": some(),
}


OFTEN = {  # what a rule is for, and what is drawn less often than its turn or leads elsewhere now and then
    "a zone failed": 13,
    "all are protected": 4,
    "another configuration": 10,
    "a refresh runs": 6,
    "a refresh waits for instances": 4,
    "a refresh is paused": 7,
    "a refresh is done": 2,
    "a refresh begins": 2,
    "an update runs": 6,
    "an update has its results kept": 4,
    "an update is paused": 5,
    "an update begins": 3,
    "an update waits": 4,
    "at rest": 4,
    "deleted": 4,
    "growing is suspended": 3,
    "health is suspended": 3,
    "held back": 4,
    "held up": 4,
    "launches fail": 3,
    "launches failed": 13,
    "no zone is left": 4,
    "nobody said how many": 10,
    "on the way": 4,
    "orphans": 13,
    "on the way out": 4,
    "removals are refused": 4,
    "sick when an activity ends": 8,
    "some are sick": 13,
    "switched off": 2,
    "the template is refused": 4,
    "too few": 7,
    "too few when a removal ends": 3,
    "too many": 11,
    "trying once more": 4,
    "wavering": 4,
    "wavering and protected": 4,
    "what hangs is outdated": 11,
}
DRAWN = tuple(name for name in sorted(MOMENTS) for _ in range(OFTEN.get(name, 1)))
ANYTHING = 8  # one view in so many is anything that can be


def _refreshing(draw: st.DrawFn, phases: tuple[str, ...]) -> Fields:
    """A refresh from web-1 to the group's own configuration, in one of these phases."""
    if not phases:
        return {}
    phase = draw(st.sampled_from(phases))
    spec = {
        "min_healthy_percentage": draw(st.sampled_from((0, 80, 100))),
        "max_healthy_percentage": draw(st.sampled_from((100, 120, 200))),
        "checkpoints": (50, 100) if phase == "Paused" else (),
        "state": "Suspended" if phase == "Suspended" else draw(st.sampled_from((*("Running",) * 7, "Cancelled"))),
    }
    if phase == "Pending":
        return {"refreshes": (refresh(**spec),)}
    paused = {"checkpoint": 50, "paused_until": later("9m")} if phase == "Paused" else {}
    started = rollout()
    return {
        "refreshes": (refresh(status={"phase": phase, "start_time": started.started_at}, **spec),),
        "rollout": rollout(phase=phase, updated=6, **paused),
    }


def _updating(draw: st.DrawFn, phases: tuple[str, ...], count: int) -> Fields:
    """A script that runs over the group's first instances, in one of these phases; Over: it has run in
    all, Waiting: it runs there."""
    if not phases:
        return {}
    phase = draw(st.sampled_from(phases))
    state = "Suspended" if phase == "Suspended" else "Running"
    wanted = {**SCRIPT, "batches": 2, "pause": "EveryBatchPause", "state": state}
    if phase == "Pending":
        return {"updates": (update(**wanted),)}
    stands = {"batch": 2, "succeeded": 1} if phase in {"Paused", "Suspended"} else {}
    acts = "Running" if phase in {"Over", "Waiting"} else phase
    run = run_status(max(2, count), phase=acts, batches=2, **stands)
    waits = {"scripts_running": frozenset(f"{GROUP}-{n}-uid" for n in range(count))} if phase == "Waiting" else {}
    return waits | {
        "updates": (update(status={"phase": run.phase, "start_time": run.started_at}, **wanted),),
        "update": run,
    }


@st.composite
def moment(draw: st.DrawFn, name: str) -> GroupView:
    """A group at rest, of one to six instances, to which this moment has come."""
    fields = MOMENTS[name](draw)
    zones = fields.pop("zones", None) or draw(st.sampled_from(((), THREE_ZONES)))
    rest = draw(st.lists(st.sampled_from(fields.pop("rest", HEALTHY)), min_size=1, max_size=6))
    happened = fields.pop("extras", ())
    numbered = [*enumerate(rest), *enumerate(happened, AFTER_REST)]
    places = zones or (None,)
    there = [
        instance(f"{GROUP}-{n}", **({"zone": places[n % len(places)], "revision": "web-2"} | kind))
        for n, kind in numbered
    ]
    desired = max(0, sum(not each.removing for each in there) + fields.pop("more", 0))
    spec = {"zones": zones, "history_limit": draw(st.sampled_from((1, 1, 20))), "health_seconds": 300}
    type_ = fields.pop("running", None)
    refreshing = _refreshing(draw, fields.pop("refresh", ()))
    updating = _updating(draw, phases := fields.pop("update", ()), len(rest))
    if "Over" in phases:
        there = [replace(each, mark=DONE) for each in there]
    last = activity(
        type_ or draw(st.sampled_from(("ScaleOut", "Replace", "ScaleIn"))),
        number=9,
        to=desired,
        from_=len(rest),
        first_ordinal=AFTER_REST,
        **({} if type_ else {"ended": "1h", "started": "2h"}),
    )
    wanted = {
        "configuration": {"template": 2},
        "revisions": (revision("web-1", 1), revision("web-2", 2, {"template": 2})),
        "added_at": (added("web-1", "9d"), added("web-2", "8d")),
        "zones": [failed_zone(name) for name in fields.pop("failed_zones", ())],
        "history": ended_records(draw(st.sampled_from((0, 1, 3))), first=6),
        "activity": last,
        **refreshing,
        **updating,
    }
    return view(group(desired, **(spec | fields.pop("spec", {}))), there, **(wanted | fields))


def views() -> st.SearchStrategy[GroupView]:
    """Moments as often as `DRAWN` has them, and anything that can be."""
    moments = st.sampled_from(DRAWN).flatmap(moment)
    return st.integers(0, ANYTHING - 1).flatmap(lambda number: moments if number else anything())
