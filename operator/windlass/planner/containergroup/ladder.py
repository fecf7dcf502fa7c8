"""The ladder: the least disruptive way in which a set of changes can be applied, as a whole.

| rung | what changed | what is started again |
| --- | --- | --- |
| Metadata | tags; registry credentials, not more than the Pod names | nothing |
| Resize | CPU or memory of a container | nothing |
| RestartContainer | the image of a container that has not ended for good | that container |
| Recreate | anything else: a Pod's other fields cannot be changed | all |
"""

from collections.abc import Sequence
from dataclasses import dataclass

from windlass.api.container_group import ContainerGroupSpec, Disruption
from windlass.planner.containergroup.parts import CREDENTIALS, INIT_CONTAINERS, TAGS, VOLUMES, Change, What

QOS_CLASS = "Guaranteed"  # of every group: requests and limits of its containers are the same
_RUNGS = tuple(Disruption)


@dataclass(frozen=True, slots=True)
class Way:
    """How changes are applied. `parts`: those that differ; `decisive`: what needs this rung and no lower one, in the
    words of a sentence; `restarts`: the containers that are started again."""

    parts: tuple[str, ...]
    disruption: Disruption
    decisive: tuple[str, ...]
    restarts: tuple[str, ...]


def way(changes: Sequence[Change], spec: ContainerGroupSpec, qos_class: str = QOS_CLASS) -> Way:
    """The way for these changes, one or more, of a Pod of this QoS class."""
    rungs = {each: _rung(each, qos_class) for each in changes}
    highest = max(rungs.values(), key=_RUNGS.index)
    return Way(
        parts=tuple(dict.fromkeys(each.part for each in changes)),
        disruption=highest,
        decisive=tuple(_named(each, qos_class) for each, rung in rungs.items() if rung is highest),
        restarts=restarts(changes, spec, highest),
    )


def restarts(changes: Sequence[Change], spec: ContainerGroupSpec, disruption: Disruption) -> tuple[str, ...]:
    """The containers that are started again by this way."""
    if disruption is Disruption.RECREATE:
        return everyone(spec)
    return tuple(each.container for each in changes if each.what is What.IMAGE)


def everyone(spec: ContainerGroupSpec) -> tuple[str, ...]:
    """All containers of the group, those that run first of all first."""
    return tuple(each.name for each in (*spec.init_containers, *spec.containers))


def allows(ceiling: Disruption, disruption: Disruption) -> bool:
    """Whether the ceiling lets an update go this way."""
    return _RUNGS.index(disruption) <= _RUNGS.index(ceiling)


def lacks_containers(changes: Sequence[Change]) -> bool:
    """Whether names of volumes change and no container with them."""
    names = any(each.part == VOLUMES and each.what is What.NAMES for each in changes)
    return names and not any(each.container or each.part == INIT_CONTAINERS for each in changes)


def _rung(change: Change, qos_class: str) -> Disruption:
    match change.part, change.what:
        case (_, What.IMAGE):
            return Disruption.RESTART_CONTAINER
        case (_, What.SIZE):
            return Disruption.RESIZE if qos_class == QOS_CLASS else Disruption.RECREATE
        case (part, What.VALUE) if part in {TAGS, CREDENTIALS}:
            return Disruption.METADATA
        case _:
            return Disruption.RECREATE


def _named(change: Change, qos_class: str) -> str:
    if change.what is What.SIZE and qos_class != QOS_CLASS:
        return f"{change}, by which its QoS class would change from {qos_class} to {QOS_CLASS}"
    return str(change)
