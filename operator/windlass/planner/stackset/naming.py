"""The names of what belongs to a stack set."""

import hashlib
import re

from windlass.planner.stackset.targets import Place

MOST_CHARACTERS = 200
_PLAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_UNFIT = re.compile(r"[^a-z0-9]+")


def instance_name(stack_set: str, place: Place) -> str:
    """The name of the instance of this place: `shop.eu-1.acme`.

    Where a part has a dot, or anything else that does not fit, it ends in a hash, so that no two places share a name.
    """
    parts = (stack_set, place.region, place.account)
    plain = ".".join(parts)
    if all(_PLAIN.fullmatch(part) for part in parts) and len(plain) <= MOST_CHARACTERS:
        return plain
    told_apart = hashlib.sha256("/".join(parts).encode()).hexdigest()[:10]
    shown = _UNFIT.sub("-", plain.lower())[: MOST_CHARACTERS - 11].rstrip("-")
    return f"{shown}-{told_apart}"


def snapshot_name(stack_set: str, letter: str, digest: str) -> str:
    """The name of what is kept of a set: `t` its template, `v` its variables, `o` an operation's overrides."""
    return f"{stack_set}-{letter}-{digest[:16]}"
