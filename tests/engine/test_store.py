from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from windlass.engine.store import Identity, Store


def body(name: str, version: int, uid: str = "", namespace: str = "shop", group: str | None = None) -> dict[str, Any]:
    metadata = {"name": name, "uid": uid or f"uid-{name}", "resourceVersion": str(version), "namespace": namespace}
    return {"metadata": metadata, "spec": {"scalingGroup": group} if group else {}}


def group_of(body: Any) -> str | None:
    return body["spec"].get("scalingGroup")


def test_a_body_is_found_by_namespace_and_name():
    store = Store()
    web = body("web", 1)
    assert store.put(web)
    assert store.get("shop", "web") is web
    assert store.get("other", "web") is None
    assert (store.all(), len(store)) == ([web], 1)


def test_an_object_of_the_cluster_has_no_namespace():
    store = Store()
    store.put({"metadata": {"name": "big", "uid": "u", "resourceVersion": "1"}})
    assert store.get("", "big") is not None


def test_only_a_newer_version_is_taken_and_versions_are_numbers():
    store = Store()
    store.put(body("web", 99))
    assert not store.put(body("web", 99))
    assert not store.put(body("web", 12))
    assert store.put(body("web", 100))
    assert store.get("shop", "web") == body("web", 100)


def test_a_new_object_of_the_same_name_replaces_the_old_one():
    store = Store()
    store.put(body("web", 5, uid="old"))
    assert store.put(body("web", 9, uid="new"))
    store.discard("old")
    assert store.get("shop", "web") == body("web", 9, uid="new")


def test_a_late_event_of_the_old_object_does_not_bring_it_back():
    store = Store()
    store.put(body("web", 9, uid="new"))
    assert not store.put(body("web", 6, uid="old"))
    store.discard("old")
    assert store.get("shop", "web") == body("web", 9, uid="new")


def test_a_discarded_object_is_gone():
    store = Store(group_of)
    store.put(body("web-a1", 1, group="web"))
    store.discard("uid-web-a1")
    store.discard("uid-web-a1")
    assert (store.get("shop", "web-a1"), store.owned_by("shop", "web"), len(store)) == (None, [], 0)


def test_objects_are_found_by_their_owner():
    store = Store(group_of)
    for number in (3, 1, 2):
        store.put(body(f"web-a{number}", number, group="web"))
    store.put(body("api-a1", 4, group="api"))
    store.put(body("web-a9", 5, group="web", namespace="other"))
    store.put(body("stray", 6))
    assert store.owned_by("shop", "web") == ["web-a1", "web-a2", "web-a3"]
    assert store.owned_by("shop", "nobody") == []


def test_an_object_that_changes_its_owner_is_found_by_the_new_one_only():
    store = Store(group_of)
    store.put(body("a1", 1, group="web"))
    store.put(body("a1", 2, group="api"))
    assert (store.owned_by("shop", "web"), store.owned_by("shop", "api")) == ([], ["a1"])


def test_a_sweep_drops_and_names_what_is_no_longer_there():
    store = Store()
    for name in ("web", "api", "db"):
        store.put(body(name, 5))
    live = {("shop", "web", "uid-web"), Identity("shop", "api", "uid-another-api")}
    ghosts = store.sweep(live, as_of="10")
    assert sorted(ghosts) == [("shop", "api", "uid-api"), ("shop", "db", "uid-db")]
    assert [each["metadata"]["name"] for each in store.all()] == ["web"]


def test_a_sweep_spares_what_was_created_after_its_list():
    store = Store()
    store.put(body("old", 5))
    store.put(body("new", 11))
    assert store.sweep(set(), as_of="10") == [("shop", "old", "uid-old")]
    assert store.get("shop", "new") is not None


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 30), st.sampled_from(["web", "api", None]), st.booleans()),
        max_size=40,
    )
)
def test_the_index_always_agrees_with_the_bodies(events: list[tuple[str, int, str | None, bool]]):
    store = Store(group_of)
    for name, version, group, gone in events:
        if gone:
            store.discard(f"uid-{name}")
        else:
            store.put(body(name, version, group=group))
    for group in ("web", "api"):
        expected = sorted(each["metadata"]["name"] for each in store.all() if group_of(each) == group)
        assert store.owned_by("shop", group) == expected
    assert len(store._places) == len(store)
