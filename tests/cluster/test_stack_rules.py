"""What the real API server refuses of the kinds of stack sets beyond single bounds, and with which sentence."""

from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.doors import MERGE_PATCH, Stored, accepted, collection, manifest, refusal, says

ONE_PLACE = {"regions": ["eu-1"], "accounts": ["shop"]}
TWO_REGIONS = {"regions": ["eu-1", "us-1"], "accounts": ["shop"]}
BY_UNIT = {"regions": ["eu-1"], "organizationalUnits": ["root/eu"]}
A_FILE = {"name": "web", "key": "all"}
KUBECONFIG = {"kubeconfigSecretRef": {"name": "shop"}}

# Each row: fields, and where and with which sentence they are refused; with None they are accepted.
Refused = tuple[str, str] | None


def stack_set(**spec: Any) -> dict[str, Any]:
    return manifest("StackSet", **({"autoDeploy": True} if "targets" in spec else {}) | spec)


def operation(**spec: Any) -> dict[str, Any]:
    return manifest("StackSetOperation", **spec)


def judge(cluster: Cluster, thing: dict[str, Any], refused: Refused) -> None:
    if refused is None:
        assert accepted(cluster, thing)
    else:
        where, sentence = refused
        assert f"spec.{where}: Invalid value: {sentence}" in refusal(cluster, thing)


# ---- all kinds


REQUIRED = [
    ("StackSet", "template"),
    ("StackSetOperation", "stackSet"),
    ("StackSetOperation", "action"),
    ("StackInstance", "stackSet"),
    ("StackInstance", "region"),
    ("StackInstance", "account"),
    ("StackTarget", "region"),
    ("StackTarget", "account"),
    ("StackTarget", "cluster"),
]


@pytest.mark.parametrize(("kind", "field"), REQUIRED)
def test_what_a_kind_cannot_do_without_is_required(cluster: Cluster, kind: str, field: str) -> None:
    thing = manifest(kind)
    del thing["spec"][field]
    assert f"spec.{field}: Required value" in refusal(cluster, thing)


PREFERENCES = {
    "regionConcurrencyType": "SEQUENTIAL",
    "regionOrder": [],
    "failureToleranceMode": "STRICT_FAILURE_TOLERANCE",
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "StackSet": {
        "template": {"manifests": "kind: ConfigMap"},
        "variables": "",
        "sensitiveVariables": [],
        "permissionModel": "SELF_MANAGED",
        "callIdentity": "SELF",
        "autoDeploy": False,
        "operationPreferences": PREFERENCES,
        "timeoutMinutes": 30,
        "dependsOn": [],
        "deletionPolicy": "Delete",
        "historyLimit": 20,
    },
    "StackSetOperation": {
        "stackSet": "web",
        "stackSetUID": "",
        "action": "DeploySet",
        "state": "Running",
        "preferences": PREFERENCES,
        "retainStacks": False,
    },
    "StackInstance": {
        "stackSet": "web",
        "region": "eu-1",
        "account": "shop",
        "operation": "",
        "operationUID": "",
        "work": "Deploy",
        "template": "",
        "variables": "",
        "overrides": "",
        "timeoutMinutes": 30,
    },
    "StackTarget": {
        "region": "eu-1",
        "account": "shop",
        "managementAccount": False,
        "cluster": {"kubeconfigSecretRef": {"name": "shop", "key": "kubeconfig"}},
        "namespace": "default",
    },
}


@pytest.mark.spec("stack-set.md", "stack set: permission model")
@pytest.mark.parametrize("kind", DEFAULTS)
def test_the_defaults_show(cluster: Cluster, kind: str) -> None:
    assert accepted(cluster, manifest(kind))["spec"] == DEFAULTS[kind]


def test_what_is_inside_targets_and_overrides_has_its_defaults(cluster: Cluster) -> None:
    stored = accepted(
        cluster, operation(action="UpdateInstances", targets={"regions": ["eu-1"]} | BY_UNIT, overrides={})
    )
    assert stored["spec"]["targets"] == BY_UNIT | {"accounts": [], "accountFilter": "None"}
    assert stored["spec"]["overrides"] == {"variables": "", "useStackSetVariables": []}


