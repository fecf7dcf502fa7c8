"""The life of a container group: its Pod, its updates from their first write to their end, and what goes wrong."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.container_groups import (
    NOON,
    SMALL,
    at_rest,
    changed,
    container,
    group,
    pod_of,
    seconds,
    spec,
    view,
    with_container,
    with_report,
)
from tests.contract import contract_broken
from windlass.api.container_group import ContainerGroupSpec, Disruption, UpdateResult, UpdateStatus
from windlass.planner.containergroup.parts import whole_parts
from windlass.planner.containergroup.plan import plan_container_group
from windlass.planner.containergroup.pod import changes_of
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.steps import (
    ContainerGroupPlan,
    CreatePod,
    DeleteConfigMap,
    DeletePod,
    DeleteSecret,
    PatchPod,
    Resize,
    WriteConfigMap,
    WriteSecret,
)
from windlass.planner.containergroup.view import (
    ContainerGroup,
    ContainerReport,
    Ending,
    Node,
    Pod,
    PodContainer,
    Refusal,
    Resizing,
)

LOG = container("log", "log:1")
BIGGER = SMALL | {"memory": "1Gi"}
FILES = {"name": "conf", "configFile": {"files": [{"path": "a.conf", "content": "YQ=="}]}}
MOUNTED = [{"name": "conf", "mountPath": "/etc/conf"}]
WEB_2 = spec(container(image="web:2"), LOG)
LARGER = spec(container(resources=BIGGER), LOG)
OTHER_ARGUMENTS = spec(container(args=["-v"]), LOG)
ROOM = Sizes.read("500m", "1Gi")


def plan(of: ContainerGroup, pod: Pod | None = None, **fields: Any) -> ContainerGroupPlan:
    made = plan_container_group(view(of, pod, **fields))
    if not of.removing:
        assert contract_broken(made.status.conditions, of.generation) is None
    return made


def after(of: ContainerGroup, made: ContainerGroupPlan) -> ContainerGroup:
    """The group once the plan's status was written."""
    return replace(of, status=type(made.status).model_validate_json(made.status.model_dump_json(by_alias=True)))


def update_of(made: ContainerGroupPlan) -> UpdateStatus:
    assert made.status.last_update is not None
    return made.status.last_update


def begun(after_: ContainerGroupSpec, before: ContainerGroup | None = None, pod: Pod | None = None) -> ContainerGroup:
    """The group whose update to this spec has just begun, as its status says."""
    first = before or at_rest()
    asked = changed(first, after_)
    return after(asked, plan(asked, pod or pod_of(first)))


def patched(of: ContainerGroup, pod: Pod) -> Pod:
    """The Pod after the patch and the resize that the group asks for, of which the kubelet has seen nothing yet."""
    made = plan(of, pod)
    for step in made.steps:
        if isinstance(step, PatchPod):
            annotations = {**pod.annotations, **{k: v for k, v in step.annotations.items() if v is not None}}
            containers = tuple(replace(each, image=step.images.get(each.name, each.image)) for each in pod.containers)
            pod = replace(pod, annotations=annotations, containers=containers, generation=2)
        if isinstance(step, Resize):
            containers = tuple(replace(each, sizes=step.sizes.get(each.name, each.sizes)) for each in pod.containers)
            pod = replace(pod, containers=containers, generation=2)
    return pod


def seen(pod: Pod, **reports: dict[str, Any]) -> Pod:
    """The kubelet reports of the Pod as it is asked for now."""
    pod = replace(pod, observed_generation=pod.generation)
    for name, fields in reports.items():
        pod = with_report(pod, name, **fields)
    return pod


def ready(of: ContainerGroupPlan) -> str:
    return next(each.status for each in of.status.conditions if each.type == "Ready")


def types(of: ContainerGroupPlan) -> set[str]:
    return {each.type for each in of.status.conditions}


# ---- the Pod


def test_a_new_group_gets_its_pod() -> None:
    made = plan(group())
    (step,) = made.steps
    assert isinstance(step, CreatePod)
    assert step.manifest["metadata"]["name"] == "web"
    assert (made.status.phase, made.status.observed_generation, made.status.last_update) == ("Pending", 1, None)
    assert [each.part for each in made.status.applied] == ["containers/log", "containers/web"]
    assert types(made) == {"Ready", "Reconciling"}
    assert [(each.type, each.reason.code) for each in made.events] == [("Normal", "PodCreated")]


def test_what_the_pod_names_is_written_before_it() -> None:
    of = group(spec(container(volumeMounts=MOUNTED), volumes=[FILES], imageRegistryCredentials=[{"secretName": "r"}]))
    waits = plan(of)
    assert not waits.steps
    assert waits.status.message.startswith("waits for Secret r of imageRegistryCredentials")
    assert "Stalled" in types(waits)
    made = plan(of, registries={"r": "7"})
    files, secret = made.steps
    assert isinstance(files, WriteConfigMap)
    assert isinstance(secret, WriteSecret)
    assert (files.name, dict(files.data)) == ("web.conf", {"file-0": "YQ=="})
    assert (secret.name, secret.source, secret.version) == ("web.registry-0", "r", "7")
    there = {"config_maps": {files.name: files.digest}, "copies": {secret.name: secret.origin}}
    (step,) = plan(of, registries={"r": "7"}, **there).steps
    assert isinstance(step, CreatePod)
    assert step.manifest["spec"]["imagePullSecrets"] == [{"name": "web.registry-0"}]
    assert step.manifest["spec"]["volumes"] == [
        {"name": "conf", "configMap": {"name": "web.conf", "items": [{"key": "file-0", "path": "a.conf"}]}}
    ]


def test_a_changed_secret_is_copied_again_and_what_nothing_uses_is_deleted() -> None:
    of = at_rest(spec(imageRegistryCredentials=[{"secretName": "r"}]))
    made = plan(
        of,
        pod_of(of),
        registries={"r": "8"},
        copies={"web.registry-0": "r@7", "web.registry-1": "q@1"},
        config_maps={"web.old": "x"},
    )
    assert [type(step) for step in made.steps] == [WriteSecret, DeleteConfigMap, DeleteSecret]
    assert made.status.phase == "Running"


def test_it_is_ready_when_all_containers_are() -> None:
    of = at_rest()
    made = plan(of, pod_of(of))
    assert (made.status.phase, made.status.message, ready(made)) == ("Running", "2 containers as asked", "True")
    assert (made.status.pod_ip, made.status.node_name) == ("10.0.0.1", "node-1")
    assert [(each.name, each.image, each.cpu, each.memory) for each in made.status.containers] == [
        ("web", "web:1", "500m", "512Mi"),
        ("log", "log:1", "500m", "512Mi"),
    ]
    assert not made.steps


