"""The list of a stack's objects, which lies where others may write to it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.planner.reason import Reason
from windlass.planner.stackset.inventory import MAX_BYTES, MAX_ENTRIES, Entry, read, union, without, written
from windlass.planner.stackset.reasons_deployment import InventoryUnreadable, TooManyListed

WEB = Entry("apps", "v1", "Deployment", "shop", "web")
SETTINGS = Entry("", "v1", "ConfigMap", "shop", "settings")
ROLE = Entry("rbac.authorization.k8s.io", "v1", "ClusterRole", "", "system:shop")
OLD = Entry("apps", "v1beta1", "Deployment", "shop", "web")


def test_union_has_each_object_once_in_its_new_version() -> None:
    assert union((OLD, SETTINGS), (WEB, ROLE)) == (SETTINGS, WEB, ROLE)
    assert union((WEB,), ()) == (WEB,)


def test_what_is_applied_in_another_version_is_not_pruned() -> None:
    assert without((OLD, SETTINGS), (WEB,)) == (SETTINGS,)


@pytest.mark.parametrize("other", [Entry("apps", "v1", "Deployment", "shop", "api"), SETTINGS, ROLE])
def test_group_kind_namespace_and_name_make_another_object(other: Entry) -> None:
    assert without((WEB,), (other,)) == (WEB,)


def test_labels_are_for_people() -> None:
    assert [WEB.label, ROLE.label] == ["Deployment shop/web", "ClusterRole system:shop"]
    assert [WEB.api_version, SETTINGS.api_version] == ["apps/v1", "v1"]


def test_what_is_written_is_read_again_and_is_compact() -> None:
    text = written((WEB, ROLE, SETTINGS))

    assert text == (
        '[["","v1","ConfigMap","shop","settings"],["apps","v1","Deployment","shop","web"],'
        '["rbac.authorization.k8s.io","v1","ClusterRole","","system:shop"]]'
    )
    assert read(text, "windlass-web") == (SETTINGS, WEB, ROLE)


def many(count: int, name: str = "settings") -> tuple[Entry, ...]:
    return tuple(Entry("", "v1", "ConfigMap", "shop", f"{name}-{number:04}") for number in range(count))


def test_as_many_as_a_config_map_holds_are_written() -> None:
    text = written(many(MAX_ENTRIES))

    assert isinstance(text, str)
    assert read(text, "windlass-web") == many(MAX_ENTRIES)


@pytest.mark.parametrize("entries", [many(MAX_ENTRIES + 1), many(MAX_ENTRIES, "n" * 300)], ids=["many", "long"])
def test_more_are_refused(entries: tuple[Entry, ...]) -> None:
    refused = written(entries)

    assert isinstance(refused, TooManyListed)
    assert f"the stack would have {len(entries)} objects" in str(refused)


HOSTILE: dict[str, Any] = {
    "nothing": None,
    "a number": 7,
    "no JSON": "[[",
    "very deep": "[" * 100_000,
    "a mapping": "{}",
    "a text": '"x"',
    "an object that is none": '["x"]',
    "too few parts": '[["","v1","ConfigMap","shop"]]',
    "too many parts": '[["","v1","ConfigMap","shop","settings","uid"]]',
    "a part of another type": '[["","v1","ConfigMap",null,"settings"]]',
    "a number as a name": '[["","v1","ConfigMap","shop",1]]',
    "no name": '[["","v1","ConfigMap","shop",""]]',
    "a name that is a path": '[["","v1","ConfigMap","shop","../secrets/key"]]',
    "a name that goes up": '[["","v1","ConfigMap","shop",".."]]',
    "a name with a line end": '[["","v1","ConfigMap","shop","a\\nb"]]',
    "a name that is encoded": '[["","v1","ConfigMap","shop","a%2fb"]]',
    "a namespace that is a path": '[["","v1","ConfigMap","shop/pods","settings"]]',
    "a group that is a path": '[["apps/v1","v1","Deployment","shop","web"]]',
    "a version that is a path": '[["apps","v1/x","Deployment","shop","web"]]',
    "a kind that is a path": '[["apps","v1","Deployment/status","shop","web"]]',
    "a kind with a query": '[["apps","v1","Deployment?x","shop","web"]]',
    "too many objects": json.dumps([["", "v1", "ConfigMap", "shop", f"c{n}"] for n in range(MAX_ENTRIES + 1)]),
    "too long": " " * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_others_wrote_there_is_refused(text: Any) -> None:
    refused = read(text, "windlass-web")

    assert isinstance(refused, InventoryUnreadable)
    assert "ConfigMap windlass-web in the target" in str(refused)


ROWS = st.lists(st.lists(st.text(max_size=6) | st.none() | st.integers(), min_size=4, max_size=6), max_size=3)


@given(ROWS.map(json.dumps) | st.text(max_size=20))
def test_whatever_is_read_can_be_written_again(text: str) -> None:
    found = read(text, "windlass-web")

    if not isinstance(found, Reason):
        again = written(found)
        assert isinstance(again, str)
        assert read(again, "windlass-web") == found
