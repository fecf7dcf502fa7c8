"""The Pod that a spec asks for, field by field, and what tells one spec from another in every version."""

from typing import Any

import pytest

from tests.container_groups import SMALL, at_rest, changed, container, group, pod_of, spec, view
from windlass.planner.containergroup.parts import fingerprint, whole_parts
from windlass.planner.containergroup.pod import changes_of, made_from, manifest, patch, restarts_before
from windlass.planner.containergroup.reasons import PodCreated

PROBE = {"httpGet": {"port": 80}, "initialDelaySeconds": 3}
FULL = spec(
    container(
        command=["serve"],
        args=["-v"],
        workingDir="/srv",
        imagePullPolicy="Always",
        env=[{"name": "A", "value": "b"}, {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        ports=[{"containerPort": 80}],
        resources=SMALL | {"gpu": 1},
        volumeMounts=[{"name": "conf", "mountPath": "/conf", "mountPropagation": "HostToContainer"}],
        livenessProbe=PROBE,
        readinessProbe={"exec": {"command": ["true"]}},
        securityContext={"readOnlyRootFilesystem": True, "runAsUser": 7, "capabilities": {"add": ["NET_ADMIN"]}},
        stdin=True,
        stdinOnce=True,
        tty=True,
    ),
    initContainers=[container("init", "init:1")],
    restartPolicy="OnFailure",
    volumes=[
        {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "share", "nfs": {"server": "nfs.test", "path": "/a", "readOnly": True}},
        {"name": "conf", "configFile": {"files": [{"path": "a/b.conf", "content": "YQ=="}]}},
    ],
    dnsConfig={"nameservers": ["10.0.0.2"], "options": [{"name": "ndots", "value": "2"}]},
    imageRegistryCredentials=[{"secretName": "a"}, {"secretName": "b"}],
    tags=[{"key": "team", "value": "shop"}, {"key": "odd", "value": "-"}],
)


def test_the_pod_of_a_spec_with_everything() -> None:
    made = manifest(group(FULL, generation=3))
    assert (made["kind"], made["metadata"]["name"]) == ("Pod", "web")
    assert made["metadata"]["labels"] == {
        "team": "shop",
        "windlass.dev/container-group": "web",
        "app.kubernetes.io/managed-by": "windlass",
    }
    annotations = made["metadata"]["annotations"]
    assert {key: annotations[key] for key in annotations if key != "windlass.dev/applied"} == {
        "tag.windlass.dev/team": "shop",
        "tag.windlass.dev/odd": "-",
        "windlass.dev/generation": "3",
    }
    asked = made["spec"]
    assert asked["restartPolicy"] == "OnFailure"
    assert asked["imagePullSecrets"] == [{"name": "web.registry-0"}, {"name": "web.registry-1"}]
    assert asked["dnsConfig"]["nameservers"] == ["10.0.0.2"]
    assert asked["volumes"] == [
        {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "share", "nfs": {"server": "nfs.test", "path": "/a", "readOnly": True}},
        {"name": "conf", "configMap": {"name": "web.conf", "items": [{"key": "file-0", "path": "a/b.conf"}]}},
    ]
    (web,), (init,) = asked["containers"], asked["initContainers"]
    amounts = {"cpu": "500m", "memory": "512Mi", "nvidia.com/gpu": "1"}
    assert web["resources"] == {"requests": amounts, "limits": amounts}
    assert web["resizePolicy"] == [
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
        {"resourceName": "memory", "restartPolicy": "NotRequired"},
    ]
    assert "resizePolicy" not in init
    assert init["resources"]["limits"] == SMALL
    assert web["terminationMessagePolicy"] == init["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert web["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "runAsUser": 7,
        "capabilities": {"add": ["NET_ADMIN"]},
    }
    assert (web["livenessProbe"]["httpGet"]["port"], web["livenessProbe"]["initialDelaySeconds"]) == (80, 3)
    assert web["env"][1] == {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    assert (web["stdin"], web["stdinOnce"], web["tty"], web["workingDir"]) == (True, True, True, "/srv")


def test_digests_stay_what_they_are_in_all_versions_of_the_operator() -> None:
    """Else every group would seem to differ from its Pod after an upgrade, and its next update would make it anew."""
    assert fingerprint(FULL) == FINGERPRINT
    assert [each.digest[:8] for each in whole_parts(spec())] == WHOLE


FINGERPRINT = {
    "tags": "db261ddacaef589b",
    "imageRegistryCredentials": "3554d2b8a1e34099",
    "initContainers": "c1c9d62393ae5e32",
    "volumes": "fa2f7f80b5a516a0",
    "volumes/names": "353fa95448dfd669",
    "dnsConfig": "93715fdb0b809e0c",
    "restartPolicy": "9b8df8b6b06fe1c0",
    "containers/web": "d9585323851242fc",
    "containers/web/image": "530f969e426aaed0",
}
WHOLE = ["f401e719", "d81871a6"]


def test_a_pod_has_what_it_was_made_from() -> None:
    of = group(FULL, generation=3)
    pod = pod_of(of)
    assert (changes_of(of, pod), made_from(pod)) == ((), 3)


@pytest.mark.parametrize(("said", "made"), [("3", 3), ("", 0), ("x", 0), ("-1", 0)])
def test_a_pod_that_does_not_say_what_it_was_made_from_was_made_before(said: str, made: int) -> None:
    pod = pod_of(at_rest(), annotations={"windlass.dev/generation": said})
    assert made_from(pod) == made
    assert made_from(pod_of(at_rest(), annotations={})) == 0


@pytest.mark.parametrize(
    ("said", "restarts"), [('{"web": 3}', {"web": 3}), ("", {}), ("[]", {}), ('{"web": "x"}', {}), ("{", {})]
)
def test_how_often_containers_had_been_started(said: str, restarts: dict[str, int]) -> None:
    assert restarts_before(pod_of(at_rest(), annotations={"windlass.dev/restarts-before": said})) == restarts


@pytest.mark.parametrize(
    ("before", "after", "labels", "annotations"),
    [
        ([], [{"key": "a", "value": "1"}], {"a": "1"}, {"a": "1"}),
        ([{"key": "a", "value": "1"}], [], {"a": None}, {"a": None}),
        ([{"key": "a", "value": "1"}], [{"key": "a", "value": "2"}], {"a": "2"}, {"a": "2"}),
        ([{"key": "a", "value": "1"}], [{"key": "a", "value": "-"}], {"a": None}, {"a": "-"}),
        ([{"key": "a", "value": "-"}], [{"key": "a", "value": "1"}], {"a": "1"}, {"a": "1"}),
        ([{"key": "a", "value": "-"}], [], {}, {"a": None}),
    ],
)
def test_tags_are_labels_where_they_can_be(
    before: list[Any], after: list[Any], labels: dict[str, str | None], annotations: dict[str, str | None]
) -> None:
    of = at_rest(spec(tags=before))
    asked, pod = changed(of, spec(tags=after)), pod_of(of)
    step = patch(view(asked, pod), pod, changes_of(asked, pod), PodCreated("web"))
    assert dict(step.labels) == labels
    tags = {name.removeprefix("tag.windlass.dev/"): value for name, value in step.annotations.items()}
    tags.pop("windlass.dev/applied")
    assert tags == annotations


def test_a_label_that_somebody_else_has_set_is_left_alone() -> None:
    of = at_rest(spec(tags=[{"key": "a", "value": "1"}]))
    pod = pod_of(of)
    pod = pod_of(of, labels={**pod.labels, "a": "theirs"})
    asked = changed(of, spec())
    assert patch(view(asked, pod), pod, changes_of(asked, pod), PodCreated("web")).labels == {}
