"""What people and machines do to groups in one round: chosen from a seed, one thing after the other."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hack.cluster import API_SERVER, Cluster, RefusedError
from tests.cluster.groups import Groups
from tests.soak.claims import Claims, Group
from tests.soak.operators import Crew
from tests.soak.weather import Weather

MOST_GROUPS, LARGEST = 4, 24
LONGEST_PAUSE_SECONDS = 0.7


@dataclass(slots=True)
class Script:
    """Plays one round. `log` holds what was done, with the seconds since the round began.

    `restarts`: the API server is restarted too.
    """

    rng: random.Random
    cluster: Cluster
    groups: Groups
    claims: Claims
    crew: Crew
    weather: Weather
    restarts: bool
    log: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _made: int = 0

    def step(self) -> float:
        """One thing happens; the answer is how long to wait for the next."""
        deeds, weights = zip(*DEEDS, strict=True)
        (deed,) = self.rng.choices(deeds, weights)
        said: str = deed(self)
        if said:
            self.note(said)
        return self.rng.uniform(0.02, LONGEST_PAUSE_SECONDS)

    def note(self, what: str) -> None:
        self.log.append(f"{time.monotonic() - self.began:6.1f} s  {what}")

    # ---- groups

    def create(self) -> str:
        if len(self.claims.groups) >= MOST_GROUPS:
            return ""
        free = sorted({f"web{number}" for number in range(MOST_GROUPS)} - self.claims.groups.keys())
        name, size = self.rng.choice(free), self._size()
        zones = self.rng.choice(([], ["zone-a", "zone-b", "zone-c"]))
        try:
            made = self.groups.create(name, desired=size, zones=zones, deletionPolicy="Force")
        except RefusedError:
            return f"{name} is still on its way out"
        self.claims.add(Group(name, made.body["metadata"]["uid"], wanted=size, ceiling=size))
        return f"create {name} of {size}"

    def scale(self) -> str:
        if not (group := self._any()):
            return ""
        size = self._size()
        before = group.wanted
        group.want(size)
        self.groups.get(group.name).change(desiredSize=size)
        return f"scale {group.name} from {before} to {size}"

    def change_template(self) -> str:
        annotation = {"windlass.test/changed": str(self.rng.randrange(3))}
        self.groups.configure("web", annotations=annotation)
        return f"change the configuration: {annotation}"

    def delete(self) -> str:
        if not (group := self._any()):
            return ""
        self.claims.drop(group.name)
        self.groups.get(group.name).delete(self.rng.choice(("Background", "Foreground")))
        return f"delete {group.name}"

    def kill_pod(self) -> str:
        return self._take("kill", lambda group, pod: self.groups.get(group).kill(pod))

    def fail_pod(self) -> str:
        return self._take("fail", lambda group, pod: self.groups.get(group).annotate(pod, fail="true"))

    def _take(self, what: str, do: Callable[[str, str], object]) -> str:
        group = self._any()
        if not group or not (pods := sorted(self.groups.get(group.name).pods)):
            return ""
        pod = self.rng.choice(pods)
        group.take(pod)
        with suppress(RefusedError):  # it has gone meanwhile
            do(group.name, pod)
        return f"{what} {pod}"

    def _any(self) -> Group | None:
        return self.rng.choice([self.claims.groups[name] for name in sorted(self.claims.groups)] or [None])

    def _size(self) -> int:
        return self.rng.choice((0, 1, 3, self.rng.randint(0, LARGEST), LARGEST))

    # ---- everything else

    def operator(self) -> str:
        return self.crew.happen(self.rng)

    def bad_weather(self) -> str:
        return f"weather: {self.weather.turn_bad()}"

    def silence(self) -> str:
        self.weather.silence()
        return "the watches fall silent"

    def speak(self) -> str:
        self.weather.speak()
        return "the watches speak"

    def good_weather(self) -> str:
        self.weather.clear()
        return "weather: good"

    def restart_api_server(self) -> str:
        if not self.restarts:
            return ""
        self.cluster.kill(API_SERVER)
        self.cluster.start(API_SERVER)
        return "the API server was killed and started again"


Deed = Callable[[Script], str]

DEEDS: tuple[tuple[Deed, int], ...] = (
    (Script.create, 12),
    (Script.scale, 30),
    (Script.change_template, 3),
    (Script.delete, 4),
    (Script.kill_pod, 12),
    (Script.fail_pod, 4),
    (Script.operator, 12),
    (Script.bad_weather, 12),
    (Script.good_weather, 6),
    (Script.silence, 3),
    (Script.speak, 6),
    (Script.restart_api_server, 1),
)