@pytest.mark.parametrize(
    ("pod", "phase", "said"),
    [
        (
            {"phase": "Pending", "problem": "0/3 nodes are available", "reports": ()},
            "Pending",
            "its containers come up: 0 of 2 ready: 0/3 nodes are available",
        ),
        ({"phase": "Pending", "reports": ()}, "Pending", "its containers come up: 0 of 2 ready"),
    ],
)
def test_a_pod_that_comes_up(pod: dict[str, Any], phase: str, said: str) -> None:
    of = at_rest()
    made = plan(of, pod_of(of, **pod))
    assert (made.status.phase, made.status.message) == (phase, said)
    assert "Reconciling" in types(made)


def test_a_container_that_crashes_without_an_update_is_told_with_its_last_words() -> None:
    of = at_rest()
    last = Ending(1, "Error", "no such file")
    pod = with_report(pod_of(of), "web", state="Waiting", reason="CrashLoopBackOff", ready=False, last=last)
    made = plan(of, pod)
    assert made.status.phase == "Running"
    assert made.status.message == (
        "1 of 2 containers ready: container web waits (CrashLoopBackOff); exited with 1: no such file"
    )


def test_a_pod_that_is_deleted_comes_back_when_it_is_gone() -> None:
    of = at_rest()
    goes = plan(of, pod_of(of, removing=True))
    assert not goes.steps
    assert goes.status.message == "waits for Pod web to be gone: it is being deleted"
    made = plan(after(of, goes))
    assert [type(step) for step in made.steps] == [CreatePod]
    assert made.status.message == "creates Pod web again: it is gone"


@pytest.mark.parametrize("removing", [False, True])
@pytest.mark.parametrize(
    ("node", "lost"),
    [
        (Node(), False),
        (Node(gone=True), True),
        (Node(unready_since=NOON - seconds(299)), False),
        (Node(unready_since=NOON - seconds(300)), True),
    ],
)
def test_a_pod_whose_node_is_lost_is_deleted_without_its_kubelet(node: Node, lost: bool, removing: bool) -> None:
    of = at_rest()
    made = plan(of, pod_of(of, removing=removing), node=node)
    forced = [step.force for step in made.steps if isinstance(step, DeletePod)]
    assert forced == ([True] if lost else [])
    if node.unready_since is not None and not lost:
        assert made.wake_at == NOON + seconds(1)
        assert removing or made.status.phase == "Running"


@pytest.mark.parametrize("removing", [False, True])
@pytest.mark.parametrize(("since", "lost"), [(299, False), (300, True)])
def test_where_nodes_may_not_be_read_the_pod_itself_tells_that_its_node_is_silent(
    since: int, lost: bool, removing: bool
) -> None:
    of = at_rest()
    made = plan(of, pod_of(of, silent_since=NOON - seconds(since), removing=removing))
    assert [step.force for step in made.steps if isinstance(step, DeletePod)] == ([True] if lost else [])
    assert ready(made) != "True"
    if not lost:
        assert made.wake_at == NOON + seconds(1)
        if not removing:
            assert made.status.message == "2 of 2 containers ready: its node node-1 does not answer"
    # What the node itself says comes first: it has just come back.
    assert plan(of, pod_of(of, silent_since=NOON - seconds(since)), node=Node()).steps == ()


def test_a_pod_that_goes_is_told_with_who_deleted_it() -> None:
    of = at_rest()
    said = "DeletionByTaintManager: Taint manager: deleting due to NoExecute taint"
    assert plan(of, pod_of(of, removing=True, disruption=said)).status.message == (
        f"waits for Pod web to be gone: it is being deleted ({said})"
    )


@pytest.mark.parametrize(
    ("policy", "phase", "reason", "comes_back"),
    [
        ("Always", "Failed", "Evicted", True),
        ("Always", "Succeeded", "", True),
        ("OnFailure", "Failed", "", True),
        ("OnFailure", "Succeeded", "", False),
        ("Never", "Failed", "Evicted", True),
        ("Never", "Failed", "", False),
        ("Never", "Succeeded", "", False),
    ],
)
def test_an_ended_pod_comes_back_unless_its_containers_ended_it(
    policy: str, phase: Any, reason: str, comes_back: bool
) -> None:
    of = at_rest(spec(restartPolicy=policy))
    made = plan(of, pod_of(of, phase=phase, reason=reason))
    assert [type(step) for step in made.steps] == ([DeletePod] if comes_back else [])
    assert made.status.phase == ("Pending" if comes_back else phase)


def test_a_pod_that_fails_at_once_again_and_again_is_made_again_every_ten_seconds() -> None:
    of = at_rest()
    pod = pod_of(of, phase="Failed", reason="OutOfcpu", created_at=NOON - seconds(4))
    made = plan(of, pod)
    assert (made.steps, made.wake_at) == ((), NOON + seconds(6))


def test_a_group_that_is_over_stays_over_also_without_its_pod() -> None:
    of = at_rest(spec(restartPolicy="Never"))
    over = after(of, plan(of, pod_of(of, phase="Succeeded")))
    assert over.status.phase == "Succeeded"
    assert plan(over).steps == ()
    assert plan(over).status == over.status


def test_a_node_that_is_silent_is_told_of() -> None:
    of = at_rest()
    pod = with_report(pod_of(of), "web", ready=False)
    silent = plan(of, pod, node=Node(unready_since=NOON))
    assert silent.status.message == "1 of 2 containers ready: its node node-1 does not answer"
    assert plan(of, pod, node=Node()).status.message == "1 of 2 containers ready"


def test_what_was_reported_before_a_node_fell_silent_is_not_taken_for_well() -> None:
    of = at_rest()
    ready = {each.type: each.status for each in plan(of, pod_of(of), node=Node(unready_since=NOON)).status.conditions}
    assert ready["Ready"] != "True"
    assert {each.type: each.status for each in plan(of, pod_of(of)).status.conditions} == {"Ready": "True"}


def test_what_was_applied_last_is_not_said_of_a_pod_that_waits_for_its_files() -> None:
    of = group(spec(container(volumeMounts=MOUNTED), volumes=[FILES]))
    made = plan(of)
    assert [type(step) for step in made.steps] == [WriteConfigMap]
    assert made.status.applied == ()
    waits = plan(group(spec(imageRegistryCredentials=[{"secretName": "r"}])))
    assert (waits.steps, waits.status.applied) == ((), ())


def test_a_container_that_ended_with_0_is_not_well_where_it_is_to_be_started_again() -> None:
    for policy, well in (("Always", False), ("OnFailure", True)):
        of = at_rest(spec(restartPolicy=policy))
        ended = with_report(pod_of(of), "web", state="Terminated", ending=Ending(0), ready=False)
        assert (ready(plan(of, ended)) == "True") is well
        badly = with_report(ended, "web", ending=Ending(1))
        assert ready(plan(of, badly)) != "True"


