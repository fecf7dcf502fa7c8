"""One group, its instances and its records, in memory; and the operator's writes to them, one by one.

A plan becomes a list of writes. Whoever plays may stop between any two of them, which is what a crash does, and carry
on with a new `PlayedOperator`, which knows nothing but what stands in the world.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.api.launch_template import LaunchTemplateReference
from windlass.api.rolling_update import InstanceResult, RollingUpdateStatus
from windlass.api.scaling_activity import FINAL_PHASES, ScalingActivityStatus
from windlass.api.scaling_group import ConfigurationSource, ScalingGroupSpec, ScalingGroupStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.situation import effective_desired, last_desired
from windlass.planner.capacity.steps import (
    Adopt,
    ChangeImage,
    ForgetRecord,
    ForgetRevision,
    GroupPlan,
    InstanceOutcome,
    KeepResults,
    KeepRevision,
    Launch,
    Record,
    Remove,
    ReportRefresh,
    ReportUpdate,
    RunScript,
    SeedDesired,
    Step,
    SwitchSource,
    WithdrawRemoval,
    WriteConfiguration,
)
from windlass.planner.capacity.view import EndedRecord, GroupView, RefusedLaunch, Revision
from windlass.planner.rolling_update.mark import Mark
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.refresh import Refresh, Sources
from windlass.simulate.kubelet import SECOND, AllGoesWell, Change, Fate, Life

_TASKS = {ReportRefresh.kind: "refresh", ReportUpdate.kind: "update"}
EPOCH = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


class ConflictError(Exception):
    """The world is not what the plan was made on: nothing was written."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script that runs in an instance, and how it will have ended."""

    name: str
    run: str
    ends_at: datetime
    exit_code: int
    output: str


@dataclass(slots=True)
class PlayedOperator:
    """What the operator's process knows beside the world; gone when it crashes."""

    settled: set[int] = field(default_factory=set)
    refusals: list[RefusedLaunch] = field(default_factory=list)
    removals_in_doubt: bool = False
    withdrawn: set[str] = field(default_factory=set)
    scripts: dict[str, Script] = field(default_factory=dict)
    results_kept: set[tuple[str, int]] = field(default_factory=set)

    def next_end(self) -> datetime | None:
        """When the next of its scripts ends."""
        return min((script.ends_at for script in self.scripts.values()), default=None)


@dataclass(frozen=True, slots=True)
class Write:
    """One write to the API server, not done yet."""

    what: str
    do: Callable[[], None]
    step: Step | None = None


