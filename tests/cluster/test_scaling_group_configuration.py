"""What new instances are made from: configurations that are missing, bad, changed, and the revisions kept of them."""

import pytest

from hack.cluster import wait_until
from tests.cluster.groups import Groups, condition, ordinals

pytestmark = pytest.mark.usefixtures("running_operator")


@pytest.mark.spec("scaling-group.md", "configuration")
def test_without_its_configuration_a_group_is_stalled_until_that_is_created(groups: Groups) -> None:
    web = groups.create(desired=2, configuration={"scalingConfiguration": "later"})
    web.wait_for_message("ScalingConfiguration later does not exist: create it")
    assert web.phase == "Stalled"
    assert condition(web.status, "Stalled") == "True"
    assert web.pods == {}
    groups.configure("later")
    web.wait_until_ready(2)
    assert condition(web.status, "Stalled") is None


def test_a_group_whose_configuration_is_deleted_keeps_what_it_has_and_stalls(groups: Groups) -> None:
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    groups.unconfigure("web")
    web.wait_for_phase("Stalled")
    assert ordinals(web.pods) == [0, 1]
    web.scale(1)
    web.wait_for("one left", lambda status: status["replicas"] == 1)
    groups.configure("web")
    web.wait_until_ready(1)


def test_a_template_that_the_api_server_refuses_stalls_the_group_with_its_words(groups: Groups) -> None:
    groups.configure("web", restartPolicy="Sometimes")
    web = groups.create(desired=2)
    web.wait_for_phase("Stalled")
    message = web.status["message"]
    assert message.startswith("the API server refuses an instance made from ScalingConfiguration web: ")
    assert 'spec.restartPolicy: Unsupported value: "Sometimes"' in message
    assert web.revisions == {}
    groups.configure("web", restartPolicy="Always")
    web.wait_until_ready(2)


def test_a_template_that_becomes_bad_stalls_the_group_which_heals_from_what_it_keeps(groups: Groups) -> None:
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    groups.configure("web", restartPolicy="Sometimes")
    web.wait_for_phase("Stalled")
    assert ordinals(web.pods) == [0, 1]
    first = web.pods["web-1"]["metadata"]["labels"]["windlass.dev/revision"]
    web.kill("web-0")
    groups.pods.wait_for("web-2 in its place", lambda pods: sorted(pods) == ["web-1", "web-2"])
    assert web.pods["web-2"]["metadata"]["labels"]["windlass.dev/revision"] == first
    assert web.phase == "Stalled"
    groups.configure("web", restartPolicy="Always")
    web.wait_until_ready(2)


def test_a_group_whose_configuration_is_deleted_heals_from_what_it_keeps(groups: Groups) -> None:
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    groups.unconfigure("web")
    web.wait_for_phase("Stalled")
    web.kill("web-0")
    groups.pods.wait_for("web-2 in its place", lambda pods: sorted(pods) == ["web-1", "web-2"])
    assert web.status["message"].startswith("ScalingConfiguration web does not exist")


def test_a_changed_configuration_is_kept_as_a_revision_and_replaces_nothing(groups: Groups) -> None:
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    first = web.status["currentRevision"]
    groups.configure("web", terminationGracePeriodSeconds=5)
    web.wait_for("two outdated", lambda status: status["outdated"] == 2)
    assert ordinals(web.pods) == [0, 1]
    assert web.phase == "Ready"
    assert "2 instances made from an older configuration" in web.status["message"]
    web.scale(3)
    web.wait_until_ready(3)
    status = web.status
    assert status["outdated"] == 2
    assert [(each["name"], each["instances"]) for each in status["revisions"]] == [
        (first, 2),
        (status["currentRevision"], 1),
    ]
    made_from = {name: pod["metadata"]["labels"]["windlass.dev/revision"] for name, pod in web.pods.items()}
    assert made_from == {"web-0": first, "web-1": first, "web-2": status["currentRevision"]}
    assert web.pods["web-2"]["spec"]["terminationGracePeriodSeconds"] == 5
    web.scale(1)
    web.wait_until_ready(1)
    assert list(web.pods) == ["web-2"]


def test_a_configuration_changed_back_is_the_revision_it_was(groups: Groups) -> None:
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    first = web.status["currentRevision"]
    groups.configure("web", terminationGracePeriodSeconds=5)
    web.wait_for("one outdated", lambda status: status["outdated"] == 1)
    groups.configure("web")
    web.wait_for("none outdated", lambda status: status["outdated"] == 0)
    assert web.status["currentRevision"] == first
    assert len(web.revisions) == 2


@pytest.mark.spec("scaling-group.md", "configuration")
def test_a_group_may_switch_to_another_configuration(groups: Groups) -> None:
    groups.configure("other")
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    web.change(configuration={"scalingConfiguration": "other"})
    web.wait_for("one outdated", lambda status: status["outdated"] == 1)
    web.scale(2)
    web.wait_until_ready(2)
    assert {name: pod["metadata"]["labels"]["app"] for name, pod in web.pods.items()} == {
        "web-0": "web",
        "web-1": "other",
    }


def test_of_revisions_that_nobody_uses_the_two_newest_are_kept(groups: Groups) -> None:
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    first = web.status["currentRevision"]
    for seconds in (5, 6, 7):
        before = web.status["currentRevision"]
        groups.configure("web", terminationGracePeriodSeconds=seconds)
        web.wait_for("another revision", lambda status, before=before: status["currentRevision"] != before)
    wait_until(lambda: sorted(each["revision"] for each in web.revisions.values()) == [1, 3, 4], 10, "1, 3 and 4")
    assert web.revisions[first]["revision"] == 1
    web.kill("web-0")
    wait_until(lambda: sorted(each["revision"] for each in web.revisions.values()) == [3, 4], 10, "3 and 4")


def test_revisions_can_be_labelled_and_orphaned_whatever_the_configuration_holds(groups: Groups) -> None:
    odd = {"name": "web", "image": "web:1", "command": ["sh", "-c", "test 1 -lt 2 && echo '<é \u2028>'"]}
    groups.configure("web", containers=[odd])
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    (revision,) = web.revisions
    groups.cluster.kubectl("--namespace", groups.namespace, "label", f"controllerrevision/{revision}", "mine=yes")
    assert web.revisions[revision]["metadata"]["labels"]["mine"] == "yes"


def test_every_group_of_a_configuration_follows_its_changes(groups: Groups) -> None:
    both = [groups.create(name, desired=1) for name in ("one", "two")]
    for group in both:
        group.wait_until_ready(1)
    groups.configure("web", terminationGracePeriodSeconds=5)
    for group in both:
        group.wait_for("one outdated", lambda status: status["outdated"] == 1)
