"""The rolling update on the command line: its words, and the modules that answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from windlass.cli.subject import Body, Column, Subject

if TYPE_CHECKING:
    from windlass.api.common import Kind
    from windlass.cli.live import Feed
    from windlass.cli.manifests import Proposed
    from windlass.cli.told import Outlook, Shown, Told
    from windlass.cluster.client import Client


class RollingUpdates(Subject):
    """Updates: what they do to their group is what `plan` shows of them."""

    singular, plural, kind = "update", "updates", "RollingUpdate"
    also = frozenset({"ru", "rollingupdate", "rollingupdates"})
    verbs = frozenset({"get", "plan", "explain", "suspend", "resume", "approve", "cancel"})
    columns = (
        Column("GROUP", "group"),
        Column("KIND", "kind"),
        Column("PHASE", "phase"),
        Column("BATCH", "batchOf"),
        Column("DONE", "progress"),
        Column("FAILED", "failedOrUnknown"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """The update's alone: configurations and groups are planned for through the group."""
        from windlass.api import rolling_update

        return (rolling_update.KIND,)

    def summary(self, body: Body) -> dict[str, Any]:
        """One update for programs, as its status has it."""
        status: Mapping[str, Any] = body.get("status") or {}
        counts = {
            key: status.get(key, 0)
            for key in ("batch", "batches", "total", "succeeded", "failed", "unknown", "skipped")
        }
        return {
            "namespace": body["metadata"]["namespace"],
            "name": body["metadata"]["name"],
            "createdAt": body["metadata"]["creationTimestamp"],
            "group": body["spec"]["scalingGroup"],
            "kind": body["spec"]["kind"],
            "phase": status.get("phase", "Pending"),
            **counts,
            "batchOf": f"{counts['batch']}/{counts['batches']}",
            "progress": f"{counts['succeeded']}/{counts['total']}",
            "failedOrUnknown": counts["failed"] + counts["unknown"],
            "message": status.get("message", ""),
        }

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The update with its batches, and the instances of the one that runs."""
        from windlass.cli.subjects.update.instances import read_picture
        from windlass.cli.subjects.update.picture import shown

        return shown(await read_picture(client, body))

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, as watches show it."""
        from windlass.cli.subjects.update.instances import feed
        from windlass.cli.subjects.update.picture import shown

        return feed(client, body, shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """What the operator would do from now on because of it."""
        from windlass.cli.subjects.task.plan import plan_task

        return await plan_task(client, self, namespace, name)

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """What would become of the groups that the updates among these name."""
        from windlass.cli.subjects.task.plan import plan_proposed

        return await plan_proposed(client, self, proposed)

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why the update is as it is."""
        from windlass.cli.subjects.update.explain import explain_update

        return await explain_update(client, namespace, name)


UPDATE = RollingUpdates()
