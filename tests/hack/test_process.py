"""Programs are found again by their pid files, and no other process is ever taken for one of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import wait_until
from hack.cluster.locking import kept_port
from hack.cluster.process import Process, is_dead

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(600)"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process("sleeper", tmp_path)
    yield process
    process.stop()


def test_a_started_process_is_found_by_its_file(process: Process, tmp_path: Path) -> None:
    process.start(SLEEP)
    assert process.pid
    assert Process("sleeper", tmp_path).pid == process.pid


def test_starting_what_runs_changes_nothing(process: Process) -> None:
    process.start(SLEEP)
    first = process.pid
    process.start(SLEEP)
    assert process.pid == first


def test_stopping_ends_the_process_of_an_earlier_starter(process: Process, tmp_path: Path) -> None:
    process.start(SLEEP)
    pid = process.pid
    assert pid
    Process("sleeper", tmp_path).stop()
    assert is_dead(pid)
    assert process.pid is None


def test_a_process_that_ignores_the_request_to_end_is_killed(process: Process) -> None:
    process.start([*STUBBORN[:1], "-u", *STUBBORN[1:]])
    wait_until(lambda: process.end_of_log() == "1", 10, "the handler is in place")
    process.stop(gracefully_within=0.2)
    assert process.pid is None


@pytest.mark.parametrize("other", [{"started": 1}, {"executable": "/bin/other"}], ids=["start time", "executable"])
def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path: Path, other: dict[str, object]) -> None:
    bystander = Process("bystander", tmp_path)
    bystander.start(SLEEP)
    known = json.loads((tmp_path / "bystander.pid").read_text())
    (tmp_path / "mine.pid").write_text(json.dumps(known | other))
    try:
        mine = Process("mine", tmp_path)
        assert mine.pid is None
        mine.stop()
        assert bystander.pid == known["pid"]
    finally:
        bystander.stop()


def test_a_process_can_be_bound_to_the_life_of_its_starter(tmp_path: Path) -> None:
    start = (
        "import sys, time; from pathlib import Path; from hack.cluster.process import Process;"
        f"Process('bound', Path({str(tmp_path)!r})).start({SLEEP!r}, dies_with_parent=True);"
        "print('started', flush=True); time.sleep(600)"
    )
    root = Path(__file__).parents[2]
    starter = subprocess.Popen([sys.executable, "-c", start], cwd=root, stdout=subprocess.PIPE, text=True)
    assert starter.stdout
    assert starter.stdout.readline() == "started\n"
    bound = Process("bound", tmp_path)
    assert bound.pid
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    wait_until(lambda: bound.pid is None, 10, "the end of the bound process")


def test_ports_are_kept_and_never_given_twice(tmp_path: Path) -> None:
    files = [tmp_path / str(number) / "api.port" for number in range(50)]
    for file in files:
        file.parent.mkdir()
    ports = [kept_port(file, among=tmp_path) for file in files]
    assert len(set(ports)) == len(ports)
    assert [kept_port(file, among=tmp_path) for file in files] == ports
