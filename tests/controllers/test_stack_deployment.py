"""Deploying one stack to its target, and removing it from there, over an API in memory."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from tests.cluster_client.objects import Answer, Body, status
from tests.controllers.processes import Asked, Crash
from tests.controllers.stack_member import (
    CLUSTER,
    INVENTORY,
    STACK,
    MemberApi,
    Side,
    entry,
    inventory_text,
    manifests,
    played,
    ready,
)
from windlass.cluster.errors import NotLeading
from windlass.cluster.transport import Reply, Request
from windlass.controllers.stack_sets.deployment import deploy, remove
from windlass.controllers.stack_sets.outcome import Outcome
from windlass.planner.stackset.ownership import STACK_ANNOTATION, Stack
from windlass.planner.stackset.reasons_deployment import (
    CredentialsRefused,
    InventoryTaken,
    InventoryUnreadable,
    NoTargetNamespace,
    TargetRefuses,
    TooManyListed,
)
from windlass.planner.stackset.reasons_targets import AnotherCluster, TargetUnreachable

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
"""
EXTRA = """
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
"""
KEPT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: extra, annotations: {windlass.dev/prune: keep}}
"""
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.acme.example}
spec:
  group: acme.example
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions: [{name: v1}]
"""
THING = """
apiVersion: acme.example/v1
kind: Thing
metadata: {name: one}
spec: {size: 1}
"""
TEMPLATE = f"{CONFIG}---{WEB}"
WITH_CRD = f"{THING}---{WEB}---{CRD}"


def deployed(member: MemberApi, text: str, previous: str | None = None, **how: Any) -> Outcome:
    async def scenario(side: Side) -> Outcome:
        return await deploy(side.visit(**how), STACK, manifests(text), manifests(previous) if previous else None)

    outcome = played(scenario, member)
    assert outcome is not None
    return outcome


def removed(member: MemberApi, **how: Any) -> Outcome:
    outcome = played(lambda side: remove(side.visit(**how), STACK), member)
    assert outcome is not None
    return outcome


def member_with(text: str, controllers: Callable[[Body], None] = ready) -> MemberApi:
    """A member to which this was deployed."""
    member = MemberApi(controllers)
    assert deployed(member, text).errors == ()
    return member


class Refusing(MemberApi):
    """Answers by `refuse` where that has an answer."""

    def __init__(
        self, refuse: Callable[[str, str], Answer | None], controllers: Callable[[Body], None] = ready
    ) -> None:
        super().__init__(controllers)
        self.refuse = refuse

    def answer(self, method: str, path: str, query: str, body: Any) -> Answer:
        return self.refuse(method, path) or super().answer(method, path, query, body)


def told(outcome: Outcome) -> list[tuple[str, str]]:
    assert outcome.error_count >= len(outcome.errors)
    return [(each.object, each.message) for each in outcome.errors]


# ---- a deployment


def test_a_stack_is_deployed() -> None:
    member = MemberApi()

    assert deployed(member, TEMPLATE) == Outcome(objects=2)

    assert member.own == ["ConfigMap default/settings", "Deployment default/web"]
    assert member.listed == ["ConfigMap default/settings", "Deployment default/web"]
    web = member.at("deployments", "web")
    assert web["metadata"]["labels"] == {"windlass.dev/stack-set": "web"}
    assert web["metadata"]["annotations"] == {"windlass.dev/stack": "shop/web eu-1/acme"}
    assert web["spec"] == {"replicas": 2}
    inventory = member.objects[INVENTORY]["metadata"]
    assert inventory["labels"] == {"windlass.dev/stack-set": "web", "app.kubernetes.io/managed-by": "windlass"}


def test_the_list_is_written_first_and_the_waves_follow() -> None:
    member = MemberApi()

    async def scenario(side: Side) -> list[str]:
        await deploy(side.visit(), STACK, manifests(f"{WITH_CRD}---{CONFIG}"))
        return side.requests

    assert played(scenario, member) == [
        "POST default/configmaps",
        "PATCH customresourcedefinitions/things.acme.example",
        "PATCH configmaps/settings",
        "PATCH deployments/web",
        "PATCH things/one",
    ]


def test_a_stack_that_is_there_is_applied_again_and_its_list_is_left_alone() -> None:
    member = member_with(TEMPLATE)
    before = member.state

    async def scenario(side: Side) -> list[str]:
        assert await deploy(side.visit(), STACK, manifests(TEMPLATE)) == Outcome(objects=2)
        return side.requests

    assert played(scenario, member) == ["PATCH configmaps/settings", "PATCH deployments/web"]
    assert member.state == before


def test_a_stack_that_is_there_takes_two_requests_for_each_object_and_one_for_its_list() -> None:
    async def scenario(side: Side) -> int:
        await deploy(side.visit(), STACK, manifests(TEMPLATE))
        learnt = len(side.transport.asked)
        await deploy(side.visit(), STACK, manifests(TEMPLATE))
        return len(side.transport.asked) - learnt

    assert played(scenario, member_with(TEMPLATE)) == 5


def test_objects_in_other_namespaces_and_in_none_are_deployed_too() -> None:
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:shop'}\n"
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    inside = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: inside, namespace: shop}\n"
    member = member_with("---\n".join([inside, role, namespace]))

    assert member.own == ["ClusterRole system:shop", "ConfigMap shop/inside", "Namespace shop"]
    assert member.listed == ["ConfigMap shop/inside", "Namespace shop", "ClusterRole system:shop"]
    assert removed(member) == Outcome(objects=0)
    assert member.own == []


def test_a_kind_that_comes_with_the_template_is_waited_for() -> None:
    written: list[Body] = []

    def slowly(body: Body) -> None:
        if body["kind"] != "CustomResourceDefinition":
            ready(body)
        written.append(body)

    member = MemberApi(slowly)

    async def scenario(side: Side) -> Outcome:
        deploying = asyncio.create_task(deploy(side.visit(), STACK, manifests(WITH_CRD)))
        await asyncio.sleep(30)
        assert member.own == ["CustomResourceDefinition things.acme.example"]
        crd = member.at("customresourcedefinitions", "things.acme.example", "")
        ready(crd)
        member.put("apiextensions.k8s.io", "customresourcedefinitions", crd)
        return await deploying

    assert played(scenario, member) == Outcome(objects=3)
    assert "Thing default/one" in member.own


