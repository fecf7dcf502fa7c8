"""First service: which launches have been in service, remembered where the Pods themselves do not tell.

A Pod knows only when it last became ready, or not ready. Where `minReadySeconds` lies between ready and in service, a
Pod that is not ready now may have been in service before or not; so the activity that launched it remembers who was.
"""

from windlass.api.scaling_group import MAX_NAMED_INSTANCES, ActivityStatus
from windlass.planner.capacity.instance import State
from windlass.planner.capacity.ordinals import merged
from windlass.planner.capacity.view import Census, GroupView, is_launching


def know_arrived(view: GroupView, census: Census) -> ActivityStatus | None:
    """The running or last activity, which remembers those of its launches that are in service now."""
    activity = view.status.activity
    if activity is None or not view.spec.min_ready_seconds:
        return activity
    arrived = [i.ordinal for i in census.of(State.IN_SERVICE) if is_launching(activity, i)]
    known = merged(activity.arrived, arrived)[:MAX_NAMED_INSTANCES]
    return activity if known == activity.arrived else activity.model_copy(update={"arrived": known})
