"""What the real API server refuses of a RollingUpdate, from both sides of each limit, and with which sentence."""

from collections.abc import Callable
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.bounds import (
    OBJECT_NAME,
    Bound,
    at_least,
    at_most,
    bounds_of_all_kinds,
    fewest,
    longest,
    most,
    name_of,
    one_of,
    shape,
    shortest,
    tried,
)
from tests.cluster.doors import MERGE_PATCH, Stored, accepted, collection, manifest, refusal, says

KIND = {"kind": "RollingUpdate"}
IMAGE: dict[str, Any] = {"image": "web:2"}
SCRIPT: dict[str, Any] = {"run": "true"}
PACKAGE: dict[str, Any] = {"name": "nginx", "version": "1.29.1", "source": "packages"}
OF_IMAGE = KIND | {"beside": {"kind": "Image", "image": IMAGE}}
OF_SCRIPT = KIND | {"beside": {"kind": "Script", "script": SCRIPT}}
WITH_COMMAND = KIND | {"beside": {"kind": "Script", "script": SCRIPT | {"command": ["sh"]}}}
OF_PACKAGE = KIND | {"beside": {"kind": "Package", "package": PACKAGE}}
ALL = ["ScaleIn", "ScaleOut", "HealthCheck"]
WITH_PROCESSES = KIND | {"beside": {"enterProcesses": ALL}}
CONTAINER_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
PACKAGE_NAME = "^[A-Za-z0-9@][A-Za-z0-9@/+._-]*$"
PACKAGE_VERSION = "^[A-Za-z0-9][A-Za-z0-9:~^+._-]*$"


def in_a_container(part: str, **of: Any) -> list[Bound]:
    """The bounds of a container's name."""
    return [
        shortest(f"{part}.container", 1, **of),
        longest(f"{part}.container", 63, **of),
        shape(f"{part}.container", "web-2", "web.2", CONTAINER_NAME, **of),
    ]


def with_a_time_limit(part: str, **of: Any) -> list[Bound]:
    """The bounds of a time limit."""
    return [at_least(f"{part}.timeoutSeconds", 1, **of), at_most(f"{part}.timeoutSeconds", 86_400, **of)]


