"""Plans of an operation with what its status says of them: its phase, a sentence, and conditions."""

from windlass.api.stack_set_operation import StackSetOperationStatus
from windlass.api.task import Phase
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.plan import Event, Plan
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons import OperationRefused
from windlass.planner.stackset.steps import OperationPlan, Step
from windlass.planner.stackset.view import OperationView
from windlass.planner.tasks import WELL


def goes_on(
    v: OperationView, status: StackSetOperationStatus, why: Reason, *steps: Step, events: tuple[Event, ...] = ()
) -> OperationPlan:
    """It is not over."""
    return Plan(_told(v, status, "Reconciling", why), why, steps, events=events)


def ended(v: OperationView, status: StackSetOperationStatus, phase: Phase, why: Reason) -> OperationPlan:
    """It is over from now on."""
    ends = status.model_copy(update={"phase": phase, "completion_time": v.world.now})
    well = phase in WELL
    also = "Complete" if phase is Phase.SUCCESSFUL else "Failed"
    told = _told(v, ends, "Ready" if well else "Stalled", why, also)
    return Plan(told, why, events=(Event("Normal" if well else "Warning", why),))


def refused(v: OperationView, status: StackSetOperationStatus, problem: Reason) -> OperationPlan:
    """It has failed, because it cannot be done."""
    return ended(v, status, Phase.FAILED, OperationRefused(str(problem)))


def _told(
    v: OperationView, status: StackSetOperationStatus, readiness: Readiness, why: Reason, *also: str
) -> StackSetOperationStatus:
    generation, message = v.operation.generation, str(why)[:1024]
    made = conditions(readiness, why, message, old=status.conditions, generation=generation, now=v.world.now, also=also)
    return status.model_copy(
        update={
            "message": message,
            "observed_generation": generation,
            "position": v.operation.position,
            "conditions": made,
        }
    )
