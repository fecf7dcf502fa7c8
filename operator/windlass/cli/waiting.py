"""`--wait`: until an object is as it was asked to be."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from windlass.cli.failures import CannotError
from windlass.cli.live import Feed, Moment, seconds_until
from windlass.cli.reading import Body
from windlass.cli.subject import Subject
from windlass.cli.text import duration

P = TypeVar("P", bound=Moment)


@dataclass(frozen=True, slots=True)
class Goal(Generic[P]):
    """What is waited for.

    `still`: the picture, if it can still come to that; CannotError if not (None: the object is gone). `reached`:
    whether it has; CannotError where it will not before somebody does something. `stands`: how far it has come.
    """

    still: Callable[[P | None], P]
    reached: Callable[[P], bool]
    stands: Callable[[P], str]


async def wait_until(
    feed: Feed[P], subject: Subject, body: Body, goal: Goal[P], limit: float | None, *, tell: Callable[[str], None]
) -> str:
    """Wait until the goal is reached; the sentence of that moment. `tell` gets each new sentence with its time.

    CannotError if the goal says that it cannot be, or if `limit` seconds pass before (None: it waits for ever).
    """
    picture: P | None = None
    said = ""
    try:
        async with asyncio.timeout(limit), feed.running():
            while True:
                picture = goal.still(feed.picture())
                if picture.message != said:
                    said = picture.message
                    tell(f"{picture.now.astimezone():%H:%M:%S}   {said}")
                if goal.reached(picture):
                    return said
                await feed.next_picture(seconds_until(picture.next_change, picture.now))
    except TimeoutError:
        metadata, span = body["metadata"], duration(timedelta(seconds=limit or 0))
        stands = goal.stands(picture) if picture else "nothing was heard of it"
        explain = f"kubectl windlass explain {subject.singular} {metadata['name']} -n {metadata['namespace']}"
        raise CannotError(f"{metadata['name']} is not settled after {span}: {stands}; `{explain}` says more") from None
