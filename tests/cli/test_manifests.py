"""Manifests: read from files, and merged as `kubectl apply` would."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from windlass.cli.failures import CannotError
from windlass.cli.manifests import Document, documents_in, merged, models_of, propose, read_bodies, three_way
from windlass.cli.subjects import SUBJECTS

MODELS = models_of(SUBJECTS)
GROUP = """
apiVersion: windlass.dev/v1alpha1
kind: ScalingGroup
metadata: {name: web}
spec: {maxSize: 3, configuration: {scalingConfiguration: web}}
"""
OTHER = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str) -> str:
        path = tmp_path / "web.yaml"
        path.write_text(text)
        return str(path)

    return write


def documents(text: str, written: Any, namespace: str | None = None) -> tuple[list[Document], list[str]]:
    return documents_in(read_bodies([written(text)]), namespace, "default", MODELS)


def test_documents_of_other_kinds_are_told_and_left_out(written: Any):
    found, notes = documents(f"{GROUP}---\n{OTHER}---\n", written)
    assert [(document.kind, document.namespace, document.name) for document in found] == [
        ("ScalingGroup", "default", "web")
    ]
    assert notes == ["Service web is not looked at"]


def test_a_list_holds_documents(written: Any):
    listed = "apiVersion: v1\nkind: List\nitems:\n- " + GROUP.strip().replace("\n", "\n  ")
    assert len(documents(listed, written)[0]) == 1


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(GROUP))
    assert len(read_bodies(["-"])) == 1


def test_a_document_is_of_its_own_namespace_then_of_the_one_asked_for_then_of_the_contexts(written: Any):
    elsewhere = GROUP.replace("{name: web}", "{name: web, namespace: shop}")
    assert documents(elsewhere, written)[0][0].namespace == "shop"
    assert documents(GROUP, written, "test")[0][0].namespace == "test"
    assert documents(GROUP, written)[0][0].namespace == "default"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "it is no YAML: line 2: did not find expected node content"),
        ("- a\n", "there is a list where a manifest should be"),
        (OTHER, "of windlass.dev/v1alpha1 to plan for"),
        (GROUP.replace("{name: web}", "{generateName: web-}"), "a ScalingGroup has no metadata.name or no spec"),
        (
            GROUP.replace("{name: web}", "{name: web, namespace: shop}"),
            "ScalingGroup web is of namespace shop, and -n says test",
        ),
    ],
)
def test_what_is_no_manifest_is_refused_with_a_sentence(text: str, said: str, written: Any):
    with pytest.raises(CannotError) as refused:
        documents(text, written, "test")
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(CannotError, match=r"^reading /no/such/file: No such file or directory$"):
        read_bodies(["/no/such/file"])


@pytest.mark.parametrize(
    ("last", "given", "live", "patch"),
    [
        ({}, {"a": 1}, {"a": 1, "b": 2}, {}),
        ({}, {"a": 2}, {"a": 1, "b": 2}, {"a": 2}),
        ({"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"b": None}),
        ({"b": 2}, {"a": 1}, {"a": 1}, {}),
        ({"x": {"y": 1, "z": 2}}, {"x": {"y": 1}}, {"x": {"y": 1, "z": 2}}, {"x": {"z": None}}),
        ({}, {"x": {"y": 1}}, {}, {"x": {"y": 1}}),
        ({}, {"zones": ["a"]}, {"zones": ["a", "b"]}, {"zones": ["a"]}),
        ({"x": 1}, {"x": {"y": 1}}, {"x": {"z": 2}}, {"x": {"y": 1}}),
    ],
    ids=["same", "changed", "taken away", "gone already", "nested", "new", "lists whole", "was no object"],
)
def test_applying_takes_away_what_was_applied_before_and_sets_what_is_given(last, given, live, patch):
    assert three_way(last, given, live) == patch


def test_a_merge_patch_sets_removes_and_descends():
    old = {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
    assert merged(old, {"a": 9, "b": {"c": None}, "e": None, "f": {"g": None, "h": 1}}) == {
        "a": 9,
        "b": {"d": 3},
        "f": {"h": 1},
    }


def test_without_an_api_server_the_models_fill_in_and_refuse():
    document = Document(
        "ScalingGroup", "default", "web", {"configuration": {"scalingConfiguration": "web"}}, "web.yaml"
    )
    assert asyncio.run(propose(None, document, MODELS)).spec["maxSize"] == 1
    wrong = Document("ScalingGroup", "default", "web", {**document.spec, "maxSize": 10_001}, "web.yaml")
    with pytest.raises(CannotError, match=r"^web\.yaml: ScalingGroup web: spec\.maxSize: Input should be less than"):
        asyncio.run(propose(None, wrong, MODELS))
    unknown = Document("ScalingGroup", "default", "web", {**document.spec, "desired": 3}, "web.yaml")
    with pytest.raises(CannotError, match=r"spec\.desired: there is no such field$"):
        asyncio.run(propose(None, unknown, MODELS))
