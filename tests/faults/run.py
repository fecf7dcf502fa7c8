"""A namespace with groups, operators that work there by way of a proxy, and what came of it."""

import json
import re
from collections import Counter
from pathlib import Path

from hack.cluster import wait_until
from tests.cluster.groups import Group, Groups
from tests.cluster.operator_process import OperatorProcess, Operators
from tests.cluster.witness import Object
from tests.faults.proxy import Matches, Proxy, Request

RESYNC = "--resync-period=2"  # for runs that end with the oracle's look at two resync periods without a write


class Run:
    """A namespace with groups, and operators that work there alone, by way of a proxy, without a lease.

    `flags` go to every operator, after those; the last one counts: `--lease=on` brings the lease back.
    """

    def __init__(self, groups: Groups, proxy: Proxy, operators: Operators, folder: Path, *flags: str) -> None:
        self.groups = groups
        self.proxy = proxy
        self.processes: list[OperatorProcess] = []
        self._operators = operators
        self.kubeconfig = proxy.kubeconfig(operators.installation.kubeconfig, folder)
        self._flags = (f"--kubeconfig={self.kubeconfig}", "--lease=off", f"--namespaces={groups.namespace}", *flags)

    def start(self, *flags: str, ready: bool = False) -> OperatorProcess:
        """An operator with these flags too; it is not waited for unless `ready` says so."""
        started = self._operators.start(*self._flags, *flags, ready=ready)
        self.processes.append(started)
        return started

    def seen(self) -> set[str]:
        """What has been written so far."""
        return {point for request in self.proxy.seen if (point := point_of(request))}


def settle(group: Group, size: int, limit: float = 20.0) -> None:
    """Until it is as desired, and every record is closed."""
    group.wait_until_ready(size, limit)

    def closed() -> bool:
        records = group.records
        return bool(records) and all(record.get("phase") == "Successful" for record in records.values())

    wait_until(closed, limit, f"closed records: {group.records}")


def carried_out(run: Run, verb: str, what: str) -> dict[str, int]:
    """How often the operator did this to each object, as the API server's audit log has it."""
    asked = (each for each in run.groups.audit.writes() if (each.verb, each.what) == (verb, what) and not each.dry)
    return dict(Counter(each.name for each in asked if each.code < 300))


def nothing_is_left_over(run: Run, *groups: Group) -> None:
    """Every Pod and every revision is a group's own, and their statuses know of no more."""
    run.groups.pods.catch_up()
    uids = {group.body["metadata"]["uid"] for group in groups}
    revisions = [revision for group in groups for revision in group.revisions.values()]
    for thing in (*run.groups.pods.now.values(), *revisions):
        (owner,) = thing["metadata"]["ownerReferences"]
        assert owner["uid"] in uids, f"{thing['metadata']['name']} belongs to {owner}"
    there = {group.name: (len(group.pods), group.status["replicas"]) for group in groups}
    assert sum(alive for alive, _ in there.values()) == len(run.groups.pods.now), f"Pods of no group: {there}"
    assert all(alive == told for alive, told in there.values()), f"Pods, and how many the status tells: {there}"
    for group in groups:
        assert "launching" not in group.status["activity"], f"{group.name}: {group.status['activity']}"


def says_once(process: OperatorProcess, since: int = 0, most: int = 1) -> None:
    """No warning is said more than so often, whatever numbers are in it."""
    whole = process.log[since:].rpartition("\n")[0]  # the last line may still be being written
    lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
    warnings = [line for line in lines if line["level"] in {"warning", "error"}]
    times = Counter(re.sub(r"\d+(\.\d+)?", "#", f"{line.get('key', '')} {line['message']}") for line in warnings)
    repeated = {message: number for message, number in times.items() if number > most}
    assert not repeated, "\n".join(f"{number} times: {message}" for message, number in repeated.items())


# ---- what a write is for


def point_of(request: Request) -> str:
    """What a write is for; empty for a read."""
    if not request.writes:
        return ""
    *_, plural, name = request.path.removesuffix("/status").split("/")
    if request.method == "DELETE":
        return "delete"
    if request.method == "POST":
        plural, name = name, request.content["metadata"].get("name", "")
    match plural:
        case "events":
            return "event"
        case "leases":
            return "lease"
        case "controllerrevisions":
            return "revision"
        case "scalingactivities":
            return "record: created" if request.method == "POST" else f"record: {request.content['status']['phase']}"
        case "scalinggroups":
            return f"status: {_told_by(request.content['status'])}"
    return "dry run" if "dryRun=All" in request.target else f"create {name}"


def name_of(request: Request) -> str:
    """The name of the object that is written; of an Event, that of the object it is about."""
    if request.method == "POST":
        content = request.content
        return str((content.get("involvedObject") or content["metadata"]).get("name", ""))
    return request.path.removesuffix("/status").rpartition("/")[2]


def writes_of(group: str, point: str) -> Matches:
    """Matches the writes of this kind for a group; "create" is that of any instance."""

    def matches(request: Request) -> bool:
        what = point_of(request)
        ours = bool(what) and f"{name_of(request)}-".startswith(f"{group}-")
        return ours and (what == point or what.startswith(f"{point} "))

    return matches


def _told_by(status: Object) -> str:
    activity = status.get("activity", {})
    if activity.get("endedAt"):
        return "end"
    if "name" in activity:
        return "beginning"
    return "as found" if "selector" in status else "counts"
