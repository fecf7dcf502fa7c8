"""Random play on the real controller, steps and loop: anything may happen between any two of their requests."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from tests.cluster_client.objects import Body, status
from tests.controllers.processes import KEY, Asked, Crash, Process
from tests.controllers.small_cluster import SmallCluster, configuration_body
from windlass.api.common import PROTECT_ANNOTATION

MOST = 10  # instances; more would only be slower
SPANS = (0.02, 0.3, 1, 2.5, 9, 31, 65, 190, 301, 620)  # seconds: on all sides of every limit
REFUSALS = ((403, "Forbidden"), (422, "Invalid"), (500, "InternalError"), (409, "Conflict"))
ARRIVES = ("never", "at once", "late")


class RealChaos:
    """Plays one seed. `log`: what happened, for whoever looks at a failure."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.small = SmallCluster(
            random.randint(0, 5), zones=random.choice([[], ["zone-a", "zone-b"]]), historyLimit=100
        )
        self.small.latecomers = self.small.may_repeat = True
        self.small.most = self._desired
        self.log: list[str] = []
        self.late: list[tuple[int, Asked]] = []
        self.process = self._new_process()

    async def play(self, rounds: int, steps: int) -> None:
        await self.process.__aenter__()
        self.process.start()
        try:
            for _ in range(rounds):
                for _ in range(steps):
                    await self._step()
                await self._calm()
        finally:
            await self.process.__aexit__()

    @property
    def _desired(self) -> int:
        return int(self.small.group["spec"]["desiredSize"])

    # ---- time and processes

    def _new_process(self) -> Process:
        crash = Crash(self.random.randrange(40), self.random.choice(ARRIVES)) if self.random.random() < 0.7 else None
        process = Process(self.small.objects, self.small.clock, crash=crash, prompt=self.random.random() < 0.3)
        process.transport.overtaken = [(self.random.randrange(6), asked) for _, asked in self.late]
        process.transport.may_arrive = self._may_arrive
        self.late = []
        return process

    def _may_arrive(self, asked: Asked) -> bool:
        """A creation whose name was used and freed meanwhile would have been under way for a whole life: left out."""
        return asked.method != "POST" or asked.body["metadata"]["name"] not in self.small.created

    async def _replace_process(self, *, calm: bool = False) -> None:
        self.log.append("another process")
        self.late += [*self.process.transport.overtaken, *((0, asked) for asked in self.process.transport.late)]
        await self.process.__aexit__()
        if calm:
            for asked in (asked for _, asked in self.late if self._may_arrive(asked)):
                self.small.objects.answer(asked.method, asked.path, asked.query, asked.body)
            self.late = []
        self.process = self._new_process()
        if calm:
            self.process.transport.crash = None
        await self.process.__aenter__()
        self.process.start()
        self.process.queue.add(KEY)

    async def _step(self) -> None:
        event = self.random.choice(EVENTS)
        self.log.append(f"{self.small.clock.monotonic():8.1f} {event.__name__[1:]}")
        event(self)
        await self._pass_time(self.random.choice(SPANS) if event is RealChaos._wait else 0.1)

    async def _pass_time(self, seconds: float) -> None:
        if self.process.ended:
            await self._replace_process()
        if self.random.random() < 0.5:
            self.small.kubelets()
        await self.process.clock.advance(seconds)
        waiting = len(self.small.objects.history) - self.process.shown
        if not self.process.ended and waiting and self.random.random() < 0.8:
            upto = self.process.shown + self.random.randint(1, waiting)
            while self.process.shown < upto:
                self.process.shown += 1
                self.process.show(self.small.objects.history[self.process.shown - 1])
        self.small.check()

    async def _calm(self) -> None:
        """Troubles stop: the group must become exactly what is wanted, and then stay without a write."""
        self.log.append(f"{self.small.clock.monotonic():8.1f} calm")
        self._accept()
        self._keep_answers()
        self.small.change(enabled=True, suspendedProcesses=[])
        for pod in self.small.alive:
            self.small.objects.put("pods", {**pod, "metadata": {**pod["metadata"], "annotations": {}}})
        if ("scalingconfigurations", "default", "web") not in self.small.objects.by_place:
            self.small.objects.put("scalingconfigurations", configuration_body(uid=f"c-{self.small.objects.version}"))
        if self.process.ended or self.random.random() < 0.5 or self.process.transport.crash is not None:
            await self._replace_process(calm=True)
        await self.small.settle(self.process)
        assert len(self.small.alive) == self._desired, f"{len(self.small.alive)} where {self._desired} are wanted"
        # One that could not be written for minutes after its activity ended stays empty.
        told = {name: record["status"] for name, record in self.small.records.items() if "status" in record}
        open_records = [name for name, said in told.items() if said["phase"] == "InProgress"]
        assert not open_records, f"{open_records} never end"
        await self.process.live(61)  # failures are forgotten when what came after them has lived for a minute
        version = self.small.objects.version
        await self.process.live(700)
        assert self.small.objects.version == version, "a group at rest is written to"
        self.small.most = self._desired

    # ---- what happens

    def _wait(self) -> None:
        """Only time passes."""

    def _size(self) -> None:
        self.small.change(desiredSize=self.random.randint(0, MOST))
        self.small.most = max(self.small.most, self._desired)

    def _kill(self) -> None:
        if pods := self.small.pods:
            self.small.objects.remove("pods", "default", self.random.choice(pods)["metadata"]["name"])

    def _delete(self) -> None:
        if pods := self.small.alive:
            name, uid = (self.random.choice(pods)["metadata"][field] for field in ("name", "uid"))
            self.small.objects.answer(
                "DELETE", f"/api/v1/namespaces/default/pods/{name}", "", {"preconditions": {"uid": uid}}
            )

    def _fail(self) -> None:
        if pods := [pod for pod in self.small.alive if "status" in pod]:
            self.small.fail(self.random.choice(pods)["metadata"]["name"])

    def _protect(self) -> None:
        if pods := self.small.alive:
            pod = self.random.choice(pods)
            meta = {**pod["metadata"], "annotations": {PROTECT_ANNOTATION: self.random.choice(("true", "false"))}}
            self.small.objects.put("pods", {**pod, "metadata": meta})

    def _switch(self) -> None:
        suspended = self.random.choice(([], [], ["ScaleIn"], ["ScaleOut"], ["HealthCheck"]))
        self.small.change(enabled=self.random.random() < 0.7, suspendedProcesses=suspended)

    def _configure(self) -> None:
        where = ("scalingconfigurations", "default", "web")
        if where in self.small.objects.by_place and self.random.random() < 0.3:
            self.small.objects.remove(*where)
            return
        body = configuration_body(uid="c", generation=self.small.objects.version)
        image = {"containers": [{"name": "web", "image": f"web:{self.random.randint(1, 3)}"}]}
        self.small.objects.put("scalingconfigurations", {**body, "spec": {"template": {"spec": image}}})

    def _refuse(self) -> None:
        code, reason = self.random.choice(REFUSALS)
        methods = self.random.choice((("POST",), ("DELETE",), ("PATCH",), ("POST", "DELETE", "PATCH", "GET")))

        def refuse(asked: Asked) -> tuple[int, Body] | None:
            for_good = code in (403, 422) and "/scalingactivities" in asked.path  # then the group goes on without it
            hit = asked.method in methods and not for_good and self.random.random() < 0.6
            return (code, status(code, reason, "not now")) if hit else None

        self.process.transport.refuse = refuse

    def _accept(self) -> None:
        self.process.transport.refuse = lambda _: None

    def _lose_answers(self) -> None:
        self.process.transport.lose = lambda asked: asked.writes and self.random.random() < 0.3

    def _keep_answers(self) -> None:
        self.process.transport.lose = lambda _: False

    def _stop_leading(self) -> None:
        self.process.controller.stop_leading()
        self.process.queue.add(KEY)


Event = Callable[[RealChaos], Any]

EVENTS: tuple[Event, ...] = (
    *(RealChaos._wait,) * 12,
    *(RealChaos._size,) * 6,
    *(RealChaos._kill,) * 3,
    *(RealChaos._fail,) * 2,
    *(RealChaos._accept,) * 3,
    *(RealChaos._keep_answers,) * 2,
    RealChaos._delete,
    RealChaos._protect,
    RealChaos._switch,
    RealChaos._configure,
    RealChaos._refuse,
    RealChaos._lose_answers,
    RealChaos._stop_leading,
)


def played(seed: int, rounds: int, steps: int) -> None:
    """Play one seed to its end; AssertionError with the end of the story if something did not hold."""
    chaos = RealChaos(Random(seed))  # noqa: S311
    try:
        asyncio.run(chaos.play(rounds, steps))
    except Exception as error:
        story = "\n".join(chaos.log[-60:])
        raise AssertionError(f"{error!r}\n{story}") from error
