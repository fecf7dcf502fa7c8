"""A container group, its Pod and a kubelet, in memory: updates are played forward as a cluster would take them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from windlass.api.container_group import ContainerGroupSpec, ContainerGroupStatus, RestartPolicy
from windlass.planner.backoff import doubling
from windlass.planner.containergroup.plan import plan_container_group
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.steps import (
    ContainerGroupPlan,
    CreatePod,
    DeleteConfigMap,
    DeletePod,
    DeleteSecret,
    PatchPod,
    Resize,
    Step,
    WriteConfigMap,
    WriteSecret,
)
from windlass.planner.containergroup.view import (
    ContainerGroup,
    ContainerGroupView,
    ContainerReport,
    Ending,
    Node,
    Pod,
    PodContainer,
    Refusal,
    Resizing,
)
from windlass.simulate.kubelet import SECOND
from windlass.simulate.world import EPOCH, ConflictError

SEES = SECOND  # after which the kubelet has heard of a change
DIES = 2 * SECOND  # how long a Pod takes to go
FIRST_WAIT, LONGEST_WAIT = 10 * SECOND, 300 * SECOND  # before a container that crashed is started again
PLENTY = Sizes.read("64", "64Gi")
MOST_PASSES = 10_000


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of a container of an image: when it is ready, and when it crashes, counted from its start; None:
    never. `pulled`: whether its image can be had."""

    ready: timedelta | None = SECOND
    crashes: timedelta | None = None
    pulled: bool = True


@dataclass(slots=True)
class RunningContainer:
    """What the kubelet knows of a container. `again_at`: when one that crashed is started again."""

    name: str
    image: str
    sizes: Sizes
    started: datetime | None = None
    again_at: datetime | None = None
    restarts: int = 0
    crashes: int = 0
    last: Ending | None = None


