"""One short round of `hack/soak` from a fixed seed, so that it cannot rot; what a seed decides; how a round that went
wrong is told."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from random import Random

import pytest

from hack.cluster import RefusedError, StartError, UnreachableError
from tests.cluster.operator_process import Installation
from tests.faults.faults import FAULTS
from tests.faults.proxy import Cut, Fault, Reply, Request
from tests.soak.program import again, flags
from tests.soak.rounds import Soak, SoakError, story
from tests.soak.script import choices
from tests.soak.weather import Weather

SEED = 264  # groups are created, refreshed, scaled, and lose instances
# Those that have the operator wait for its time limits would make the round long.
QUICK = tuple(name for name in sorted(FAULTS) if "swallowed" not in name)
AT_ONCE = tuple(name for name in QUICK if name != "slow")

READ, WRITE = (Request(method, "/api/v1/pods", {}, b"", b"") for method in ("GET", "POST"))


def test_a_short_round_comes_to_rest(installation: Installation, tmp_path: Path) -> None:
    installation.forget_lease()
    with Soak(installation, 2, tmp_path, Weather(QUICK)) as soak:
        told = soak.play(SEED, 5.0)
    assert told.deeds > 0
    assert told.pods > 0
    assert told.refreshes > 0
    assert told.faults > 0


# ---- what a seed decides


def test_a_seed_brings_the_same_faults_in_the_same_order_whatever_is_asked() -> None:
    first = faults_met([READ, WRITE])
    second = faults_met([WRITE, READ, READ, READ, WRITE])
    for one, other in zip(first, second, strict=True):
        both = min(len(one), len(other))
        assert both >= 10
        assert len(set(one)) > 1
        assert one[:both] == other[:both]
    assert first[0] != first[1]  # two operators do not meet the same


def faults_met(requests: Iterable[Request]) -> list[list[str]]:
    """What two operators meet who ask this, over and over, in two spells of bad weather; one list for each spell."""
    weather = Weather(AT_ONCE)
    proxies = weather.fault(), weather.fault()
    met = []
    for seed in (5, 7):
        weather.turn_bad(Random(seed))  # noqa: S311
        asyncio.run(ask(proxies, islice(cycle(requests), 1000)))
        for sky in weather.skies:
            met.append(list(sky.met))
            sky.met.clear()
    return met


async def ask(proxies: tuple[Fault, ...], requests: Iterator[Request]) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        for part in ():
            yield part

    async def answer() -> Reply:
        return Reply(200, b"", nothing())

    for request in requests:
        for fault in proxies:
            try:
                await fault(request, answer)
            except Cut:
                continue


def test_details_of_one_deed_do_not_change_what_is_done_next() -> None:
    told = []
    for details in (0, 7):
        script = []
        for deed, pause, rng in islice(choices(SEED), 50):
            script.append((deed.__name__, pause, rng.random()))
            for _ in range(details):
                rng.random()
        told.append(script)
    assert told[0] == told[1]
    assert len({deed for deed, _, _ in told[0]}) > 3


# ---- how a round that went wrong is told


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("web0: 4 count, 3 were wanted"),
        TimeoutError("waiting for every group to be as wanted"),
        RefusedError("PATCH /apis", 503, "not ready yet"),
        UnreachableError("POST: connection refused"),
        StartError("starting kube-apiserver: it ended at once"),
    ],
)
def test_whatever_ends_a_round_is_told_with_the_script_so_far(error: Exception) -> None:
    log = ["0.1 s  create web0 of 3"]

    def play() -> None:
        with story(log):
            log.append("0.5 s  the API server was killed and started again")
            raise error

    with pytest.raises(SoakError) as told:
        play()
    assert str(error) in str(told.value)
    assert str(told.value).endswith("\n".join(["the script so far:", *log]))


@pytest.mark.parametrize("said", [[], ["--no-restarts"], ["--operators=1", "--round=4"]])
def test_what_is_said_of_repeating_a_round_repeats_it(said: list[str]) -> None:
    options = flags().parse_args([*said, "--seed=7"])
    command, *arguments = again(options, 12).split()
    repeated = flags().parse_args(arguments)
    assert command == "hack/soak"
    assert vars(repeated) == {**vars(options), "seed": 12, "seconds": 0.0}
