"""Which refresh of a group has its turn, and why others end before they begin."""

from dataclasses import dataclass

from windlass.api.task import Phase, Wanted
from windlass.planner.capacity.source import followed, own_data
from windlass.planner.capacity.view import GroupView
from windlass.planner.reason import Reason
from windlass.planner.rollout.desired import Data, desired_data
from windlass.planner.rollout.reasons import DesiredRefused, Interrupted, RanBefore, RefreshCancelled
from windlass.planner.rollout.reasons_template import AutoRollbackToWord
from windlass.planner.rollout.refresh import Refresh
from windlass.planner.tasks import AnotherFirst, ahead_of, first_in_line


@dataclass(frozen=True, slots=True)
class EndsAtOnce:
    """How a refresh that does not run ends without having done anything, and why."""

    phase: Phase
    why: Reason


def next_refresh(view: GroupView) -> tuple[Refresh, Data] | None:
    """The refresh that may start now, with the data that its instances are to be made from."""
    refresh = _first(view)
    if refresh is None:
        return None
    found = beginning(view, refresh)
    return None if isinstance(found, EndsAtOnce) else (refresh, found)


def beginning(view: GroupView, refresh: Refresh) -> EndsAtOnce | Data:
    """What a refresh that has not begun would have instances made from, or how it ends instead."""
    ahead = ahead_of(refresh.task, view.tasks)
    if ahead is not None:
        return EndsAtOnce(Phase.FAILED, AnotherFirst(str(ahead)))
    asked = refresh.name, refresh.digest
    before = next((each for each in view.status.finished_rollouts if (each.name, each.digest) == asked), None)
    if before is not None:
        return EndsAtOnce(Phase(before.outcome), RanBefore(refresh.name, before.outcome))
    if refresh.status.start_time is not None:
        return EndsAtOnce(Phase.FAILED, Interrupted())
    if refresh.spec.state in {Wanted.CANCELLED, Wanted.ROLLED_BACK}:
        return EndsAtOnce(Phase.CANCELLED, RefreshCancelled(0))
    problem = view.refresh_problems.get(refresh.uid)
    if problem is not None:
        return EndsAtOnce(Phase.FAILED, DesiredRefused(problem))
    word = followed(view.spec.configuration)
    if refresh.spec.auto_rollback and word is not None:
        return EndsAtOnce(Phase.FAILED, AutoRollbackToWord(word))
    data = desired_data(own_data(view), refresh.spec.desired_configuration, view.sources)
    return EndsAtOnce(Phase.FAILED, data) if isinstance(data, Reason) else data


def _first(view: GroupView) -> Refresh | None:
    first = first_in_line(view.tasks)
    return next((each for each in view.refreshes if first is not None and each.task == first), None)
