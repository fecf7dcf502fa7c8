"""Watches that somebody else keeps: when they last showed life, as far as their requests tell."""

from collections.abc import Callable, Iterable, Mapping

import aiohttp

from windlass.cluster.connection import Connection
from windlass.cluster.transport import tls_context

NO_SUCCESS = 300  # from this status on


class SignsOfLife:
    """What the requests for some collections say: an answer shows life, a request that is begun shows that it is tried.

    A watch has to be taken up again now and then to show any; let the server end it. May be read by any thread.
    """

    def __init__(self, paths: Iterable[str], clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._heard = dict.fromkeys(paths, clock())
        self._tried = dict(self._heard)

    def session(self, connection: Connection, headers: Mapping[str, str]) -> aiohttp.ClientSession:
        """For whoever keeps the watches: an HTTP session that notes the signs. To be made in the loop that uses it."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._begun)
        trace.on_request_end.append(self._answered)
        connector = aiohttp.TCPConnector(limit=0, ssl=tls_context(connection))
        return aiohttp.ClientSession(connector=connector, headers=headers, trace_configs=[trace])

    def heard(self, path: str) -> None:
        """Something has come by the watch of this collection."""
        self._heard[path] = self._clock()

    def lag(self, paths: Iterable[str]) -> float:
        """Seconds since the stalest of these showed life."""
        return self._clock() - min(self._heard[path] for path in paths)

    def idle(self, paths: Iterable[str]) -> float:
        """Seconds since the stalest of these showed life or was asked for.

        Unlike `lag` it stays small while an API server is down: a new process would fare no better.
        """
        return self._clock() - min(max(self._heard[path], self._tried[path]) for path in paths)

    async def _begun(self, _: object, __: object, asked: aiohttp.TraceRequestStartParams) -> None:
        if asked.url.path in self._tried:
            self._tried[asked.url.path] = self._clock()

    async def _answered(self, _: object, __: object, answered: aiohttp.TraceRequestEndParams) -> None:
        if answered.url.path in self._heard and answered.response.status < NO_SUCCESS:
            self.heard(answered.url.path)