PHASES = [
    ("StackSetOperation", "Done"),
    ("StackInstance", "RUNNING"),
]


@pytest.mark.parametrize(("kind", "phase"), PHASES)
def test_a_phase_that_there_is_not_is_refused(cluster: Cluster, namespace: str, kind: str, phase: str) -> None:
    path = collection(kind, namespace)
    cluster.request("POST", path, manifest(kind))
    with says(f'status.phase: Unsupported value: "{phase}"'):
        cluster.request("PATCH", f"{path}/web/status", {"status": {"phase": phase}}, MERGE_PATCH)


TWICE = [
    pytest.param(stack_set(targets=ONE_PLACE | {"regions": ["eu-1", "eu-1"]}), "targets.regions[1]", id="regions"),
    pytest.param(stack_set(targets=ONE_PLACE | {"accounts": ["shop"] * 2}), "targets.accounts[1]", id="accounts"),
    pytest.param(
        operation(targets=BY_UNIT | {"organizationalUnits": ["root", "root"]}),
        "targets.organizationalUnits[1]",
        id="units",
    ),
    pytest.param(stack_set(sensitiveVariables=["key", "key"]), "sensitiveVariables[1]", id="variables"),
    pytest.param(stack_set(dependsOn=["network", "network"]), "dependsOn[1]", id="sets"),
    pytest.param(
        operation(
            action="UpdateInstances", targets=ONE_PLACE, overrides={"useStackSetVariables": ["replicas", "replicas"]}
        ),
        "overrides.useStackSetVariables[1]",
        id="overrides",
    ),
]


@pytest.mark.parametrize(("thing", "where"), TWICE)
def test_a_list_names_nothing_twice(cluster: Cluster, thing: dict[str, Any], where: str) -> None:
    assert f"spec.{where}: Duplicate value" in refusal(cluster, thing)


# ---- names and sizes


@pytest.mark.spec("stack-set.md", "stack set: name")
def test_a_sets_name_has_at_most_63_characters(cluster: Cluster) -> None:
    assert accepted(cluster, stack_set(name="a" * 63))
    said = refusal(cluster, stack_set(name="a" * 64))
    assert "metadata.name must have at most 63 characters: it is the value of a label" in said


@pytest.mark.spec("stack-set.md", "stack set: name")
@pytest.mark.parametrize(
    "name", ["栈集_1-a", "Läden", "Магазин", "हिन्दी", "ร้านค้า", "متجر", "a", "Ж9_-", "e\u0301te\u0301"]
)
def test_a_display_name_has_letters_of_any_script(cluster: Cluster, name: str) -> None:
    assert accepted(cluster, stack_set(displayName=name))["spec"]["displayName"] == name


@pytest.mark.spec("stack-set.md", "stack set: name")
@pytest.mark.parametrize("name", ["1a", "_a", "-a", "\u0301a", "a b", "a.b", "a/b", "a\n", "價格½", "😀"])
def test_a_display_name_of_other_signs_or_without_a_letter_first_is_refused(cluster: Cluster, name: str) -> None:
    assert "spec.displayName: Invalid value" in refusal(cluster, stack_set(displayName=name))


@pytest.mark.spec("stack-set.md", "stack set: name")
def test_a_display_name_is_counted_in_characters(cluster: Cluster) -> None:
    assert accepted(cluster, stack_set(displayName="栈" * 128))
    assert "spec.displayName: Too long" in refusal(cluster, stack_set(displayName="栈" * 129))


LAST_TEXT = "栈" * 17_066 + "aa"
assert len(LAST_TEXT.encode()) == 51_200

SIZES = [
    pytest.param(
        lambda text: stack_set(template={"manifests": text}),
        ("template.manifests", "400: manifests must have at most 51200 bytes: keep larger ones in a ConfigMap"),
        id="template",
    ),
    pytest.param(
        lambda text: stack_set(variables=text),
        ("variables", "400: variables must have at most 51200 bytes: keep more in variablesFrom"),
        id="variables",
    ),
    pytest.param(
        lambda text: operation(action="UpdateInstances", targets=ONE_PLACE, overrides={"variables": text}),
        ("overrides.variables", "400: variables must have at most 51200 bytes: keep more in variablesFrom"),
        id="overrides",
    ),
]