def test_a_kind_that_is_served_a_moment_after_it_was_established_is_waited_for() -> None:
    asked: list[str] = []

    def not_yet(method: str, path: str) -> Answer | None:
        if not path.endswith("/things/one") or asked.count(method) == 2:
            return None
        asked.append(method)
        return 404, "404 page not found"

    assert deployed(Refusing(not_yet), WITH_CRD) == Outcome(objects=3)
    assert asked.count("GET") == asked.count("PATCH") == 2


def test_what_only_looks_like_a_crd_brings_no_kind() -> None:
    lookalike = CRD.replace("apiextensions.k8s.io/v1", "v1").replace("CustomResourceDefinition", "Service")
    member = MemberApi()

    outcome = deployed(member, f"{THING}---{lookalike}")

    assert [each.object for each in outcome.errors] == ["Thing one"]
    assert member.listed is None


def test_an_object_of_an_unknown_kind_is_named_with_the_namespace_that_it_gives() -> None:
    outcome = deployed(MemberApi(), THING.replace("name: one", "name: one, namespace: shop"))

    assert [each.object for each in outcome.errors] == ["Thing shop/one"]


def test_a_kind_that_nobody_serves_is_refused_before_anything_is_written() -> None:
    member = MemberApi()
    before = member.state

    outcome = deployed(member, f"{TEMPLATE}---{THING}", previous=CONFIG)

    assert told(outcome) == [
        (
            "Thing one",
            "the target does not serve Thing of acme.example/v1: install its CRD there, or with the template",
        )
    ]
    assert (outcome.rolled_back, outcome.objects) == (False, None)
    assert member.state == before


def test_an_object_that_stands_twice_is_refused() -> None:
    twice = f"{CONFIG}---{CONFIG.replace('settings', 'settings, namespace: default')}"
    member = MemberApi()

    outcome = deployed(member, twice)

    assert told(outcome) == [
        (
            "ConfigMap default/settings",
            "the template has it twice, once without the namespace that it goes to: take one away",
        )
    ]
    assert member.listed is None


# ---- waiting until all is ready


def test_it_is_over_when_all_is_ready() -> None:
    member = MemberApi(lambda body: None)

    async def scenario(side: Side) -> tuple[Outcome, float]:
        deploying = asyncio.create_task(deploy(side.visit(), STACK, manifests(TEMPLATE)))
        await asyncio.sleep(100)
        assert not deploying.done()
        reads = len(side.transport.asked)
        await asyncio.sleep(100)
        assert len(side.transport.asked) - reads == 20, "one look every 5 s"
        ready(member.at("deployments", "web"))
        return await deploying, side.clock.monotonic()

    outcome, seconds = played(scenario, member) or (None, 0)
    assert outcome == Outcome(objects=2)
    assert seconds < 206


def test_what_is_not_ready_in_time_has_failed() -> None:
    member = MemberApi(lambda body: None)

    outcome = deployed(member, TEMPLATE)

    assert told(outcome) == [("Deployment default/web", "not ready within 10 minutes: 0 of 2 replicas exist")]
    assert member.own == member.listed == ["ConfigMap default/settings", "Deployment default/web"]


def test_what_has_failed_is_not_waited_for() -> None:
    def fails(body: Body) -> None:
        if body["kind"] == "Deployment":
            body["status"] = {"conditions": [{"type": "Stalled", "status": "True", "message": "no such image"}]}

    async def scenario(side: Side) -> tuple[Outcome, float]:
        return await deploy(side.visit(), STACK, manifests(TEMPLATE)), side.clock.monotonic()

    outcome, seconds = played(scenario, MemberApi(fails)) or (Outcome(), 0)
    assert told(outcome) == [("Deployment default/web", "no such image")]
    assert seconds < 1


def test_what_somebody_deletes_meanwhile_has_failed() -> None:
    member = MemberApi(lambda body: None)

    async def scenario(side: Side) -> Outcome:
        deploying = asyncio.create_task(deploy(side.visit(), STACK, manifests(TEMPLATE)))
        await asyncio.sleep(10)
        member.drop("deployments", "web")
        return await deploying

    outcome = played(scenario, member) or Outcome()
    assert told(outcome) == [("Deployment default/web", "somebody deleted it while it was being deployed")]


def test_a_job_may_end_itself() -> None:
    job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {ttlSecondsAfterFinished: 5}\n"
    member = MemberApi()

    async def scenario(side: Side) -> Outcome:
        deploying = asyncio.create_task(deploy(side.visit(), STACK, manifests(job)))
        await asyncio.sleep(10)
        member.drop("jobs", "once")
        return await deploying

    assert played(scenario, member) == Outcome(objects=1)


def test_ten_errors_are_told_and_all_are_counted() -> None:
    many = "---\n".join(WEB.replace("web", f"web-{number:02}") for number in range(12))

    outcome = deployed(MemberApi(lambda body: None), many)

    assert [each.object for each in outcome.errors] == [f"Deployment default/web-{number:02}" for number in range(10)]
    assert outcome.error_count == 12


# ---- whose an object is


def test_a_field_that_another_manager_has_is_not_taken() -> None:
    member = MemberApi()
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "default"}}
    member.put("", "configmaps", {**body, "data": {"colour": "red"}}, "kubectl-edit")

    outcome = deployed(member, TEMPLATE)

    assert told(outcome) == [
        (
            "ConfigMap default/settings",
            'Apply failed with 1 conflict: conflict with "kubectl-edit": .data.colour; leave these fields out of the '
            "template, or have that manager give them up",
        )
    ]
    assert member.at("configmaps", "settings")["data"] == {"colour": "red"}
    assert not member.has("deployments", "web"), "the waves after that are not begun"


