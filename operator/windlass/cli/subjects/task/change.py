"""What people want of a task that is under way: its state, and that it goes on where it waits for a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.api.task import Phase, Wanted
from windlass.cli.failures import CannotError
from windlass.cli.reading import Body
from windlass.cli.subject import Subject
from windlass.cli.subjects.group.scale import FIELD_MANAGER
from windlass.cluster.client import Client
from windlass.planner.tasks import FINAL

WANTED = {
    "suspend": Wanted.SUSPENDED,
    "resume": Wanted.RUNNING,
    "cancel": Wanted.CANCELLED,
    "rollback": Wanted.ROLLED_BACK,
}


@dataclass(frozen=True, slots=True)
class Approval:
    """How a pause ends. `said`: that in words. `patch`: what is written for it; None: it was before."""

    said: str
    patch: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is to be known of a task before it is changed. `state`: what is wanted of it now.

    `approval`: how the pause ends in which it waits; None: it does not pause.
    """

    state: Wanted
    phase: Phase
    message: str
    approval: Approval | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The state that was wanted before and is now, and what was done, as words."""

    before: str
    after: str
    said: str


async def ask(client: Client, subject: Subject, body: Body, standing: Standing, verb: str) -> Asked:
    """Ask for what the verb stands for. CannotError for a task that is over: it does not run again."""
    called = f"{subject.singular} {body['metadata']['name']}"
    if standing.phase in FINAL:
        raise CannotError(f"{called} is over, as {standing.phase.value}: {standing.message}")
    before, approval = standing.state, standing.approval
    after = WANTED.get(verb, before)
    if before is not after:
        # The reason is that of the state before.
        await _patch(client, subject, body, {"spec": {"state": after.value, "stateReason": None}})
        return Asked(before.value, after.value, f"{before.value} → {after.value}")
    if verb in {"resume", "approve"} and approval is not None:
        if approval.patch is not None:
            await _patch(client, subject, body, approval.patch)
        return Asked(before.value, after.value, approval.said)
    if verb == "approve":
        raise CannotError(f"{called} does not pause, it is {standing.phase.value}: {standing.message}")
    return Asked(before.value, after.value, f"is {after.value} already")


async def _patch(client: Client, subject: Subject, body: Body, change: Mapping[str, Any]) -> None:
    """Conflict if the task is another one of this name by now."""
    metadata = body["metadata"]
    fenced = {**change, "metadata": {**change.get("metadata", {}), "uid": metadata["uid"]}}
    await client.merge_patch(
        subject.resource, metadata["namespace"], metadata["name"], fenced, field_manager=FIELD_MANAGER
    )