@pytest.mark.spec("stack-set.md", "stack set: variables")
@pytest.mark.parametrize(("thing", "refused"), SIZES)
def test_a_text_is_counted_in_bytes(cluster: Cluster, thing: Any, refused: Refused) -> None:
    judge(cluster, thing(LAST_TEXT), None)
    judge(cluster, thing(LAST_TEXT + "a"), refused)


def test_accounts_as_text_are_counted_in_bytes(cluster: Cluster) -> None:
    text = "栈" * 33_333
    refused = ("targets.accountsCSV", "400: accountsCSV must have at most 100000 bytes")
    for thing in (operation, stack_set):
        judge(cluster, thing(targets={"regions": ["eu-1"], "accountsCSV": text + "a"}), None)
        judge(cluster, thing(targets={"regions": ["eu-1"], "accountsCSV": text + "aa"}), refused)


# ---- one of both


ONE_TEMPLATE = ("template", "400: template must have either manifests or configMapRef")
TEMPLATES = [
    pytest.param({"manifests": "kind: ConfigMap"}, None, id="inline"),
    pytest.param({"configMapRef": A_FILE}, None, id="a file"),
    pytest.param({}, ONE_TEMPLATE, id="none"),
    pytest.param({"manifests": "kind: ConfigMap", "configMapRef": A_FILE}, ONE_TEMPLATE, id="both"),
]


@pytest.mark.parametrize(("template", "refused"), TEMPLATES)
def test_a_template_has_one_source(cluster: Cluster, template: dict[str, Any], refused: Refused) -> None:
    judge(cluster, stack_set(template=template), refused)


ONE_SOURCE = "400: variablesFrom must have either configMapRef or secretRef"
SOURCES = [
    pytest.param({"configMapRef": A_FILE}, True, id="a ConfigMap"),
    pytest.param({"secretRef": A_FILE}, True, id="a Secret"),
    pytest.param({}, False, id="none"),
    pytest.param({"configMapRef": A_FILE, "secretRef": A_FILE}, False, id="both"),
]


@pytest.mark.parametrize(("source", "fits"), SOURCES)
def test_a_file_of_variables_is_in_one_object(cluster: Cluster, source: dict[str, Any], fits: bool) -> None:
    judge(cluster, stack_set(variablesFrom=source), None if fits else ("variablesFrom", ONE_SOURCE))
    overriding = operation(action="CreateInstances", targets=ONE_PLACE, overrides={"variablesFrom": source})
    judge(cluster, overriding, None if fits else ("overrides.variablesFrom", ONE_SOURCE))


# ---- targets


PAIRS = "400: give accounts or accountsCSV, not both"
NO_ACCOUNTS = "400: give accounts, accountsCSV or organizationalUnits"
NO_UNITS = "400: accountFilter is for organizationalUnits: give some, or leave it out"
FILTER = (
    "400: accounts beside organizationalUnits need accountFilter Intersection, Difference or Union, and these need "
    "accounts"
)
ACCOUNTS = {"accounts": ["shop", "bank"]}
CSV = {"accountsCSV": "shop,bank"}
UNITS = {"organizationalUnits": ["root/eu"]}
TARGETS = [
    pytest.param(ACCOUNTS, None, id="accounts"),
    pytest.param(CSV, None, id="accounts as text"),
    pytest.param(UNITS, None, id="units"),
    pytest.param(ACCOUNTS | CSV, ("targets.accountsCSV", PAIRS), id="accounts twice"),
    pytest.param({}, ("targets", NO_ACCOUNTS), id="no accounts"),
    pytest.param(ACCOUNTS | {"accountFilter": "Union"}, ("targets.accountFilter", NO_UNITS), id="a filter of nothing"),
    pytest.param(UNITS | ACCOUNTS, ("targets.accountFilter", FILTER), id="units and accounts without a filter"),
    pytest.param(UNITS | CSV, ("targets.accountFilter", FILTER), id="units and text without a filter"),
    pytest.param(UNITS | {"accountFilter": "None"}, None, id="units and None"),
    *[pytest.param(UNITS | ACCOUNTS | {"accountFilter": each}, None, id=each) for each in ("Intersection", "Union")],
    pytest.param(UNITS | CSV | {"accountFilter": "Difference"}, None, id="Difference"),
    *[
        pytest.param(UNITS | {"accountFilter": each}, ("targets.accountFilter", FILTER), id=f"{each} of nothing")
        for each in ("Intersection", "Difference", "Union")
    ],
]


