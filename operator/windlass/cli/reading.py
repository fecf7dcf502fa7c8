"""Reading an object that people name from the API server, live."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from windlass import __version__
from windlass.cli.failures import CannotError
from windlass.cli.subject import Subject
from windlass.cli.wording import joined
from windlass.cluster.client import Client
from windlass.cluster.config import load
from windlass.cluster.errors import ApiError, Gone, NoSuchKind
from windlass.cluster.resources import NAMESPACES

Body = Mapping[str, Any]
T = TypeVar("T")

MOST_NAMES = 10


def with_client(given: Any, work: Callable[[Client, str], Coroutine[Any, Any, T]]) -> T:
    """What `work(client, namespace)` comes to, with the API server and the namespace that the flags name."""
    connection = load(given.kubeconfig, given.context)

    async def connected() -> T:
        async with Client(connection, user_agent=f"kubectl-windlass/{__version__}") as client:
            return await work(client, given.namespace or connection.namespace)

    return asyncio.run(connected())


def now() -> datetime:
    """The time of day in UTC."""
    return datetime.now(UTC)


async def read_object(client: Client, subject: Subject, namespace: str, name: str) -> Body:
    """The object of this name; where there is none, the sentence names those that there are."""
    (found,) = await read_among(client, (subject,), namespace, name)
    return found[1]


async def read_among(
    client: Client, subjects: Sequence[Subject], namespace: str, name: str
) -> list[tuple[Subject, Body]]:
    """The objects of this name, one of each kind at most; where there is none, the sentence names those that there are.

    Of several kinds, those count that the API server knows.
    """
    found = [(subject, body) for subject in subjects if (body := await _read(client, subject, namespace, name))]
    if found:
        return found
    there: list[str] = []
    for subject in subjects:
        try:
            there += [body["metadata"]["name"] for body in (await client.list(subject.resource, namespace)).items]
        except NoSuchKind:
            if len(subjects) == 1:
                raise
    if not there and await _is_missing(client, namespace):
        raise CannotError(f"there is no namespace {namespace}")
    raise CannotError(_not_there(subjects, namespace, name, sorted(there)))


async def _read(client: Client, subject: Subject, namespace: str, name: str) -> Body | None:
    """The object; None where there is none of this name, or no such kind."""
    resource = subject.resource
    try:
        return await client.get(resource, namespace, name)
    except NoSuchKind:
        return None
    except Gone as error:
        if error.reason != "NotFound" or resource.plural not in error.detail:
            raise
    except ValueError:
        pass
    return None


async def _is_missing(client: Client, namespace: str) -> bool:
    """Whether there is no such namespace; False where one may not ask."""
    try:
        await client.get(NAMESPACES, None, namespace)
    except Gone:
        return True
    except ApiError:
        return False
    return False


def _not_there(subjects: Sequence[Subject], namespace: str, name: str, there: list[str]) -> str:
    from difflib import get_close_matches

    said = f"there is no {joined((each.singular for each in subjects), 'or')} {name!r} in namespace {namespace}"
    if near := get_close_matches(name, there):
        return f"{said}; did you mean {' or '.join(near)}?"
    if there:
        more = f" and {len(there) - MOST_NAMES} more" if len(there) > MOST_NAMES else ""
        return f"{said}; there are {', '.join(there[:MOST_NAMES])}{more}"
    commands = joined(f"`kubectl windlass get {each.plural} -A`" for each in subjects)
    return f"{said}, and no other; {commands} {'shows' if len(subjects) == 1 else 'show'} those of all namespaces"
