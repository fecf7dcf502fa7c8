"""Which variables a set records, which of them an instance overrides, and what both give together."""

from collections import Counter
from collections.abc import Collection, Mapping

from windlass.api.stacks import MAX_FILE_BYTES, MAX_INLINE_BYTES, MAX_VARIABLES
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_variables import (
    OverridesDangling,
    OverridesMissing,
    OverridesRepeated,
    OverridesUnknown,
    TogetherTooLarge,
    TooManyVariables,
    VariablesInBoth,
)
from windlass.planner.stackset.tfvars import Value, as_tfvars, parse


def recorded(inline: str, file: str | None) -> dict[str, Value] | Reason:
    """The set's variables: those in the object and those in the file, if there is one. No name stands in both."""
    own, more = parse(inline, "variables", MAX_INLINE_BYTES), parse(file or "", "variablesFrom")
    if isinstance(own, Reason):
        return own
    if isinstance(more, Reason):
        return more
    if both := own.keys() & more.keys():
        return VariablesInBoth(tuple(sorted(both)))
    if len(own) + len(more) > MAX_VARIABLES:
        return TooManyVariables(MAX_VARIABLES)
    return _measured("variables and variablesFrom", own | more, MAX_FILE_BYTES) if more else own


def overridden(
    recorded_names: Collection[str], inline: str, file: str | None, use_set: Collection[str]
) -> dict[str, Value] | Reason:
    """The values that an operation gives in place of the set's: they replace all that were given before.

    `use_set`: names that have the set's value. With the names in both texts they are the set's, each once.
    """
    own, more = parse(inline, "variables", MAX_INLINE_BYTES), parse(file or "", "variablesFrom")
    if isinstance(own, Reason):
        return own
    if isinstance(more, Reason):
        return more
    named = Counter([*own, *more, *use_set])
    if repeated := sorted(name for name, times in named.items() if times > 1):
        return OverridesRepeated(tuple(repeated))
    if unknown := sorted(named.keys() - set(recorded_names)):
        return OverridesUnknown(tuple(unknown))
    if missing := sorted(set(recorded_names) - named.keys()):
        return OverridesMissing(tuple(missing))
    return own | more


def still_fit(recorded: Mapping[str, Value], overrides_by_instance: Mapping[str, Mapping[str, Value]]) -> Reason | None:
    """Whether the set's new variables have all names that its instances override, by the names of these instances, and
    are not too large together with their values."""
    lost = {instance: own.keys() - recorded.keys() for instance, own in overrides_by_instance.items()}
    if names := sorted(set().union(*lost.values())):
        return OverridesDangling(tuple(names), tuple(sorted(instance for instance, each in lost.items() if each)))
    for own in {id(own): own for own in overrides_by_instance.values()}.values():
        together = merged(recorded, own)
        if isinstance(together, Reason):
            return together
    return None


def merged(
    recorded: Mapping[str, Value], overrides: Mapping[str, Value], *, inline: bool = False
) -> dict[str, Value] | Reason:
    """The values for one instance, whose overrides fit the set: as one text they have at most 1 MiB.

    `inline`: both were given without files, and have at most 51,200 bytes together.
    """
    values = {**recorded, **overrides}
    if not overrides:
        return values  # as they are they were measured when they were recorded
    most = MAX_INLINE_BYTES if inline else MAX_FILE_BYTES
    return _measured("the stack set's variables and the overrides", values, most)


def _measured(what: str, values: dict[str, Value], most: int) -> dict[str, Value] | Reason:
    """By the text that stores them: it is what has a limit."""
    size = len(as_tfvars(values).encode())
    return TogetherTooLarge(what, size, most) if size > most else values
