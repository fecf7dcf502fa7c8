"""Which kinds an API server serves, and how they are named in its paths. What it says of itself is checked first."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from windlass.cluster.client import Client
from windlass.cluster.errors import Invalid, NoSuchKind, Transient, shown
from windlass.cluster.resources import Resource
from windlass.cluster.wire import decode

KEPT_SECONDS = 60.0
MOST_KINDS = 2_000  # of one group and version; the largest of an API server has some fifty
NEEDED_VERBS = frozenset({"delete", "get", "patch"})

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_API_VERSION = re.compile(rf"(?:(?P<group>(?=[^/]{{1,253}}/){_LABEL}(\.{_LABEL})*)/)?(?P<version>{_LABEL})")
_PLURAL = re.compile(_LABEL)
_KIND = re.compile(r"[A-Za-z]([-0-9A-Za-z]{0,61}[0-9A-Za-z])?")


class _Kind(msgspec.Struct, frozen=True, gc=False):
    name: str
    kind: str
    namespaced: bool
    verbs: list[str] | None = None


class _List(msgspec.Struct, frozen=True, rename="camel"):
    """An APIResourceList."""

    group_version: str
    resources: list[_Kind] | None = None


_Kinds: TypeAlias = dict[str, list[_Kind]]


class Discovery:
    """The kinds of one API server. What was found is believed for a minute; what was not is asked for again at once."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: dict[str, tuple[float, _Kinds]] = {}  # when its reading began

    async def resource_of(self, api_version: str, kind: str) -> Resource:
        """The kind as it is served. NoSuchKind where it is not, Invalid where nothing can be applied of it, Transient
        where that cannot be told."""
        found = _API_VERSION.fullmatch(api_version)
        if found is None:
            raise _invalid(f"apiVersion '{shown(api_version[:300])}' must be a version, or a group, '/' and a version")
        if not _KIND.fullmatch(kind):
            raise _invalid(f"kind '{shown(kind[:300])}' must be a name of at most 63 letters, digits and '-'")
        served = await self._served(api_version, kind)
        return _resource(served, found["group"] or "", found["version"], kind)

    async def _served(self, api_version: str, kind: str) -> _Kind:
        asked_at = self._clock()
        kinds = self._believed(api_version, kind, asked_at)
        if kinds is None:
            async with self._lock:
                kinds = self._believed(api_version, kind, asked_at) or await self._read(api_version)
        entries = kinds.get(kind, ())
        if not entries:
            problem = f"{api_version} has no kind {kind}"
            raise NoSuchKind(f"looking for {kind}: {problem}", code=404, reason="NotFound", detail=problem)
        if len(entries) > 1:
            raise _nonsense(_path(api_version), f"it has {kind} {len(entries)} times")
        return entries[0]

    def _believed(self, api_version: str, kind: str, asked_at: float) -> _Kinds | None:
        """What is known, if it is young enough; that there is no such kind only if it was read since."""
        began_at, kinds = self._known.get(api_version, (None, {}))
        if began_at is None or asked_at >= began_at + KEPT_SECONDS or (kind not in kinds and asked_at >= began_at):
            return None
        return kinds

    async def _read(self, api_version: str) -> _Kinds:
        began_at = self._clock()
        path = _path(api_version)
        try:
            found = decode(await self._client.get_raw(path), _List)
        except msgspec.MsgspecError as error:
            raise _nonsense(path, str(error)) from error
        entries = found.resources or []
        if found.group_version != api_version:
            raise _nonsense(path, f"it speaks of '{found.group_version[:300]}'")
        if len(entries) > MOST_KINDS:
            raise _nonsense(path, f"it has more than {MOST_KINDS} kinds")
        kinds: _Kinds = {}
        for each in entries:
            if "/" not in each.name:  # else a subresource, which has a kind of its own
                kinds.setdefault(each.kind, []).append(each)
        self._known[api_version] = began_at, kinds
        return kinds


def _resource(served: _Kind, group: str, version: str, kind: str) -> Resource:
    path = _path(f"{group}/{version}" if group else version)
    if not _PLURAL.fullmatch(served.name):
        raise _nonsense(path, f"{kind} cannot have the plural '{served.name[:300]}'")
    missing = NEEDED_VERBS.difference(served.verbs or ())
    if missing:
        raise _invalid(
            f"{kind} of {group or 'the core group'} cannot be deployed: it has no {', '.join(sorted(missing))}"
        )
    return Resource(group, version, served.name, kind, served.namespaced)


def _path(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _invalid(problem: str) -> Invalid:
    return Invalid(problem, code=400, reason="BadRequest")


def _nonsense(path: str, problem: str) -> Transient:
    detail = f"the reply makes no sense: {shown(problem)}"
    return Transient(f"reading {path}: {detail}", code=200, detail=detail)
