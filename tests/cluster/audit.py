"""What the API server was asked, from its audit log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster import Cluster

OPERATOR = "windlass/"  # how the operator's requests begin to name their sender; kopf's watches say otherwise
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and the code of its answer. `what` is as RBAC writes it: `pods`, `scalinggroups/status`."""

    verb: str
    what: str
    name: str
    code: int
    uri: str

    @property
    def dry(self) -> bool:
        return "dryRun=All" in self.uri


class AuditLog:
    """The requests that concern one namespace, from the moment this was made."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._file: Path = cluster.audit_log
        self._namespace = namespace
        self._start = self._file.stat().st_size

    def asked(self, sender: str = OPERATOR) -> list[Asked]:
        """The requests of one sender that have been answered."""
        return [_asked(entry) for entry in self._entries() if entry.get("userAgent", "").startswith(sender)]

    def writes(self, sender: str = OPERATOR) -> list[Asked]:
        """Those that were to change something."""
        return [asked for asked in self.asked(sender) if asked.verb in WRITES]

    def _entries(self) -> Iterator[dict[str, Any]]:
        mark = f'"namespace":"{self._namespace}"'.encode()
        with self._file.open("rb") as log:
            log.seek(self._start)
            for line in log:
                if mark in line and b'"ResponseComplete"' in line:
                    yield json.loads(line)


def _asked(entry: dict[str, Any]) -> Asked:
    thing = entry["objectRef"]
    what = "/".join(part for part in (thing["resource"], thing.get("subresource")) if part)
    return Asked(entry["verb"], what, thing.get("name", ""), entry["responseStatus"]["code"], entry["requestURI"])
