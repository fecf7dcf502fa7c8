"""Why a stack could not be deployed to its target, or removed from it."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason

# ---- the whole stack


@dataclass(frozen=True, slots=True)
class TargetRefuses(Reason):
    """The cluster does not let us do what all else hangs on."""

    TEXT: ClassVar[str] = "the target refuses: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class CredentialsRefused(Reason):
    """The credentials are not accepted."""

    TEXT: ClassVar[str] = "the target does not accept the credentials: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class TargetTooSlow(Reason):
    """The cluster answers, but not as fast as all that is to be done there needs."""

    TEXT: ClassVar[str] = (
        "not done within {minutes:minute}: the target answers too slowly for all that is to be done there; see to it, "
        "or raise the set's timeoutMinutes"
    )
    minutes: int


@dataclass(frozen=True, slots=True)
class NoTargetNamespace(Reason):
    """The namespace for the record of what was deployed is not there."""

    TEXT: ClassVar[str] = (
        "namespace {namespace} is not in the target: create it there (the stack cannot bring it, because the list of "
        "what was deployed lies in it), or have the StackTarget name another one"
    )
    namespace: str


@dataclass(frozen=True, slots=True)
class InventoryTaken(Reason):
    """The record of what was deployed belongs to somebody else."""

    TEXT: ClassVar[str] = (
        "ConfigMap {name} in the target, in which what was deployed is listed, is not of this stack ({owner}): delete "
        "it if nobody needs it"
    )
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class InventoryUnreadable(Reason):
    """The record of what was deployed makes no sense."""

    TEXT: ClassVar[str] = (
        "the list of what was deployed, ConfigMap {name} in the target, was changed by somebody and cannot be read "
        "({problem}): put it right; without it nobody knows what is to be deleted"
    )
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class NothingKnown(Reason):
    """Neither the record of what was deployed is there, nor what it was deployed from."""

    TEXT: ClassVar[str] = (
        "the list of what was deployed is gone from the target, and so is what it was deployed from: delete the "
        "objects there by hand (label windlass.dev/stack-set), then DeleteInstances with retainStacks"
    )


@dataclass(frozen=True, slots=True)
class TooManyListed(Reason):
    """The record of what was deployed would be too large."""

    TEXT: ClassVar[str] = (
        "the stack would have {objects:object} in the target, with those that are still to be deleted, and {size} "
        "bytes of names; at most {most_objects} and {most_bytes} can be listed"
    )
    objects: int
    size: int
    most_objects: int
    most_bytes: int


# ---- one object


@dataclass(frozen=True, slots=True)
class KindNotServed(Reason):
    """The target does not know its kind."""

    TEXT: ClassVar[str] = (
        "the target does not serve {kind} of {api_version}: install its CRD there, or with the template"
    )
    kind: str
    api_version: str


@dataclass(frozen=True, slots=True)
class BelongsToAnother(Reason):
    """It is another stack's."""

    TEXT: ClassVar[str] = (
        "it belongs to the stack {owner}: take it out of one of both, or remove its annotation {annotation}"
    )
    owner: str
    annotation: str


@dataclass(frozen=True, slots=True)
class HeldByOthers(Reason):
    """Others manage fields that the template sets."""

    TEXT: ClassVar[str] = "{problem}; leave these fields out of the template, or have that manager give them up"
    problem: str


@dataclass(frozen=True, slots=True)
class NotReadyInTime(Reason):
    """It is there, and was not ready in time."""

    TEXT: ClassVar[str] = "not ready within {minutes:minute}: {why}"
    minutes: int
    why: str


@dataclass(frozen=True, slots=True)
class DeletedMeanwhile(Reason):
    """Somebody deleted it while it was being deployed."""

    TEXT: ClassVar[str] = "somebody deleted it while it was being deployed"


@dataclass(frozen=True, slots=True)
class StillThere(Reason):
    """It was deleted, and does not go."""

    TEXT: ClassVar[str] = "deleted, but still there after {minutes:minute}{held}"
    minutes: int
    held: str


@dataclass(frozen=True, slots=True)
class AnswerHidden(Reason):
    """What the API server said may quote a secret value."""

    TEXT: ClassVar[str] = "(hidden): the target's answer (code {answered}) may quote a secret value"
    answered: int


@dataclass(frozen=True, slots=True)
class RollBackFailed(Reason):
    """What was there before could not be put back."""

    TEXT: ClassVar[str] = "the roll-back to what was deployed before failed too: {first}"
    first: str


@dataclass(frozen=True, slots=True)
class TwiceInTemplate(Reason):
    """The template has it with its namespace and without one."""

    TEXT: ClassVar[str] = "the template has it twice, once without the namespace that it goes to: take one away"


@dataclass(frozen=True, slots=True)
class DeployedByOthers(Reason):
    """What is deleted comes back."""

    TEXT: ClassVar[str] = "somebody else deploys this stack at the same time: have only one do so, then try again"
