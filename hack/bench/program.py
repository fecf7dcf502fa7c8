"""What every benchmark's command has in common."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from hack.bench.figures import Ratio
from hack.bench.report import Report
from hack.cluster import BuildError, RefusedError, StartError, UnreachableError
from windlass.cluster.errors import ApiError

_EXPECTED = (BuildError, StartError, RefusedError, UnreachableError, ApiError, TimeoutError, ConnectionError)


class Flags(argparse.ArgumentParser):
    """A program's command line: `--repeat` and `--json`, and what it adds."""

    def __init__(self, bench: str, description: str | None, *, repeat: int) -> None:
        super().__init__(
            prog=f"hack/bench/{bench}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.count("repeat", "R", "how often", repeat)
        self.add_argument("--json", action="store_true", help="one JSON line per measurement and per ratio, no table")

    def count(self, name: str, metavar: str, text: str, default: int) -> None:
        """A flag that takes a number from 1 up."""
        self.add_argument(
            f"--{name}", type=positive, default=default, metavar=metavar, help=f"{text} (default: %(default)s)"
        )


def positive(text: str) -> int:
    """A number from 1 up, for argparse."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


def main(
    flags: Flags,
    run: Callable[[argparse.Namespace, Report], Sequence[Ratio]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a benchmark and print its report; 1 if it could not be run. SIGTERM ends it as Ctrl-C does."""
    options = flags.parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _interrupt)
    report = Report(as_json=options.json)
    try:
        report.finish(run(options, report))
    except _EXPECTED as error:
        print("\n".join([f"{flags.prog}: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{flags.prog}: interrupted; everything it started has been ended", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
