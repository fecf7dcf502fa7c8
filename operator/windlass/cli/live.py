"""`get group -w`: the tree, kept up to date by watches."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from windlass.api.common import GROUP_LABEL
from windlass.cli.output import in_stream, print_lines
from windlass.cli.picture import Picture, rows_of, take_picture, tree, values
from windlass.cli.reading import Body, in_order, now
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import PODS, SCALING_GROUPS
from windlass.planner.capacity.instance import Instance

GATHER_SECONDS = 0.1  # a burst of events makes one picture
TICK_SECONDS = 1.0  # ages on a terminal grow by the second
ACTIVITY = "ScalingActivity/"  # only the last one is shown: when another takes its place, it is still there
CLEAR, HOME, END_OF_LINE, END_OF_SCREEN = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"


@dataclass(frozen=True, slots=True)
class _Group:
    """A group's body as an informer keeps it."""

    body: dict[str, Any]

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"]["namespace"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.body["metadata"]["uid"])

    @property
    def resource_version(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])


class Feed:
    """One group and its instances as watches show them; `changed` is set whenever one of them changes."""

    def __init__(self, client: Client, group: Body) -> None:
        metadata = group["metadata"]
        self._namespace, self._name, self._uid = metadata["namespace"], metadata["name"], metadata["uid"]
        self.changed = asyncio.Event()
        self._groups: Informer[_Group] = Informer(
            client,
            SCALING_GROUPS,
            wire=dict,
            record=_Group,
            namespaces=(self._namespace,),
            on_change=self._group_changed,
        )
        self._pods: Informer[Instance] = Informer(
            client,
            PODS,
            wire=Pod,
            record=to_instance,
            namespaces=(self._namespace,),
            label_selector=f"{GROUP_LABEL}={self._name}",
            index=lambda instance: instance.group,
            on_change=lambda old, new: self.changed.set(),
        )

    @property
    def group(self) -> Body | None:
        """The group; None when it is gone, even if another one has its name."""
        found = self._groups.get(self._namespace, self._name)
        return found.body if found is not None and found.uid == self._uid else None

    def picture(self) -> Picture | None:
        """The group now; None when it is gone."""
        group = self.group
        return None if group is None else take_picture(group, in_order(self._pods.by_index(self._uid).values()), now())

    async def next_picture(self, at_most: float | None) -> Picture | None:
        """The picture after the next change, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self.changed.wait()
                await asyncio.sleep(GATHER_SECONDS)
        self.changed.clear()
        return self.picture()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Feed"]:
        """Watch, from when all has been read once."""
        tasks = [asyncio.create_task(informer.run()) for informer in (self._groups, self._pods)]
        try:
            await self._groups.synced.wait()
            await self._pods.synced.wait()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _group_changed(self, old: _Group | None, new: _Group | None) -> None:
        changed = new or old
        if changed is not None and changed.name == self._name:
            self.changed.set()


async def watch(client: Client, group: Body, form: str | None) -> None:
    """Show the group until it is gone, or until Ctrl-C."""
    screen = _Documents(form) if form is not None else _Screen() if sys.stdout.isatty() else _Lines()
    async with Feed(client, group).running() as feed:
        picture = feed.picture()
        while picture is not None:
            screen.show(picture)
            picture = await feed.next_picture(screen.patience(picture))
    if form is None:
        print(f"ScalingGroup/{group['metadata']['name']} is gone")


class _Screen:
    """A terminal: the whole tree, drawn anew in its place."""

    def __init__(self) -> None:
        sys.stdout.write(CLEAR)

    def patience(self, picture: Picture) -> float | None:
        return TICK_SECONDS

    def show(self, picture: Picture) -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        lines = tree(picture)
        if len(lines) >= size.lines:
            kept = max(0, size.lines - 2)
            lines = [*lines[:kept], f"… and {len(lines) - kept} more lines"]
        drawn = "".join(f"{line[: size.columns]}{END_OF_LINE}\n" for line in lines)
        sys.stdout.write(f"{HOME}{drawn}{END_OF_SCREEN}")
        sys.stdout.flush()


class _Lines:
    """Anything but a terminal: the tree once, then a line for each thing that changed."""

    def __init__(self) -> None:
        self._before: Mapping[str, str] | None = None

    def patience(self, picture: Picture) -> float | None:
        return seconds_until(picture.next_change, picture.now)

    def show(self, picture: Picture) -> None:
        after = _lines_by_key(picture)
        lines = tree(picture) if self._before is None else changes(self._before, after, picture.now)
        self._before = after
        print_lines(lines)


class _Documents:
    """For programs: JSON one document a line, or YAML documents, whenever something changed."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._before = ""

    def patience(self, picture: Picture) -> float | None:
        return seconds_until(picture.next_change, picture.now)

    def show(self, picture: Picture) -> None:
        document = in_stream(self._form, values(picture))
        if document != self._before:
            print_lines([document])
        self._before = document


def seconds_until(moment: datetime | None, now: datetime) -> float | None:
    """How long until then; None if nothing is due."""
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def changes(before: Mapping[str, str], after: Mapping[str, str], now: datetime) -> list[str]:
    """A line with the time for each thing that came, changed or went."""
    clock = f"{now.astimezone():%H:%M:%S}"
    lines = [f"{clock}   {key}   {text}" for key, text in after.items() if before.get(key) != text]
    gone = [key for key in before if key not in after and not key.startswith(ACTIVITY)]
    return lines + [f"{clock}   {key}   gone" for key in gone]


def _lines_by_key(picture: Picture) -> dict[str, str]:
    said = {"Message": picture.message}
    return said | {row.key: "   ".join(filter(None, (row.state, row.zone, row.info))) for row in rows_of(picture)}
