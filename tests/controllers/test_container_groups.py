"""A container group's controller, over an API in memory."""

from collections.abc import Callable

import pytest

from tests.cluster_client.objects import status
from tests.cluster_client.virtual_time import run
from tests.controllers.processes import Asked, Crash
from tests.controllers.small_container_groups import SmallContainerGroup, container, spec
from windlass.api.common import API_VERSION

Story = Callable[[SmallContainerGroup], None]
FILES = {"name": "conf", "configFile": {"files": [{"path": "app.ini", "content": "eD0x"}]}}
MOUNT = {"name": "conf", "mountPath": "/etc/app"}


def played(small: SmallContainerGroup, *stories: Story, prompt: bool = True) -> SmallContainerGroup:
    """One process brings each story to rest."""

    async def play() -> None:
        async with small.process(prompt=prompt) as process:
            process.start()
            for story in stories:
                story(small)
                await small.settle(process)

    run(play())
    return small


def forbidden(said: str) -> tuple[int, dict[str, object]]:
    return 403, status(403, "Forbidden", said)


def running(**more: object) -> SmallContainerGroup:
    return played(SmallContainerGroup(), lambda small: small.create(spec(**more)))


def test_a_pod_is_made_with_what_it_needs_and_belongs_to_the_group() -> None:
    wanted = spec(container("web", volumeMounts=[MOUNT]), volumes=[FILES])
    small = played(SmallContainerGroup(), lambda small: small.create(wanted))

    (owner,) = small.pod["metadata"]["ownerReferences"]
    assert (owner["apiVersion"], owner["kind"], owner["name"], owner["controller"]) == (
        API_VERSION,
        "ContainerGroup",
        "web",
        True,
    )
    assert small.names("configmaps") == ["web.conf"]
    kinds = [change.plural for change in small.objects.history if change.type == "ADDED"]
    assert kinds.index("configmaps") < kinds.index("pods"), "what the Pod names is there before it"
    assert (small.status["phase"], small.status["podName"]) == ("Running", "web")


def test_an_image_is_changed_in_place_by_one_write() -> None:
    small = running()
    before = small.pod["metadata"]["uid"]
    requests: list[Asked] = []

    async def play() -> None:
        async with small.process(prompt=True) as process:
            process.start()
            small.change(containers=[container("web", "web:2"), container("side", "side:1")])
            await small.settle(process)
            requests.extend(process.transport.asked)

    run(play())
    assert [each.method for each in requests if each.writes and "/pods/" in each.path] == ["PATCH"]
    assert small.pod["metadata"]["uid"] == before
    assert small.images() == {"web": "web:2", "side": "side:1"}
    assert small.restarts() == {"web": 1, "side": 0}
    update = small.status["lastUpdate"]
    assert (update["result"], update["disruption"], update["restartedContainers"]) == (
        "Successful",
        "RestartContainer",
        ["web"],
    )


def test_a_size_is_changed_through_the_subresource() -> None:
    small = running()

    def larger(small: SmallContainerGroup) -> None:
        bigger = container("web") | {"resources": {"cpu": "1", "memory": "256Mi"}}
        small.change(containers=[bigger, container("side", "side:1")])

    played(small, larger)
    (web, _) = small.pod["status"]["containerStatuses"]
    assert web["resources"]["requests"] == {"cpu": "1", "memory": "256Mi"}
    assert small.restarts() == {"web": 0, "side": 0}
    assert small.status["lastUpdate"]["result"] == "Successful"


def test_what_cannot_change_in_place_makes_the_pod_anew_and_there_are_never_two() -> None:
    small = running()
    played(small, lambda small: small.change(restartPolicy="OnFailure"))
    assert small.pod["spec"]["restartPolicy"] == "OnFailure"
    assert small.writes("pods").count("ADDED") == 2
    assert small.status["lastUpdate"]["disruption"] == "Recreate"
    assert small.status["phase"] == "Running"


