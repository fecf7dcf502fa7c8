"""The operator, with targets that are not there: what is done at one takes a fixed time, and never fails.

All else is as it is: `python -m hack.bench.fixed_time --fixed-seconds=2`, and the flags of `python -m windlass`.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from windlass.__main__ import parser, settings_of
from windlass.api.stack_instance import StackInstanceSpec, StackInstanceStatus, Work
from windlass.app import Operator
from windlass.cluster.client import Client
from windlass.cluster.config import load
from windlass.cluster.members import Member
from windlass.cluster.snapshots import Snapshots
from windlass.cluster.store import Object
from windlass.controllers.stack_sets.caches import Caches
from windlass.controllers.stack_sets.inputs import InputReader
from windlass.controllers.stack_sets.instances import Done, StackInstanceController
from windlass.controllers.stack_sets.operations import StackSetOperationController
from windlass.controllers.stack_sets.outcome import Outcome
from windlass.controllers.stack_sets.reach import Reach
from windlass.controllers.stack_sets.sets import StackSetController
from windlass.controllers.stack_sets.targets import StackTargetController
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.logs import configure
from windlass.engine.queue import Key

UID = "00000000-0000-4000-8000-000000000000"  # of each target's cluster
VERSION = "v1.0.0"


class _Target(Member):
    async def cluster_uid(self) -> str:
        return UID

    async def version(self) -> str:
        return VERSION


class _EverywhereAtOnce(Reach):
    """Each target can be reached."""

    async def member(self, target: Object) -> Member:
        return _Target(self._client)


async def _take_time(
    seconds: float, key: Key, spec: StackInstanceSpec, status: StackInstanceStatus, work: Work
) -> Done:
    await asyncio.sleep(seconds)
    return Done(Outcome(objects=1), UID)


def controllers(seconds: float, runtime: Runtime) -> Iterator[Controller]:
    """Those of stack sets."""
    caches, snapshots = Caches(runtime), Snapshots(runtime.client)
    inputs = InputReader(runtime.client, snapshots)
    yield StackSetController(runtime, caches, snapshots, inputs)
    yield StackSetOperationController(runtime, caches, snapshots, inputs)
    yield StackInstanceController(runtime, caches, partial(_take_time, seconds))
    yield StackTargetController(runtime, caches, _EverywhereAtOnce(runtime.client, runtime.members))


async def _run(given: argparse.Namespace) -> None:
    connection = load(given.kubeconfig)
    async with Client(connection, user_agent="windlass-bench") as client:
        operator = Operator(settings_of(given), connection, client, partial(controllers, given.fixed_seconds))
        working = asyncio.create_task(operator.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
        with suppress(asyncio.CancelledError):
            await working


def main() -> int:
    flags = parser()
    flags.add_argument("--fixed-seconds", type=float, required=True)
    given = flags.parse_args()
    configure(given.log_format, given.log_level)
    asyncio.run(_run(given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
