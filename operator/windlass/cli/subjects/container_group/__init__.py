"""The container group on the command line: its words, and the modules that answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from windlass.cli.subject import Body, Column, Subject

if TYPE_CHECKING:
    from windlass.api.common import Kind
    from windlass.cli.live import Feed
    from windlass.cli.manifests import Proposed
    from windlass.cli.told import Outlook, Shown, Told
    from windlass.cluster.client import Client


class ContainerGroups(Subject):
    """Container groups, each with its Pod."""

    singular, plural, kind = "containergroup", "containergroups", "ContainerGroup"
    also = frozenset({"cg"})
    columns = (
        Column("PHASE", "phase"),
        Column("READY", "ready"),
        Column("CONTAINERS", "containers"),
        Column("LAST UPDATE", "lastUpdate"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """Its own alone."""
        from windlass.api import container_group

        return (container_group.KIND,)

    def summary(self, body: Body) -> dict[str, Any]:
        """One group for programs. `containers`: how many there are; `ready`: how many of them are ready."""
        status: Mapping[str, Any] = body.get("status") or {}
        update: Mapping[str, Any] = status.get("lastUpdate") or {}
        names = {each["name"] for each in body["spec"].get("containers") or ()}
        ready = [each for each in status.get("containers") or () if each["name"] in names and each.get("ready")]
        return {
            "namespace": body["metadata"]["namespace"],
            "name": body["metadata"]["name"],
            "createdAt": body["metadata"]["creationTimestamp"],
            "phase": status.get("phase", "Pending"),
            "ready": len(ready),
            "containers": len(names),
            "lastUpdate": update.get("result") or ("Running" if update else ""),
            "message": status.get("message", ""),
        }

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The group with its containers."""
        from windlass.cli.subjects.container_group.picture import shown

        return shown(body)

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, as a watch shows it."""
        import asyncio

        from windlass.cli.live import Feed
        from windlass.cli.subjects.container_group.picture import shown

        return Feed(client, self.resource, body, asyncio.Event(), beside=(), picture=shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """What is done next with one that exists."""
        from windlass.cli.subjects.container_group.plan import plan_existing

        return await plan_existing(client, namespace, name)

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """What each of these groups would come to."""
        from windlass.cli.subjects.container_group.plan import plan_proposed

        return await plan_proposed(client, [each for each in proposed if each.document.kind == self.kind])

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why it is as it is."""
        from windlass.cli.subjects.container_group.explain import explain_group

        return await explain_group(client, namespace, name)


CONTAINER_GROUP = ContainerGroups()
