"""Revisions on the wire."""

import json
from typing import Any

import pytest

from windlass.cluster.revisions import revision_manifest
from windlass.planner.capacity.reasons import NewConfiguration
from windlass.planner.plan import KeepRevision


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
