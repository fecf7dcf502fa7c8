"""One target cluster, for as long as one try may take: patient requests, and errors that may be shown."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any, TypeVar

import msgspec

from windlass.api.stack_instance import ObjectError
from windlass.cluster import wire
from windlass.cluster.discovery import Discovery
from windlass.cluster.errors import (
    ApiError,
    Conflict,
    Gone,
    NoSuchKind,
    Refused,
    RefusedBy,
    Transient,
    Unauthorized,
    shown,
)
from windlass.cluster.members import MOST_IN_FLIGHT, Member
from windlass.cluster.resources import Resource
from windlass.controllers.stack_sets.outcome import Outcome, failed
from windlass.engine.clock import Clock
from windlass.planner.backoff import doubling
from windlass.planner.reason import Reason
from windlass.planner.stackset.hiding import Hidden
from windlass.planner.stackset.inventory import Entry
from windlass.planner.stackset.reasons_deployment import (
    AnswerHidden,
    CredentialsRefused,
    HeldByOthers,
    KindNotServed,
    TargetRefuses,
    TargetTooSlow,
)
from windlass.planner.stackset.reasons_targets import AnotherCluster, TargetUnreachable

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between looks at a target
CREDENTIALS_SECONDS = (
    60.0  # people who exchange credentials may end the old ones a moment before the new ones are there
)
STARTED_SECONDS = 10.0  # so long an API server that was just started may forbid all: it does not know its own rules yet
SPARE_SECONDS = 60.0  # so long after the deadline requests may still record what was done before it
LONGEST_OBJECT = 512  # characters; api/stack_instance.py

_FIELD_CONFLICT = "Apply failed with "
_UID = re.compile(r"[-0-9A-Za-z]{1,64}")
_VERSION = re.compile(r"[a-z][a-z0-9]{0,62}")

T = TypeVar("T")
Item = TypeVar("Item")


def _never(_: ApiError) -> bool:
    return False


def _not_served_yet(error: ApiError) -> bool:
    return isinstance(error, NoSuchKind)


class StoppedError(Exception):
    """Nothing more can be done in the target now. `reason` may quote what the target sent."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Version(msgspec.Struct, frozen=True):
    version: str


class _Group(msgspec.Struct, frozen=True):
    name: str
    versions: list[_Version]


class _Groups(msgspec.Struct, frozen=True, tag_field="kind", tag="APIGroupList"):
    groups: list[_Group]


