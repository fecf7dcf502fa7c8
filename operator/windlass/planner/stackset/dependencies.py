"""Which stack sets wait for which."""

from collections.abc import Callable, Iterable


def circles(name: str, depends_on: Callable[[str], Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Of the sets that this one depends on, those that depend on it in their turn: each with a shortest way from itself
    back to this one, both included. `depends_on`: the sets that a set depends on; none for one that is not there."""
    found: dict[str, tuple[str, ...]] = {}
    for first in depends_on(name):
        ways: dict[str, tuple[str, ...]] = {first: (first,)}
        queue = [first]
        for each in queue:
            for after in depends_on(each):
                if after not in ways:
                    ways[after] = (*ways[each], after)
                    queue.append(after)
        if name in ways:
            found[first] = ways[name]
    return found
