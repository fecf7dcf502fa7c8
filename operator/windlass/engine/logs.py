"""Log lines: one record each, in JSON or for people, in UTC, with the key of the pass they belong to."""

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

import msgspec

# The key of the pass that runs in this context; a line may name another one with `extra={"key": …}`.
current_key: ContextVar[object] = ContextVar("current_key", default=None)


def configure(
    log_format: Literal["json", "text"] = "text", level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send everything from `level` up to `stream` (standard error by default), replacing earlier handlers."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, logger, message; key and error where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback is a string in `error`."""
        line = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if key := _key(record):
            line["key"] = key
        if error := _error(self, record):
            line["error"] = error
        return msgspec.json.encode(line).decode()


class TextFormatter(logging.Formatter):
    """`2026-07-01T12:00:00.000Z INFO    ScalingGroup shop/web: launching 2 instances`.

    A record begins with its time; the lines of a traceback follow it, indented.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, a traceback below it."""
        key = _key(record)
        message = " ".join(record.getMessage().split("\n"))
        line = f"{_utc(record.created)} {record.levelname:<7} {key + ': ' if key else ''}{message}"
        if error := _error(self, record):
            line += "".join(f"\n    {row}" for row in error.splitlines())
        return line


def _utc(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _key(record: logging.LogRecord) -> str:
    key = getattr(record, "key", None) or current_key.get()
    return "" if key is None else str(key)


def _error(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
