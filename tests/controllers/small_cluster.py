"""A group on an API in memory: its nodes and kubelets, its people, and what may never be."""

from typing import Any

from tests.cluster_client.objects import Body, Objects
from tests.contract import contract_broken
from tests.controllers.processes import Process
from tests.engine.manual_clock import ManualClock
from tests.worlds import CONFIGURATION, GROUP, GROUP_UID
from windlass.api.common import API_VERSION, GROUP_LABEL, ZONE_LABEL, Condition
from windlass.planner.tasks import FINAL

TASKS = {"InstanceRefresh": "instancerefreshes", "RollingUpdate": "rollingupdates"}
QUIET_SECONDS = 3  # without a change: then nothing moves but what waits for a longer time
LONGEST_STORY = 600  # seconds


def group_body(desired: int | None, **spec: Any) -> Body:
    wanted = {"minSize": 0, "maxSize": 20, "configuration": {"scalingConfiguration": GROUP}} | spec
    if desired is not None:
        wanted["desiredSize"] = desired
    return {
        "apiVersion": API_VERSION,
        "kind": "ScalingGroup",
        "metadata": {"namespace": "default", "name": GROUP, "uid": GROUP_UID, "generation": 1},
        "spec": wanted,
    }


def configuration_body(**metadata: Any) -> Body:
    meta = {"namespace": "default", "name": GROUP, "uid": "configuration-uid", "generation": 1} | metadata
    return {"metadata": meta, "spec": CONFIGURATION}


