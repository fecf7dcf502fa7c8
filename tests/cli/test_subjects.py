"""The verbs know no kind of their own: one more subject is one more file and one more place in a tuple."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.bodies import body as group_body
from tests.cli.pretend_subject import Naps
from tests.cluster_client.fake_api import FakeApi, client_of
from tests.worlds import fleet, group, view
from windlass.api.common import API_VERSION, Kind
from windlass.api.kinds import KINDS
from windlass.cli.failures import CannotError
from windlass.cli.main import main, parser
from windlass.cli.reading import read_object
from windlass.cli.subject import Subject
from windlass.cli.subjects import SUBJECTS
from windlass.cli.subjects.group import GROUP
from windlass.cli.waiting import Goal, wait_until

NAP = Naps()
BOTH = (GROUP, NAP)
# Why these are excused.
NO_SUBJECT = {"ScalingActivity": "its group shows it"}
NOON = {"namespace": "default", "name": "noon", "uid": "n", "generation": 1}


def nap(**spec: int) -> dict[str, Any]:
    metadata = {**NOON, "creationTimestamp": "2026-01-15T12:00:00Z"}
    return {"metadata": metadata, "spec": {"hours": 2, **spec}, "status": {"slept": 1}}


class Served:
    """A fake API server in a thread of its own, as `main` runs an event loop itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._beside: list[Future[Any]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._running = FakeApi().running()
        self.api = self.run(self._running.__aenter__())
        self._kubeconfig = folder / "kubeconfig"
        context = {"name": "here", "context": {"cluster": "here", "user": ""}}
        cluster = {"name": "here", "cluster": {"server": self.api.url}}
        self._kubeconfig.write_text(
            json.dumps({"current-context": "here", "contexts": [context], "clusters": [cluster]})
        )

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def put(self, plural: str, body: dict[str, Any]) -> None:
        self.run(self.api.put(plural, body))

    def remove_soon(self, plural: str, name: str) -> None:
        """When somebody watches it."""

        async def remove() -> None:
            while not any("watch" in seen.query and plural in seen.path for seen in self.api.seen):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)  # in which it shows what it has read
            await self.api.remove(plural, "default", name)

        asyncio.run_coroutine_threadsafe(remove(), self._loop)

    def written(self, *documents: dict[str, Any]) -> str:
        path = self._folder / "files.yaml"
        path.write_text(yaml.safe_dump_all(documents))
        return str(path)

    def windlass(self, line: str, subjects: tuple[Subject, ...] = BOTH) -> int:
        return main([*line.split(), f"--kubeconfig={self._kubeconfig}"], subjects)

    def begin(self, work: Any) -> None:
        """Have this done beside what the test does; it ends with the test."""
        self._beside.append(asyncio.run_coroutine_threadsafe(work, self._loop))

    def close(self) -> None:
        for beside in self._beside:
            beside.cancel()
            with suppress(CancelledError):
                beside.result(10)
        self.run(self._running.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def manifest(kind: str, name: str, /, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


# ---- get


def test_the_table_has_the_subjects_columns_and_key(served: Served, capsys: pytest.CaptureFixture[str]):
    assert served.windlass("get naps") == 0
    assert capsys.readouterr().out == "there are no naps in namespace default\n"
    served.put("naps", nap())
    assert served.windlass("get zz") == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "HOURS", "SLEPT", "AGE", "MESSAGE"]
    assert [row.split()[place] for place in (0, 1, 2, 4)] == ["noon", "2", "1", "sleeping"]
    assert served.windlass("get naps -A -o json") == 0
    assert [each["hours"] for each in json.loads(capsys.readouterr().out)["naps"]] == [2]


def test_one_is_a_tree_or_values(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("naps", nap())
    assert served.windlass("get nap noon") == 0
    assert capsys.readouterr().out.splitlines() == [
        "slept 1 of 2 h",
        "",
        "NAME             STATE    ZONE   AGE   INFO",
        "Nap/noon         Asleep",
        "└─ Dream/sheep",
    ]
    assert served.windlass("get nap noon -o yaml") == 0
    assert yaml.safe_load(capsys.readouterr().out)["slept"] == 1


def test_one_that_is_not_there_is_answered_with_its_neighbours(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("naps", nap())
    assert served.windlass("explain nap non") == 1
    assert capsys.readouterr().err == (
        "kubectl windlass: there is no nap 'non' in namespace default; did you mean noon?\n"
    )


def test_a_watch_ends_with_its_object(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("naps", nap())
    served.remove_soon("naps", "noon")
    assert served.windlass("get nap noon -w") == 0
    said = capsys.readouterr().out.splitlines()
    assert (said[0], said[-1]) == ("slept 1 of 2 h", "Nap/noon is gone")


# ---- plan


@pytest.mark.parametrize(("line", "code"), [("", 1), ("--hours 0", 0), ("--hours 30", 2)])
def test_the_exit_code_of_a_plan_is_the_outlooks(line: str, code: int, served: Served):
    served.put("naps", nap())
    assert served.windlass(f"plan nap noon {line}") == code


def test_a_plan_takes_the_subjects_own_flags(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("naps", nap())
    served.windlass("plan nap noon --hours 3")
    assert capsys.readouterr().out == (
        "Nap default/noon: would sleep 3 h\n\nNothing was done. It is as if nobody woke it.\n"
    )
    served.windlass("plan nap noon --hours 3 -o json")
    assert json.loads(capsys.readouterr().out) == {
        "configurations": [],
        "templates": [],
        "notes": [],
        "plans": [{"namespace": "default", "name": "noon", "hours": 3}],
    }


def test_one_file_may_hold_several_kinds(served: Served, capsys: pytest.CaptureFixture[str]):
    files = served.written(
        manifest("Nap", "noon", hours=4),
        manifest("ScalingGroup", "web", maxSize=1, configuration={"scalingConfiguration": "web"}),
        manifest("Dream", "sheep"),
    )
    assert served.windlass(f"plan -f {files}") == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        "note: Dream sheep is not looked at: there is no such kind in windlass.dev, "
        "only LaunchTemplate, Nap, ScalingConfiguration and ScalingGroup can be planned for"
    )
    assert "ScalingGroup default/web: would be created" in said
    assert "Nap default/noon: would sleep 4 h" in said
    assert served.api.objects.by_place == {}


def test_a_kind_that_has_no_subject_is_not_planned_for(served: Served, capsys: pytest.CaptureFixture[str]):
    files = served.written(manifest("Nap", "noon", hours=4))
    assert served.windlass(f"plan -f {files}", (GROUP,)) == 2
    said = "there is no ScalingGroup, ScalingConfiguration or LaunchTemplate of windlass.dev/v1alpha1"
    assert said in capsys.readouterr().err


def test_the_model_of_the_kind_is_asked_where_there_is_no_api_server(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    path = tmp_path / "nap.yaml"
    path.write_text(yaml.safe_dump(manifest("Nap", "noon", hour=4)))
    assert main(["plan", "-f", str(path), "--kubeconfig=/no/such/file"], BOTH) == 2
    assert "Nap noon: spec.hour: there is no such field" in capsys.readouterr().err


# ---- explain, and words


def test_explain_is_the_subjects(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("naps", nap())
    assert served.windlass("explain nap noon") == 0
    assert capsys.readouterr().out == "Nap default/noon: asleep\n\nWaiting until\n  2 h are over\n"
    served.windlass("explain nap noon -o json")
    assert json.loads(capsys.readouterr().out) == {"name": "noon", "phase": "Asleep"}


def test_a_group_is_still_one(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("scalinggroups", group_body(view(group(2), fleet(2))))
    assert served.windlass("get group web") == 0
    assert capsys.readouterr().out.startswith("2 instances in service, as desired\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("get pods", "there are groups and naps only, no 'pods': say `group NAME` or `nap NAME`"),
        ("scale nap noon 3", "there are groups only, no 'nap': say `group NAME`"),
        ("plan", "say either `group NAME` or `nap NAME`, or -f FILE"),
        ("plan nap noon --min 3", "--desired, --min and --max go with `group NAME`\n"),
        ("plan group web --hours 3", "--hours goes with `nap NAME`\n"),
        ("plan -f x --hours 3", "--hours goes with `nap NAME`: in a file, write it there\n"),
        ("get nap noon -A", "-A goes with the table of all naps: leave out NAME"),
        ("get naps -w", "-w shows one nap: name it, or use `kubectl get naps -w`"),
    ],
)
def test_errors_name_the_subjects(line: str, said: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(line.split(), BOTH)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_help_names_the_subjects():
    verbs: Any = next(action for action in parser(BOTH)._actions if action.dest == "verb")
    said = " ".join(verbs.choices["plan"].format_help().split())
    assert "plan [options] nap NAME [--hours N]" in said
    assert (
        "manifests of ScalingGroups, ScalingConfigurations, LaunchTemplates and Naps as they would be applied" in said
    )
    said = " ".join(verbs.choices["get"].format_help().split())
    assert "Show a group or a nap as a tree, or the groups or naps of a namespace as a table." in said


# ---- waiting


def waited(limit: float, goal_hours: int) -> str:
    """What comes of waiting for so many hours, of which one is slept."""

    def still(picture: Any) -> Any:
        if picture is None:
            raise CannotError("it was woken")
        return picture

    async def wait() -> str:
        async with FakeApi().running() as api, client_of(api) as client:
            await api.put("naps", nap())
            body = await read_object(client, NAP, "default", "noon")
            goal = Goal(still, lambda shown: shown.values()["slept"] >= goal_hours, lambda shown: shown.message)
            return await wait_until(NAP.feed(client, body), NAP, body, goal, limit, tell=print)

    return asyncio.run(wait())


def test_waiting_ends_at_the_goal_or_says_how_far_it_came(capsys: pytest.CaptureFixture[str]):
    assert waited(10, 1) == "slept 1 of 2 h"
    assert capsys.readouterr().out.endswith("   slept 1 of 2 h\n")
    with pytest.raises(CannotError) as late:
        waited(1, 2)
    assert str(late.value) == (
        "noon is not settled after 1s: slept 1 of 2 h; `kubectl windlass explain nap noon -n default` says more"
    )


# ---- the real ones


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.singular)
def test_a_subject_answers_to_all_names_of_its_kind(subject: Subject):
    own, *sources = subject.models()
    assert own.kind == subject.kind
    assert {"get", "plan", "explain"} <= subject.verbs
    assert {own.singular, own.plural, *own.short_names} <= subject.words
    assert [model.kind for model in sources] == list(subject.sources)
    assert all(model in KINDS for model in subject.models())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_kind_is_a_subject_or_planned_for_through_one(kind: Kind):
    known = {known for subject in SUBJECTS for known in (subject.kind, *subject.sources)}
    assert (kind.kind in known) != (kind.kind in NO_SUBJECT)


def test_no_two_subjects_share_a_word_or_a_kind():
    words = [word for subject in SUBJECTS for word in subject.words]
    assert len(words) == len(set(words))
    assert all(word == word.lower() for word in words)
    assert len({subject.kind for subject in SUBJECTS}) == len(SUBJECTS)
