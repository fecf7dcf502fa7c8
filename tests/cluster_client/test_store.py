"""Records by name and index, which never go back in time."""

import logging
from dataclasses import dataclass, replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from windlass.cluster.store import Object, Store


@dataclass(frozen=True)
class Thing:
    name: str
    resource_version: str = "1"
    uid: str = ""
    namespace: str = "shop"
    group: str | None = "web"


class Told:
    """A store and the changes it told of."""

    def __init__(self) -> None:
        self.changes: list[tuple[Thing | None, Thing | None]] = []
        self.store: Store[Thing] = Store(lambda thing: thing.group, lambda old, new: self.changes.append((old, new)))

    def put(self, *things: Thing) -> None:
        for thing in things:
            self.store.put(thing)

    def forget(self) -> None:
        self.changes.clear()


def test_a_record_is_found_by_name_and_by_index() -> None:
    told = Told()
    told.put(Thing("a"), Thing("b", group="api"), Thing("c", group=None))
    assert told.store.get("shop", "a") == Thing("a")
    assert told.store.get("bank", "a") is None
    assert dict(told.store.by_index("web")) == {"a": Thing("a")}
    assert len(told.store.by_index("nobody")) == 0
    assert len(told.store) == 3


def test_every_change_is_told_with_what_was_and_what_is() -> None:
    told = Told()
    first, second = Thing("a"), Thing("a", "2")
    told.put(first, second)
    told.store.drop(second)
    assert told.changes == [(None, first), (first, second), (second, None)]


def test_an_older_record_changes_nothing() -> None:
    told = Told()
    told.put(Thing("a", "10"), Thing("a", "9"))
    assert told.store.get("shop", "a") == Thing("a", "10")
    assert len(told.changes) == 1


def test_the_same_version_again_changes_nothing() -> None:
    told = Told()
    told.put(Thing("a", "10"), Thing("a", "10"))
    assert len(told.changes) == 1


def test_versions_compare_as_numbers() -> None:
    told = Told()
    told.put(Thing("a", "9"), Thing("a", "10"))
    assert told.store.get("shop", "a") == Thing("a", "10")


def test_versions_that_are_no_numbers_are_taken_as_they_come() -> None:
    told = Told()
    told.put(Thing("a", "x"), Thing("a", "b"))
    assert told.store.get("shop", "a") == Thing("a", "b")


def test_a_record_that_changes_its_key_moves() -> None:
    told = Told()
    told.put(Thing("a", "1"), Thing("a", "2", group="api"))
    assert not told.store.by_index("web")
    assert set(told.store.by_index("api")) == {"a"}
    told.put(Thing("a", "3", group=None))
    assert not told.store.by_index("api")
    assert told.store.get("shop", "a") is not None


def test_another_object_of_the_same_name_takes_its_place_in_one_change() -> None:
    told = Told()
    told.put(Thing("a", "1", uid="old"), Thing("a", "5", uid="new"))
    assert [(old and old.uid, new and new.uid) for old, new in told.changes] == [(None, "old"), ("old", "new")]


def test_the_end_of_an_object_does_not_end_its_successor() -> None:
    told = Told()
    told.put(Thing("a", "5", uid="new"))
    told.store.drop(Thing("a", "4", uid="old"))
    assert told.store.get("shop", "a") is not None


def test_the_end_of_an_unknown_object_is_no_change() -> None:
    told = Told()
    told.store.drop(Thing("a"))
    assert told.changes == []


def test_a_list_drops_what_it_does_not_have() -> None:
    told = Told()
    told.put(Thing("a", "1"), Thing("b", "2"))
    told.forget()
    told.store.replace(told.store.within(None), [Thing("b", "2"), Thing("c", "7")], as_of=9)
    assert told.changes == [(Thing("a", "1"), None), (None, Thing("c", "7"))]


def test_a_list_does_not_undo_what_is_newer_than_it() -> None:
    told = Told()
    told.put(Thing("a", "12"), Thing("b", "11"))
    told.forget()
    told.store.replace(told.store.within(None), [Thing("b", "3")], as_of=9)
    assert told.changes == []


def test_a_list_of_one_namespace_leaves_the_others_alone() -> None:
    told = Told()
    told.put(Thing("a"), Thing("a", namespace="bank"))
    told.store.replace(told.store.within("bank"), [], as_of=9)
    assert [thing.namespace for thing in told.store.within(None)] == ["shop"]


def test_a_server_that_starts_anew_is_believed_in_everything() -> None:
    told = Told()
    told.put(Thing("a", "500"), Thing("b", "501"))
    told.store.replace(told.store.within(None), [Thing("a", "3")], as_of=None)
    assert told.store.within(None) == [Thing("a", "3")]


def test_a_list_is_believed_where_what_is_known_cannot_have_been() -> None:
    """A backup was restored, and the versions have passed those of the time that is undone."""
    told = Told()
    told.put(Thing("a", "500"), Thing("b", "501"))
    told.store.set_floor("web", 505)
    told.store.replace(told.store.within(None), [Thing("a", "3"), Thing("b", "503")], as_of=510)
    assert set(told.store.within(None)) == {Thing("a", "3"), Thing("b", "503")}


