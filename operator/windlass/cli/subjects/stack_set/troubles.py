"""What is wrong with instances: the first error of those that failed, and what of the others has drifted."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.api.stack_instance import StackInstanceStatus
from windlass.api.stacks import InstancePhase
from windlass.cli.reading import Body
from windlass.cli.subjects.stack_set.leaf import Leaf
from windlass.cli.subjects.stack_set.objects import drift_of
from windlass.cli.text import columns
from windlass.planner.reason import counted

FAILURES = frozenset({InstancePhase.FAILED, InstancePhase.INOPERABLE})


@dataclass(frozen=True, slots=True)
class Trouble:
    """One instance, and the first thing that is wrong with it."""

    leaf: Leaf
    what: str


@dataclass(frozen=True, slots=True)
class Troubles:
    """Those that failed, and those that have drifted."""

    failed: tuple[Trouble, ...]
    drifted: tuple[Trouble, ...]

    def sections(self) -> Iterator[tuple[str, list[str]]]:
        """For people."""
        yield "Failed", _lines(self.failed)
        yield "Drifted", _lines(self.drifted)

    def values(self) -> dict[str, Any]:
        """For programs."""
        return {"failures": [_value(each) for each in self.failed], "drifts": [_value(each) for each in self.drifted]}

    def advice(self, namespace: str) -> Iterator[str]:
        """What to look at first."""
        for each in self.failed[:1]:
            yield f"see all that went wrong: kubectl windlass explain stackinstance {each.leaf.name} -n {namespace}"
        if self.drifted:
            yield "put right what has drifted: start a StackSetOperation with action DeploySet"


def troubles_of(bodies: Mapping[str, Body], leaves: Iterable[Leaf]) -> Troubles:
    """What is wrong with these instances, of which `bodies` has the bodies by name."""
    ranked = sorted(leaves, key=lambda leaf: leaf.rank)
    return Troubles(
        tuple(Trouble(leaf, _error(leaf, bodies[leaf.name])) for leaf in ranked if leaf.state in FAILURES),
        tuple(Trouble(leaf, _difference(bodies[leaf.name])) for leaf in ranked if leaf.drifted),
    )


def operations_of(bodies: Mapping[str, Body], troubles: Iterable[Trouble]) -> set[str]:
    """The operations in which these came to be so."""
    return {str(bodies[each.leaf.name]["spec"].get("operation", "")) for each in troubles}


def _error(leaf: Leaf, body: Body) -> str:
    status = _status(body)
    if not status.errors:
        return leaf.message
    first = status.errors[0]
    more = f" ({counted(status.error_count, 'error')})" if status.error_count > 1 else ""
    return f"{first.object}: {first.message}{more}" if first.object else f"{first.message}{more}"


def _difference(body: Body) -> str:
    status = _status(body)
    if not status.drifted:
        return status.message
    first, others = status.drifted[0], len(status.drifted) - 1
    more = f", and {counted(others, 'more object')}" if others else ""
    return f"{first.object}: {drift_of(first)}{more}"


def _status(body: Body) -> StackInstanceStatus:
    return StackInstanceStatus.model_validate(body.get("status") or {})


def _lines(troubles: Iterable[Trouble]) -> list[str]:
    return columns((each.leaf.name, str(each.leaf.state), each.what) for each in troubles)


def _value(trouble: Trouble) -> dict[str, Any]:
    leaf = trouble.leaf
    return {
        "name": leaf.name,
        "region": leaf.region,
        "account": leaf.account,
        "state": str(leaf.state),
        "problem": trouble.what,
    }
