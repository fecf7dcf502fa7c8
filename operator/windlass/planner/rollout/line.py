"""Which refresh of a group has its turn, and why others end before they begin."""

from windlass.api.task import Phase, Wanted
from windlass.planner.capacity.source import followed, own_data
from windlass.planner.capacity.view import GroupView
from windlass.planner.reason import Reason
from windlass.planner.rollout.desired import Data, desired_data
from windlass.planner.rollout.reasons import DesiredRefused, Interrupted, RanBefore, RefreshCancelled
from windlass.planner.rollout.reasons_template import AutoRollbackToWord
from windlass.planner.rollout.refresh import Refresh
from windlass.planner.tasks import AnotherFirst, ahead_of, first_in_line

Verdict = tuple[Phase, Reason]


def next_refresh(view: GroupView) -> tuple[Refresh | None, Data | None]:
    """The refresh that may start now, with the data that its instances are to be made from."""
    refresh = _first(view)
    if refresh is None or ends_at_once(view, refresh) is not None:
        return None, None
    data = desired_data(own_data(view), refresh.spec.desired_configuration, view.sources)
    return (refresh, data) if not isinstance(data, Reason) else (None, None)


def ends_at_once(view: GroupView, refresh: Refresh) -> Verdict | None:
    """How a refresh that does not run ends without having done anything, and why; None where it does not."""
    ahead = ahead_of(refresh.task, [each.task for each in view.refreshes])
    if ahead is not None:
        return Phase.FAILED, AnotherFirst(str(ahead))
    asked = refresh.name, refresh.digest
    before = next((each for each in view.status.finished_rollouts if (each.name, each.digest) == asked), None)
    if before is not None:
        return Phase(before.outcome), RanBefore(refresh.name, before.outcome)
    if refresh.status.start_time is not None:
        return Phase.FAILED, Interrupted()
    if refresh.spec.state in {Wanted.CANCELLED, Wanted.ROLLED_BACK}:
        return Phase.CANCELLED, RefreshCancelled(0)
    problem = view.refresh_problems.get(refresh.uid)
    if problem is not None:
        return Phase.FAILED, DesiredRefused(problem)
    word = followed(view.spec.configuration)
    if refresh.spec.auto_rollback and word is not None:
        return Phase.FAILED, AutoRollbackToWord(word)
    data = desired_data(own_data(view), refresh.spec.desired_configuration, view.sources)
    return (Phase.FAILED, data) if isinstance(data, Reason) else None


def _first(view: GroupView) -> Refresh | None:
    first = first_in_line([each.task for each in view.refreshes])
    return next((each for each in view.refreshes if first is not None and each.name == first.name), None)
