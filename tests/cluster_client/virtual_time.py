"""An event loop on which time passes only by being waited for: hours take milliseconds, and every run is the same."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Instead of waiting, it moves the clock on to when something is due."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is due: everything waits for something that never comes")
        self.now += timeout
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, _executor: Any, function: Callable[..., T], *given: Any) -> asyncio.Future[T]:
        """What would run in a thread runs here and now: nobody knows how long it would take."""
        done = self.create_future()
        try:
            done.set_result(function(*given))
        except Exception as error:
            done.set_exception(error)
        return done


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Like asyncio.run. `now()` is the time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(scenario)


def now() -> float:
    return asyncio.get_running_loop().time()
