"""Walks the registry: what every kind must have, so that none is half there."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controllers.runtimes import runtime, stores_of
from windlass.api.common import Kind
from windlass.api.kinds import KINDS
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.registry import controllers

ROOT = Path(__file__).parents[2]
NOWHERE = Client(Connection("http://127.0.0.1:1", "a test"))
# Why these are excused.
NOT_WRITTEN_BY_PEOPLE = {
    "ScalingActivity": "the operator writes it: a record of what it did",
    "StackInstance": "operations make it",
}
WITHOUT_CONDITIONS = {
    "ScalingActivity": "a record: its phase says how it ended",
    "ScalingConfiguration": "only read: the groups that use it say what is wrong with it",
}

every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.kind for kind in KINDS])


def documents(*paths: Path) -> list[dict[str, Any]]:
    return [found for path in paths for found in yaml.safe_load_all(path.read_text()) if found]


def test_the_operator_watches_exactly_the_kinds_there_are() -> None:
    assert {own.resource.kind for own in stores_of(NOWHERE)} == {kind.kind for kind in KINDS}


@every_kind
def test_it_has_a_crd_and_a_reference_page(kind: Kind) -> None:
    (crd,) = documents(ROOT / "crds" / f"{kind.plural}.yaml")
    assert crd["spec"]["names"]["kind"] == kind.kind
    assert f"# {kind.kind}" in (ROOT / "docs" / "reference" / f"{kind.singular}.md").read_text()


@every_kind
def test_the_operator_may_read_it(kind: Kind) -> None:
    roles = [each for each in documents(ROOT / "deploy" / "operator.yaml") if _is_the_operators(each)]
    rules = [rule for role in roles for rule in role["rules"] if kind.plural in rule["resources"]]
    allowed = {verb for rule in rules for verb in rule["verbs"]}
    assert {"list", "watch"} <= allowed


def _is_the_operators(thing: dict[str, Any]) -> bool:
    return thing["kind"] == "ClusterRole" and thing["metadata"]["name"] == "windlass-windlass-system"


@every_kind
def test_it_has_an_example(kind: Kind) -> None:
    shown = {document["kind"] for document in documents(*(ROOT / "examples").glob("*.yaml"))}
    assert (kind.kind in shown) != (kind.kind in NOT_WRITTEN_BY_PEOPLE)


@every_kind
def test_it_has_conditions_by_the_contract_of_kstatus_and_a_controller_that_writes_them(kind: Kind) -> None:
    works_with = runtime(NOWHERE)
    controlled = {controller.kind for controller in controllers(works_with)}
    fields = kind.status.model_fields if kind.status is not None else {}
    complete = {"conditions", "observed_generation", "phase", "message"} <= fields.keys() and kind.kind in controlled
    assert complete != (kind.kind in WITHOUT_CONDITIONS)
