"""What the API server does not let the operator do: quota, admission, limits. Said in words, tried with patience."""

import time
from collections.abc import Callable, Iterator

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster.doors import collection
from tests.cluster.groups import CONTAINER, MERGE, Group, Groups, condition, fresh_namespace
from tests.cluster.operator_process import Installation, Operators
from tests.cluster.policies import refusing
from tests.cluster.test_scaling_group_refusals import allow_pods
from tests.cluster.witness import most_alive
from tests.faults.explained import explained, told
from tests.faults.oracle import writes_nothing
from tests.faults.proxy import Proxy
from tests.faults.run import RESYNC, Run, settle

FIRST_PAUSE = 30  # seconds after a failed launch
ZONE_LABEL = "windlass.dev/zone"


@pytest.fixture(scope="module", autouse=True)
def short_of_quota(
    cluster: Cluster, installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Run, Group]]:
    """A group of five where a quota allows three Pods; begun with the module, because its pause takes 30 s."""
    folder = tmp_path_factory.mktemp("quota")
    operators = Operators(installation, folder)
    with fresh_namespace(cluster, "quota") as namespace, Groups(cluster, namespace) as groups, Proxy(cluster) as proxy:
        allow_pods(groups, 3)
        run = Run(groups, proxy, operators, folder)
        try:
            run.start(RESYNC, ready=True)
            yield run, groups.create(desired=5)
        finally:
            operators.end()


# ---- launches


def test_a_launch_that_a_quota_allows_in_part_says_which_quota_and_waits(short_of_quota: tuple[Run, Group]) -> None:
    run, web = short_of_quota
    web.wait_for("three in service", lambda status: status["inService"] == 3)
    web.wait_for_message("launching failed once, next try at")
    message = web.status["message"]
    assert "is forbidden: exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3" in message
    assert condition(web.status, "Reconciling") == "True"
    explanation = explained(run.groups)
    assert [hold["reason"] for hold in explanation["holds"]] == ["LaunchesFail"]
    assert any(wait["message"] == "launching is tried again" for wait in explanation["waits"])
    assert "exceeded quota: few" in told(run.groups)
    wait_until(lambda: web.records["web-a1"]["phase"] == "Warning", 10, "the record")
    wait_for_the_pause(web)
    writes_nothing(run)
    assert answers(run, "create", "pods").count(403) <= 2
    assert web.records["web-a1"]["description"].startswith("launched 3 instances, 3 in service, ")
    allow_pods(run.groups, 5)  # the last test of the module looks what came of it


@pytest.mark.parametrize("where", ["everywhere", "one zone"])
def test_a_launch_that_a_policy_refuses_says_which_and_goes_on_when_it_is_lifted(
    run: Run, groups: Groups, where: str
) -> None:
    label = f"'{ZONE_LABEL}' in object.metadata.labels && object.metadata.labels['{ZONE_LABEL}'] == 'zone-b'"
    cel = "true" if where == "everywhere" else label
    probe = dry_run(groups, {ZONE_LABEL: "zone-b"})
    with refusing(groups.cluster, groups.namespace, "pods", "zone-b is being rebuilt", probe, where=cel):
        web = groups.create(desired=6, zones=["zone-a", "zone-b", "zone-c"])
        web.wait_for_message("zone-b is being rebuilt")
        web.wait_for_message("next try at")
        assert "ValidatingAdmissionPolicy 'refuse-create-pods" in web.status["message"]
        assert "zone-b is being rebuilt" in told(groups)
        wait_until(lambda: web.records["web-a1"]["phase"] != "InProgress", 10, "the record's end")
        web.wait_for("those that were let through", lambda status: status["inService"] == status["replicas"])
        groups.pods.catch_up()
        made = len(web.pods)
        web.wait_for("all of them", lambda status: status["inService"] == made)
        wait_for_the_pause(web)
        writes_nothing(run)
        assert 1 <= answers(run, "create", "pods").count(422) <= 2
    assert made == 0 if where == "everywhere" else 2 <= made < 6
    web.change(description="go on")  # a changed group is tried at once
    web.wait_until_ready(6)
    assert most_alive(groups.pods.history) == 6


def limits(groups: Groups) -> None:
    limit = {"type": "Container", "max": {"memory": "1Gi"}}
    body = {"metadata": {"name": "small"}, "spec": {"limits": [limit]}}
    groups.cluster.request("POST", groups.path("limitranges"), body)
    large = CONTAINER | {"resources": {"limits": {"memory": "2Gi"}}}
    groups.configure("web", containers=[large])


def pod_security(groups: Groups) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    path = f"/api/v1/namespaces/{groups.namespace}"
    groups.cluster.request("PATCH", path, {"metadata": {"labels": labels}}, MERGE)


@pytest.mark.parametrize(
    ("set_up", "said"),
    [
        (limits, "maximum memory usage per Container is 1Gi, but limit is 2Gi"),
        (pod_security, 'violates PodSecurity "restricted:latest"'),
    ],
    ids=["LimitRange", "PodSecurity"],
)
def test_what_the_api_server_s_own_plugins_refuse_is_said_in_their_words(
    run: Run, groups: Groups, set_up: Callable[[Groups], None], said: str
) -> None:
    set_up(groups)
    web = groups.create(desired=3)
    web.wait_for_message(said)
    web.wait_for_message("next try at")
    assert said in told(groups)
    wait_until(lambda: web.records["web-a1"]["phase"] == "Failed", 10, "the record's end")
    wait_for_the_pause(web)
    writes_nothing(run)
    assert answers(run, "create", "pods") == [403]


