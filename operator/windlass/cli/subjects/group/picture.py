"""A group and its instances at one moment, as a tree for people and as values for programs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from windlass.api.common import rfc3339, to_wire
from windlass.api.rollout import RolloutStatus
from windlass.api.scaling_group import ActivityStatus, RevisionStatus, ScalingGroupSpec, ScalingGroupStatus, ZoneStatus
from windlass.api.update_run import UpdateRunStatus
from windlass.cli.told import Shown
from windlass.cli.tree import Row, drawn
from windlass.controllers.scaling_group.written import parse_spec, parse_status
from windlass.planner.capacity.instance import Instance, Patience, State, state_of
from windlass.planner.capacity.view import may_fail
from windlass.planner.reason import counted

STATE_WORDS = {
    State.IN_SERVICE: "in service",
    State.PENDING: "pending",
    State.NOT_READY: "not ready",
    State.UNHEALTHY: "unhealthy",
    State.FAILED: "failed",
    State.REMOVING: "being removed",
}


@dataclass(frozen=True, slots=True)
class ShownInstance:
    """An instance, the state it is in, and when that changes by time alone."""

    instance: Instance
    state: State
    changes_at: datetime | None


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is of a group. `metadata` is the group's own."""

    metadata: Mapping[str, Any]
    spec: ScalingGroupSpec
    status: ScalingGroupStatus
    instances: tuple[ShownInstance, ...]
    now: datetime

    @property
    def message(self) -> str:
        """The most useful sentence about the group now, with a word of warning where it speaks of an older spec."""
        generation, seen = self.metadata["generation"], self.status.observed_generation
        if not seen:
            return "no operator has looked at this group yet"
        if seen < generation:
            return f"{self.status.message} (that was before the last change, which no operator has looked at yet)"
        return self.status.message

    @property
    def next_change(self) -> datetime | None:
        """When the picture changes next by time alone."""
        return min((i.changes_at for i in self.instances if i.changes_at is not None), default=None)


def take_picture(group: Mapping[str, Any], instances: Iterable[Instance], now: datetime) -> Picture:
    """The picture of a group as it was read, and of its instances; `Invalid` if its spec makes no sense to us."""
    spec, status = parse_spec(group), parse_status(group)
    patience = Patience.of(spec)
    activity = status.activity
    shown = tuple(
        ShownInstance(i, *state_of(i, patience, now, launching=may_fail(activity, i, patience, None)))
        for i in instances
    )
    return Picture(group["metadata"], spec, status, shown, now)


def shown(picture: Picture) -> Shown:
    """The picture as `get` shows it."""
    return Shown(
        values=partial(values, picture),
        lines=partial(tree, picture),
        rows=partial(rows_of, picture),
        message=picture.message,
        now=picture.now,
        next_change=picture.next_change,
    )


# ---- for people


def tree(picture: Picture) -> list[str]:
    """The sentence, and the tree."""
    return drawn(picture.message, rows_of(picture), picture.now)


def rows_of(picture: Picture) -> list[Row]:
    """The group, its conditions, zones, activity, rollout or update, revisions, and below these the instances."""
    status, metadata = picture.status, picture.metadata
    rows = [Row(0, f"ScalingGroup/{metadata['name']}", status.phase, "", created_at(metadata), sizes(picture))]
    for condition in status.conditions:
        key = f"Condition/{condition.type}"
        rows.append(Row(1, key, condition.status, "", condition.last_transition_time, condition.reason))
    rows += [_zone_row(picture, zone) for zone in status.zones]
    if status.activity is not None:
        rows.append(_activity_row(status.activity))
    if status.rollout is not None:
        rows.append(_rollout_row(status.rollout))
    if status.update is not None:
        rows.append(_update_row(status.update))
    by_revision: defaultdict[str, list[ShownInstance]] = defaultdict(list)
    for one in picture.instances:
        by_revision[one.instance.revision].append(one)
    for revision in status.revisions:
        there = by_revision.pop(revision.name, [])
        rows.append(_revision_row(revision, revision.name == status.current_revision, there))
        rows += map(_instance_row, there)
    for name, there in by_revision.items():
        info = f"{_staying(there)}; the revision itself is not kept"
        rows.append(Row(1, f"ControllerRevision/{name}", "Unknown", info=info))
        rows += map(_instance_row, there)
    return rows


def created_at(metadata: Mapping[str, Any]) -> datetime:
    """When the object was created."""
    return datetime.fromisoformat(metadata["creationTimestamp"])


def sizes(picture: Picture) -> str:
    """`desired 3 (min 1, max 10): 2 in service, 1 pending`."""
    spec = picture.spec
    there = Counter(one.state for one in picture.instances)
    counts = [f"{there[state]} {word}" for state, word in STATE_WORDS.items() if there[state]]
    desired = "unset" if spec.desired_size is None else spec.desired_size
    return f"desired {desired} (min {spec.min_size}, max {spec.max_size}): {', '.join(counts) or 'no instances'}"


