"""The objects of a template as one target takes them: each has its namespace, and its kind is one that is served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.api.stack_instance import ObjectError
from windlass.cluster.errors import ApiError, NoSuchKind
from windlass.controllers.stack_sets.visit import Visit, side_by_side
from windlass.planner.stackset.inventory import Entry
from windlass.planner.stackset.ownership import Stack
from windlass.planner.stackset.reasons_deployment import TwiceInTemplate
from windlass.planner.stackset.render import Manifest
from windlass.planner.stackset.waves import DEFINITION


@dataclass(frozen=True, slots=True)
class Part:
    """One object. `brought`: its kind comes with the same template."""

    entry: Entry
    body: Mapping[str, Any]
    brought: bool

    @property
    def group(self) -> str:
        """The API group, empty for the core one."""
        return self.entry.group

    @property
    def kind(self) -> str:
        """The kind."""
        return self.entry.kind


@dataclass(frozen=True, slots=True)
class Parts:
    """The objects in the template's order; `errors`: of those that the target cannot take. `unknown`: those of these
    of which the target did not say whether it serves their kind."""

    taken: tuple[Part, ...]
    errors: tuple[ObjectError, ...]
    unknown: tuple[ObjectError, ...] = ()


async def parts_of(visit: Visit, stack: Stack, manifests: Sequence[Manifest]) -> Parts:
    """The objects of a template, after asking the target for their kinds; nothing is written."""
    brought = _brought_scopes(manifests)
    kinds = {(each.api_version, each.kind): _entry(each, "") for each in manifests}
    asked = [entry for entry in kinds.values() if (entry.group, entry.kind) not in brought]
    scopes: dict[tuple[str, str], bool | ApiError] = {}

    async def ask(entry: Entry) -> None:
        try:
            scopes[entry.api_version, entry.kind] = (await visit.resource(entry)).namespaced
        except ApiError as error:
            scopes[entry.api_version, entry.kind] = error

    await side_by_side(ask, asked)
    taken: dict[tuple[str, str, str, str], Part] = {}
    errors: list[ObjectError] = []
    unknown: list[ObjectError] = []
    for each in manifests:
        entry = _entry(each, each.namespace or stack.namespace)
        own = brought.get((entry.group, entry.kind))
        scope = scopes[each.api_version, each.kind] if own is None else own
        if isinstance(scope, ApiError):
            errors.append(visit.error(_entry(each, each.namespace or ""), scope))
            if not isinstance(scope, NoSuchKind):
                unknown.append(errors[-1])
            continue
        part = Part(entry if scope else _entry(each, ""), each.body, own is not None)
        if taken.setdefault(part.entry.identity, part) is not part:
            errors.append(visit.error(part.entry, TwiceInTemplate()))
    return Parts(tuple(taken.values()), tuple(errors), tuple(unknown))


def _entry(manifest: Manifest, namespace: str) -> Entry:
    group, _, version = manifest.api_version.rpartition("/")
    return Entry(group, version, manifest.kind, namespace, manifest.name)


def _brought_scopes(manifests: Sequence[Manifest]) -> dict[tuple[str, str], bool]:
    """Whether the kinds that the template's own CRDs define are namespaced."""
    found: dict[tuple[str, str], bool] = {}
    for each in manifests:
        if (each.api_version.rpartition("/")[0], each.kind) != DEFINITION:
            continue
        spec = each.body.get("spec")
        names = spec.get("names") if isinstance(spec, Mapping) else None
        group, kind = _text(spec, "group"), _text(names, "kind")
        if group and kind:
            found[group, kind] = _text(spec, "scope") == "Namespaced"
    return found


def _text(body: Any, key: str) -> str:
    found = body.get(key) if isinstance(body, Mapping) else None
    return found if isinstance(found, str) else ""