def test_an_image_that_crashes_fails_with_its_last_words_and_is_corrected_by_the_next() -> None:
    small = running()
    small.crashing.add("web:bad")
    played(small, lambda small: small.change(containers=[container("web", "web:bad"), container("side", "side:1")]))
    update = small.status["lastUpdate"]
    assert update["result"] == "Failed"
    assert "cannot find its database" in update["reason"]
    played(small, lambda small: small.change(containers=[container("web", "web:3"), container("side", "side:1")]))
    assert (small.status["lastUpdate"]["result"], small.images()["web"]) == ("Successful", "web:3")


def test_a_pod_that_somebody_deletes_comes_back() -> None:
    small = running()
    before = small.pod["metadata"]["uid"]
    played(small, SmallContainerGroup.delete_pod)
    assert small.pod["metadata"]["uid"] != before
    assert small.status["phase"] == "Running"


def lose(small: SmallContainerGroup) -> None:
    """Its Pod is on a node that is not there any more; somebody has deleted the Pod."""
    small.objects.put("pods", {**small.pod, "spec": {**small.pod["spec"], "nodeName": "lost"}})
    small.silent = True  # the kubelet
    small.delete_pod()


def test_a_pod_on_a_node_that_is_gone_comes_back() -> None:
    lost = running()
    before = lost.pod["metadata"]["uid"]

    async def play() -> None:
        lose(lost)
        async with lost.process(prompt=True) as process:
            process.start()
            await lost.until(process, lambda: lost.names("pods") and lost.pod["metadata"]["uid"] != before)
            deleted = [each for each in process.transport.asked if each.method == "DELETE"]
            assert [each.body["gracePeriodSeconds"] for each in deleted] == [0]
            assert deleted[0].body["preconditions"]["uid"] == before

    run(play())


def test_a_pod_that_a_finalizer_keeps_is_not_deleted_again_and_again() -> None:
    lost = running()

    async def play() -> int:
        lose(lost)
        meta = {**lost.pod["metadata"], "finalizers": ["example.test/hold"]}
        lost.objects.put("pods", {**lost.pod, "metadata": meta})
        async with lost.process(prompt=True) as process:
            process.start()
            await process.live(60)
            return sum(each.method == "DELETE" for each in process.transport.asked)

    assert 1 <= run(play()) <= 8


def test_registry_credentials_are_copied_and_followed_without_touching_the_pod() -> None:
    small = SmallContainerGroup()
    small.secret("registry", "b25l")
    played(small, lambda small: small.create(spec(imageRegistryCredentials=[{"secretName": "registry"}])))
    assert small.pod["spec"]["imagePullSecrets"] == [{"name": "web.registry-0"}]
    copy = small.objects.by_place["secrets", "default", "web.registry-0"]
    assert copy["data"] == {".dockerconfigjson": "b25l"}
    before = small.pod["metadata"]["uid"], small.restarts()

    async def play() -> None:
        async with small.process(prompt=True) as process:
            process.start()
            await small.settle(process)
            small.secret("registry", "dHdv")

            def followed() -> bool:
                held = small.objects.by_place["secrets", "default", "web.registry-0"]["data"]
                return bool(held == {".dockerconfigjson": "dHdv"})

            await small.until(process, followed, 120)

    run(play())
    assert (small.pod["metadata"]["uid"], small.restarts()) == before


def test_files_change_with_the_pod_that_mounts_them() -> None:
    wanted = spec(container("web", volumeMounts=[MOUNT]), volumes=[FILES])
    small = played(SmallContainerGroup(), lambda small: small.create(wanted))
    other = {"name": "conf", "configFile": {"files": [{"path": "app.ini", "content": "eD0y"}]}}
    played(small, lambda small: small.change(volumes=[other]))
    assert list(small.objects.by_place["configmaps", "default", "web.conf"]["binaryData"].values()) == ["eD0y"]
    assert small.pods_made == 2


