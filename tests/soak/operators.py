"""The operators of a soak: they are killed, stopped and started again, each by way of a proxy of its own."""

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.cluster.operator_process import Installation, OperatorProcess, Operators
from tests.faults.oracle import Footprint
from tests.faults.proxy import Proxy
from tests.soak.weather import Weather
from windlass.engine.slow_start import MOST_IN_FLIGHT

RESYNC_SECONDS = 3
FLAGS = (
    "--lease-retry-period=0.2",
    "--lease-renew-deadline=1.5",
    "--lease-duration=2",
    f"--resync-period={RESYNC_SECONDS}",
)
MOST_FILES_MORE, MOST_MEGABYTES_MORE = 12, 40.0  # than at the first rest point of a process
MOST_SOCKETS = MOST_IN_FLIGHT + 20  # it keeps as many for a minute as it has made requests at once; and its watches


class Place:
    """Where one operator runs at a time."""

    def __init__(self, operators: Operators, proxy: Proxy, folder: Path) -> None:
        self.proxy = proxy
        self.process: OperatorProcess | None = None
        self.stopped = False
        self.unreachable = False
        self.first_rest: Footprint | None = None
        self._operators = operators
        folder.mkdir(parents=True)
        self._kubeconfig = proxy.kubeconfig(operators.installation.kubeconfig, folder)

    def start(self) -> OperatorProcess:
        self.process = self._operators.start(f"--kubeconfig={self._kubeconfig}", *FLAGS, ready=False)
        self.first_rest = None
        return self.process

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process, self.stopped = None, False

    def resume(self) -> None:
        if self.process is not None and self.stopped:
            self.process.resume()
            self.stopped = False

    def reach(self) -> None:
        if self.unreachable:
            self.proxy.accept()
            self.unreachable = False


class Crew:
    """All of them. Use it as a context manager; the installation is there already."""

    def __init__(self, installation: Installation, count: int, weather: Weather, folder: Path) -> None:
        self.operators = Operators(installation, folder)
        self.places: list[Place] = []
        self.processes: list[OperatorProcess] = []
        self._weather = weather
        self._count = count
        self._folder = folder
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for number in range(self._count):
            proxy = self._open.enter_context(Proxy(self.operators.installation.cluster))
            proxy.inject(self._weather.fault(), lambda _: True, times=None)
            self.places.append(Place(self.operators, proxy, self._folder / f"place-{number + 1}"))
        self.all_well()
        return self

    def __exit__(self, *_: object) -> None:
        self.operators.end()
        self._open.close()

    # ---- what happens to them

    def all_well(self) -> None:
        """Everyone runs, and reaches the API server."""
        for place in self.places:
            place.reach()
            place.resume()
            if place.process is None:
                self._start(place)

    def happen(self, rng: random.Random) -> str:
        """Something to one of them; the answer says what."""
        number = rng.randrange(len(self.places))
        place = self.places[number]
        what = self._happen(place, rng)
        return f"operator {number + 1}: {what}"

    def _happen(self, place: Place, rng: random.Random) -> str:
        if place.process is None:
            self._start(place)
            return "started"
        if place.stopped:
            place.resume()
            return "goes on (SIGCONT)"
        if place.unreachable:
            place.reach()
            return "reaches the API server again"
        what = rng.choice(("kill", "kill", "stop", "stand still", "unreachable"))
        match what:
            case "kill":
                place.kill()
            case "stop":
                code = place.process.stop()
                # One that has just started knows nothing of signals yet.
                assert code in {0, -signal.SIGTERM}, f"it ended with {code}:\n{place.process.log[-4000:]}"
                place.process = None
            case "stand still":
                place.process.pause()
                place.stopped = True
            case "unreachable":
                place.proxy.refuse()
                place.unreachable = True
        return what

    def _start(self, place: Place) -> None:
        self.processes.append(place.start())

    # ---- what must be so of them

    def troubles(self) -> Iterator[str]:
        """What must never be: an end of their own, a traceback."""
        for place in self.places:
            if place.process is not None and place.process.ended:
                yield f"an operator ended by itself:\n{place.process.log[-4000:]}"
        for process in self.processes:
            if "Traceback" in process.log:
                yield f"a traceback:\n{_around(process.log)}"

    def grown(self) -> Iterator[str]:
        """At rest: who holds more than at its first rest."""
        for place in self.places:
            if place.process is None:
                continue
            now = Footprint.of(place.process)
            first = place.first_rest = place.first_rest or now
            sockets, before = now.files.get("socket", 0), first.files.get("socket", 0)
            files = sum(now.files.values()) - sockets - (sum(first.files.values()) - before)
            megabytes = (now.memory - first.memory) / (1 << 20)
            if files > MOST_FILES_MORE:
                yield f"open files have grown by {files}: {first.files} became {now.files}"
            if sockets > MOST_SOCKETS:
                yield f"{sockets} sockets are open"
            if megabytes > MOST_MEGABYTES_MORE:
                yield f"memory has grown by {megabytes:.0f} MB"

    def forget(self) -> None:
        """What is of no use any more: the requests of the round, the logs of those that have ended."""
        for place in self.places:
            place.proxy.seen.clear()
        self.processes = [place.process for place in self.places if place.process is not None]


def _around(log: str) -> str:
    at = log.index("Traceback")
    return log[max(0, at - 1000) : at + 4000]
