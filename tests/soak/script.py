"""What people and machines do to groups in one round: chosen from a seed, one thing after the other."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count

from hack.cluster import API_SERVER, Cluster, RefusedError, wait_until
from tests.cluster.doors import collection, manifest
from tests.cluster.groups import Groups
from tests.faults.exchange import MAX, MIN
from tests.soak.claims import Claims, Group
from tests.soak.operators import Crew
from tests.soak.weather import Weather

CONFIGURATIONS = ("web", "other")
NAMES, LARGEST = ("web0", "web1", "web2", "web3"), 24
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.7
CLOUDY = 0.7  # of the acts begin in bad weather
BACK_WITHIN_SECONDS = 30.0  # after a restart of the API server


@dataclass(slots=True)
class Script:
    """Plays one round. `log` holds what was done, with the seconds since the round began.

    The seed decides what is done and how long the pauses are, and with them how much is done in an act. To which group
    or Pod depends on those that there are then. `restarts`: the API server is restarted too.
    """

    seed: int
    cluster: Cluster
    groups: Groups
    claims: Claims
    crew: Crew
    weather: Weather
    restarts: bool
    log: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    refreshes: int = 0
    rng: random.Random = field(init=False)  # for the details of the present deed
    _choices: "Iterator[Choice]" = field(init=False)

    def __post_init__(self) -> None:
        self._choices = choices(self.seed)
        for name in CONFIGURATIONS:
            self.groups.configure(name)

    def act(self, seconds: float) -> Iterator[float]:
        """Things happen, one for each answer, which is how long to wait for the next: so many seconds in all."""
        _, _, self.rng = next(self._choices)
        if self.rng.random() < CLOUDY:
            self.note(self.bad_weather())
        while seconds > 0:
            deed, pause, self.rng = next(self._choices)
            if said := deed(self):
                self.note(said)
            yield pause
            seconds -= pause

    def note(self, what: str) -> None:
        self.log.append(f"{time.monotonic() - self.began:6.1f} s  {what}")

    # ---- groups

    def create(self) -> str:
        size, zones = self._size(), self.rng.choice(([], ["zone-a", "zone-b", "zone-c"]))
        free = [name for name in self._names() if name not in self.claims.groups]
        if not free:
            return ""
        try:
            made = self.groups.create(free[0], desired=size, zones=zones, deletionPolicy="Force")
        except RefusedError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            return f"{free[0]} is still on its way out"
        self.claims.add(Group(free[0], made.body["metadata"]["uid"], wanted=size, ceiling=size))
        return f"create {free[0]} of {size}"

    def scale(self) -> str:
        size = self._size()
        if not (group := self._any()):
            return ""
        before = group.wanted
        group.want(size)
        self.groups.get(group.name).change(desiredSize=size)
        return f"scale {group.name} from {before} to {size}"

    def change_template(self) -> str:
        annotation = {"windlass.test/changed": str(self.rng.randrange(3))}
        name = self.rng.choice(CONFIGURATIONS)
        self.groups.configure(name, annotations=annotation)
        return f"change the configuration {name}: {annotation}"

    def refresh(self) -> str:
        """Its instances are exchanged: for the same, or for those of another configuration."""
        desired = self.rng.choice((None, *CONFIGURATIONS))
        if not (group := self._any()):
            return ""
        group.refresh()
        self.refreshes += 1
        name = f"{group.name}-r{self.refreshes}"
        spec: dict[str, object] = {"scalingGroup": group.name, "minHealthyPercentage": MIN, "maxHealthyPercentage": MAX}
        if desired is not None:
            spec |= {"desiredConfiguration": {"scalingConfiguration": desired}}
        path = collection("InstanceRefresh", self.groups.namespace)
        self.cluster.request("POST", path, manifest("InstanceRefresh", name, **spec))
        return f"refresh {name} to {desired or 'what it has'}"

    def delete(self) -> str:
        propagation = self.rng.choice(("Background", "Foreground"))
        if not (group := self._any()):
            return ""
        self.claims.drop(group.name)
        self.groups.get(group.name).delete(propagation)
        return f"delete {group.name}"

    def kill_pod(self) -> str:
        return self._take("kill", lambda group, pod: self.groups.get(group).kill(pod))

    def fail_pod(self) -> str:
        return self._take("fail", self._fail)

    def _fail(self, group: str, pod: str) -> None:
        self.groups.get(group).grow_old(pod)  # a young one would be a failed launch, and its pause long
        self.groups.get(group).annotate(pod, fail="true")

    def _take(self, what: str, do: Callable[[str, str], object]) -> str:
        group = self._any()
        if not group or not (pods := sorted(self.groups.get(group.name).pods)):
            return ""
        pod = self.rng.choice(pods)
        group.take(pod)
        try:
            do(group.name, pod)
        except RefusedError as error:
            if error.code != HTTPStatus.NOT_FOUND:  # it has gone meanwhile
                raise
        return f"{what} {pod}"

    def _any(self) -> Group | None:
        return next((self.claims.groups[name] for name in self._names() if name in self.claims.groups), None)

    def _names(self) -> list[str]:
        """All, in the order in which they are thought of."""
        return self.rng.sample(NAMES, len(NAMES))

    def _size(self) -> int:
        return self.rng.choice((0, 1, 3, self.rng.randint(0, LARGEST), LARGEST))

    # ---- everything else

    def operator(self) -> str:
        return self.crew.happen(self.rng)

    def bad_weather(self) -> str:
        return f"weather: {self.weather.turn_bad(self.rng)}"

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
        of_groups = collection("ScalingGroup", self.groups.namespace)
        wait_until(lambda: self.cluster.request("GET", of_groups), BACK_WITHIN_SECONDS, "the API server to know groups")
        return "the API server was killed and started again"


Deed = Callable[[Script], str]
Choice = tuple[Deed, float, random.Random]

DEEDS: tuple[tuple[Deed, int], ...] = (
    (Script.create, 12),
    (Script.scale, 30),
    (Script.change_template, 3),
    (Script.refresh, 8),
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


def choices(seed: int) -> Iterator[Choice]:
    """Without end: a deed, the pause after it, and where its details are drawn from.

    Each has a generator of its own, so that no detail changes what comes next.
    """
    deeds, weights = zip(*DEEDS, strict=True)
    for number in count():
        rng = random.Random(f"{seed}-{number}")  # noqa: S311
        (deed,) = rng.choices(deeds, weights)
        yield deed, rng.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS), rng