def test_a_pod_of_somebody_else_is_left_alone() -> None:
    of = group()
    made = plan(of, pod_of(of, owned=False))
    assert (made.steps, made.status.phase) == ((), "Pending")
    assert "Stalled" in types(made)


def test_a_group_that_is_being_deleted_makes_no_pod() -> None:
    assert plan(group(removing=True)).steps == ()


def test_a_pod_that_the_api_server_refuses_is_tried_again() -> None:
    of = at_rest()
    refusal = Refusal("CreatePod", "exceeded quota", 1, NOON - seconds(10))
    made = plan(of, refusals=(refusal,))
    assert (made.steps, made.wake_at) == ((), NOON + seconds(20))
    assert "Stalled" in types(made)
    assert "exceeded quota" in made.status.message
    assert plan(of, refusals=(replace(refusal, at=NOON - seconds(30)),)).steps
    fresh = plan(of, refusals=(replace(refusal, generation=0),))
    assert (fresh.steps != (), "Stalled" in types(fresh)) == (True, False)


@pytest.mark.parametrize(("tries", "pause"), [(1, 30), (2, 60), (4, 240), (5, 300), (50, 300)])
def test_a_pod_that_is_refused_again_and_again_is_tried_less_often(tries: int, pause: int) -> None:
    of = at_rest()
    refusal = Refusal("CreatePod", "exceeded quota", 1, NOON, tries=tries)
    last = plan(of, refusals=(refusal,), now=NOON + seconds(pause - 1))
    assert (last.steps, last.wake_at) == ((), NOON + seconds(pause))
    assert plan(of, refusals=(refusal,), now=NOON + seconds(pause)).steps


@pytest.mark.parametrize("updates", [False, True])
def test_the_same_refusal_is_told_once_however_often_it_is_tried(updates: bool) -> None:
    of = begun(OTHER_ARGUMENTS) if updates else at_rest()
    of = after(of, plan(of))  # the first try
    refusal = Refusal("CreatePod", "exceeded quota", of.generation, NOON)
    first = plan(of, refusals=(refusal,))
    assert [(each.type, each.reason.code) for each in first.events] == [("Warning", "PodRefused")]
    told = after(of, first)
    again = plan(told, refusals=(refusal,), now=NOON + seconds(30))
    assert [type(step) for step in again.steps] == [CreatePod]
    assert again.status == told.status
    still = plan(told, refusals=(replace(refusal, tries=2, at=NOON + seconds(30)),), now=NOON + seconds(31))
    assert still.status == told.status
    other = plan(told, refusals=(replace(refusal, said="violates PodSecurity"),))
    assert other.status.message != told.status.message


def test_a_refusal_counts_those_before_it_of_the_same_spec() -> None:
    first = Refusal("CreatePod", "exceeded quota", 1, NOON)
    second = first.after(None).after(first)
    assert (first.after(None).tries, second.tries, first.after(second).tries) == (1, 2, 3)
    assert replace(first, generation=2).after(second).tries == 1


def test_a_pod_that_somebody_else_has_changed_is_told_of() -> None:
    of = at_rest()
    pod = pod_of(of)
    other = (PodContainer("web", "web:1", ROOM), *pod.containers[1:])
    made = plan(of, replace(pod, containers=other))
    assert made.steps == ()
    assert made.status.message == (
        "somebody has changed the Pod: containers/web (its size); the next change of the spec mends it, be it of "
        "clientToken alone"
    )
    assert types(made) == {"Ready"}
    assert ready(made) == "False"


@pytest.mark.parametrize(
    ("fields", "disruption", "step"),
    [({"sizes": ROOM}, "Resize", Resize), ({"image": "web:9", "image_by_others": True}, "RestartContainer", PatchPod)],
)
def test_what_somebody_has_changed_in_the_pod_is_mended_by_another_client_token(
    fields: dict[str, Any], disruption: str, step: type
) -> None:
    of = at_rest()
    pod = with_container(pod_of(of), "web", **fields)
    assert plan(of, pod).steps == ()
    made = plan(changed(of, spec(clientToken="mend")), pod)
    assert [type(each) for each in made.steps] == [step]
    assert update_of(made).disruption == disruption
    if isinstance(made.steps[0], PatchPod):
        assert made.steps[0].images == {"web": "web:1"}


def test_what_somebody_changes_after_an_update_that_changed_nothing_is_told_as_what_it_is() -> None:
    of = at_rest()
    asked = changed(of, spec(displayName="shop"))
    needless = after(asked, plan(asked, pod_of(of)))
    made = plan(needless, with_container(pod_of(of), "web", sizes=ROOM))
    assert made.status.message.startswith("somebody has changed the Pod: containers/web (its size)")
    assert "Stalled" not in types(made)


def test_an_image_that_somebody_sets_during_an_update_of_something_else_is_left_to_the_next() -> None:
    tagged = spec(tags=[{"key": "a"}])
    asked = begun(tagged)
    pod = with_container(patched_with(asked, pod_of(at_rest())), "web", image="web:9", image_by_others=True)
    made = plan(asked, pod)
    assert (made.steps, update_of(made).result) == ((), UpdateResult.SUCCESSFUL)
    assert made.status.message.startswith("somebody has changed the Pod: containers/web (its image)")


# ---- an update begins, or not


@pytest.mark.spec("container-group.md", "status")
@pytest.mark.parametrize(
    ("wanted", "disruption", "restarted", "step"),
    [
        (spec(tags=[{"key": "a", "value": "b"}]), "Metadata", (), PatchPod),
        (LARGER, "Resize", (), Resize),
        (WEB_2, "RestartContainer", ("web",), PatchPod),
        (OTHER_ARGUMENTS, "Recreate", ("web", "log"), DeletePod),
    ],
)
def test_what_is_going_to_be_done_is_written_before_it_is(
    wanted: ContainerGroupSpec, disruption: str, restarted: tuple[str, ...], step: type
) -> None:
    of = at_rest()
    made = plan(changed(of, wanted), pod_of(of))
    update = update_of(made)
    assert (made.status.phase, made.status.observed_generation, update.generation) == ("Updating", 2, 2)
    assert (update.disruption, update.restarted_containers, update.start_time) == (disruption, restarted, NOON)
    assert (update.end_time, update.result) == (None, None)
    assert [type(each) for each in made.steps] == [step]
    assert made.wake_at == NOON + seconds(300)
    assert made.events[0].reason.code == "UpdateBegins"


@pytest.mark.parametrize("pending", ["Pending", "Running"])
@pytest.mark.spec("container-group.md", "status")
def test_a_pending_group_can_be_updated_as_well(pending: str) -> None:
    of = at_rest(phase=pending)
    pod = pod_of(of, phase=pending, reports=())
    assert plan(changed(of, WEB_2), pod).status.phase == "Updating"


