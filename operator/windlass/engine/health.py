"""The HTTP endpoints for probes and Prometheus: /healthz, /readyz, /metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

# Says what is wrong, or None.
Check = Callable[[], str | None]

SHUTDOWN_SECONDS = 1.0


class HealthServer:
    """Answers probes in plain text, one line per check, and Prometheus in the format it asks for.

    /healthz fails when a restart would help, /readyz while the replica should not count as there. `async with` starts
    and stops it; `port` is the one it listens on (ask for 0 to get a free one).
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        healthz: Mapping[str, Check],
        readyz: Mapping[str, Check],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._registry = registry
        self._host = host
        self.port = port
        app = web.Application()
        app.router.add_get("/healthz", _answering(healthz))
        app.router.add_get("/readyz", _answering(readyz))
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)

    async def __aenter__(self) -> "HealthServer":
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        try:
            await site.start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # Thousands of groups are megabytes of text: in a thread, so that no pass waits for it.
        text = await asyncio.to_thread(encode, self._registry)
        return web.Response(body=text, headers={"Content-Type": content_type})


def _answering(checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        found = {name: _run(check) for name, check in checks.items()}
        lines = [f"[+] {name}: ok" if wrong is None else f"[-] {name}: {wrong}" for name, wrong in found.items()]
        healthy = all(wrong is None for wrong in found.values())
        return web.Response(text="\n".join([*lines, "ok" if healthy else "failed", ""]), status=200 if healthy else 503)

    return answer


def _run(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # a check that cannot answer has failed
        return f"the check itself failed: {type(error).__name__}: {error}"
