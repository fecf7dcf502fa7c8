"""What an informer knows, and how fresh that is."""

import asyncio
import logging

import pytest
from aiohttp import web

from tests.cluster_client.fake_api import (
    FakeApi,
    bookmark,
    breaks,
    line,
    pod,
    replies,
    status,
    streams,
    until,
)
from tests.cluster_client.watcher import Watcher, initial_watches, play, running, watches
from windlass.cluster.errors import Gone

# ---- beginning


def test_what_exists_is_known_once_it_is_synced() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        assert not watcher.informer.synced.is_set()
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}
            assert set(watcher.informer.by_index("web")) == {"web-1", "web-2"}
            assert len(watcher.informer) == 2
            assert [seen.query.get("watch") for seen in api.seen] == ["true"]  # one request, no list

    play(scenario)


def test_a_cluster_without_any_is_synced_too() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            assert len(watcher.informer) == 0

    play(scenario, existing=())


def test_changes_before_the_end_of_the_initial_events_count() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        first, second = ({**pod(name), "metadata": {**pod(name)["metadata"], "resourceVersion": "5"}} for name in "ab")
        changed = {**first, "metadata": {**first["metadata"], "resourceVersion": "6"}}
        api.fail_next(
            streams(
                line("ADDED", first),
                line("ADDED", second),
                line("MODIFIED", changed),
                line("DELETED", second),
                bookmark(7, complete=True) + line("ADDED", {**second, "metadata": {**second["metadata"], "name": "c"}}),
                then="hang",
            )
        )
        async with running(watcher):
            await until(lambda: len(watcher.informer) == 2)
            assert (watcher.version("a"), watcher.version("b"), watcher.version("c")) == ("6", None, "5")

    play(scenario)


def test_initial_events_that_break_off_are_asked_for_again() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.fail_next(streams(line("ADDED", api.object("pods", "default", "web-1"))))
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}
            assert initial_watches(api) == 2

    play(scenario)


def test_a_server_that_refuses_initial_events_is_asked_for_a_list() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.watch_list = False
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}
            await api.put("pods", pod("web-3"))
            await watcher.knows("web-1", "web-2", "web-3")
            assert initial_watches(api) == 1

    play(scenario)


def test_a_server_that_ignores_the_wish_for_initial_events_is_asked_for_a_list() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        old_server = streams(*(line("ADDED", api.object("pods", "default", f"web-{n}")) for n in (1, 2)), then="hang")
        api.fail_next(old_server)
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}
            assert [bool(seen.query.get("watch")) for seen in api.seen][:2] == [True, False]

    play(scenario, initial_silence=0.2)


def test_a_long_list_is_read_in_pages() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.watch_list = False
        async with running(watcher):
            assert len(watcher.informer) == 1200
            assert sum("limit" in seen.query for seen in api.seen) == 3

    play(scenario, existing=tuple(f"web-{number}" for number in range(1200)))


def test_only_what_the_selector_picks_is_asked_for() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        await api.put("pods", pod("other"))
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}
            assert watches(api)[0]["labelSelector"] == "group"

    play(scenario, label_selector="group")


def test_several_namespaces_are_watched_and_all_must_be_synced() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        await api.put("pods", pod("web-9", "bank"))
        await api.put("pods", pod("web-9", "elsewhere"))
        release = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            await release.wait()
            return await breaks()(request)

        api.fail_next(slow)
        async with running(watcher, synced=False):
            await until(lambda: len(watcher.changes) > 0)
            assert not watcher.informer.synced.is_set()
            release.set()
            await watcher.informer.synced.wait()
            assert watcher.informer.get("bank", "web-9")
            assert watcher.informer.get("elsewhere", "web-9") is None
            assert watcher.informer.get("default", "web-1")

    play(scenario, namespaces=("default", "bank"))


# ---- following


def test_changes_are_known_and_told() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            watcher.changes.clear()
            await api.put("pods", pod("web-3", group="api"))
            await api.put("pods", pod("web-3", group="web"))
            await api.remove("pods", "default", "web-1")
            await until(lambda: len(watcher.changes) == 3)
            told = [(old and (old.name, old.group), new and (new.name, new.group)) for old, new in watcher.changes]
            assert told == [
                (None, ("web-3", "api")),
                (("web-3", "api"), ("web-3", "web")),
                (("web-1", "web"), None),
            ]
            assert set(watcher.informer.by_index("web")) == {"web-2", "web-3"}
            assert watcher.counts["change"] == 2
            assert watcher.counts["deletion"] == 1

    play(scenario)


