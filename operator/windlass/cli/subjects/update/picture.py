"""An update at one moment, as a tree for people and as values for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from windlass.api.common import rfc3339, to_wire
from windlass.api.rolling_update import InstanceResult, Invocation, RollingUpdateSpec, RollingUpdateStatus, UpdateState
from windlass.api.task import Phase
from windlass.cli.reading import Body
from windlass.cli.subjects.task.standing import is_over, message_of
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update.batches import RUNNING, Batch, Member, last_words
from windlass.cli.text import bar
from windlass.cli.told import Shown
from windlass.cli.tree import Row, drawn
from windlass.planner.reason import counted

MOST_MEMBERS = 20  # instances of a batch that are drawn
MOST_BATCHES = 10  # that are drawn each by itself: the one that runs, those before it, and the next ones
NEXT_BATCHES = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is of an update. `metadata` is its own."""

    metadata: Mapping[str, Any]
    spec: RollingUpdateSpec
    status: RollingUpdateStatus
    batches: Sequence[Batch]
    now: datetime

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return is_over(self.status)

    @property
    def message(self) -> str:
        """The most useful sentence about it now."""
        return message_of(UPDATE.singular, self.metadata, self.status)

    @property
    def percentage(self) -> int:
        """How many of a hundred instances have a result, or are skipped."""
        status = self.status
        ended = status.succeeded + status.failed + status.unknown + status.skipped
        return min(100, 100 * ended // status.total) if status.total else 0

    @property
    def running(self) -> Sequence[Member]:
        """The instances of the batch that runs."""
        return next((batch.members for batch in self.batches if batch.state == RUNNING), ())


def read(body: Body) -> tuple[RollingUpdateSpec, RollingUpdateStatus]:
    """What is wanted, and how far it is."""
    return RollingUpdateSpec.model_validate(body["spec"]), RollingUpdateStatus.model_validate(body.get("status") or {})


def shown(picture: Picture) -> Shown:
    """The picture as `get` shows it."""
    return Shown(
        values=partial(values, picture),
        lines=lambda: drawn(picture.message, rows_of(picture), picture.now),
        rows=partial(rows_of, picture),
        message=picture.message,
        now=picture.now,
        next_change=None,
    )


def counts(picture: Picture) -> str:
    """`4 of 10 done, 1 failed, 1 unknown, 2 skipped`."""
    status = picture.status
    numbers = (("failed", status.failed), ("unknown", status.unknown), ("skipped", status.skipped))
    said = [f"{number} {word}" for word, number in numbers if number]
    return ", ".join([f"{status.succeeded} of {status.total} done", *said])


def change_of(spec: RollingUpdateSpec) -> str:
    """What it does on each instance: `image web:2 in container web`."""
    back = f"rollback of {spec.rollback_of}" if spec.invoke is Invocation.ROLLBACK else ""
    said, container = "", None
    if spec.image is not None:
        said, container = f"image {spec.image.image}", spec.image.container
    elif spec.script is not None:
        said = f"script, for {spec.script.timeout_seconds} s at most"
        container = spec.script.container
    elif spec.package is not None:
        package = spec.package
        said = f"{package.action.value.lower()} {package.name} {package.version} by ConfigMap/{package.source}"
        container = package.container
    place = f" in container {container}" if container is not None else ""
    return ": ".join(filter(None, (back, f"{said}{place}")))


def way_on(picture: Picture) -> str | None:
    """The command that lets it go on, where it waits for a person; None where it does not."""
    name, namespace = picture.metadata["name"], picture.metadata["namespace"]
    if picture.spec.state is UpdateState.SUSPENDED and not picture.over:
        return f"kubectl windlass resume {name} -n {namespace}"
    if picture.status.phase is Phase.PAUSED:
        return f"kubectl windlass approve {name} -n {namespace}"
    return None


def rows_of(picture: Picture) -> list[Row]:
    """The update, and below it what it changes, its batches, where it failed, what it waits for, and its conditions."""
    status, spec, metadata = picture.status, picture.spec, picture.metadata
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    info = f"{bar(picture.percentage)} of ScalingGroup/{spec.scaling_group}"
    rows = [
        Row(0, f"RollingUpdate/{metadata['name']}", status.phase.value, "", created, info),
        Row(1, "Change", spec.kind.value, info=change_of(spec)),
    ]
    if status.to_revision:
        before = status.from_revision or "none"
        rows += [
            Row(1, f"ControllerRevision/{before}", "From", info="what instances were made from"),
            Row(1, f"ControllerRevision/{status.to_revision}", "To", info="what they are as good as then"),
        ]
    if status.start_time is not None:
        rows.append(Row(1, "Instances", info=counts(picture)))
    rows += _batch_rows(picture)
    rows += _failure_rows(picture)
    if status.waiting_for is not None and not picture.over:
        way = way_on(picture)
        goes_on = f"; {way}" if way is not None and "kubectl windlass" not in status.waiting_for else ""
        rows.append(Row(1, "Waiting", info=f"for {status.waiting_for}{goes_on}"))
    for condition in status.conditions:
        key = f"Condition/{condition.type}"
        rows.append(Row(1, key, condition.status, "", condition.last_transition_time, condition.reason))
    return rows


def _batch_rows(picture: Picture) -> Iterator[Row]:
    """The batches around the one that runs, each with its results; those before and after them together."""
    batches, now = picture.batches, max(1, picture.status.batch)
    last = min(len(batches), max(now + NEXT_BATCHES, MOST_BATCHES))
    first = max(0, last - MOST_BATCHES)
    yield from _together(batches[:first])
    for batch in batches[first:last]:
        yield Row(1, f"Batch/{batch.number}", batch.state, info=_size(batch))
        yield from (_member_row(member) for member in batch.members[:MOST_MEMBERS])
        if len(batch.members) > MOST_MEMBERS:
            rest = Counter(member.state for member in batch.members[MOST_MEMBERS:])
            said = ", ".join(f"{number} {state}" for state, number in rest.items())
            yield Row(2, f"Pods/{rest.total()} more", info=said)
    yield from _together(batches[last:])


def _together(batches: Sequence[Batch]) -> Iterator[Row]:
    if batches:
        info = f"{sum(batch.size for batch in batches)} instances"
        yield Row(1, f"Batches/{batches[0].number}-{batches[-1].number}", batches[0].state, info=info)


def _size(batch: Batch) -> str:
    results: Mapping[InstanceResult, int] = batch.results or {}
    said = [f"{results[each]} {each.value.lower()}" for each in InstanceResult if results.get(each)]
    return ": ".join(filter(None, (counted(batch.size, "instance"), ", ".join(said))))


def _member_row(member: Member) -> Row:
    return Row(2, f"Pod/{member.name}", member.state, member.zone, member.since, member.info)


def _failure_rows(picture: Picture) -> Iterator[Row]:
    """Where it failed, but for what is drawn with the batch that runs."""
    drawn_there = {member.name for member in picture.running[:MOST_MEMBERS]}
    for each in picture.status.failures:
        if each.name not in drawn_there:
            yield Row(1, f"Failure/{each.name}", each.result.value, info=last_words(each.exit_code, each.output))


def values(picture: Picture) -> dict[str, Any]:
    """The picture for programs: the status, with what names the update; times as the API writes them."""
    metadata, spec, wire = picture.metadata, picture.spec, to_wire(picture.status)
    optional = dict.fromkeys(("waitingFor", "startTime", "completionTime"))
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "createdAt": metadata["creationTimestamp"],
        "generation": metadata["generation"],
        "group": spec.scaling_group,
        "kind": spec.kind.value,
        "invoke": spec.invoke.value,
        "state": spec.state.value,
        "pause": spec.pause.value,
        "approvedBatches": spec.approved_batches,
        **optional,
        **wire,
        "message": picture.message,
        "goesOnBy": way_on(picture),
        "tree": [_batch_values(batch) for batch in picture.batches],
    }


def _batch_values(batch: Batch) -> dict[str, Any]:
    known = batch.results
    return {
        "batch": batch.number,
        "total": batch.size,
        "state": batch.state,
        **{each.value.lower(): None if known is None else known[each] for each in InstanceResult},
        "instances": [
            {
                "name": member.name,
                "state": member.state,
                "exitCode": member.exit_code,
                "startTime": rfc3339(member.since) if member.since is not None else None,
                "message": member.info,
            }
            for member in batch.members
        ],
    }
