"""Instances on the wire: a Pod read as an `Instance`, and the Pod that a launch creates."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from windlass.api.common import (
    DELETION_COST_ANNOTATION,
    GROUP_LABEL,
    MANAGED_BY_LABEL,
    NODE_ZONE_LABEL,
    ORDINAL_ANNOTATION,
    PROTECT_ANNOTATION,
    REVISION_LABEL,
    TAG_PREFIX,
    UPDATE_ANNOTATION,
    ZONE_LABEL,
    owner_reference,
)
from windlass.api.rolling_update import InstanceResult
from windlass.api.scaling_group import Tag
from windlass.cluster.altered import Marks
from windlass.planner.capacity.instance import Instance
from windlass.planner.reason import names
from windlass.planner.rolling_update.mark import Mark

# Waiting reasons that every container passes through; they tell nobody why it does not come up.
ORDINARY_WAITS = frozenset({"ContainerCreating", "PodInitializing"})
# As YAML 1.1 spells them, which people write without quotes at first.
TRUE = frozenset({"true", "yes", "on", "y"})
FALSE = frozenset({"", "false", "no", "off", "n"})
ENDED = frozenset({"Failed", "Succeeded"})  # phases
LONGEST_PROBLEM = 300  # characters; the sentence goes into messages with others

_ORDINAL_TEXT = re.compile(r"0|[1-9][0-9]{0,8}")  # at most nine digits: a group of 52 characters leaves ten
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?")


class _Owner(msgspec.Struct, rename="camel", frozen=True, gc=False):
    uid: str
    controller: bool = False


class _Labels(msgspec.Struct, frozen=True, gc=False):
    group: str = msgspec.field(default="", name=GROUP_LABEL)
    revision: str = msgspec.field(default="", name=REVISION_LABEL)
    zone: str | None = msgspec.field(default=None, name=ZONE_LABEL)


class _Annotations(msgspec.Struct, frozen=True, gc=False):
    protect: str = msgspec.field(default="", name=PROTECT_ANNOTATION)
    deletion_cost: str = msgspec.field(default="0", name=DELETION_COST_ANNOTATION)
    update: str = msgspec.field(default="", name=UPDATE_ANNOTATION)


class _Metadata(msgspec.Struct, rename="camel", frozen=True, gc=False):
    namespace: str
    name: str
    uid: str
    resource_version: str
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    finalizers: tuple[str, ...] = ()
    generation: int = 0
    labels: _Labels = _Labels()
    annotations: _Annotations = _Annotations()
    owner_references: tuple[_Owner, ...] = ()


class _Condition(msgspec.Struct, rename="camel", frozen=True, gc=False):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class _Running(msgspec.Struct, rename="camel", frozen=True, gc=False):
    started_at: str = ""  # made a time of where it is asked for, and it hardly ever is


class _Why(msgspec.Struct, rename="camel", frozen=True, gc=False):
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    finished_at: datetime | None = None


class _ContainerState(msgspec.Struct, rename="camel", frozen=True, gc=False):
    waiting: _Why | None = None
    running: _Running | None = None
    terminated: _Why | None = None


class _Container(msgspec.Struct, rename="camel", frozen=True, gc=False):
    name: str
    ready: bool = False
    image: str = ""
    restart_count: int = 0
    state: _ContainerState = _ContainerState()
    last_state: _ContainerState = _ContainerState()


DEFAULT_SCHEDULER = "default-scheduler"


class _Spec(msgspec.Struct, rename="camel", frozen=True, gc=False):
    node_name: str | None = None
    scheduler_name: str = DEFAULT_SCHEDULER


class _Status(msgspec.Struct, rename="camel", frozen=True, gc=False):
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_Container, ...] = ()
    init_container_statuses: tuple[_Container, ...] = ()


class Pod(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A Pod as decisions read it."""

    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


class _Draft:
    """An instance that is being made: its fields can be set, and take the same places.

    One is made for every event, and past the lock of a frozen dataclass to set its fields takes ten times as long.
    """

    __slots__ = Instance.__slots__


