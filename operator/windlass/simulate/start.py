"""A world that begins as a group is now, so that what would become of it can be played."""

from datetime import timedelta

from windlass.api.scaling_activity import ScalingActivityStatus
from windlass.api.scaling_group import ActivityType
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.view import GroupView
from windlass.planner.images import same_image
from windlass.simulate.kubelet import SECOND, Change, Life
from windlass.simulate.world import PlayedOperator, Script, World


def world_of(view: GroupView) -> World:
    """The world in which a pass sees this view.

    New instances all come into service. Of those that are there, the ones on their way come into service too, the
    ones on their way out go, those whose image was changed run it, and all others stay as they are: whoever has a
    problem keeps it.
    """
    world = World(
        name=view.name,
        spec=view.spec,
        now=view.now,
        configuration=view.configuration,
        template=view.template,
        status=view.status,
        generation=view.generation,
        deleting=view.deleting,
        instances={instance.name: instance for instance in view.instances},
        orphans={orphan.name: orphan for orphan in view.orphans},
        revisions={revision.name: revision for revision in view.revisions},
        records=_records(view),
        namespace=view.namespace,
        uid=view.uid,
        template_problem=view.template_problem,
        refreshes={refresh.name: refresh for refresh in view.refreshes},
        sources=view.sources,
        refresh_problems=dict(view.refresh_problems),
        updates={update.name: update for update in view.updates},
        packages=dict(view.packages),
    )
    for instance in view.instances:
        if instance.removing:
            world.removed_at[instance.name] = view.now
        elif _on_its_way(instance):
            world.lives[instance.name] = _arrives(instance, view.now - instance.created_at)
        if _gets_image(instance, view):
            world.changing[instance.name] = view.now, Change()
    return world


def operator_of(view: GroupView) -> PlayedOperator:
    """The process that sees this view: the scripts that it runs end well, as long from now as any of them takes."""
    ends_at = view.now + (Change().runs or SECOND)
    return PlayedOperator(
        scripts={
            instance.uid: Script(instance.name, instance.mark.run, ends_at, exit_code=0, output="")
            for instance in view.instances
            if instance.uid in view.scripts_running and instance.mark is not None
        }
    )


def _gets_image(instance: Instance, view: GroupView) -> bool:
    """Whether its image was changed, and the kubelet has nothing to say of that yet: that it is its turn is no trouble.

    One that is told to run, or why it does not, stays as it is told.
    """
    mark, run = instance.mark, view.status.update
    if mark is None or run is None or mark.update != run.uid or mark.image is None or instance.removing:
        return False
    told = same_image(mark.shown_image, mark.image) or mark.shown_restarts > mark.restarts
    return not told and mark.result is None and mark.trouble is None and instance.problem is None


def _on_its_way(instance: Instance) -> bool:
    settled = instance.ready or instance.was_ready or instance.ended
    return not settled and instance.problem is None and instance.unschedulable_since is None


def _arrives(instance: Instance, age: timedelta) -> Life:
    scheduled = instance.scheduled_at - instance.created_at if instance.scheduled_at else age + SECOND
    return Life(scheduled, ready=age + 2 * SECOND)


def _records(view: GroupView) -> dict[str, ScalingActivityStatus]:
    """The records as far as a view knows them: of those that ended long ago, only when they began."""
    records = {
        ended.name: ScalingActivityStatus(
            phase="Successful", type=ActivityType.SCALE_OUT, cause="", start_time=ended.started_at
        )
        for ended in view.history
    }
    if view.record is not None and view.status.activity is not None:
        records[view.status.activity.name] = view.record
    return records
