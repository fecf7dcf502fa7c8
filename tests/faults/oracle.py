"""What must be so after every fault: the same came of it as without the fault, and then there was peace.

A test with a fault ends with `nothing_came_of_it`, which looks at all of it and says what it found instead.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import wait_until
from tests.cluster.audit import Asked, AuditLog
from tests.cluster.groups import Group
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.witness import Object, most_alive
from tests.faults.run import Run, carried_out, nothing_is_left_over

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run without the fault makes of a group.

    `created` Pods in all, numbered from 0, each once; of these the operator has `deleted` so many, each once. There
    are `size` in the end, and never did more than `most` count at once (None: `size`).
    """

    group: Group
    size: int
    created: int
    deleted: int = 0
    most: int | None = None

    @property
    def names(self) -> set[str]:
        return {f"{self.group.name}-{number}" for number in range(self.created)}


def nothing_came_of_it(
    run: Run, *outcomes: Outcome, operators: int = 1, quiet: bool = True, all_noted: bool = True
) -> None:
    """The groups of this run, all of them, are as they would be without the fault, and stay so.

    Call it when they have settled. `operators`: how many run now (0: none is left to wait for). `quiet` waits for two
    resync periods without a write, so start the operators with `run.RESYNC`. `all_noted`: False where an API server was
    killed, and what it had done last may be missing from its audit log.
    """
    run.groups.pods.catch_up()
    for outcome in outcomes:
        _is_as_desired(outcome)
        _was_never_too_large(run, outcome)
        _had_each_instance_once(run, outcome)
    _was_asked_for_once(run, *outcomes, all_noted=all_noted)
    nothing_is_left_over(run, *(outcome.group for outcome in outcomes))
    if quiet and operators:
        writes_nothing(run, operators)
    for process in run.processes:
        assert "Traceback" not in process.log, process.log
    broken = run.groups.broken_promises()
    assert broken == [], "\n".join(broken)


def _is_as_desired(outcome: Outcome) -> None:
    status = outcome.group.status
    told = {name: status.get(name) for name in ("replicas", "inService")}
    assert told == {"replicas": outcome.size, "inService": outcome.size}, f"{outcome.group.name} tells {status}"
    assert len(outcome.group.pods) == outcome.size, f"{outcome.group.name} has {sorted(outcome.group.pods)}"


def _was_never_too_large(run: Run, outcome: Outcome) -> None:
    """The operator may never have made more instances count than were desired."""
    limit = outcome.size if outcome.most is None else outcome.most
    most = most_alive(_history(run, outcome.group))
    assert most <= limit, f"{outcome.group.name}: {most} instances counted at once, and {limit} were desired at most"


def _had_each_instance_once(run: Run, outcome: Outcome) -> None:
    """As the watch of Pods has it: the wanted names and no others, and one Pod of each."""
    uids = {(name, pod["metadata"]["uid"]) for name, pod in _history(run, outcome.group) if pod is not None}
    times = Counter(name for name, _ in uids)
    assert times == dict.fromkeys(outcome.names, 1), f"Pods that there were, by name: {_differing(times, outcome)}"


def _was_asked_for_once(run: Run, *outcomes: Outcome, all_noted: bool) -> None:
    """As the audit log has it: each creation and each deletion was carried out once.

    A request whose connection ended may stand there as failed and have been carried out: there the watch decides.
    """
    created, deleted = carried_out(run, "create", "pods"), carried_out(run, "delete", "pods")
    perhaps_created, perhaps_deleted = _in_doubt(run, "create"), _in_doubt(run, "delete")
    for outcome in outcomes:
        made = outcome.names & perhaps_created if all_noted else outcome.names
        creations = dict.fromkeys(made, 1) | _of(outcome.group, created)
        assert creations == dict.fromkeys(outcome.names, 1), f"creations carried out: {_differing(creations, outcome)}"
        gone = outcome.names - outcome.group.pods.keys()
        deletions = dict.fromkeys(gone & perhaps_deleted if all_noted else gone, 1) | _of(outcome.group, deleted)
        assert len(deletions) == sum(deletions.values()) == outcome.deleted, (
            f"{outcome.group.name}: deletions carried out: {deletions}, not {outcome.deleted}, each once"
        )
    revisions = carried_out(run, "create", "controllerrevisions")
    assert set(revisions.values()) == {1}, f"revisions created: {revisions}"