def to_instance(pod: Pod) -> Instance:
    """The instance that this Pod is."""
    metadata, status = pod.metadata, pod.status
    ready = scheduled = initialized = None
    for condition in status.conditions:
        match condition.type:
            case "Ready":
                ready = condition
            case "PodScheduled":
                scheduled = condition
            case "Initialized":
                initialized = condition
    is_ready = ready is not None and ready.status == "True"
    ended = status.phase in ENDED
    removing = metadata.deletion_timestamp is not None
    fits_nowhere = scheduled is not None and scheduled.status == "False" and scheduled.reason == "Unschedulable"
    unscheduled = scheduled if fits_nowhere else None
    was_ready = is_ready or _was_ready(ready, initialized)
    named_after = _named_after(metadata)
    made: Any = _Draft()
    made.namespace = metadata.namespace
    made.group = _controller(metadata) if named_after else ""  # another's label: lists by label do not show it
    made.orphan_of = "" if metadata.owner_references else named_after
    made.name = metadata.name
    made.uid = metadata.uid
    made.resource_version = metadata.resource_version
    made.ordinal = _ordinal(metadata.name)
    made.revision = metadata.labels.revision
    made.zone = metadata.labels.zone
    made.created_at = metadata.creation_timestamp
    made.scheduled_at = scheduled.last_transition_time if scheduled and scheduled.status == "True" else None
    made.unschedulable_since = scheduled.last_transition_time if scheduled and fits_nowhere else None
    made.node = pod.spec.node_name
    made.ended = ended
    made.ended_at = _ended_at(status, ready if was_ready else None) if ended else None
    made.ready = is_ready and not ended
    made.ready_changed_at = ready.last_transition_time if ready else None
    made.was_ready = was_ready
    made.removing = removing
    made.leaving_since = metadata.deletion_timestamp
    protect = metadata.annotations.protect
    made.protected = protect.lower() in TRUE
    made.unclear_protection = None if made.protected or protect.lower() in FALSE else _cut(protect)[:40]
    made.deletion_cost = _number(metadata.annotations.deletion_cost, 0)
    made.problem = _held(metadata) if removing else None if is_ready and not ended else _problem(pod, unscheduled)
    made.mark = read_mark(pod) if metadata.annotations.update else None
    made.__class__ = Instance
    instance: Instance = made
    return instance


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class MarkOnTheWire(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """The annotation of an instance that a RollingUpdate was begun on, as JSON."""

    update: str
    begun_at: _Moment
    container: str
    image: str | None = None
    restarts: int = 0
    run: str = ""
    result: InstanceResult | None = None
    exit_code: int | None = None
    output: str = ""
    ended_at: _Moment | None = None

    def annotation(self) -> str:
        """Its value."""
        return msgspec.json.encode(self).decode()


def mark_of(pod: Pod) -> MarkOnTheWire | None:
    """What its annotation says; None where it has none, or one that nobody can read: as good as of another update."""
    try:
        return msgspec.json.decode(pod.metadata.annotations.update, type=MarkOnTheWire)
    except msgspec.MsgspecError:
        return None


def read_mark(pod: Pod) -> Mark | None:
    """The mark, with what the kubelet reports of the container since."""
    said = mark_of(pod)
    if said is None:
        return None
    container = next((each for each in pod.status.container_statuses if each.name == said.container), None)
    shown = container if container is not None else _Container(said.container)
    waiting, running = shown.state.waiting, shown.state.running
    trouble = _container_trouble(shown)
    observed = pod.status.observed_generation
    return Mark(
        update=said.update,
        begun_at=said.begun_at,
        container=said.container,
        image=said.image,
        restarts=said.restarts,
        run=said.run,
        result=said.result,
        exit_code=said.exit_code,
        output=said.output,
        ended_at=said.ended_at,
        shown_image=shown.image,
        shown_restarts=shown.restart_count,
        running_since=datetime.fromisoformat(running.started_at) if running and running.started_at else None,
        crashes=waiting is not None and waiting.reason == "CrashLoopBackOff",
        trouble=_cut(f"container {said.container}: {trouble}") if trouble is not None else None,
        observed=not observed or observed >= pod.metadata.generation,
    )


def _controller(metadata: _Metadata) -> str:
    """The uid of the object that controls it, whatever its labels say; empty where there is none."""
    for owner in metadata.owner_references:
        if owner.controller:
            return owner.uid
    return ""


def _named_after(metadata: _Metadata) -> str:
    """The name of the group that its label and its name speak of; empty where they differ."""
    group = metadata.labels.group
    return group if group == metadata.name.rpartition("-")[0] else ""


def is_owned_by(pod: Pod, uid: str) -> bool:
    """Whether this object controls the Pod, whatever the Pod's labels say."""
    return _controller(pod.metadata) == uid


def _ordinal(name: str) -> int:
    """The number at the end of an instance's name, -1 where there is none: names cannot be changed, annotations can."""
    number = name.rpartition("-")[2]
    return int(number) if _ORDINAL_TEXT.fullmatch(number) else -1


def _held(metadata: _Metadata) -> str | None:
    """Why it is still there although it was deleted: whoever put a finalizer on it has not taken it off."""
    return _cut(f"its deletion waits for finalizer {names(metadata.finalizers)}") if metadata.finalizers else None


def _was_ready(ready: _Condition | None, initialized: _Condition | None) -> bool:
    """Whether a Pod that is not ready ever was: its Ready condition has changed since it was initialized."""
    since = ready.last_transition_time if ready else None
    start = initialized.last_transition_time if initialized else None
    return since is not None and start is not None and since > start


def _ended_at(status: _Status, ready: _Condition | None) -> datetime | None:
    """When the last of its containers ended; where none tells, when the Pod (which was ready) was ready no more."""
    finished = [c.state.terminated.finished_at for c in status.container_statuses if c.state.terminated is not None]
    told = max((moment for moment in finished if moment is not None), default=None)
    return told or (ready.last_transition_time if ready else None)


def _number(text: str, default: int) -> int:
    try:
        return int(text)
    except ValueError:
        return default


def _problem(pod: Pod, unschedulable: _Condition | None) -> str | None:
    """Why the Pod is not ready, in its own words."""
    status = pod.status
    if unschedulable is not None:
        return _cut(unschedulable.message or "it cannot be scheduled")
    if status.phase in ENDED:
        return _cut(f"its Pod has ended: {'; '.join((status.phase, *_last_words(status)))}")
    for container in (*status.init_container_statuses, *status.container_statuses):
        trouble = _container_trouble(container)
        if trouble is not None:
            return _cut(f"container {container.name}: {trouble}")
    for container in status.container_statuses:
        if container.state.terminated is not None:
            return _cut(f"container {container.name}: {_ending(container.state.terminated)}")
    if status.reason or status.message:
        return _cut(": ".join(part for part in (status.reason, status.message) if part))
    waits = _condition_trouble(pod)
    return _cut(waits) if waits else None


def _condition_trouble(pod: Pod) -> str | None:
    """What the Pod's conditions say where no container says anything; None while its containers are being started."""
    by_type = {condition.type: condition for condition in pod.status.conditions}
    scheduled, ready = by_type.get("PodScheduled"), by_type.get("Ready")
    if scheduled is None and pod.spec.node_name is None and pod.spec.scheduler_name != DEFAULT_SCHEDULER:
        return f"no scheduler has looked at it: is there one named {pod.spec.scheduler_name} (spec.schedulerName)?"
    if scheduled is not None and scheduled.status == "False":
        return _said(scheduled)
    if ready is None or not all(_runs(container) for container in pod.status.container_statuses):
        return None
    return _said(ready)


def _said(condition: _Condition) -> str | None:
    return ": ".join(part for part in (condition.reason, condition.message) if part) if condition.message else None


def _runs(container: _Container) -> bool:
    return container.state.waiting is None and container.state.terminated is None


def _last_words(status: _Status) -> Iterator[str]:
    """Why a Pod ended: its own reason, else those of its containers."""
    if status.reason or status.message:
        yield ": ".join(part for part in (status.reason, status.message) if part)
        return
    for container in (*status.init_container_statuses, *status.container_statuses):
        if (ended := container.state.terminated) is not None:
            yield f"container {container.name}: {_ending(ended)}"


def _ending(ended: _Why) -> str:
    return ": ".join(part for part in (ended.reason or "ended", f"exit code {ended.exit_code}", ended.message) if part)


def _container_trouble(container: _Container) -> str | None:
    waiting, ended, last = container.state.waiting, container.state.terminated, container.last_state.terminated
    before = f"; before that {_ending(last)}" if last is not None else ""
    if waiting is not None:
        ordinary = not waiting.reason or waiting.reason in ORDINARY_WAITS
        why = ": ".join(part for part in (waiting.reason, waiting.message) if part)
        return None if ordinary else why + before
    if ended is not None:
        return _ending(ended) if ended.exit_code else None
    return f"started again{before}" if before and not container.ready else None


def _cut(text: str) -> str:
    # What a container wrote must not move the cursor of whoever reads it.
    line = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return line if len(line) <= LONGEST_PROBLEM else f"{line[: LONGEST_PROBLEM - 1]}…"


# ---- what a launch creates


_NAME, _ORDINAL = "\ue000name\ue001", "\ue000ordinal\ue001"  # private-use characters, which no manifest has


class TemplateError(ValueError):
    """No Pod can be made from the template; the message is a sentence that names the field."""


class PodMaker:
    """Makes the Pods of one revision in one zone: all is encoded once, but the name and the ordinal.

    `marks`: what they are known by.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.marks = Marks.of(body["metadata"])
        encoded = msgspec.json.encode(body)
        head, tail = encoded.split(_NAME.encode(), 1)
        between, end = tail.split(_ORDINAL.encode(), 1)
        self._parts = (head, between, end)

    def make(self, name: str, ordinal: int) -> bytes:
        """The Pod's manifest as JSON."""
        head, between, end = self._parts
        return b"".join((head, name.encode(), between, str(ordinal).encode(), end))


def pod_maker(
    *,
    group: str,
    group_uid: str,
    revision: str,
    template: Mapping[str, Any],
    zone: str | None,
    tags: Sequence[Tag],
) -> PodMaker:
    """A maker of instances of this group from this template, pinned to the zone if there is one.

    Without a `group_uid` they have no owner. TemplateError if the template has something else where a Pod has a map.
    """
    return PodMaker(_manifest(group, group_uid, revision, template, zone, tags))


TAKEN_METADATA = ("labels", "annotations")


def check_template(template: Mapping[str, Any]) -> None:
    """TemplateError if the template's metadata has more than instances are given; a null is as good as nothing."""
    given = _mapping(template, "metadata", "template")
    left_out = tuple(key for key, value in given.items() if value is not None and key not in TAKEN_METADATA)
    if left_out:
        raise TemplateError(_cut(f"template.metadata may hold labels and annotations, not {names(left_out)}"))


def _manifest(
    group: str, group_uid: str, revision: str, template: Mapping[str, Any], zone: str | None, tags: Sequence[Tag]
) -> dict[str, Any]:
    given = _mapping(template, "metadata", "template")
    labels = {
        **{tag.key: tag.value for tag in tags if _is_label(tag)},
        **_mapping(given, "labels", "template.metadata"),
        GROUP_LABEL: group,
        REVISION_LABEL: revision,
        MANAGED_BY_LABEL: "windlass",
    }
    spec = dict(_mapping(template, "spec", "template"))
    if zone is not None:
        labels[ZONE_LABEL] = zone
        spec["nodeSelector"] = {**_mapping(spec, "nodeSelector", "template.spec"), NODE_ZONE_LABEL: zone}
    annotations = {
        **{TAG_PREFIX + tag.key: tag.value for tag in tags},
        **_mapping(given, "annotations", "template.metadata"),
    }
    for own in (ORDINAL_ANNOTATION, UPDATE_ANNOTATION):  # it may have been made from a Pod that was read
        annotations.pop(own, None)
    # The two that differ from Pod to Pod come first and in this order: the maker cuts the encoded text there.
    return {
        "metadata": {
            "name": _NAME,
            "annotations": {ORDINAL_ANNOTATION: _ORDINAL} | annotations,
            "labels": labels,
            "ownerReferences": [owner_reference("ScalingGroup", group, group_uid)] if group_uid else [],
        },
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": spec,
    }


def _mapping(parent: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    found = parent.get(key) or {}
    if not isinstance(found, Mapping):
        raise TemplateError(f"{where}.{key} must be a map, not {found!r}"[:LONGEST_PROBLEM])
    return found


def _is_label(tag: Tag) -> bool:
    return bool(_LABEL_VALUE.fullmatch(tag.value)) and bool(tag.key) and bool(_LABEL_VALUE.fullmatch(tag.key))
