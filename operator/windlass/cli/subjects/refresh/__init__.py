"""The instance refresh on the command line: its words, and the modules that answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from windlass.cli.subject import Body, Column, Subject

if TYPE_CHECKING:
    from windlass.api.common import Kind
    from windlass.cli.live import Feed
    from windlass.cli.manifests import Proposed
    from windlass.cli.told import Outlook, Shown, Told
    from windlass.cluster.client import Client


class InstanceRefreshes(Subject):
    """Refreshes: what they do to their group is what `plan` shows of them."""

    singular, plural, kind = "refresh", "refreshes", "InstanceRefresh"
    also = frozenset({"ir", "instancerefresh", "instancerefreshes"})
    verbs = frozenset({"get", "plan", "explain", "suspend", "resume", "approve", "cancel", "rollback"})
    columns = (
        Column("GROUP", "group"),
        Column("PHASE", "phase"),
        Column("%", "percentage"),
        Column("UPDATED", "progress"),
        Column("CHECKPOINT", "nextCheckpoint"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """The refresh's alone: configurations and groups are planned for through the group."""
        from windlass.api import instance_refresh

        return (instance_refresh.KIND,)

    def summary(self, body: Body) -> dict[str, Any]:
        """One refresh for programs, as its status has it."""
        status: Mapping[str, Any] = body.get("status") or {}
        updated, total, checkpoint = status.get("updated", 0), status.get("total", 0), status.get("checkpoint")
        return {
            "namespace": body["metadata"]["namespace"],
            "name": body["metadata"]["name"],
            "createdAt": body["metadata"]["creationTimestamp"],
            "group": body["spec"]["scalingGroup"],
            "phase": status.get("phase", "Pending"),
            "percentage": status.get("percentage", 0),
            "updated": updated,
            "total": total,
            "progress": f"{updated}/{total}",
            "checkpoint": checkpoint,
            "nextCheckpoint": "" if checkpoint is None else f"{checkpoint} %",
            "message": status.get("message", ""),
        }

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The refresh as its status tells of it."""
        from windlass.cli.subjects.refresh.picture import shown, take_picture

        return shown(take_picture(body))

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, as a watch shows it."""
        from windlass.cli.subjects.refresh.picture import feed, shown

        return feed(client, body, shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """What the operator would do from now on because of it."""
        from windlass.cli.subjects.task.plan import plan_task

        return await plan_task(client, self, namespace, name)

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """What would become of the groups that the refreshes among these name."""
        from windlass.cli.subjects.task.plan import plan_proposed

        return await plan_proposed(client, self, proposed)

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why the refresh is as it is."""
        from windlass.cli.subjects.refresh.explain import explain_refresh

        return await explain_refresh(client, namespace, name)


REFRESH = InstanceRefreshes()
