"""Each bound of each field of the kinds of stack sets, from both sides, at the real API server."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from hack.cluster import Cluster
from hack.generate_crds import definition
from tests.cluster.bounds import (
    OBJECT_NAME,
    Bound,
    at_least,
    at_most,
    bounds_of,
    fewest,
    longest,
    most,
    name_of,
    one_of,
    shape,
    shortest,
    tried,
)
from tests.cluster.doors import accepted, refusal
from windlass.api import stack_instance, stack_set, stack_set_operation, stack_target

SET: dict[str, Any] = {"kind": "StackSet"}
OPERATION: dict[str, Any] = {"kind": "StackSetOperation"}
INSTANCE: dict[str, Any] = {"kind": "StackInstance"}
TARGET: dict[str, Any] = {"kind": "StackTarget"}

PLACE = "^[0-9A-Za-z]([-._0-9A-Za-z]*[0-9A-Za-z])?$"
UNIT = r"^[^/ \t\n\r\f\v]+(/[^/ \t\n\r\f\v]+)*$"
FILE_KEY = "^[-._0-9A-Za-z]+$"
VARIABLE = "^[A-Za-z_][-0-9A-Za-z_]*$"
DISPLAY_NAME = r"^\p{L}[-_\p{L}\p{M}\p{Nd}]*$"
NAMESPACE = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

FIFTY_REGIONS = [f"eu-{number}" for number in range(50)]
THOUSAND_ACCOUNTS = [f"shop-{number}" for number in range(1000)]
HUNDRED_UNITS = [f"root/{number}" for number in range(100)]
THOUSAND_VARIABLES = [f"v{number}" for number in range(1000)]
ONE_PLACE = {"regions": ["eu-1"], "accounts": ["shop"]}
UNITS = {"regions": ["eu-1"], "organizationalUnits": ["root"]}


def object_name(field: str, **of: Any) -> list[Bound]:
    return [shortest(field, 1, **of), longest(field, 253, **of), shape(field, "web-2.a", "Web", OBJECT_NAME, **of)]


def place(field: str, **of: Any) -> list[Bound]:
    return [shortest(field, 1, **of), longest(field, 63, **of), shape(field, "EU_west-1.a", "-a", PLACE, **of)]


def unit(field: str, **of: Any) -> list[Bound]:
    good = "root/eu/Läden"
    bad = ("/root", "root/", "root//eu", "root/eu shop")
    shapes = [shape(field, good, path, UNIT, **of) for path in bad]
    return [shortest(field, 1, **of), longest(field, 253, **of), *shapes]


def variable_name(field: str, **of: Any) -> list[Bound]:
    return [shortest(field, 1, **of), longest(field, 128, **of), shape(field, "_Web-2", "2web", VARIABLE, **of)]


def key_of_a_file(field: str, **of: Any) -> list[Bound]:
    return [shortest(field, 1, **of), longest(field, 253, **of), shape(field, "web_2.tfvars", "a/b", FILE_KEY, **of)]


def file(field: str, **of: Any) -> list[Bound]:
    """A reference to a file; the field is the one that has either sort of it."""
    name, key = object_name(f"{field}.name", **of), key_of_a_file(f"{field}.key", **of)
    return [beside(bound, field, key="vars") for bound in name] + [beside(bound, field, name="web") for bound in key]


def beside(bound: Bound, field: str, **parts: Any) -> Bound:
    """The bound with these parts of a field beside its own."""
    for name in reversed(field.split(".")):
        parts = {name: parts}
    return replace(bound, beside={**bound.beside, **parts})


def files(field: str, **of: Any) -> list[Bound]:
    return file(f"{field}.configMapRef", **of) + file(f"{field}.secretRef", **of)


def with_targets(bounds: Iterable[Bound], targets: dict[str, Any], **more: Any) -> list[Bound]:
    return [replace(bound, beside={**bound.beside, "targets": targets, **more}) for bound in bounds]


def targets(kind: dict[str, Any], **units: Any) -> list[Bound]:
    """Those of `targets`; `units` is what organisational units need beside them."""
    filters = one_of("targets.accountFilter", "None", "Intersection", "Difference", "Union", not_="All", **kind)
    return [
        fewest("targets.regions", ["eu-1"], **kind, beside={"targets": {"accounts": ["shop"]}}),
        most("targets.regions", FIFTY_REGIONS, "eu-50", **kind, beside={"targets": {"accounts": ["shop"]}}),
        *place("targets.regions[0]", **kind, beside={"targets": {"accounts": ["shop"]}}),
        most("targets.accounts", THOUSAND_ACCOUNTS, "shop", **kind, beside={"targets": {"regions": ["eu-1"]}}),
        *place("targets.accounts[0]", **kind, beside={"targets": {"regions": ["eu-1"]}}),
        *with_targets(
            [shortest("targets.accountsCSV", 1, **kind), longest("targets.accountsCSV", 100_000, **kind)],
            {"regions": ["eu-1"]},
        ),
        *with_targets(
            [most("targets.organizationalUnits", HUNDRED_UNITS, "root", **kind)], {"regions": ["eu-1"]}, **units
        ),
        *with_targets(unit("targets.organizationalUnits[0]", **kind), {"regions": ["eu-1"]}, **units),
        *with_targets(filters[:1], UNITS, **units),
        *with_targets(filters[1:], UNITS | {"accounts": ["shop"]}, **units),
    ]


def preferences(field: str, kind: dict[str, Any]) -> list[Bound]:
    order = [
        most(f"{field}.regionOrder", FIFTY_REGIONS, "eu-50", **kind),
        *place(f"{field}.regionOrder[0]", **kind),
    ]
    return [
        *one_of(f"{field}.regionConcurrencyType", "SEQUENTIAL", "PARALLEL", not_="RANDOM", **kind),
        *[replace(bound, beside={"targets": {"regions": as_list(bound.at), "accounts": ["shop"]}}) for bound in order],
        at_least(f"{field}.failureToleranceCount", 0, **kind),
        at_most(f"{field}.failureToleranceCount", 100_000, **kind),
        at_least(f"{field}.failureTolerancePercentage", 0, **kind),
        at_most(f"{field}.failureTolerancePercentage", 100, **kind),
        at_least(f"{field}.maxConcurrentCount", 1, **kind),
        at_most(f"{field}.maxConcurrentCount", 100_000, **kind),
        at_least(f"{field}.maxConcurrentPercentage", 1, **kind),
        at_most(f"{field}.maxConcurrentPercentage", 100, **kind),
        *one_of(
            f"{field}.failureToleranceMode",
            "STRICT_FAILURE_TOLERANCE",
            "SOFT_FAILURE_TOLERANCE",
            not_="NO_FAILURE_TOLERANCE",
            **kind,
        ),
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


OF_SETS = [
    shortest("displayName", 1, **SET),
    longest("displayName", 128, **SET),
    shape("displayName", "Läden_2-eu", "2eu", DISPLAY_NAME, **SET),
    shortest("template.manifests", 1, **SET),
    longest("template.manifests", 51_200, **SET),
    longest("variables", 51_200, **SET),
    *files("variablesFrom", **SET),
    most("sensitiveVariables", THOUSAND_VARIABLES, "v", **SET),
    *variable_name("sensitiveVariables[0]", **SET),
    *one_of("permissionModel", "SELF_MANAGED", "SERVICE_MANAGED", not_="MANAGED", **SET),
    *one_of(
        "callIdentity",
        "SELF",
        "DELEGATED_ADMIN",
        not_="ADMIN",
        **SET,
        beside={"permissionModel": "SERVICE_MANAGED"},
    ),
    *targets(SET, permissionModel="SERVICE_MANAGED"),
    *preferences("operationPreferences", SET),
    at_least("timeoutMinutes", 1, **SET),
    at_most("timeoutMinutes", 1440, **SET),
    most("dependsOn", [f"set-{number}" for number in range(20)], "set", **SET),
    *object_name("dependsOn[0]", **SET),
    *one_of("deletionPolicy", "Delete", "Retain", not_="Orphan", **SET),
    at_least("historyLimit", 1, **SET),
    at_most("historyLimit", 100, **SET),
]
# A template has exactly one source, so these objects must not have the one of every minimal set.
OF_TEMPLATE_FILES = [
    replace(bound, beside={"template": {"configMapRef": {"name": "web", "key": "all.yaml"}}})
    for bound in file("template.configMapRef", **SET)
]
OVERRIDES = {"action": "UpdateInstances", "targets": ONE_PLACE}
OF_OPERATIONS = [
    *object_name("stackSet", **OPERATION),
    longest("stackSetUID", 64, **OPERATION),
    *with_targets(
        one_of(
            "action",
            "CreateInstances",
            "DeploySet",
            "UpdateInstances",
            "DeleteInstances",
            "DetectDrift",
            not_="Redeploy",
            **OPERATION,
        ),
        ONE_PLACE,
    ),
    *one_of("state", "Running", "Stopped", not_="Paused", **OPERATION),
    longest("stateReason", 256, **OPERATION),
    shortest("clientToken", 1, **OPERATION),
    longest("clientToken", 64, **OPERATION),
    shape("clientToken", "deploy #7 ~ !", "größe", "^[ -~]+$", **OPERATION),
    *targets(OPERATION),
    longest("overrides.variables", 51_200, **OPERATION, beside=OVERRIDES),
    *files("overrides.variablesFrom", **OPERATION, beside=OVERRIDES),
    most("overrides.useStackSetVariables", THOUSAND_VARIABLES, "v", **OPERATION, beside=OVERRIDES),
    *variable_name("overrides.useStackSetVariables[0]", **OPERATION, beside=OVERRIDES),
    *preferences("preferences", OPERATION),
    at_least("ttlSecondsAfterFinished", 0, **OPERATION),
    at_most("ttlSecondsAfterFinished", 86_400, **OPERATION),
]
OF_INSTANCES = [
    *object_name("stackSet", **INSTANCE),
    *place("region", **INSTANCE),
    *place("account", **INSTANCE),
    longest("operation", 253, **INSTANCE),
    longest("operationUID", 64, **INSTANCE),
    *one_of("work", "Deploy", "Delete", "Retain", "DetectDrift", not_="Update", **INSTANCE),
    longest("template", 253, **INSTANCE),
    longest("variables", 253, **INSTANCE),
    longest("overrides", 253, **INSTANCE),
    at_least("timeoutMinutes", 1, **INSTANCE),
    at_most("timeoutMinutes", 1440, **INSTANCE),
]
OF_TARGETS = [
    *place("region", **TARGET),
    *place("account", **TARGET),
    *unit("organizationalUnit", **TARGET),
    *object_name("cluster.kubeconfigSecretRef.name", **TARGET),
    *key_of_a_file("cluster.kubeconfigSecretRef.key", **TARGET),
    *object_name("serviceAccountName", **TARGET),
    shortest("namespace", 1, **TARGET),
    longest("namespace", 63, **TARGET),
    shape("namespace", "shop-2", "shop.2", NAMESPACE, **TARGET),
]
# Declared targets need it.
FOLLOWED = [replace(bound, beside={**bound.beside, "autoDeploy": True}) for bound in OF_SETS]
BOUNDS = [*FOLLOWED, *OF_TEMPLATE_FILES, *OF_OPERATIONS, *OF_INSTANCES, *OF_TARGETS]


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_last_value_within_a_bound_is_accepted(cluster: Cluster, bound: Bound) -> None:
    assert accepted(cluster, bound.thing(bound.at))


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_first_value_past_a_bound_is_refused_by_field_and_limit(cluster: Cluster, bound: Bound) -> None:
    said = refusal(cluster, bound.thing(bound.past))
    assert f"spec.{bound.field}: " in said
    assert bound.allowed in said


@pytest.mark.parametrize("kind", [stack_set, stack_set_operation, stack_instance, stack_target])
def test_no_bound_is_without_its_case(kind: Any) -> None:
    name = kind.KIND.kind
    assert set(bounds_of(definition(kind.KIND))) == {row for row in tried(BOUNDS) if row[0] == name}
