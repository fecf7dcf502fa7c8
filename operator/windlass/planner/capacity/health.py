"""Health: which instances are replaced because they take no work any more.

A mass failure is met step by step: at most a tenth of the desired size (at least one) is away for its health at once.
Instances whose Pod has ended are certainly of no use: they wait only for replacements that were not launched yet.
Those that are merely not ready wait for replacements to come into service too, but for one health interval at most, so
that a launch that hangs does not keep the others from being replaced.
"""

from datetime import datetime

from windlass.planner.capacity.instance import Instance, Patience, State
from windlass.planner.capacity.reasons import OneStepAtATime, Unhealthy
from windlass.planner.capacity.removal import remove_unfit
from windlass.planner.capacity.situation import Decision, Hold, Situation, replacing_suspended


def replace_unhealthy(s: Situation) -> Decision | Hold | None:
    """The rule: a sick instance is not capacity for long."""
    spared = s.update.spared if s.update is not None else frozenset()
    unhealthy = [i for i in s.census.of(State.UNHEALTHY) if not i.protected and i.uid not in spared]
    if not unhealthy or s.shrinks or s.revision is None:
        return None
    if (suspended := replacing_suspended(s, len(unhealthy), "unhealthy, not replaced")) is not None:
        return suspended
    chosen = _next_to_leave(s, unhealthy)
    if not chosen:
        return Hold(OneStepAtATime(len(unhealthy), s.most_away))
    return remove_unfit(s, [(i, Unhealthy(_problem(i))) for i in chosen])


def _next_to_leave(s: Situation, unhealthy: list[Instance]) -> list[Instance]:
    room = s.most_away - s.missing
    dead = [i for i in unhealthy if i.ended][: max(0, room)]
    room -= len(dead) + len(_young(s))
    sick = [i for i in unhealthy if not i.ended][: max(0, room)]
    return dead + sick


def _young(s: Situation) -> list[Instance]:
    """Instances on their way that have not had one health interval yet."""
    interval = Patience.of(s.spec).health_interval
    return [i for i in s.census.of(State.PENDING) if i.created_at + interval > s.now]


def next_room(s: Situation) -> datetime | None:
    """When an unhealthy instance that waits may leave at the latest."""
    if not s.census.by_state[State.UNHEALTHY]:
        return None
    interval = Patience.of(s.spec).health_interval
    return min((i.created_at + interval for i in _young(s)), default=None)


def _problem(instance: Instance) -> str:
    if instance.problem:
        return instance.problem
    return "its Pod has ended" if instance.ended else "not ready for too long"