@pytest.mark.spec("stack-set.md", "targets: regions × domains")
@pytest.mark.parametrize(("targets", "refused"), TARGETS)
def test_targets_name_accounts_in_one_way(cluster: Cluster, targets: dict[str, Any], refused: Refused) -> None:
    judge(cluster, operation(targets={"regions": ["eu-1"], **targets}), refused)
    model = "SERVICE_MANAGED" if "organizationalUnits" in targets else "SELF_MANAGED"
    judge(cluster, stack_set(targets={"regions": ["eu-1"], **targets}, permissionModel=model), refused)


@pytest.mark.spec("stack-set.md", "targets: regions × domains")
def test_targets_have_regions(cluster: Cluster) -> None:
    assert "spec.targets.regions: Required value" in refusal(cluster, operation(targets=ACCOUNTS))
    assert "spec.targets.regions: Required value" in refusal(cluster, stack_set(targets=ACCOUNTS))


WHO_MANAGES = "400: targets must have organizationalUnits where permissionModel is SERVICE_MANAGED, and nowhere else"
MODELS = [
    pytest.param("SELF_MANAGED", ONE_PLACE, None, id="own accounts"),
    pytest.param("SELF_MANAGED", BY_UNIT, ("targets", WHO_MANAGES), id="own accounts by unit"),
    pytest.param("SERVICE_MANAGED", BY_UNIT, None, id="units"),
    pytest.param("SERVICE_MANAGED", ONE_PLACE, ("targets", WHO_MANAGES), id="an organisation without units"),
]


@pytest.mark.parametrize(("model", "targets", "refused"), MODELS)
def test_units_are_for_sets_of_a_whole_organisation(
    cluster: Cluster, model: str, targets: dict[str, Any], refused: Refused
) -> None:
    judge(cluster, stack_set(permissionModel=model, targets=targets), refused)


def test_a_set_does_not_depend_on_itself(cluster: Cluster) -> None:
    judge(cluster, stack_set(dependsOn=["base"]), None)
    refused = ("dependsOn", "spec.dependsOn names the set itself: it would wait for ever")
    judge(cluster, stack_set(dependsOn=["base", "web"]), refused)


def test_declared_targets_need_auto_deploy(cluster: Cluster) -> None:
    judge(cluster, stack_set(targets=ONE_PLACE), None)
    said = "targets need autoDeploy: without it nothing would follow them; leave targets out and start operations"
    judge(cluster, stack_set(targets=ONE_PLACE, autoDeploy=False), ("autoDeploy", said))


@pytest.mark.spec("stack-set.md", "targets: call identity")
@pytest.mark.parametrize(
    ("model", "identity", "fits"),
    [
        ("SELF_MANAGED", "SELF", True),
        ("SERVICE_MANAGED", "SELF", True),
        ("SERVICE_MANAGED", "DELEGATED_ADMIN", True),
        ("SELF_MANAGED", "DELEGATED_ADMIN", False),
    ],
)
def test_a_delegated_administrator_is_for_a_whole_organisation(
    cluster: Cluster, model: str, identity: str, fits: bool
) -> None:
    refused = ("callIdentity", "400: callIdentity DELEGATED_ADMIN is for SERVICE_MANAGED sets alone")
    judge(cluster, stack_set(permissionModel=model, callIdentity=identity), None if fits else refused)


# ---- preferences


