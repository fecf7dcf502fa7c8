"""What people want of an update that is under way: its state, and that its next batch may begin."""

from windlass.api.rolling_update import MAX_APPROVED, RollingUpdateSpec, RollingUpdateStatus
from windlass.api.task import Phase, Wanted
from windlass.cli.failures import CannotError
from windlass.cli.reading import Body
from windlass.cli.subjects.task.change import Approval, Asked, Standing, ask
from windlass.cli.subjects.task.standing import message_of
from windlass.cli.subjects.update import UPDATE
from windlass.cluster.client import Client


async def ask_update(client: Client, body: Body, verb: str) -> Asked:
    """Ask for what the verb stands for. CannotError where that cannot be."""
    if verb == "rollback":
        name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
        command = f"kubectl windlass update rollback {name} -n {namespace}"
        raise CannotError(f"{name} is a RollingUpdate, which another one undoes: {command}")
    spec = RollingUpdateSpec.model_validate(body["spec"])
    status = RollingUpdateStatus.model_validate(body.get("status") or {})
    message = message_of(UPDATE.singular, body["metadata"], status)
    standing = Standing(Wanted(spec.state.value), status.phase, message, _approval(body, spec, status))
    return await ask(client, UPDATE, body, standing, verb)


def _approval(body: Body, spec: RollingUpdateSpec, status: RollingUpdateStatus) -> Approval | None:
    """How the pause before its next batch ends: approvedBatches is that batch; after a failure, more than it was.

    Two people who approve the same pause approve one batch: the second one's request is a conflict, or finds a change
    that no operator has looked at yet.
    """
    if status.phase is not Phase.PAUSED:
        return None
    following, approved, metadata = status.batch + 1, spec.approved_batches, body["metadata"]
    if approved >= following and status.observed_generation < metadata["generation"]:
        return Approval(f"batch {following} is approved already, which no operator has looked at yet", None)
    wanted = min(max(following, approved + 1), MAX_APPROVED)
    patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "spec": {"approvedBatches": wanted}}
    return Approval(f"goes on with batch {following} of {status.batches}", patch)
