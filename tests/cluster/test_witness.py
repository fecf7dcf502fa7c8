"""What a witness waits for when it catches up with a list, while its watch goes on."""

from typing import cast

import pytest

from hack.cluster import Cluster
from tests.cluster.witness import Object, Witness


class Listed:
    """Answers each list with the same Pods."""

    def __init__(self, version: int, *items: Object) -> None:
        self._listed = {"metadata": {"resourceVersion": str(version)}, "items": list(items)}

    def request(self, *_: object) -> Object:
        return self._listed


def pod(version: int, name: str = "web-0") -> Object:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def that_saw(listed: Listed, *events: tuple[str, Object]) -> Witness:
    seeing = Witness(cast("Cluster", listed), "/api/v1/pods")
    for kind, thing in events:
        seeing._note(kind, thing)
    return seeing


SEEN = {
    "nothing was ever there": (Listed(9), []),
    "as it is listed": (Listed(9, pod(5)), [("ADDED", pod(5))]),
    "changed since it was listed": (Listed(9, pod(5)), [("ADDED", pod(5)), ("MODIFIED", pod(10))]),
    "gone since it was listed": (Listed(9, pod(5)), [("ADDED", pod(5)), ("DELETED", pod(10))]),
    "made since the list": (Listed(9), [("ADDED", pod(10))]),
}

NOT_SEEN = {
    "not yet made": (Listed(9, pod(5)), []),
    "not yet changed": (Listed(9, pod(6)), [("ADDED", pod(5))]),
    "not yet gone": (Listed(9), [("ADDED", pod(5))]),
    "one of two": (Listed(9, pod(5), pod(6, "web-1")), [("ADDED", pod(5))]),
}


@pytest.mark.parametrize(("listed", "events"), SEEN.values(), ids=SEEN)
def test_what_it_has_seen_already_is_not_waited_for(listed: Listed, events: list[tuple[str, Object]]) -> None:
    that_saw(listed, *events).catch_up()


@pytest.mark.parametrize(("listed", "events"), NOT_SEEN.values(), ids=NOT_SEEN)
def test_what_it_has_not_seen_is_waited_for(
    listed: Listed, events: list[tuple[str, Object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Witness.wait_for, "__defaults__", (0.01,))
    with pytest.raises(TimeoutError, match="all of /api/v1/pods"):
        that_saw(listed, *events).catch_up()