# ---- removals and statuses


def test_removals_that_a_policy_refuses_are_tried_with_growing_pauses(run: Run, groups: Groups) -> None:
    web = groups.create(desired=3)
    settle(web, 3)

    probe = dry_removal(groups, "web-0")
    with refusing(groups.cluster, groups.namespace, "pods", "nobody leaves", probe, operation="DELETE"):
        began = time.monotonic()
        web.scale(1)
        web.wait_for_message("removing was refused ")
        # While it tries again, it says what it does; then again why that was refused.
        wait_until(lambda: "nobody leaves" in web.status["message"], 10, "the reason in the message")
        wait_until(lambda: "nobody leaves" in told(groups), 10, "the reason in what explain says")
        for number in range(5):  # what is going on in the group brings no try forward
            web.annotate("web-0", seen=str(number))
        wait_until(lambda: len(answers(run, "delete", "pods")) >= 5, 10, "the third try")
        # Each try asks for both.
        assert len(answers(run, "delete", "pods")) <= 2 * tries_within(time.monotonic() - began)
        assert len(web.pods) == 3
    settle(web, 1)


def test_an_instance_that_a_policy_keeps_does_not_keep_the_others(run: Run, groups: Groups) -> None:
    web = groups.create(desired=6)
    settle(web, 6)

    probe = dry_removal(groups, "web-2")
    where = "oldObject.metadata.name == 'web-2'"
    with refusing(groups.cluster, groups.namespace, "pods", "this one stays", probe, operation="DELETE", where=where):
        web.scale(0)
        groups.pods.wait_for("the others to go", lambda pods: list(pods) == ["web-2"])
        wait_until(lambda: "deleting Pod" in web.status["message"], 10, "the reason in the message")
        assert "this one stays" in told(groups)
    settle(web, 0)
    assert web.records["web-a2"]["description"] == "removed 6 instances; 0 left"


def test_a_group_whose_status_may_not_be_written_is_left_as_it_is(run: Run, groups: Groups) -> None:
    """Without a write-ahead nothing may be done; that it cannot be said in the status is said in an event."""
    path = f"{collection('ScalingGroup', groups.namespace)}/web"
    idle = groups.create(desired=0)
    idle.wait_until_ready(0)

    def probe() -> None:
        patch = {"status": {"phase": "Tried"}}
        groups.cluster.request("PATCH", f"{path}/status?dryRun=All", patch, MERGE)

    place = "scalinggroups/status"
    with refusing(groups.cluster, groups.namespace, place, "frozen for the audit", probe, operation="UPDATE"):
        began = time.monotonic()
        idle.change(desiredSize=2)
        idle.wait_for_event("PassFailed", "frozen for the audit")
        assert "frozen for the audit" in told(groups)
        wait_until(lambda: answers(run, "patch", place).count(422) >= 4, 15, "the second try")
        # Each try writes the plan, and then that it failed.
        assert answers(run, "patch", place).count(422) <= 2 * tries_within(time.monotonic() - began)
        assert groups.pods.now == {}
    settle(idle, 2)


# ---- and in the end


def test_a_quota_that_is_raised_is_got_over_within_the_pause(short_of_quota: tuple[Run, Group]) -> None:
    run, web = short_of_quota
    web.wait_until_ready(5, FIRST_PAUSE + 20)
    wait_until(lambda: web.records["web-a2"]["phase"] == "Successful", 10, "the record's end")
    assert web.records["web-a2"]["description"] == "launched 2 instances, 2 in service"
    writes_nothing(run)
    assert most_alive(run.groups.pods.history) == 5
    assert answers(run, "create", "pods").count(201) == 5
    assert answers(run, "create", "pods").count(403) <= 2
    assert "Traceback" not in run.processes[0].log, run.processes[0].log
    assert run.groups.broken_promises() == []


def wait_for_the_pause(web: Group) -> None:
    """Until the first try has ended, and all that there is to say has been said."""
    web.wait_for("the pause", lambda status: "endedAt" in status["activity"] and "next try at" in status["message"])
    said_at, said = time.monotonic(), web.status

    def no_news_is_due() -> bool:
        """Counts are written once a second at most, so the last ones may come late."""
        nonlocal said_at, said
        if web.status != said:
            said_at, said = time.monotonic(), web.status
        return time.monotonic() - said_at > 1.5

    wait_until(no_news_is_due, 20, "the last counts")


def tries_within(seconds: float) -> int:
    """How many tries fit into a time whose pauses begin with 1 s and double, each up to a fifth shorter."""
    tries, pause = 1, 0.8
    while seconds >= pause:
        seconds -= pause
        pause *= 2
        tries += 1
    return tries


def dry_removal(groups: Groups, pod: str) -> Callable[[], object]:
    return lambda: groups.cluster.request("DELETE", f"{groups.path('pods', pod)}?dryRun=All")


def dry_run(groups: Groups, labels: dict[str, str]) -> Callable[[], object]:
    body = {"metadata": {"name": "try", "labels": labels}, "spec": {"containers": [CONTAINER]}}
    return lambda: groups.cluster.request("POST", f"{groups.path('pods')}?dryRun=All", body)


def answers(run: Run, verb: str, what: str) -> list[int]:
    """The answers to the operator's requests of that kind, dry runs apart."""
    return [each.code for each in run.groups.audit.writes() if (each.verb, each.what) == (verb, what) and not each.dry]