def test_an_object_of_another_stack_is_not_taken() -> None:
    member = MemberApi()
    other = Stack("shop", "web", "eu-1", "other", "default")
    played(lambda side: deploy(side.visit(), other, manifests(TEMPLATE)), member)

    outcome = deployed(member, TEMPLATE)

    assert told(outcome) == [
        (
            "ConfigMap default/settings",
            "it belongs to the stack shop/web eu-1/other: take it out of one of both, or remove its annotation "
            "windlass.dev/stack",
        )
    ]
    assert member.own == []
    assert removed(member) == Outcome(objects=0)
    assert member.has("configmaps", "settings"), "it is listed by both, and is the other's"


def test_what_was_there_before_is_taken_on_and_never_deleted() -> None:
    member = MemberApi()
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n"
    before = member.at("namespaces", "default", "")["metadata"]["uid"]

    assert deployed(member, f"{namespace}---{CONFIG}") == Outcome(objects=2)
    assert member.own == ["ConfigMap default/settings", "Namespace default"]
    assert deployed(member, f"{namespace}---{CONFIG}") == Outcome(objects=2), "and again"
    assert removed(member) == Outcome(objects=0)

    left = member.at("namespaces", "default", "")["metadata"]
    assert left["uid"] == before
    assert left["annotations"] == left["labels"] == {}
    assert not member.has("configmaps", "settings")


def test_people_may_hand_over_what_was_there_before() -> None:
    member = MemberApi()
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "default"}}
    member.put("", "configmaps", body)
    assert deployed(member, CONFIG).errors == ()
    del member.at("configmaps", "settings")["metadata"]["annotations"]["windlass.dev/was-there"]

    assert deployed(member, CONFIG).errors == ()
    assert removed(member) == Outcome(objects=0)

    assert not member.has("configmaps", "settings")


# ---- pruning


def test_what_the_template_drops_is_deleted() -> None:
    member = member_with(f"{TEMPLATE}---{EXTRA}")
    uid = member.at("configmaps", "extra")["metadata"]["uid"]

    async def scenario(side: Side) -> list[Asked]:
        assert await deploy(side.visit(), STACK, manifests(TEMPLATE)) == Outcome(objects=2)
        return [each for each in side.transport.asked if each.method == "DELETE"]

    (deletion,) = played(scenario, member) or []
    assert deletion.path.endswith("/configmaps/extra")
    assert deletion.body == {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
    assert member.listed == member.own == ["ConfigMap default/settings", "Deployment default/web"]


def test_nothing_is_pruned_before_the_new_objects_are_ready() -> None:
    member = member_with(f"{CONFIG}---{EXTRA}")
    member.controllers = lambda body: None

    outcome = deployed(member, TEMPLATE)

    assert outcome.errors
    assert member.has("configmaps", "extra")
    assert member.listed == ["ConfigMap default/extra", "ConfigMap default/settings", "Deployment default/web"]


def test_what_is_to_be_kept_is_left_to_nobody() -> None:
    member = member_with(f"{TEMPLATE}---{KEPT}")

    assert deployed(member, TEMPLATE) == Outcome(objects=2)

    left = member.at("configmaps", "extra")["metadata"]
    assert left["annotations"] == {"windlass.dev/prune": "keep"}
    assert left["labels"] == {}
    assert member.listed == ["ConfigMap default/settings", "Deployment default/web"]


def test_an_object_that_somebody_made_anew_is_left_alone() -> None:
    member = member_with(f"{TEMPLATE}---{EXTRA}")
    member.drop("configmaps", "extra")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra", "namespace": "default"}}
    member.put("", "configmaps", body)

    assert deployed(member, TEMPLATE) == Outcome(objects=2)

    assert member.has("configmaps", "extra")
    assert member.listed == ["ConfigMap default/settings", "Deployment default/web"]


def test_who_lists_an_object_of_others_does_not_get_it_deleted() -> None:
    member = member_with(TEMPLATE)
    forged = inventory_text(entry("Namespace", "kube-system", namespace=""), entry("ConfigMap", "settings"))
    member.objects[INVENTORY]["data"]["objects"] = forged

    assert removed(member) == Outcome(objects=0)

    assert member.has("namespaces", "kube-system", "")
    assert not member.has("configmaps", "settings")
    assert member.has("deployments", "web"), "and who takes one off the list keeps it"


def test_an_object_that_is_exchanged_between_the_look_and_the_deletion_is_looked_at_again() -> None:
    exchanged: list[str] = []

    def exchange(method: str, path: str) -> Answer | None:
        if method == "DELETE" and path.endswith("/extra") and not exchanged:
            exchanged.append(path)
            member.at("configmaps", "extra")["metadata"]["uid"] = "another"
        return None

    member = Refusing(exchange)
    deployed(member, f"{TEMPLATE}---{EXTRA}")

    assert deployed(member, TEMPLATE) == Outcome(objects=2)

    assert exchanged
    assert not member.has("configmaps", "extra"), "it still says that it is the stack's"


def test_an_object_that_is_held_stays_listed_until_it_is_gone() -> None:
    member = member_with(f"{TEMPLATE}---{EXTRA}")
    member.at("configmaps", "extra")["metadata"]["finalizers"] = ["acme.example/hold"]

    async def scenario(side: Side) -> tuple[Outcome, float]:
        return await deploy(side.visit(), STACK, manifests(TEMPLATE)), side.clock.monotonic()

    assert played(scenario, member) == (Outcome(objects=3), 60.0)
    assert "ConfigMap default/extra" in (member.listed or [])
    member.drop("configmaps", "extra")
    assert deployed(member, TEMPLATE) == Outcome(objects=2)


def test_an_object_that_comes_back_waits_until_the_old_one_is_gone() -> None:
    member = member_with(f"{TEMPLATE}---{EXTRA}")
    extra = member.at("configmaps", "extra")["metadata"]
    extra |= {"finalizers": ["acme.example/hold"], "deletionTimestamp": "2026-07-01T12:00:00Z"}

    async def scenario(side: Side) -> Outcome:
        deploying = asyncio.create_task(deploy(side.visit(), STACK, manifests(f"{TEMPLATE}---{EXTRA}")))
        await asyncio.sleep(100)
        member.drop("configmaps", "extra")
        return await deploying

    assert played(scenario, member) == Outcome(objects=3)
    assert "deletionTimestamp" not in member.at("configmaps", "extra")["metadata"]


def test_a_kind_that_was_taken_away_takes_its_objects_with_it() -> None:
    member = member_with(WITH_CRD)
    member.drop("customresourcedefinitions", "things.acme.example", "")

    assert deployed(member, WEB) == Outcome(objects=1)
    assert member.listed == ["Deployment default/web"]


def test_an_object_in_a_version_that_is_served_no_more_is_found_in_another() -> None:
    member = member_with(WITH_CRD)
    member.kinds = [each._replace(version="v2") if each.kind == "Thing" else each for each in member.kinds]

    assert deployed(member, f"{CRD}---{WEB}").objects == 2

    assert not member.has("things", "one")
    assert member.has("customresourcedefinitions", "things.acme.example", "")


def test_an_object_that_cannot_be_deleted_is_an_error() -> None:
    def refuse(method: str, path: str) -> Answer | None:
        forbidden = status(403, "Forbidden", 'configmaps "extra" is forbidden: User "web" cannot delete resource')
        return (403, forbidden) if method == "DELETE" else None

    member = Refusing(refuse)
    deployed(member, f"{TEMPLATE}---{EXTRA}")

    outcome = deployed(member, TEMPLATE)

    assert told(outcome) == [
        ("ConfigMap default/extra", 'configmaps "extra" is forbidden: User "web" cannot delete resource')
    ]
    assert "ConfigMap default/extra" in (member.listed or [])


# ---- going back


BROKEN = WEB.replace("replicas: 2", "replicas: 3")


def only_two(body: Body) -> None:
    """A Deployment of three has failed."""
    if body["kind"] == "Deployment" and body["spec"].get("replicas") == 3:
        body["status"] = {"conditions": [{"type": "Stalled", "status": "True", "message": "no room"}]}
    else:
        ready(body)


@pytest.mark.spec("stack-set.md", "overrides: failed deployment")
def test_a_failed_deployment_goes_back() -> None:
    member = member_with(TEMPLATE, only_two)
    before = member.state

    outcome = deployed(member, f"{BROKEN}---{EXTRA}", previous=TEMPLATE)

    assert told(outcome) == [("Deployment default/web", "no room")]
    assert (outcome.rolled_back, outcome.objects) == (True, 2)
    assert member.state == before


def test_without_anything_to_go_back_to_what_was_begun_is_left() -> None:
    member = MemberApi(only_two)

    outcome = deployed(member, f"{BROKEN}---{EXTRA}")

    assert (outcome.rolled_back, outcome.objects) == (False, 2)
    assert member.own == member.listed == ["ConfigMap default/extra", "Deployment default/web"]


def test_a_roll_back_that_fails_is_told_beside_what_came_first() -> None:
    member = member_with(TEMPLATE, only_two)
    again = f"{CONFIG.replace('settings', 'other')}---{BROKEN}"

    outcome = deployed(member, BROKEN, previous=again)

    assert told(outcome) == [
        ("Deployment default/web", "no room"),
        (
            "",
            "the roll-back to what was deployed before failed too: Deployment default/web: no room",
        ),
    ]
    assert (outcome.error_count, outcome.rolled_back) == (2, False)
    assert outcome.objects == 3


def test_the_ten_errors_end_in_the_roll_back_s() -> None:
    many = "---\n".join(BROKEN.replace("web", f"web-{number:02}") for number in range(12))

    outcome = deployed(MemberApi(only_two), many, previous=BROKEN)

    assert len(outcome.errors) == 10
    assert outcome.error_count == 13
    assert outcome.errors[-1].message.startswith("the roll-back")


# ---- a target that answers badly, or not at all


class Moody(MemberApi):
    """Answers with this for so many seconds of the running loop."""

    def __init__(self, until: float, code: int, said: Any, *, only: str = "", since: float = 0.0) -> None:
        super().__init__()
        self.trouble = (since, until, code, said, only)

    def answer(self, method: str, path: str, query: str, body: Any) -> Answer:
        since, until, code, said, only = self.trouble
        if since <= asyncio.get_running_loop().time() < until and only in path:
            return code, said
        return super().answer(method, path, query, body)


UPSTREAM = '"no healthy upstream"'


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (429, status(429, "TooManyRequests", "too many requests")),
        (500, status(500, "InternalError", "etcdserver: leader changed")),
        (503, "no healthy upstream"),
        (504, status(504, "Timeout", "request did not complete")),
        (200, "<html>"),
    ],
)
def test_what_may_pass_is_waited_for(code: int, said: Any) -> None:
    member = Moody(300, code, said)

    assert deployed(member, TEMPLATE) == Outcome(objects=2)


