"""Every reason that a scaling group's pass gives."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from windlass.planner.reason import Reason

# ---- how the group stands


@dataclass(frozen=True, slots=True)
class AsDesired(Reason):
    """Nothing is to be done."""

    TEXT: ClassVar[str] = "{in_service:instance} in service, as desired"
    in_service: int


@dataclass(frozen=True, slots=True)
class Disabled(Reason):
    """The group was told to do nothing."""

    TEXT: ClassVar[str] = "disabled by spec.enabled: nothing is done; {in_service} of {desired} in service"
    in_service: int
    desired: int


@dataclass(frozen=True, slots=True)
class BeingDeleted(Reason):
    """The group is on its way out, and its instances with it."""

    TEXT: ClassVar[str] = "the group is being deleted, and its instances with it"


@dataclass(frozen=True, slots=True)
class ConfigurationMissing(Reason):
    """There is nothing to make instances from."""

    TEXT: ClassVar[str] = (
        "ScalingConfiguration {name} does not exist: create it, or name another one in "
        "spec.configuration.scalingConfiguration"
    )
    name: str


@dataclass(frozen=True, slots=True)
class TemplateRefused(Reason):
    """The API server's dry run refuses the Pod."""

    TEXT: ClassVar[str] = "the API server refuses an instance made from {source}: {problem}"
    source: str
    problem: str


@dataclass(frozen=True, slots=True)
class LaunchesFail(Reason):
    """Launches failed, and the next try is due later."""

    TEXT: ClassVar[str] = "launching failed {failures:in a row}, next try at {retry_at}: {problem}"
    failures: int
    retry_at: datetime
    problem: str


@dataclass(frozen=True, slots=True)
class RemovalsRefused(Reason):
    """The API server does not let instances be removed, and the next try is due later."""

    TEXT: ClassVar[str] = "removing was refused {failures:in a row}, next try at {retry_at}: {problem}"
    failures: int
    retry_at: datetime
    problem: str


@dataclass(frozen=True, slots=True)
class ComingIntoService(Reason):
    """Instances are on their way."""

    TEXT: ClassVar[str] = "{pending:instance} on the way into service"
    pending: int


@dataclass(frozen=True, slots=True)
class HeldUp(Reason):
    """Instances are on their way, and something says why they do not arrive."""

    TEXT: ClassVar[str] = "{pending:instance} on the way into service; {name}: {problem}"
    pending: int
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class NoZoneLeft(Reason):
    """Every zone of the group has failed; what cannot be scheduled waits."""

    TEXT: ClassVar[str] = "all zones have failed, {pending:instance} waiting to be scheduled; {name}: {problem}"
    pending: int
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class NotReadyForNow(Reason):
    """Instances that were in service are not ready, and are given time."""

    TEXT: ClassVar[str] = "{instances} not ready; replaced when that lasts {seconds:second}"
    instances: tuple[str, ...]
    seconds: int


@dataclass(frozen=True, slots=True)
class ToBeReplaced(Reason):
    """Instances are of no use any more, and the next pass replaces them."""

    TEXT: ClassVar[str] = "{instances} failed or unhealthy, and about to be replaced"
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftAlone(Reason):
    """Instances that take no work, and are protected."""

    TEXT: ClassVar[str] = "{instances} not in service, and left alone because of the annotation windlass.dev/protect"
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OneStepAtATime(Reason):
    """Unhealthy instances wait until those replaced before them are back."""

    TEXT: ClassVar[str] = "{unhealthy:instance} unhealthy; at most {limit} at a time for their health"
    unhealthy: int
    limit: int


@dataclass(frozen=True, slots=True)
class OnTheirWayOut(Reason):
    """Instances are being deleted."""

    TEXT: ClassVar[str] = "{removing:instance} on the way out"
    removing: int


@dataclass(frozen=True, slots=True)
class HeldBack(Reason):
    """Instances are being deleted, and something keeps one of them."""

    TEXT: ClassVar[str] = "{removing:instance} on the way out; {name}: {problem}"
    removing: int
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class ProcessSuspended(Reason):
    """Something would be done, and is suspended."""

    TEXT: ClassVar[str] = "{process} is suspended{by}: {instances:instance} {left_alone}"
    process: str
    instances: int
    left_alone: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class OnlyProtectedLeft(Reason):
    """The group should shrink, and may not choose any of its instances."""

    TEXT: ClassVar[str] = "{surplus:instance} too many, but all are protected by the annotation windlass.dev/protect"
    surplus: int


@dataclass(frozen=True, slots=True)
class DesiredCut(Reason):
    """The desired size lies outside the bounds, because a bound moved."""

    TEXT: ClassVar[str] = "desiredSize {desired} is {side} {bound}: the group works towards {effective}"
    desired: int
    side: str
    bound: str
    effective: int


@dataclass(frozen=True, slots=True)
class OlderRevision(Reason):
    """Instances were made from an older configuration."""

    TEXT: ClassVar[str] = "{outdated:instance} made from an older configuration, kept until replaced"
    outdated: int


# ---- why an activity begins


@dataclass(frozen=True, slots=True)
class DesiredChanged(Reason):
    """Somebody changed the size that is wanted."""

    TEXT: ClassVar[str] = "the desired size changed from {before} to {after}"
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class SizeDiffers(Reason):
    """There are more or fewer instances than wanted, and nobody changed what is wanted."""

    TEXT: ClassVar[str] = "{capacity:instance} where {desired} are desired"
    capacity: int
    desired: int


@dataclass(frozen=True, slots=True)
class InstancesLost(Reason):
    """Instances vanished."""

    TEXT: ClassVar[str] = "{missing:instance} missing of {desired} desired"
    missing: int
    desired: int