ORDERS = [
    pytest.param(["eu-1", "us-1"], None, id="theirs"),
    pytest.param(["us-1", "eu-1"], None, id="theirs the other way round"),
    pytest.param([], None, id="none"),
    *[
        pytest.param(order, "must name exactly the regions of targets", id=name)
        for name, order in {
            "one lacks": ["eu-1"],
            "one more": ["eu-1", "us-1", "ap-1"],
            "another": ["eu-1", "ap-1"],
            "one twice": ["eu-1", "eu-1"],
        }.items()
    ],
]


@pytest.mark.spec("stack-set.md", "region_order")
@pytest.mark.parametrize(("order", "sentence"), ORDERS)
def test_an_order_names_exactly_the_regions(cluster: Cluster, order: list[str], sentence: str | None) -> None:
    for thing, field in ((operation, "preferences"), (stack_set, "operationPreferences")):
        refused = sentence and (f"{field}.regionOrder", f"400: {field}.regionOrder {sentence}")
        judge(cluster, thing(targets=TWO_REGIONS, **{field: {"regionOrder": order}}), refused or None)


@pytest.mark.spec("stack-set.md", "region_order")
@pytest.mark.parametrize(("kind", "field"), [(operation, "preferences"), (stack_set, "operationPreferences")])
def test_an_order_needs_targets(cluster: Cluster, kind: Any, field: str) -> None:
    sentence = f"400: {field}.regionOrder needs targets: it names exactly their regions"
    judge(cluster, kind(**{field: {"regionOrder": ["eu-1"]}}), (f"{field}.regionOrder", sentence))


BOTH_WAYS = [
    pytest.param({"regionOrder": ["eu-1"], "regionConcurrencyType": "SEQUENTIAL"}, None, id="an order"),
    pytest.param({"regionConcurrencyType": "PARALLEL"}, None, id="side by side"),
    pytest.param(
        {"regionOrder": ["eu-1"], "regionConcurrencyType": "PARALLEL"},
        ("regionOrder", "400: regionOrder is for regionConcurrencyType SEQUENTIAL alone"),
        marks=pytest.mark.spec("stack-set.md", "region_order"),
        id="an order side by side",
    ),
    pytest.param({"failureToleranceCount": 0, "maxConcurrentCount": 1}, None, id="counts"),
    pytest.param({"failureTolerancePercentage": 0, "maxConcurrentPercentage": 1}, None, id="percentages"),
    pytest.param({"failureToleranceCount": 1, "maxConcurrentPercentage": 9}, None, id="one of each"),
    pytest.param(
        {"failureToleranceCount": 0, "failureTolerancePercentage": 0},
        ("failureTolerancePercentage", "400: give failureToleranceCount or failureTolerancePercentage, not both"),
        marks=pytest.mark.spec("stack-set.md", "failure_tolerance_count / _percentage"),
        id="two tolerances",
    ),
    pytest.param(
        {"maxConcurrentCount": 1, "maxConcurrentPercentage": 1},
        ("maxConcurrentPercentage", "400: give maxConcurrentCount or maxConcurrentPercentage, not both"),
        marks=pytest.mark.spec("stack-set.md", "max_concurrent_count / _percentage"),
        id="two concurrencies",
    ),
]


@pytest.mark.parametrize(("preferences", "refused"), BOTH_WAYS)
def test_preferences_say_a_thing_in_one_way(cluster: Cluster, preferences: dict[str, Any], refused: Refused) -> None:
    for thing, field in ((operation, "preferences"), (stack_set, "operationPreferences")):
        below = refused and (f"{field}.{refused[0]}", refused[1])
        judge(cluster, thing(targets=ONE_PLACE, **{field: preferences}), below)


# ---- a set that changes


@pytest.mark.spec("stack-set.md", "stack set: permission model")
def test_a_sets_permission_model_cannot_be_changed(cluster: Cluster, namespace: str) -> None:
    stored = Stored(cluster, namespace, "StackSet")
    with says("spec.permissionModel: Invalid value: 400: permissionModel cannot be changed: create another StackSet"):
        stored.patched(permissionModel="SERVICE_MANAGED")