def test_a_target_that_does_not_answer_has_failed_when_the_time_is_over() -> None:
    member = Moody(1e9, 503, "no healthy upstream")

    async def scenario(side: Side) -> tuple[Outcome, float]:
        outcome = await deploy(side.visit(), STACK, manifests(TEMPLATE), manifests(CONFIG))
        return outcome, side.clock.monotonic()

    outcome, seconds = played(scenario, member) or (Outcome(), 0)
    assert told(outcome) == [("", f"the cluster cannot be reached: {UPSTREAM}")]
    assert outcome.stopped_by is TargetUnreachable
    assert outcome.objects is None, "nobody knows what is there"
    assert 580 < seconds <= 600


@pytest.mark.parametrize("work", ["deploy", "remove"])
def test_a_target_that_answers_too_slowly_for_all_of_it_has_failed_soon_after_the_time_is_over(work: str) -> None:
    """Each answer comes in time for itself, after a minute; there are a hundred of them to wait for."""
    many = "---".join(CONFIG.replace("settings", f"settings-{number}") for number in range(100))
    member = member_with(many) if work == "remove" else MemberApi()

    async def scenario(side: Side) -> tuple[Outcome, float]:
        send = side.transport.send

        async def slow(request: Request) -> Reply:
            await asyncio.sleep(60)
            return await send(request)

        side.transport.send = slow  # type: ignore[method-assign]
        visit = side.visit(timedelta(minutes=3))
        outcome = await (deploy(visit, STACK, manifests(many)) if work == "deploy" else remove(visit, STACK))
        return outcome, side.clock.monotonic()

    outcome, seconds = played(scenario, member) or (Outcome(), 0)
    (why,) = told(outcome)
    assert why[1].startswith("not done within 3 minutes: the target answers too slowly")
    assert seconds < 6 * 60


