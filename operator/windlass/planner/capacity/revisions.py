"""Revisions: immutable snapshots of what new instances are made from.

Two revisions are the same when their data are equal, wherever their names come from. The two newest and all that an
instance was made from are kept.
"""

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from windlass.api.rollout import RolloutStatus
from windlass.api.scaling_group import MAX_REVISIONS, RevisionStatus, ScalingGroupStatus
from windlass.api.task import Phase
from windlass.planner.capacity.reasons import NewConfiguration, RevisionUnused, TemplateRefused
from windlass.planner.capacity.reasons_launches import MeantToEnd
from windlass.planner.capacity.situation import Decision, Hold, Memory, Situation
from windlass.planner.capacity.source import find_own, named_source, own_data, source_of
from windlass.planner.capacity.steps import ForgetRevision, KeepRevision
from windlass.planner.capacity.view import GroupView, Revision
from windlass.planner.digest import digest
from windlass.planner.plan import Event
from windlass.planner.reason import Reason

KEPT = 2
ENDING = ("Never", "OnFailure")  # restart policies with which a Pod may end


def current_revision(view: GroupView, rollout: RolloutStatus | None = None) -> Revision | None:
    """The kept revision that equals the group's configuration, if there is one.

    Where the configuration is missing or refused it is the one that instances were last made from, or else the newest
    that is kept: so the group goes on healing. While a `rollout` exchanges instances, it is the one that these are made
    from; what was kept for it counts as the group's own only once it was committed.
    """
    kept = [revision for revision in view.revisions if not revision.removing]
    if rollout is not None and rollout.outcome is None:
        return next((revision for revision in kept if revision.name == rollout.target), None)
    data = own_data(view)
    if data is None or view.template_problem is not None:
        last = _last_own(view.status, rollout)
        newest = max(kept, key=attrgetter("number"), default=None)
        return next((revision for revision in kept if revision.name == last), newest)
    return next((revision for revision in view.revisions if revision.data == data), None)


def _last_own(status: ScalingGroupStatus, rollout: RolloutStatus | None) -> str:
    """The name of the revision that instances were made from last, but for a rollout that was not committed."""
    if rollout is None or status.rollout is None or status.rollout.outcome is not None:
        return status.current_revision
    return rollout.to_revision if rollout.outcome == Phase.SUCCESSFUL else rollout.from_revision


def keep_revision(s: Situation) -> Decision | Hold | None:
    """The rule: a configuration that is new to the group is kept before anything is made from it."""
    if s.active_rollout is not None:
        return None
    data = find_own(s.view)
    if isinstance(data, Reason):
        return Hold(data)
    problem, retry_at = s.view.template_problem, s.view.template_retry_at
    if problem is not None and (retry_at is None or retry_at > s.now):
        return Hold(TemplateRefused(named_source(s.view), problem))
    if problem is None and s.revision is not None:
        return None
    step = new_revision(s.view, data, NewConfiguration(source_of(data)))
    policy = meant_to_end(data["configuration"])
    events = (Event("Warning", MeantToEnd(source_of(data), policy)),) if policy else ()
    return Decision(s.memory, step.why, (step,), events)


def new_revision(view: GroupView, data: Mapping[str, Any], why: Reason, refresh: str = "") -> KeepRevision:
    """The step that keeps these data."""
    number = 1 + max((revision.number for revision in view.revisions), default=0)
    return KeepRevision(_name(view, data), number, data, why, refresh)


def meant_to_end(configuration: Mapping[str, Any]) -> str | None:
    """The restartPolicy with which Pods of this configuration end by themselves; None where they do not."""
    spec: Any = configuration
    for key in ("template", "spec"):
        spec = spec.get(key) if isinstance(spec, Mapping) else None
    policy = spec.get("restartPolicy") if isinstance(spec, Mapping) else None
    return policy if policy in ENDING else None


def _name(view: GroupView, data: Mapping[str, Any]) -> str:
    # With the uid: the revisions of a group that is gone may outlive it, and must not be in its successor's way.
    ending = digest([view.uid, data])
    taken = {revision.name for revision in view.revisions}
    lengths = range(10, len(ending) + 1)
    return next(name for length in lengths if (name := f"{view.name}-{ending[:length]}") not in taken)


def know_revisions(view: GroupView, memory: Memory) -> Memory:
    """The memory that knows when each kept revision was added."""
    added = {revision.name: revision for revision in memory.revisions}
    known = [
        added.get(r.name) or RevisionStatus(name=r.name, configuration=source_of(r.data), added_at=view.now)
        for r in sorted(view.revisions, key=lambda revision: revision.number)
    ]
    return replace(memory, revisions=tuple(known[-MAX_REVISIONS:]))


def forget_revisions(s: Situation) -> tuple[ForgetRevision, ...]:
    """Steps that delete the revisions that nobody needs."""
    if s.active_rollout is not None or s.revision is None or s.revision.data != own_data(s.view):
        return ()
    newest = sorted(s.view.revisions, key=lambda revision: revision.number)[-KEPT:]
    needed = {revision.name for revision in newest} | {s.revision.name} | {i.revision for i in s.view.instances}
    needed |= {s.memory.update.to_revision} if s.memory.update is not None else set()
    unused = (r for r in s.view.revisions if r.name not in needed and not r.removing)
    return tuple(ForgetRevision(revision.name, RevisionUnused()) for revision in unused)