@dataclass(frozen=True, slots=True)
class TryingAgain(Reason):
    """Launches failed before."""

    TEXT: ClassVar[str] = "trying again after launching failed {failures:in a row}: {problem}"
    failures: int
    problem: str


@dataclass(frozen=True, slots=True)
class InstancesUnfit(Reason):
    """Instances are of no use: they failed, are unhealthy, or cannot be scheduled where they are."""

    TEXT: ClassVar[str] = "replacing {instances}: {because}"
    instances: tuple[str, ...]
    because: str


# ---- why a step is taken


@dataclass(frozen=True, slots=True)
class DesiredUnset(Reason):
    """The scale subresource needs a value."""

    TEXT: ClassVar[str] = "spec.desiredSize is unset: seeded with {size}, so that autoscalers can read the scale"
    size: int


@dataclass(frozen=True, slots=True)
class NewConfiguration(Reason):
    """A configuration is seen for the first time."""

    TEXT: ClassVar[str] = "{source} is new to the group"
    source: str


@dataclass(frozen=True, slots=True)
class RevisionUnused(Reason):
    """Nobody needs the revision any more."""

    TEXT: ClassVar[str] = "no instance was made from it, and two newer ones are kept"


@dataclass(frozen=True, slots=True)
class SchedulerChooses(Reason):
    """The group names no zones."""

    TEXT: ClassVar[str] = "the group names no zones: the scheduler chooses"


@dataclass(frozen=True, slots=True)
class FewestInZone(Reason):
    """Balanced."""

    TEXT: ClassVar[str] = "{zone} has the fewest instances ({instances})"
    zone: str
    instances: int


@dataclass(frozen=True, slots=True)
class FirstZone(Reason):
    """Priority."""

    TEXT: ClassVar[str] = "{zone} is the first zone of the group that has not failed"
    zone: str


@dataclass(frozen=True, slots=True)
class ZoneOnTrial(Reason):
    """A zone that failed gets one instance to show whether it works again."""

    TEXT: ClassVar[str] = "{zone} failed before: one instance tries it again"
    zone: str


@dataclass(frozen=True, slots=True)
class LaunchFailed(Reason):
    """It did not come into service in time, or its Pod ended before."""

    TEXT: ClassVar[str] = "did not come into service: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class ZoneFailed(Reason):
    """It cannot be scheduled in its zone."""

    TEXT: ClassVar[str] = "{zone} has failed: {problem}"
    zone: str
    problem: str


@dataclass(frozen=True, slots=True)
class ZoneUnlisted(Reason):
    """It cannot be scheduled in its zone, which the group does not name any more."""

    TEXT: ClassVar[str] = "{zone} is not among the group's zones any more, and cannot take it: {problem}"
    zone: str
    problem: str


@dataclass(frozen=True, slots=True)
class Unhealthy(Reason):
    """It was in service and is not any more."""

    TEXT: ClassVar[str] = "unhealthy: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class NotInService(Reason):
    """Whoever takes no work leaves first."""

    TEXT: ClassVar[str] = "it is {state}: those that take no work leave first"
    state: str


@dataclass(frozen=True, slots=True)
class LowestDeletionCost(Reason):
    """Somebody said that it is the cheapest to lose."""

    TEXT: ClassVar[str] = "its pod-deletion-cost ({cost}) is the lowest"
    cost: int


@dataclass(frozen=True, slots=True)
class FullestZone(Reason):
    """Balanced, then the removal policy."""

    TEXT: ClassVar[str] = "{zone} has the most instances ({instances}); there, {policy} chose it"
    zone: str
    instances: int
    policy: str


@dataclass(frozen=True, slots=True)
class HighestPrice(Reason):
    """CostOptimized, then the removal policy."""

    TEXT: ClassVar[str] = "its unit price ({price}) is the highest; among those, {policy} chose it"
    price: str
    policy: str


@dataclass(frozen=True, slots=True)
class RemovalPolicy(Reason):
    """The removal policy alone."""

    TEXT: ClassVar[str] = "{policy} chose it"
    policy: str


@dataclass(frozen=True, slots=True)
class HistoryFull(Reason):
    """More ended activities than the group keeps."""

    TEXT: ClassVar[str] = "the group keeps {limit} ended activities"
    limit: int


@dataclass(frozen=True, slots=True)
class RemovalWithdrawn(Reason):
    """Somebody was to leave, and may stay now; the request to remove it may still be on its way."""

    TEXT: ClassVar[str] = "{activity} was to remove it, and it may stay: a removal that is still under way must fail"
    activity: str


# ---- what is told as an event


@dataclass(frozen=True, slots=True)
class ActivityStarted(Reason):
    """An activity began."""

    TEXT: ClassVar[str] = "{name} ({type}): {cause}"
    name: str
    type: str
    cause: str


@dataclass(frozen=True, slots=True)
class ActivitySuccessful(Reason):
    """An activity did what it set out to do."""

    TEXT: ClassVar[str] = "{name} ({type}): {description}"
    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class ActivityWarning(ActivitySuccessful):
    """An activity did a part of what it set out to do."""


@dataclass(frozen=True, slots=True)
class ActivityFailed(ActivitySuccessful):
    """An activity did nothing of what it set out to do."""


@dataclass(frozen=True, slots=True)
class InstanceLeaves(Reason):
    """Instances are removed for a reason that concerns them alone."""

    TEXT: ClassVar[str] = "removing {name}: {because}"
    name: str
    because: str


@dataclass(frozen=True, slots=True)
class RecordingActivity(Reason):
    """The record is to say what the activity did."""

    TEXT: ClassVar[str] = "recording {name}"
    name: str
