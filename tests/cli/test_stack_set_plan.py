"""What stack sets and operations would do: which instances, in which order, and what in each target."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.stack_bodies import HELLO, TEMPLATE, Body, Hub, begun, instance, operation, region, stack_set, target
from tests.cluster_client.fake_api import client_of, replies, status
from tests.controllers.stack_member import manifests, played
from windlass.api.common import API_VERSION
from windlass.cli.main import main
from windlass.cli.subjects.stack_set.reading import ReadOnly
from windlass.cluster.snapshots import Snapshots
from windlass.controllers.stack_sets.deployment import deploy
from windlass.planner.stackset.ownership import Stack

LATER = "2026-01-15T12:05:00Z"
EU_US = [("eu-1", "a"), ("eu-1", "b"), ("us-1", "a")]
ALL = {"regions": ["eu-1", "us-1"], "accounts": ["a", "b"]}
EU: Body = {"regions": ["eu-1"], "accounts": ["a", "b"]}
DEPLOYMENT = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2, image: "${key}"}
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A set with three instances in two regions, to which nothing was deployed yet."""
    made = Hub(tmp_path)
    made.holds("stacksets", stack_set({"regions": ["eu-1", "us-1"]}))
    made.holds("stackinstances", *(instance(*place, of="zero") for place in EU_US))
    made.holds("stacktargets", *(target(*place) for place in [*EU_US, ("us-1", "b")]))
    yield made
    made.close()


def files(hub: Hub, *bodies: Body, kind: str = "StackSetOperation") -> str:
    found = [
        {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": each["metadata"]["name"]}, "spec": each["spec"]}
        for each in bodies
    ]
    return hub.written(*found)


def planned(hub: Hub, capsys: pytest.CaptureFixture[str], *bodies: Body, flags: str = "") -> tuple[int, list[str]]:
    """The exit code, and the lines of a plan of these operations."""
    code, out = hub.says(f"plan -f {files(hub, *bodies)} {flags}", capsys)
    assert not hub.writes()
    return code, [line.strip() for line in out.splitlines()]


# ---- which instances, with which limits, in which order


@pytest.mark.parametrize(
    ("preferences", "told"),
    [
        (
            {"regionOrder": ["us-1", "eu-1"]},
            [
                "DeploySet of 3 instances",
                "us-1: 1 instance, at most 1 at once, none may fail",
                "eu-1: 2 instances, at most 1 at once, none may fail",
                "first us-1: a",
                "then  eu-1: a",
                "then  eu-1: b",
            ],
        ),
        (
            {"regionConcurrencyType": "PARALLEL", "maxConcurrentCount": 2, "failureToleranceCount": 1},
            [
                "DeploySet of 3 instances",
                "eu-1: 2 instances, at most 2 at once, 1 may fail",
                "us-1: 1 instance, at most 2 at once, 1 may fail",
                "first eu-1: a, b; us-1: a",
            ],
        ),
        (
            {"maxConcurrentPercentage": 100, "regionOrder": ["eu-1", "us-1"]},
            [
                "DeploySet of 3 instances",
                "eu-1: 2 instances, at most 1 at once instead of 2, because none may fail (STRICT_FAILURE_TOLERANCE)",
                "us-1: 1 instance, at most 1 at once, none may fail",
                "first eu-1: a",
                "then  eu-1: b",
                "then  us-1: a",
            ],
        ),
        (
            {
                "maxConcurrentPercentage": 100,
                "failureToleranceMode": "SOFT_FAILURE_TOLERANCE",
                "regionOrder": ["eu-1", "us-1"],
            },
            [
                "DeploySet of 3 instances",
                "eu-1: 2 instances, at most 2 at once, none may fail",
                "us-1: 1 instance, at most 1 at once, none may fail",
                "first eu-1: a, b",
                "then  us-1: a",
            ],
        ),
        (
            {},
            [
                "DeploySet of 3 instances",
                "eu-1: 2 instances, at most 1 at once, none may fail",
                "us-1: 1 instance, at most 1 at once, none may fail",
                "the order of the regions is drawn when it is created; as if it were that of their names:",
                "first eu-1: a",
                "then  eu-1: b",
                "then  us-1: a",
            ],
        ),
    ],
    ids=["in order", "side by side", "strict", "soft", "order to be drawn"],
)
def test_the_whole_course_is_told_with_the_limits_of_each_region(
    preferences: Body, told: list[str], hub: Hub, capsys: pytest.CaptureFixture[str]
):
    targets = {"targets": ALL} if "regionOrder" in preferences else {}
    code, lines = planned(hub, capsys, operation("next", preferences=preferences, **targets))
    assert code == 1
    assert lines[0] == "StackSetOperation default/next of StackSet shop"
    assert lines[1 : len(told) + 1] == told


def test_many_turns_are_folded(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stackinstances", *(instance("ap-1", f"n{number:02}") for number in range(20)))
    _, lines = planned(hub, capsys, operation("next"))
    assert lines.count("then  ap-1: n09") == 1
    assert "… and 13 more turns; at last us-1: a" in lines


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"targets": {"regions": ["mars"], "accounts": ["a"]}}, "400: the stack set does not manage region mars"),
        ({"stackSetUID": "another"}, "400: StackSet shop has the uid uid-shop, not another"),
        ({"stackSet": "blog"}, "404: there is no StackSet blog"),
        (
            {"action": "UpdateInstances", "targets": EU, "overrides": {"variables": "nobody = 1"}},
            "400: ",
        ),
    ],
)
def test_one_that_would_be_refused_says_why_and_no_target_is_asked(
    spec: Body, said: str, hub: Hub, capsys: pytest.CaptureFixture[str]
):
    body = operation("next")
    code, lines = planned(hub, capsys, {**body, "spec": {**body["spec"], **spec}})
    assert code == 2
    assert lines[1].startswith(f"would end at once: {said}")
    assert len(lines) == 2
    assert not [seen for seen in hub.api.seen if "kube-system" in seen.path]