def test_targets_of_a_set_can_be_changed_but_neither_added_nor_taken_away(cluster: Cluster, namespace: str) -> None:
    sentence = (
        "spec.targets: Invalid value: targets cannot be added or taken away: who owns the membership of a set stays "
        "the same"
    )
    declared = Stored(cluster, namespace, "StackSet", name="declared", targets=ONE_PLACE, autoDeploy=True)
    assert declared.patched(targets=TWO_REGIONS)["spec"]["targets"]["regions"] == TWO_REGIONS["regions"]
    with says(sentence):
        declared.patched(targets=None)
    with says(sentence):
        Stored(cluster, namespace, "StackSet").patched(targets=ONE_PLACE)


# ---- operations


@pytest.mark.parametrize("action", ["CreateInstances", "UpdateInstances"])
def test_an_operation_that_names_new_things_needs_targets(cluster: Cluster, action: str) -> None:
    judge(cluster, operation(action=action), ("targets", f"400: {action} needs targets"))
    judge(cluster, operation(action=action, targets=ONE_PLACE), None)


@pytest.mark.parametrize("action", ["DeploySet", "DeleteInstances", "DetectDrift"])
def test_the_other_operations_may_be_about_all_instances(cluster: Cluster, action: str) -> None:
    judge(cluster, operation(action=action), None)
    judge(cluster, operation(action=action, targets=ONE_PLACE), None)


ACTIONS = ("CreateInstances", "DeploySet", "UpdateInstances", "DeleteInstances", "DetectDrift")


@pytest.mark.parametrize("action", ACTIONS)
def test_overrides_are_for_what_names_them(cluster: Cluster, action: str) -> None:
    refused = ("overrides", "400: overrides are for UpdateInstances and CreateInstances")
    thing = operation(action=action, targets=ONE_PLACE, overrides={"variables": "replicas = 2"})
    judge(cluster, thing, None if action in {"CreateInstances", "UpdateInstances"} else refused)


@pytest.mark.parametrize("action", ACTIONS)
def test_only_a_deletion_retains(cluster: Cluster, action: str) -> None:
    refused = ("retainStacks", "400: retainStacks is for DeleteInstances alone")
    thing = operation(action=action, targets=ONE_PLACE, retainStacks=True)
    judge(cluster, thing, None if action == "DeleteInstances" else refused)


FULL: dict[str, Any] = {
    "stackSet": "web",
    "stackSetUID": "4711",
    "action": "UpdateInstances",
    "state": "Running",
    "clientToken": "a",
    "targets": TWO_REGIONS,
    "overrides": {"variables": "replicas = 2"},
    "preferences": {"regionOrder": ["eu-1", "us-1"], "maxConcurrentCount": 2},
    "retainStacks": False,
    "ttlSecondsAfterFinished": 60,
}
OTHERS = [
    ("stackSet", "shop"),
    ("stackSetUID", "4712"),
    ("action", "CreateInstances"),
    ("clientToken", "b"),
    ("targets", TWO_REGIONS | {"accounts": ["shop", "bank"]}),
    ("overrides", {"variables": "replicas = 3"}),
    ("preferences", {"maxConcurrentCount": 3}),
    ("preferences", {"regionOrder": ["us-1", "eu-1"]}),
    ("retainStacks", True),
    ("ttlSecondsAfterFinished", 61),
]
OPTIONAL = ("clientToken", "targets", "overrides", "ttlSecondsAfterFinished")


def test_the_tables_have_every_field_but_the_reason(cluster: Cluster) -> None:
    assert {field for field, _ in OTHERS} == FULL.keys() - {"state"}
    stored = accepted(cluster, operation(**FULL, stateReason="a"))
    assert stored["spec"].keys() == FULL.keys() | {"stateReason"}


@pytest.mark.parametrize(("field", "other"), OTHERS)
def test_a_field_of_an_operation_cannot_be_changed(cluster: Cluster, namespace: str, field: str, other: Any) -> None:
    stored = Stored(cluster, namespace, "StackSetOperation", **FULL)
    with says(f"spec.{field}: Invalid value: {field} cannot be changed: start another operation"):
        stored.patched(**{field: other})


