"""`get … -w`: the tree, kept up to date by watches."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from windlass.cli.output import in_stream, print_lines
from windlass.cli.reading import Body
from windlass.cli.told import Shown
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.resources import Resource

GATHER_SECONDS = 0.1  # a burst of events makes one picture
TICK_SECONDS = 1.0  # ages on a terminal grow by the second
ACTIVITY = "ScalingActivity/"  # only the last one is shown: when another takes its place, it is still there
CLEAR, HOME, END_OF_LINE, END_OF_SCREEN = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"


class Moment(Protocol):
    """An object at one moment."""

    @property
    def message(self) -> str:
        """The most useful sentence about it."""

    @property
    def now(self) -> datetime:
        """The moment."""

    @property
    def next_change(self) -> datetime | None:
        """When it changes next by time alone."""


P = TypeVar("P", bound=Moment)


@dataclass(frozen=True, slots=True)
class Object:
    """An object as an informer keeps it: its body."""

    body: dict[str, Any]

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.body["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Its uid."""
        return str(self.body["metadata"]["uid"])

    @property
    def resource_version(self) -> str:
        """The version that this is."""
        return str(self.body["metadata"]["resourceVersion"])


class Feed(Generic[P]):
    """One object and what is `beside` it, as watches show them.

    `changed` is to be set whenever something beside it changes; `picture` makes of the object's body what there is now.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        body: Body,
        changed: asyncio.Event,
        *,
        beside: tuple[Informer[Any], ...],
        picture: Callable[[Body], P],
    ) -> None:
        metadata = body["metadata"]
        self._namespace, self._name, self._uid = metadata["namespace"], metadata["name"], metadata["uid"]
        self._changed = changed
        self._picture = picture
        self._objects: Informer[Object] = Informer(
            client,
            resource,
            wire=dict,
            record=Object,
            namespaces=(self._namespace,),
            on_change=self._object_changed,
        )
        self._informers = (self._objects, *beside)

    def picture(self) -> P | None:
        """What there is now; None when the object is gone, even if another one has its name."""
        found = self._objects.get(self._namespace, self._name)
        return self._picture(found.body) if found is not None and found.uid == self._uid else None

    async def next_picture(self, at_most: float | None) -> P | None:
        """The picture after the next change, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._changed.wait()
                await asyncio.sleep(GATHER_SECONDS)
        self._changed.clear()
        return self.picture()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Feed[P]"]:
        """Watch, from when all has been read once."""
        tasks = [asyncio.create_task(informer.run()) for informer in self._informers]
        try:
            for informer in self._informers:
                await informer.synced.wait()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _object_changed(self, old: Object | None, new: Object | None) -> None:
        changed = new or old
        if changed is not None and changed.name == self._name:
            self._changed.set()


async def watch(feed: Feed[Shown], form: str | None, what: str) -> None:
    """Show the object until it is gone, or until Ctrl-C. `what`: its kind and name."""
    screen = _Documents(form) if form is not None else _Screen() if sys.stdout.isatty() else _Lines()
    async with feed.running():
        shown = feed.picture()
        while shown is not None:
            screen.show(shown)
            shown = await feed.next_picture(screen.patience(shown))
    if form is None:
        print(f"{what} is gone")


class _Screen:
    """A terminal: the whole tree, drawn anew in its place."""

    def __init__(self) -> None:
        sys.stdout.write(CLEAR)

    def patience(self, shown: Shown) -> float | None:
        return TICK_SECONDS

    def show(self, shown: Shown) -> None:
        size = os.get_terminal_size(sys.stdout.fileno())
        lines = shown.lines()
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

    def patience(self, shown: Shown) -> float | None:
        return seconds_until(shown.next_change, shown.now)

    def show(self, shown: Shown) -> None:
        after = _lines_by_key(shown)
        lines = shown.lines() if self._before is None else changes(self._before, after, shown.now)
        self._before = after
        print_lines(lines)


class _Documents:
    """For programs: JSON one document a line, or YAML documents, whenever something changed."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._before = ""

    def patience(self, shown: Shown) -> float | None:
        return seconds_until(shown.next_change, shown.now)

    def show(self, shown: Shown) -> None:
        document = in_stream(self._form, shown.values())
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


def _lines_by_key(shown: Shown) -> dict[str, str]:
    said = {"Message": shown.message}
    return said | {row.key: "   ".join(filter(None, (row.state, row.zone, row.info))) for row in shown.rows()}
