"""`python -m windlass`: the operator."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from windlass import __version__
from windlass.app import Settings, run
from windlass.cluster.config import load
from windlass.cluster.errors import ConfigurationError
from windlass.engine.logs import configure
from windlass.engine.slow_start import MOST_IN_FLIGHT

PREFIX = "WINDLASS_"


def _namespaces(text: str) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in text.split(",") if name.strip()) or None


class _whole:  # noqa: N801  used as a type, as int is
    """A whole number within bounds."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def __call__(self, text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = self._least - 1
        if not self._least <= number <= self._most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {self._least} to {self._most}")
        return number


FLAGS: tuple[tuple[str, str, object, dict[str, Any]], ...] = (
    ("kubeconfig", "kubeconfig file; $KUBECONFIG, the Pod's ServiceAccount, or ~/.kube/config if not given", None, {}),
    ("context", "context of the kubeconfig", None, {}),
    ("namespaces", "namespaces to work in, separated by commas; all if not given", None, {"type": _namespaces}),
    ("log-format", "form of the log lines", "text", {"choices": ("text", "json")}),
    ("log-level", "least level that is logged", "INFO", {"choices": ("DEBUG", "INFO", "WARNING", "ERROR")}),
    ("metrics-host", "address that metrics and probes are served on", "127.0.0.1", {}),
    ("metrics-port", "its port; 0 picks a free one", 0, {"type": _whole(0, 65535)}),
    ("workers", "groups that are worked on at once", MOST_IN_FLIGHT, {"type": _whole(1, 1000)}),
    ("resync-period", "seconds after which everything is looked at again", 600, {"type": _whole(1, 86400)}),
    ("rolling-updates", "whether rolling updates are worked on", "on", {"choices": ("on", "off")}),
    ("stack-sets", "whether stack sets are worked on", "on", {"choices": ("on", "off")}),
    ("container-groups", "whether container groups are worked on", "on", {"choices": ("on", "off")}),
    (
        "allow-local-targets",
        "whether StackTargets may lead to addresses of this machine",
        "off",
        {"choices": ("on", "off")},
    ),
    ("lease", "whether only the holder of a lease works", "on", {"choices": ("on", "off")}),
    ("lease-namespace", "namespace of the lease; the connection's own if not given", None, {}),
    ("lease-duration", "seconds others wait after the holder's last renewal", 15, {"type": _whole(2, 3600)}),
    ("lease-renew-deadline", "seconds the holder works on after its last renewal", 10.0, {"type": float}),
    ("lease-retry-period", "seconds between renewals", 2.0, {"type": float}),
)


def parser() -> argparse.ArgumentParser:
    """All flags."""
    made = argparse.ArgumentParser(
        prog="python -m windlass",
        description="The Windlass operator: scaling groups, container groups and stack sets.",
        epilog="Every flag may be given as an environment variable: --metrics-port as WINDLASS_METRICS_PORT.",
    )
    for name, text, default, options in FLAGS:
        made.add_argument(f"--{name}", help=f"{text} (default: {default})", default=default, **options)
    made.add_argument("--version", action="version", version=f"windlass {__version__}")
    return made


def from_environment(environ: Mapping[str, str]) -> list[str]:
    """The flags that the environment gives, as if they had been typed: so they are checked in the same way."""
    given = {name: environ.get(PREFIX + name.upper().replace("-", "_")) for name, *_ in FLAGS}
    return [f"--{name}={value}" for name, value in given.items() if value is not None]


def settings_of(given: argparse.Namespace) -> Settings:
    """The settings that the flags say."""
    if not 0 < given.lease_retry_period < given.lease_renew_deadline < given.lease_duration:
        raise ConfigurationError(
            "--lease-retry-period, --lease-renew-deadline and --lease-duration must rise in this order: "
            f"{given.lease_retry_period:g}, {given.lease_renew_deadline:g}, {given.lease_duration:g}"
        )
    return Settings(
        namespaces=given.namespaces,
        log_format=given.log_format,
        metrics_host=given.metrics_host,
        metrics_port=given.metrics_port,
        workers=given.workers,
        resync_period=given.resync_period,
        stack_sets=given.stack_sets == "on",
        rolling_updates=given.rolling_updates == "on",
        container_groups=given.container_groups == "on",
        allow_local_targets=given.allow_local_targets == "on",
        lease=given.lease == "on",
        lease_namespace=given.lease_namespace,
        lease_duration=given.lease_duration,
        lease_renew_deadline=given.lease_renew_deadline,
        lease_retry_period=given.lease_retry_period,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the operator; 0 after it was told to stop, 2 if it was started wrongly."""
    typed = sys.argv[1:] if arguments is None else arguments
    given = parser().parse_args([*from_environment(os.environ), *typed])
    configure(given.log_format, given.log_level)
    try:
        settings = settings_of(given)
        connection = load(given.kubeconfig, given.context)
    except ConfigurationError as error:
        print(f"windlass: {error}", file=sys.stderr)  # noqa: T201
        return 2
    asyncio.run(run(settings, connection))
    return 0


if __name__ == "__main__":
    sys.exit(main())