@pytest.mark.parametrize("field", OPTIONAL)
def test_a_field_of_an_operation_cannot_be_set_or_taken_away_later(
    cluster: Cluster, namespace: str, field: str
) -> None:
    sentence = f"spec.{field}: Invalid value: {field} cannot be changed: start another operation"
    with says(sentence):
        Stored(cluster, namespace, "StackSetOperation", **FULL).patched(**{field: None})
    with says(sentence):
        Stored(cluster, namespace, "StackSetOperation", name="bare").patched(**{field: FULL[field]})


def test_the_same_again_is_no_change(cluster: Cluster, namespace: str) -> None:
    assert Stored(cluster, namespace, "StackSetOperation", **FULL).patched(**FULL)


def test_an_operation_can_be_stopped_once(cluster: Cluster, namespace: str) -> None:
    running = Stored(cluster, namespace, "StackSetOperation")
    assert running.patched(state="Stopped", stateReason="for a test")["spec"]["state"] == "Stopped"
    stopped = Stored(cluster, namespace, "StackSetOperation", name="stopped", state="Stopped")
    assert stopped.patched(stateReason="said better")
    with says("spec.state: Invalid value: state Stopped is final: start another operation"):
        stopped.patched(state="Running")


# ---- instances and targets


@pytest.mark.parametrize(("field", "other"), [("stackSet", "shop"), ("region", "us-1"), ("account", "bank")])
def test_what_an_instance_is_cannot_be_changed(cluster: Cluster, namespace: str, field: str, other: str) -> None:
    instance = Stored(cluster, namespace, "StackInstance")
    with says(f"spec.{field}: Invalid value: {field} cannot be changed"):
        instance.patched(**{field: other})


def test_what_is_done_to_an_instance_can_be_changed(cluster: Cluster, namespace: str) -> None:
    work = {"operation": "web-2", "operationUID": "4711", "work": "Delete", "template": "web-1", "timeoutMinutes": 5}
    assert Stored(cluster, namespace, "StackInstance").patched(**work)["spec"].items() >= work.items()


@pytest.mark.parametrize(("field", "other"), [("region", "us-1"), ("account", "bank"), ("namespace", "shop")])
def test_where_a_target_is_cannot_be_changed(cluster: Cluster, namespace: str, field: str, other: str) -> None:
    target = Stored(cluster, namespace, "StackTarget")
    with says(f"spec.{field}: Invalid value: {field} cannot be changed.*create another StackTarget"):
        target.patched(**{field: other})


def test_how_a_target_is_reached_can_be_changed(cluster: Cluster, namespace: str) -> None:
    spec = {"organizationalUnit": "root/eu", "managementAccount": True}
    other = spec | {"cluster": {"kubeconfigSecretRef": {"name": "bank", "key": "kubeconfig"}}}
    assert Stored(cluster, namespace, "StackTarget").patched(**other)["spec"].items() >= other.items()


ONE_WAY = ("cluster", "cluster must have either kubeconfigSecretRef or inCluster")
OWN_RIGHTS = (
    "serviceAccountName",
    "serviceAccountName must be given with inCluster: Windlass does not deploy with its own rights",
)
WAYS = [
    pytest.param({"cluster": KUBECONFIG}, None, id="a kubeconfig"),
    pytest.param({"cluster": KUBECONFIG, "serviceAccountName": "deployer"}, None, id="a kubeconfig and an account"),
    pytest.param({"cluster": {"inCluster": {}}, "serviceAccountName": "deployer"}, None, id="this cluster"),
    pytest.param({"cluster": {"inCluster": {}}}, OWN_RIGHTS, id="this cluster without an account"),
    pytest.param({"cluster": {}}, ONE_WAY, id="none"),
    pytest.param({"cluster": KUBECONFIG | {"inCluster": {}}, "serviceAccountName": "deployer"}, ONE_WAY, id="both"),
]


@pytest.mark.parametrize(("spec", "refused"), WAYS)
def test_a_target_is_reached_in_one_way(cluster: Cluster, spec: dict[str, Any], refused: Refused) -> None:
    judge(cluster, manifest("StackTarget", **spec), refused)