BOUNDS = [
    shortest("scalingGroup", 1, **KIND),
    longest("scalingGroup", 253, **KIND),
    shape("scalingGroup", "web-2", "web_2", OBJECT_NAME, **KIND),
    *one_of("state", "Running", "Suspended", "Cancelled", not_="RolledBack", **KIND),
    longest("stateReason", 256, **KIND),
    shortest("clientToken", 1, **KIND),
    longest("clientToken", 64, **KIND),
    shape("clientToken", "deploy #7 ~ !", "größe", "^[ -~]+$", **KIND),
    *one_of("kind", "Image", "Script", "Package", not_="Restart", **KIND),
    *one_of("invoke", "Invoke", "Rollback", not_="Undo", **KIND)[1:],
    shortest("rollbackOf", 1, **KIND),
    longest("rollbackOf", 253, **KIND),
    shape("rollbackOf", "web-2.a", "Web", OBJECT_NAME, **KIND),
    *in_a_container("image", **OF_IMAGE),
    *[
        pytest.param(bound, marks=pytest.mark.spec("rolling-update.md", "image"))
        for bound in (
            shortest("image.image", 1, **OF_IMAGE),
            longest("image.image", 512, **OF_IMAGE),
            shape("image.image", "registry:5000/web@sha256:0f", "web 2", r"^\S+$", **OF_IMAGE),
            shortest("image.rollbackImage", 1, **OF_IMAGE),
            longest("image.rollbackImage", 512, **OF_IMAGE),
            shape("image.rollbackImage", "web:1", "web:1 ", r"^\S+$", **OF_IMAGE),
        )
    ],
    *in_a_container("script", **OF_SCRIPT),
    fewest("script.command", ["sh"], **OF_SCRIPT),
    most("script.command", ["a"] * 20, "a", **OF_SCRIPT),
    longest("script.command[0]", 256, **WITH_COMMAND),
    *[
        pytest.param(bound, marks=pytest.mark.spec("rolling-update.md", "script"))
        for bound in (
            shortest("script.run", 1, **OF_SCRIPT),
            longest("script.run", 16_384, **OF_SCRIPT),
            shortest("script.rollback", 1, **OF_SCRIPT),
            longest("script.rollback", 16_384, **OF_SCRIPT),
        )
    ],
    *with_a_time_limit("script", **OF_SCRIPT),
    *[
        pytest.param(bound, marks=pytest.mark.spec("rolling-update.md", "package"))
        for bound in (
            shortest("package.name", 1, **OF_PACKAGE),
            longest("package.name", 128, **OF_PACKAGE),
            shape("package.name", "@scope/libstdc++6.dev", "-nginx", PACKAGE_NAME, **OF_PACKAGE),
            shape("package.name", "nginx", "nginx; reboot", PACKAGE_NAME, **OF_PACKAGE),
            shortest("package.version", 1, **OF_PACKAGE),
            longest("package.version", 128, **OF_PACKAGE),
            shape("package.version", "1:2.4.0~rc1-3+deb12u1", ">=1.2", PACKAGE_VERSION, **OF_PACKAGE),
            *one_of("package.action", "Install", "Uninstall", not_="Purge", **OF_PACKAGE),
        )
    ],
    shortest("package.source", 1, **OF_PACKAGE),
    longest("package.source", 253, **OF_PACKAGE),
    shape("package.source", "web-2.a", "Web", OBJECT_NAME, **OF_PACKAGE),
    *in_a_container("package", **OF_PACKAGE),
    *with_a_time_limit("package", **OF_PACKAGE),
    pytest.param(at_least("batches", 1, **KIND), marks=pytest.mark.spec("rolling-update.md", "batch number")),
    pytest.param(at_most("batches", 1000, **KIND), marks=pytest.mark.spec("rolling-update.md", "batch number")),
    *[
        pytest.param(bound, marks=pytest.mark.spec("rolling-update.md", "pause option"))
        for bound in (
            *one_of("pause", "Automatic", "FirstBatchPause", "EveryBatchPause", not_="LastBatchPause", **KIND),
        )
    ],
    at_least("approvedBatches", 1, **KIND),
    at_most("approvedBatches", 10_000, **KIND),
    *[
        pytest.param(bound, marks=pytest.mark.spec("rolling-update.md", "enter processes"))
        for bound in (
            most("enterProcesses", ALL, "ScaleIn", **KIND),
            *one_of("enterProcesses[0]", *ALL, not_="ScaleUp", **KIND),
        )
    ],
    *[
        pytest.param(bound, marks=pytest.mark.spec("rolling-update.md", "exit processes"))
        for bound in (
            most("exitProcesses", ALL, "ScaleIn", **WITH_PROCESSES),
            *one_of("exitProcesses[0]", *ALL, not_="ScaleUp", **WITH_PROCESSES),
        )
    ],
    at_least("ttlSecondsAfterFinished", 0, **KIND),
    at_most("ttlSecondsAfterFinished", 86_400, **KIND),
]


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_last_value_within_a_bound_is_accepted(cluster: Cluster, bound: Bound) -> None:
    assert accepted(cluster, bound.thing(bound.at))


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_first_value_past_a_bound_is_refused_by_field_and_limit(cluster: Cluster, bound: Bound) -> None:
    said = refusal(cluster, bound.thing(bound.past))
    assert f"spec.{bound.field}: " in said
    assert bound.allowed in said


def test_no_bound_is_without_its_case() -> None:
    assert {bound for bound in bounds_of_all_kinds() if bound[0] == "RollingUpdate"} == tried(BOUNDS)


def test_the_name_fits_into_the_label_of_its_results(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("RollingUpdate", "a" * 63))
    said = refusal(cluster, manifest("RollingUpdate", "a" * 64))
    assert "metadata.name must have at most 63 characters: it is the value of a label" in said


def invoked(kind: str, **spec: Any) -> dict[str, Any]:
    """An update that is no Rollback, which the smallest one is."""
    made = manifest("RollingUpdate", **{"kind": kind, "invoke": "Invoke", **spec})
    if "rollbackOf" not in spec:
        del made["spec"]["rollbackOf"]
    return made


DEFAULTS = {
    "scalingGroup": "web",
    "state": "Running",
    "kind": "Script",
    "invoke": "Rollback",
    "rollbackOf": "earlier",
    "pause": "Automatic",
    "approvedBatches": 1,
    "enterProcesses": [],
}


