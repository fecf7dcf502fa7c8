"""Admission policies that refuse, for a while, some of what is asked for in one namespace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hack.cluster import Cluster, RefusedError, wait_until

POLICIES = "/apis/admissionregistration.k8s.io/v1"


@contextmanager
def refusing(
    cluster: Cluster,
    namespace: str,
    resource: str,
    message: str,
    probe: Callable[[], object],
    *,
    operation: str = "CREATE",
    where: str = "true",
) -> Iterator[None]:
    """Nobody may do this to such objects, as RBAC writes them ("pods", "scalinggroups/status"), `where` CEL holds.

    API servers heed a policy's coming and going a little late: both are waited for by `probe`, a dry run of what the
    policy refuses.
    """
    name = f"refuse-{operation.lower()}-{resource.replace('/', '-')}-{namespace}"[:200]
    group, version = ("windlass.dev", "v1alpha1") if resource.startswith("scaling") else ("", "v1")
    rule = {"apiGroups": [group], "apiVersions": [version], "operations": [operation], "resources": [resource]}
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": f"!({where})", "message": message}],
        "failurePolicy": "Fail",
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    paths = [f"{POLICIES}/validatingadmissionpolicies", f"{POLICIES}/validatingadmissionpolicybindings"]
    cluster.apply(paths[0], head | {"kind": "ValidatingAdmissionPolicy", "spec": policy})
    cluster.apply(paths[1], head | {"kind": "ValidatingAdmissionPolicyBinding", "spec": binding})
    try:
        wait_until(lambda: _is_refused(probe, message), 30, f"the policy {name}")
        yield
    finally:
        for path in reversed(paths):
            cluster.request("DELETE", f"{path}/{name}")
    wait_until(lambda: not _is_refused(probe, message), 30, f"the end of the policy {name}")


def _is_refused(probe: Callable[[], object], message: str) -> bool:
    try:
        probe()
    except RefusedError as refusal:
        return message in str(refusal)
    return False
