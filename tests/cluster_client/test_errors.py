"""What a reply means to the caller."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.cluster_client.fake_api import status
from windlass.cluster.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Gone,
    Invalid,
    Refused,
    RefusedBy,
    Transient,
    Unauthorized,
    from_event,
    from_reply,
)

QUOTA = 'pods "web-4" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5'
UNLIMITED = 'pods "web-4" is forbidden: failed quota: small: must specify cpu for: app'
NEW_QUOTA = 'pods "web-4" is forbidden: status unknown for quota: small, resources: pods'
RBAC = 'pods is forbidden: User "eve" cannot create resource "pods" in API group "" in the namespace "default"'
PLUGIN = 'pods "web-4" is forbidden: violates PodSecurity "restricted:latest": privileged'
WEBHOOK = 'admission webhook "check.example.com" denied the request: no'
POLICY = "pods \"web-4\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"


def reply(code: int, reason: str = "", message: str = "", *, writes: bool = True, **details: Any) -> ApiError:
    body = json.dumps(status(code, reason, message, **details)).encode()
    return from_reply("creating Pod default/web-4", code, {}, body, writes=writes)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (404, "NotFound", Gone),
        (405, "MethodNotAllowed", Invalid),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Expired", Expired),
        (410, "Gone", Expired),
        (412, "", Conflict),
        (413, "RequestEntityTooLarge", Invalid),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", Transient),
        (500, "InternalError", Transient),
        (503, "ServiceUnavailable", Transient),
        (504, "Timeout", Transient),
    ],
)
def test_each_code_has_its_error(code: int, reason: str, kind: type[ApiError]) -> None:
    error = reply(code, reason, "because")
    assert type(error) is kind
    assert (error.code, error.reason, error.detail) == (code, reason, "because")


def test_the_message_says_what_was_being_done_and_what_the_server_said() -> None:
    assert str(reply(422, "Invalid", "name is too long")) == "creating Pod default/web-4: name is too long"


@pytest.mark.parametrize(
    ("code", "message", "by"),
    [
        (403, RBAC, RefusedBy.PERMISSIONS),
        (403, QUOTA, RefusedBy.QUOTA),
        (403, UNLIMITED, RefusedBy.QUOTA),
        (403, NEW_QUOTA, RefusedBy.QUOTA),
        (403, PLUGIN, RefusedBy.POLICY),
        (400, WEBHOOK, RefusedBy.POLICY),
        (403, WEBHOOK, RefusedBy.POLICY),
        (422, POLICY, RefusedBy.POLICY),
    ],
)
def test_a_refusal_says_who_refused(code: int, message: str, by: RefusedBy) -> None:
    error = reply(code, "Forbidden", message)
    assert isinstance(error, Refused)
    assert error.by == by


def test_a_patch_that_names_the_uid_of_another_object_is_a_conflict() -> None:
    causes = [{"reason": "FieldValueInvalid", "field": "metadata.uid", "message": "field is immutable"}]
    assert type(reply(422, "Invalid", "metadata.uid: field is immutable", causes=causes)) is Conflict


def test_a_namespace_that_is_being_terminated_is_told_from_other_refusals() -> None:
    error = reply(403, "Forbidden", "unable to create new content", causes=[{"reason": "NamespaceTerminating"}])
    assert isinstance(error, Refused)
    assert error.by == RefusedBy.NAMESPACE


@pytest.mark.parametrize(
    ("code", "headers", "writes", "lost"),
    [
        (500, {}, True, True),
        (504, {}, True, True),
        (503, {}, True, True),
        (500, {}, False, False),
        (503, {"Retry-After": "1"}, True, False),
        (429, {}, True, False),
    ],
)
def test_a_write_may_have_happened_unless_the_server_turned_it_away(
    code: int, headers: dict[str, str], writes: bool, lost: bool
) -> None:
    assert from_reply("deleting Pod default/web-4", code, headers, b"", writes=writes).lost is lost


def seconds_to_wait(headers: dict[str, str], body: bytes = b"") -> float | None:
    error = from_reply("reading Pod default/web-4", 429, headers, body, writes=False)
    assert isinstance(error, Transient)
    return error.retry_after


def test_retry_after_is_read_as_seconds() -> None:
    assert seconds_to_wait({"Retry-After": "7"}) == 7.0


def test_retry_after_is_read_as_a_date_by_the_servers_own_clock() -> None:
    server_time = datetime(2020, 1, 1, tzinfo=UTC)  # years behind ours
    headers = {
        "Date": format_datetime(server_time, usegmt=True),
        "Retry-After": format_datetime(server_time + timedelta(seconds=30), usegmt=True),
    }
    assert seconds_to_wait(headers) == 30.0


def test_retry_after_is_read_as_a_date_by_our_clock_if_the_server_tells_no_time() -> None:
    given = seconds_to_wait({"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)})
    assert given is not None
    assert 50 < given <= 60


def test_a_date_in_the_past_means_at_once() -> None:
    assert seconds_to_wait({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


def test_a_status_may_say_how_long_to_wait_instead() -> None:
    assert seconds_to_wait({}, json.dumps(status(429, retryAfterSeconds=3)).encode()) == 3.0


@pytest.mark.parametrize(
    "header", ["soon", "-5", "", "Wed, 21 Oct 2015 07:28:00 +99999999999999999999", "Wed, 99 Foo 2015 07:28:00 GMT"]
)
def test_a_retry_after_that_makes_no_sense_is_no_retry_after(header: str) -> None:
    assert seconds_to_wait({"Retry-After": header}) is None


@pytest.mark.parametrize("header", ["9" * 400, "99999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_has_us_wait_longer_than_an_hour(header: str) -> None:
    assert seconds_to_wait({"Retry-After": header}) == 3600.0
    assert seconds_to_wait({}, json.dumps(status(429, retryAfterSeconds=1e300)).encode()) == 3600.0


def test_a_status_cannot_ask_for_a_time_that_is_over() -> None:
    assert seconds_to_wait({}, json.dumps(status(429, retryAfterSeconds=-5)).encode()) == 0.0


def test_a_page_of_html_is_quoted_on_one_line() -> None:
    error = from_reply("listing Pod", 502, {}, b"<html>\n <b>Bad gateway</b>\n</html>", writes=False)
    assert str(error) == "listing Pod: <html> <b>Bad gateway</b> </html>"


def test_a_long_page_is_cut() -> None:
    assert len(from_reply("listing Pod", 502, {}, b"x" * 5000, writes=False).detail) == 1001


def test_an_empty_reply_is_named_by_its_code() -> None:
    assert str(from_reply("listing Pod", 502, {}, b"", writes=False)) == "listing Pod: HTTP 502"


def test_bytes_that_are_no_text_do_not_break_the_message() -> None:
    assert "�" in str(from_reply("listing Pod", 502, {}, b"\xff\xfe", writes=False))


@pytest.mark.parametrize("hostile", ["\x1b[2J\x07\u202e\u2028", "\x00\x9b\u200b"])
def test_nothing_is_left_in_a_message_that_would_move_a_cursor_or_not_be_seen(hostile: str) -> None:
    body = json.dumps(status(422, f"In{hostile}valid", f"no\r\n\tgood{hostile}")).encode()
    for error in (from_reply("creating Pod", 422, {}, body, writes=True), from_event("watching Pod", body)):
        assert str(error).isprintable()
        assert error.detail.isprintable()
        assert error.reason.isprintable()
        assert "no good" in error.detail


def test_a_long_message_is_cut() -> None:
    assert reply(422, "Invalid", "x" * 5000).detail == "x" * 1000 + "…"
    assert from_event("watching Pod", json.dumps(status(500, "", "x" * 5000)).encode()).detail == "x" * 1000 + "…"


def test_a_status_that_is_nested_without_end_is_no_status() -> None:
    error = from_reply("listing Pod", 500, {}, b'{"message":"no","x":' + b"[" * 60_000, writes=False)
    assert type(error) is Transient
    assert error.detail.startswith('{"message":"no"')


def test_an_error_event_of_410_means_that_the_version_has_expired() -> None:
    assert type(from_event("watching Pod", json.dumps(status(410, "Expired", "too old")).encode())) is Expired


def test_any_other_error_event_is_transient() -> None:
    error = from_event("watching Pod", json.dumps(status(500, "InternalError", "etcd is gone")).encode())
    assert type(error) is Transient
    assert str(error) == "watching Pod: etcd is gone"
