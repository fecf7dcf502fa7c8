"""A refresh of a whole group, and what must hold of every Pod event of it, whatever happens meanwhile."""

from dataclasses import dataclass
from itertools import islice

from hack.cluster import RefusedError, UnreachableError, is_true, wait_until
from tests.cluster.doors import collection, manifest
from tests.cluster.groups import Group
from tests.cluster.witness import Object, alive, most_alive, numbers
from tests.faults.run import Run, carried_out, settle

MIN, MAX = 80, 120  # per cent


@dataclass
class Exchange:
    """All instances of a group, at rest until now, for ones of another image, by the refresh r1.

    `smallest` and `largest`: the sizes that are desired meanwhile.
    """

    run: Run
    group: Group
    smallest: int
    largest: int

    def __post_init__(self) -> None:
        self.run.groups.pods.catch_up()
        self._since = len(self.run.groups.pods.history)
        self._before = set(self.group.pods)
        self._path = collection("InstanceRefresh", self.run.groups.namespace)
        spec = {
            "scalingGroup": self.group.name,
            "desiredConfiguration": {"image": "web:2"},
            "minHealthyPercentage": MIN,
            "maxHealthyPercentage": MAX,
        }
        self.run.groups.cluster.request("POST", self._path, manifest("InstanceRefresh", "r1", **spec))

    @property
    def status(self) -> Object:
        found: Object = self.run.groups.cluster.request("GET", f"{self._path}/r1").get("status", {})
        return found

    @property
    def over(self) -> bool:
        """Whether it has succeeded; an API server that is away knows of no success."""
        try:
            return self.status.get("phase") == "Successful"
        except (RefusedError, UnreachableError):
            return False

    def wait_until_new(self, number: int, limit: float = 30.0) -> None:
        """Until so many new ones have been created."""
        self.run.groups.pods.wait_for(
            f"{number} new ones", lambda pods: len(pods.keys() - self._before) >= number, limit
        )

    def ended_well(self, size: int, limit: float = 60.0, *, all_noted: bool = True) -> None:
        """It succeeds, and floor and ceiling held at every moment; each name and the commit came once.

        `all_noted`: False where an API server was killed, and what it had done last may be missing from its audit log.
        """
        wait_until(lambda: self.over, limit, "the refresh to succeed")
        self.group.wait_until_ready(size, limit)
        wait_until(
            lambda: all(each["phase"] != "InProgress" for each in self.group.records.values()), 20, "its records"
        )
        wait_until(lambda: "rollout" not in self.group.status, 20, "the end of its rollout")
        self.run.groups.pods.catch_up()
        history = self.run.groups.pods.history
        assert most_alive(history) <= bounds(self.largest)[1]
        assert self._fewest_in_service() >= bounds(self.smallest)[0]
        uids = {(name, pod["metadata"]["uid"]) for name, pod in history if pod is not None}
        assert len(uids) == len(dict(uids)), "a name was created twice"
        assert {pod["spec"]["containers"][0]["image"] for pod in self.group.pods.values()} == {"web:2"}
        assert not self._before & self.group.pods.keys(), "an old one is left"
        if all_noted:
            assert set(carried_out(self.run, "create", "pods").values()) == {1}
            assert list(carried_out(self.run, "patch", "scalingconfigurations").values()) == [1]
        broken = self.run.groups.broken_promises()
        assert broken == [], "\n".join(broken)

    def _fewest_in_service(self) -> int:
        """How many were ready at once, at least, from the beginning of the refresh on."""
        return min(islice(numbers(self.run.groups.pods.history, _in_service), self._since, None))


def bounds(size: int) -> tuple[int, int]:
    """Floor and ceiling of a refresh: 80 and 120 per cent, and one more where there is no room between the two."""
    floor, ceiling = -(-size * MIN // 100), size * MAX // 100
    return floor, ceiling + (0 < size == floor == ceiling)


def of_slow_pods(run: Run, size: int, starts_after: str = "5s", **spec: object) -> Group:
    """A group of this size, at rest, whose instances take a while to start."""
    run.groups.configure("web", annotations={"windlass.test/start-after": starts_after})
    web = run.groups.create(desired=size, **spec)
    settle(web, size, 90)
    return web


def _in_service(pod: Object) -> bool:
    return alive(pod) and is_true(pod, "Ready")
