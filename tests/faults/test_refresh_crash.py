"""A refresh whose operator is killed again and again: floor and ceiling hold, each name and the commit come once."""

import random
import time

from hack.cluster import wait_until
from tests.cluster.doors import collection, manifest
from tests.cluster.witness import Object, alive, most_alive
from tests.faults.run import RESYNC, Run, carried_out, settle

SIZE, FLOOR, CEILING = 20, 16, 24  # 80 and 120 per cent
LIMIT = 120.0


def test_an_operator_that_is_killed_every_few_seconds_finishes_the_refresh(run: Run) -> None:
    process = run.start(RESYNC)
    run.groups.configure("web", annotations={"windlass.test/start-after": "5s"})  # it takes a while
    web = run.groups.create(desired=SIZE)
    settle(web, SIZE, 60)
    path = collection("InstanceRefresh", run.groups.namespace)
    wanted = {"scalingGroup": "web", "desiredConfiguration": {"image": "web:2"}}
    run.groups.pods.catch_up()
    before = len(run.groups.pods.history)
    run.groups.cluster.request("POST", path, manifest("InstanceRefresh", "r1", **wanted))
    moments, deadline, kills = random.Random(1), time.monotonic() + LIMIT, 0  # noqa: S311

    def status() -> Object:
        found: Object = run.groups.cluster.request("GET", f"{path}/r1").get("status", {})
        return found

    while status().get("phase") != "Successful":
        assert time.monotonic() < deadline, status()
        time.sleep(moments.uniform(0.5, 2.0))
        process.kill()
        kills += 1
        process = run.start(RESYNC, ready=True)  # else it might be killed before it can do anything, for ever
    assert kills >= 2, "it was too quick to be killed"
    settle(web, SIZE, 60)
    wait_until(lambda: "rollout" not in web.status, 20, "the end of its rollout")

    run.groups.pods.catch_up()
    history = run.groups.pods.history
    assert most_alive(history) <= CEILING
    assert fewest_in_service(history, before) >= FLOOR
    assert set(carried_out(run, "create", "pods").values()) == {1}, "a name was created twice"
    assert list(carried_out(run, "patch", "scalingconfigurations").values()) == [1]
    assert {pod["spec"]["containers"][0]["image"] for pod in web.pods.values()} == {"web:2"}
    assert len(carried_out(run, "create", "pods")) == 2 * SIZE, "no instance was exchanged twice"


def fewest_in_service(history: list[tuple[str, Object | None]], since: int) -> int:
    """How many were ready at once, at least, from that moment on."""
    ready: set[str] = set()
    fewest = SIZE
    for number, (name, pod) in enumerate(history):
        ready.discard(name)
        if pod is not None and alive(pod) and _is_ready(pod):
            ready.add(name)
        if number >= since:
            fewest = min(fewest, len(ready))
    return fewest


def _is_ready(pod: Object) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