def test_the_defaults_show(cluster: Cluster) -> None:
    assert accepted(cluster, manifest("RollingUpdate"))["spec"] == DEFAULTS


def test_without_a_word_it_is_invoked(cluster: Cluster) -> None:
    made = invoked("Image", image=IMAGE)
    del made["spec"]["invoke"]
    assert accepted(cluster, made)["spec"]["invoke"] == "Invoke"


@pytest.mark.spec("rolling-update.md", "image")
@pytest.mark.spec("rolling-update.md", "script")
@pytest.mark.spec("rolling-update.md", "package")
def test_what_is_done_has_its_defaults(cluster: Cluster) -> None:
    limits = {"timeoutSeconds": 600, "idempotent": False}
    assert accepted(cluster, invoked("Image", image=IMAGE))["spec"]["image"] == IMAGE
    script = accepted(cluster, invoked("Script", script=SCRIPT))["spec"]["script"]
    assert script == SCRIPT | limits | {"command": ["/bin/sh", "-c"]}
    package = accepted(cluster, invoked("Package", package=PACKAGE))["spec"]["package"]
    assert package == PACKAGE | limits | {"action": "Install"}


GOOD = [
    pytest.param(invoked("Image", image=IMAGE | {"container": "web", "rollbackImage": "web:1"}), id="an image"),
    pytest.param(invoked("Script", script=SCRIPT | {"rollback": "false"}), id="a script"),
    pytest.param(invoked("Package", package=PACKAGE | {"action": "Uninstall"}), id="a package"),
    pytest.param(manifest("RollingUpdate", kind="Image"), id="a rollback by what the earlier one says"),
    pytest.param(manifest("RollingUpdate", kind="Image", image=IMAGE), id="a rollback to another image"),
    pytest.param(manifest("RollingUpdate", kind="Script", script=SCRIPT), id="a rollback by another script"),
    pytest.param(manifest("RollingUpdate", kind="Package", package=PACKAGE), id="a rollback by another package"),
]


@pytest.mark.spec("rolling-update.md", "invoke")
@pytest.mark.spec("rolling-update.md", "rollback")
@pytest.mark.parametrize("update", GOOD)
def test_what_an_update_may_have_together(cluster: Cluster, update: dict[str, Any]) -> None:
    assert accepted(cluster, update)


ROLLBACK_OF = (
    "spec.rollbackOf: Invalid value: invoke Rollback needs rollbackOf, the name of the earlier update; and rollbackOf "
    "goes with Rollback alone"
)
BAD = [
    *[
        pytest.param(invoked(kind), f"spec.{part}: Invalid value: kind {kind} needs {part}", id=f"{kind} without")
        for kind, part in (("Image", "image"), ("Script", "script"), ("Package", "package"))
    ],
    *[
        pytest.param(
            invoked(kind, **{part: payload}, **own),
            f"spec.{part}: Invalid value: {part} goes with kind {part.title()} alone",
            id=f"{kind} with {part}",
        )
        for kind, own in (
            ("Image", {"image": IMAGE}),
            ("Script", {"script": SCRIPT}),
            ("Package", {"package": PACKAGE}),
        )
        for part, payload in (("image", IMAGE), ("script", SCRIPT), ("package", PACKAGE))
        if part not in own
    ],
    pytest.param(
        manifest("RollingUpdate", kind="Image", script=SCRIPT),
        "spec.script: Invalid value: script goes with kind Script alone",
        id="a rollback of another kind than what it does",
    ),
    pytest.param(invoked("Script", script=SCRIPT, invoke="Rollback"), ROLLBACK_OF, id="a rollback of nothing"),
    pytest.param(invoked("Script", script=SCRIPT, rollbackOf="earlier"), ROLLBACK_OF, id="no rollback, of something"),
    pytest.param(
        manifest("RollingUpdate", "earlier"),
        "spec.rollbackOf: Invalid value: rollbackOf must name an earlier update, not this one",
        id="a rollback of itself",
    ),
    pytest.param(
        invoked("Package", package={"name": "nginx", "version": "1"}),
        "spec.package.source: Required value",
        id="a package from nowhere",
    ),
    pytest.param(invoked("Script", script={"rollback": "true"}), "spec.script.run: Required value", id="no script"),
    pytest.param(invoked("Image", image={"rollbackImage": "a"}), "spec.image.image: Required value", id="no image"),
]


