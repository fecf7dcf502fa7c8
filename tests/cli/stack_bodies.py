"""Stack sets and what belongs to them as an API server hands them out, and one that is its own member cluster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.cli.test_subjects import Served
from tests.cluster_client.objects import Answer, Objects
from tests.controllers.stack_member import MemberApi
from windlass.api.common import GROUP
from windlass.api.stacks import STACK_SET_LABEL
from windlass.cli.subjects import SUBJECTS

Body = dict[str, Any]

NOON = "2026-01-15T12:00:00Z"
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: shop
data:
  greeting: ${greeting}
  region: ${windlass.region}
"""
HELLO = 'greeting = "hello"\n'


def made(name: str, spec: Body, status: Mapping[str, Any] | None = None, **metadata: Any) -> Body:
    meta = {"namespace": "default", "name": name, "uid": f"uid-{name}", "generation": 1, "creationTimestamp": NOON}
    body: Body = {"metadata": meta | metadata, "spec": spec}
    return body if status is None else body | {"status": {"observedGeneration": 1, **status}}


def stack_set(status: Mapping[str, Any] | None = None, name: str = "shop", **spec: Any) -> Body:
    return made(name, {"template": {"manifests": TEMPLATE}, "variables": HELLO, **spec}, status)


def operation(
    name: str, action: str = "DeploySet", status: Mapping[str, Any] | None = None, *, at: str = NOON, **spec: Any
) -> Body:
    return made(name, {"stackSet": "shop", "action": action, **spec}, status, creationTimestamp=at)


def region(name: str, total: int, **counts: int) -> Body:
    return {"region": name, "total": total, "tolerance": 0, "concurrency": 1, **counts}


def begun(*regions: Body, phase: str = "Running", **status: Any) -> Body:
    """The status of an operation that has marked its instances."""
    total = sum(each["total"] for each in regions)
    shown = {"phase": phase, "startTime": NOON, "prepared": True, "message": "so it goes", **status}
    return {"regions": list(regions), "total": total, "order": [each["region"] for each in regions], **shown}


def instance(region: str, account: str, phase: str = "OPERATION_COMPLETE", *, of: str = "first", **status: Any) -> Body:
    spec = {
        "stackSet": "shop",
        "region": region,
        "account": account,
        "operation": of,
        "operationUID": f"uid-{of}",
        "template": "shop-t-1",
        "variables": "shop-v-1",
    }
    stands = {"phase": phase, "operationUID": f"uid-{of}", **status}
    return made(f"shop.{region}.{account}", spec, stands, labels={STACK_SET_LABEL: "shop"})


def target(region: str, account: str, status: Mapping[str, Any] | None = None, **spec: Any) -> Body:
    reached = {"cluster": {"inCluster": {}}, "serviceAccountName": "deployer"}
    return made(f"{region}-{account}", {"region": region, "account": account, **reached, **spec}, status)


class HubAndMember(Objects):
    """Windlass' own kinds and Leases as `Objects` has them; all else is a member cluster's."""

    def __init__(self) -> None:
        super().__init__()
        self.member = MemberApi()

    def answer(self, method: str, path: str, query: Mapping[str, str] | str, body: Any) -> Answer:
        if path.startswith((f"/apis/{GROUP}/", "/apis/coordination.k8s.io/")):
            return super().answer(method, path, query, body)
        return self.member.answer(method, path, query if isinstance(query, str) else urlencode(query), body)


class Hub(Served):
    """An API server with stack sets, whose targets are in it too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.api.objects = self.objects = HubAndMember()

    @property
    def member(self) -> MemberApi:
        return self.objects.member

    def holds(self, plural: str, *bodies: Body) -> None:
        for body in bodies:
            self.put(plural, body)

    def stored(self, plural: str) -> list[Body]:
        return self.objects.selected(plural)

    def writes(self) -> list[str]:
        """What was asked for that could change something."""
        return [
            f"{seen.method} {seen.path}"
            for seen in self.api.seen
            if seen.method != "GET" and "dryRun" not in seen.query
        ]

    def says(self, line: str, capsys: Any) -> tuple[int, str]:
        """The exit code, and all that was said."""
        code = self.windlass(line, SUBJECTS)
        captured = capsys.readouterr()
        return code, captured.out + captured.err
