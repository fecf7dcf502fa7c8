"""What each change of a spec needs, row by row, and what it starts again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.container_groups import SMALL, at_rest, changed, container, pod_of, spec, with_container, with_report
from windlass.api.container_group import ContainerGroupSpec, Disruption
from windlass.planner.containergroup.ladder import Way, allows, lacks_containers, way
from windlass.planner.containergroup.parts import (
    APPLIED_ANNOTATION,
    applied_to,
    fingerprint,
    whole_changes,
    whole_parts,
)
from windlass.planner.containergroup.pod import changes_of
from windlass.planner.containergroup.pulling import default_pull_policy
from windlass.planner.containergroup.view import Ending

LOG = container("log", "log:1")
FILES = {"name": "conf", "configFile": {"files": [{"path": "a.conf", "content": "YQ=="}]}}
OTHER_FILES = {"name": "conf", "configFile": {"files": [{"path": "a.conf", "content": "Yg=="}]}}
MOUNTED = [{"name": "conf", "mountPath": "/etc/conf"}]
INIT = container("init", "init:1")
CREDENTIALS = "imageRegistryCredentials"

METADATA, RESIZE = Disruption.METADATA, Disruption.RESIZE
RESTART, RECREATE = Disruption.RESTART_CONTAINER, Disruption.RECREATE


def found(before: ContainerGroupSpec, after: ContainerGroupSpec, **pod: Any) -> Way | None:
    group = at_rest(before)
    made = pod_of(group, **pod)
    changes = changes_of(changed(group, after), made)
    return way(changes, after, made.qos_class) if changes else None


def row(part: str, *values: Any) -> Any:
    """A row of the specification's table of parts."""
    return pytest.param(*values, id=part.removeprefix("part: "))


def secrets(*names: str) -> list[dict[str, str]]:
    return [{"secretName": name} for name in names]


@pytest.mark.spec("container-group.md", "part: tags")
@pytest.mark.spec("container-group.md", "part: registry credentials")
@pytest.mark.spec("container-group.md", "part: containers")
@pytest.mark.spec("container-group.md", "part: init containers")
@pytest.mark.spec("container-group.md", "part: volumes")
@pytest.mark.spec("container-group.md", "part: DNS config")
@pytest.mark.spec("container-group.md", "part: restart policy")
@pytest.mark.parametrize(
    ("before", "after", "parts", "disruption", "restarts"),
    [
        row("part: tags", {}, {"tags": [{"key": "a", "value": "b"}]}, "tags", METADATA, ""),
        row("part: tags", {"tags": [{"key": "a"}]}, {}, "tags", METADATA, ""),
        row(
            "part: registry credentials",
            {CREDENTIALS: secrets("a", "b")},
            {CREDENTIALS: secrets("c", "b")},
            CREDENTIALS,
            METADATA,
            "",
        ),
        row("part: registry credentials", {CREDENTIALS: secrets("a", "b")}, {}, CREDENTIALS, METADATA, ""),
        row(
            "part: registry credentials",
            {CREDENTIALS: secrets("a")},
            {CREDENTIALS: secrets("a", "b")},
            CREDENTIALS,
            RECREATE,
            "web log",
        ),
        row("part: containers", {}, {"containers": [container(image="web:2"), LOG]}, "containers/web", RESTART, "web"),
        row(
            "part: containers",
            {},
            {"containers": [container(image="web:2"), container("log", "log:2")]},
            "containers/web containers/log",
            RESTART,
            "web log",
        ),
        row(
            "part: containers",
            {},
            {"containers": [container(resources=SMALL | {"cpu": "1"}), LOG]},
            "containers/web",
            RESIZE,
            "",
        ),
        row("part: init containers", {}, {"initContainers": [INIT]}, "initContainers", RECREATE, "init web log"),
        row(
            "part: init containers",
            {"initContainers": [INIT]},
            {"initContainers": [INIT | {"image": "init:2"}]},
            "initContainers",
            RECREATE,
            "init web log",
        ),
        row(
            "part: volumes",
            {"volumes": [FILES], "containers": [container(volumeMounts=MOUNTED), LOG]},
            {"volumes": [OTHER_FILES], "containers": [container(volumeMounts=MOUNTED), LOG]},
            "volumes",
            RECREATE,
            "web log",
        ),
        row(
            "part: volumes",
            {},
            {"volumes": [FILES], "containers": [container(volumeMounts=MOUNTED), LOG]},
            "containers/web volumes",
            RECREATE,
            "web log",
        ),
        row("part: DNS config", {}, {"dnsConfig": {"searches": ["a.test"]}}, "dnsConfig", RECREATE, "web log"),
        row("part: restart policy", {}, {"restartPolicy": "Never"}, "restartPolicy", RECREATE, "web log"),
    ],
)
def test_what_a_part_needs(
    before: Mapping[str, Any], after: Mapping[str, Any], parts: str, disruption: Disruption, restarts: str
) -> None:
    made = found(whole(before), whole(after))
    assert made is not None
    assert made.parts == tuple(parts.split())
    assert made.disruption is disruption
    assert made.restarts == tuple(restarts.split())


