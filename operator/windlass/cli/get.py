"""`kubectl windlass get`: a group as a tree, or the groups of a namespace as a table."""

import argparse
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from windlass.cli.output import show
from windlass.cli.reading import Body, now, read_group, read_instances, with_client
from windlass.cli.text import age, columns
from windlass.cluster.client import Client
from windlass.cluster.resources import SCALING_GROUPS

COLUMNS = ("NAME", "DESIRED", "INSERVICE", "PENDING", "OUTDATED", "READY", "PHASE", "AGE", "MESSAGE")


def run(given: argparse.Namespace) -> int:
    """Show what was asked for."""
    if given.name is None:
        return _run_table(given)
    if given.all_namespaces:
        given.usage_error("-A goes with the table of all groups: leave out NAME")
    try:
        return with_client(given, lambda client, namespace: _one(client, namespace, given))
    except KeyboardInterrupt:
        if given.watch:
            return 0
        raise


async def _one(client: Client, namespace: str, given: argparse.Namespace) -> int:
    group = await read_group(client, namespace, given.name)
    if given.watch:
        from windlass.cli.live import watch

        await watch(client, group, given.output)
        return 0
    from windlass.cli.picture import take_picture, tree, values

    picture = take_picture(group, await read_instances(client, group), now())
    show(given.output, lambda: values(picture), lambda: tree(picture))
    return 0


# ---- the table


def _run_table(given: argparse.Namespace) -> int:
    if given.watch:
        given.usage_error("-w shows one group: name it, or use `kubectl get scalinggroups -w`")

    async def groups(client: Client, namespace: str) -> tuple[str, list[Body]]:
        listing = await client.list(SCALING_GROUPS, None if given.all_namespaces else namespace)
        return namespace, list(listing.items)

    namespace, found = with_client(given, groups)
    rows = [summary(group) for group in sorted(found, key=_place)]
    show(given.output, lambda: {"groups": rows}, lambda: _table(rows, namespace, given.all_namespaces))
    return 0


def _place(group: Body) -> tuple[str, str]:
    return group["metadata"]["namespace"], group["metadata"]["name"]


def summary(group: Body) -> dict[str, Any]:
    """One group for programs, as its status has it."""
    status: Mapping[str, Any] = group.get("status") or {}
    ready = (c["status"] for c in status.get("conditions") or () if c["type"] == "Ready")
    return {
        "namespace": group["metadata"]["namespace"],
        "name": group["metadata"]["name"],
        "createdAt": group["metadata"]["creationTimestamp"],
        "desired": status.get("desired", 0),
        "inService": status.get("inService", 0),
        "pending": status.get("pending", 0),
        "outdated": status.get("outdated", 0),
        "ready": next(ready, "Unknown"),
        "phase": status.get("phase", ""),
        "message": status.get("message", ""),
    }


def _table(rows: list[dict[str, Any]], namespace: str, everywhere: bool) -> list[str]:
    if not rows:
        return ["there are no groups" + ("" if everywhere else f" in namespace {namespace}")]
    moment = now()
    cells = [
        (
            *([row["namespace"]] if everywhere else []),
            row["name"],
            *(str(row[key]) for key in ("desired", "inService", "pending", "outdated")),
            row["ready"],
            row["phase"],
            age(datetime.fromisoformat(row["createdAt"]), moment),
            row["message"],
        )
        for row in rows
    ]
    return columns([("NAMESPACE", *COLUMNS) if everywhere else COLUMNS, *cells])
