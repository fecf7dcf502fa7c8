"""A kind that Windlass does not have, as one more subject of the command line: this file is all of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

from windlass.cli.arguments import size
from windlass.cli.subject import Body, Column, SpecFlag, Subject


class Naps(Subject):
    """A nap of so many hours; it is settled when it has had them."""

    singular, plural, kind = "nap", "naps", "Nap"
    also = frozenset({"zz"})
    flags = (SpecFlag("--hours", "hours", "N", size),)
    columns = (Column("HOURS", "hours"), Column("SLEPT", "slept"))

    def models(self) -> Any:
        from windlass.api.common import Kind, Model

        class NapSpec(Model):
            hours: int = 1

        return (Kind("Nap", "naps", ("zz",), NapSpec, None, "A nap.", ()),)

    def summary(self, body: Body) -> dict[str, Any]:
        metadata = body["metadata"]
        return {
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "createdAt": metadata["creationTimestamp"],
            "hours": body["spec"]["hours"],
            "slept": (body.get("status") or {}).get("slept", 0),
            "message": "sleeping",
        }

    async def shown(self, client: Any, body: Body) -> Any:
        return self._picture(body)

    def feed(self, client: Any, body: Body) -> Any:
        from windlass.cli.live import Feed

        return Feed(client, self.resource, body, asyncio.Event(), beside=(), picture=self._picture)

    def _picture(self, body: Body) -> Any:
        from windlass.cli.reading import now
        from windlass.cli.told import Shown
        from windlass.cli.tree import Row, drawn

        slept, moment = self.summary(body)["slept"], now()
        message = f"slept {slept} of {body['spec']['hours']} h"
        rows = [Row(0, f"Nap/{body['metadata']['name']}", "Asleep"), Row(1, "Dream/sheep")]
        return Shown(
            values=lambda: self.summary(body),
            lines=lambda: drawn(message, rows, moment),
            rows=lambda: rows,
            message=message,
            now=moment,
            next_change=None,
        )

    async def outlook(self, client: Any, namespace: str, name: str, wanted: Body) -> Any:
        from windlass.cli.reading import read_object

        body = await read_object(client, self, namespace, name)
        return self._outlook(namespace, name, {**body["spec"], **wanted})

    async def outlooks(self, client: Any, proposed: Sequence[Any]) -> Any:
        own = [each for each in proposed if each.document.kind == self.kind]
        return [self._outlook(each.document.namespace, each.document.name, each.spec) for each in own]

    def _outlook(self, namespace: str, name: str, spec: Body) -> Any:
        from windlass.cli.told import Outlook

        hours = spec["hours"]
        return Outlook(
            values=lambda: {"namespace": namespace, "name": name, "hours": hours},
            lines=lambda: [f"Nap {namespace}/{name}: would sleep {hours} h"],
            acts=hours > 0,
            settled=hours == 0,
            refused=hours > 24,
            assumption="It is as if nobody woke it.",
        )

    async def explained(self, client: Any, namespace: str, name: str) -> Any:
        from windlass.cli.reading import read_object
        from windlass.cli.text import in_sections
        from windlass.cli.told import Told

        body = await read_object(client, self, namespace, name)
        head = [f"Nap {namespace}/{name}: asleep"]
        sections = [("Waiting until", [f"{body['spec']['hours']} h are over"]), ("Held up", [])]
        return Told(values=lambda: {"name": name, "phase": "Asleep"}, lines=lambda: in_sections(head, sections))