@pytest.mark.spec("container-group.md", "IncorrectStatus")
@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_group_that_is_over_is_not_updated(phase: Any) -> None:
    of = at_rest(spec(restartPolicy="Never"))
    for known in (of, after(of, plan(of, pod_of(of, phase=phase)))):
        made = plan(changed(known, spec(restartPolicy="Always")), pod_of(of, phase=phase))
        assert made.steps == ()
        assert update_of(made).result is UpdateResult.REFUSED
        assert update_of(made).reason.startswith(f"IncorrectStatus: the group has {phase}")


@pytest.mark.spec("container-group.md", "NoNeedUpdate")
def test_a_change_that_changes_nothing_is_told_of() -> None:
    of = at_rest()
    made = plan(changed(of, spec(displayName="shop", clientToken="t-1")), pod_of(of))
    update = update_of(made)
    assert (update.result, update.parts, update.disruption) == (UpdateResult.REFUSED, (), None)
    assert (update.reason, update.client_token) == ("NoNeedUpdate: nothing that the Pod has would change", "t-1")
    assert (made.steps, made.status.phase, ready(made)) == ((), "Running", "True")
    assert [(each.type, each.reason.code) for each in made.events] == [("Normal", "NoNeedUpdate")]
    again = changed(of, spec(displayName="shop", clientToken="t-1"))
    assert plan(after(again, made), pod_of(of)).events == ()


@pytest.mark.spec("container-group.md", "full update")
def test_what_a_list_does_not_name_any_more_is_gone() -> None:
    of = at_rest(spec(tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]))
    (step,) = plan(changed(of, spec(tags=[{"key": "b", "value": "3"}])), pod_of(of)).steps
    assert isinstance(step, PatchPod)
    assert step.labels == {"a": None, "b": "3"}
    assert {k: v for k, v in step.annotations.items() if k.startswith("tag.")} == {
        "tag.windlass.dev/a": None,
        "tag.windlass.dev/b": "3",
    }
    assert step.images == {}


@pytest.mark.parametrize("ceiling", list(Disruption))
@pytest.mark.parametrize(
    ("wanted", "needed"),
    [
        ({"tags": [{"key": "a"}]}, Disruption.METADATA),
        ({"containers": [container(resources=BIGGER), LOG]}, Disruption.RESIZE),
        ({"containers": [container(image="web:2"), LOG]}, Disruption.RESTART_CONTAINER),
        ({"containers": [container(args=["-v"]), LOG]}, Disruption.RECREATE),
    ],
)
def test_an_update_is_done_as_a_whole_or_not_at_all(
    ceiling: Disruption, wanted: dict[str, Any], needed: Disruption
) -> None:
    of = at_rest()
    asked = spec().model_dump(by_alias=True, exclude_none=True) | wanted
    asked |= {"update": {"mostDisruptiveAllowed": ceiling}}
    made = plan(changed(of, ContainerGroupSpec.model_validate(asked)), pod_of(of))
    rungs = list(Disruption)
    if rungs.index(needed) <= rungs.index(ceiling):
        assert made.status.phase == "Updating"
        assert made.steps
        return
    assert made.steps == ()
    assert (made.status.phase, ready(made)) == ("Running", "False")
    assert update_of(made).result is UpdateResult.REFUSED
    assert update_of(made).end_time == NOON
    assert f"needs {needed}, and update.mostDisruptiveAllowed is {ceiling}" in made.status.message
    assert made.status.message.startswith("update refused, nothing was done: containers/web (")
    assert [str(each) for each in made.holds] == [made.status.message]
    assert [each.type for each in made.events] == ["Warning"]


def test_the_status_says_what_was_applied_last() -> None:
    of = at_rest()
    ceiling = {"mostDisruptiveAllowed": "Resize"}
    refused = changed(of, spec(container(image="web:2"), LOG, update=ceiling))
    assert plan(refused, pod_of(of)).status.applied == whole_parts(spec())
    asked, pod = begun(WEB_2), pod_of(of)
    assert plan(asked, pod).status.applied == whole_parts(spec())
    assert plan(asked, patched(asked, pod)).status.applied == whole_parts(WEB_2)


def test_a_status_stays_within_its_bounds_whatever_others_say() -> None:
    long = "x" * 2000
    pod = with_report(pod_of(at_rest()), "web", state="Waiting", reason=long, message=long, image=long, ready=False)
    made = plan(at_rest(), pod).status
    assert len(made.message) == 1024
    assert [(len(each.reason), len(each.image)) for each in made.containers if each.name == "web"] == [(128, 1024)]


def test_what_was_refused_stays_refused_until_the_spec_changes() -> None:
    of = at_rest()
    refused = changed(of, spec(container(image="web:2"), LOG, update={"mostDisruptiveAllowed": "Resize"}))
    there = after(refused, plan(refused, pod_of(of)))
    again = plan(there, pod_of(of), now=NOON + seconds(3600))
    assert (again.steps, again.events, again.status.message) == ((), (), there.status.message)
    allowed = changed(there, spec(container(image="web:2"), LOG))
    assert plan(allowed, pod_of(of)).status.phase == "Updating"
    back = plan(changed(there, spec()), pod_of(of))
    assert (update_of(back).reason[:12], ready(back)) == ("NoNeedUpdate", "True")


@pytest.mark.spec("container-group.md", "part: volumes")
def test_volumes_come_only_with_containers() -> None:
    of = at_rest()
    made = plan(changed(of, spec(volumes=[FILES])), pod_of(of))
    assert made.steps == ()
    assert made.status.message.startswith("MissingParameter: volumes can be added and taken away only together")


def test_a_group_without_its_pod_takes_the_new_spec_with_the_pod_that_comes_back() -> None:
    of = at_rest()
    asked = changed(of, spec(container(image="web:2"), LOG, update={"mostDisruptiveAllowed": "Metadata"}))
    made = plan(asked)
    assert [type(step) for step in made.steps] == [CreatePod]
    update = update_of(made)
    assert (update.parts, update.disruption, update.restarted_containers) == (("containers/web",), "Recreate", ())
    assert plan(asked, pod_of(of, removing=True)).steps == ()
    none = plan(changed(of, spec(displayName="x")))
    assert [type(step) for step in none.steps] == [CreatePod]
    assert update_of(none).reason.startswith("NoNeedUpdate")


# ---- an image


