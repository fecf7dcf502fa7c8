"""`kubectl windlass plan`: what a change would do, and why. Nothing is done."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.cli.manifests import Proposed, documents_in, models_of, propose, read_bodies
from windlass.cli.output import show
from windlass.cli.reading import with_client
from windlass.cli.subject import Subject
from windlass.cli.told import Outlook
from windlass.cli.wording import joined, named
from windlass.cluster.client import Client
from windlass.cluster.errors import ConfigurationError, Transient

NOTHING, SOMETHING, REFUSED = 0, 1, 2  # exit codes, as those of `kubectl diff`


@dataclass(frozen=True, slots=True)
class Planned:
    """What is shown. `proposed`: the objects whose manifests were given."""

    outlooks: Sequence[Outlook]
    proposed: Sequence[Proposed] = ()
    notes: Sequence[str] = ()


def run(given: argparse.Namespace) -> int:
    """Show the plan; the exit code says whether anything would be done."""
    those = [subject for subject in given.subjects if "plan" in subject.verbs]
    wanted = _wanted(given, those)
    if bool(given.filename) == bool(given.name):
        given.usage_error(f"say either {named(those)}, or -f FILE")
    _refuse_flags_of_others(given, those, wanted)
    if given.filename:
        return _show(given, those, _plan_files(given, those))
    outlook = with_client(given, lambda client, namespace: given.subject.outlook(client, namespace, given.name, wanted))
    return _show(given, [given.subject], Planned([outlook]))


def _wanted(given: argparse.Namespace, those: Sequence[Subject]) -> dict[str, Any]:
    """The fields that flags set, and their values."""
    found = {flag.field: getattr(given, flag.field) for subject in those for flag in subject.flags}
    return {field: value for field, value in found.items() if value is not None}


def _refuse_flags_of_others(given: argparse.Namespace, those: Sequence[Subject], wanted: Mapping[str, Any]) -> None:
    own = given.subject.flags if given.subject is not None and not given.filename else ()
    if wanted.keys() <= {flag.field for flag in own}:
        return
    others = [subject for subject in those if wanted.keys() & {flag.field for flag in subject.flags}]
    flags = dict.fromkeys(flag.flag for subject in others for flag in subject.flags)
    go, them = ("goes", "it") if len(flags) == 1 else ("go", "them")
    hint = f": in a file, write {them} there" if given.filename else ""
    given.usage_error(f"{joined(flags)} {go} with {named(others)}{hint}")


# ---- files


def _plan_files(given: argparse.Namespace, those: Sequence[Subject]) -> Planned:
    bodies = read_bodies(given.filename)
    models = models_of(those)

    async def planned(client: Client | None, default: str) -> Planned:
        documents, notes = documents_in(bodies, given.namespace, default, models)
        proposed = [await propose(client, document, models) for document in documents]
        outlooks = [each for subject in _asked(those, proposed) for each in await subject.outlooks(client, proposed)]
        return Planned(outlooks, proposed, [*notes, *(p.note for p in proposed if p.note)])

    try:
        return with_client(given, planned)
    except (ConfigurationError, Transient) as error:
        if isinstance(error, Transient) and error.code:
            raise
        found = asyncio.run(planned(None, "default"))
        note = f"planned as for an empty cluster, and not checked by an API server: {error}"
        return Planned(found.outlooks, found.proposed, [note, *found.notes])


def _asked(those: Sequence[Subject], proposed: Sequence[Proposed]) -> list[Subject]:
    """The subjects that plan for one of these objects at least."""
    kinds = {each.document.kind for each in proposed}
    return [subject for subject in those if kinds & {subject.kind, *subject.sources}]


# ---- showing


def _show(given: argparse.Namespace, those: Sequence[Subject], planned: Planned) -> int:
    show(given.output, lambda: values(planned, given.subjects), lambda: _lines(planned, those, folded=given.summary))
    if any(outlook.refused for outlook in planned.outlooks):
        return REFUSED
    return NOTHING if all(outlook.settled for outlook in planned.outlooks) else SOMETHING


def values(planned: Planned, subjects: Sequence[Subject]) -> dict[str, Any]:
    """All plans for programs, below the objects that the planned ones are made from."""
    sources: dict[str, list[dict[str, str]]] = {}
    for kind, key in _sources(subjects).items():
        of_kind = [p for p in planned.proposed if p.document.kind == kind]
        sources[key] = [
            {"namespace": p.document.namespace, "name": p.document.name, "change": p.change} for p in of_kind
        ]
    return {**sources, "notes": list(planned.notes), "plans": [outlook.values() for outlook in planned.outlooks]}


def _sources(subjects: Sequence[Subject]) -> dict[str, str]:
    """The kinds of sources, and the keys that programs find them under."""
    return {kind: key for subject in subjects for kind, key in subject.sources.items()}


def _lines(planned: Planned, those: Sequence[Subject], *, folded: bool = False) -> list[str]:
    words = {"Created": "would be created", "Changed": "would be changed", "Unchanged": "stays as it is"}
    sources = _sources(those)
    lines = [f"note: {note}" for note in planned.notes]
    lines += [
        f"{p.document.kind} {p.document.namespace}/{p.document.name}: {words[p.change]}"
        for p in planned.proposed
        if p.document.kind in sources
    ]
    for outlook in planned.outlooks:
        told = outlook.summary() if folded and outlook.summary is not None else outlook.lines()
        lines += ["", *told] if lines else told
    if not planned.outlooks:
        kinds = {each.document.kind for each in planned.proposed}
        users = joined((subject.singular for subject in those if kinds & subject.sources.keys()), "or")
        lines.append(f"no {users} uses it: nothing would be done")
    if any(outlook.acts for outlook in planned.outlooks):
        assumptions = dict.fromkeys(outlook.assumption for outlook in planned.outlooks if outlook.assumption)
        lines += ["", " ".join(["Nothing was done.", *assumptions])]
    return lines
