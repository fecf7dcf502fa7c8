"""`python -m windlass`: the operator."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from windlass import __version__
from windlass.app import Settings, run
from windlass.cluster.config import load
from windlass.cluster.errors import ConfigurationError
from windlass.engine.logs import configure

PREFIX = "WINDLASS_"


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """All flags. Each may be given as an environment variable too: WINDLASS_ and its name in capitals."""
    made = argparse.ArgumentParser(
        prog="python -m windlass",
        description="The Windlass operator: keeps scaling groups at their size.",
        epilog="Every flag may be given as an environment variable: --metrics-port as WINDLASS_METRICS_PORT.",
    )

    def flag(name: str, text: str, default: object, **more: object) -> None:
        value = environ.get(PREFIX + name.upper().replace("-", "_"), default)
        made.add_argument(f"--{name}", help=f"{text} (default: {default})", default=value, **more)  # type: ignore[arg-type]

    flag("kubeconfig", "kubeconfig file; $KUBECONFIG, the Pod's ServiceAccount, or ~/.kube/config if not given", None)
    flag("context", "context of the kubeconfig", None)
    flag("namespaces", "namespaces to work in, separated by commas; all if not given", None, type=_namespaces)
    flag("log-format", "form of the log lines", "text", choices=("text", "json"))
    flag("log-level", "least level that is logged", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    flag("metrics-host", "address that metrics and probes are served on", "127.0.0.1")
    flag("metrics-port", "its port; 0 picks a free one", 0, type=_whole(0, 65535))
    flag("workers", "groups that are worked on at once", 8, type=_whole(1, 1000))
    flag("lease", "whether only the holder of a lease works: on or off", "on", choices=("on", "off"))
    flag("lease-namespace", "namespace of the lease; the connection's own if not given", None)
    flag("lease-duration", "seconds others wait after the holder's last renewal", 15, type=_whole(2, 3600))
    flag("lease-renew-deadline", "seconds the holder works on after its last renewal", 10.0, type=float)
    flag("lease-retry-period", "seconds between renewals", 2.0, type=float)
    made.add_argument("--version", action="version", version=f"windlass {__version__}")
    return made


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
        lease=given.lease == "on",
        lease_namespace=given.lease_namespace,
        lease_duration=given.lease_duration,
        lease_renew_deadline=given.lease_renew_deadline,
        lease_retry_period=given.lease_retry_period,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the operator; 0 after it was told to stop, 2 if it was started wrongly."""
    given = parser(os.environ).parse_args(arguments)
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