@pytest.mark.parametrize(
    ("code", "said"), [(408, {}), (429, status(429, "TooManyRequests", "busy")), (502, {}), (504, {}), (200, [])]
)
def test_whatever_says_nothing_about_the_stack_is_no_answer(code: int, said: Any) -> None:
    assert deployed(Moody(1e9, code, said, only="deployments/web"), TEMPLATE).stopped_by is TargetUnreachable


def test_a_target_that_is_lost_in_the_middle_is_not_rolled_back() -> None:
    member = Moody(1e9, 503, "no healthy upstream", since=5)
    member.controllers = lambda body: None

    outcome = deployed(member, TEMPLATE, previous=CONFIG)

    assert outcome.stopped_by is TargetUnreachable
    assert (outcome.rolled_back, outcome.objects) == (False, 2)


def test_one_object_that_cannot_be_written_is_an_error_of_that_object() -> None:
    failing = status(500, "InternalError", 'failed calling webhook "check.acme.example": connection refused')
    member = Moody(1e9, 500, failing, only="deployments/web")

    outcome = deployed(member, TEMPLATE)

    assert told(outcome) == [
        ("Deployment default/web", 'failed calling webhook "check.acme.example": connection refused')
    ]
    assert outcome.stopped_by is None


def test_a_field_that_a_kind_does_not_have_is_told_at_once() -> None:
    """API servers answer it with 500 and without a reason."""
    said = status(500, "", "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replica")
    member = Moody(1e9, 500, said, only="deployments/web")

    async def scenario(side: Side) -> tuple[Outcome, float]:
        return await deploy(side.visit(), STACK, manifests(TEMPLATE)), side.clock.monotonic()

    outcome, seconds = played(scenario, member) or (Outcome(), 0)
    assert [each.object for each in outcome.errors] == ["Deployment default/web"]
    assert seconds < 5


def test_credentials_that_are_exchanged_are_waited_for_a_minute() -> None:
    assert deployed(Moody(50, 401, status(401, "Unauthorized", "Unauthorized")), TEMPLATE) == Outcome(objects=2)


def test_credentials_that_are_refused_end_it() -> None:
    async def scenario(side: Side) -> tuple[Outcome, float]:
        return await deploy(side.visit(), STACK, manifests(TEMPLATE)), side.clock.monotonic()

    member = Moody(1e9, 401, status(401, "Unauthorized", "Unauthorized"))
    outcome, seconds = played(scenario, member) or (Outcome(), 0)
    assert outcome.stopped_by is CredentialsRefused
    assert told(outcome) == [("", "the target does not accept the credentials: Unauthorized")]
    assert 60 <= seconds < 70


def test_a_namespace_that_was_just_made_has_its_account_a_moment_later() -> None:
    missing = 'pods "one" is forbidden: error looking up service account default/default: not found'
    refused: list[str] = []

    def refuse(method: str, path: str) -> Answer | None:
        if method != "PATCH" or "deployments" not in path or len(refused) == 3:
            return None
        refused.append(path)
        return 403, status(403, "Forbidden", missing)

    assert deployed(Refusing(refuse), TEMPLATE) == Outcome(objects=2)
    assert len(refused) == 3


def test_who_leads_no_more_writes_no_more() -> None:
    def fence() -> None:
        raise NotLeading("another replica leads")

    async def scenario(side: Side) -> None:
        side.client.fence = fence
        with pytest.raises(NotLeading):
            await deploy(side.visit(), STACK, manifests(TEMPLATE))
        with pytest.raises(NotLeading):
            await remove(side.visit(), STACK)

    member = member_with(CONFIG)
    before = member.state
    played(scenario, member)
    assert member.state == before


@pytest.mark.parametrize("work", ["deploy", "remove"])
def test_another_cluster_is_left_alone(work: str) -> None:
    member = member_with(CONFIG)
    before = member.state

    outcome = (
        deployed(member, TEMPLATE, expected_uid="other") if work == "deploy" else removed(member, expected_uid="other")
    )

    assert outcome.stopped_by is AnotherCluster
    assert f"its kube-system has the uid {CLUSTER}, not other" in outcome.errors[0].message
    assert member.state == before


def test_the_cluster_that_is_expected_is_deployed_to() -> None:
    member = MemberApi()

    assert deployed(member, TEMPLATE, expected_uid=CLUSTER) == Outcome(objects=2)
    assert removed(member, expected_uid=CLUSTER) == Outcome(objects=0)


def test_a_cluster_that_does_not_say_which_it_is_is_left_alone() -> None:
    hidden = status(403, "Forbidden", 'namespaces "kube-system" is forbidden: User "web" cannot get resource')
    member = Moody(1e9, 403, hidden, only="kube-system")

    outcome = deployed(member, TEMPLATE, expected_uid=CLUSTER)

    assert outcome.stopped_by is TargetRefuses
    assert told(outcome)[0][1].endswith(': namespaces "kube-system" is forbidden: User "web" cannot get resource')
    assert member.listed is None


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": None},
        {"metadata": {"uid": 7}},
        {"metadata": {"uid": "../x"}},
        {"metadata": {"uid": "a", "annotations": {"windlass.dev/stack": STACK.owner}, "finalizers": 7}, "data": []},
    ],
)
def test_replies_that_make_no_sense_end_it(body: Any) -> None:
    member = Moody(1e9, 200, body, only="configmaps")

    outcome = deployed(member, TEMPLATE)

    assert outcome.stopped_by is not None
    assert outcome.error_count == 1


# ---- the list


def foreign(**metadata: Any) -> MemberApi:
    member = MemberApi()
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": STACK.inventory, "namespace": "default"}}
    body["metadata"] |= metadata
    member.put("", "configmaps", body)
    return member


