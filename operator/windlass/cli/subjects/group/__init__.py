"""The scaling group on the command line: its words, and the modules that answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from windlass.cli.arguments import size
from windlass.cli.subject import Body, Column, SpecFlag, Subject

if TYPE_CHECKING:
    from windlass.api.common import Kind
    from windlass.cli.live import Feed
    from windlass.cli.manifests import Proposed
    from windlass.cli.told import Outlook, Shown, Told
    from windlass.cluster.client import Client


class ScalingGroups(Subject):
    """Groups, with the configurations and templates that their instances are made from."""

    singular, plural, kind = "group", "groups", "ScalingGroup"
    also = frozenset({"sg", "scalinggroup", "scalinggroups"})
    verbs = frozenset({"get", "plan", "explain", "scale", "refresh", "update"})
    flags = (
        SpecFlag("--desired", "desiredSize", "N", size),
        SpecFlag("--min", "minSize", "N", size),
        SpecFlag("--max", "maxSize", "N", size),
    )
    sources: Mapping[str, str] = {"ScalingConfiguration": "configurations", "LaunchTemplate": "templates"}
    columns = (
        Column("DESIRED", "desired"),
        Column("INSERVICE", "inService"),
        Column("PENDING", "pending"),
        Column("OUTDATED", "outdated"),
        Column("READY", "ready"),
        Column("PHASE", "phase"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """The group's and those of its sources."""
        from windlass.api import launch_template, scaling_configuration, scaling_group

        return scaling_group.KIND, scaling_configuration.KIND, launch_template.KIND

    def summary(self, body: Body) -> dict[str, Any]:
        """One group for programs, as its status has it."""
        status: Mapping[str, Any] = body.get("status") or {}
        ready = (c["status"] for c in status.get("conditions") or () if c["type"] == "Ready")
        return {
            "namespace": body["metadata"]["namespace"],
            "name": body["metadata"]["name"],
            "createdAt": body["metadata"]["creationTimestamp"],
            "desired": status.get("desired", 0),
            "inService": status.get("inService", 0),
            "pending": status.get("pending", 0),
            "outdated": status.get("outdated", 0),
            "ready": next(ready, "Unknown"),
            "phase": status.get("phase", ""),
            "message": status.get("message", ""),
        }

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The group with its instances."""
        from windlass.cli.reading import now
        from windlass.cli.subjects.group.instances import read_instances
        from windlass.cli.subjects.group.picture import shown, take_picture

        return shown(take_picture(body, await read_instances(client, body), now()))

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The group with its instances, as watches show them."""
        from windlass.cli.subjects.group.instances import feed
        from windlass.cli.subjects.group.picture import shown

        return feed(client, body, shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """What the operator would do to the group with these sizes."""
        from windlass.cli.subjects.group.plan import plan_group

        return await plan_group(client, namespace, name, wanted)

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """What would become of the groups among these, and of those whose source is among these."""
        from windlass.cli.subjects.group.plan import plan_proposed

        return await plan_proposed(client, proposed)

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why the group is as it is."""
        from windlass.cli.subjects.group.explain import explain_group

        return await explain_group(client, namespace, name)


GROUP = ScalingGroups()
