"""Whether an operator seems to be at work on a group: what its lease and the group's own status say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from windlass.api.common import LEASE_NAME, TROUBLE_ANNOTATION
from windlass.cli.text import duration
from windlass.cluster.client import Client
from windlass.cluster.errors import ApiError, Refused
from windlass.planner.reasons import PassFailed

LEASES_PATH = f"/apis/coordination.k8s.io/v1/leases?fieldSelector=metadata.name%3D{LEASE_NAME}"
CLOCKS_DIFFER = timedelta(seconds=5)  # between this machine and the API server's, without harm
SOON = timedelta(seconds=10)  # an operator that runs has looked at a change long before

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeenLease:
    """The operator's lease as it was read; `holder` is empty when it was given back.

    `trouble`: why its holder does not hear of changes, as the holder itself says.
    """

    namespace: str
    holder: str
    renewed_at: datetime | None
    duration: timedelta
    trouble: str = ""

    def held(self, now: datetime) -> bool:
        """Whether its holder has renewed it in time."""
        if not self.holder or self.renewed_at is None:
            return False
        return now <= self.renewed_at + self.duration + CLOCKS_DIFFER

    @property
    def place(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{LEASE_NAME}"


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who changed the group's spec (or labels, or annotations) last, and when.

    `scaled_by`: who set its size through the scale subresource, whenever that was: the API server keeps no time of it.
    """

    at: datetime
    by: str
    scaled_by: str | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """What there is to say about the operator. Behind: it has not looked at the last change."""

    state: Literal["Running", "Behind", "Absent", "Unknown"]
    message: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the operator said last of passes that fail and of which it could not write into the status."""

    at: datetime
    message: str


class _Event(msgspec.Struct, rename="camel"):
    message: str = ""
    last_timestamp: datetime | None = None


class _Events(msgspec.Struct):
    items: list[_Event]


class _Annotations(msgspec.Struct):
    trouble: str = msgspec.field(default="", name=TROUBLE_ANNOTATION)


class _Meta(msgspec.Struct):
    namespace: str
    annotations: _Annotations = msgspec.field(default_factory=_Annotations)


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    renew_time: datetime | None = None
    lease_duration_seconds: int | None = None


class _Lease(msgspec.Struct):
    metadata: _Meta
    spec: _Spec


class _Leases(msgspec.Struct):
    items: list[_Lease]


async def read_leases(client: Client) -> tuple[SeenLease, ...] | None:
    """The operator's leases in all namespaces; None where one may not look at them."""
    try:
        found = msgspec.json.decode(await client.get_raw(LEASES_PATH), type=_Leases)
    except Refused:
        return None
    except (ApiError, msgspec.MsgspecError):
        return None
    return tuple(
        SeenLease(
            lease.metadata.namespace,
            lease.spec.holder_identity or "",
            lease.spec.renew_time,
            timedelta(seconds=lease.spec.lease_duration_seconds or 0),
            lease.metadata.annotations.trouble,
        )
        for lease in found.items
    )


async def read_complaint(client: Client, metadata: Body) -> Complaint | None:
    """The newest of the events in which the operator says that the passes of this group fail."""
    chosen = quote(f"involvedObject.uid={metadata['uid']},reason={PassFailed.__name__}")
    path = f"/api/v1/namespaces/{metadata['namespace']}/events?fieldSelector={chosen}"
    try:
        found = msgspec.json.decode(await client.get_raw(path), type=_Events)
    except (ApiError, msgspec.MsgspecError):
        return None
    complaints = [Complaint(each.last_timestamp, each.message) for each in found.items if each.last_timestamp]
    return max(complaints, key=lambda complaint: complaint.at, default=None)


def last_change(metadata: Body) -> LastChange | None:
    """The last change that was not one of the status."""
    entries = [entry for entry in metadata.get("managedFields") or () if entry.get("subresource") != "status"]
    scaled = next((str(entry.get("manager")) for entry in entries if entry.get("subresource") == "scale"), None)
    changes = [
        LastChange(datetime.fromisoformat(entry["time"]), str(entry.get("manager")), scaled)
        for entry in entries
        if entry.get("time")
    ]
    return max(changes, key=lambda change: change.at, default=None)


def sign_of(leases: Sequence[SeenLease] | None, *, looked_at: bool, changed: LastChange | None, now: datetime) -> Sign:
    """What lease and status say together. `looked_at`: whether the status speaks of the group's present spec."""
    held = next((lease for lease in leases or () if lease.held(now)), None)
    since = now - changed.at if changed else None
    if held is not None and held.trouble:
        deaf = f"the operator does not hear of changes: its watch of Windlass's own kinds fails, {held.trouble}"
        return Sign("Behind", f"{deaf} ({held.holder} holds lease {held.place}; its log has more)")
    if held is not None:
        runs = f"an operator runs: {held.holder} holds lease {held.place}"
        if looked_at:
            return Sign("Running", runs)
        if since is not None and since < SOON:
            return Sign("Behind", f"{runs}, and has not looked at the last change yet; it will in a moment")
        more = "is this namespace among those it works in (`namespaces` of its chart), and what does its log say?"
        return Sign("Behind", f"{runs}, but has not looked at the last change: {more}")
    if leases:
        return Sign("Absent", f"the operator does not seem to run: {_expired(leases, now)}")
    if looked_at:
        return Sign("Unknown", f"whether an operator runs cannot be told: {_unseen(leases)}")
    if since is not None and since < SOON:
        return Sign("Behind", f"no operator has looked at the last change yet, and {_unseen(leases)}")
    return Sign("Absent", f"no operator seems to run: nobody has looked at the last change, and {_unseen(leases)}")


def _expired(leases: Sequence[SeenLease], now: datetime) -> str:
    lease = max(leases, key=lambda lease: lease.renewed_at.timestamp() if lease.renewed_at else 0.0)
    if not lease.holder or lease.renewed_at is None:
        return f"nobody holds lease {lease.place}"
    return f"lease {lease.place} was last renewed {duration(now - lease.renewed_at)} ago, by {lease.holder}"


def _unseen(leases: Sequence[SeenLease] | None) -> str:
    if leases is None:
        return "its lease may not be looked at"
    return f"there is no lease {LEASE_NAME} (one whose chart has lease.enabled false keeps none)"
