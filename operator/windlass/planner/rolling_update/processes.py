"""Which processes of a group its rolling updates suspend."""

from collections.abc import Iterable

from windlass.api.processes import Process
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.rolling_update.update import Update
from windlass.planner.tasks import FINAL


def suspended_by(updates: Iterable[Update], run: UpdateRunStatus | None) -> dict[Process, str]:
    """The processes that updates suspend, each with the name of one that does.

    One that runs suspends all that it enters with; one that has run, those that it does not exit with. It ends with
    the object: one that is gone or is being deleted suspends nothing.
    """
    found: dict[Process, str] = {}
    for update in updates:
        if update.removing:
            continue
        spec, status = update.spec, update.status
        runs = run is not None and run.uid == update.uid
        if runs and run is not None and run.outcome is None:
            suspended = spec.enter_processes
        elif runs or (status.start_time is not None and status.phase in FINAL):
            left = spec.enter_processes if spec.exit_processes is None else spec.exit_processes
            suspended = tuple(each for each in spec.enter_processes if each not in left)
        else:
            continue
        for process in suspended:
            found.setdefault(process, update.name)
    return found
