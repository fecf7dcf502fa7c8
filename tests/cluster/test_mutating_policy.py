"""A real mutating policy takes our label off Pods as they are created."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hack.cluster import wait_until
from tests.cluster.groups import CONTAINER, Groups
from tests.cluster.policies import POLICIES
from windlass.api.common import GROUP_LABEL

pytestmark = pytest.mark.usefixtures("running_operator")


@contextmanager
def label_taken_off(groups: Groups) -> Iterator[None]:
    """New Pods of the namespace lose the label; the policy's coming and going are waited for."""
    name, path = f"unlabel-{groups.namespace}", GROUP_LABEL.replace("/", "~1")
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    patch = f'[JSONPatch{{op: "remove", path: "/metadata/labels/{path}"}}]'
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [
            {"name": "ours", "expression": f"has(object.metadata.labels) && {GROUP_LABEL!r} in object.metadata.labels"}
        ],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": groups.namespace}}}
    binding = {"policyName": name, "matchResources": here}
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    paths = [f"{POLICIES}/mutatingadmissionpolicies", f"{POLICIES}/mutatingadmissionpolicybindings"]
    groups.cluster.apply(paths[0], head | {"kind": "MutatingAdmissionPolicy", "spec": policy})
    groups.cluster.apply(paths[1], head | {"kind": "MutatingAdmissionPolicyBinding", "spec": binding})
    try:
        wait_until(lambda: not is_kept(groups), 30, "the policy")
        yield
    finally:
        for each in reversed(paths):
            groups.cluster.request("DELETE", f"{each}/{name}")
    wait_until(lambda: is_kept(groups), 30, "the end of the policy")


def is_kept(groups: Groups) -> bool:
    """Whether a Pod keeps the label."""
    pod = {"metadata": {"name": "tried", "labels": {GROUP_LABEL: "x"}}, "spec": {"containers": [CONTAINER]}}
    made = groups.cluster.request("POST", groups.path("pods") + "?dryRun=All", pod)
    return GROUP_LABEL in made["metadata"].get("labels", {})


def test_a_policy_that_hides_instances_stalls_the_group_at_the_first(groups: Groups) -> None:
    old, new = groups.create("old", desired=1), None
    old.wait_until_ready(1)
    with label_taken_off(groups):
        new = groups.create("new", desired=3)
        new.wait_for_phase("Stalled")
        assert f"its label {GROUP_LABEL} was taken off" in new.status["message"]
        old.scale(4)
        old.wait_for_phase("Stalled")
        groups.pods.catch_up()
        made = {name for name, pod in groups.pods.history if pod}
        assert len(made) <= 2, "no more than one was made in vain"
    new.wait_until_ready(3)
    old.wait_until_ready(4)