def test_one_that_would_wait_says_for_what_and_what_it_would_do_then(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksetoperations", operation("first", status=begun(region("eu-1", 1, running=1))))
    hub.holds("stacksetoperations", operation("second", at=LATER))
    code, out = hub.says("plan operation second", capsys)
    assert code == 1
    assert "  waits for StackSetOperation first: the operations of a set run one at a time\n" in out
    assert "  DeploySet of 3 instances\n" in out
    assert "1 created" in out


def test_one_that_waits_and_would_be_refused_as_things_are_says_that_too(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksetoperations", operation("first", status=begun(region("eu-1", 1, running=1))))
    mars = {"targets": {"regions": ["mars"], "accounts": ["a"]}}
    hub.holds("stacksetoperations", operation("second", at=LATER, **mars))
    _, out = hub.says("plan operation second", capsys)
    assert "as things are now, it would be refused then: 400: the stack set does not manage region mars" in out


def test_one_that_runs_is_planned_for_what_is_left_of_it(hub: Hub, capsys: pytest.CaptureFixture[str]):
    runs = begun(region("eu-1", 3, tolerance=1, concurrency=2), region("us-1", 1), variables="shop-v-1")
    hub.holds("stacksetoperations", operation("first", status=runs))
    hub.holds(
        "stackinstances",
        instance("eu-1", "a", "OPERATION_FAILED"),
        instance("eu-1", "b", "WAIT_IN_PROGRESS"),
        instance("eu-1", "c", "OPERATION_IN_PROGRESS"),
        instance("us-1", "a", "WAIT_IN_PROGRESS"),
    )
    _, out = hub.says("plan operation first", capsys)
    lines = [line.strip() for line in out.splitlines()]
    told = [
        "DeploySet of 3 instances",
        "eu-1: 2 instances, at most 1 at once instead of 2, because none may fail (STRICT_FAILURE_TOLERANCE)",
        "us-1: 1 instance, at most 1 at once, none may fail",
        "first eu-1: c",
        "then  eu-1: b",
        "then  us-1: a",
    ]
    assert lines[2 : len(told) + 2] == told


def test_one_that_is_over_does_nothing(hub: Hub, capsys: pytest.CaptureFixture[str]):
    over = begun(region("eu-1", 1, failed=1), phase="Failed", message="too many failed")
    hub.holds("stacksetoperations", operation("first", status=over))
    code, out = hub.says("plan operation first", capsys)
    assert (code, out.splitlines()[1]) == (0, "  is over, as Failed: too many failed")


def test_one_that_is_stopped_would_begin_nothing(hub: Hub, capsys: pytest.CaptureFixture[str]):
    status = begun(region("eu-1", 2))
    hub.holds("stacksetoperations", operation("first", status=status, state="Stopped"))
    hub.holds(
        "stackinstances", instance("eu-1", "a", "OPERATION_IN_PROGRESS"), instance("eu-1", "b", "WAIT_IN_PROGRESS")
    )
    found = json.loads(hub.says("plan operation first -o json", capsys)[1])["plans"][0]
    assert found["turns"] == []


def test_several_of_one_file_follow_one_another_as_they_stand_there(hub: Hub, capsys: pytest.CaptureFixture[str]):
    both = {"regions": ["us-1"], "accounts": ["b"]}
    create = operation("z-create", "CreateInstances", targets=both)
    update = operation("a-update", "UpdateInstances", targets=both, overrides={"variables": 'greeting = "howdy"'})
    code, lines = planned(hub, capsys, create, update)
    assert code == 1
    assert lines.index("StackSetOperation default/z-create of StackSet shop") < lines.index(
        "UpdateInstances of 1 instance"
    )
    assert "note: it waits for z-create, and what it does in its targets depends on that: plan it again then" in lines
    assert lines.count("us-1/b: 1 created") == 1


# ---- what in each target


def test_each_target_is_told_object_by_object_and_nothing_is_written(hub: Hub, capsys: pytest.CaptureFixture[str]):
    theirs = {"metadata": {"name": "shop", "namespace": "default"}, "data": {"greeting": "bye"}}
    hub.member.put("", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", **theirs})
    before = dict(hub.member.objects)
    code, lines = planned(hub, capsys, operation("next", targets=EU))
    at = lines.index("eu-1/a: 1 refused")
    assert lines[at + 1].startswith("refused      ConfigMap default/shop: ")
    assert code == 2
    assert hub.member.objects == before


def test_changes_are_named_field_by_field_and_what_the_template_drops_is_pruned(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    deployed(hub)
    code, lines = planned(hub, capsys, operation("next", targets={"regions": ["eu-1"], "accounts": ["a"]}))
    at = lines.index("eu-1/a: 1 changed (data.greeting), 1 pruned")
    assert code == 1
    assert lines[at + 1 : at + 3] == [
        "change       ConfigMap default/shop: data.greeting",
        "prune        ConfigMap default/old",
    ]


def deployed(hub: Hub) -> None:
    """eu-1/a holds what the set says, but for its greeting, and an object more."""
    stack = Stack("default", "shop", "eu-1", "a", "default")
    template = "---\n".join(
        (config_text("shop", "{greeting: bye, region: eu-1}"), config_text("old", "{colour: blue}"))
    )
    outcome = played(lambda side: deploy(side.visit(), stack, manifests(template)), hub.member)
    assert outcome is not None
    assert outcome.errors == ()


def config_text(name: str, data: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {data}\n"


@pytest.mark.parametrize(("action", "expected"), [("DeploySet", 0), ("UpdateInstances", 1)])
def test_targets_that_hold_all_of_it_already_are_nothing_to_do_but_what_instances_remember_is(
    action: str, expected: int, hub: Hub, capsys: pytest.CaptureFixture[str]
):
    deployed(hub)
    template = "---\n".join(
        (config_text("shop", "{greeting: bye, region: eu-1}"), config_text("old", "{colour: blue}"))
    )
    hub.holds("stacksets", stack_set({"regions": ["eu-1"]}, template={"manifests": template}))
    code, lines = planned(hub, capsys, operation("next", action, targets={"regions": ["eu-1"], "accounts": ["a"]}))
    assert code == expected
    assert "eu-1/a: 2 unchanged" in lines


def test_a_deletion_names_what_it_would_remove(hub: Hub, capsys: pytest.CaptureFixture[str]):
    deployed(hub)
    one = {"regions": ["eu-1"], "accounts": ["a"]}
    _, lines = planned(hub, capsys, operation("next", "DeleteInstances", targets=one))
    assert "eu-1/a: 2 pruned" in lines
    code, lines = planned(hub, capsys, operation("next", "DeleteInstances", targets=one, retainStacks=True))
    assert code == 1
    assert "note: what was deployed is left where it is: no target is touched" in lines


def test_looking_for_drift_changes_nothing(hub: Hub, capsys: pytest.CaptureFixture[str]):
    code, lines = planned(hub, capsys, operation("next", "DetectDrift"))
    assert code == 0
    assert "note: it only looks: nothing would be changed in any target" in lines


def test_targets_to_which_the_same_would_happen_are_one_line(hub: Hub, capsys: pytest.CaptureFixture[str]):
    deployed(hub)
    _, lines = planned(hub, capsys, operation("next"), flags="--summary")
    assert "1 target: 1 changed (data.greeting), 1 pruned: eu-1/a" in lines
    assert any(line.startswith("2 targets: ") and line.endswith(": eu-1/b, us-1/a") for line in lines)
    assert not any(line.startswith(("create ", "change ", "prune ")) for line in lines)


def test_overrides_of_the_operation_reach_the_targets_and_those_that_were_given_before_stay(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    deployed(hub)
    one: Body = {"regions": ["eu-1"], "accounts": ["a"]}
    bye = operation("next", "UpdateInstances", targets=one, overrides={"variables": 'greeting = "bye"'})
    _, lines = planned(hub, capsys, bye)
    assert "eu-1/a: 1 unchanged, 1 pruned" in lines
    body = instance("eu-1", "a", of="zero")
    hub.holds("stackinstances", {**body, "spec": {**body["spec"], "overrides": "shop-o-1"}})
    secret = {
        "kind": "Secret",
        "metadata": {"name": "shop-o-1", "namespace": "default"},
        "data": {"t": "Z3JlZXRpbmcgPSAiYnllIgo="},
    }
    hub.member.put("", "secrets", secret)
    _, lines = planned(hub, capsys, operation("next", targets=one))
    assert "eu-1/a: 1 unchanged, 1 pruned" in lines


def test_a_target_that_cannot_be_asked_is_a_line_and_the_others_are_told(hub: Hub, capsys: pytest.CaptureFixture[str]):
    secret = {"cluster": {"kubeconfigSecretRef": {"name": "eu"}}}
    hub.holds("stacktargets", target("eu-1", "b", **secret))
    code, lines = planned(hub, capsys, operation("next"))
    assert code == 1
    assert "eu-1/b: not asked: Secret eu, key kubeconfig: it is not there" in lines
    assert "us-1/a: 1 created" in lines


def test_credentials_that_one_may_not_read_are_said_of_their_target(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacktargets", target("eu-1", "b", cluster={"kubeconfigSecretRef": {"name": "eu"}}))
    said = 'secrets "eu" is forbidden: User "eve" cannot get resource "secrets" in API group ""'
    forbidden = replies(403, status(403, "Forbidden", said))
    hub.api.faults.append((lambda request: request.path.endswith("/secrets/eu"), forbidden))
    code, lines = planned(hub, capsys, operation("next"))
    assert code == 1
    assert any(line.startswith("eu-1/b: not asked: reading Secret default/eu: ") for line in lines)
    assert "us-1/a: 1 created" in lines


def test_a_place_without_a_target_would_fail(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.run(hub.api.remove("stacktargets", "default", "eu-1-b"))
    code, lines = planned(hub, capsys, operation("next"))
    assert code == 2
    assert "eu-1/b: there is no StackTarget of region eu-1 and account b" in lines


def test_another_cluster_behind_the_same_credentials_would_be_refused(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stackinstances", instance("eu-1", "b", of="zero", clusterUID="another"))
    code, lines = planned(hub, capsys, operation("next"))
    assert code == 2
    assert any(line.startswith("eu-1/b: not asked: another cluster answers") for line in lines)


@pytest.mark.parametrize("value", ['"{}"', '["{}"]', '{{ a = "{}" }}'])
def test_values_of_sensitive_variables_are_shown_nowhere(value: str, hub: Hub, capsys: pytest.CaptureFixture[str]):
    secret = "correct-horse-battery"
    given = {"variables": f"{HELLO}key = {value.format(secret)}\n", "sensitiveVariables": ["key"]}
    hub.holds("stacksets", stack_set({"regions": ["eu-1"]}, template={"manifests": TEMPLATE + DEPLOYMENT}, **given))
    refusal = replies(422, status(422, "Invalid", f'spec.image: Invalid value: "{secret}": no'))
    for form in ("", "--summary", "-o json"):
        hub.api.faults.append((lambda request: request.method == "PATCH" and "deployments" in request.path, refusal))
        _, out = hub.says(f"plan -f {files(hub, operation('next', targets=EU))} {form}", capsys)
        assert "Deployment default/web" in out or form == "--summary"
        assert secret not in out


# ---- sets


def test_a_set_tells_what_it_would_start_by_itself_and_what_that_would_do(hub: Hub, capsys: pytest.CaptureFixture[str]):
    body = stack_set(name="web", autoDeploy=True, targets=ALL)
    code, out = hub.says(f"plan -f {files(hub, body, kind='StackSet')}", capsys)
    lines = [line.strip() for line in out.splitlines()]
    assert code == 1
    assert lines[:3] == [
        "StackSet default/web: would be created",
        "starts web-1 (CreateInstances): targets were added",
        "CreateInstances of 4 instances",
    ]
    assert "us-1/b: 1 created" in lines
    assert not hub.writes()


def test_what_a_set_would_start_then_is_told_too(hub: Hub, capsys: pytest.CaptureFixture[str]):
    less = {"regions": ["eu-1", "us-1"], "accounts": ["b"]}
    hub.holds("stacksets", stack_set({"regions": ["eu-1", "us-1"]}, autoDeploy=True, targets=less))
    code, out = hub.says("plan stackset shop -o json", capsys)
    found = json.loads(out)["plans"][0]["operations"]
    assert code == 1
    assert [(each["action"], sum(r["instances"] for r in each["regions"])) for each in found] == [
        ("CreateInstances", 1),
        ("DeleteInstances", 2),
        ("DeploySet", 2),
    ]


def test_a_set_that_starts_nothing_says_what_stands(hub: Hub, capsys: pytest.CaptureFixture[str]):
    code, out = hub.says("plan stackset shop", capsys)
    assert code == 0
    assert out.splitlines()[0] == "StackSet default/shop: stays as it is"
    assert "it would start nothing by itself: 3 of 3 instances hold an earlier template or variables" in out


def test_a_set_that_would_be_broken_is_refused(hub: Hub, capsys: pytest.CaptureFixture[str]):
    body = stack_set(name="web", variables=f"{HELLO}{HELLO}")
    code, out = hub.says(f"plan -f {files(hub, body, kind='StackSet')}", capsys)
    assert code == 2
    assert "it would start nothing by itself: 400: " in out


def test_the_digests_are_those_of_the_operator(hub: Hub):
    """Else each set would seem to be outdated, and to start operations."""

    async def both() -> tuple[str, str, str]:
        async with client_of(hub.api) as client:
            of = ("default", "shop", "uid-shop", "some text")
            before = await ReadOnly(client).digest(*of)
            operators = await Snapshots(client).digest(*of)
            return before, operators, await ReadOnly(client).digest(*of)

    before, operators, ours = hub.run(both())
    assert ours == operators
    assert before != operators


# ---- instances and targets


def test_an_instance_alone_is_nothing_to_do(hub: Hub, capsys: pytest.CaptureFixture[str]):
    code, out = hub.says("plan stackinstance shop.eu-1.a", capsys)
    assert code == 0
    assert "operations do something to it, and nothing else does" in out


@pytest.mark.parametrize(
    ("auto", "code", "said"),
    [
        (True, 1, "StackSet web starts web-1 (CreateInstances): targets were added"),
        (False, 0, "no set starts anything because of it"),
    ],
)
def test_a_target_tells_which_sets_would_start_something(
    auto: bool, code: int, said: str, hub: Hub, capsys: pytest.CaptureFixture[str]
):
    unit = {"regions": ["eu-1"], "organizationalUnits": ["root/eu"]}
    hub.holds("stacksets", stack_set(name="web", autoDeploy=auto, targets=unit, permissionModel="SERVICE_MANAGED"))
    body = target("eu-1", "new", organizationalUnit="root/eu/shop")
    found, out = hub.says(f"plan -f {files(hub, body, kind='StackTarget')}", capsys)
    assert (found, out.splitlines()[0]) == (code, "StackTarget default/eu-1-new")
    assert said in out


# ---- without an API server


def test_the_example_is_planned_as_in_an_empty_cluster(capsys: pytest.CaptureFixture[str]):
    example = Path(__file__).parents[2] / "examples" / "stack-set.yaml"
    assert main(["plan", "-f", str(example), "--kubeconfig=/no/such/file"]) == 1
    out = capsys.readouterr().out
    assert "CreateInstances of 2 instances" in out
    assert "UpdateInstances of 1 instance" in out
    assert "planned as for an empty cluster" in out
