"""Why an update is as it is, what it waits for, and what to do."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from windlass.api.common import to_wire
from windlass.api.rolling_update import InstanceResult, RollingUpdateSpec
from windlass.api.task import Phase
from windlass.cli.reading import read_object
from windlass.cli.subjects.group.explanation import OPERATOR_ADVICE
from windlass.cli.subjects.task.explain import Explained, explain_task, in_lines, see_group
from windlass.cli.subjects.task.explain import values as common
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update.batches import RUNNING, label_of, last_words
from windlass.cli.subjects.update.instances import read_picture
from windlass.cli.subjects.update.picture import Picture, change_of, counts, way_on
from windlass.cli.text import age, bar, columns
from windlass.cli.told import Told
from windlass.cluster.client import Client
from windlass.planner.rolling_update.reasons import UpdateGroupMissing


async def explain_update(client: Client, namespace: str, name: str) -> Told:
    """Why this update is as it is."""
    body = await read_object(client, UPDATE, namespace, name)
    explained = await explain_task(client, body, await read_picture(client, body), UpdateGroupMissing)
    return Told(values=partial(values, explained), lines=partial(lines, explained))


# ---- for people


def lines(e: Explained[Picture]) -> list[str]:
    """Section by section, the empty ones left out."""
    picture, status, spec = e.picture, e.picture.status, e.picture.spec
    place = f"{picture.metadata['namespace']}/{picture.metadata['name']}"
    shown = [f"RollingUpdate {place} of ScalingGroup {spec.scaling_group}: {status.phase.value}"]
    shown.append(f"  {e.message}")
    shown.append(f"  {spec.kind.value}: {change_of(spec)}")
    if status.start_time is not None:
        shown.append(f"  {bar(picture.percentage)}, batch {status.batch} of {status.batches}, {counts(picture)}")
    if spec.state_reason is not None:
        shown.append(f"  ({spec.state.value}: {spec.state_reason})")
    more = (("Under way", _under_way(picture)), ("Failed", _failed(picture)), ("Worth knowing", _worth_knowing(e)))
    return in_lines(e, shown, e.waits, _advice(e), more)


def _under_way(picture: Picture) -> list[str]:
    there = (member for member in picture.running if member.state == RUNNING)
    return columns((member.name, age(member.since, picture.now), member.info) for member in there)


def _failed(picture: Picture) -> list[str]:
    status = picture.status
    rows = [(each.name, each.result.value, last_words(each.exit_code, each.output)) for each in status.failures]
    rest = status.failed + status.unknown - len(rows)
    label = f"{label_of(picture.metadata['name'])} -n {picture.metadata['namespace']}"
    more = [f"… and {rest} more: kubectl get configmaps -o yaml -l {label}"] if rest > 0 else []
    return [*columns(rows), *more]


def _worth_knowing(e: Explained[Picture]) -> list[str]:
    suspends = _suspends(e)
    return [f"it suspends {', '.join(suspends)} of its group"] if suspends else []


def _suspends(e: Explained[Picture]) -> list[str]:
    """The processes of its group that do nothing because of it."""
    if e.group is None:
        return []
    view, name = e.group.view, e.picture.metadata["name"]
    return [each.value for each in e.picture.spec.enter_processes if view.suspender(each) == name]


def _advice(e: Explained[Picture]) -> Iterator[str]:
    picture, status, spec = e.picture, e.picture.status, e.picture.spec
    name, namespace = picture.metadata["name"], picture.metadata["namespace"]
    target, way = f"{name} -n {namespace}", way_on(picture)
    if not picture.over and e.sign.state == "Absent":
        yield OPERATOR_ADVICE
    match status.phase:
        case Phase.PAUSED if status.failed or status.unknown:
            yield f"see what went wrong; to go on all the same: {way}"
            yield f"or end it, and keep what was changed: kubectl windlass cancel {target}"
        case Phase.PAUSED:
            yield f"look at what was changed; to go on: {way}"
        case Phase.SUSPENDED | Phase.PENDING if way is not None:
            yield f"let it go on: {way}"
        case Phase.FAILED if status.start_time is None:
            yield "correct that, and create another update: this one does not run again"
        case Phase.FAILED | Phase.CANCELLED if status.touched and _says_how_undone(spec):
            yield f"undo it where it was begun: kubectl windlass update rollback {target}"
    if any(each.result is InstanceResult.UNKNOWN for each in status.failures):
        yield "where it is Unknown, look whether the script ran: Windlass ended meanwhile, and does not run it twice"
    yield from see_group(e)


def _says_how_undone(spec: RollingUpdateSpec) -> bool:
    image, script = spec.image, spec.script
    said = image.rollback_image if image is not None else script.rollback if script is not None else spec.package
    return said is not None


# ---- for programs


def values(e: Explained[Picture]) -> dict[str, Any]:
    """The explanation for programs; times as the API writes them."""
    status, spec = e.picture.status, e.picture.spec
    found = common(e, spec.state.value, e.waits, _advice(e))
    there = (member for member in e.picture.running if member.state == RUNNING)
    return {
        **found,
        "kind": spec.kind.value,
        "batch": status.batch,
        "batches": status.batches,
        "underWay": [{"name": member.name, "message": member.info} for member in there],
        "failures": to_wire(status).get("failures", []),
        "suspends": _suspends(e),
    }