@pytest.mark.parametrize("work", ["deploy", "remove"])
@pytest.mark.parametrize("annotations", [{}, {"windlass.dev/stack": "shop/other eu-1/acme"}])
def test_a_list_of_somebody_else_is_not_touched(annotations: dict[str, str], work: str) -> None:
    member = foreign(annotations=annotations)
    before = member.state

    outcome = deployed(member, TEMPLATE) if work == "deploy" else removed(member)

    assert outcome.stopped_by is InventoryTaken
    assert f"ConfigMap {STACK.inventory} in the target" in outcome.errors[0].message
    assert member.state == before


@pytest.mark.parametrize("work", ["deploy", "remove"])
def test_a_list_that_cannot_be_read_is_not_no_list(work: str) -> None:
    member = member_with(TEMPLATE)
    member.objects[INVENTORY]["data"] = {"objects": "[["}
    before = member.state

    outcome = deployed(member, CONFIG) if work == "deploy" else removed(member)

    assert outcome.stopped_by is InventoryUnreadable
    assert f"ConfigMap {STACK.inventory} in the target" in outcome.errors[0].message
    assert member.state == before


def test_a_list_that_would_be_too_long_is_not_written() -> None:
    member = member_with(CONFIG)
    many = [entry("ConfigMap", f"c{number}") for number in range(3000)]
    member.objects[INVENTORY]["data"]["objects"] = inventory_text(*many)

    outcome = deployed(member, TEMPLATE)

    assert outcome.stopped_by is TooManyListed
    assert not member.has("deployments", "web")


def test_a_namespace_that_is_not_there_is_said() -> None:
    member = MemberApi()
    member.drop("namespaces", "default", "")

    outcome = deployed(member, TEMPLATE)

    assert outcome.stopped_by is NoTargetNamespace
    assert "namespace default is not in the target: create it there" in outcome.errors[0].message
    assert member.own == []


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_list_that_may_not_be_written_ends_it(method: str) -> None:
    said = f'configmaps "{STACK.inventory}" is forbidden: User "web" cannot do that'

    def refuse(asked: str, path: str) -> Answer | None:
        own = path.endswith(("/configmaps", STACK.inventory))
        return (403, status(403, "Forbidden", said)) if asked == method and own else None

    member = Refusing(lambda *_: None)
    if method != "POST":
        deployed(member, CONFIG)
    member.refuse = refuse

    outcome = removed(member) if method == "DELETE" else deployed(member, TEMPLATE)

    assert outcome.stopped_by is TargetRefuses
    assert said in outcome.errors[0].message
    assert member.listed == {"POST": None, "PATCH": ["ConfigMap default/settings"], "DELETE": []}[method]
    assert not member.has("deployments", "web")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_another_one_lists_at_the_same_time_is_not_lost(method: str) -> None:
    """Between reading and writing the list somebody else writes it."""
    other = [entry("ConfigMap", "other")]
    raced: list[str] = []

    def race(asked: str, path: str) -> Answer | None:
        if asked == method and "configmaps" in path and STACK.inventory in f"{path}/{STACK.inventory}" and not raced:
            raced.append(path)
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": STACK.inventory,
                    "namespace": "default",
                    "annotations": {"windlass.dev/stack": STACK.owner},
                },
                "data": {"objects": inventory_text(*other)},
            }
            member.put("", "configmaps", body)
        return None

    member = Refusing(lambda *_: None)
    if method == "PATCH":
        deployed(member, EXTRA)
        other.append(entry("ConfigMap", "extra"))
    member.refuse = race
    listed: list[list[str] | None] = []
    answer = member.answer

    def watching(asked: str, path: str, query: str, body: Any) -> Answer:
        reply = answer(asked, path, query, body)
        if path.endswith("/deployments/web") and asked == "PATCH":
            listed.append(member.listed)
        return reply

    member.answer = watching  # type: ignore[method-assign]
    assert deployed(member, WEB).errors == ()

    assert raced
    assert "ConfigMap default/other" in (listed[0] or [])
    assert "Deployment default/web" in (listed[0] or [])


def test_a_list_that_others_write_for_ever_ends_it() -> None:
    def race(method: str, path: str) -> Answer | None:
        return (409, status(409, "Conflict", "modified")) if method in ("POST", "PATCH") else None

    outcome = deployed(Refusing(race), TEMPLATE)

    assert told(outcome) == [
        ("", "somebody else deploys this stack at the same time: have only one do so, then try again")
    ]


# ---- removing


def test_a_stack_is_removed_in_reverse_and_its_list_last() -> None:
    member = member_with(f"{WITH_CRD}---{CONFIG}")

    async def scenario(side: Side) -> list[str]:
        assert await remove(side.visit(), STACK) == Outcome(objects=0)
        return side.requests

    assert played(scenario, member) == [
        "DELETE things/one",
        "DELETE deployments/web",
        "DELETE configmaps/settings",
        "DELETE customresourcedefinitions/things.acme.example",
        f"PATCH configmaps/{STACK.inventory}",
        f"DELETE configmaps/{STACK.inventory}",
    ]
    assert member.state == MemberApi().state


def test_where_nothing_was_deployed_nothing_is_removed() -> None:
    member = MemberApi()

    assert removed(member) == Outcome(objects=0)
    assert member.state == MemberApi().state


def test_where_somebody_deleted_the_list_what_was_deployed_last_is_removed_and_nothing_of_others() -> None:
    member = member_with(f"{WITH_CRD}---{CONFIG}")
    member.drop("configmaps", STACK.inventory)
    member.at("deployments", "web")["metadata"]["annotations"][STACK_ANNOTATION] = "shop/another/eu-1/acme"

    async def scenario(side: Side) -> tuple[Outcome, list[str]]:
        has, was_to_have = manifests(f"{WITH_CRD}---{CONFIG}"), manifests(CONFIG)
        return await remove(side.visit(), STACK, has, was_to_have), side.requests

    outcome, requests = played(scenario, member) or (None, [])
    assert outcome == Outcome(objects=0)
    assert requests == [
        "DELETE things/one",
        "DELETE configmaps/settings",
        "DELETE customresourcedefinitions/things.acme.example",
    ]
    assert member.has("deployments", "web")


