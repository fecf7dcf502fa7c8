"""What hangs when the configuration changes: it was never in service, and makes room for what is asked for now."""

from windlass.planner.capacity.instance import Instance, Patience, State
from windlass.planner.capacity.reasons_launches import Superseded
from windlass.planner.capacity.removal import REMOVAL_BATCH, remove_unfit
from windlass.planner.capacity.situation import Decision, Hold, Situation, replacing_suspended
from windlass.planner.capacity.source import own_data
from windlass.planner.capacity.view import has_served, is_launching

IDLE = (State.FAILED, State.PENDING, State.NOT_READY, State.UNHEALTHY)


def replace_hanging(s: Situation) -> Decision | Hold | None:
    """The rule: outdated instances that were never in service are replaced, all at once: they take no work.

    Not where the present configuration cannot be launched, or has failed itself. What failed of the older one does not
    count as a failure of the present one.
    """
    if s.active_rollout is not None or s.surplus or s.backing_off is not None or not _can_be_made(s):
        return None
    hanging = [i for i in s.census.of(*IDLE) if not i.protected and _is_outdated(s, i) and _never_served(s, i)]
    if not hanging:
        return None
    if (suspended := replacing_suspended(s, len(hanging), "that hang, not replaced")) is not None:
        return suspended
    chosen = hanging[:REMOVAL_BATCH]
    return remove_unfit(s, [(i, Superseded(i.problem or "it was still on its way")) for i in chosen])


def _can_be_made(s: Situation) -> bool:
    """Whether instances are made from the configuration as it is now, not from an older one that is kept."""
    launches = s.view.template_problem is None and s.launch_pause is None
    return launches and s.revision is not None and s.revision.data == own_data(s.view)


def _is_outdated(s: Situation, instance: Instance) -> bool:
    return s.revision is not None and instance.revision != s.revision.name


def _never_served(s: Situation, instance: Instance) -> bool:
    if instance.never_ready:
        return True
    activity = s.view.status.activity
    if activity is None or not is_launching(activity, instance):
        return False
    return not has_served(activity, instance, Patience.of(s.spec), s.view.watched_since)
