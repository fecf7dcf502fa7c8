"""In which order the objects of a stack are applied."""

from dataclasses import dataclass
from itertools import permutations

from windlass.planner.stackset.waves import waves


@dataclass(frozen=True)
class Thing:
    group: str
    kind: str
    name: str = ""


CRD = Thing("apiextensions.k8s.io", "CustomResourceDefinition")
NAMESPACE = Thing("", "Namespace")
SECRET, ACCOUNT = Thing("", "Secret"), Thing("", "ServiceAccount")
ROLE, BINDING = Thing("rbac.authorization.k8s.io", "Role"), Thing("rbac.authorization.k8s.io", "RoleBinding")
CLASS = Thing("storage.k8s.io", "StorageClass")
PRIORITY = Thing("scheduling.k8s.io", "PriorityClass")
DEPLOYMENT, SERVICE = Thing("apps", "Deployment"), Thing("", "Service")
INGRESS = Thing("networking.k8s.io", "Ingress")
CUSTOM = Thing("acme.example", "Database")
WEBHOOK = Thing("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")

IN_ORDER = (
    (CRD, NAMESPACE),
    (SECRET, ACCOUNT, ROLE, CLASS, PRIORITY),
    (BINDING,),
    (DEPLOYMENT, SERVICE, INGRESS),
    (CUSTOM,),
    (WEBHOOK,),
)


def test_what_others_need_comes_first() -> None:
    backwards = [thing for wave in reversed(IN_ORDER) for thing in wave]

    assert waves(backwards) == IN_ORDER


def test_within_a_wave_the_template_s_order_stays() -> None:
    names = [Thing("", "ConfigMap", name) for name in "abc"]

    for order in permutations(names):
        assert waves([DEPLOYMENT, *order]) == (order, (DEPLOYMENT,))


def test_there_are_no_empty_waves() -> None:
    assert waves([WEBHOOK, CRD]) == ((CRD,), (WEBHOOK,))
    assert waves([]) == ()


def test_a_kind_counts_with_its_group() -> None:
    own = Thing("acme.example", "Namespace")

    assert waves([own, SERVICE]) == ((SERVICE,), (own,))