def test_without_a_list_it_is_not_over_before_all_is_gone() -> None:
    member = member_with(CONFIG)
    member.drop("configmaps", STACK.inventory)
    member.at("configmaps", "settings")["metadata"]["finalizers"] = ["acme.example/hold"]

    async def scenario(side: Side) -> Outcome:
        return await remove(side.visit(), STACK, manifests(CONFIG))

    (why,) = told(played(scenario, member) or Outcome())
    assert why == ("ConfigMap default/settings", "deleted, but still there after 10 minutes: held by acme.example/hold")


def test_without_a_list_and_without_what_it_was_deployed_from_nothing_is_taken_for_gone() -> None:
    member = member_with(CONFIG)
    member.drop("configmaps", STACK.inventory)

    async def scenario(side: Side) -> Outcome:
        return await remove(side.visit(), STACK, manifests(CONFIG), None)

    (why,) = told(played(scenario, member) or Outcome())
    assert why[1].startswith("the list of what was deployed is gone from the target")
    assert member.has("configmaps", "settings")


def test_without_a_list_a_kind_of_which_the_target_says_nothing_is_not_taken_for_gone() -> None:
    def refuse(method: str, path: str) -> Answer | None:
        if path == "/apis/apps/v1":
            return 403, status(403, "Forbidden", 'User "web" cannot get path "/apis/apps/v1"')
        return None

    member = Refusing(lambda method, path: None)
    assert deployed(member, TEMPLATE).errors == ()
    member.drop("configmaps", STACK.inventory)
    member.refuse = refuse

    async def scenario(side: Side) -> Outcome:
        return await remove(side.visit(), STACK, manifests(TEMPLATE))

    ((where, why),) = told(played(scenario, member) or Outcome())
    assert (where, "cannot get path" in why) == ("Deployment web", True)
    assert member.has("deployments", "web")


def test_a_wave_waits_until_the_one_before_is_gone() -> None:
    member = member_with(WITH_CRD)
    member.at("things", "one")["metadata"]["finalizers"] = ["acme.example/hold"]

    async def scenario(side: Side) -> Outcome:
        removing = asyncio.create_task(remove(side.visit(), STACK))
        await asyncio.sleep(300)
        assert member.has("deployments", "web"), "it may be what has to let the Thing go"
        assert member.at("things", "one")["metadata"]["deletionTimestamp"]
        member.drop("things", "one")
        return await removing

    assert played(scenario, member) == Outcome(objects=0)
    assert member.state == MemberApi().state


def test_what_does_not_go_in_time_is_told_with_what_holds_it() -> None:
    member = member_with(WITH_CRD)
    member.at("things", "one")["metadata"]["finalizers"] = ["acme.example/hold"]

    outcome = removed(member)

    assert told(outcome)[0] == (
        "Thing default/one",
        "deleted, but still there after 10 minutes: held by acme.example/hold",
    )
    assert outcome.objects == 3
    assert "Thing default/one" in (member.listed or [])


def test_removing_leaves_what_is_to_be_kept() -> None:
    member = member_with(f"{TEMPLATE}---{KEPT}")

    assert removed(member) == Outcome(objects=0)

    assert member.at("configmaps", "extra")["metadata"]["annotations"] == {"windlass.dev/prune": "keep"}
    assert member.own == []
    assert member.listed is None


def test_what_cannot_be_removed_is_told_and_stays_listed() -> None:
    def refuse(method: str, path: str) -> Answer | None:
        forbidden = status(403, "Forbidden", 'deployments.apps "web" is forbidden: User "web" cannot delete resource')
        return (403, forbidden) if method == "DELETE" and path.endswith("/web") else None

    member = Refusing(refuse)
    deployed(member, f"{TEMPLATE}---{EXTRA}")

    outcome = removed(member)

    assert [each.object for each in outcome.errors] == ["Deployment default/web"]
    assert outcome.objects == 3
    assert member.listed == ["ConfigMap default/extra", "ConfigMap default/settings", "Deployment default/web"]
    member.refuse = lambda *_: None
    assert removed(member) == Outcome(objects=0)
    assert member.own == []


NOTHING_SAID: list[tuple[int, Any]] = [
    (404, "default backend - 404"),
    (404, status(404, "", "page not found")),
    (503, "no healthy upstream"),
    (200, {}),
    (200, {"kind": "ConfigMapList", "items": []}),
]


@pytest.mark.parametrize(("code", "said"), NOTHING_SAID)
def test_an_answer_that_says_nothing_is_not_nothing_there(code: int, said: Any) -> None:
    """A proxy's page, an empty reply: the stack is there all the same."""
    member = Moody(1e9, code, said)
    member.trouble = (0, 0, code, said, "")
    deployed(member, TEMPLATE)
    member.trouble = (0, 1e9, code, said, "")

    outcome = removed(member)

    assert outcome.stopped_by is not None
    assert outcome.error_count == 1
    member.trouble = (0, 0, code, said, "")
    assert removed(member) == Outcome(objects=0)
    assert member.own == []


@pytest.mark.parametrize(("code", "said"), NOTHING_SAID)
@pytest.mark.parametrize("only", ["/deployments/web", "/apis"])
def test_nor_is_it_for_one_object(only: str, code: int, said: Any) -> None:
    member = Moody(1e9, code, said)
    member.trouble = (0, 0, code, said, only)
    deployed(member, TEMPLATE)
    member.trouble = (0, 1e9, code, said, only)

    outcome = removed(member)

    assert outcome.error_count == 1
    assert member.listed == ["ConfigMap default/settings", "Deployment default/web"]


# ---- what nobody may see


PASSWORD = "hush-hush-7"
SECRET = f"""
apiVersion: v1
kind: Secret
metadata: {{name: login}}
stringData: {{password: {PASSWORD}}}
"""


def test_what_is_said_about_a_secret_is_hidden() -> None:
    said = status(422, "Invalid", "data.password: Invalid value: something")
    member = Moody(1e9, 422, said, only="secrets/login")

    outcome = deployed(member, SECRET)

    assert told(outcome) == [
        ("Secret default/login", "(hidden): the target's answer (code 422) may quote a secret value")
    ]


def test_who_has_a_field_of_a_secret_is_said() -> None:
    member = MemberApi()
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "default"}}
    member.put("", "secrets", {**body, "stringData": {"password": "other"}}, "kubectl-edit")

    ((_, message),) = told(deployed(member, SECRET))

    assert "kubectl-edit" in message