@pytest.mark.spec("rolling-update.md", "invoke")
@pytest.mark.spec("rolling-update.md", "rollback")
@pytest.mark.parametrize(("update", "sentence"), BAD)
def test_what_an_update_may_not_be(cluster: Cluster, update: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(cluster, update)


@pytest.mark.spec("rolling-update.md", "exit processes")
@pytest.mark.parametrize("exits", [[], ["ScaleIn"], ["HealthCheck", "ScaleIn"]])
def test_some_of_the_processes_may_stay_suspended(cluster: Cluster, exits: list[str]) -> None:
    update = manifest("RollingUpdate", enterProcesses=["ScaleIn", "HealthCheck"], exitProcesses=exits)
    assert accepted(cluster, update)["spec"]["exitProcesses"] == exits


BAD_PROCESSES = [
    pytest.param(
        {"enterProcesses": ["ScaleIn"], "exitProcesses": ["ScaleIn", "ScaleOut"]},
        "spec.exitProcesses: Invalid value: exitProcesses may name processes of enterProcesses alone: what the group's "
        "own spec.suspendedProcesses suspends stays so",
        id="out of what it was not in",
    ),
    pytest.param(
        {"enterProcesses": ["ScaleIn", "ScaleIn"]}, 'spec.enterProcesses[1]: Duplicate value: "ScaleIn"', id="in twice"
    ),
    pytest.param(
        {"enterProcesses": ["ScaleIn"], "exitProcesses": ["ScaleIn", "ScaleIn"]},
        'spec.exitProcesses[1]: Duplicate value: "ScaleIn"',
        id="out twice",
    ),
]


@pytest.mark.spec("rolling-update.md", "exit processes")
@pytest.mark.parametrize(("processes", "sentence"), BAD_PROCESSES)
def test_processes_that_do_not_go_together_are_refused(
    cluster: Cluster, processes: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(cluster, manifest("RollingUpdate", **processes))


# ---- what can be changed


FULL: dict[str, Any] = DEFAULTS | {
    "clientToken": "a",
    "script": SCRIPT | {"command": ["/bin/sh", "-c"], "timeoutSeconds": 600, "idempotent": False},
    "enterProcesses": ["ScaleIn"],
    "exitProcesses": ["ScaleIn"],
    "ttlSecondsAfterFinished": 60,
    "batches": 1,
}
OTHERS: dict[str, Any] = {
    "scalingGroup": "shop",
    "clientToken": "b",
    "kind": "Image",
    "invoke": "Invoke",
    "rollbackOf": "another",
    "image": IMAGE,
    "script": {"run": "false"},
    "package": PACKAGE,
    "batches": 2,
    "pause": "EveryBatchPause",
    "enterProcesses": ["ScaleIn", "ScaleOut"],
    "exitProcesses": [],
    "ttlSecondsAfterFinished": 61,
}
OPTIONAL = ("clientToken", "rollbackOf", "script", "batches", "exitProcesses", "ttlSecondsAfterFinished")
CHANGING = {"state", "stateReason", "approvedBatches"}


def test_the_tables_below_have_every_field_but_the_three_that_can_be_changed(cluster: Cluster) -> None:
    assert FULL.keys() | {"image", "package"} | CHANGING == OTHERS.keys() | CHANGING
    assert accepted(cluster, manifest("RollingUpdate", **FULL))["spec"] == FULL


@pytest.mark.parametrize("field", OTHERS)
def test_a_field_cannot_be_changed(cluster: Cluster, namespace: str, field: str) -> None:
    update = Stored(cluster, namespace, "RollingUpdate", **FULL)
    with says(f"spec.{field}: Invalid value: {field} cannot be changed: start another RollingUpdate"):
        update.patched(**{field: OTHERS[field]})


@pytest.mark.parametrize("field", OPTIONAL)
def test_a_field_cannot_be_set_or_taken_away_later(cluster: Cluster, namespace: str, field: str) -> None:
    sentence = f"spec.{field}: Invalid value: {field} cannot be changed: start another RollingUpdate"
    with says(sentence):
        Stored(cluster, namespace, "RollingUpdate", **FULL).patched(**{field: None})
    if field != "rollbackOf":
        bare = Stored(cluster, namespace, "RollingUpdate", name="bare")
        with says(sentence):
            bare.patched(**{field: FULL[field] or []})


def test_what_is_done_cannot_be_changed_inside(cluster: Cluster, namespace: str) -> None:
    update = Stored(cluster, namespace, "RollingUpdate", **FULL)
    with says("script cannot be changed: start another RollingUpdate"):
        update.patched(script={"timeoutSeconds": 601})
    with says("script cannot be changed: start another RollingUpdate"):
        update.patched(script={"rollback": "true"})


def test_the_same_again_is_no_change(cluster: Cluster, namespace: str) -> None:
    assert Stored(cluster, namespace, "RollingUpdate", **FULL).patched(**FULL)


@pytest.mark.spec("rolling-update.md", "pause option")
def test_a_person_approves_batches_and_says_why(cluster: Cluster, namespace: str) -> None:
    update = Stored(cluster, namespace, "RollingUpdate", **FULL)
    changed = update.patched(approvedBatches=3, state="Suspended", stateReason="a look at web-3")["spec"]
    assert (changed["approvedBatches"], changed["state"]) == (3, "Suspended")


STATES = ("Running", "Suspended", "Cancelled")


@pytest.mark.parametrize("before", ["Running", "Suspended"])
@pytest.mark.parametrize("after", STATES)
def test_an_update_that_is_wanted_can_get_any_state(cluster: Cluster, namespace: str, before: str, after: str) -> None:
    update = Stored(cluster, namespace, "RollingUpdate", state=before)
    assert update.patched(state=after, stateReason="for a test")["spec"]["state"] == after


@pytest.mark.parametrize("after", ["Running", "Suspended"])
def test_an_update_that_is_cancelled_stays_so(cluster: Cluster, namespace: str, after: str) -> None:
    update = Stored(cluster, namespace, "RollingUpdate", state="Cancelled")
    assert update.patched(state="Cancelled", stateReason="said better")
    with says(f"spec.state: Invalid value: state Cancelled is final: it cannot become {after}"):
        update.patched(state=after)


# ---- what is shown


@pytest.mark.spec("rolling-update.md", "counters")
def test_the_columns_show_what_the_status_says(cluster: Cluster, namespace: str, kubectl: Callable[..., str]) -> None:
    path = collection("RollingUpdate", namespace)
    cluster.request("POST", path, manifest("RollingUpdate", "web-2"))
    ready = {"type": "Ready", "status": "False", "reason": "Running", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    counts = {"batch": 2, "batches": 3, "total": 10, "succeeded": 4, "failed": 1, "unknown": 5, "skipped": 6}
    status = counts | {"phase": "Running", "message": "waits", "conditions": [ready]}
    cluster.request("PATCH", f"{path}/web-2/status", {"status": status}, MERGE_PATCH)
    row = kubectl("get", "ru", "web-2", "--output=wide", "--no-headers").split()
    assert row[:9] == ["web-2", "web", "Script", "Running", "2", "3", "4", "1", "10"]
    assert row[10:] == ["Running", "5", "6", "False", "waits"]


@pytest.mark.spec("rolling-update.md", "results")
def test_a_failure_has_its_exit_code_and_the_end_of_its_output(cluster: Cluster, namespace: str) -> None:
    path = collection("RollingUpdate", namespace)
    cluster.request("POST", path, manifest("RollingUpdate"))

    def written(output: str) -> Any:
        failure = {"name": "web-3", "result": "Failed", "exitCode": 3, "output": output}
        return cluster.request("PATCH", f"{path}/web/status", {"status": {"failures": [failure]}}, MERGE_PATCH)

    assert written("a" * 1024)["status"]["failures"][0]["exitCode"] == 3
    with says("status.failures.*output.* may not be more than 1024 bytes"):
        written("a" * 1025)


def test_a_phase_that_there_is_not_is_refused(cluster: Cluster, namespace: str) -> None:
    path = collection("RollingUpdate", namespace)
    cluster.request("POST", path, manifest("RollingUpdate"))
    with says('status.phase: Unsupported value: "Done"'):
        cluster.request("PATCH", f"{path}/web/status", {"status": {"phase": "Done"}}, MERGE_PATCH)