def test_an_event_older_than_what_is_known_is_ignored() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        older = {**known, "metadata": {**known["metadata"], "resourceVersion": "7", "labels": {}}}
        newest = {**known, "metadata": {**known["metadata"], "resourceVersion": "900"}}
        api.fail_next(
            streams(
                line("ADDED", known) + bookmark(102, complete=True),
                line("MODIFIED", older),
                line("MODIFIED", newest),
                then="hang",
            )
        )
        async with running(watcher):
            await until(lambda: watcher.version("web-1") == "900")
            assert [new and new.resource_version for _, new in watcher.changes] == ["101", "900"]

    play(scenario)


def test_an_object_that_does_not_fit_is_left_out_and_the_others_are_not(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            await api.put("pods", {**pod("unfit"), "spec": {"ports": "none"}})
            await api.put("pods", pod("strange", odd="yes"))
            await api.put("pods", pod("stranger", odd="very"))
            await api.put("pods", pod("web-3"))
            await watcher.knows("web-1", "web-2", "web-3")
            assert watcher.counts["left_out"] == 3
            assert watcher.counts["failure"] == 0

    with caplog.at_level(logging.WARNING):
        play(scenario)
    assert "reading Pod default/unfit: it is left out: Expected `array`, got `str`" in caplog.text
    assert "reading Pod default/strange: it is left out: this one is odd: yes" in caplog.text
    assert "reading Pod default/stranger: it is left out: this one is odd: very" in caplog.text


def test_objects_of_a_list_that_do_not_fit_are_left_out_too() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.watch_list = False
        await api.put("pods", {**pod("unfit"), "spec": {"ports": "none"}})
        await api.put("pods", pod("strange", odd="yes"))
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}
            assert watcher.counts["left_out"] == 2

    play(scenario)


# ---- how fresh it is


def test_the_lag_is_the_time_since_the_stalest_watch_showed_life() -> None:
    now = [1000.0]

    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            now[0] += 25
            assert watcher.informer.lag() == 25
            await api.put("pods", pod("web-3"))
            await watcher.knows("web-1", "web-2", "web-3")
            assert watcher.informer.lag() == 25  # the other namespace is as silent as before
            await api.put("pods", pod("web-1", "bank"))
            await until(lambda: watcher.informer.lag() == 0)
            assert watcher.informer.last_event_at == 1025

    play(scenario, namespaces=("default", "bank"), clock=lambda: now[0])


# ---- reading live


def test_a_refresh_replaces_what_is_known_of_a_key() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        await api.put("pods", pod("api-1", group="api"))
        async with running(watcher):
            await api.silently_remove("pods", "default", "web-1")
            await api.silently_remove("pods", "default", "api-1")
            await watcher.informer.refresh("web", "default", "group=web")
            assert set(watcher.informer.by_index("web")) == {"web-2"}
            assert watcher.informer.get("default", "api-1")
            assert api.seen[-1].query["labelSelector"] == "group,group=web"

    play(scenario, label_selector="group")


def test_after_a_refresh_late_events_bring_nothing_back() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        late = line("MODIFIED", {**known, "metadata": {**known["metadata"], "resourceVersion": "103"}})
        catch_up = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(line("ADDED", known) + bookmark(102, complete=True))
            await catch_up.wait()
            await response.write(late + bookmark(104))
            await asyncio.sleep(60)
            return response

        api.fail_next(slow)
        async with running(watcher):
            await api.silently_remove("pods", "default", "web-1")
            api.version = 110
            await watcher.informer.refresh("web", "default", "group=web")
            assert watcher.names() == {"web-2"}
            catch_up.set()
            await until(lambda: watcher.counts["bookmark"] == 1)
            assert watcher.names() == {"web-2"}

    play(scenario)


def test_a_refresh_does_not_undo_what_the_watch_brought_meanwhile() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            old_list = {
                "metadata": {"resourceVersion": "102"},
                "items": [api.object("pods", "default", name) for name in ("web-1", "web-2")],
            }
            await api.put("pods", pod("web-3", group="web"))
            await api.put("pods", pod("web-1", group="web"))
            await until(lambda: watcher.version("web-1") == "104")
            api.fail_next(replies(200, old_list))
            await watcher.informer.refresh("web", "default", "group=web")
            assert watcher.names() == {"web-1", "web-2", "web-3"}
            assert watcher.version("web-1") == "104"

    play(scenario)


def test_a_refresh_that_fails_says_so_and_changes_nothing() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            api.fail_next(replies(404, status(404, "NotFound", "no such namespace")))
            with pytest.raises(Gone, match="listing Pod default: no such namespace"):
                await watcher.informer.refresh("web", "default", "group=web")
            assert watcher.names() == {"web-1", "web-2"}

    play(scenario)
