"""What carries out a plan's steps, without the rest of the operator."""

from tests.controllers.runtimes import nobody_waits
from tests.worlds import GROUP
from windlass.cluster.client import Client
from windlass.controllers.scaling_group.caches import Caches, group_key
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.controllers.scaling_group.scripts import Scripts
from windlass.controllers.scaling_group.steps import Steps
from windlass.engine.clock import SystemClock
from windlass.engine.expectations import Expectations
from windlass.engine.own_stores import OwnStores
from windlass.planner.capacity.steps import GroupPlan, Step
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group

KEY = group_key("default", GROUP)


def no_scripts(client: Client) -> Scripts:
    """Nobody runs a script here."""
    return Scripts(client, SystemClock(), lambda key: None)


def hands(client: Client, seen: GroupView, in_memory: InMemoryState) -> tuple[Steps, Caches]:
    expectations = Expectations(SystemClock())
    caches = Caches(OwnStores(), client, expectations, nobody_waits, ("default",), lambda *counted: None)
    return Steps(client, caches, no_scripts(client), expectations, KEY, seen, in_memory), caches


def only(seen: GroupView, *steps: Step) -> GroupPlan:
    plan = plan_group(seen)
    return GroupPlan(plan.status, plan.why, steps, settles_removals=plan.settles_removals)
