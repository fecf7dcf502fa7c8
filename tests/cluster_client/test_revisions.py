"""Revisions on the wire."""

import json
from typing import Any

import msgspec
import pytest

from windlass.cluster.revisions import ControllerRevision, revision_manifest, to_revision
from windlass.planner.capacity.reasons import NewConfiguration
from windlass.planner.capacity.steps import KeepRevision


def manifest(data: Any) -> bytes:
    step = KeepRevision("web-1", 1, data, NewConfiguration("ScalingConfiguration/web"))
    return revision_manifest(step, group="web", group_uid="uid")


def test_a_revision_is_written_with_its_keys_in_order() -> None:
    data = {"source": {"name": "web", "kind": "K"}, "configuration": {"b": 1, "a": 2}}

    assert (
        manifest(data)
        .split(b'"data":')[1]
        .startswith(b'{"configuration":{"a":2,"b":1},"source":{"kind":"K","name":"web"}}')
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a < b && c > d", rb'"a \u003c b \u0026\u0026 c \u003e d"'),
        ("\u2028 \u2029", rb'"\u2028 \u2029"'),
        ("é 漢 \U0001f600", '"é 漢 \U0001f600"'.encode()),
        ('"\\\n\t', rb'"\"\\\n\t"'),
    ],
)
def test_a_revision_escapes_what_go_does_and_nothing_else(text: str, written: bytes) -> None:
    made = manifest({"command": text})

    assert b'"command":' + written in made
    assert json.loads(made)["data"] == {"command": text}


CONFIGURATION = {"template": {}}
SOURCE = {"kind": "ScalingConfiguration", "name": "web"}
HEAD = {"namespace": "default", "name": "web-1", "uid": "1", "resourceVersion": "1"}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"configuration": CONFIGURATION},
        {"configuration": "web:1", "source": SOURCE},
        {"configuration": CONFIGURATION, "source": ["web"]},
        {"configuration": CONFIGURATION, "source": {"kind": "ScalingConfiguration", "name": 1}},
    ],
    ids=str,
)
def test_what_is_not_a_revision_of_ours_is_not_taken_for_one(data: Any) -> None:
    found = msgspec.convert({"metadata": HEAD, "revision": 1, "data": data}, ControllerRevision)

    with pytest.raises(ValueError, match="its data are not a configuration"):
        to_revision(found)


def test_a_revision_that_was_deleted_and_is_still_there_is_known_as_such() -> None:
    deleted = {**HEAD, "deletionTimestamp": "2026-01-15T12:00:00Z"}
    data = {"configuration": CONFIGURATION, "source": SOURCE}
    found = msgspec.convert({"metadata": deleted, "revision": 1, "data": data}, ControllerRevision)

    assert to_revision(found).removing