def test_a_pod_of_somebody_else_is_left_alone_and_waited_for() -> None:
    small = SmallContainerGroup()
    small.stranger()

    async def play() -> None:
        async with small.process(prompt=True) as process:
            process.start()
            small.create(spec())
            await small.until(process, lambda: "not this group's" in small.status.get("message", ""))
            assert small.pod["metadata"]["uid"] == "uid-stranger"
            assert "ownerReferences" not in small.pod["metadata"]
            small.objects.remove("pods", "default", "web")
            await small.until(process, lambda: small.status.get("phase") == "Running", 900)

    run(play())


def test_what_the_api_server_refuses_is_told_and_tried_again() -> None:
    small = SmallContainerGroup()
    refuse = True

    def full(asked: Asked) -> tuple[int, dict[str, object]] | None:
        if refuse and asked.method == "POST" and asked.path.endswith("/pods"):
            return forbidden('pods "web" is forbidden: exceeded quota: small')
        return None

    async def play() -> None:
        nonlocal refuse
        async with small.process(prompt=True) as process:
            process.transport.refuse = full
            process.start()
            small.create(spec())
            await small.until(process, lambda: "exceeded quota" in small.status.get("message", ""))
            refuse = False
            await small.until(process, lambda: small.status.get("phase") == "Running")

    run(play())


def test_a_pod_that_goes_on_being_refused_is_told_of_once_and_tried_less_and_less_often() -> None:
    small = SmallContainerGroup()

    async def play() -> tuple[int, list[str], set[str]]:
        async with small.process(prompt=True) as process:
            process.transport.refuse = full
            process.start()
            small.create(spec())
            await small.until(process, lambda: "exceeded quota" in small.status.get("message", ""))
            before = len(small.objects.history)
            await process.live(1200)
            tries = [each for each in process.transport.asked if each.method == "POST" and each.path.endswith("/pods")]
            changes = {each.plural for each in small.objects.history[before:]}
            return len(tries), process.told.reasons, changes

    def full(asked: Asked) -> tuple[int, dict[str, object]] | None:
        if asked.method == "POST" and asked.path.endswith("/pods"):
            return forbidden('pods "web" is forbidden: exceeded quota: small')
        return None

    tries, told, changed = run(play())
    assert 6 <= tries <= 9, "after 0, 30, 90, 210, 450, 750 and 1050 s"
    assert told == ["PodCreated", "PodRefused"]
    assert "containergroups" not in changed, "its status stays as it is"


def test_a_node_that_falls_silent_is_noticed_where_nodes_may_not_be_read() -> None:
    small = running()
    small.silent = True

    async def play() -> None:
        async with small.process(prompt=True, namespaces=("default",)) as process:
            process.start()
            await process.live(5)
            at = f"{small.clock.now():%Y-%m-%dT%H:%M:%SZ}"
            marks = [
                {"type": "Ready", "status": "False", "lastTransitionTime": at},
                {"type": "ContainersReady", "status": "True", "lastTransitionTime": at},
            ]
            small.objects.put("pods", {**small.pod, "status": {**small.pod["status"], "conditions": marks}})
            before = small.pod["metadata"]["uid"]
            await small.until(process, lambda: "does not answer" in small.status["message"], 30)
            began = small.clock.monotonic()
            await small.until(process, lambda: small.pod["metadata"]["uid"] != before)
            assert 290 <= small.clock.monotonic() - began <= 310
            assert not [each for each in process.transport.asked if "/nodes" in each.path]

    run(play())


def test_a_pod_that_would_be_refused_does_not_cost_the_one_that_runs() -> None:
    small = running()
    before = small.pod["metadata"]["uid"]

    def refuse(asked: Asked) -> tuple[int, dict[str, object]] | None:
        if asked.method == "POST" and asked.path.endswith("/pods"):
            return forbidden('pods "web-try" is forbidden: violates PodSecurity "baseline:latest"')
        return None

    async def play() -> None:
        async with small.process(prompt=True) as process:
            process.transport.refuse = refuse
            process.start()
            small.change(restartPolicy="OnFailure")
            await small.settle(process)
            assert [each for each in process.transport.asked if each.method == "DELETE"] == []
            process.transport.refuse = lambda _: None
            small.change(restartPolicy="Never")
            await small.settle(process)

    run(play())
    assert small.writes("pods").count("ADDED") == 2
    assert small.pod["metadata"]["uid"] != before
    assert (small.status["lastUpdate"]["result"], small.pod["spec"]["restartPolicy"]) == ("Successful", "Never")


