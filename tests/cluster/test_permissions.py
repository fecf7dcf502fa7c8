"""What the operator may do is what it does."""

from collections.abc import Callable
from pathlib import Path

from hack.cluster import Cluster
from tests.cluster.operator_process import Operators

EXAMPLE = Path(__file__).parents[2] / "examples" / "first-group.yaml"


def test_the_operator_keeps_a_group_at_its_size(
    cluster: Cluster, namespace: str, kubectl: Callable[..., str], operator: Operators
) -> None:
    process = operator.start()
    process.wait_until_leading()
    kubectl("apply", f"--filename={EXAMPLE}")
    kubectl("wait", "--for=condition=Ready", "--timeout=30s", "scalinggroup/web")
    assert process.stop() == 0
