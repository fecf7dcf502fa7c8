"""What can go wrong between us and an API server, named by what a caller does next.

`Transient`: back off and try again. `Conflict`: read again at once. `AlreadyExists`, `Gone`: look whose it is, or stop
quietly. `Expired`: list again. `Refused`: somebody else has to allow it. `Invalid`: nothing helps until the object
changes. `Unauthorized`: the credentials are not accepted. `NotLeading`: another replica may write now, so we do not.
"""
# ruff: noqa: N818 — an error's name says what happens next

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from windlass.cluster.wire import decode


class ApiError(Exception):
    """An API server said no, or said nothing.

    The message is a sentence, "creating Pod default/web-4: namespace default is being terminated"; `detail` is its
    second half. `code` is the HTTP status (0: no reply), `reason` the API's own word ("NotFound"), empty if it gave
    none. `lost` is true if the request may have been carried out all the same: read before writing again.
    """

    lost: bool = False

    def __init__(self, message: str, *, code: int = 0, reason: str = "", detail: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.detail = message if detail is None else detail


class Transient(ApiError):
    """It may work later: connection failures, time-outs, 429, 5xx, replies that make no sense.

    `retry_after` is what the server asked for, in seconds; None if it asked for nothing.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        reason: str = "",
        detail: str | None = None,
        retry_after: float | None = None,
        lost: bool = False,
    ) -> None:
        super().__init__(message, code=code, reason=reason, detail=detail)
        self.retry_after = retry_after
        self.lost = lost


class Conflict(ApiError):
    """The object is not as it was when the decision was made (resourceVersion or uid differ)."""


class AlreadyExists(ApiError):
    """An object of that name exists."""


class Gone(ApiError):
    """There is no such object, namespace or kind."""


class NoSuchKind(Gone):
    """The API server does not serve this kind: its CRD is not there."""


class Expired(ApiError):
    """The resourceVersion or continue token is too old to go on from: list again."""


class RefusedBy(StrEnum):
    """Who refused."""

    PERMISSIONS = "permissions"
    QUOTA = "quota"
    POLICY = "policy"  # admission webhooks, admission policies and the API server's own admission plugins
    NAMESPACE = "namespace"  # it is being terminated


class Refused(ApiError):
    """The request is well-formed but not allowed; `by` says who would have to allow it."""

    def __init__(self, message: str, *, code: int, reason: str, by: RefusedBy, detail: str | None = None) -> None:
        super().__init__(message, code=code, reason=reason, detail=detail)
        self.by = by


class Invalid(ApiError):
    """The API server cannot accept this content, now or later."""


class Unauthorized(ApiError):
    """The credentials are missing, expired or unknown."""


class NotLeading(Exception):
    """A write was held back because another replica may lead by now."""


class ConfigurationError(Exception):
    """The cluster's address or the credentials for it cannot be determined; the message says where and why."""


class _Cause(msgspec.Struct, frozen=True, gc=False):
    reason: str | None = None
    field: str | None = None


class _Details(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    retry_after_seconds: float | None = None
    causes: list[_Cause] | None = None


class Status(msgspec.Struct, frozen=True, gc=False):
    """The API's Status object, as in error replies and ERROR events."""

    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: _Details | None = None

    @property
    def causes(self) -> list[_Cause]:
        """`details.causes`."""
        return (self.details.causes if self.details else None) or []


LONGEST_SHOWN = 1000  # characters: enough for what an API server says, and to recognise a proxy's error page
LONGEST_RETRY_AFTER = 3600.0  # seconds; who asks for more is asked again then


def from_reply(doing: str, code: int, headers: Mapping[str, str], body: bytes, *, writes: bool) -> ApiError:
    """The error for a reply with a status of 300 or more.

    `doing` is a gerund and its object, `writes` whether the request was to change something: then a 5xx may have
    come after the change, unless the server turned it away with Retry-After before looking at it.
    """
    status = _status(body)
    detail = shown(status.message or "") or _excerpt(body) or f"HTTP {code}"
    retry_after = _retry_after(headers, status)
    if code in (408, 429) or code >= 500:
        turned_away = code == 429 or (code == 503 and retry_after is not None)
        return Transient(
            f"{doing}: {detail}",
            code=code,
            reason=shown(status.reason or ""),
            detail=detail,
            retry_after=retry_after,
            lost=writes and not turned_away,
        )
    return _refusal(doing, code, status, detail)


def from_event(doing: str, body: bytes) -> ApiError:
    """The error for the object of a watch's ERROR event."""
    status = _status(body)
    detail, reason = shown(status.message or "") or _excerpt(body), shown(status.reason or "")
    code = status.code or 500
    if code == 410 or reason == "Expired":
        return Expired(f"{doing}: {detail}", code=410, reason=reason, detail=detail)
    return Transient(f"{doing}: {detail}", code=code, reason=reason, detail=detail)


def shown(text: str) -> str:
    """A text that somebody else wrote, as it may stand in a status, an event or a terminal: on one line, and cut;
    characters that would move a cursor, turn the script around or not be seen are replaced."""
    words = " ".join(text[: LONGEST_SHOWN + 1].split())
    plain = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in words)
    return plain[:LONGEST_SHOWN] + "…" if len(text) > LONGEST_SHOWN else plain


def _refusal(doing: str, code: int, status: Status, detail: str) -> ApiError:
    message, reason = f"{doing}: {detail}", shown(status.reason or "")
    by = _refused_by(code, status, detail)
    if by is not None:
        return Refused(message, code=code, reason=reason, by=by, detail=detail)
    kind: type[ApiError]
    if code == 409:
        kind = AlreadyExists if reason == "AlreadyExists" else Conflict
    elif code == 404 and (reason != "NotFound" or "could not find the requested resource" in detail):
        kind = NoSuchKind
    elif any(cause.field == "metadata.uid" for cause in status.causes):
        kind = Conflict  # a patch that names another object's uid is answered as an attempt to change it
    else:
        kind = {401: Unauthorized, 404: Gone, 410: Expired, 412: Conflict}.get(code, Invalid)
    return kind(message, code=code, reason=reason, detail=detail)


def _refused_by(code: int, status: Status, detail: str) -> RefusedBy | None:
    # Webhooks choose their own code (400 by default) and admission policies answer 422: only the text tells.
    if detail.startswith("admission webhook ") or "ValidatingAdmissionPolicy '" in detail:
        return RefusedBy.POLICY
    if code != 403:
        return None
    if any(cause.reason == "NamespaceTerminating" for cause in status.causes):
        return RefusedBy.NAMESPACE
    if any(words in detail for words in ("exceeded quota:", "failed quota:", "status unknown for quota:")):
        return RefusedBy.QUOTA
    return RefusedBy.PERMISSIONS if " cannot " in detail else RefusedBy.POLICY


def _status(body: bytes) -> Status:
    try:
        return decode(body, Status)
    except msgspec.MsgspecError:
        return Status()


def _excerpt(body: bytes) -> str:
    return shown(body[: 4 * (LONGEST_SHOWN + 1)].decode(errors="replace"))


def _retry_after(headers: Mapping[str, str], status: Status) -> float | None:
    """Seconds to wait, an hour at most: the header in either of its forms, else what the Status says."""
    given = headers.get("Retry-After", "").strip()
    seconds = float(given) if given.isdecimal() else _until(given, headers.get("Date", ""))
    if seconds is None and status.details is not None:
        seconds = status.details.retry_after_seconds
    return None if seconds is None else min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _until(date: str, server_time: str) -> float | None:
    moment = _http_date(date)
    if moment is None:
        return None
    # Measured against the server's own clock if it tells: the two machines' clocks may differ.
    return (moment - (_http_date(server_time) or datetime.now(UTC))).total_seconds()


def _http_date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # 8 ms, and hardly ever needed

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
