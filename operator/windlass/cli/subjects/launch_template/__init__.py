"""The launch template on the command line: its words, and the modules that answer."""

from argparse import ArgumentTypeError
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from windlass.cli.subject import Body, Column, SpecFlag, Subject

if TYPE_CHECKING:
    from windlass.api.common import Kind
    from windlass.cli.live import Feed
    from windlass.cli.manifests import Proposed
    from windlass.cli.told import Outlook, Shown, Told
    from windlass.cluster.client import Client


def default_version(text: str) -> str:
    """The number of a version, or Latest; ArgumentTypeError with a sentence."""
    if text == "Latest" or (text.isdecimal() and not text.startswith("0")):
        return text
    raise ArgumentTypeError(f"{text!r} is neither the number of a version nor Latest")


class LaunchTemplates(Subject):
    """Templates. What a change of one does to groups is what `plan` shows of it."""

    singular, plural, kind = "template", "templates", "LaunchTemplate"
    also = frozenset({"lt", "launchtemplate", "launchtemplates"})
    flags = (SpecFlag("--default", "defaultVersion", "VERSION", default_version),)
    columns = (
        Column("DEFAULT", "default"),
        Column("LATEST", "latest"),
        Column("VERSIONS", "versions"),
        Column("READY", "ready"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """The template's alone."""
        from windlass.api import launch_template

        return (launch_template.KIND,)

    def summary(self, body: Body) -> dict[str, Any]:
        """One template for programs: what its words mean by its spec, and whether its status says so already."""
        from windlass.cli.subjects.launch_template.picture import stands

        status: Mapping[str, Any] = body.get("status") or {}
        ready = (c["status"] for c in status.get("conditions") or () if c["type"] == "Ready")
        meant = stands(body)
        return {
            "namespace": body["metadata"]["namespace"],
            "name": body["metadata"]["name"],
            "createdAt": body["metadata"]["creationTimestamp"],
            "default": meant.default_version,
            "latest": meant.latest_version,
            "versions": len(body["spec"]["versions"]),
            "ready": next(ready, "Unknown"),
            "message": meant.message,
        }

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The template with its versions."""
        from windlass.cli.subjects.launch_template.picture import shown

        return shown(body)

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, as a watch shows it."""
        import asyncio

        from windlass.cli.live import Feed
        from windlass.cli.subjects.launch_template.picture import shown

        return Feed(client, self.resource, body, asyncio.Event(), beside=(), picture=shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """What would become of the groups that are made from it, with another default."""
        from windlass.cli.subjects.launch_template.plan import plan_template

        return await plan_template(client, namespace, name, wanted)

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """None of its own: it is a source of groups, whose outlooks say what a template among these does."""
        return []

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Who is made from which version of it."""
        from windlass.cli.subjects.launch_template.explain import explain_template

        return await explain_template(client, namespace, name)


TEMPLATE = LaunchTemplates()
