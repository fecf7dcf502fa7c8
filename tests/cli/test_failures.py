"""Errors are one sentence that says what to do."""

import pytest

from windlass.cli.failures import CannotError, sentence
from windlass.cluster.errors import (
    ConfigurationError,
    Gone,
    Invalid,
    NoSuchKind,
    Refused,
    RefusedBy,
    Transient,
    Unauthorized,
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            NoSuchKind("listing ScalingGroup: 404 page not found", code=404, detail="404 page not found"),
            "Windlass does not seem to be installed in this cluster: apply its CRDs first",
        ),
        (
            NoSuchKind("x", code=404, reason="NotFound", detail="the server could not find the requested resource"),
            "Windlass does not seem to be installed in this cluster: apply its CRDs first",
        ),
        (Unauthorized("listing: Unauthorized", code=401), "log in to the cluster again, or name another --context"),
        (
            Refused("listing: no", code=403, reason="Forbidden", by=RefusedBy.PERMISSIONS),
            "ask an administrator of the cluster for this right",
        ),
        (
            Transient("listing: no connection"),
            "check that the API server is up, or name another --context or --kubeconfig",
        ),
    ],
)
def test_an_error_of_the_api_server_comes_with_what_to_do(error: Exception, said: str):
    assert sentence(error) == f"{error}; {said}"


@pytest.mark.parametrize(
    "error",
    [
        Invalid("changing the group: maxSize is too large", code=422, reason="Invalid"),
        Gone("reading the group: not found", code=404, reason="NotFound"),
        Transient("changing the group: overloaded", code=503),
        Refused("changing the group: quota", code=403, reason="Forbidden", by=RefusedBy.QUOTA),
        ConfigurationError("reading kubeconfig"),
        CannotError("it cannot be done"),
    ],
)
def test_an_error_that_says_all_itself_is_left_as_it_is(error: Exception):
    assert sentence(error) == str(error)


def test_of_several_errors_one_is_told():
    assert (
        sentence(BaseExceptionGroup("tasks", [ValueError(), CannotError("it cannot be done")])) == "it cannot be done"
    )


def test_an_error_of_our_own_making_is_not_hidden():
    assert sentence(ValueError("a bug")) is None