@dataclass(slots=True)
class World:
    """A group and all that belongs to it. An instance without a life stays as it is until it is removed.

    `refusing`: what the API server says to each creation of an instance. `broken`: zones in which nothing is scheduled.
    `changing`: instances whose image was changed, and when. `ran`: each script that was run: the uid of its update and
    the instance. `results`: what was kept of updates, by their uid and batch.
    """

    name: str
    spec: ScalingGroupSpec
    now: datetime = EPOCH
    fate: Fate = field(default_factory=AllGoesWell)
    configuration: Mapping[str, Any] | None = field(default_factory=lambda: {"template": {"spec": {}}})
    template: Mapping[str, Any] | None = None
    status: ScalingGroupStatus = field(default_factory=ScalingGroupStatus)
    generation: int = 1
    version: int = 1
    deleting: bool = False
    instances: dict[str, Instance] = field(default_factory=dict)
    orphans: dict[str, Instance] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)
    removed_at: dict[str, datetime] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    records: dict[str, ScalingActivityStatus] = field(default_factory=dict)
    refusing: str | None = None
    broken: set[str] = field(default_factory=set)
    created: list[str] = field(default_factory=list)
    namespace: str = "default"
    template_problem: str | None = None
    uid: str = "group"
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    refresh_problems: dict[str, str] = field(default_factory=dict)
    updates: dict[str, Update] = field(default_factory=dict)
    packages: dict[str, Mapping[str, str] | None] = field(default_factory=dict)
    changing: dict[str, tuple[datetime, Change]] = field(default_factory=dict)
    ran: list[tuple[str, str]] = field(default_factory=list)
    results: dict[tuple[str, int], tuple[InstanceOutcome, ...]] = field(default_factory=dict)

    # ---- looking

    @property
    def desired(self) -> int:
        """The size that is wanted now."""
        return effective_desired(self.spec, last_desired(self.status))

    @property
    def alive(self) -> list[Instance]:
        """Instances that are not being removed."""
        return [instance for instance in self.instances.values() if not instance.removing]

    def view(self, process: PlayedOperator) -> GroupView:
        """What a pass of this process sees now."""
        self._end_scripts(process)
        activity = self.status.activity
        ended = [(name, record) for name, record in self.records.items() if record.phase in FINAL_PHASES]
        return GroupView(
            namespace=self.namespace,
            name=self.name,
            uid=self.uid,
            generation=self.generation,
            spec=self.spec,
            status=self.status,
            now=self.now,
            instances=tuple(self.instances.values()),
            orphans=tuple(self.orphans.values()),
            configuration=self.configuration,
            template=self.template,
            template_problem=self.template_problem,
            revisions=tuple(self.revisions.values()),
            record=self.records.get(activity.name) if activity else None,
            history=tuple(EndedRecord(name, record.start_time) for name, record in ended),
            settled=frozenset(process.settled),
            refusals=tuple(process.refusals),
            removals_in_doubt=process.removals_in_doubt,
            withdrawn=frozenset(process.withdrawn),
            deleting=self.deleting,
            refreshes=tuple(self.refreshes.values()),
            sources=self.sources,
            refresh_problems=self.refresh_problems,
            updates=tuple(self.updates.values()),
            packages=self.packages,
            scripts_running=frozenset(process.scripts),
            results_kept=frozenset(process.results_kept),
        )

    # ---- what people do

    def change(self, **fields: object) -> None:
        """Somebody edits the spec."""
        wire = self.spec.model_dump() | fields
        self.spec = ScalingGroupSpec.model_validate(wire)
        self.generation += 1
        self.version += 1

    def ask(self, refresh: str, **fields: object) -> None:
        """Somebody changes the state of a refresh."""
        before = self.refreshes[refresh]
        spec = before.spec.model_copy(update=fields)
        self.refreshes[refresh] = replace(before, spec=spec, generation=before.generation + 1)

    def ask_update(self, update: str, **fields: object) -> None:
        """Somebody changes the state of an update, or approves its next batch."""
        before = self.updates[update]
        spec = before.spec.model_copy(update=fields)
        self.updates[update] = replace(before, spec=spec, generation=before.generation + 1)

    def kill(self, name: str) -> None:
        """Somebody deletes an instance; it is gone at once."""
        self.instances.pop(name)
        self.lives.pop(name, None)
        self.removed_at.pop(name, None)
        self.changing.pop(name, None)

    # ---- what time does

    def advance(self, by: timedelta) -> None:
        """Let time pass: instances are scheduled, come up, fail, waver and go."""
        self.now += by
        for name in list(self.instances):
            if name in self.removed_at:
                if self.now >= self._gone_at(name):
                    self.kill(name)
            elif name in self.lives:
                self.instances[name] = self._aged(self.instances[name], self.lives[name])
            if name in self.changing and name in self.instances:
                self.instances[name] = self._restarted(self.instances[name], *self.changing[name])

    def next_change(self) -> datetime | None:
        """When something happens to an instance by itself; not after now where one is to go at once."""
        moments = [
            moment
            for name, instance in self.instances.items()
            if name in self.lives
            for delay in self._delays(self.lives[name], self.now - instance.created_at)
            if (moment := instance.created_at + delay) > self.now
        ]
        restarts = (at + change.restarts for at, change in self.changing.values() if change.restarts is not None)
        due = [moment for moment in restarts if moment > self.now]
        return min([*moments, *due, *map(self._gone_at, self.removed_at)], default=None)

    def _gone_at(self, name: str) -> datetime:
        return self.removed_at[name] + self.lives.get(name, Life()).dies_slowly

    @staticmethod
    def _delays(life: Life, age: timedelta) -> Iterator[timedelta]:
        if life.scheduled is None:
            yield SECOND  # the scheduler has said by then that it fits nowhere
        if life.swings is not None and life.ready is not None and age >= life.ready:
            since, span, _ = _swing(life.ready, life.swings, age)
            yield since + span
        yield from (delay for delay in (life.scheduled, life.ready, life.ends, life.wavers) if delay is not None)
        if life.wavers is not None and life.recovers is not None:
            yield life.wavers + life.recovers

    def _aged(self, before: Instance, life: Life) -> Instance:
        age = self.now - before.created_at
        if life.scheduled is None or (before.scheduled_at is None and before.zone in self.broken):
            return replace(before, unschedulable_since=before.created_at, problem="0/1 nodes are available")
        if age < life.scheduled:
            return before
        after = before
        if before.scheduled_at is None:
            at, node = before.created_at + life.scheduled, f"node-{before.zone}"
            after = replace(before, scheduled_at=at, node=node, unschedulable_since=None, problem=None)
        if life.ready is not None and age >= life.ready:
            after = replace(after, ready=True, was_ready=True, ready_changed_at=before.created_at + life.ready)
        if life.swings is not None and life.ready is not None and age >= life.ready:
            since, _, ready = _swing(life.ready, life.swings, age)
            after = replace(after, ready=ready, ready_changed_at=before.created_at + since)
        if life.wavers is not None and age >= life.wavers:
            back = life.recovers is not None and age >= life.wavers + life.recovers
            changed = life.wavers + (life.recovers if back and life.recovers else timedelta())
            after = replace(after, ready=back, ready_changed_at=before.created_at + changed)
        if life.ends is not None and age >= life.ends:
            at = before.created_at + life.ends
            unready = at if after.was_ready else after.ready_changed_at
            after = replace(
                after, ended=True, ended_at=at, ready=False, ready_changed_at=unready, problem="exited with 1"
            )
        return after

    def _restarted(self, before: Instance, at: datetime, change: Change) -> Instance:
        mark = before.mark
        if mark is None or before.removing or before.ended:
            return before
        if change.restarts is None or self.now < at + change.restarts:
            return replace(before, ready=False, ready_changed_at=at)
        since = at + change.restarts
        if change.crashes:
            trouble = f"container {mark.container}: CrashLoopBackOff: it ended with 1"
            shown = replace(mark, crashes=True, trouble=trouble, shown_image=mark.image or "")
            return replace(before, ready=False, ready_changed_at=at, mark=shown, problem=trouble)
        shown = replace(mark, shown_image=mark.image or "", shown_restarts=mark.restarts + 1, running_since=since)
        if not before.ready and before.ready_changed_at is not None and before.ready_changed_at > since:
            return replace(before, mark=shown)  # it wavers since
        return replace(before, ready=True, ready_changed_at=since, mark=shown)

    def _end_scripts(self, process: PlayedOperator) -> None:
        for uid, script in list(process.scripts.items()):
            if script.ends_at > self.now:
                continue
            del process.scripts[uid]
            instance = self.instances.get(script.name)
            mark = instance.mark if instance is not None else None
            if instance is None or instance.uid != uid or mark is None or mark.run != script.run:
                continue
            result = InstanceResult.FAILED if script.exit_code else InstanceResult.SUCCEEDED
            told = replace(
                mark, result=result, exit_code=script.exit_code, output=script.output, ended_at=script.ends_at
            )
            self.instances[script.name] = replace(instance, mark=told)

    # ---- what the operator does

    def writes(self, plan: GroupPlan, process: PlayedOperator) -> list[Write]:
        """The plan as writes: the status first, which fails if the group has changed, then the steps.

        Where the status says already what is to be done, the group is read again before: it must not have changed.
        """
        version = self.version
        made = [Write(_what(step), self._step(step, process), step) for step in plan.steps]
        if plan.status != self.status:
            made.insert(0, Write("status", lambda: self._write_status(plan.status, version)))
        elif made:
            made.insert(0, Write("fence", lambda: self._fence(version)))
        if not plan.acts:
            made += [Write(f"{_TASKS[each.kind]} {each.name}", partial(self._report, each)) for each in plan.reports]
        return made

    def _report(self, report: ReportRefresh | ReportUpdate) -> None:
        if isinstance(report, ReportUpdate):
            self._report_update(report)
            return
        there = self.refreshes.get(report.name)
        if there is None or there.uid != report.uid:
            return
        status = InstanceRefreshStatus.model_validate_json(report.status.model_dump_json(by_alias=True))
        self.refreshes[report.name] = replace(there, status=status)

    def _report_update(self, report: ReportUpdate) -> None:
        there = self.updates.get(report.name)
        if there is None or there.uid != report.uid:
            return
        status = RollingUpdateStatus.model_validate_json(report.status.model_dump_json(by_alias=True))
        self.updates[report.name] = replace(there, status=status)

    def _fence(self, version: int) -> None:
        if version != self.version:
            raise ConflictError(f"version {version} is {self.version} now")

    def _write_status(self, status: ScalingGroupStatus, version: int) -> None:
        self._fence(version)
        self.status = ScalingGroupStatus.model_validate_json(status.model_dump_json(by_alias=True))
        self.version += 1

    def _step(self, step: Step, process: PlayedOperator) -> Callable[[], None]:
        match step:
            case Launch():
                return lambda: self._launch(step, process)
            case Remove():
                return lambda: self._remove(step)
            case WithdrawRemoval():
                return lambda: self._withdraw(step, process)
            case Adopt():
                return lambda: self.instances.update({step.name: self.orphans.pop(step.name)})
            case SeedDesired():
                return lambda: self.change(desired_size=step.size)
            case KeepRevision():
                kept = Revision(step.name, step.number, step.data)
                return lambda: self.revisions.update({step.name: kept})
            case Record():
                return lambda: self.records.update({step.name: step.status})
            case ForgetRevision() | ForgetRecord():
                there = self.revisions if isinstance(step, ForgetRevision) else self.records
                return lambda: void(there.pop(step.name, None))
            case WriteConfiguration():
                return lambda: self._write_configuration(step)
            case SwitchSource():
                return lambda: self._switch(step)
            case ChangeImage():
                return lambda: self._change_image(step)
            case RunScript():
                return lambda: self._run_script(step, process)
            case KeepResults():
                return lambda: self._keep_results(step, process)

    def _change_image(self, step: ChangeImage) -> None:
        instance = self.instances.get(step.name)
        if instance is None or instance.uid != step.uid or instance.removing:
            return
        if instance.mark is not None and instance.mark.update == step.update:
            return
        mark = Mark(step.update, self.now, step.container, step.image)
        revision = step.revision or instance.revision
        version = f"{int(instance.resource_version) + 1}"
        changed = replace(instance, mark=mark, revision=revision, resource_version=version)
        self.changing[step.name] = (self.now, self.fate.change_of(step.name))
        self.instances[step.name] = self._restarted(changed, *self.changing[step.name])

    def _run_script(self, step: RunScript, process: PlayedOperator) -> None:
        instance = self.instances.get(step.name)
        mark = instance.mark if instance is not None else None
        there = mark.run if mark is not None and mark.update == step.update else ""
        if instance is None or instance.uid != step.uid or instance.removing or there != step.instead_of:
            return
        self.ran.append((step.update, step.name))
        run = f"run-{len(self.ran)}"
        version = f"{int(instance.resource_version) + 1}"
        made = Mark(step.update, self.now, step.container, run=run)
        self.changing.pop(step.name, None)
        self.instances[step.name] = replace(instance, mark=made, resource_version=version)
        fate, limit = self.fate.change_of(step.name), timedelta(seconds=step.seconds)
        killed = fate.runs is None or fate.runs > limit
        took, code = (limit, 124) if killed or fate.runs is None else (fate.runs, fate.exit_code)
        output = f"killed after {step.seconds} s" if killed else "it went wrong" if code else ""
        process.scripts[instance.uid] = Script(step.name, run, self.now + took, code, output)

    def _keep_results(self, step: KeepResults, process: PlayedOperator) -> None:
        self.results.setdefault((step.uid, step.batch), step.outcomes)
        process.results_kept.add((step.uid, step.batch))

    def _write_configuration(self, step: WriteConfiguration) -> None:
        own = step.name == self.spec.configuration.scaling_configuration
        there = self.configuration if own else self.sources.configurations.get(step.name)
        if there != step.before:
            raise ConflictError(f"ScalingConfiguration {step.name} has changed")
        if own:
            self.configuration = step.spec
        else:
            configurations = {**self.sources.configurations, step.name: step.spec}
            self.sources = replace(self.sources, configurations=configurations)

    def _switch(self, step: SwitchSource) -> None:
        self.configuration = self.template = None
        if step.version is None:
            self.change(configuration=ConfigurationSource(scaling_configuration=step.name))
            self.configuration = self.sources.configurations.get(step.name)
        else:
            named = LaunchTemplateReference(name=step.name, version=step.version)
            self.change(configuration=ConfigurationSource(launch_template=named))
            self.template = self.sources.templates.get(step.name)

    def _launch(self, step: Launch, process: PlayedOperator | None) -> None:
        if self.refusing is not None:
            if process is not None:
                process.refusals.append(RefusedLaunch(step.ordinal, self.refusing))
            return
        if process is not None:
            process.settled.add(step.ordinal)
        if step.name in self.instances:
            return
        self.created.append(step.name)
        self.lives[step.name] = self.fate.life_of(step.name, step.pool.zone)
        self.instances[step.name] = Instance(
            namespace=self.namespace,
            group=self.name,
            name=step.name,
            uid=f"{step.name}-{len(self.created)}",
            resource_version="1",
            ordinal=step.ordinal,
            revision=step.revision,
            zone=step.pool.zone,
            created_at=self.now.replace(microsecond=0),
        )

    def _withdraw(self, step: WithdrawRemoval, process: PlayedOperator) -> None:
        process.withdrawn.add(step.uid)
        instance = self.instances.get(step.name)
        if instance is not None and instance.uid == step.uid:
            self.instances[step.name] = replace(instance, resource_version=f"{int(instance.resource_version) + 1}")

    def _remove(self, step: Remove) -> None:
        instance = self.instances.get(step.name)
        if instance is None or instance.uid != step.uid or instance.removing:
            return
        if instance.resource_version != step.resource_version:
            return
        self.instances[step.name] = replace(instance, removing=True)
        self.removed_at[step.name] = self.now