@pytest.mark.spec("container-group.md", "part: containers")
@pytest.mark.spec("container-group.md", "status")
def test_an_image_is_changed_in_place_and_done_when_the_kubelet_says_so() -> None:
    of = at_rest()
    asked, pod = begun(WEB_2), pod_of(of)
    (step,) = plan(asked, pod).steps
    assert isinstance(step, PatchPod)
    assert (step.uid, step.images) == ("pod-1", {"web": "web:2"})
    pod = patched(asked, pod)
    assert changes_of(asked, pod) == ()
    unseen = plan(asked, pod)
    assert (unseen.steps, unseen.status.phase) == ((), "Updating")
    assert unseen.status.message.endswith("the kubelet has not seen the change yet")
    old = plan(asked, seen(pod))
    assert old.status.message.endswith("container web does not run web:2 yet")
    up = seen(pod, web={"image": "registry.test/library/web:2", "restart_count": 1, "ready": False, "since": NOON})
    assert plan(asked, up).status.message.endswith("container web is not ready")
    up = with_report(up, "web", ready=True)
    settling = plan(asked, up)
    assert (settling.status.phase, settling.wake_at) == ("Updating", NOON + seconds(10))
    done = plan(asked, up, now=NOON + seconds(10))
    update = update_of(done)
    assert (done.status.phase, ready(done), update.result) == ("Running", "True", UpdateResult.SUCCESSFUL)
    assert (update.restarted_containers, update.end_time) == (("web",), NOON + seconds(10))
    assert update.reason == "update of containers/web is done: RestartContainer, web restarted"
    assert [each.reason.code for each in done.events] == ["UpdateDone"]
    assert done.steps == ()


def test_a_runtime_that_calls_an_image_by_another_name_is_believed_by_its_restart() -> None:
    asked, pod = begun(WEB_2), pod_of(at_rest())
    pod = with_report(pod, "web", restart_count=4)
    pod = patched(asked, pod)
    same = seen(pod, web={"since": NOON - seconds(60)})
    assert plan(asked, same).status.phase == "Updating"
    restarted = with_report(same, "web", restart_count=5)
    assert plan(asked, restarted).status.phase == "Running"
    assert plan(asked, replace(restarted, observed_generation=None)).status.phase == "Updating"


def test_another_container_that_is_not_ready_is_not_waited_for() -> None:
    asked, pod = begun(WEB_2), pod_of(at_rest())
    up = seen(patched(asked, pod), web={"image": "web:2", "since": NOON - seconds(60)}, log={"ready": False})
    done = plan(asked, up)
    assert update_of(done).result is UpdateResult.SUCCESSFUL
    assert (done.status.message, ready(done)) == ("1 of 2 containers ready", "False")


# ---- an update that fails


def crash_looping(asked: ContainerGroup, pod: Pod, message: str = "panic: no configuration") -> Pod:
    last = Ending(2, "Error", message)
    waits: dict[str, Any] = {"state": "Waiting", "reason": "CrashLoopBackOff", "ready": False, "since": None}
    return seen(patched(asked, pod), web=waits | {"image": "web:2", "restart_count": 2, "last": last})


def test_a_container_that_crashes_after_the_update_has_failed_it_and_has_the_last_word() -> None:
    asked = begun(WEB_2)
    made = plan(asked, crash_looping(asked, pod_of(at_rest())))
    update = update_of(made)
    assert (made.status.phase, update.result, made.steps) == ("Running", UpdateResult.FAILED, ())
    assert update.reason == (
        "update of containers/web has failed: container web exited with 2: panic: no configuration; "
        "correct it by another one"
    )
    assert made.status.message == update.reason
    assert types(made) == {"Ready", "Stalled"}
    assert [(each.type, each.reason.code) for each in made.events] == [("Warning", "UpdateFailed")]


def test_one_that_crashed_before_the_update_does_not_fail_it() -> None:
    of, asked = at_rest(), begun(WEB_2)
    old = with_report(
        pod_of(of), "web", state="Waiting", reason="CrashLoopBackOff", ready=False, since=None, restart_count=9
    )
    pod = patched(asked, old)
    assert plan(asked, pod).status.phase == "Updating"
    assert plan(asked, seen(pod)).status.phase == "Updating"


def test_a_failed_update_is_corrected_by_the_next() -> None:
    asked = begun(WEB_2)
    broken = crash_looping(asked, pod_of(at_rest()))
    failed = after(asked, plan(asked, broken))
    assert plan(failed, broken, now=NOON + seconds(900)).steps == ()
    corrected = changed(failed, spec())
    made = plan(corrected, broken)
    (step,) = made.steps
    assert isinstance(step, PatchPod)
    assert step.images == {"web": "web:1"}
    assert (made.status.phase, update_of(made).result) == ("Updating", None)


def test_one_that_heals_after_all_is_ready() -> None:
    asked = begun(WEB_2)
    broken = crash_looping(asked, pod_of(at_rest()))
    failed = after(asked, plan(asked, broken))
    healed = with_report(broken, "web", state="Running", reason="", ready=True, since=NOON)
    just_started = plan(failed, healed)
    assert (ready(just_started), just_started.wake_at) == ("False", NOON + seconds(10))
    silent = plan(failed, healed, node=Node(unready_since=NOON - seconds(100)))
    assert silent.wake_at == NOON + seconds(10)
    made = plan(failed, healed, now=NOON + seconds(10))
    assert (ready(made), made.status.message) == ("True", "2 containers as asked")
    assert update_of(made).result is UpdateResult.FAILED


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({}, "container web does not run web:2 yet"),
        (
            {"state": "Waiting", "reason": "ImagePullBackOff", "message": "not found"},
            "container web waits (ImagePullBackOff): not found",
        ),
        ({"image": "web:2", "ready": False}, "container web is not ready"),
    ],
)
def test_what_is_not_done_by_its_deadline_has_failed(report: dict[str, Any], said: str) -> None:
    asked = begun(spec(container(image="web:2"), LOG, update={"deadlineSeconds": 60}))
    pod = seen(patched(asked, pod_of(at_rest())), web=report)
    before = plan(asked, pod, now=NOON + seconds(59))
    assert (before.status.phase, before.wake_at) == ("Updating", NOON + seconds(60))
    made = plan(asked, pod, now=NOON + seconds(60))
    assert (made.status.phase, update_of(made).result) == ("Running", UpdateResult.FAILED)
    assert f"not done after 60 s: {said}" in update_of(made).reason


def test_what_runs_at_its_deadline_is_done() -> None:
    asked = begun(WEB_2)
    now = NOON + seconds(300)
    pod = seen(patched(asked, pod_of(at_rest())), web={"image": "web:2", "since": now - seconds(1)})
    assert update_of(plan(asked, pod, now=now)).result is UpdateResult.SUCCESSFUL


def test_an_image_that_the_api_server_refuses_fails_the_update() -> None:
    asked = begun(WEB_2)
    made = plan(asked, pod_of(at_rest()), refusals=(Refusal("PatchPod", "denied by policy", 2, NOON),))
    assert update_of(made).result is UpdateResult.FAILED
    assert "denied by policy" in update_of(made).reason
    assert made.steps == ()


