import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from windlass.engine import logs
from windlass.engine.queue import Key

WEB = Key("ScalingGroup", "shop", "web")


@pytest.fixture(autouse=True)
def root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("windlass.engine.test")


def at_noon(record: logging.LogRecord) -> bool:
    record.created = 1782907200.25
    return True


def configured(log_format: str, level: int = logging.INFO) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(log_format, level, stream)  # type: ignore[arg-type]
    logging.getLogger().handlers[0].addFilter(at_noon)
    return stream


def test_a_json_line_has_time_level_logger_message_and_key(log: logging.Logger):
    stream = configured("json")
    log.info("launching %d instances: fewest in zone-b", 2, extra={"key": WEB})
    assert json.loads(stream.getvalue()) == {
        "time": "2026-07-01T12:00:00.250Z",
        "level": "info",
        "logger": "windlass.engine.test",
        "message": "launching 2 instances: fewest in zone-b",
        "key": "ScalingGroup shop/web",
    }


def test_a_json_record_is_one_line_whatever_it_holds(log: logging.Logger):
    stream = configured("json")
    try:
        raise ZeroDivisionError("a\nbug")
    except ZeroDivisionError:
        log.exception("two\nlines “quoted”")
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record["message"] == "two\nlines “quoted”"
    assert record["error"].endswith("ZeroDivisionError: a\nbug")
    assert "key" not in record


def test_a_text_line_reads_time_level_key_and_message(log: logging.Logger):
    stream = configured("text")
    log.warning("two\nlines", extra={"key": WEB})
    log.info("starting")
    assert stream.getvalue().splitlines() == [
        "2026-07-01T12:00:00.250Z WARNING ScalingGroup shop/web: two lines",
        "2026-07-01T12:00:00.250Z INFO    starting",
    ]


def test_a_traceback_in_text_is_indented_below_its_line(log: logging.Logger):
    stream = configured("text")
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError:
        log.exception("the pass failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("ERROR   the pass failed")
    assert rest[-1] == "    ZeroDivisionError: a bug"
    assert all(line.startswith("    ") for line in rest)


def test_lines_within_a_pass_carry_its_key_without_being_told(log: logging.Logger):
    async def scenario() -> None:
        token = logs.current_key.set(WEB)
        await asyncio.create_task(deep_inside())
        logs.current_key.reset(token)
        log.info("outside")

    async def deep_inside() -> None:
        log.info("creating Pod shop/web-1")

    stream = configured("json")
    asyncio.run(scenario())
    inside, outside = map(json.loads, stream.getvalue().splitlines())
    assert (inside["key"], "key" in outside) == ("ScalingGroup shop/web", False)


def test_records_below_the_level_are_left_out_and_earlier_handlers_replaced(log: logging.Logger):
    earlier = configured("text")
    stream = configured("text", logging.WARNING)
    log.info("quiet")
    log.warning("loud")
    assert (earlier.getvalue(), len(stream.getvalue().splitlines())) == ("", 1)