@pytest.mark.parametrize(
    "said", [f'spec.password: Invalid value: "{PASSWORD}"', "spec.password: Invalid value: aHVzaC1odXNoLTc="]
)
def test_what_quotes_a_sensitive_value_is_hidden(said: str) -> None:
    member = Moody(1e9, 422, status(422, "Invalid", said), only="deployments/web")

    outcome = deployed(member, TEMPLATE, sensitive={PASSWORD})

    assert told(outcome) == [
        ("Deployment default/web", "(hidden): the target's answer (code 422) may quote a secret value")
    ]


def test_a_condition_that_quotes_a_sensitive_value_is_hidden() -> None:
    def quotes(body: Body) -> None:
        body["status"] = {"conditions": [{"type": "Stalled", "status": "True", "message": f"bad login {PASSWORD}"}]}

    outcome = deployed(MemberApi(quotes), WEB, sensitive={PASSWORD})

    assert told(outcome) == [("Deployment default/web", "(hidden): it may quote a secret value")]


def test_an_end_that_quotes_a_sensitive_value_is_hidden() -> None:
    member = Moody(1e9, 422, status(422, "Invalid", f"bad {PASSWORD}"), only="configmaps")

    outcome = deployed(member, WEB, sensitive={PASSWORD})

    assert told(outcome) == [("", "(hidden): it may quote a secret value")]


def test_an_object_whose_name_is_sensitive_is_not_named() -> None:
    outcome = deployed(MemberApi(lambda body: None), WEB.replace("web", PASSWORD), sensitive={PASSWORD})

    assert [each.object for each in outcome.errors] == ["Deployment (hidden)"]


def test_what_is_said_cannot_move_a_cursor_and_is_cut() -> None:
    said = status(422, "Invalid", "\x1b[2Jspec\nreplicas " + "x" * 5000)
    ((_, message),) = told(deployed(Moody(1e9, 422, said, only="deployments/web"), TEMPLATE))

    assert message.isprintable()
    assert len(message) <= 1024


# ---- crashes


def new_stack() -> tuple[MemberApi, str, str | None]:
    return MemberApi(), WITH_CRD, None


def changed() -> tuple[MemberApi, str, str | None]:
    """One object is new, one changes, one is pruned, one was there before."""
    member = member_with(f"{CONFIG}---{EXTRA}")
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "default"}}
    member.put("", "secrets", body)
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\n"
    return member, f"{secret}---{CONFIG.replace('blue', 'green')}---{WEB}", None


def going_back() -> tuple[MemberApi, str, str | None]:
    member = member_with(TEMPLATE, only_two)
    return member, f"{BROKEN}---{EXTRA}", TEMPLATE


def kept() -> tuple[MemberApi, str, str | None]:
    return member_with(f"{TEMPLATE}---{KEPT}"), TEMPLATE, None


STORIES = {story.__name__: story for story in (new_stack, changed, going_back, kept)}


def all_listed(member: MemberApi) -> bool:
    return set(member.own) <= set(member.listed or [])


def play(member: MemberApi, text: str, previous: str | None, crash: Crash | None = None) -> Any:
    async def scenario(side: Side) -> tuple[Outcome, int]:
        before = manifests(previous) if previous else None
        return await deploy(side.visit(), STACK, manifests(text), before), len(side.transport.asked)

    return played(scenario, member, crash)


@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_request_of_a_deployment_changes_nothing_in_the_end(story: str) -> None:
    expected, text, previous = STORIES[story]()
    outcome, count = play(expected, text, previous)
    assert count >= 10
    for at, arrives in product(range(count), ("never", "at once")):
        where = f"after a crash at request {at} of {count}, {arrives} done"
        member, text, previous = STORIES[story]()
        assert play(member, text, previous, Crash(at, arrives)) is None
        assert all_listed(member), where
        assert play(member, text, previous)[0] == outcome, where
        assert member.state == expected.state, where


@pytest.mark.parametrize("template", [WITH_CRD, f"{TEMPLATE}---{KEPT}"], ids=["with a kind", "with something kept"])
def test_a_crash_at_any_request_of_a_removal_changes_nothing_in_the_end(template: str) -> None:
    async def scenario(side: Side) -> tuple[Outcome, int]:
        return await remove(side.visit(), STACK), len(side.transport.asked)

    expected = member_with(template)
    _, count = played(scenario, expected) or (None, 0)
    assert count >= 10
    for at, arrives in product(range(count), ("never", "at once")):
        where = f"after a crash at request {at} of {count}, {arrives} done"
        member = member_with(template)
        assert played(scenario, member, Crash(at, arrives)) is None
        assert all_listed(member), where
        assert removed(member) == Outcome(objects=0), where
        assert member.state == expected.state, where


def test_an_answer_that_is_lost_changes_nothing_in_the_end() -> None:
    """Every write is carried out, and its first answer lost."""
    lost: set[str] = set()

    def lose(asked: Asked) -> bool:
        first = asked.writes and asked.path not in lost
        lost.add(asked.path)
        return first

    async def scenario(side: Side) -> Sequence[Outcome]:
        side.transport.lose = lose
        one = await deploy(side.visit(), STACK, manifests(f"{TEMPLATE}---{EXTRA}"))
        lost.clear()
        two = await deploy(side.visit(), STACK, manifests(TEMPLATE))
        assert member.state == expected
        lost.clear()
        return one, two, await remove(side.visit(), STACK)

    expected = member_with(TEMPLATE).state
    member = MemberApi()
    assert played(scenario, member) == (Outcome(objects=3), Outcome(objects=2), Outcome(objects=0))
    assert member.state == MemberApi().state


def test_a_large_stack_is_deployed_side_by_side() -> None:
    member = MemberApi()
    text = "---\n".join(EXTRA.replace("extra", f"extra-{number}") for number in range(300))

    assert deployed(member, text, within=timedelta(minutes=1)) == Outcome(objects=300)
    assert deployed(member, CONFIG, within=timedelta(minutes=1)) == Outcome(objects=1)
