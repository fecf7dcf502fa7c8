"""Why launches fail whose instances were ready, and why launches are replaced that have not failed."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class EndedEarly(Reason):
    """Its Pod was ready, and ended soon after."""

    TEXT: ClassVar[str] = "ended within a minute of its launch: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class NeverSteady(Reason):
    """It was ready now and then, and never for long enough to be in service."""

    TEXT: ClassVar[str] = "never ready for {steady} s without a break in {seconds} s: {problem}"
    steady: int
    seconds: int
    problem: str


@dataclass(frozen=True, slots=True)
class Superseded(Reason):
    """It hung when the configuration was changed."""

    TEXT: ClassVar[str] = "made from an older configuration and never in service: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class NoZoneTakes(Reason):
    """It is not the zones' fault, as far as anybody can tell; what cannot be scheduled waits."""

    TEXT: ClassVar[str] = (
        "no zone takes an instance of this configuration, {pending:instance} waiting to be scheduled; {name}: {problem}"
    )
    pending: int
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class TriesZone(Reason):
    """No zone takes instances of the configuration; one of those that wait tries another."""

    TEXT: ClassVar[str] = "{zone} does not take it either, and another zone is tried: {problem}"
    zone: str
    problem: str


@dataclass(frozen=True, slots=True)
class FirstOfFailed(Reason):
    """Priority, while no zone takes instances."""

    TEXT: ClassVar[str] = "all zones have failed, and {zone} is the first of them: it waits there"
    zone: str


@dataclass(frozen=True, slots=True)
class MeantToEnd(Reason):
    """The configuration makes Pods that end by themselves."""

    TEXT: ClassVar[str] = (
        "{source} has restartPolicy {policy}: its Pods may end by themselves, and the group replaces each that does; "
        "Always fits what is to stay, a Job what is to end"
    )
    source: str
    policy: str