class SmallCluster:
    """Plays time; every change of the group's Pods is held against what was promised.

    `most`, `least`: how many may be alive at any moment. `latecomers`: writes of a process that has ended may arrive
    after those of the next one; a record can then say for a moment what was so before. `may_repeat`: a name can be
    created twice, as the planner's page on growing says: its instance went before anybody had seen it.
    """

    def __init__(self, desired: int | None, **spec: Any) -> None:
        self.clock = ManualClock()
        self.objects = Objects(now=self.clock.now, slow_to_go=("pods",))
        self.objects.put("scalinggroups", group_body(desired, **spec))
        self.objects.put("scalingconfigurations", configuration_body())
        self.most, self.least = 20, 0
        self.latecomers = False
        self.may_repeat = False
        self._checked = 0
        self._alive: set[str] = set()
        self.created: list[str] = []
        self._status: Body = {}
        self._phases: dict[str, str] = {}

    # ---- looking

    @property
    def pods(self) -> list[Body]:
        return self.objects.selected("pods", "default", GROUP_LABEL)

    @property
    def alive(self) -> list[Body]:
        return [pod for pod in self.pods if "deletionTimestamp" not in pod["metadata"]]

    @property
    def group(self) -> Body:
        return self.objects.by_place["scalinggroups", "default", GROUP]

    @property
    def records(self) -> dict[str, Body]:
        return {body["metadata"]["name"]: body for body in self.objects.selected("scalingactivities")}

    @property
    def refreshes(self) -> dict[str, Body]:
        return {body["metadata"]["name"]: body for body in self.objects.selected("instancerefreshes")}

    @property
    def updates(self) -> dict[str, Body]:
        return {body["metadata"]["name"]: body for body in self.objects.selected("rollingupdates")}

    # ---- what people do

    def refresh(self, name: str, **spec: Any) -> None:
        """Somebody asks for a refresh."""
        self._task("InstanceRefresh", name, spec)

    def update(self, name: str, **spec: Any) -> None:
        """Somebody asks for a rolling update."""
        self._task("RollingUpdate", name, spec)

    def _task(self, kind: str, name: str, spec: Body) -> None:
        metadata = {"namespace": "default", "name": name, "uid": f"{name}-uid", "generation": 1}
        metadata["creationTimestamp"] = f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata}
        self.objects.put(TASKS[kind], {**body, "spec": {"scalingGroup": GROUP} | spec})

    def ask(self, name: str, kind: str = "InstanceRefresh", **spec: Any) -> None:
        """Somebody changes what is wanted of a refresh, or of another task."""
        path = f"/apis/{API_VERSION}/namespaces/default/{TASKS[kind]}/{name}"
        code, _ = self.objects.answer("PATCH", path, "", {"spec": spec})
        assert code == 200

    def change(self, **spec: Any) -> None:
        patch = {"spec": spec}
        code, _ = self.objects.answer(
            "PATCH", f"/apis/{API_VERSION}/namespaces/default/scalinggroups/{GROUP}", "", patch
        )
        assert code == 200

    def fail(self, name: str) -> None:
        """A Pod ends."""
        self._show(self.objects.by_place["pods", "default", name], "Failed", Ready="False")

    # ---- what the cluster does

    def kubelets(self) -> None:
        """New Pods are scheduled, one node in each zone, and ready a second later; those that were deleted are gone.

        A container whose image was changed is started anew, and is ready a second after that.
        """
        for pod in self.pods:
            meta = pod["metadata"]
            if "deletionTimestamp" in meta:
                self.objects.remove("pods", meta["namespace"], meta["name"])
            elif "status" not in pod:
                node = f"node-{meta['labels'].get(ZONE_LABEL)}"
                pod = {**pod, "spec": {**pod.get("spec", {}), "nodeName": node}}
                self._show(pod, "Pending", PodScheduled="True", Initialized="True", Ready="False")
            elif pod["status"]["phase"] == "Pending":
                self._show(pod, "Running", Ready="True")
            elif _restarts(pod) != (again := _restarts(pod, changed=True)):
                self._show(pod, "Running", again, Ready="False")
            elif again and not _is_ready(pod) and pod["status"]["phase"] == "Running":
                self._show(pod, "Running", again, Ready="True")

    def _show(self, pod: Body, phase: str, restarts: int = 0, **states: str) -> None:
        now = f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        before = {each["type"]: each for each in pod.get("status", {}).get("conditions", ())}
        made = {type_: {"type": type_, "status": said, "lastTransitionTime": now} for type_, said in states.items()}
        status = {"phase": phase, "conditions": [*(before | made).values()]}
        for container in pod["spec"].get("containers", ())[:1] if phase == "Running" else ():
            since = {"running": {"startedAt": now if restarts != _restarts(pod) else _since(pod, now)}}
            report = {"name": container["name"], "image": container["image"], "restartCount": restarts, "state": since}
            status |= {"containerStatuses": [report], "observedGeneration": pod["metadata"].get("generation", 1)}
        self.objects.put("pods", {**pod, "status": status})

    # ---- time

    async def settle(self, process: Process) -> None:
        """Until nothing changes any more, or the process ends."""
        quiet = 0
        for _ in range(LONGEST_STORY):
            before = self.objects.version
            self.kubelets()
            await process.live(1.0)
            self.check()
            quiet = 0 if self.objects.version != before else quiet + 1
            if process.ended or (quiet >= QUIET_SECONDS and self.at_rest):
                return
        raise AssertionError(f"not at rest after {LONGEST_STORY} s: {self.group.get('status')}")

    @property
    def at_rest(self) -> bool:
        status = self.group.get("status") or {}
        looked = status.get("observedGeneration") == self.group["metadata"]["generation"]
        tasks = [*self.refreshes.values(), *self.updates.values()]
        over = all((body.get("status") or {}).get("phase") in FINAL for body in tasks)
        return status.get("phase") == "Ready" and looked and over and status.keys().isdisjoint({"rollout", "update"})

    # ---- what was promised

    def check(self) -> None:
        """Look at every change since the last time, in its order."""
        for change in self.objects.history[self._checked :]:
            meta, status = change.body["metadata"], change.body.get("status") or {}
            match change.plural:
                case "pods":
                    self._check_pod(change.type, meta)
                case "scalinggroups":
                    self._check_status(status, meta["generation"])
                case "scalingactivities":
                    self._check_record(change.type, meta["name"], status)
        self._checked = len(self.objects.history)

    def _check_pod(self, type_: str, meta: Body) -> None:
        name = meta["name"]
        if type_ == "DELETED" or "deletionTimestamp" in meta:
            self._alive.discard(name)
        else:
            self._alive.add(name)
        if type_ == "ADDED":
            assert name not in self.created or self.may_repeat, f"{name} was created twice"
            self.created.append(name)
            ordinal = int(name.rpartition("-")[2])
            assert ordinal < self._status.get("nextOrdinal", 0), f"{name} was not written down before"
        assert len(self._alive) <= self.most, f"{sorted(self._alive)} are more than {self.most}"
        assert len(self._alive) >= self.least, f"{sorted(self._alive)} are fewer than {self.least}"

    def _check_status(self, status: Body, generation: int) -> None:
        before, self._status = self._status, status
        for counter in ("nextOrdinal", "nextActivity"):
            assert status.get(counter, 0) >= before.get(counter, 0), f"{counter} went back"
        was, now = before.get("activity"), status.get("activity")
        if was is not None and "endedAt" not in was:
            assert now is not None
            assert now["name"] == was["name"], "an activity began while another ran"
        conditions = [Condition.model_validate(each) for each in status.get("conditions", ())]
        assert not conditions or contract_broken(conditions, generation) is None

    def _check_record(self, type_: str, name: str, status: Body) -> None:
        assert type_ != "DELETED", f"record {name} is lost"
        phase = status.get("phase", "InProgress")
        again = self._phases.get(name) not in (None, "InProgress", phase)
        assert not again or self.latecomers, f"record {name} is {phase} again"
        self._phases[name] = phase

    def outcome(self) -> Body:
        """What must be the same, whatever ended on the way.

        Replacements go on while there is a next one to replace at that moment: in how many activities depends on luck,
        so that only what they launched is told.
        """
        status = self.group["status"]
        numbers = [int(name.rpartition("-a")[2]) for name in self.records]
        assert sorted(numbers) == list(range(1, status["nextActivity"])), "not one record for each activity"
        told = [body["status"] for _, body in sorted(self.records.items())]
        assert all(record["phase"] == "Successful" for record in told)
        return {
            "created": sorted(self.created),
            "alive": sorted(self._alive),
            "changes": [(record["type"], record["description"]) for record in told if record["type"] != "Replace"],
            "named": [name for record in told for name in record.get("instances", ())],
            "next ordinal": status["nextOrdinal"],
            "message": status["message"],
            "revisions": [body["metadata"]["name"] for body in self.objects.selected("controllerrevisions")],
        }


def _reported(pod: Body) -> Body:
    found: list[Body] = pod["status"].get("containerStatuses") or [{}]
    return found[0]


def _restarts(pod: Body, *, changed: bool = False) -> int:
    """How often its container was started again; `changed`: as it is once it runs the image that it is to run."""
    reported = _reported(pod)
    another = changed and reported and reported.get("image") != pod["spec"]["containers"][0]["image"]
    return int(reported.get("restartCount", 0)) + bool(another)


def _since(pod: Body, now: str) -> str:
    since: str = _reported(pod).get("state", {}).get("running", {}).get("startedAt", now)
    return since


def _is_ready(pod: Body) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])
