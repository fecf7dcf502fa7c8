"""What tells the objects of one stack from all others in its target.

Each says it in an annotation, which alone counts; the label is for people (`kubectl get -l`). Two stacks write with the
same field manager, so the API server would not keep them from taking objects from each other.

An object that was there before, and belonged to nobody, is taken on as far as no other manager objects, but never
deleted: it keeps a second annotation, until people take that away.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.api.common import GROUP
from windlass.api.stacks import PRUNE_ANNOTATION, STACK_SET_LABEL

STACK_ANNOTATION = f"{GROUP}/stack"
WAS_THERE_ANNOTATION = f"{GROUP}/was-there"

_LONGEST_LABEL = 63
_LABEL = re.compile(r"[0-9A-Za-z]([-._0-9A-Za-z]{0,61}[0-9A-Za-z])?")

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stack:
    """What one instance of a set has in its target. `home`: the namespace of the set; `namespace`: the target's."""

    home: str
    stack_set: str
    region: str
    account: str
    namespace: str

    @property
    def owner(self) -> str:
        """What its objects say: `shop/web eu-1/acme`. No two stacks share it."""
        return f"{self.home}/{self.stack_set} {self.region}/{self.account}"

    @property
    def label(self) -> str:
        """The set's name as the value of a label: a long one is cut, and ends in a hash."""
        if _LABEL.fullmatch(self.stack_set):
            return self.stack_set
        return f"{self.stack_set[: _LONGEST_LABEL - 11].rstrip('-._')}-{_hash(self.stack_set)}"

    @property
    def inventory(self) -> str:
        """The name of the ConfigMap that lists its objects."""
        return f"windlass-{self.stack_set[:200].rstrip('-.')}-{_hash(self.owner)}"


def owner_of(live: Body) -> str | None:
    """The stack that an object says it belongs to; None: it belongs to nobody."""
    owner = _annotations(live).get(STACK_ANNOTATION)
    return owner if isinstance(owner, str) and owner else None


def was_there(live: Body) -> bool:
    """Whether it was there before a stack took it on."""
    return owner_of(live) is None or WAS_THERE_ANNOTATION in _annotations(live)


def stays(live: Body) -> bool:
    """Whether it is left where it is when its stack has no more use for it."""
    return was_there(live) or _annotations(live).get(PRUNE_ANNOTATION) == "keep"


def marked(body: Body, stack: Stack, *, there_before: bool) -> dict[str, Any]:
    """The object as it is applied. `there_before`: it was there, and belonged to nobody, when it was taken on."""
    metadata = dict(body["metadata"])
    metadata["labels"] = _with(metadata.get("labels"), {STACK_SET_LABEL: stack.label})
    mine = {STACK_ANNOTATION: stack.owner} | ({WAS_THERE_ANNOTATION: "true"} if there_before else {})
    metadata["annotations"] = _with(metadata.get("annotations"), mine)
    return {**body, "metadata": metadata}


def release(live_uid: str) -> dict[str, Any]:
    """The merge patch after which an object belongs to nobody again; only that of this uid."""
    marks: dict[str, Any] = dict.fromkeys((STACK_ANNOTATION, WAS_THERE_ANNOTATION))
    return {"metadata": {"uid": live_uid, "labels": {STACK_SET_LABEL: None}, "annotations": marks}}


def _with(given: Any, mine: Mapping[str, str]) -> Any:
    """Both; what a template gives is left as it is where it is no mapping: the API server refuses it."""
    return {**(given or {}), **mine} if given is None or isinstance(given, Mapping) else given


def _annotations(live: Body) -> Body:
    metadata = live.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
