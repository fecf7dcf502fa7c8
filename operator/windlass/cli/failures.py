"""What went wrong, in one sentence that says what to do."""

from windlass.cluster.errors import (
    ApiError,
    ConfigurationError,
    NoSuchKind,
    Refused,
    RefusedBy,
    Transient,
    Unauthorized,
)


class CannotError(Exception):
    """What was asked for cannot be done; the message says why, and what can."""


def sentence(error: BaseException) -> str | None:
    """The sentence for an error that is to be expected; None for one of our own making."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(sentence, error.exceptions)), None)
    if isinstance(error, ApiError):
        return f"{error}{_advice(error)}"
    return str(error) if isinstance(error, CannotError | ConfigurationError) else None


def _advice(error: ApiError) -> str:
    if isinstance(error, NoSuchKind):
        return "; Windlass does not seem to be installed in this cluster: apply its CRDs first"
    if isinstance(error, Unauthorized):
        return "; log in to the cluster again, or name another --context"
    if isinstance(error, Refused) and error.by is RefusedBy.PERMISSIONS:
        return "; ask an administrator of the cluster for this right"
    if isinstance(error, Transient) and not error.code:
        return "; check that the API server is up, or name another --context or --kubeconfig"
    return ""