def _zone_row(picture: Picture, zone: ZoneStatus) -> Row:
    there = sum(s.instance.zone == zone.name and s.state is not State.REMOVING for s in picture.instances)
    info = counted(there, "instance")
    why = zone.reason or "it takes no instances"
    if zone.next_try is not None:
        fate = f"no zone takes instances of this configuration; tried again at {zone.next_try.astimezone():%H:%M:%S}"
        return Row(1, f"Zone/{zone.name}", "Waiting", info=f"{info}; {fate}: {why}")
    if zone.failed_until is None:
        return Row(1, f"Zone/{zone.name}", "Usable", info=info)
    over = zone.failed_until <= picture.now
    fate = "one instance tries it again" if over else f"left out until {zone.failed_until.astimezone():%H:%M:%S}"
    return Row(1, f"Zone/{zone.name}", "Failed", info=f"{info}; {fate}: {why}")


def _activity_row(activity: ActivityStatus) -> Row:
    state = activity.result.value if activity.result else "InProgress"
    said = activity.description if activity.result else activity.cause
    info = f"{activity.type.value} from {activity.from_} to {activity.to}: {said}"
    return Row(1, f"ScalingActivity/{activity.name}", state, "", activity.started_at, info)


def _rollout_row(rollout: RolloutStatus) -> Row:
    way = "back to" if rollout.back else "to"
    said = f": {rollout.message}" if rollout.message else ""
    info = f"{way} {rollout.target}, {rollout.updated} updated{said}"
    return Row(1, f"{rollout.kind}/{rollout.name}", rollout.phase, "", rollout.started_at, info)


def _update_row(update: UpdateRunStatus) -> Row:
    batch = f"batch {min(update.batch, update.batches)} of {update.batches}"
    total = sum(part.count for part in update.members)
    counts = (("failed", update.failed), ("unknown", update.unknown), ("skipped", update.skipped))
    done = ", ".join([f"{update.succeeded} of {total} done", *(f"{count} {word}" for word, count in counts if count)])
    said = f": {update.message}" if update.message else ""
    info = f"{batch}; in those that are over {done}{said}"
    return Row(1, f"RollingUpdate/{update.name}", update.phase, "", update.started_at, info)


def _revision_row(revision: RevisionStatus, current: bool, there: list[ShownInstance]) -> Row:
    state = "Current" if current else "Outdated" if there else "Kept"
    info = f"{_staying(there)} of {revision.configuration}"
    return Row(1, f"ControllerRevision/{revision.name}", state, "", revision.added_at, info)


def _staying(there: list[ShownInstance]) -> str:
    """How many there are as the group counts them: without those on their way out, which are told beside."""
    leaving = sum(one.state is State.REMOVING for one in there)
    return counted(len(there) - leaving, "instance") + (f" ({leaving} more being removed)" if leaving else "")


def _instance_row(one: ShownInstance) -> Row:
    instance, state = one.instance, one.state
    info = [instance.problem] if instance.problem and state is not State.REMOVING else []
    if state is State.PENDING and instance.ready and one.changes_at is not None:
        info.append(f"ready, in service at {one.changes_at.astimezone():%H:%M:%S}")
    if instance.protected:
        info.append("protected")
    if instance.deletion_cost:
        info.append(f"pod-deletion-cost {instance.deletion_cost}")
    return Row(2, f"Pod/{instance.name}", state.value, instance.zone or "", instance.created_at, "; ".join(info))


# ---- for programs


def values(picture: Picture) -> dict[str, Any]:
    """The picture for programs; times as the API writes them."""
    metadata, spec, status = picture.metadata, picture.spec, picture.status
    wire = to_wire(status)
    there = Counter(one.state.value for one in picture.instances)
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "createdAt": metadata["creationTimestamp"],
        "generation": metadata["generation"],
        "observedGeneration": status.observed_generation,
        "phase": status.phase,
        "message": picture.message,
        "minSize": spec.min_size,
        "maxSize": spec.max_size,
        "desiredSize": spec.desired_size,
        "counts": {state.value: there[state.value] for state in State},
        "conditions": wire["conditions"],
        "zones": wire["zones"],
        "activity": wire.get("activity"),
        "rollout": wire.get("rollout"),
        "update": wire.get("update"),
        "revisions": [r | {"current": r["name"] == status.current_revision} for r in wire["revisions"]],
        "instances": [_instance_values(one) for one in picture.instances],
    }


def _instance_values(one: ShownInstance) -> dict[str, Any]:
    instance = one.instance
    return {
        "name": instance.name,
        "state": one.state.value,
        "changesAt": rfc3339(one.changes_at) if one.changes_at else None,
        "zone": instance.zone,
        "node": instance.node,
        "revision": instance.revision,
        "createdAt": rfc3339(instance.created_at),
        "protected": instance.protected,
        "deletionCost": instance.deletion_cost,
        "problem": instance.problem,
    }
