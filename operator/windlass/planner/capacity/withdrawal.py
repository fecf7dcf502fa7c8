"""Withdrawing removals: who was to leave and may stay is made safe from requests that are still under way.

A request of a leader that hangs, or one without an answer, can arrive long after its successor has decided otherwise.
It names the version of the instance that it was decided on; so it fails once the instance has changed.
"""

from collections.abc import Iterable

from windlass.api.processes import Process
from windlass.api.scaling_group import MAX_NAMED_INSTANCES, ActivityStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import RemovalWithdrawn
from windlass.planner.capacity.removal import REMOVAL_BATCH
from windlass.planner.capacity.situation import Decision, Situation
from windlass.planner.capacity.steps import Remove, Step, WithdrawRemoval


def withdraw_first(s: Situation, decision: Decision | None) -> Decision | None:
    """The decision, or what must be done before it: to withdraw the removals of all who were to leave, if it
    leaves any in place.

    Where all of them leave there is nothing to withdraw: whichever request arrives first does the same.
    """
    activity, named = s.view.status.activity, _may_be_removed_yet(s)
    leaving = {step.name for step in decision.steps if isinstance(step, Remove)} if decision else set()
    if activity is None or _all_leave(s) or all(i.name in leaving for i in named):
        return decision
    why = RemovalWithdrawn(activity.name)
    return Decision(
        s.memory, why, tuple(WithdrawRemoval(i.name, i.uid, i.resource_version, why) for i in named[:REMOVAL_BATCH])
    )


def settles_removals(s: Situation, steps: Iterable[Step]) -> bool:
    """Whether, once these steps are carried out, each removal that is in doubt was done or will fail."""
    seen_to = {step.uid for step in steps if isinstance(step, Remove | WithdrawRemoval)}
    return all(i.uid in seen_to for i in _may_be_removed_yet(s))


def _all_leave(s: Situation) -> bool:
    """Whether nobody is to stay, though it may take several passes."""
    return not s.desired and not s.census.protected and not s.suspended(Process.SCALE_IN)


def _may_be_removed_yet(s: Situation) -> list[Instance]:
    """Those whom a removal that is still under way may take: who was to leave, is there, and was not
    made safe yet."""
    activity = s.view.status.activity
    if not s.view.removals_in_doubt or activity is None or activity.ended_at is not None:
        return []
    named = _whom_it_removes(activity)
    return [i for i in _named(s.view.instances, named) if not i.removing and i.uid not in s.view.withdrawn]


def _whom_it_removes(activity: ActivityStatus) -> tuple[str, ...]:
    """Whom it was to remove, whatever for: a refresh, and what replaces the unfit, name them with their reasons."""
    names = (*activity.leaving, *(name for part in activity.removed for name in part.instances))
    return tuple(dict.fromkeys(names))[:MAX_NAMED_INSTANCES]


def _named(instances: Iterable[Instance], leaving: tuple[str, ...]) -> list[Instance]:
    """Those that the activity names; all, if it has more to name than it may."""
    return [i for i in instances if len(leaving) == MAX_NAMED_INSTANCES or i.name in leaving]
