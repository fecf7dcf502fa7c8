"""Plays random rounds against operators on a control plane of its own, with faults, for as long as one says.

Every round prints its seed first. On failure it prints what was wrong, the script so far, and how to repeat it.
"""

import argparse
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from hack.cluster import BuildError, RefusedError, Shape, StartError, UnreachableError, throw_away
from tests.cluster.operator_process import Installation
from tests.soak.rounds import Soak, SoakError
from tests.soak.weather import Weather

ROOT = Path(__file__).parents[2]
ROUND_SECONDS = 18.0  # of deeds; the way to rest comes on top


def main(arguments: Sequence[str] | None = None) -> int:
    options = flags().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    folder = ROOT / ".local" / "soak" / str(options.seed)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with throw_away("soak", folder, Shape(nodes=6, audit=True)) as cluster:
            installation = Installation(cluster, "windlass-system", folder)
            installation.install()
            weather = Weather()
            with Soak(installation, options.operators, folder, weather, restarts=not options.no_restarts) as soak:
                return _play(soak, options, folder)
    except (BuildError, StartError, RefusedError, UnreachableError) as error:
        print(f"hack/soak: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack/soak: interrupted; everything it started has been ended", file=sys.stderr)
        return 130


def _play(soak: Soak, options: argparse.Namespace, folder: Path) -> int:
    end, seed = time.monotonic() + options.seconds, options.seed
    while True:
        print(f"== seed {seed}", flush=True)
        try:
            told = soak.play(seed, options.round)
        except SoakError as error:
            print(f"{error}\n\nthe operators' logs: {folder}/operator-*.log")
            print(f"again: {again(options, seed)}", flush=True)
            return 1
        came_to = f"{told.deeds} deeds, {told.faults} faults, {told.pods} Pods; settled in {told.settled_after:.1f} s"
        print(f"   {came_to} at most", flush=True)
        if time.monotonic() >= end:
            return 0
        seed += 1


def again(options: argparse.Namespace, seed: int) -> str:
    """What plays the round of this seed alone, as these options did."""
    restarts = ["--no-restarts"] if options.no_restarts else []
    said = [f"--seed={seed}", "--seconds=0", f"--operators={options.operators}", f"--round={options.round}"]
    return " ".join(["hack/soak", *said, *restarts])


def flags() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    flags = argparse.ArgumentParser(prog="hack/soak", description=__doc__)
    flags.add_argument("--seconds", type=float, default=600.0, help="for how long rounds begin (default: %(default)s)")
    flags.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the first round")
    flags.add_argument("--operators", type=int, choices=(1, 2), default=2, help="how many run (default: %(default)s)")
    flags.add_argument("--round", type=float, default=ROUND_SECONDS, help="seconds of one round (default: %(default)s)")
    flags.add_argument("--no-restarts", action="store_true", help="leave the API server alone")
    return flags


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
