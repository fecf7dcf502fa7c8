"""Objects of our own kinds, read by their models."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from windlass.api.common import Model
from windlass.cluster.errors import Invalid
from windlass.planner.tasks import FINAL

Body = Mapping[str, Any]
M = TypeVar("M", bound=Model)
T = TypeVar("T")


def parsed(kind: str, body: Body, model: type[M], part: str) -> M:
    """The part of an object of ours. Invalid if it is none, which only a CRD of another version lets through."""
    try:
        return model.model_validate(body.get(part) or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"reading {kind} {body['metadata']['name']}: {part}.{where}: {first['msg']}"
        raise Invalid(problem, code=422, reason="Invalid") from error


def tasks_parsed(bodies: Iterable[Body], parse: Callable[[Body], T]) -> tuple[T, ...]:
    """All of these tasks; one that is over and cannot be read is left out."""
    found = []
    for body in bodies:
        try:
            found.append(parse(body))
        except Invalid:
            if (body.get("status") or {}).get("phase") not in FINAL:
                raise
    return tuple(found)
