import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from windlass.engine.health import Check, HealthServer
from windlass.engine.metrics import Metrics

Get = Callable[[str], Awaitable[tuple[int, str, str]]]


def serving(scenario: Callable[[Get], Awaitable[None]], metrics: Metrics | None = None, **checks: Check) -> None:
    async def run() -> None:
        registry = (metrics or Metrics("1.2.3")).registry
        async with (
            HealthServer(registry, healthz=checks, readyz={"leader": lambda: None}) as server,
            aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
        ):

            async def get(path: str) -> tuple[int, str, str]:
                async with session.get(path) as response:
                    return response.status, response.content_type, await response.text()

            await scenario(get)

    asyncio.run(run())


def test_healthy_is_200_and_says_what_was_looked_at():
    async def scenario(get: Get) -> None:
        assert await get("/healthz") == (200, "text/plain", "[+] watch: ok\nok\n")
        assert await get("/readyz") == (200, "text/plain", "[+] leader: ok\nok\n")

    serving(scenario, watch=lambda: None)


def test_a_failing_check_is_named_with_its_reason():
    async def scenario(get: Get) -> None:
        expected = "[+] loop: ok\n[-] watch: pods: nothing heard for 95 s\nfailed\n"
        assert await get("/healthz") == (503, "text/plain", expected)

    serving(scenario, loop=lambda: None, watch=lambda: "pods: nothing heard for 95 s")


def test_a_check_that_raises_has_failed():
    async def scenario(get: Get) -> None:
        status, _, text = await get("/healthz")
        assert status == 503
        assert "[-] watch: the check itself failed: ZeroDivisionError: division by zero" in text

    serving(scenario, watch=lambda: str(1 / 0))


def test_checks_are_run_at_each_request():
    answers = iter([None, "broken", None])

    async def scenario(get: Get) -> None:
        assert [(await get("/healthz"))[0] for _ in range(3)] == [200, 503, 200]

    serving(scenario, watch=lambda: next(answers))


def test_metrics_come_in_the_format_that_prometheus_reads():
    metrics = Metrics("1.2.3")
    metrics.count_kopf_restart()

    async def scenario(get: Get) -> None:
        status, content_type, text = await get("/metrics")
        assert (status, content_type) == (200, "text/plain")
        assert "windlass_kopf_restarts_total 1.0\n" in text

    serving(scenario, metrics)


def test_other_paths_are_not_found():
    async def scenario(get: Get) -> None:
        assert (await get("/"))[0] == 404

    serving(scenario)


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open():
    async def scenario() -> None:
        registry = Metrics("1.2.3").registry
        async with HealthServer(registry, healthz={}, readyz={}) as server:
            with pytest.raises(OSError, match="address already in use"):
                async with HealthServer(registry, healthz={}, readyz={}, port=server.port):
                    pass

    asyncio.run(scenario())


def test_the_port_is_free_again_after_the_end():
    async def scenario() -> None:
        registry = Metrics("1.2.3").registry
        async with HealthServer(registry, healthz={}, readyz={}) as server:
            port = server.port
        async with HealthServer(registry, healthz={}, readyz={}, port=port) as server:
            assert server.port == port

    asyncio.run(scenario())
