"""What a container group's status says: its phase, a sentence, conditions, and how its Pod is."""

from dataclasses import dataclass
from datetime import datetime

from windlass.api.container_group import ContainerGroupStatus, ContainerStatus, Phase
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.containergroup.parts import whole_parts
from windlass.planner.containergroup.pod import changes_of
from windlass.planner.containergroup.steps import CreatePod, Step
from windlass.planner.containergroup.view import ContainerGroupView, ContainerReport
from windlass.planner.plan import Event
from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class Move:
    """What is done next, and why. `stuck`: nothing goes on until people do something."""

    why: Reason
    steps: tuple[Step, ...] = ()
    wake_at: datetime | None = None
    events: tuple[Event, ...] = ()
    stuck: bool = False


def told(
    v: ContainerGroupView,
    status: ContainerGroupStatus,
    phase: Phase,
    readiness: Readiness,
    why: Reason,
    steps: tuple[Step, ...] = (),
) -> ContainerGroupStatus:
    """The status of the group while it stands so and does this."""
    group, pod, said = v.group, v.pod, str(why)[:1024]
    made = conditions(readiness, why, said, old=group.status.conditions, generation=group.generation, now=v.now)
    creates = any(isinstance(step, CreatePod) for step in steps)
    if creates or (pod is not None and pod.owned and not changes_of(group, pod)):
        status = status.model_copy(update={"applied": whole_parts(group.spec)})
    if pod is not None and pod.owned:
        reports = (*pod.init_reports, *pod.reports)
        seen = {
            "pod_name": group.name,
            "pod_ip": pod.ip,
            "node_name": pod.node,
            "containers": tuple(_container(each) for each in reports),
        }
    else:
        seen = {"pod_ip": "", "node_name": "", "containers": ()}
    return status.model_copy(
        update={
            "observed_generation": group.generation,
            "phase": phase,
            "message": said,
            "conditions": made,
            **seen,
        }
    )


def _container(report: ContainerReport) -> ContainerStatus:
    return ContainerStatus(
        name=report.name,
        state=report.state,
        reason=(report.ending.reason if report.ending is not None else report.reason)[:128],
        ready=report.ready,
        restart_count=report.restart_count,
        image=report.image[:1024],
        cpu=report.sizes.cpu_text if report.sizes is not None else "",
        memory=report.sizes.memory_text if report.sizes is not None else "",
    )
