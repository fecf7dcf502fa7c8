"""`kubectl windlass get`: an object as a tree, or those of a namespace as a table."""

import argparse
from datetime import datetime
from typing import Any

from windlass.cli.output import show
from windlass.cli.reading import Body, now, read_object, with_client
from windlass.cli.subject import Subject
from windlass.cli.text import age, columns
from windlass.cluster.client import Client


def run(given: argparse.Namespace) -> int:
    """Show what was asked for."""
    if given.name is None:
        return _run_table(given, given.subject)
    if given.all_namespaces:
        given.usage_error(f"-A goes with the table of all {given.subject.plural}: leave out NAME")
    try:
        return with_client(given, lambda client, namespace: _one(client, namespace, given, given.subject))
    except KeyboardInterrupt:
        if given.watch:
            return 0
        raise


async def _one(client: Client, namespace: str, given: argparse.Namespace, subject: Subject) -> int:
    body = await read_object(client, subject, namespace, given.name)
    if given.watch:
        from windlass.cli.live import watch

        await watch(subject.feed(client, body), given.output, f"{subject.kind}/{given.name}")
        return 0
    shown = await subject.shown(client, body)
    show(given.output, shown.values, shown.lines)
    return 0


# ---- the table


def _run_table(given: argparse.Namespace, subject: Subject) -> int:
    if given.watch:
        kubectl = f"`kubectl get {subject.resource.plural} -w`"
        given.usage_error(f"-w shows one {subject.singular}: name it, or use {kubectl}")

    async def bodies(client: Client, namespace: str) -> tuple[str, list[Body]]:
        listing = await client.list(subject.resource, None if given.all_namespaces else namespace)
        return namespace, list(listing.items)

    namespace, found = with_client(given, bodies)
    rows = [subject.summary(body) for body in sorted(found, key=_place)]
    show(given.output, lambda: {subject.plural: rows}, lambda: _table(subject, rows, namespace, given.all_namespaces))
    return 0


def _place(body: Body) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _table(subject: Subject, rows: list[dict[str, Any]], namespace: str, everywhere: bool) -> list[str]:
    if not rows:
        return [f"there are no {subject.plural}" + ("" if everywhere else f" in namespace {namespace}")]
    moment = now()
    headers = ("NAME", *(column.header for column in subject.columns), "AGE", "MESSAGE")
    cells = [
        (
            *([row["namespace"]] if everywhere else []),
            row["name"],
            *(str(row[column.key]) for column in subject.columns),
            age(datetime.fromisoformat(row["createdAt"]), moment),
            row["message"],
        )
        for row in rows
    ]
    return columns([("NAMESPACE", *headers) if everywhere else headers, *cells])
