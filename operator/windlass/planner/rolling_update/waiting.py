"""What an update waits for."""

from windlass.api.processes import Process
from windlass.api.rolling_update import UpdateState
from windlass.api.task import Phase
from windlass.planner.capacity.situation import Situation
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.payload import NewImage
from windlass.planner.rolling_update.reasons import (
    WaitsAfterFailure,
    WaitsForApproval,
    WaitsForContainers,
    WaitsForRoom,
    WaitsForScripts,
)
from windlass.planner.rolling_update.run import Run, first_failure, room
from windlass.planner.rollout.reasons import SuspendedByPerson, SwitchedOff, WaitsForCommit, WaitsForTurn


def room_left(s: Situation, run: Run) -> tuple[int, int, int]:
    """How many more may be taken out of service now; how many serve, and the floor.

    What is missing and may not be launched is not waited for: the update itself may have suspended that.
    """
    size = min(s.desired, s.census.capacity) if s.suspended(Process.SCALE_OUT) else s.desired
    return room(s.census, size, run)


def why_waiting(s: Situation, run: Run) -> Reason:
    """What must happen before it goes on, where nothing but the update itself is in the way."""
    status, batch = run.status, run.batch
    if status.committing:
        return WaitsForCommit()
    if batch.under_way:
        first = batch.under_way[0]
        said = f"{first.instance.name}: {first.what}"[:300]
        waits = WaitsForContainers if isinstance(run.payload, NewImage) else WaitsForScripts
        return waits(len(batch.under_way), status.batch, said)
    if status.phase == Phase.SUSPENDED:
        suspended = run.update is not None and run.update.spec.state is UpdateState.SUSPENDED
        return SuspendedByPerson() if suspended else SwitchedOff()
    if status.phase == Phase.PAUSED and status.approved_at_failure is not None:
        return WaitsAfterFailure(first_failure(status), status.name, status.batch, status.batches)
    if status.phase == Phase.PAUSED:
        return WaitsForApproval(status.batch, status.batches, status.name)
    if batch.waiting and isinstance(run.payload, NewImage):
        free, serving, floor = room_left(s, run)
        if not free:
            return WaitsForRoom(serving, floor)
    return WaitsForTurn()
