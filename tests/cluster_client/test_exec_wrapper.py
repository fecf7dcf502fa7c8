"""The time limit that holds in a container: by the real shells of this machine, and whatever a script starts."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from windlass.cluster.container_exec import KILLED, UNFIT, limited

LONG = 600  # seconds: no test waits for it
KINDS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}
SHELLS = [(shutil.which(words[0]), *words[1:]) for words in KINDS.values() if shutil.which(words[0])]


@pytest.fixture(params=SHELLS, ids=lambda shell: Path(shell[0]).name)
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture(params=[True, False], ids=["leads a session", "in a session"])
def leads(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


class Run:
    """A command under its limit. `leads`: the shell leads a session, as what is run in a container does."""

    def __init__(
        self, shell: tuple[str, ...], *command: str, seconds: int = LONG, leads: bool = True, **variables: str
    ) -> None:
        _, *arguments = limited(command, variables, seconds)
        self.process = subprocess.Popen(
            [*shell, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=leads,
        )

    def end(self) -> tuple[int, str]:
        """Its exit code and what it wrote; all that held its output is gone then."""
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output


def wait_for(what: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, found) for each in (child, *children_of(child))]


def test_it_ends_as_the_command_does_and_nothing_is_left(shell: tuple[str, ...]) -> None:
    for code in (0, 1, 3, 124, 255):
        run = Run(shell, "/bin/sh", "-c", f"echo out; echo err >&2; exit {code}")
        ended, output = run.end()
        assert (ended, sorted(output.splitlines()[:2])) == (code, ["err", "out"])


def test_its_guard_goes_with_it(shell: tuple[str, ...], tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    os.mkfifo(go_on)
    run = Run(shell, "/bin/sh", "-c", f"cat {go_on}")
    wait_for(lambda: any(b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children_of(run.process.pid)))
    started = children_of(run.process.pid)
    go_on.write_text("")
    assert run.end() == (0, "")
    wait_for(lambda: not any(map(alive, started)))


def test_arguments_and_variables_arrive_as_they_are(shell: tuple[str, ...]) -> None:
    odd = "a 'b' \"c\" $d `e` \\ \n*"
    script = 'printf "%s|%s|%s" "$0" "$1" "$ODD"'
    assert Run(shell, "/bin/sh", "-c", script, "--", odd, ODD=odd).end() == (0, f"--|{odd}|{odd}")


def test_a_signal_that_ends_it_is_its_exit_code(shell: tuple[str, ...]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGUSR1):
        ended, _ = Run(shell, "/bin/sh", "-c", f"kill -{number.value} $$").end()
        assert ended == 128 + number


def test_what_is_not_there_or_is_the_shells_own_word_is_not_run(shell: tuple[str, ...]) -> None:
    for word in ("/nowhere/to-be-found", "exit", "return"):
        ended, output = Run(shell, word, "0").end()
        assert ended in (126, 127)
        assert word in output


def test_it_reads_nothing(shell: tuple[str, ...]) -> None:
    run = Run(shell, "/bin/sh", "-c", "cat; echo over")
    assert run.process.stdin is not None
    run.process.stdin.write("not for you")
    assert run.end() == (0, "over\n")


def test_after_its_time_it_is_killed_with_all_that_it_has_started(shell: tuple[str, ...], leads: bool) -> None:
    tree = "trap '' TERM; (trap '' TERM; sleep 601 & sleep 602) & sleep 603 & echo begun; sleep 604"
    run = Run(shell, "/bin/sh", "-c", tree, seconds=1, leads=leads)
    wait_for(lambda: sum(b"60" in Path(f"/proc/{p}/cmdline").read_bytes() for p in children_of(run.process.pid)) >= 5)
    started = children_of(run.process.pid)
    ended, output = run.end()
    assert ended == KILLED
    assert output.splitlines()[0] == "begun"
    assert output.splitlines()[-1] == "killed after 1 s"
    wait_for(lambda: not any(map(alive, started)))


def test_one_whose_parent_has_ended_is_killed_too(shell: tuple[str, ...], tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    run = Run(shell, "/bin/sh", "-c", f"(sleep 601 & echo $! > {noted}); sleep 602", seconds=1)
    ended, _ = run.end()
    assert ended == KILLED
    wait_for(lambda: not alive(int(noted.read_text())))


def test_one_that_starts_others_again_and_again_does_not_escape(shell: tuple[str, ...]) -> None:
    run = Run(shell, "/bin/sh", "-c", "while :; do sleep 601 & sleep 0.01; done", seconds=1)
    ended, _ = run.end()  # all of them hold its output
    assert ended == KILLED


def test_what_it_leaves_running_in_time_goes_on(shell: tuple[str, ...], tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    run = Run(shell, "/bin/sh", "-c", f"sleep 601 >/dev/null 2>&1 & echo $! > {noted}", seconds=LONG)
    assert run.end() == (0, "")
    pid = int(noted.read_text())
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_others_of_the_session_stay_where_the_shell_does_not_lead_it(shell: tuple[str, ...]) -> None:
    other = subprocess.Popen(["sleep", "600"])
    try:
        assert Run(shell, "sleep", "601", seconds=1, leads=False).end()[0] == KILLED
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_an_image_without_sleep_is_told_and_nothing_is_run(
    shell: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "busybox" in shell[0]:
        pytest.skip("busybox brings its own")
    monkeypatch.setenv("PATH", str(tmp_path))
    ended, output = Run(shell, "/bin/sh", "-c", "echo run").end()
    assert (ended, output) == (UNFIT, "nothing was run: the image needs sleep, and /proc\n")
