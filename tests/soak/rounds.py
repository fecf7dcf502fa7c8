"""Rounds of a soak: a script is played for a while, then all faults are lifted, and everything must come to rest."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hack.cluster import is_true, wait_until
from tests.cluster.audit import AuditLog
from tests.cluster.doors import collection
from tests.cluster.groups import Groups, fresh_namespace
from tests.cluster.operator_process import Installation
from tests.soak.claims import Claims
from tests.soak.operators import RESYNC_SECONDS, Crew
from tests.soak.script import Script
from tests.soak.weather import Weather

SETTLES_WITHIN_SECONDS = 150.0  # two requests without an answer (30 s each), a back-off after each, and the launch's
LOOK_SECONDS = 0.05
TRIES = 2  # more to find two resync periods without a write: who has just begun to lead may know of news
ACTS = 3  # of a round; each ends at rest, so that there is something to lose in the next


class SoakError(Exception):
    """Something was so that must never be; the message ends with the story."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one round came to."""

    deeds: int
    faults: int
    pods: int
    refreshes: int
    settled_after: float


@contextmanager
def story(log: list[str]) -> Iterator[None]:
    """Whatever ends a round becomes a SoakError that tells it, and what was done so far: also a refusal that nobody
    reckoned with, for that is worth as much as a broken promise."""
    try:
        yield
    except Exception as error:
        told = "".join(traceback.format_exception(error))
        raise SoakError("\n".join((told, "the script so far:", *log))) from error


class Soak:
    """One cluster, its operators, and rounds. Use it as a context manager."""

    def __init__(
        self, installation: Installation, operators: int, folder: Path, weather: Weather, *, restarts: bool = False
    ) -> None:
        self._cluster = installation.cluster
        self._restarts = restarts
        self._weather = weather
        self._crew = Crew(installation, operators, weather, folder)

    def __enter__(self) -> Self:
        self._crew.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._crew.__exit__(*error)

    def play(self, seed: int, seconds: float) -> Told:
        """One round in a namespace of its own. SoakError where a claim does not hold, or anything else goes wrong."""
        log: list[str] = []
        with (
            story(log),
            fresh_namespace(self._cluster, f"soak-{seed}") as namespace,
            Groups(self._cluster, namespace) as groups,
        ):
            script = Script(seed, self._cluster, groups, Claims(), self._crew, self._weather, self._restarts, log)
            return self._play(script, seconds)

    def _play(self, script: Script, seconds: float) -> Told:
        faults = self._weather.met
        settled = max(self._act(script, seconds / ACTS) for _ in range(ACTS))
        self._rest(script)
        pods = sum(len(group.uids) for group in script.claims.groups.values())
        self._crew.forget()
        return Told(len(script.log) - 2 * ACTS, self._weather.met - faults, pods, script.refreshes, settled)

    def _act(self, script: Script, seconds: float) -> float:
        """Part of the script, and the way to rest; how long that was."""
        for pause in script.act(seconds):
            self._wait(script, pause)
        script.note("good weather; everyone runs")
        self._weather.clear()
        self._crew.all_well()
        began = time.monotonic()
        self._settle(script)
        script.note("settled")
        return time.monotonic() - began

    def _wait(self, script: Script, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self._check(script)
            if time.monotonic() >= end:
                return
            time.sleep(LOOK_SECONDS)

    def _check(self, script: Script) -> None:
        wrong = [*script.claims.read(script.groups.pods.history), *self._crew.troubles()]
        assert not wrong, "\n".join(wrong)

    def _settle(self, script: Script) -> None:
        def settled() -> bool:
            self._check(script)
            groups = script.claims.groups.items()
            return _all_over(script) and all(_is_settled(script.groups, name, group.wanted) for name, group in groups)

        try:
            wait_until(settled, SETTLES_WITHIN_SECONDS, "every group to be as wanted")
        except TimeoutError as error:
            there = {name: script.groups.get(name).status for name in script.claims.groups}
            logs = "\n".join(process.log[-3000:] for process in self._crew.processes[-2:])
            raise TimeoutError(f"{error}\n{there}\nthe operators say:\n{logs}") from error
        script.groups.pods.catch_up()
        self._check(script)
        for group in script.claims.groups.values():
            assert len(group.counting) == group.wanted, f"{group.name}: {sorted(group.counting)}, not {group.wanted}"
            group.rest()

    def _writes_in_two_periods(self, script: Script) -> list[str]:
        audit = AuditLog(self._cluster, script.groups.namespace)
        self._wait(script, 2 * RESYNC_SECONDS + 1)
        return [f"{each.verb} {each.what} {each.name} ({each.code})" for each in audit.writes()]

    def _rest(self, script: Script) -> None:
        """Nothing is written any more, nothing is left over, nothing has grown."""
        owners = {group.uid for group in script.claims.groups.values()}

        def none_left_over() -> bool:
            pods = list(script.groups.pods.now.values())
            return all(pod["metadata"]["ownerReferences"][0]["uid"] in owners for pod in pods)

        def nothing_remembered() -> bool:
            return not any("launchBackoff" in script.groups.get(name).status for name in script.claims.groups)

        wait_until(none_left_over, 60, "the Pods of deleted groups to go")
        wait_until(nothing_remembered, 90, "failed launches to be forgotten, a minute after the last launch")
        wrote: list[list[str]] = []
        while (now := self._writes_in_two_periods(script)) and len(wrote) < TRIES:
            wrote.append(now)
        assert not now, f"there is no rest: {[*wrote, now]}"
        broken = script.groups.broken_promises()
        assert not broken, "\n".join(broken)
        grown = list(self._crew.grown())
        assert not grown, "\n".join(grown)


def _all_over(script: Script) -> bool:
    """Whether every refresh has ended, however it did."""
    refreshes = script.cluster.request("GET", collection("InstanceRefresh", script.groups.namespace))["items"]
    return all(is_true(refresh, "Complete") or is_true(refresh, "Failed") for refresh in refreshes)


def _is_settled(groups: Groups, name: str, wanted: int) -> bool:
    group = groups.get(name)
    body = group.body
    status = body.get("status") or {}
    current = status.get("observedGeneration") == body["metadata"]["generation"]
    over = "rollout" not in status
    ready = current and over and status.get("phase") == "Ready" and status.get("inService") == wanted == len(group.pods)
    return ready and all(record.get("phase") != "InProgress" for record in group.records.values())
