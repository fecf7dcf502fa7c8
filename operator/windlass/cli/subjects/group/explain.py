"""The explanation of a group, for people and for programs."""

import asyncio
from collections import defaultdict
from functools import partial
from typing import Any

from windlass.api.common import rfc3339, to_wire
from windlass.api.processes import Process
from windlass.cli.operator_sign import LastChange, read_complaint, read_leases
from windlass.cli.reading import now
from windlass.cli.subjects.group.explanation import Explanation, explain
from windlass.cli.subjects.group.instances import read_group
from windlass.cli.subjects.group.observing import RECORDS_UNREADABLE, observe_live
from windlass.cli.text import age, capitalised, columns, in_sections, moment
from windlass.cli.told import Told
from windlass.cluster.client import Client
from windlass.cluster.deletion_guard import DeletionGuard, read_deletion_guard
from windlass.cluster.errors import ApiError
from windlass.planner.capacity.source import named_source
from windlass.planner.reason import counted, names

GRACE_SECONDS = 0.3  # for an operator that runs to look at a change of this moment: it takes a tenth of that


async def explain_group(client: Client, namespace: str, name: str) -> Told:
    """Why this group is as it is; an operator that runs gets a moment to look at a change first."""
    group, leases = await asyncio.gather(read_group(client, namespace, name), read_leases(client))
    behind = (group.get("status") or {}).get("observedGeneration", 0) < group["metadata"]["generation"]
    if behind and any(lease.held(now()) for lease in leases or ()):
        await asyncio.sleep(GRACE_SECONDS)
        group = await read_group(client, namespace, name)
    (view, records, source), complaint, guard = await asyncio.gather(
        observe_live(client, group, now()), read_complaint(client, group["metadata"]), _read_guard(client)
    )
    explanation = explain(view, group["metadata"], records, leases, complaint, guard, source)
    return Told(values=partial(values, explanation), lines=partial(lines, explanation))


async def _read_guard(client: Client) -> DeletionGuard | None:
    """What guards groups against being deleted; None where one may not look, as few may."""
    try:
        return await read_deletion_guard(client)
    except ApiError:
        return None


# ---- for people


def lines(e: Explanation) -> list[str]:
    """Section by section, the empty ones left out."""
    view = e.view
    why = "" if e.phase in {"Ready", "Unknown"} else f" ({e.reason})"
    shown = [f"ScalingGroup {view.namespace}/{view.name}: {e.phase}{why}", f"  {e.message}"]
    if e.sign.state in {"Absent", "Behind"}:
        shown.insert(1, f"  {e.sign.message}")
    if e.said != e.message:
        shown.append(f"  (its status says: {e.said or 'nothing yet'})")
    sections = (
        ("Held up", [str(hold) for hold in e.holds]),
        ("To be done now", list(e.to_do)),
        ("Waiting until", columns((moment(w.until, view.now), w.what) for w in e.waits)),
        ("Instances with a problem", trouble_lines(e)),
        ("Worth knowing", _worth_knowing(e)),
        ("Last activities", _activities(e)),
        ("Operator", _operator(e)),
        ("What to do", list(e.advice)),
    )
    return in_sections(shown, sections)


def trouble_lines(e: Explanation) -> list[str]:
    """The instances with a problem, those with the same one on one line."""
    together: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for trouble in e.troubles:
        together[trouble.state.value, trouble.problem].append(trouble.name)
    return columns((names(tuple(named)), *what) for what, named in together.items())


def _worth_knowing(e: Explanation) -> list[str]:
    found = [str(why) for why in (e.cut, e.unguarded) if why is not None]
    if e.outdated:
        by = ""
        if e.source_changed is not None:
            changed = e.source_changed
            by = f"; {named_source(e.view)} was last changed {age(changed.at, e.view.now)} ago, by {changed.by}"
        found.append(f"{counted(e.outdated, 'instance')} made from an older configuration{by}")
    if e.suspended:
        found.append(f"suspended: {', '.join(_by_whom(e, process) for process in e.suspended)}")
    return found


def _by_whom(e: Explanation, process: str) -> str:
    update = None if process in e.view.spec.suspended_processes else e.view.suspender(Process(process))
    return process if update is None else f"{process} (by RollingUpdate {update})"


def _activities(e: Explanation) -> list[str]:
    if not e.records_readable:
        return [capitalised(RECORDS_UNREADABLE)]
    rows = []
    for activity in e.activities:
        status = activity.status
        said = f"{status.cause}: {status.description}" if status.description else status.cause
        rows.append((activity.name, status.type.value, status.phase, f"{age(status.start_time, e.view.now)} ago", said))
    return columns(rows)


def _operator(e: Explanation) -> list[str]:
    found = [e.sign.message]
    if e.complaint is not None:
        found.append(f"{age(e.complaint.at, e.view.now)} ago an operator said: {e.complaint.message}")
    if e.changed is not None:
        by = e.changed.scaled_by
        scaled = f"; its size was set by {by}, at a time that is not kept" if by else ""
        found.append(f"the group was last changed {age(e.changed.at, e.view.now)} ago, by {e.changed.by}{scaled}")
    return [capitalised(line) for line in found]


# ---- for programs


def values(e: Explanation) -> dict[str, Any]:
    """The explanation for programs; times as the API writes them."""
    return {
        "namespace": e.view.namespace,
        "name": e.view.name,
        "phase": e.phase,
        "reason": e.reason,
        "message": e.message,
        "statusMessage": e.said,
        "holds": [{"reason": hold.code, "message": str(hold)} for hold in e.holds],
        "toDo": list(e.to_do),
        "waits": [{"until": rfc3339(wait.until), "message": wait.what} for wait in e.waits],
        "troubles": [{"name": t.name, "state": t.state.value, "problem": t.problem} for t in e.troubles],
        "desiredCut": str(e.cut) if e.cut is not None else None,
        "deletionGuard": e.guarded,
        "outdated": e.outdated,
        "suspended": list(e.suspended),
        "recordsReadable": e.records_readable,
        "activities": [{"name": activity.name, **to_wire(activity.status)} for activity in e.activities],
        "operator": {"state": e.sign.state, "message": e.sign.message},
        "complaint": {"at": rfc3339(e.complaint.at), "message": e.complaint.message} if e.complaint else None,
        "changed": _changed(e.changed),
        "sourceChanged": _changed(e.source_changed),
        "advice": list(e.advice),
    }


def _changed(change: LastChange | None) -> dict[str, Any] | None:
    if change is None:
        return None
    return {"at": rfc3339(change.at), "by": change.by, "scaledBy": change.scaled_by}