def test_a_list_does_not_bring_back_what_went_while_it_was_read() -> None:
    told = Told()
    told.put(Thing("a", uid="a"), Thing("b", uid="b"))
    with told.store.listing() as gone:
        told.store.drop(Thing("a", "8", uid="a"))
        told.store.drop(Thing("c", "9", uid="c"))
        listed = [Thing("a", uid="a"), Thing("b", uid="b"), Thing("c", "3", uid="c"), Thing("d", "4", uid="d")]
        told.store.replace(told.store.within(None), listed, as_of=5, gone=gone)
    assert [thing.name for thing in told.store.within(None)] == ["b", "d"]


def test_a_list_does_not_bring_back_what_another_list_has_removed() -> None:
    told = Told()
    told.put(Thing("a", uid="a"))
    with told.store.listing() as slow:
        with told.store.listing() as quick:
            told.store.replace(told.store.within(None), [], as_of=9, gone=quick)
        told.store.replace(told.store.within(None), [Thing("a", uid="a")], as_of=5, gone=slow)
    assert len(told.store) == 0


def test_a_list_takes_nothing_away_that_it_has_because_all_was_read_anew_meanwhile() -> None:
    told = Told()
    told.put(Thing("a", "500", uid="a"))
    with told.store.listing() as slow:
        with told.store.listing() as quick:
            told.store.replace(told.store.within(None), [Thing("a", "3", uid="a")], as_of=None, gone=quick)
        told.store.replace(told.store.within(None), [Thing("a", "3", uid="a")], as_of=5, gone=slow)
    assert told.store.within(None) == [Thing("a", "3", uid="a")]


def test_a_list_that_begins_later_is_believed() -> None:
    told = Told()
    told.put(Thing("a", uid="a"))
    with told.store.listing() as first:
        told.store.drop(Thing("a", uid="a"))
        with told.store.listing() as second:
            assert "a" in first
            assert "a" not in second


def test_below_a_floor_what_is_unknown_stays_unknown() -> None:
    told = Told()
    told.store.set_floor("web", 20)
    told.put(Thing("gone", "15"), Thing("other", "15", group="api"), Thing("new", "21"))
    assert {thing.name for thing in told.store.within(None)} == {"other", "new"}


def test_a_floor_ends_when_the_watch_has_passed_it() -> None:
    told = Told()
    told.store.set_floor("web", 20)
    told.store.lift_floors(19)
    told.put(Thing("gone", "15"))
    assert len(told.store) == 0
    told.store.lift_floors(20)
    told.put(Thing("back", "16"))
    assert len(told.store) == 1


def test_a_floor_ends_when_the_server_starts_anew() -> None:
    told = Told()
    told.store.set_floor("web", 500)
    told.store.replace([], [Thing("a", "3")], as_of=None)
    assert len(told.store) == 1


def test_a_listener_that_fails_does_not_stop_the_store(caplog: pytest.LogCaptureFixture) -> None:
    def fail(old: Thing | None, new: Thing | None) -> None:
        raise RuntimeError("no")

    store: Store[Thing] = Store(None, fail)
    with caplog.at_level(logging.ERROR):
        assert store.put(Thing("a"))
        store.drop(Thing("a"))
    assert len(store) == 0
    assert "handling a change of shop/a; going on" in caplog.text


def test_what_is_empty_leaves_nothing_behind() -> None:
    told = Told()
    told.put(Thing("a"))
    told.store.drop(replace(Thing("a"), resource_version="2"))
    assert told.store.within("shop") == []
    assert told.store.by_index("web") == {}


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 30), st.sampled_from(["web", "api", None]), st.booleans()),
        max_size=40,
    )
)
def test_the_index_always_agrees_with_the_records(events: list[tuple[str, int, str | None, bool]]) -> None:
    told = Told()
    for name, version, group, gone in events:
        if gone:
            told.store.drop(Thing(name))
        else:
            told.put(Thing(name, str(version), group=group))
    for group in ("web", "api"):
        expected = {thing.name for thing in told.store.within(None) if thing.group == group}
        assert set(told.store.by_index(group)) == expected


# ---- whole objects


def test_an_object_is_a_record_of_itself() -> None:
    body = {"metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7"}, "spec": {"size": 3}}
    store: Store[Object] = Store(None, None)
    store.put(Object(body))
    assert store.get("shop", "web") == body
    assert not store.put(Object(body))


def test_of_an_object_s_metadata_only_what_decisions_read_is_kept() -> None:
    read = {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 2}
    leaving = {"deletionTimestamp": "2026-01-01T12:00:00Z"}
    long = {
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:size": {}}}}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "labels": {"app": "web"},
    }
    body = {"metadata": {**read, **leaving, **long}, "spec": {"size": 3}, "status": {"size": 2}}
    assert Object(body) == {**body, "metadata": {**read, **leaving}}
    assert body["metadata"].keys() > long.keys()


def test_an_object_of_the_cluster_has_no_namespace() -> None:
    assert Object({"metadata": {"name": "big"}}).namespace == ""


def test_a_late_event_of_a_former_object_does_not_bring_it_back() -> None:
    told = Told()
    told.put(Thing("a", "9", uid="new"), Thing("a", "6", uid="old"))
    told.store.drop(Thing("a", "7", uid="old"))
    assert told.store.get("shop", "a") == Thing("a", "9", uid="new")
