"""In which order the objects of a stack are applied, and in the reverse order pruned: what others need comes first."""

from collections.abc import Iterable
from itertools import groupby
from typing import Protocol, TypeVar


class Kinded(Protocol):
    """Anything that is of a kind."""

    @property
    def group(self) -> str:
        """The API group, empty for the core one."""

    @property
    def kind(self) -> str:
        """The kind."""


T = TypeVar("T", bound=Kinded)

DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
NAMESPACE = ("", "Namespace")
_RBAC = "rbac.authorization.k8s.io"

# Kinds, or all kinds of a group ("*"), by wave. What stands in none is of the fourth, custom resources of the fifth.
_FIRST = frozenset({DEFINITION, NAMESPACE})
_SETTINGS = frozenset(
    {
        ("", "ConfigMap"),
        ("", "LimitRange"),
        ("", "PersistentVolume"),
        ("", "ResourceQuota"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        (_RBAC, "ClusterRole"),
        (_RBAC, "Role"),
        ("networking.k8s.io", "IngressClass"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("node.k8s.io", "*"),
        ("scheduling.k8s.io", "*"),
        ("storage.k8s.io", "*"),
    }
)
_BINDINGS = frozenset({(_RBAC, "ClusterRoleBinding"), (_RBAC, "RoleBinding")})  # not before the roles that they name
_LAST = frozenset(
    {("admissionregistration.k8s.io", "*"), ("apiregistration.k8s.io", "*")}
)  # they are served by the rest


def waves(objects: Iterable[T]) -> tuple[tuple[T, ...], ...]:
    """CRDs and namespaces; roles and settings; bindings; workloads and all others; custom resources; webhooks.

    Within a wave they stay in their order. Waves without objects are left out. Pruned in reverse, custom resources are
    gone before the controllers that have to finish them.
    """
    ordered = sorted(objects, key=_wave)
    return tuple(tuple(wave) for _, wave in groupby(ordered, key=_wave))


def _wave(each: Kinded) -> int:
    kinds = {(each.group, each.kind), (each.group, "*")}
    for number, members in enumerate((_FIRST, _SETTINGS, _BINDINGS)):
        if kinds & members:
            return number
    if kinds & _LAST:
        return 5
    # Kubernetes' own groups have no dot, or end in k8s.io.
    return 4 if "." in each.group and not each.group.endswith(".k8s.io") else 3
