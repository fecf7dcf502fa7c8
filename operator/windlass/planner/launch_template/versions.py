"""Which version of a LaunchTemplate is meant: a number, or one of the words Default and Latest."""

from collections.abc import Mapping
from typing import Any

from windlass.api.launch_template import DEFAULT, LATEST

Spec = Mapping[str, Any]
NOT_MADE_FROM = ("version", "description")  # of a version's fields: all others say what an instance looks like


def numbers(spec: Spec) -> tuple[int, ...]:
    """The numbers of the versions that there are, ascending."""
    return tuple(sorted(each["version"] for each in spec.get("versions") or ()))


def number_of(spec: Spec, asked: str) -> int | None:
    """The number that `asked` (a number, Default or Latest) stands for; None where there is no such version."""
    known = numbers(spec)
    if asked == DEFAULT:
        asked = str(spec.get("defaultVersion") or LATEST)
    if asked == LATEST:
        return known[-1] if known else None
    return next((number for number in known if str(number) == asked), None)


def contents(spec: Spec, number: int) -> Mapping[str, Any]:
    """What instances of this version are made from, as a ScalingConfiguration's spec has it."""
    version = next(each for each in spec["versions"] if each["version"] == number)
    return {field: value for field, value in version.items() if field not in NOT_MADE_FROM}


def follows(asked: str) -> bool:
    """Whether what is asked for is a word, so that it may mean another version tomorrow."""
    return asked in {DEFAULT, LATEST}