def test_containers_that_end_meanwhile_fail_the_update() -> None:
    of = at_rest(spec(restartPolicy="Never"))
    asked = begun(spec(container(image="web:2"), LOG, restartPolicy="Never"), of)
    made = plan(asked, pod_of(of, phase="Succeeded"))
    assert (made.status.phase, update_of(made).result) == ("Succeeded", UpdateResult.FAILED)


@pytest.mark.parametrize("ceiling", ["RestartContainer", "Recreate"])
def test_a_container_that_ends_before_its_image_is_changed_needs_a_new_pod(ceiling: str) -> None:
    update = {"mostDisruptiveAllowed": ceiling}
    of = at_rest(spec(restartPolicy="OnFailure"))
    asked = begun(spec(container(image="web:2"), LOG, restartPolicy="OnFailure", update=update), of)
    ended: dict[str, Any] = {"state": "Terminated", "ending": Ending(0), "ready": False, "since": None}
    made = plan(asked, with_report(pod_of(of), "web", **ended))
    said = "container web has ended with its old image, and restartPolicy OnFailure does not start it again"
    if ceiling == "Recreate":
        assert [type(step) for step in made.steps] == [DeletePod]
        assert (update_of(made).disruption, update_of(made).restarted_containers) == ("Recreate", ("web", "log"))
        assert said in str(made.events[0].reason)
    else:
        assert made.steps == ()
        assert (update_of(made).result, said in update_of(made).reason) == (UpdateResult.FAILED, True)


def test_a_container_that_ends_when_its_image_was_changed_and_stays_so_fails_the_update_at_once() -> None:
    of = at_rest(spec(restartPolicy="OnFailure"))
    asked = begun(spec(container(image="web:2"), LOG, restartPolicy="OnFailure"), of)
    ended: dict[str, Any] = {"state": "Terminated", "ending": Ending(0), "ready": False, "since": None}
    unseen = with_report(patched(asked, pod_of(of)), "web", **ended)
    assert plan(asked, unseen).status.phase == "Updating"
    pod = seen(unseen)
    made = plan(asked, pod)
    assert (made.steps, update_of(made).result) == ((), UpdateResult.FAILED)
    assert "web has ended with its old image, and restartPolicy OnFailure does not start it" in update_of(made).reason
    corrected = changed(after(asked, made), spec(container(image="web:3"), LOG, restartPolicy="OnFailure"))
    assert [type(step) for step in plan(corrected, pod).steps] == [DeletePod]
    crashed = with_report(pod, "web", ending=Ending(1))
    assert plan(asked, crashed).status.phase == "Updating"


def test_a_container_that_ends_well_with_its_new_image_is_done() -> None:
    of = at_rest(spec(restartPolicy="OnFailure"))
    asked = begun(spec(container(image="web:2"), LOG, restartPolicy="OnFailure"), of)
    ended: dict[str, Any] = {"state": "Terminated", "ending": Ending(0), "ready": False, "since": None}
    pod = seen(patched(asked, pod_of(of)), web={"image": "web:2", "restart_count": 1} | ended)
    assert update_of(plan(asked, pod)).result is UpdateResult.SUCCESSFUL
    # A runtime that calls the image by another name, of a kubelet that does not say of which spec it speaks.
    unsure = with_report(replace(pod, observed_generation=None), "web", image="sha256:00")
    assert plan(asked, unsure).steps == ()


# ---- sizes


def test_the_size_of_a_container_that_has_ended_is_not_waited_for() -> None:
    before, wanted = spec(restartPolicy="OnFailure"), spec(container(resources=BIGGER), LOG, restartPolicy="OnFailure")
    of = at_rest(before)
    asked = begun(wanted, of)
    ended: dict[str, Any] = {"state": "Terminated", "ending": Ending(0), "ready": False, "since": None, "sizes": None}
    pod = seen(patched(asked, pod_of(of)), web=ended)
    assert update_of(plan(asked, pod)).result is UpdateResult.SUCCESSFUL


@pytest.mark.spec("container-group.md", "size")
def test_a_size_is_changed_in_place_and_done_when_the_kubelet_reports_it() -> None:
    asked, pod = begun(LARGER), pod_of(at_rest())
    (step,) = plan(asked, pod).steps
    assert isinstance(step, Resize)
    assert dict(step.sizes) == {"web": ROOM}
    pod = patched(asked, pod)
    assert plan(asked, pod).status.message.endswith("container web has 500m CPU, 512Mi, not 500m CPU, 1Gi")
    going = seen(replace(pod, resizing=Resizing.IN_PROGRESS), web={"sizes": ROOM})
    assert plan(asked, going).status.message.endswith("the kubelet is resizing")
    unreported = seen(pod, web={"sizes": None})
    assert plan(asked, unreported).status.message.endswith("the kubelet does not report the size of container web")
    stale = with_report(pod, "web", sizes=ROOM)
    assert plan(asked, stale).status.message.endswith("the kubelet has not seen the change yet")
    kept = seen(pod, web={"sizes": ROOM, "allocated": Sizes.read("500m", "512Mi")})
    assert plan(asked, kept).status.phase == "Updating"
    done = plan(asked, seen(pod, web={"sizes": ROOM}))
    assert (done.status.phase, update_of(done).result, done.steps) == ("Running", UpdateResult.SUCCESSFUL, ())
    assert update_of(done).reason == "update of containers/web is done: Resize, nothing restarted"


def test_sizes_come_before_images_so_that_nothing_is_done_where_they_are_not_to_be_had() -> None:
    wanted = spec(container(image="web:2", resources=BIGGER), LOG)
    asked, pod = begun(wanted), pod_of(at_rest())
    assert [type(step) for step in plan(asked, pod).steps] == [Resize]
    pod = patched(asked, pod)
    assert plan(asked, seen(pod)).steps == ()
    ready_ = seen(pod, web={"sizes": ROOM})
    assert [type(step) for step in plan(asked, ready_).steps] == [PatchPod]


def test_tags_are_done_when_they_are_patched_whatever_the_kubelet_has_seen() -> None:
    tagged = spec(tags=[{"key": "a"}])
    asked, pod = begun(tagged), pod_of(at_rest(), generation=5, observed_generation=4)
    done = plan(asked, patched_with(asked, pod))
    assert (update_of(done).result, update_of(done).disruption) == (UpdateResult.SUCCESSFUL, "Metadata")