class Visit:
    """Requests to one target, which begins now and may last so long. Its methods raise StoppedError where it must end.

    `expected_uid`: nothing is done where another cluster answers; None: any may. What a target says is shown cleaned
    and cut, and not at all where it may quote one of the `sensitive` values, which are texts of 4 characters or more.
    """

    def __init__(
        self,
        member: Member,
        clock: Clock,
        *,
        within: timedelta,
        expected_uid: str | None = None,
        sensitive: Iterable[str] = (),
    ) -> None:
        self.client = member.client
        self.minutes = round(within.total_seconds() / 60)
        self._member = member
        self._clock = clock
        self._within = within
        self._ends = clock.monotonic() + within.total_seconds()
        self._expected_uid = expected_uid
        self._sensitive = frozenset(sensitive)
        self._hidden = Hidden(self._sensitive)
        self._refused_since: float | None = None
        self._no_answer_at = float("-inf")

    def again(self) -> "Visit":
        """Another one to the same target, with as much time."""
        return Visit(
            self._member,
            self._clock,
            within=self._within,
            expected_uid=self._expected_uid,
            sensitive=self._sensitive,
        )

    # ---- time

    @property
    def seconds_left(self) -> float:
        """Until the deadline; zero or less: it is over."""
        return self._ends - self._clock.monotonic()

    async def pause(self, attempt: int, at_most: float) -> None:
        """Between the looks number `attempt` (from 1) and the next: longer each time, and no longer than `at_most`."""
        await self._clock.sleep(min(doubling(FIRST_PAUSE, attempt, LONGEST_PAUSE), at_most))

    async def patiently(self, ask: Callable[[], Awaitable[T]], *, also: Callable[[ApiError], bool] = _never) -> T:
        """The answer, asked for again after transient errors, and those of `also`, as long as there is time; so is what
        is forbidden where the target gave no answer a moment before.

        Any other ApiError is raised; StoppedError when the target cannot be reached in time, or answers so slowly that
        the time has long been over, or does not accept the credentials, for which new ones may come within a minute.
        """
        for attempt in count(1):
            if self.seconds_left <= -SPARE_SECONDS:
                raise StoppedError(TargetTooSlow(self.minutes))
            try:
                answer = await ask()
            except Unauthorized as error:
                if self._refused_for(CREDENTIALS_SECONDS):
                    raise StoppedError(CredentialsRefused(error.detail)) from error
                pause = doubling(FIRST_PAUSE, attempt, LONGEST_PAUSE)
            except ApiError as error:
                if isinstance(error, Transient) and _is_no_answer(error):
                    self._no_answer_at = self._clock.monotonic()
                if not (self._may_pass(error) or also(error)):
                    raise
                asked = error.retry_after if isinstance(error, Transient) else None
                pause = max(doubling(FIRST_PAUSE, attempt, LONGEST_PAUSE), asked or 0.0)
                if pause >= self.seconds_left:
                    if isinstance(error, Transient) and _is_no_answer(error):
                        raise StoppedError(TargetUnreachable(error.detail)) from error
                    raise
            else:
                self._refused_since = None
                return answer
            await self._clock.sleep(pause)
        raise AssertionError("counting never ends")

    def _may_pass(self, error: ApiError) -> bool:
        if is_forbidden(error):
            return self._clock.monotonic() < self._no_answer_at + STARTED_SECONDS
        return isinstance(error, Transient) and not _is_final(error)

    def _refused_for(self, seconds: float) -> bool:
        """Whether the credentials are refused for as long as this; the first time it is asked it begins."""
        now = self._clock.monotonic()
        self._refused_since = now if self._refused_since is None else self._refused_since
        return now >= self._refused_since + seconds or self.seconds_left <= 0

    # ---- what is there

    async def recognise(self) -> None:
        """StoppedError where another cluster answers than is expected."""
        if self._expected_uid is None:
            return
        found = await self.indispensable(self._member.cluster_uid)
        if found != self._expected_uid:
            raise StoppedError(AnotherCluster(self._expected_uid, found))

    async def indispensable(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The same as `patiently`, where without an answer nothing can be done: StoppedError for any ApiError."""
        try:
            return await self.patiently(ask)
        except ApiError as error:
            raise StoppedError(TargetRefuses(str(error))) from error

    async def resource(self, entry: Entry, *, awaited: bool = False) -> Resource:
        """The kind of an object as it is served; NoSuchKind if it is not. `awaited`: its CRD has just been applied."""
        ask = partial(self._member.discovery.resource_of, entry.api_version, entry.kind)
        return await self.patiently(ask, also=_not_served_yet if awaited else _never)

    async def live(self, resource: Resource, entry: Entry, *, awaited: bool = False) -> dict[str, Any] | None:
        """The object; None: there is none, by the word of the API server. NoSuchKind where its kind is not served,
        which is waited for if it is `awaited`."""
        try:
            return await self.patiently(
                partial(self._read, resource, entry),
                also=_not_served_yet if awaited else _never,
            )
        except NoSuchKind:
            raise
        except Gone:
            return None

    async def listed_now(self, entry: Entry) -> tuple[Resource, dict[str, Any]] | None:
        """An object that was applied once, as it is now, in whichever version its kind is served; None: it is gone.

        Where the kind is not served it is gone only by the word of the API server, which lists all that it serves.
        """
        return await self.patiently(partial(self._listed_now, entry), also=_not_served_yet)

    async def _listed_now(self, entry: Entry) -> tuple[Resource, dict[str, Any]] | None:
        resource = await self._served(entry, self._member.discovery, (entry.version,))
        if resource is not None:
            try:
                return await self._found(resource, entry)
            except NoSuchKind:  # what is remembered of it is over
                pass
        resource = await self._served_anew(entry)
        return None if resource is None else await self._found(resource, entry)

    async def _found(self, resource: Resource, entry: Entry) -> tuple[Resource, dict[str, Any]] | None:
        live = await self.live(resource, entry)
        return None if live is None else (resource, live)

    async def _read(self, resource: Resource, entry: Entry) -> dict[str, Any]:
        body = await self.client.get(resource, entry.namespace or None, entry.name)
        _uid(body, f"reading {entry.label}")
        return body

    async def _served_anew(self, entry: Entry) -> Resource | None:
        """The kind by the API server's own list of groups and versions, of which nothing is remembered.

        NoSuchKind for one of the core group: every API server has those, so what answers is none.
        """
        anew = Discovery(self.client)
        if entry.group:
            return await self._served(entry, anew, await self._versions(entry.group))
        return await self.patiently(partial(anew.resource_of, entry.api_version, entry.kind))

    async def _served(self, entry: Entry, discovery: Discovery, versions: Iterable[str]) -> Resource | None:
        for version in versions:
            api_version = f"{entry.group}/{version}" if entry.group else version
            try:
                resource = await self.patiently(partial(discovery.resource_of, api_version, entry.kind))
            except NoSuchKind:
                continue
            if resource.namespaced == bool(entry.namespace):  # else no such object can be there
                return resource
        return None

    async def _versions(self, group: str) -> list[str]:
        """The versions of a group that the API server lists; NoSuchKind is no answer here, nor is an empty list."""
        groups = (await self.patiently(self._groups, also=lambda error: isinstance(error, Gone))).groups
        return [each.version for found in groups if found.name == group for each in found.versions]

    async def _groups(self) -> _Groups:
        body = await self.client.get_raw("/apis")
        try:
            found = wire.decode(body, _Groups)
        except msgspec.MsgspecError as error:
            raise _nonsense("reading /apis", str(error)) from error
        if not found.groups or not all(_VERSION.fullmatch(v.version) for group in found.groups for v in group.versions):
            raise _nonsense("reading /apis", "it lists no groups")
        return found

    # ---- what may be shown of it

    def error(self, entry: Entry, why: Reason | ApiError) -> ObjectError:
        """What went wrong with one object."""
        message = self.shown(str(_reason(entry, why) if isinstance(why, ApiError) else why), why)
        return ObjectError(object=self.named(entry), message=message)

    def named(self, entry: Entry) -> str:
        """The object, for people."""
        label = f"{entry.kind} (hidden)" if self._hidden.quoted_in(entry.label) else entry.label
        return shown(label)[:LONGEST_OBJECT]

    def shown(self, text: str, why: Reason | ApiError | None = None) -> str:
        """A text that may have come from the target."""
        if self._hidden.quoted_in(text):
            text = str(AnswerHidden(why.code)) if isinstance(why, ApiError) else "(hidden): it may quote a secret value"
        return shown(text)

    def stopped(self, error: StoppedError, objects: int | None = None) -> Outcome:
        """What comes of it where that was the end."""
        ended = failed([ObjectError(object="", message=self.shown(str(error.reason)))], objects)
        return Outcome(ended.errors, ended.error_count, objects, stopped_by=type(error.reason))


async def side_by_side(act: Callable[[Item], Awaitable[T]], items: Iterable[Item]) -> list[T]:
    """The result of each, in their order; so many at once as the client lets through: each begins when its turn comes,
    and sees then whether there is still time.

    The first error is raised when all are over.
    """
    free = asyncio.Semaphore(MOST_IN_FLIGHT)

    async def in_turn(item: Item) -> T:
        async with free:
            return await act(item)

    done = await asyncio.gather(*map(in_turn, items), return_exceptions=True)
    results: list[T] = []
    for each in done:
        if isinstance(each, BaseException):
            raise each
        results.append(each)
    return results


def uid_of(live: dict[str, Any]) -> str:
    """The uid of an object that was read by `Visit`."""
    return str(live["metadata"]["uid"])


def _uid(body: dict[str, Any], doing: str) -> str:
    metadata = body.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else None
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise _nonsense(doing, "it has no uid")
    return uid


def _nonsense(doing: str, problem: str) -> Transient:
    detail = f"the reply makes no sense: {problem}"
    return Transient(f"{doing}: {detail}", detail=detail)


def _is_no_answer(error: Transient) -> bool:
    """Whether it says nothing about the object: no reply, or one of something before the API server, or a full one."""
    return error.code in (0, 200, 408, 429, 502) or (error.code in (503, 504) and not error.reason)


def _is_final(error: Transient) -> bool:
    """Whether it is an answer to fields that the kind does not have, for which API servers have this code too."""
    return error.code == 500 and error.detail.startswith("failed to create typed patch object")


def is_forbidden(error: ApiError) -> bool:
    """Whether the API server says that we may not."""
    return isinstance(error, Refused) and error.by is RefusedBy.PERMISSIONS


def is_field_conflict(error: ApiError) -> bool:
    """Whether an apply was refused because another manager has fields of the object."""
    return isinstance(error, Conflict) and error.detail.startswith(_FIELD_CONFLICT)


def _reason(entry: Entry, error: ApiError) -> Reason | str:
    if is_field_conflict(error):  # it names fields and managers, never values
        return HeldByOthers(error.detail)
    if (entry.group, entry.kind) == ("", "Secret"):
        return AnswerHidden(error.code)
    if isinstance(error, NoSuchKind):
        return KindNotServed(entry.kind, entry.api_version)
    return error.detail
