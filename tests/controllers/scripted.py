"""An API that answers as a test says, for what is done with a plan's steps."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from windlass.cluster.errors import Conflict, Gone, Refused, RefusedBy, Transient

Answer = Callable[[str, str], Any]


def refused(message: str = "nobody leaves") -> Refused:
    return Refused(message, code=403, reason="Forbidden", by=RefusedBy.POLICY)


def lost(message: str = "no answer") -> Transient:
    return Transient(message, lost=True)


GONE = Gone("it is gone", code=404, reason="NotFound")
CHANGED = Conflict("it has changed", code=409, reason="Conflict")


class Api:
    """Answers each request by `answer(verb, name)`, which gives a body or an error; keeps what was asked."""

    def __init__(self, answer: Answer = lambda verb, name: None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []
        self.bulk: set[bool] = set()
        self.bodies: list[Any] = []
        self.in_flight = self.most_in_flight = 0

    async def _answer(self, verb: str, name: str, **how: Any) -> Any:
        self.asked.append((verb, name))
        self.bulk.add(how.get("bulk", False))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        said = self.answer(verb, name)
        if isinstance(said, Exception):
            raise said
        return said

    async def get(self, _resource: object, _namespace: str, name: str, **how: Any) -> Any:
        return await self._answer("get", name, **how)

    async def list(self, resource: Any, _namespace: str, **how: Any) -> Any:
        return await self._answer("list", resource.plural, **how)

    async def create(self, _resource: object, _namespace: str, body: Any, **how: Any) -> Any:
        made = json.loads(body) if isinstance(body, bytes) else body
        self.bodies.append(made)
        return await self._answer("create", made["metadata"]["name"], **how)

    async def delete(self, _resource: object, _namespace: str, name: str, **how: Any) -> Any:
        return await self._answer("delete", name, **how)

    async def merge_patch(self, _resource: object, _namespace: str, name: str, body: Any, **how: Any) -> Any:
        self.bodies.append(body)
        return await self._answer("patch", name, **how)