def test_a_deferred_resize_is_waited_for_until_the_deadline_and_then_taken_back() -> None:
    asked = begun(LARGER)
    pod = seen(replace(patched(asked, pod_of(at_rest())), resizing=Resizing.DEFERRED, resize_message="no room now"))
    waits = plan(asked, pod, now=NOON + seconds(299))
    assert (waits.status.phase, waits.steps) == ("Updating", ())
    assert waits.status.message.endswith("the node defers the resize: no room now")
    failed = plan(asked, pod, now=NOON + seconds(300))
    assert update_of(failed).result is UpdateResult.FAILED
    (step,) = failed.steps
    assert isinstance(step, Resize)
    assert dict(step.sizes) == {"web": Sizes.read("500m", "512Mi")}
    taken = replace(pod, containers=pod_of(at_rest()).containers)
    assert plan(after(asked, failed), taken).steps == ()
    back = replace(taken, resizing=Resizing.NONE)
    rests = plan(after(asked, failed), back)
    assert (rests.steps, rests.status.message) == ((), update_of(failed).reason)
    assert "Stalled" in types(rests)


def test_an_infeasible_resize_needs_a_new_pod() -> None:
    asked = begun(LARGER)
    pod = seen(replace(patched(asked, pod_of(at_rest())), resizing=Resizing.INFEASIBLE, resize_message="too much"))
    made = plan(asked, pod)
    (step,) = made.steps
    assert isinstance(step, DeletePod)
    update = update_of(made)
    assert (update.disruption, update.restarted_containers, update.result) == ("Recreate", ("web", "log"), None)
    assert str(made.events[0].reason).endswith("making the Pod anew: the node cannot make the resize: too much")


def test_an_infeasible_resize_fails_where_no_new_pod_may_be_made() -> None:
    asked = begun(spec(container(resources=BIGGER), LOG, update={"mostDisruptiveAllowed": "RestartContainer"}))
    pod = seen(replace(patched(asked, pod_of(at_rest())), resizing=Resizing.INFEASIBLE, resize_message="too much"))
    made = plan(asked, pod)
    assert update_of(made).result is UpdateResult.FAILED
    assert "the node cannot make the resize: too much; to make the Pod anew is more than" in update_of(made).reason
    assert [type(step) for step in made.steps] == [Resize]


def test_memory_that_the_api_server_does_not_let_shrink_needs_a_new_pod() -> None:
    of = at_rest(LARGER)
    asked = begun(spec(), of)
    made = plan(asked, pod_of(of), refusals=(Refusal("Resize", "memory cannot shrink", 2, NOON, invalid=True),))
    assert [type(step) for step in made.steps] == [DeletePod]
    assert "memory cannot shrink" in str(made.events[0].reason)


def test_a_larger_size_that_the_api_server_refuses_fails_the_update_and_costs_no_pod() -> None:
    asked = begun(LARGER)
    made = plan(asked, pod_of(at_rest()), refusals=(Refusal("Resize", "exceeded quota", 2, NOON),))
    assert made.steps == ()
    assert update_of(made).result is UpdateResult.FAILED
    assert "the API server refuses the resize: exceeded quota" in update_of(made).reason


def test_an_image_is_not_held_by_the_sizes_of_other_containers() -> None:
    asked = begun(WEB_2)
    pod = with_report(pod_of(at_rest()), "log", sizes=ROOM)
    assert [type(step) for step in plan(asked, pod).steps] == [PatchPod]


def test_a_pending_resize_is_taken_back_also_when_the_next_update_is_refused() -> None:
    asked = begun(LARGER)
    pod = seen(replace(patched(asked, pod_of(at_rest())), resizing=Resizing.DEFERRED))
    failed = after(asked, plan(asked, pod, now=NOON + seconds(300)))
    ceiling = {"mostDisruptiveAllowed": "Metadata"}
    made = plan(changed(failed, spec(container(image="web:2", resources=BIGGER), LOG, update=ceiling)), pod)
    assert update_of(made).result is UpdateResult.REFUSED
    assert [type(step) for step in made.steps] == [Resize]


def test_last_words_are_one_line_and_the_last_of_many() -> None:
    said = str(Ending(137, "OOMKilled", f"{'a ' * 400}\nthe end\n"))
    assert said.startswith("exited with 137 (OOMKilled): a a")
    assert said.endswith("a the end")
    assert len(said) < 340
    assert str(Ending(1, "Error", " \n")) == "exited with 1"


# ---- a new Pod


def new_pod(asked: ContainerGroup, **fields: Any) -> Pod:
    return pod_of(asked, uid="pod-2", created_at=NOON, **fields)


def test_a_pod_is_made_anew_only_when_the_old_one_is_gone() -> None:
    of = at_rest()
    asked = begun(OTHER_ARGUMENTS)
    (step,) = plan(asked, pod_of(of)).steps
    assert isinstance(step, DeletePod)
    assert (step.uid, step.force) == ("pod-1", False)
    assert plan(asked, pod_of(of, removing=True)).steps == ()
    (step,) = plan(asked).steps
    assert isinstance(step, CreatePod)
    assert step.manifest["spec"]["containers"][0]["args"] == ["-v"]
    comes = plan(asked, new_pod(asked, phase="Pending", reports=(), problem="0/3 nodes"))
    assert comes.status.message.endswith("0/3 nodes")
    done = plan(asked, new_pod(asked))
    assert (done.status.phase, update_of(done).result) == ("Running", UpdateResult.SUCCESSFUL)
    assert update_of(done).reason == "update of containers/web is done: Recreate, the Pod is made anew"


def test_files_are_written_when_the_old_pod_is_gone() -> None:
    before = at_rest(spec(container(volumeMounts=MOUNTED), LOG, volumes=[FILES]))
    other = {"name": "conf", "configFile": {"files": [{"path": "a.conf", "content": "Yg=="}]}}
    asked = begun(spec(container(volumeMounts=MOUNTED), LOG, volumes=[other]), before)
    assert [type(step) for step in plan(asked, pod_of(before)).steps] == [DeletePod]
    assert plan(asked, pod_of(before, removing=True)).steps == ()
    assert [type(step) for step in plan(asked).steps] == [WriteConfigMap]


def test_an_init_container_that_crashes_fails_the_update() -> None:
    of = at_rest(spec(initContainers=[container("init", "init:1")]))
    asked = begun(spec(initContainers=[container("init", "init:2")]), of)
    init = ContainerReport("init", "init:2", reason="CrashLoopBackOff", last=Ending(3, message="no table"))
    pod = new_pod(asked, phase="Pending", reports=(), init_reports=(init,))
    made = plan(asked, pod)
    assert (made.status.phase, update_of(made).result) == ("Pending", UpdateResult.FAILED)
    assert "container init exited with 3: no table" in update_of(made).reason


