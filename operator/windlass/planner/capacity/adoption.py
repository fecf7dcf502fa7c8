"""Adoption: Pods that an earlier group of the name left behind become instances, as a ReplicaSet adopts its Pods."""

from windlass.planner.capacity.reasons_adoption import PodsAdopted
from windlass.planner.capacity.situation import Decision, Situation
from windlass.planner.capacity.steps import Adopt
from windlass.planner.plan import Event

# Ordinals are counted on from the largest, to 999,999,999, and never go back: what a stranger writes must leave room.
LAST_ADOPTED = 99_999_999
ADOPTION_BATCH = 1000  # a pass adopts at most so many


def adopt_orphans(s: Situation) -> Decision | None:
    """The rule: what bears the group's label and an instance's name, lives and has no owner becomes its instance.

    Before anything is launched: else there would be more than desired under the selector that autoscalers read.
    """
    alive = [o for o in s.view.orphans if not o.removing and not o.ended and 0 <= o.ordinal <= LAST_ADOPTED]
    if not alive:
        return None
    chosen = sorted(alive, key=lambda orphan: orphan.ordinal)[:ADOPTION_BATCH]
    why = PodsAdopted(tuple(orphan.name for orphan in chosen))
    steps = tuple(Adopt(o.name, o.uid, o.resource_version, why) for o in chosen)
    return Decision(s.memory, why, steps, (Event("Normal", why, apart=True),))
