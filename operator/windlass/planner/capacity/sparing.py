"""Sparing: who was to leave and may stay is made safe from removals that are still under way.

A request of a leader that hangs, or one without an answer, can arrive long after its successor has decided otherwise.
It names the version of the instance that it was decided on; so it fails once the instance has changed.
"""

from collections.abc import Iterable

from windlass.api.scaling_group import MAX_NAMED_INSTANCES
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import RemovalWithdrawn
from windlass.planner.capacity.situation import LAUNCHING, Decision, Situation
from windlass.planner.plan import Remove, Spare


def spare_first(s: Situation, decision: Decision | None) -> Decision | None:
    """The decision, or what must be done before it: to spare all who were to leave, if it leaves any in place.

    Where it removes them all there is nothing to spare: whichever request arrives first does the same.
    """
    activity = s.view.status.activity
    if not s.view.removals_in_doubt or activity is None or activity.ended_at is not None or activity.type in LAUNCHING:
        return decision
    leaving = {step.name for step in decision.steps if isinstance(step, Remove)} if decision else set()
    why = RemovalWithdrawn(activity.name)
    named = [i for i in _named(s.view.instances, activity.leaving) if not i.removing]
    if all(i.name in leaving for i in named):
        return decision
    return Decision(s.memory, why, tuple(Spare(i.name, i.uid, i.resource_version, why) for i in named))


def _named(instances: Iterable[Instance], leaving: tuple[str, ...]) -> list[Instance]:
    """Those that the activity names; all, if it has more to name than it may."""
    return [i for i in instances if len(leaving) == MAX_NAMED_INSTANCES or i.name in leaving]
