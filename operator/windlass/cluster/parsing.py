"""Objects of our own kinds, read by their models."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from windlass.api.common import Model
from windlass.cluster.errors import Invalid

Body = Mapping[str, Any]
M = TypeVar("M", bound=Model)


def parsed(kind: str, body: Body, model: type[M], part: str) -> M:
    """The part of an object of ours. Invalid if it is none, which only a CRD of another version lets through."""
    try:
        return model.model_validate(body.get(part) or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"reading {kind} {body['metadata']['name']}: {part}.{where}: {first['msg']}"
        raise Invalid(problem, code=422, reason="Invalid") from error