@dataclass(slots=True)
class PlayedPod:
    """The Pod as the API server has it, and what its kubelet made of it. `changed_at`: when its spec last changed."""

    uid: str
    created_at: datetime
    restart_policy: RestartPolicy
    labels: dict[str, str]
    annotations: dict[str, str]
    images: dict[str, str]
    sizes: dict[str, Sizes]
    pull_secrets: tuple[str, ...]
    node: int
    generation: int = 1
    seen: int = 0
    changed_at: datetime = EPOCH
    removed_at: datetime | None = None
    evicted: bool = False
    resizing: Resizing = Resizing.NONE
    resized_at: datetime | None = None
    containers: dict[str, RunningContainer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restart:
    """A container that was started again. `cause`: its image was changed, or it had crashed."""

    at: datetime
    pod: str
    container: str
    cause: Literal["image", "crash"]


@dataclass(slots=True)
class PlayedProcess:
    """What the operator's process knows beside the world; gone when it crashes."""

    refusals: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Write:
    """One write to the API server, not done yet. `step`: None for the status, or a look whether it has changed."""

    what: str
    do: Callable[[], None]
    step: Step | None = None


@dataclass(slots=True)
class ContainerGroupWorld:
    """A group and all that belongs to it.

    `courses`: what becomes of containers, by image; all others are ready after a second. `room`: what its containers
    may have altogether on any node at all, `free`: on this one now. `shrinks`: whether the API server lets memory
    shrink in place. `refusing`: what it says to each new Pod. `silent_since`: since when its node is not heard of.
    """

    spec: ContainerGroupSpec
    now: datetime = EPOCH
    courses: Mapping[str, Course] = field(default_factory=dict)
    room: Sizes = PLENTY
    free: Sizes = PLENTY
    shrinks: bool = True
    refusing: str | None = None
    status: ContainerGroupStatus = field(default_factory=ContainerGroupStatus)
    generation: int = 1
    version: int = 1
    pod: PlayedPod | None = None
    registries: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    config_maps: dict[str, str] = field(default_factory=dict)
    silent_since: datetime | None = None
    node_gone: bool = False
    pods: list[str] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)
    name: str = "web"

    # ---- looking

    def view(self, process: PlayedProcess) -> ContainerGroupView:
        """What a pass of this process sees now."""
        node = Node(self.node_gone, self.silent_since)
        return ContainerGroupView(
            now=self.now,
            group=ContainerGroup(self.name, "group", self.generation, self.spec, self.status),
            pod=self._seen() if self.pod is not None else None,
            node=node if self.pod is not None else None,
            config_maps=dict(self.config_maps),
            registries=dict(self.registries),
            copies=dict(self.copies),
            refusals=tuple(process.refusals),
        )

    def _seen(self) -> Pod:
        there = self.pod
        assert there is not None  # noqa: S101
        reports = tuple(self._report(each) for each in there.containers.values())
        up = bool(reports) and all(each.started or each.restarts or each.last for each in there.containers.values())
        return Pod(
            uid=there.uid,
            created_at=there.created_at,
            restart_policy=there.restart_policy,
            phase="Failed" if there.evicted else "Running" if up else "Pending",
            reason="Evicted" if there.evicted else "",
            problem="" if reports or self._fits(there) else "0/1 nodes are available",
            removing=there.removed_at is not None,
            labels=dict(there.labels),
            annotations=dict(there.annotations),
            containers=tuple(PodContainer(name, image, there.sizes[name]) for name, image in there.images.items()),
            reports=reports,
            ip="10.0.0.1" if reports else "",
            node=f"node-{there.node}" if reports else "",
            pull_secrets=there.pull_secrets,
            resizing=there.resizing,
            generation=there.generation,
            observed_generation=there.seen,
        )

    def _report(self, container: RunningContainer) -> ContainerReport:
        course, running = self._course(container.image), container.started is not None
        ready = running and course.ready is not None and self.now >= (container.started or self.now) + course.ready
        reason = "" if running else "CrashLoopBackOff" if course.pulled else "ImagePullBackOff"
        return ContainerReport(
            container.name,
            container.image,
            "Running" if running else "Waiting",
            reason=reason,
            ready=ready and self.silent_since is None,
            restart_count=container.restarts,
            since=container.started,
            last=container.last,
            sizes=container.sizes,
        )

    def _course(self, image: str) -> Course:
        return self.courses.get(image, Course())

    def _fits(self, pod: PlayedPod) -> bool:
        return _within(pod.sizes, self.room)

    # ---- what people and nodes do

    def change(self, spec: ContainerGroupSpec) -> None:
        """Somebody edits the spec."""
        self.spec = spec
        self.generation += 1
        self.version += 1

    def delete_pod(self) -> None:
        """Somebody deletes the Pod; it goes in its own time."""
        if self.pod is not None and self.pod.removed_at is None:
            self.pod.removed_at = self.now

    def evict(self) -> None:
        """The kubelet ends the Pod, because its node has no room."""
        if self.pod is not None and self.silent_since is None:
            self.pod.evicted = True

    def lose_node(self, *, gone: bool = False) -> None:
        """The Pod's node does not answer any more, or is taken away."""
        if self.pod is not None and self.pod.containers:
            self.silent_since, self.node_gone = self.silent_since or self.now, gone or self.node_gone

    def find_node(self) -> None:
        """The node answers again."""
        if not self.node_gone:
            self.silent_since = None

    # ---- what time does

    def advance(self, by: timedelta) -> None:
        """Let time pass: the kubelet starts, restarts, resizes and ends what it is to."""
        until = self.now + by
        while (moment := self.next_change()) is not None and moment <= until:
            self.now = max(self.now, moment)
            self._work()
        self.now = until

    def next_change(self) -> datetime | None:
        """When the kubelet does the next thing; None where its node does not answer, or there is nothing to do."""
        return None if self.pod is None or self.silent_since is not None else min(self._moments(self.pod), default=None)

    def _moments(self, pod: PlayedPod) -> Iterator[datetime]:
        if pod.removed_at is not None:
            yield pod.removed_at + DIES
        if pod.evicted:
            return
        if pod.seen < pod.generation and (pod.containers or self._fits(pod)):
            yield pod.changed_at + SEES
        if pod.resizing is Resizing.DEFERRED and _within(pod.sizes, self.free):
            yield self.now
        if pod.resized_at is not None:
            yield pod.resized_at
        for container in pod.containers.values():
            course = self._course(container.image)
            if container.again_at is not None:
                yield container.again_at
            if container.started is not None and course.crashes is not None:
                yield container.started + course.crashes

    def next_report(self) -> datetime | None:
        """When something changes of what is seen, be it only that a container becomes ready."""
        moments = [self.next_change()]
        if self.pod is not None and self.silent_since is None:
            for container in self.pod.containers.values():
                ready = self._course(container.image).ready
                if container.started is not None and ready is not None and container.started + ready > self.now:
                    moments.append(container.started + ready)
        return min((each for each in moments if each is not None), default=None)

    def _work(self) -> None:
        pod = self.pod
        if pod is None:
            return
        if pod.removed_at is not None and self.now >= pod.removed_at + DIES:
            self._gone()
            return
        if pod.evicted:
            return
        if pod.seen < pod.generation and self.now >= pod.changed_at + SEES:
            pod.seen = pod.generation
            self._see(pod)
        if pod.resizing is Resizing.DEFERRED and _within(pod.sizes, self.free):
            self._resize_soon(pod)
        if pod.resized_at is not None and self.now >= pod.resized_at:
            for name, container in pod.containers.items():
                container.sizes = pod.sizes[name]
            pod.resizing, pod.resized_at = Resizing.NONE, None
        for container in pod.containers.values():
            self._live(pod, container)

    def _see(self, pod: PlayedPod) -> None:
        for name, image in pod.images.items():
            container = pod.containers.get(name)
            if container is None:
                pod.containers[name] = RunningContainer(name, image, pod.sizes[name])
                self._start(pod.containers[name])
            elif container.image != image:
                container.image, container.crashes, container.restarts = image, 0, container.restarts + 1
                self._start(container)
                self.restarts.append(Restart(self.now, pod.uid, name, "image"))
        if any(container.sizes != pod.sizes[name] for name, container in pod.containers.items()):
            if not _within(pod.sizes, self.room):
                pod.resizing, pod.resized_at = Resizing.INFEASIBLE, None
            elif not _within(pod.sizes, self.free):
                pod.resizing, pod.resized_at = Resizing.DEFERRED, None
            else:
                self._resize_soon(pod)
        else:
            pod.resizing, pod.resized_at = Resizing.NONE, None

    def _resize_soon(self, pod: PlayedPod) -> None:
        pod.resizing, pod.resized_at = Resizing.IN_PROGRESS, self.now + SECOND

    def _start(self, container: RunningContainer) -> None:
        container.started = self.now if self._course(container.image).pulled else None
        container.again_at = None

    def _live(self, pod: PlayedPod, container: RunningContainer) -> None:
        after = self._course(container.image).crashes
        if container.started is not None and after is not None and self.now >= container.started + after:
            container.crashes += 1
            container.last, container.started = Ending(1, "Error", f"{container.image} has no configuration"), None
            crashes = container.crashes
            waits = doubling(FIRST_WAIT, crashes - 1, LONGEST_WAIT) if crashes > 1 else SECOND
            container.again_at = self.now + waits
        elif container.again_at is not None and self.now >= container.again_at:
            container.restarts += 1
            self._start(container)
            self.restarts.append(Restart(self.now, pod.uid, container.name, "crash"))

    def _gone(self) -> None:
        self.pod, self.silent_since, self.node_gone = None, None, False

    # ---- what the operator does

    def writes(self, plan: ContainerGroupPlan, process: PlayedProcess) -> list[Write]:
        """The plan as writes: the status first, which fails if the group has changed, then the steps."""
        version = self.version
        made = [Write(type(step).__name__, partial(self._take, step, process), step) for step in plan.steps]
        if plan.status != self.status:
            made.insert(0, Write("status", lambda: self._write_status(plan.status, version)))
        elif made:
            made.insert(0, Write("fence", lambda: self._fence(version)))
        return made

    def _fence(self, version: int) -> None:
        if version != self.version:
            raise ConflictError(f"version {version} is {self.version} now")

    def _write_status(self, status: ContainerGroupStatus, version: int) -> None:
        self._fence(version)
        self.status = ContainerGroupStatus.model_validate_json(status.model_dump_json(by_alias=True))
        self.version += 1

    def _take(self, step: Step, process: PlayedProcess) -> None:
        match step:
            case WriteConfigMap():
                self.config_maps[step.name] = step.digest
            case WriteSecret():
                if self.registries.get(step.source) == step.version:
                    self.copies[step.name] = step.origin
            case DeleteConfigMap():
                self.config_maps.pop(step.name, None)
            case DeleteSecret():
                self.copies.pop(step.name, None)
            case CreatePod():
                self._create(step, process)
            case PatchPod() | Resize() | DeletePod():
                if self.pod is not None and self.pod.uid == step.uid:
                    self._alter(self.pod, step, process)

    def _create(self, step: CreatePod, process: PlayedProcess) -> None:
        if self.pod is not None:
            return
        if self.refusing is not None:
            process.refusals.append(Refusal("CreatePod", self.refusing, self.generation, self.now))
            return
        self.pods.append(f"pod-{len(self.pods) + 1}")
        metadata, spec = step.manifest["metadata"], step.manifest["spec"]
        self.pod = PlayedPod(
            uid=self.pods[-1],
            created_at=self.now.replace(microsecond=0),
            restart_policy=RestartPolicy(spec["restartPolicy"]),
            labels=dict(metadata["labels"]),
            annotations=dict(metadata["annotations"]),
            images={each["name"]: each["image"] for each in spec["containers"]},
            sizes={each["name"]: _sizes(each["resources"]["limits"]) for each in spec["containers"]},
            pull_secrets=tuple(each["name"] for each in spec["imagePullSecrets"]),
            node=len(self.pods),
            changed_at=self.now,
        )

    def _alter(self, pod: PlayedPod, step: PatchPod | Resize | DeletePod, process: PlayedProcess) -> None:
        match step:
            case DeletePod():
                if step.then is not None and self.refusing is not None:
                    process.refusals.append(Refusal("CreatePod", self.refusing, self.generation, self.now))
                elif step.force:
                    self._gone()
                else:
                    pod.removed_at = pod.removed_at or self.now
            case PatchPod():
                _patch(pod.labels, step.labels)
                _patch(pod.annotations, step.annotations)
                pod.images |= step.images
                if step.images:
                    pod.generation, pod.changed_at = pod.generation + 1, self.now
            case Resize():
                if not self.shrinks and any(to.memory < pod.sizes[name].memory for name, to in step.sizes.items()):
                    said = "memory limits cannot be decreased"
                    process.refusals.append(Refusal("Resize", said, self.generation, self.now, invalid=True))
                    return
                pod.sizes |= step.sizes
                pod.generation, pod.changed_at = pod.generation + 1, self.now


