"""The mark that a RollingUpdate leaves on an instance, and what the kubelet reports since."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.cluster_client.test_pods import BORN, IN_SERVICE, at, read
from windlass.api.common import UPDATE_ANNOTATION
from windlass.api.rolling_update import InstanceResult
from windlass.cluster.pods import MarkOnTheWire, Pod, mark_of, pod_maker
from windlass.planner.rolling_update.mark import Mark

IMAGE = {"update": "u1", "begunAt": at(10), "container": "app", "image": "app:2", "restarts": 1}
SCRIPT = {"update": "u1", "begunAt": at(10), "container": "app", "run": "r1"}
CRASHED = {"terminated": {"reason": "Error", "exitCode": 7, "message": "no such table"}}


def marked(mark: object, **container: Any) -> dict[str, Any]:
    """A Pod in service whose annotation says this, and whose container `app` is reported so."""
    text = mark if isinstance(mark, str) else json.dumps(mark)
    metadata = IN_SERVICE["metadata"]
    annotations = {**metadata["annotations"], UPDATE_ANNOTATION: text}
    other = {"name": "side", "image": "side:9", "restartCount": 9, "state": {"running": {"startedAt": at(1)}}}
    status = IN_SERVICE["status"] | {"containerStatuses": [other, {"name": "app"} | container]}
    return IN_SERVICE | {"metadata": metadata | {"annotations": annotations}, "status": status}


def mark_in(mark: object, **container: Any) -> Mark:
    found = read(marked(mark, **container)).mark
    assert found is not None
    return found


def test_an_image_is_read_with_what_its_container_shows() -> None:
    running = {"running": {"startedAt": at(12)}}
    assert mark_in(IMAGE, image="app:2", restartCount=2, state=running) == Mark(
        update="u1",
        begun_at=BORN.replace(second=10),
        container="app",
        image="app:2",
        restarts=1,
        shown_image="app:2",
        shown_restarts=2,
        running_since=BORN.replace(second=12),
    )


def test_the_end_of_a_script_is_read() -> None:
    ended = {"result": "Failed", "exitCode": 3, "output": "no", "endedAt": at(20)}
    read_back = mark_in(SCRIPT | ended)
    assert (read_back.run, read_back.image, read_back.result) == ("r1", None, InstanceResult.FAILED)
    assert (read_back.exit_code, read_back.output, read_back.ended_at) == (3, "no", BORN.replace(second=20))


def test_a_container_that_crashes_says_so_with_its_last_words() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    read_back = mark_in(IMAGE, image="app:2", state=waiting, lastState=CRASHED)
    assert read_back.crashes
    said = "container app: CrashLoopBackOff: back-off 10s; before that Error: exit code 7: no such table"
    assert read_back.trouble == said


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        (
            {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}},
            "container app: ImagePullBackOff: not found",
        ),
        ({"waiting": {"reason": "ContainerCreating"}}, None),
        (CRASHED, "container app: Error: exit code 7: no such table"),
        ({"running": {"startedAt": at(12)}}, None),
        ({}, None),
    ],
)
def test_one_that_does_not_run_says_why(state: dict[str, Any], trouble: str | None) -> None:
    read_back = mark_in(IMAGE, state=state)
    assert (read_back.crashes, read_back.trouble) == (False, trouble)


@pytest.mark.parametrize(
    ("generation", "observed", "speaks"), [(None, None, True), (3, None, True), (3, 2, False), (3, 3, True)]
)
def test_whether_the_kubelet_speaks_of_the_pod_as_it_is(
    generation: int | None, observed: int | None, speaks: bool
) -> None:
    pod = marked(IMAGE)
    if generation is not None:
        pod["metadata"]["generation"] = generation
    if observed is not None:
        pod["status"]["observedGeneration"] = observed
    found = read(pod).mark
    assert found is not None
    assert found.observed is speaks


def test_a_container_that_nobody_reports_shows_nothing() -> None:
    read_back = mark_in(IMAGE | {"container": "elsewhere"})
    assert (read_back.shown_image, read_back.shown_restarts, read_back.running_since) == ("", 0, None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", "{}", '"u1"'),
        json.dumps(IMAGE | {"begunAt": "yesterday"}),
        json.dumps({"update": "u1"}),
        json.dumps(SCRIPT | {"begunAt": "2026-01-01T12:00:00"}),
        json.dumps(SCRIPT | {"result": "Perhaps"}),
    ],
)
def test_what_cannot_be_read_is_as_good_as_no_mark(text: str) -> None:
    assert read(marked(text)) == replace(read(IN_SERVICE), mark=None)


def test_what_a_later_version_adds_does_not_hide_the_mark() -> None:
    assert mark_in(SCRIPT | {"later": True}).run == "r1"


def test_what_is_written_is_read_back_and_short() -> None:
    made = MarkOnTheWire(
        "u1",
        BORN,
        "app",
        run="r1",
        result=InstanceResult.FAILED,
        exit_code=0,
        output='says "no"\n',
        ended_at=BORN.replace(second=9),
    )
    assert mark_of(msgspec.convert(marked(made.annotation()), Pod)) == made
    short = MarkOnTheWire("u1", BORN, "app", image="app:2").annotation()
    assert json.loads(short) == {"update": "u1", "begunAt": at(0), "container": "app", "image": "app:2"}


def test_a_launch_does_not_inherit_the_mark_of_a_pod_that_its_template_was_made_from() -> None:
    template = {"metadata": {"annotations": {UPDATE_ANNOTATION: json.dumps(SCRIPT), "kept": "yes"}}, "spec": {}}
    maker = pod_maker(group="web", group_uid="g", revision="web-1", template=template, zone=None, tags=())
    annotations = json.loads(maker.make("web-0", 0))["metadata"]["annotations"]
    assert UPDATE_ANNOTATION not in annotations
    assert annotations["kept"] == "yes"