def _swing(first: timedelta, swings: tuple[timedelta, timedelta], age: timedelta) -> tuple[timedelta, timedelta, bool]:
    """Since when it is as it is, for how long, and whether that is ready."""
    ready, not_ready = swings
    since = age - (age - first) % (ready + not_ready)
    return (since, ready, True) if age < since + ready else (since + ready, not_ready, False)


def void(_: object) -> None:
    """Nothing."""


def _what(step: Step) -> str:
    match step:
        case SeedDesired():
            return f"set desiredSize to {step.size}"
        case Launch():
            return f"launch {step.name}" + (f" in {step.pool.zone}" if step.pool.zone else "")
        case Remove():
            return f"remove {step.name}"
        case WithdrawRemoval():
            return f"withdraw the removal of {step.name}"
        case Adopt():
            return f"adopt {step.name}"
        case Record():
            return f"record {step.name} {step.status.phase}"
        case KeepRevision():
            return f"keep revision {step.number}"
        case ForgetRevision() | ForgetRecord():
            return f"forget {step.name}"
        case WriteConfiguration():
            return f"write configuration {step.name}"
        case SwitchSource():
            return f"switch to {step.source}"
        case ChangeImage():
            return f"give {step.name} {step.image}"
        case RunScript():
            return f"run the script in {step.name}"
        case KeepResults():
            return f"keep the results of batch {step.batch}"