def whole(fields: Mapping[str, Any]) -> ContainerGroupSpec:
    """The spec that is given as a whole, with the usual two containers where it names none."""
    rest = {name: value for name, value in fields.items() if name != "containers"}
    return spec(*fields.get("containers", ()), **rest)


@pytest.mark.parametrize(
    "more",
    [
        {"env": [{"name": "A", "value": "b"}]},
        {"args": ["-v"]},
        {"command": ["sh"]},
        {"ports": [{"containerPort": 80}]},
        {"workingDir": "/tmp"},  # noqa: S108
        {"livenessProbe": {"tcpSocket": {"port": 80}}},
        {"securityContext": {"runAsUser": 1}},
        {"imagePullPolicy": "Always"},
        {"stdin": True},
        {"resources": SMALL | {"gpu": 1}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_kubernetes_cannot_change_in_a_pod_makes_it_anew(more: dict[str, Any]) -> None:
    made = found(spec(), spec(container(**more), LOG))
    assert made is not None
    assert (made.disruption, made.parts) == (RECREATE, ("containers/web",))
    assert made.decisive == ("containers/web (more than its image and size)",)


@pytest.mark.parametrize(
    ("after", "part", "said"),
    [
        (spec(container()), "containers/log", "taken away"),
        (spec(container(), LOG, container("new", "new:1")), "containers/new", "added"),
    ],
)
def test_a_container_comes_or_goes_only_with_a_new_pod(after: ContainerGroupSpec, part: str, said: str) -> None:
    made = found(spec(), after)
    assert made is not None
    assert (made.disruption, made.parts, made.decisive) == (RECREATE, (part,), (f"{part} ({said})",))


def test_the_highest_rung_of_all_changes_is_taken_and_what_needs_it_is_named() -> None:
    after = spec(
        container(image="web:2"), container("log", "log:1", resources=SMALL | {"cpu": "1"}), tags=[{"key": "a"}]
    )
    made = found(spec(), after)
    assert made is not None
    assert made.parts == ("tags", "containers/web", "containers/log")
    assert (made.disruption, made.restarts) == (RESTART, ("web",))
    assert made.decisive == ("containers/web (its image)",)


def test_a_resize_by_which_the_qos_class_would_change_needs_a_new_pod() -> None:
    made = found(spec(), spec(container(resources=SMALL | {"cpu": "1"}), LOG), qos_class="Burstable")
    assert made is not None
    assert made.disruption is RECREATE
    assert made.decisive == (
        "containers/web (its size), by which its QoS class would change from Burstable to Guaranteed",
    )


# ---- when an image is pulled


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("registry:5000/web", "Always"),
        ("web:latest@sha256:00", "Always"),
        ("web:1", "IfNotPresent"),
        ("registry:5000/web:1", "IfNotPresent"),
        ("web@sha256:00", "IfNotPresent"),
        ("web:1@sha256:00", "IfNotPresent"),
    ],
)
def test_when_kubernetes_pulls_an_image_where_nobody_says(image: str, policy: str) -> None:
    assert default_pull_policy(image) == policy


@pytest.mark.parametrize(
    ("before", "after", "there", "stays"),
    [
        ("web:1", "web:latest", "IfNotPresent", "IfNotPresent"),
        ("web:1", "web", "Never", "Never"),
        ("web:latest", "other:latest", "IfNotPresent", "IfNotPresent"),
        ("web:latest", "web:2", "Always", "Always"),
        ("web:latest", "other:latest", "Always", None),
        ("web:1", "web:2", "IfNotPresent", None),
        ("web:1", "web:2", "Always", None),  # as after an image with the tag latest, or where admission sets it
        ("web:1", "web:latest", "Always", None),
        ("web:1", "web:2", "", None),
    ],
)
def test_an_image_that_changes_in_place_keeps_the_policy_of_the_pods_creation_and_that_is_told(
    before: str, after: str, there: str, stays: str | None
) -> None:
    group = at_rest(spec(container(image=before), LOG))
    pod = with_container(pod_of(group), "web", pull_policy=there)
    changes = changes_of(changed(group, spec(container(image=after), LOG)), pod)
    said = f"; imagePullPolicy stays {stays}, as the Pod was made" if stays else ""
    assert [str(each) for each in changes] == [f"containers/web (its image{said})"]
    assert way(changes, group.spec).disruption is RESTART


@pytest.mark.parametrize(
    ("before", "after", "there", "differs"),
    [
        (None, "IfNotPresent", "IfNotPresent", False),
        (None, "Always", "Always", False),
        ("IfNotPresent", None, "IfNotPresent", False),
        (None, "Always", "IfNotPresent", True),
        ("Always", None, "Always", True),
        ("Always", "Never", "Always", True),
        (None, "IfNotPresent", "Never", True),
    ],
)
def test_another_pull_policy_makes_the_pod_anew_unless_it_has_that_one(
    before: str | None, after: str | None, there: str, differs: bool
) -> None:
    group = at_rest(spec(container(**given(before)), LOG))
    pod = with_container(pod_of(group), "web", pull_policy=there)
    changes = changes_of(changed(group, spec(container(**given(after)), LOG)), pod)
    assert [str(each) for each in changes] == (["containers/web (more than its image and size)"] if differs else [])
    other = changes_of(changed(group, spec(container(args=["-v"], **given(after)), LOG)), pod)
    assert [str(each) for each in other] == ["containers/web (more than its image and size)"]


def given(policy: str | None) -> dict[str, str]:
    return {"imagePullPolicy": policy} if policy else {}


# ---- a container that has ended


@pytest.mark.parametrize(
    ("policy", "code", "over"),
    [
        ("Always", 0, False),
        ("Always", 1, False),
        ("OnFailure", 0, True),
        ("OnFailure", 1, False),
        ("Never", 0, True),
        ("Never", 1, True),
    ],
)
def test_the_image_of_a_container_that_is_not_started_again_needs_a_new_pod(policy: str, code: int, over: bool) -> None:
    group = at_rest(spec(restartPolicy=policy))
    pod = with_report(pod_of(group), "web", state="Terminated", ending=Ending(code), ready=False)
    after = spec(container(image="web:2"), LOG, restartPolicy=policy)
    changes = changes_of(changed(group, after), pod)
    made = way(changes, after)
    assert made.disruption is (RECREATE if over else RESTART)
    assert made.restarts == (("web", "log") if over else ("web",))
    said = ", and it has ended and is not started again" if over else ""
    assert made.decisive == (f"containers/web (its image{said})",)


# ---- an image that somebody sets in the Pod


@pytest.mark.parametrize(
    ("image", "by_others", "differs"),
    [
        ("web:2", True, True),
        ("mirror.test/web:1", False, False),  # admission changed it in our own request
        ("mirror.test/web:1", True, False),  # it may be the same one
        ("web:1", True, False),
    ],
)
def test_an_image_that_somebody_else_has_set_differs(image: str, by_others: bool, differs: bool) -> None:
    group = at_rest()
    pod = with_container(pod_of(group), "web", image=image, image_by_others=by_others)
    assert [str(each) for each in changes_of(group, pod)] == (["containers/web (its image)"] if differs else [])


@pytest.mark.spec("container-group.md", "NoNeedUpdate")
@pytest.mark.parametrize(
    "after",
    [
        spec(container(resources={"cpu": "0.5", "memory": "512Mi"}), LOG),
        spec(container(workingDir="", args=[], stdin=False), LOG),
        spec(LOG, container()),
        spec(restartPolicy="Always", dnsConfig={}, tags=[], volumes=[]),
        spec(displayName="shop", update={"deadlineSeconds": 60}, clientToken="x"),
    ],
    ids=["another spelling", "a default", "another order", "defaults", "not the Pod's"],
)
def test_nothing_that_the_pod_has_would_change(after: ContainerGroupSpec) -> None:
    assert found(spec(), after) is None


def test_a_pod_that_was_made_before_a_field_was_known_has_its_default() -> None:
    group = at_rest(spec(tags=[{"key": "a"}], dnsConfig={"searches": ["a.test"]}))
    pod = pod_of(group)
    assert "restartPolicy" not in applied_to(pod)
    assert changes_of(group, pod) == ()
    later = changed(group, spec(tags=[{"key": "a"}], dnsConfig={"searches": ["a.test"]}, restartPolicy="OnFailure"))
    assert [str(each) for each in changes_of(later, pod)] == ["restartPolicy"]


def test_a_pod_that_carries_nothing_readable_differs_in_all_that_is_asked_for() -> None:
    group = at_rest()
    for said in ("", "no JSON", "[1]"):
        pod = pod_of(group)
        pod = replace(pod, annotations={**pod.annotations, APPLIED_ANNOTATION: said})
        assert {each.part for each in changes_of(group, pod)} == {"containers/web", "containers/log"}


@pytest.mark.spec("container-group.md", "part: volumes")
@pytest.mark.parametrize(
    ("after", "lacks"),
    [
        (spec(volumes=[FILES]), True),
        (spec(container(volumeMounts=MOUNTED), LOG, volumes=[FILES]), False),
        (spec(tags=[{"key": "a"}]), False),
    ],
)
def test_names_of_volumes_change_only_with_containers(after: ContainerGroupSpec, lacks: bool) -> None:
    group = at_rest()
    assert lacks_containers(changes_of(changed(group, after), pod_of(group))) is lacks


def test_tags_and_names_of_volumes_alone_lack_containers_too() -> None:
    group = at_rest()
    changes = changes_of(changed(group, spec(volumes=[FILES], tags=[{"key": "a"}])), pod_of(group))
    assert lacks_containers(changes)


def test_other_contents_of_a_volume_need_no_container() -> None:
    group = at_rest(spec(volumes=[FILES]))
    assert not lacks_containers(changes_of(changed(group, spec(volumes=[OTHER_FILES])), pod_of(group)))


@pytest.mark.parametrize("ceiling", range(4))
@pytest.mark.parametrize("needed", range(4))
def test_a_ceiling_allows_what_is_not_above_it(ceiling: int, needed: int) -> None:
    rungs = list(Disruption)
    assert allows(rungs[ceiling], rungs[needed]) is (needed <= ceiling)


def test_what_was_applied_last_tells_the_parts_that_differ_where_there_is_no_pod() -> None:
    applied = whole_parts(spec())
    assert whole_changes(spec(), applied) == ()
    after = spec(
        container(image="web:2"), container("log", "log:1", resources=SMALL | {"cpu": "1"}), tags=[{"key": "a"}]
    )
    assert whole_changes(after, applied) == ("containers/log", "containers/web", "tags")
    assert whole_changes(spec(container()), applied) == ("containers/log",)


def test_a_digest_speaks_of_its_own_part_alone() -> None:
    change: Callable[[ContainerGroupSpec], set[str]] = lambda after: {  # noqa: E731
        name for name, value in fingerprint(after).items() if fingerprint(spec()).get(name) != value
    }
    assert change(spec(container(image="web:2"), LOG)) == {"containers/web/image"}
    assert change(spec(container(args=["-v"]), LOG)) == {"containers/web"}
    assert change(spec(volumes=[FILES])) == {"volumes", "volumes/names"}


def test_a_container_called_image_can_be_taken_away() -> None:
    before = spec(container(), container("image", "image:1"))
    needed = found(before, spec(container()))
    assert needed is not None
    assert (needed.parts, needed.disruption) == (("containers/image",), RECREATE)


def test_volumes_may_come_with_an_init_container() -> None:
    of = at_rest()
    after = spec(initContainers=[INIT], volumes=[{"name": "shared", "emptyDir": {}}])
    assert not lacks_containers(changes_of(changed(of, after), pod_of(of)))
