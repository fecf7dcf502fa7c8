"""What an informer knows, whatever happens to its watch."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.cluster_client.fake_api import (
    FakeApi,
    Pauses,
    bookmark,
    breaks,
    client_of,
    line,
    pod,
    replies,
    status,
    streams,
    until,
)
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.informer import Informer
from windlass.cluster.resources import PODS


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    namespace: str
    name: str
    uid: str
    resource_version: str
    labels: dict[str, str] = {}


class Pod(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: dict[str, list[int]] = {}  # a bookmark's {"containers": null} does not fit


class Thing(msgspec.Struct, frozen=True):
    namespace: str
    name: str
    uid: str
    resource_version: str
    group: str | None


def to_thing(found: Pod) -> Thing:
    meta = found.metadata
    if meta.labels.get("odd"):
        raise LookupError("this one is odd")
    return Thing(meta.namespace, meta.name, meta.uid, meta.resource_version, meta.labels.get("group"))


class Watcher:
    """An informer of Pods and what it told."""

    def __init__(self, client: Client, **options: Any) -> None:
        self.changes: list[tuple[Thing | None, Thing | None]] = []
        self.counts: Counter[str] = Counter()
        self.informer: Informer[Thing] = Informer(
            client,
            PODS,
            Pod,
            to_thing,
            index=lambda thing: thing.group,
            on_change=lambda old, new: self.changes.append((old, new)),
            count=lambda what, number: self.counts.update({what: number}),
            **{"sleep": Pauses(), **options},
        )

    def names(self, namespace: str = "default") -> set[str]:
        return {new.name for _, new in self.changes if new and self.informer.get(namespace, new.name)}

    def version(self, name: str) -> str | None:
        known = self.informer.get("default", name)
        return known.resource_version if known else None

    async def knows(self, *names: str) -> None:
        await until(lambda: self.names() == set(names), f"{names} known")


Scenario = Callable[[FakeApi, Watcher], Awaitable[None]]


def play(scenario: Scenario, *, existing: tuple[str, ...] = ("web-1", "web-2"), **options: Any) -> None:
    """An API server with some Pods, and an informer of it that is not running yet."""

    async def run() -> None:
        async with FakeApi().running() as api, client_of(api, sleep=Pauses()) as client, asyncio.timeout(20):
            for name in existing:
                await api.put("pods", pod(name, group="web"))
            await scenario(api, Watcher(client, **options))

    asyncio.run(run())


class running:  # noqa: N801 — reads as a statement
    """Run the informer in the background."""

    def __init__(self, watcher: Watcher, *, synced: bool = True) -> None:
        self._watcher = watcher
        self._wait = synced

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._watcher.informer.run())
        if self._wait:
            await self._watcher.informer.synced.wait()

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        assert self._task.cancelled()


def watches(api: FakeApi) -> list[dict[str, str]]:
    return [dict(seen.query) for seen in api.seen if seen.query.get("watch")]


def initial_watches(api: FakeApi) -> int:
    return sum("sendInitialEvents" in query for query in watches(api))


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
            await api.put("pods", pod("web-3"))
            await watcher.knows("web-1", "web-2", "web-3")
            assert watcher.counts["left_out"] == 2
            assert watcher.counts["failure"] == 0

    with caplog.at_level(logging.WARNING):
        play(scenario)
    assert "reading Pod default/unfit: it is left out: Expected `array`, got `str`" in caplog.text
    assert "reading Pod default/strange: it is left out: this one is odd" in caplog.text


def test_objects_of_a_list_that_do_not_fit_are_left_out_too() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.watch_list = False
        await api.put("pods", {**pod("unfit"), "spec": {"ports": "none"}})
        await api.put("pods", pod("strange", odd="yes"))
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}
            assert watcher.counts["left_out"] == 2

    play(scenario)


# ---- when the watch ends


def test_a_watch_that_ends_is_taken_up_where_it_ended() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), bookmark(777)))
        async with running(watcher):
            await until(lambda: len(watches(api)) == 2)
            assert watches(api)[1]["resourceVersion"] == "777"
            assert "sendInitialEvents" not in watches(api)[1]
            assert watcher.counts["relist"] == 0

    play(scenario)


@pytest.mark.parametrize("rest", [b'{"type":"MODIFIED","obj', b'{"type":"MODIFIED","object":{]\n'])
def test_broken_json_ends_the_connection_and_loses_nothing(rest: bytes) -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), rest, then="break"))
        async with running(watcher):
            await until(lambda: len(watches(api)) == 2)
            await api.put("pods", pod("web-3"))
            await until(lambda: "web-3" in watcher.names())
            assert watches(api)[1]["resourceVersion"] == "102"

    play(scenario)


def test_a_watch_that_falls_silent_is_taken_up_again() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), then="hang"))
        async with running(watcher):
            await until(lambda: len(watches(api)) >= 2)
            await api.put("pods", pod("web-3"))
            await until(lambda: "web-3" in watcher.names())

    play(scenario, silence=0.3)


def test_a_watch_that_never_says_a_word_makes_it_read_everything() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            pass
        for _ in range(2):
            api.fail_next(streams(then="hang"), "WATCH")
        async with running(watcher, synced=False):
            await until(lambda: watcher.counts["relist"] == 1)

    play(scenario, silence=0.2, initial_silence=0.1)


def test_a_version_that_has_expired_makes_it_read_everything_and_tell_what_is_gone() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.fail_next(
            streams(
                *(line("ADDED", api.object("pods", "default", name)) for name in ("web-1", "web-2")),
                bookmark(102, complete=True),
            )
        )
        await api.silently_remove("pods", "default", "web-1")
        await api.put("pods", pod("web-3"))
        api.compacted_before = 103
        async with running(watcher):
            await watcher.knows("web-2", "web-3")
            assert ("web-1", None) in [(old and old.name, new) for old, new in watcher.changes]
            assert watcher.counts["relist"] == 1

    play(scenario)


def test_an_expired_version_told_within_the_watch_makes_it_read_everything() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        gone = api.object("pods", "default", "web-1")
        api.fail_next(
            streams(
                line("ADDED", gone),
                bookmark(102, complete=True),
                line("ERROR", status(410, "Expired", "too old resource version: 5 (90)")),
            )
        )
        await api.silently_remove("pods", "default", "web-1")
        async with running(watcher):
            await watcher.knows("web-2")
            assert watcher.counts["relist"] == 1

    play(scenario)


def test_expired_after_a_list_is_answered_by_a_list() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.watch_list = False
        async with running(watcher):
            await until(lambda: len(watches(api)) == 2)
        api.compacted_before = 10**6
        async with running(watcher, synced=False):
            await until(lambda: watcher.counts["relist"] >= 1)
            assert initial_watches(api) == 1

    play(scenario)


def test_another_error_within_the_watch_is_met_by_going_on_from_the_same_version() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        internal = line("ERROR", status(500, "InternalError", "etcd is busy"))
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), internal))
        async with running(watcher):
            await until(lambda: len(watches(api)) == 2)
            assert watches(api)[1]["resourceVersion"] == "102"
            assert watcher.counts["failure"] == 1

    play(scenario)


def test_an_answer_that_comes_again_and_again_is_taken_to_be_the_versions_fault() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            pass
        too_large = status(504, "Timeout", "Too large resource version: 102, current: 40")
        for _ in range(3):
            api.fail_next(replies(504, too_large), "WATCH")
        async with running(watcher, synced=False):
            await until(lambda: watcher.counts["relist"] == 1)
            assert initial_watches(api) == 2

    play(scenario)


def test_a_server_whose_versions_went_back_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        restored = {**pod("web-2"), "metadata": {**pod("web-2")["metadata"], "resourceVersion": "30"}}
        async with running(watcher):
            pass
        api.fail_next(replies(410, status(410, "Expired")), "WATCH")
        api.fail_next(streams(line("ADDED", restored), bookmark(40, complete=True), then="hang"), "WATCH")
        async with running(watcher, synced=False):
            await watcher.knows("web-2")
            assert watcher.version("web-2") == "30"

    with caplog.at_level(logging.WARNING):
        play(scenario)
    assert "the server's versions went back" in caplog.text


def test_an_outage_is_waited_out_with_growing_pauses_and_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    pauses = Pauses()

    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        forbidden = status(403, "Forbidden", 'pods is forbidden: User "w" cannot watch resource "pods"')
        for _ in range(12):
            api.fail_next(replies(403, forbidden))
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}

    with caplog.at_level(logging.WARNING):
        play(scenario, sleep=pauses)
    assert len(pauses.seconds) == 12
    for index, seconds in enumerate(pauses.seconds):
        longest = min(0.2 * 2**index, 30)
        assert longest / 2 <= seconds <= longest
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert lines[0].startswith(
        'watching Pod: pods is forbidden: User "w" cannot watch resource "pods"; trying again in '
    )


def test_an_error_of_our_own_does_not_end_the_informer(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        fail = [True]

        def count(what: str, number: int) -> None:
            if what == "change" and number and fail.pop(0):
                fail.append(False)
                raise RuntimeError("a mistake")

        async with client_of(api) as client:
            other = Watcher(client)
            other.informer = Informer(client, PODS, Pod, to_thing, count=count, sleep=Pauses())
            async with running(other):
                await api.put("pods", pod("web-3"))
                await api.put("pods", pod("web-4"))
                await until(lambda: other.informer.get("default", "web-4") is not None)

    with caplog.at_level(logging.ERROR):
        play(scenario)
    assert "an error of our own; going on" in caplog.text


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
