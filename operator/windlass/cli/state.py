"""`kubectl windlass suspend`, `resume`, `approve`, `cancel` and `rollback`: what is wanted of a task under way."""

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence

from windlass.cli.failures import CannotError
from windlass.cli.output import show
from windlass.cli.reading import Body, read_among, with_client
from windlass.cli.subject import Subject
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh.change import ask_refresh
from windlass.cli.subjects.task.change import Asked
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update.change import ask_update
from windlass.cli.wording import joined
from windlass.cluster.client import Client
from windlass.planner.tasks import FINAL

Ask = Callable[[Client, Body, str], Awaitable[Asked]]
ASK: Mapping[str, Ask] = {REFRESH.kind: ask_refresh, UPDATE.kind: ask_update}


def run(given: argparse.Namespace) -> int:
    """Ask for it; what comes of it is the operator's work."""
    return with_client(given, lambda client, namespace: _ask(client, namespace, given))


async def _ask(client: Client, namespace: str, given: argparse.Namespace) -> int:
    those = [subject for subject in given.subjects if subject.kind in ASK]
    kind, slash, name = given.name.rpartition("/")
    if slash:
        those = [subject for subject in those if kind.lower() in subject.words]
        if not those:
            raise CannotError(f"{given.name}: nothing of kind {kind!r} can be asked to {given.verb}")
    subject, body = _meant(await read_among(client, those, namespace, name))
    asked = await ASK[subject.kind](client, body, given.verb)
    done = {"namespace": namespace, "name": name, "before": asked.before, "state": asked.after}
    show(given.output, lambda: done, lambda: [f"{subject.kind} {namespace}/{name}: {asked.said}"])
    return 0


def _meant(found: Sequence[tuple[Subject, Body]]) -> tuple[Subject, Body]:
    """The only one of this name, or the only one of them that is not over."""
    going_on = [each for each in found if (each[1].get("status") or {}).get("phase") not in FINAL]
    choice = going_on or found
    if len(choice) > 1:
        name = choice[0][1]["metadata"]["name"]
        words = [subject.singular for subject, _ in choice]
        said = joined((f"{word}/{name}" for word in words), "or")
        raise CannotError(f"there are {joined(f'{word} {name}' for word in words)}: say {said}")
    return choice[0]