def _in_doubt(run: Run, verb: str) -> set[str]:
    """Pods for which the API server has noted a failure of its own, as it does when the caller hangs up."""
    asked = (each for each in run.groups.audit.writes() if (each.verb, each.what) == (verb, "pods") and not each.dry)
    return {each.name for each in asked if each.code >= 500 or each.code == 0}


def _differing(times: dict[str, int], outcome: Outcome) -> dict[str, int]:
    """Names with another number than 1; 0 for one that is missing."""
    wanted = {name: times.get(name, 0) for name in outcome.names}
    return {name: number for name, number in {**times, **wanted}.items() if number != 1 or name not in outcome.names}


def _of(group: Group, counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if _is_of(group, name)}


def _history(run: Run, group: Group) -> list[tuple[str, Object | None]]:
    return [(name, pod) for name, pod in run.groups.pods.history if _is_of(group, name)]


def _is_of(group: Group, name: str) -> bool:
    return re.fullmatch(rf"{re.escape(group.name)}-\d+", name) is not None


# ---- peace


def writes_nothing(run: Run, operators: int = 1, periods: int = 2) -> None:
    """For so many resync periods, nothing is written but the Lease."""
    audit = AuditLog(run.groups.cluster, run.groups.namespace)

    def swept() -> bool:
        sweeps = [asked for asked in audit.asked() if (asked.verb, asked.what) == ("list", "scalinggroups")]
        return len(sweeps) > periods * operators  # the first one may have been under way

    wait_until(swept, 60, f"{periods} sweeps (was the operator started with a short --resync-period?)")
    wrote = [asked for asked in audit.writes() if asked.what != "leases"]
    assert wrote == [], f"written while everything was as desired: {_told(wrote)}"


def _told(asked: list[Asked]) -> str:
    return ", ".join(f"{each.verb} {each.what} {each.name} ({each.code})" for each in asked)


# ---- what it costs


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds: `files` by what they are ("socket", "/dev/null", …), resident memory in bytes."""

    files: dict[str, int]
    memory: int

    @classmethod
    def of(cls, process: OperatorProcess) -> "Footprint":
        folder = Path(f"/proc/{process.pid}/fd")
        files: Counter[str] = Counter()
        for each in folder.iterdir():
            try:
                files[os.readlink(each).partition(":")[0]] += 1
            except FileNotFoundError:  # closed meanwhile
                continue
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        return cls(dict(files), pages * os.sysconf("SC_PAGE_SIZE"))


@contextmanager
def flat(process: OperatorProcess, *, files: int = 4, megabytes: float = 8.0, within: float = 20.0) -> Iterator[None]:
    """What happens meanwhile leaves the process's open files and its memory as they were, within these bounds.

    Let the fault happen once before, so that what is allocated once is there. `within`: seconds that files may take to
    be closed.
    """
    before = Footprint.of(process)
    yield

    def closed() -> bool:
        return sum(Footprint.of(process).files.values()) <= sum(before.files.values()) + files

    try:
        wait_until(closed, within, "files to be closed")
    except TimeoutError as error:
        error.add_note(f"open before: {before.files}, and now: {Footprint.of(process).files}")
        raise
    grown = (Footprint.of(process).memory - before.memory) / MEGABYTE
    assert grown <= megabytes, f"memory has grown by {grown:.1f} MB from {before.memory / MEGABYTE:.1f} MB"