@pytest.mark.parametrize(("code", "result"), [(0, UpdateResult.SUCCESSFUL), (1, UpdateResult.FAILED)])
def test_containers_that_are_not_started_again_are_done_when_they_end_well(code: int, result: UpdateResult) -> None:
    of = at_rest(spec(container(), restartPolicy="Never"))
    asked = begun(spec(container(args=["-v"]), restartPolicy="Never"), of)
    ended: dict[str, Any] = {"state": "Terminated", "ending": Ending(code), "ready": False, "since": None}
    pod = with_report(new_pod(asked, phase="Failed" if code else "Succeeded"), "web", **ended)
    made = plan(asked, pod)
    assert update_of(made).result is result
    assert made.status.phase == ("Failed" if code else "Succeeded")


def test_a_pod_that_is_deleted_in_the_middle_comes_back_as_asked() -> None:
    asked = begun(spec(container(image="web:2"), LOG, update={"mostDisruptiveAllowed": "RestartContainer"}))
    made = plan(asked)
    assert [type(step) for step in made.steps] == [CreatePod]
    assert (made.status.phase, update_of(made).disruption) == ("Updating", "Recreate")


def test_a_pod_whose_node_is_lost_in_the_middle_comes_back_as_asked() -> None:
    asked, pod = begun(WEB_2), pod_of(at_rest())
    waits = plan(asked, patched(asked, pod), node=Node(unready_since=NOON - seconds(200)))
    assert waits.wake_at == NOON + seconds(100)
    made = plan(asked, patched(asked, pod), node=Node(gone=True))
    (step,) = made.steps
    assert isinstance(step, DeletePod)
    assert step.force
    assert update_of(made).disruption == "Recreate"


def test_an_update_goes_on_when_a_strangers_pod_is_out_of_the_way() -> None:
    asked = begun(OTHER_ARGUMENTS)
    held = after(asked, plan(asked, pod_of(asked, uid="theirs", owned=False)))
    assert (held.status.phase, update_of(plan(held)).result) == ("Pending", None)
    assert plan(held).status.phase == "Updating"
    assert update_of(plan(held, new_pod(held))).result is UpdateResult.SUCCESSFUL


def test_a_lost_pod_that_is_back_is_not_deleted_where_the_ceiling_forbids_it() -> None:
    ceiling = {"mostDisruptiveAllowed": "RestartContainer"}
    asked, pod = begun(spec(container(image="web:2"), LOG, update=ceiling)), pod_of(at_rest())
    lost = after(asked, plan(asked, pod, node=Node(gone=True)))
    made = plan(lost, pod)
    assert made.steps == ()
    assert update_of(made).result is UpdateResult.FAILED
    assert "the Pod that was lost is back, and mostDisruptiveAllowed is RestartContainer" in update_of(made).reason


def test_missing_credentials_hold_the_update_before_anything_is_done() -> None:
    of = at_rest(spec(imageRegistryCredentials=[{"secretName": "a"}]))
    for wanted, there in (
        (spec(imageRegistryCredentials=[{"secretName": "b"}]), {"a": "1"}),
        (spec(imageRegistryCredentials=[{"secretName": "a"}, {"secretName": "b"}]), {"a": "1"}),
    ):
        asked = changed(of, wanted)
        made = plan(asked, pod_of(of), registries=there)
        assert (made.steps, made.status.phase) == ((), "Updating")
        assert "waits for Secret b" in made.status.message
        late = plan(after(asked, made), pod_of(of), registries=there, now=NOON + timedelta(minutes=5))
        assert update_of(late).result is UpdateResult.FAILED
        assert late.steps == ()


@pytest.mark.spec("container-group.md", "part: registry credentials")
def test_other_credentials_are_copied_and_nothing_restarts() -> None:
    of = at_rest(spec(imageRegistryCredentials=[{"secretName": "a"}]))
    asked = changed(of, spec(imageRegistryCredentials=[{"secretName": "b"}]))
    there = {"registries": {"b": "1"}, "copies": {"web.registry-0": "a@1"}}
    first = plan(asked, pod_of(of), **there)
    assert [type(step) for step in first.steps] == [WriteSecret]
    asked, there = after(asked, first), there | {"copies": {"web.registry-0": "b@1"}}
    (step,) = plan(asked, pod_of(of), **there).steps
    assert isinstance(step, PatchPod)
    assert step.images == {}
    done = plan(asked, patched_with(asked, pod_of(of), **there), **there)
    assert (update_of(done).result, update_of(done).restarted_containers) == (UpdateResult.SUCCESSFUL, ())


def patched_with(asked: ContainerGroup, pod: Pod, **there: Any) -> Pod:
    (step,) = plan(asked, pod, **there).steps
    assert isinstance(step, PatchPod)
    return replace(pod, annotations={**pod.annotations, **{k: v for k, v in step.annotations.items() if v}})


def test_a_resize_that_may_not_be_taken_back_is_not_asked_for_again_and_again() -> None:
    asked = begun(LARGER)
    pod = seen(replace(patched(asked, pod_of(at_rest())), resizing=Resizing.DEFERRED))
    failed = after(asked, plan(asked, pod, now=NOON + seconds(300)))
    refusal = Refusal("Resize", "memory limits cannot be decreased", 2, NOON)
    assert plan(failed, pod, now=NOON + seconds(301), refusals=(refusal,)).steps == ()


def test_what_the_kubelet_says_of_an_earlier_resize_is_not_believed() -> None:
    asked = begun(LARGER)
    pod = replace(patched(asked, pod_of(at_rest())), resizing=Resizing.INFEASIBLE)
    waits = plan(asked, pod)
    assert (waits.steps, waits.status.phase) == ((), "Updating")
    assert waits.status.message.endswith("the kubelet has not seen the change yet")


def test_a_password_is_followed_also_where_an_update_was_refused() -> None:
    registry = [{"secretName": "registry"}]
    before = spec(container(), LOG, imageRegistryCredentials=registry)
    of, ceiling = at_rest(before), {"mostDisruptiveAllowed": "Metadata"}
    asked = changed(of, spec(container(image="web:2"), LOG, imageRegistryCredentials=registry, update=ceiling))
    refused = after(asked, plan(asked, pod_of(of), registries={"registry": "1"}))
    held = {"copies": {"web.registry-0": "registry@1"}, "registries": {"registry": "2"}}
    (step,) = plan(refused, pod_of(of), **held).steps
    assert isinstance(step, WriteSecret)
    assert step.version == "2"


def test_a_pod_that_would_be_refused_is_not_made_room_for() -> None:
    asked = begun(OTHER_ARGUMENTS)
    made = plan(asked, pod_of(at_rest()), refusals=(Refusal("CreatePod", "violates PodSecurity", 2, NOON),))
    assert made.steps == ()
    assert update_of(made).result is UpdateResult.FAILED
    assert "the API server refuses the new Pod, so the old one stays: violates PodSecurity" in update_of(made).reason
