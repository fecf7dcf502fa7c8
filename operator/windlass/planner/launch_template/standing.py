"""What the status of a LaunchTemplate says."""

from datetime import datetime

from windlass.api.launch_template import DEFAULT, LATEST, LaunchTemplateStatus
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.launch_template.reasons import DefaultMissing, VersionsKnown
from windlass.planner.launch_template.versions import Spec, number_of, numbers
from windlass.planner.reason import Reason


def standing(spec: Spec, before: LaunchTemplateStatus, generation: int, now: datetime) -> LaunchTemplateStatus:
    """The status of a template with this spec. It is Stalled only where Default stands for nothing."""
    default, latest = number_of(spec, DEFAULT), number_of(spec, LATEST)
    readiness: Readiness = "Ready" if default is not None else "Stalled"
    why: Reason = DefaultMissing(str(spec.get("defaultVersion") or LATEST))
    if default is not None:
        why = VersionsKnown(len(numbers(spec)), str(default), str(latest))
    return LaunchTemplateStatus(
        observed_generation=generation,
        phase=readiness,
        message=str(why),
        default_version=default,
        latest_version=latest,
        conditions=conditions(readiness, why, str(why), old=before.conditions, generation=generation, now=now),
    )
