"""What has drifted in a target, and what a deployment would do there: nothing is written."""

from typing import Any

import pytest

from tests.cluster_client.objects import Answer, status
from tests.controllers.stack_member import CLUSTER, INVENTORY, STACK, MemberApi, Side, manifests, played
from windlass.api.stack_instance import DriftedObject, ObjectError
from windlass.controllers.stack_sets.deployment import deploy
from windlass.controllers.stack_sets.inspection import detect_drift, preview
from windlass.controllers.stack_sets.outcome import Outcome, Planned
from windlass.planner.stackset.ownership import Stack
from windlass.planner.stackset.reasons_targets import AnotherCluster

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
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
"""
SHOP = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"""
INSIDE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: inside, namespace: shop}
"""
TEMPLATE = f"{CONFIG}---{WEB}"
UNTOUCHED = {"apiVersion": "v1", "kind": "ConfigMap"}


def member_with(text: str, stack: Stack = STACK) -> MemberApi:
    member = MemberApi()
    outcome = played(lambda side: deploy(side.visit(), stack, manifests(text)), member)
    assert outcome is not None
    assert outcome.errors == ()
    return member


def drift(member: MemberApi, text: str, **how: Any) -> Outcome:
    """Also proves that nothing was written."""
    before = member.state

    async def scenario(side: Side) -> Outcome:
        outcome = await detect_drift(side.visit(**how), STACK, manifests(text))
        assert side.dry
        return outcome

    outcome = played(scenario, member)
    assert member.state == before
    assert outcome is not None
    return outcome


def ahead(member: MemberApi, text: str, **how: Any) -> tuple[Planned, ...] | Outcome:
    """The same."""
    before = member.state

    async def scenario(side: Side) -> tuple[Planned, ...] | Outcome:
        found = await preview(side.visit(**how), STACK, manifests(text))
        assert side.dry
        return found

    found = played(scenario, member)
    assert member.state == before
    assert found is not None
    return found


# ---- drift


def test_what_is_as_it_was_deployed_is_in_sync() -> None:
    assert drift(member_with(TEMPLATE), TEMPLATE) == Outcome(objects=2)


def test_a_field_that_somebody_changed_is_named_whoever_has_it_now() -> None:
    member = member_with(TEMPLATE)
    member.put("apps", "deployments", {**member.at("deployments", "web"), "spec": {"replicas": 5}}, "kubectl-edit")

    outcome = drift(member, TEMPLATE)

    assert outcome.drifted == (DriftedObject(object="Deployment default/web", fields=("spec.replicas",)),)
    assert outcome.errors == ()


def test_a_field_that_somebody_added_is_no_drift() -> None:
    member = member_with(TEMPLATE)
    member.at("configmaps", "settings")["data"]["size"] = "9"

    assert drift(member, TEMPLATE) == Outcome(objects=2)


def test_an_object_that_is_gone_has_drifted_as_a_whole() -> None:
    member = member_with(TEMPLATE)
    member.drop("configmaps", "settings")

    outcome = drift(member, TEMPLATE)

    assert outcome.drifted == (DriftedObject(object="ConfigMap default/settings"),)


def test_a_kind_that_is_gone_is_too() -> None:
    template = f"{CRD}---{THING}"
    member = member_with(template)
    member.drop("customresourcedefinitions", "things.acme.example", "")

    outcome = drift(member, template)

    assert [each.object for each in outcome.drifted] == [
        "CustomResourceDefinition things.acme.example",
        "Thing default/one",
    ]


def test_marks_that_somebody_took_away_have_drifted() -> None:
    member = member_with(CONFIG)
    metadata = member.at("configmaps", "settings")["metadata"]
    metadata["annotations"], metadata["labels"] = {}, {}

    (drifted,) = drift(member, CONFIG).drifted

    assert drifted.fields == (
        'metadata.annotations["windlass.dev/stack"]',
        'metadata.labels["windlass.dev/stack-set"]',
    )


def test_what_was_there_before_is_in_sync() -> None:
    member = MemberApi()
    member.put("", "configmaps", {**UNTOUCHED, "metadata": {"name": "settings", "namespace": "default"}})
    played(lambda side: deploy(side.visit(), STACK, manifests(CONFIG)), member)

    assert drift(member, CONFIG) == Outcome(objects=1)


def test_all_that_drifted_are_counted() -> None:
    member = member_with(CONFIG)

    outcome = drift(member, "---".join(CONFIG.replace("settings", f"settings-{number:02}") for number in range(12)))

    assert [each.object for each in outcome.drifted] == [f"ConfigMap default/settings-{n:02}" for n in range(12)]


class Refusing(MemberApi):
    def __init__(self, part: str, code: int, said: Any) -> None:
        super().__init__()
        self.refused: tuple[str, int, Any] | None = None
        self._later = (part, code, said)

    def begin(self) -> None:
        self.refused = self._later

    def answer(self, method: str, path: str, query: str, body: Any) -> Answer:
        if self.refused is not None and self.refused[0] in path:
            return self.refused[1:]
        return super().answer(method, path, query, body)


def test_what_cannot_be_compared_is_an_error_and_not_in_sync() -> None:
    said = status(403, "Forbidden", 'deployments.apps "web" is forbidden: User "web" cannot get resource')
    member = Refusing("deployments", 403, said)
    played(lambda side: deploy(side.visit(), STACK, manifests(TEMPLATE)), member)
    member.begin()

    outcome = drift(member, TEMPLATE)

    assert outcome.errors == (
        ObjectError(
            object="Deployment default/web",
            message='deployments.apps "web" is forbidden: User "web" cannot get resource',
        ),
    )


def test_a_target_that_does_not_answer_is_not_in_sync() -> None:
    member = Refusing("", 503, {})
    member.begin()

    outcome = drift(member, TEMPLATE)

    assert outcome.error_count == 1
    assert outcome.stopped_by is not None


def test_another_cluster_is_not_compared() -> None:
    assert drift(member_with(CONFIG), CONFIG, expected_uid="other").stopped_by is AnotherCluster


def test_values_stand_in_no_field() -> None:
    member = member_with(CONFIG.replace("colour: blue", "hush-hush: one"))
    changed = CONFIG.replace("colour: blue", "hush-hush: two")

    (drifted,) = drift(member, changed).drifted
    (hidden,) = drift(member, changed, sensitive={"hush-hush"}).drifted

    assert drifted.fields == ("data.hush-hush",)
    assert hidden.fields == ("(hidden): it may quote a secret value",)


# ---- what a deployment would do


def test_all_that_would_be_done_is_told_in_its_order() -> None:
    kept = CONFIG.replace("settings", "kept, annotations: {windlass.dev/prune: keep}")
    dropped = CONFIG.replace("settings", "dropped")
    member = member_with(f"{TEMPLATE}---{kept}---{dropped}")
    new = f"{WEB.replace('replicas: 2', 'replicas: 3')}---{CONFIG}---{CONFIG.replace('settings', 'new')}"

    assert ahead(member, new) == (
        Planned("ConfigMap default/settings", "Unchanged"),
        Planned("ConfigMap default/new", "Created"),
        Planned("Deployment default/web", "Changed", ("spec.replicas",)),
        Planned("ConfigMap default/dropped", "Pruned"),
        Planned("ConfigMap default/kept", "Kept"),
    )


def test_where_nothing_is_all_is_created() -> None:
    assert ahead(MemberApi(), TEMPLATE) == (
        Planned("ConfigMap default/settings", "Created"),
        Planned("Deployment default/web", "Created"),
    )


def test_what_comes_with_the_template_is_not_missed() -> None:
    assert ahead(MemberApi(), f"{INSIDE}---{THING}---{SHOP}---{CRD}") == (
        Planned("Namespace shop", "Created"),
        Planned("CustomResourceDefinition things.acme.example", "Created"),
        Planned("ConfigMap shop/inside", "Created"),
        Planned("Thing default/one", "Created"),
    )


def test_what_does_not_come_with_the_template_is_refused() -> None:
    assert ahead(MemberApi(), f"{INSIDE}---{THING}") == (
        Planned(
            "Thing one",
            "Refused",
            why="the target does not serve Thing of acme.example/v1: install its CRD there, or with the template",
        ),
        Planned("ConfigMap shop/inside", "Refused", why='namespaces "shop" not found'),
    )


def test_a_conflict_and_another_stack_s_object_are_refused() -> None:
    member = member_with(WEB, Stack("shop", "web", "eu-1", "other", "default"))
    body = {**UNTOUCHED, "metadata": {"name": "settings", "namespace": "default"}, "data": {"colour": "red"}}
    member.put("", "configmaps", body, "kubectl-edit")

    conflict, others = ahead(member, TEMPLATE)

    assert isinstance(conflict, Planned)
    assert conflict.what == others.what == "Refused"
    assert 'conflict with "kubectl-edit": .data.colour' in conflict.why
    assert "it belongs to the stack shop/web eu-1/other" in others.why


def test_what_is_listed_and_not_the_stack_s_would_not_be_pruned() -> None:
    member = member_with(f"{TEMPLATE}---{CONFIG.replace('settings', 'gone')}---{CONFIG.replace('settings', 'theirs')}")
    member.drop("configmaps", "gone")
    member.at("configmaps", "theirs")["metadata"]["annotations"] = {}

    assert ahead(member, TEMPLATE) == (
        Planned("ConfigMap default/settings", "Unchanged"),
        Planned("Deployment default/web", "Unchanged"),
    )


def test_what_was_there_before_is_only_taken_on() -> None:
    member = MemberApi()
    member.put("", "configmaps", {**UNTOUCHED, "metadata": {"name": "settings", "namespace": "default"}})

    (planned,) = ahead(member, CONFIG.replace("data: {colour: blue}", ""))

    assert isinstance(planned, Planned)
    assert planned.what == "Changed"
    assert set(planned.fields) == {"metadata.annotations", "metadata.labels"}


@pytest.mark.parametrize("trouble", ["another cluster", "an unreadable list"])
def test_what_could_not_begin_is_said(trouble: str) -> None:
    member = member_with(CONFIG)
    if trouble == "an unreadable list":
        member.objects[INVENTORY]["data"] = {}

    found = ahead(member, CONFIG, expected_uid="other" if trouble == "another cluster" else CLUSTER)

    assert isinstance(found, Outcome)
    assert found.stopped_by is not None
