"""What makes the API server refuse the deletion of groups that have instances: a ValidatingAdmissionPolicy, and its
binding. Known by its rule, not by its name: people install policies under names of their own."""

import asyncio
from dataclasses import dataclass

import msgspec

from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.resources import POLICIES, POLICY_BINDINGS, SCALING_GROUPS

NAMESPACE_NAME = "kubernetes.io/metadata.name"  # the label by which a namespace can be selected that every one has


class _Rule(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    api_groups: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class _Requirement(msgspec.Struct, frozen=True, gc=False):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class _Selector(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[_Requirement, ...] = ()


class _Match(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource_rules: tuple[_Rule, ...] = ()
    namespace_selector: _Selector | None = None


class _PolicySpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    match_constraints: _Match = _Match()


class _BindingSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    policy_name: str = ""
    validation_actions: tuple[str, ...] = ()
    match_resources: _Match = _Match()


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    name: str


class _Policy(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata
    spec: _PolicySpec = _PolicySpec()


class _Binding(msgspec.Struct, frozen=True, gc=False):
    spec: _BindingSpec = _BindingSpec()


@dataclass(frozen=True, slots=True)
class DeletionGuard:
    """Where deletions of groups are judged: a pair of selectors of namespaces each, of a policy and of its binding."""

    selectors: tuple[tuple[_Selector | None, _Selector | None], ...] = ()

    def covers(self, namespace: str) -> bool:
        """Whether a policy judges deletions there; True where its selector asks for labels that are not known here."""
        return any(_selects(policy, namespace) and _selects(binding, namespace) for policy, binding in self.selectors)


async def read_deletion_guard(client: Client) -> DeletionGuard:
    """What guards groups in this cluster. `Refused` where one may not look."""
    try:
        policies, bindings = await asyncio.gather(
            client.list(POLICIES, into=_Policy), client.list(POLICY_BINDINGS, into=_Binding)
        )
    except Gone:  # an API server that does not know such policies has none
        return DeletionGuard()
    judging = {p.metadata.name: p.spec.match_constraints for p in policies.items if _judges(p.spec.match_constraints)}
    bound = [b.spec for b in bindings.items if b.spec.policy_name in judging and "Deny" in b.spec.validation_actions]
    pairs = ((judging[b.policy_name].namespace_selector, b.match_resources.namespace_selector) for b in bound)
    return DeletionGuard(tuple(pairs))


def _judges(match: _Match) -> bool:
    """Whether one of its rules names deletions of groups; one for everything (`*`) is there for something else."""
    return any(
        SCALING_GROUPS.group in rule.api_groups
        and SCALING_GROUPS.plural in rule.resources
        and not {"DELETE", "*"}.isdisjoint(rule.operations)
        for rule in match.resource_rules
    )


def _selects(selector: _Selector | None, namespace: str) -> bool:
    if selector is None:
        return True
    if selector.match_labels.get(NAMESPACE_NAME, namespace) != namespace:
        return False
    named = [each for each in selector.match_expressions if each.key == NAMESPACE_NAME]
    return not any(
        (each.operator == "In" and namespace not in each.values)
        or (each.operator == "NotIn" and namespace in each.values)
        for each in named
    )
