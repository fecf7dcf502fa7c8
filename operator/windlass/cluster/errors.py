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


_STATUS = msgspec.json.Decoder(Status)
_LONGEST_DETAIL = 1000  # characters of a reply that is no Status: enough to recognise a proxy's error page


def from_reply(doing: str, code: int, headers: Mapping[str, str], body: bytes, *, writes: bool) -> ApiError:
    """The error for a reply with a status of 300 or more.

    `doing` is a gerund and its object, `writes` whether the request was to change something: then a 5xx may have
    come after the change, unless the server turned it away with Retry-After before looking at it.
    """
    status = _status(body)
    detail = status.message or _excerpt(body) or f"HTTP {code}"
    retry_after = _retry_after(headers, status)
    if code in (408, 429) or code >= 500:
        turned_away = code == 429 or (code == 503 and retry_after is not None)
        return Transient(
            f"{doing}: {detail}",
            code=code,
            reason=status.reason or "",
            detail=detail,
            retry_after=retry_after,
            lost=writes and not turned_away,
        )
    return _refusal(doing, code, status, detail)


def from_event(doing: str, body: bytes) -> ApiError:
    """The error for the object of a watch's ERROR event."""
    status = _status(body)
    detail = status.message or _excerpt(body)
    code = status.code or 500
    if code == 410 or status.reason == "Expired":
        return Expired(f"{doing}: {detail}", code=410, reason=status.reason or "", detail=detail)
    return Transient(f"{doing}: {detail}", code=code, reason=status.reason or "", detail=detail)


def _refusal(doing: str, code: int, status: Status, detail: str) -> ApiError:
    message, reason = f"{doing}: {detail}", status.reason or ""
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
        return _STATUS.decode(body)
    except msgspec.MsgspecError:
        return Status()


def _excerpt(body: bytes) -> str:
    text = " ".join(body[:_LONGEST_DETAIL].decode(errors="replace").split())
    return text + "…" if len(body) > _LONGEST_DETAIL else text


def _retry_after(headers: Mapping[str, str], status: Status) -> float | None:
    """Seconds to wait: the header in either of its forms, else what the Status says."""
    given = headers.get("Retry-After", "").strip()
    if given.isdecimal():
        return float(given)
    moment = _http_date(given)
    if moment is not None:
        # Measured against the server's own clock if it tells: the two machines' clocks may differ.
        now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
        return max(0.0, (moment - now).total_seconds())
    return status.details.retry_after_seconds if status.details else None


def _http_date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # 8 ms, and hardly ever needed

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
