"""The headers that say who we are, kept fresh."""

import asyncio
import logging

from windlass.cluster.connection import TokenSource
from windlass.cluster.errors import ConfigurationError

log = logging.getLogger(__name__)


class Authorization:
    """The bearer token of one client, and as whom it acts. The token is read in a thread: it may be a slow disk or a
    program."""

    def __init__(self, token: TokenSource | None, impersonate: str | None = None) -> None:
        self._token = token
        self._acts_as = {"Impersonate-User": impersonate} if impersonate else {}
        self._lock = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """A new dict with the headers to send."""
        if self._token is None:
            return {**self._acts_as}
        if self._token.due():
            async with self._lock:
                if self._token.due():
                    await self._renew(self._token)
        return {"Authorization": f"Bearer {self._token.value}", **self._acts_as}

    @property
    def token(self) -> str | None:
        """The token that the next request will carry, unless it is due."""
        return self._token.value if self._token else None

    async def renewed(self, refused: str | None) -> bool:
        """Read the token again because this one was not accepted; whether there is another one now."""
        if self._token is None:
            return False
        async with self._lock:
            if self._token.value == refused:
                await self._renew(self._token)
        return self._token.value != refused

    async def _renew(self, token: TokenSource) -> None:
        try:
            await asyncio.to_thread(token.renew)
        except ConfigurationError as error:
            log.warning("%s; going on with the token we have", error)
