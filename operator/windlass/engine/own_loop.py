"""Running somebody else's asyncio program beside ours, on an event loop and a thread of its own."""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

logger = logging.getLogger(__name__)

# A program that does not heed its cancellation is left behind after this; its thread does not hold up our exit.
GRACE_SECONDS = 10.0
# So long its tasks may take to end once the program has, with several cancellations; then they are left behind.
# kopf answers the first by waiting for its tasks without a limit, and the second by ending.
WIND_UP_SECONDS = 5.0
CANCELLATIONS = 5


async def in_own_loop(main: Callable[[], Coroutine[Any, Any, None]], *, name: str) -> None:
    """Run `main()` to its end on another event loop, and end as it ends; cancelling this call cancels it there.

    Tasks that it leaves behind are cancelled, and not waited for if they do not heed it.

    For programs that take the event loop for theirs: kopf, when it ends, cancels every task that was created since it
    began, whoever created it. From there, `call_soon_threadsafe` is the way back into this loop.
    """
    here = asyncio.get_running_loop()
    ended = here.create_future()
    ended.add_done_callback(asyncio.Future.exception)  # read in any case: after a cancellation nobody else does
    started: concurrent.futures.Future[Callable[[], None]] = concurrent.futures.Future()

    async def there() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        started.set_result(lambda: _call(loop, task.cancel if task is not None else loop.stop))
        await main()

    def thread() -> None:
        error: BaseException | None = None
        try:
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(there())
            finally:
                _wind_up(loop)
        except BaseException as caught:  # it is raised again where it is waited for
            error = caught
        _call(here, lambda: None if ended.done() else _end(ended, error))

    threading.Thread(target=thread, name=name, daemon=True).start()
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        started.add_done_callback(lambda future: future.result()())
        await asyncio.wait([ended], timeout=GRACE_SECONDS)
        raise


def _wind_up(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left. What becomes of it is not worth a line: why the program has ended is told already."""
    loop.set_exception_handler(lambda _, context: logger.debug("winding up: %s", context))
    try:
        for _ in range(CANCELLATIONS):
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=WIND_UP_SECONDS / CANCELLATIONS))
        closing = loop.create_task(loop.shutdown_asyncgens())
        loop.run_until_complete(asyncio.wait([closing], timeout=WIND_UP_SECONDS / CANCELLATIONS))
    finally:
        loop.close()


def _call(loop: asyncio.AbstractEventLoop, callback: Callable[[], Any]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
        loop.call_soon_threadsafe(callback)


def _end(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if error is None:
        ended.set_result(None)
    elif isinstance(error, asyncio.CancelledError):
        ended.set_exception(RuntimeError("it was cancelled from within"))
    else:
        ended.set_exception(error)