def run_pass(
    world: ContainerGroupWorld, process: PlayedProcess, *, before: Callable[[Write], None] | None = None
) -> ContainerGroupPlan | None:
    """Plan once and do all of it; None where there was nothing to write. `before` is called before each write and may
    raise to stop there."""
    plan = plan_container_group(world.view(process))
    writes = world.writes(plan, process)
    for write in writes:
        if before is not None:
            before(write)
        write.do()
    return plan if writes else None


def play(
    world: ContainerGroupWorld,
    process: PlayedProcess | None = None,
    *,
    until: datetime | None = None,
    before: Callable[[Write], None] | None = None,
) -> Iterator[ContainerGroupPlan]:
    """Passes and time in turn until nothing changes any more, or until a moment. `before`: as of `run_pass`."""
    process = process or PlayedProcess()
    for _ in range(MOST_PASSES):
        played = run_pass(world, process, before=before)
        if played is not None:
            yield played
            continue
        moments = (world.next_report(), plan_container_group(world.view(process)).wake_at)
        due = min((moment for moment in moments if moment is not None), default=None)
        if due is None or (until is not None and due > until):
            return
        world.advance(max(due - world.now, SECOND))


def _within(sizes: Mapping[str, Sizes], room: Sizes) -> bool:
    together = Sizes(sum(each.cpu for each in sizes.values()), sum(each.memory for each in sizes.values()))
    return together.cpu <= room.cpu and together.memory <= room.memory


def _sizes(limits: Mapping[str, Any]) -> Sizes:
    return Sizes.read(limits["cpu"], limits["memory"])


def _patch(there: dict[str, str], changes: Mapping[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            there.pop(name, None)
        else:
            there[name] = value
