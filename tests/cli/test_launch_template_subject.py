"""The launch template on the command line: what it shows, plans and explains."""

import json
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.bodies import body as group_body
from tests.cluster_client.fake_api import FakeApi
from tests.cluster_client.scenario import play
from tests.worlds import fleet, group, view
from windlass.api.launch_template import LaunchTemplateReference
from windlass.api.scaling_group import ConfigurationSource
from windlass.cli.manifests import Document, Proposed
from windlass.cli.plan import Planned, _lines
from windlass.cli.subjects import SUBJECTS
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.group.explanation import explain
from windlass.cli.subjects.launch_template import TEMPLATE, default_version
from windlass.cli.subjects.launch_template.explain import told
from windlass.cli.tree import drawn
from windlass.cluster.client import Client
from windlass.planner.capacity.view import Revision

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
CREATED = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def version(number: int, **more: Any) -> dict[str, Any]:
    return {"version": number, "template": {"spec": {"containers": [{"name": "web", "image": f"web:{number}"}]}}} | more


SPEC: dict[str, Any] = {"defaultVersion": "2", "versions": [version(1), version(10), version(2, description="stable")]}


def template(**spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": "app", "uid": "t", "generation": 1, "creationTimestamp": CREATED}
    return {"metadata": metadata, "spec": SPEC | spec}


def asking(asked: str, made_from: int = 2) -> dict[str, Any]:
    """A group of two that asks for a version, with instances of another."""
    data = {"source": {"kind": "LaunchTemplate", "name": "app", "version": made_from}}
    kept = Revision("web-1", 1, data | {"configuration": {"template": version(made_from)["template"]}})
    named = ConfigurationSource(launch_template=LaunchTemplateReference(name="app", version=asked))
    return group_body(
        view(group(2, configuration=named), fleet(2), configuration=None, template=SPEC, revisions=[kept], added_at=())
    )


def refresh(asked: str, phase: str) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": "r", "uid": "r", "generation": 1, "creationTimestamp": CREATED}
    spec = {"scalingGroup": "web", "desiredConfiguration": {"launchTemplate": {"name": "app", "version": asked}}}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


# ---- get


def test_the_table_says_what_the_words_mean_by_the_spec():
    row = TEMPLATE.summary(template())
    assert {key: row[key] for key in ("default", "latest", "versions", "ready")} == {
        "default": 2,
        "latest": 10,
        "versions": 3,
        "ready": "Unknown",
    }
    assert row["message"] == "3 versions: Default is 2, Latest is 10"
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert TEMPLATE.summary({**template(), "status": status})["ready"] == "True"


def test_one_is_a_tree_of_its_versions():
    async def scenario(api: FakeApi, client: Client) -> None:
        shown = await TEMPLATE.shown(client, template())
        lines = drawn("", shown.rows(), datetime.fromisoformat(CREATED))
        assert [" ".join(line.split()) for line in lines[3:]] == [
            "LaunchTemplate/app Ready 0s",
            "├─ Version/1 web:1",
            "├─ Version/2 Default web:2 (stable)",
            "└─ Version/10 Latest web:10",
        ]
        assert shown.values()["versions"][1] == {
            "version": 2,
            "words": ["Default"],
            "description": "stable",
            "images": ["web:2"],
        }

    play(scenario)


def test_a_watch_shows_it_again_when_it_changes():
    async def scenario(api: FakeApi, client: Client) -> None:
        body = await api.put("launchtemplates", template())
        async with TEMPLATE.feed(client, body).running() as feed:
            await api.put("launchtemplates", template(defaultVersion="Latest"))
            while "Default is 10" not in (seen := await feed.next_picture(5)).message:
                assert seen is not None

    play(scenario)


# ---- plan


@pytest.mark.parametrize("text", ["1", "999999999", "Latest"])
def test_a_default_is_a_number_or_latest(text: str):
    assert default_version(text) == text


@pytest.mark.parametrize("text", ["0", "01", "latest", "Default", "-1", ""])
def test_anything_else_is_no_default(text: str):
    with pytest.raises(ArgumentTypeError, match="is neither the number of a version nor Latest"):
        default_version(text)


@pytest.mark.parametrize(("wanted", "number"), [({}, 2), ({"defaultVersion": "10"}, 10)])
def test_another_default_is_planned_for_the_groups_that_ask_for_it(wanted: dict[str, Any], number: int):
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("launchtemplates", template())
        await api.put("scalinggroups", asking("Default"))
        outlook = await TEMPLATE.outlook(client, "default", "app", wanted)
        values = outlook.values()
        assert [values["default"], *(planned["name"] for planned in values["groups"])] == [number, "web"]
        said = outlook.lines()
        assert said[0] == f"LaunchTemplate default/app: 3 versions: Default is {number}, Latest is 10"
        assert any(f"LaunchTemplate/app:{number} is new to the group" in line for line in said)

    play(scenario)


def test_a_template_without_groups_does_nothing():
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("launchtemplates", template())
        outlook = await TEMPLATE.outlook(client, "default", "app", {})
        assert (outlook.acts, outlook.settled, outlook.refused) == (False, True, False)
        assert outlook.lines()[-1] == "  no group asks for it: nothing would be done"

    play(scenario)


def test_a_file_with_a_template_is_planned_for_its_groups():
    async def scenario(api: FakeApi, client: Client) -> None:
        live = await api.put("launchtemplates", template())
        await api.put("scalinggroups", asking("Latest", made_from=10))
        spec = SPEC | {"versions": [*SPEC["versions"], version(11)]}
        proposed = [Proposed(Document("LaunchTemplate", "default", "app", spec, "file"), live, spec)]
        (outlook,) = await GROUP.outlooks(client, proposed)
        assert any("LaunchTemplate/app:11 is new to the group" in line for line in outlook.lines())
        assert await TEMPLATE.outlooks(client, proposed) == []
        assert _lines(Planned([], proposed), SUBJECTS) == [
            "LaunchTemplate default/app: would be changed",
            "no group uses it: nothing would be done",
        ]

    play(scenario)


# ---- explain


def test_the_explanation_names_who_is_made_from_which_version():
    said = told(template(), [asking("Default")], [refresh("10", "Running"), refresh("1", "Successful")]).lines()
    assert said[:2] == ["LaunchTemplate default/app: Ready", "  3 versions: Default is 2, Latest is 10"]
    assert [line.split() for line in said if " asks for " in line and "/" in line] == [
        ["ScalingGroup/web", "asks", "for", "Default", "version", "2", "0", "of", "2", "outdated"],
        ["InstanceRefresh/r", "asks", "for", "10", "version", "10", "Running", "(web)"],
    ]
    assert said[-1] == "  version 1 may be removed: nobody asks for it"


def test_the_explanation_names_what_is_missing():
    values = told(template(), [asking("7")], []).values()
    assert (values["users"][0]["asksFor"], values["users"][0]["version"]) == ("7", None)
    assert values["advice"][0] == (
        "ScalingGroup web: LaunchTemplate app has no version 7 (it has 1, 2, 10): add it, or name another one"
    )
    assert json.dumps(values)


def test_a_template_that_nobody_uses_says_so():
    assert "  nothing: no group asks for it" in told(template(), [], []).lines()


def test_it_is_explained_from_what_the_api_server_has():
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("launchtemplates", template())
        await api.put("scalinggroups", asking("Latest"))
        explained = await TEMPLATE.explained(client, "default", "app")
        assert [user["version"] for user in explained.values()["users"]] == [10]

    play(scenario)


@pytest.mark.parametrize(
    ("asked", "spec", "advice"),
    [
        ("7", SPEC, "add version 7 to LaunchTemplate app, or name one that it has in"),
        ("7", None, "create LaunchTemplate app; `kubectl windlass plan -f FILE` shows"),
    ],
)
def test_a_group_without_its_version_is_told_what_to_do(asked: str, spec: Any, advice: str):
    named = ConfigurationSource(launch_template=LaunchTemplateReference(name="app", version=asked))
    seen = view(group(1, configuration=named), configuration=None, template=spec, revisions=())
    explanation = explain(seen, group_body(seen)["metadata"], [], ())
    assert any(line.startswith(advice) for line in explanation.advice)


def test_a_refused_version_is_not_to_be_changed():
    named = ConfigurationSource(launch_template=LaunchTemplateReference(name="app", version="2"))
    seen = view(group(1, configuration=named), configuration=None, template=SPEC, revisions=(), template_problem="no")
    explanation = explain(seen, group_body(seen)["metadata"], [], ())
    assert any(
        line.startswith("LaunchTemplate app:2 cannot be changed: add a corrected") for line in explanation.advice
    )


def test_every_key_that_programs_get_is_on_the_page():
    rows = [line for line in PAGE.split("## For programs")[1].splitlines() if "template" in line]
    row = TEMPLATE.summary(template())
    explained = told(template(), [asking("7")], []).values()
    for key in (*row, *explained, *explained["users"][0], "words", "description", "images", "groups"):
        assert any(f"`{key}`" in line for line in rows), key
