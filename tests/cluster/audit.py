"""What the API server was asked, from its audit log."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.cluster import Cluster, wait_until

OPERATOR = "windlass/"  # how the operator's requests begin to name their sender; kopf's watches say otherwise
END_BYTES = 1 << 20  # of the log, in which a request of this moment is looked for
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
        self._cluster = cluster
        self._file: Path = cluster.audit_log
        self._namespace = namespace
        self._start = self._file.stat().st_size

    def asked(self, sender: str = OPERATOR) -> list[Asked]:
        """The requests of one sender that have been answered."""
        return [_asked(entry) for entry in self._entries() if entry.get("userAgent", "").startswith(sender)]

    def writes(self, sender: str = OPERATOR) -> list[Asked]:
        """Those that were to change something; a dry run is not."""
        return [asked for asked in self.asked(sender) if asked.verb in WRITES and not asked.dry]

    def _entries(self) -> Iterator[dict[str, Any]]:
        self._wait_for_now()
        mark = f'"namespace":"{self._namespace}"'.encode()
        with self._file.open("rb") as log:
            log.seek(self._start)
            for line in log:
                if mark in line and b'"ResponseComplete"' in line:
                    yield json.loads(line)

    def _wait_for_now(self) -> None:
        """A watch may tell of a change before the log tells of the request; so a request of our own is waited for."""
        mark = secrets.token_hex(8)
        self._cluster.request("GET", f"/version?mark={mark}")
        wait_until(lambda: mark.encode() in self._end(), 10, "the audit log")

    def _end(self) -> bytes:
        with self._file.open("rb") as log:
            log.seek(max(0, self._file.stat().st_size - END_BYTES))
            return log.read()


def _asked(entry: dict[str, Any]) -> Asked:
    thing = entry["objectRef"]
    what = "/".join(part for part in (thing["resource"], thing.get("subresource")) if part)
    return Asked(entry["verb"], what, thing.get("name", ""), entry["responseStatus"]["code"], entry["requestURI"])