def test_a_quota_that_the_old_pod_fills_does_not_keep_the_new_one_away() -> None:
    small = running()

    def full(asked: Asked) -> tuple[int, dict[str, object]] | None:
        if asked.method == "POST" and "dryRun" in asked.query:
            return forbidden('pods "web-try" is forbidden: exceeded quota: small')
        return None

    async def play() -> None:
        async with small.process(prompt=True) as process:
            process.transport.refuse = full
            process.start()
            small.change(restartPolicy="OnFailure")
            await small.settle(process)

    run(play())
    assert small.status["lastUpdate"]["result"] == "Successful"


def test_a_generation_whose_pass_failed_is_considered_all_the_same() -> None:
    small = running()
    refused = True

    def refuse(asked: Asked) -> tuple[int, dict[str, object]] | None:
        if refused and asked.method == "GET" and asked.path.endswith("/configmaps"):
            return forbidden("configmaps is forbidden")
        return None

    async def play() -> None:
        nonlocal refused
        async with small.process(prompt=True) as process:
            process.transport.refuse = refuse
            process.start()
            changed_image(small)
            await small.until(process, lambda: "forbidden" in small.status.get("message", ""))
            refused = False
            await small.until(process, lambda: small.images()["web"] == "web:2")

    run(play())


def test_a_credential_that_is_a_groups_own_copy_is_no_source() -> None:
    small = SmallContainerGroup()
    small.secret("registry", "b25l")
    played(small, lambda small: small.create(spec(imageRegistryCredentials=[{"secretName": "registry"}])))

    async def play() -> int:
        async with small.process(prompt=True) as process:
            process.start()
            small.change(imageRegistryCredentials=[{"secretName": "web.registry-0"}])
            await process.live(60)
            return sum(each.writes for each in process.transport.asked)

    assert run(play()) < 20


# ---- crashes


def changed_image(small: SmallContainerGroup) -> None:
    small.change(containers=[container("web", "web:2"), container("side", "side:1")])


def made_anew(small: SmallContainerGroup) -> None:
    small.change(restartPolicy="OnFailure", volumes=[FILES], containers=[container("web", volumeMounts=[MOUNT])])


def resized(small: SmallContainerGroup) -> None:
    bigger = container("web") | {"resources": {"cpu": "1", "memory": "256Mi"}}
    small.change(containers=[bigger, container("side", "side:1")])


@pytest.mark.parametrize("arrives", ["never", "at once", "late"])
@pytest.mark.parametrize("story", [changed_image, resized, made_anew])
def test_a_crash_at_any_request_changes_nothing_in_the_end(story: Story, arrives: str) -> None:
    start = running()

    async def play(*crashes: Crash) -> tuple[SmallContainerGroup, int]:
        small, asked = start.copied(), 0
        story(small)
        for crash in (*crashes, None):
            async with small.process(crash=crash) as process:
                process.start()
                await small.settle(process)
                asked = len(process.transport.asked)
        return small, asked

    def outcome(small: SmallContainerGroup) -> tuple[object, ...]:
        update = {k: v for k, v in small.status["lastUpdate"].items() if not k.endswith("Time")}
        return (
            small.status["phase"],
            update,
            small.images(),
            small.restarts(),
            small.pods_made,
            small.names("configmaps"),
        )

    expected, count = run(play())
    assert count >= 5
    for at in range(count):
        small, _ = run(play(Crash(at, arrives)))
        assert outcome(small) == outcome(expected), f"after a crash at request {at} of {count}"
