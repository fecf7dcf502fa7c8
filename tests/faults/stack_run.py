"""A stack set over many namespaces of two members, operators that ask the hub by way of a proxy, and what must hold of
every moment of it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hack.cluster import Cluster, wait_until
from tests.cluster.members import Member
from tests.cluster.operator_process import OperatorProcess, Operators
from tests.cluster.stack_world import TEMPLATE, StackWorld
from tests.cluster.witness import Object, Witness
from tests.faults.proxy import Fault, Proxy, Request

REGIONS = ("eu", "us")
RUNNING = "OPERATION_IN_PROGRESS"
OVER = frozenset({"OPERATION_COMPLETE", "OPERATION_FAILED", "CANCEL_COMPLETE", "INOPERABLE"})
SECOND = 1.0  # so much a member in trouble may delay others


class StackRun:
    """One namespace of the hub; region eu is the first member, us the second, each account a namespace there."""

    def __init__(
        self,
        world: StackWorld,
        accounts: int,
        instances: Witness,
        proxy: Proxy,
        operators: Operators,
        folder: Path,
    ) -> None:
        self.world = world
        self.instances = instances
        self.proxy = proxy
        self.accounts = [f"a{number:02}" for number in range(accounts)]
        self.processes: list[OperatorProcess] = []
        self._operators = operators
        self._kubeconfig = proxy.kubeconfig(operators.installation.kubeconfig, folder)
        self.members: Mapping[str, Member] = dict(zip(REGIONS, world.members, strict=True))
        self.homes: dict[tuple[str, str], str] = {}
        for region, member in self.members.items():
            for account in self.accounts:
                home = self.homes[region, account] = member.new_namespace(f"shop-{account}")
                world.target(region, account, member, namespace=home)

    def start(self, *flags: str, ready: bool = True) -> OperatorProcess:
        where = (f"--kubeconfig={self._kubeconfig}", f"--namespaces={self.world.namespace}")
        process = self._operators.start(*where, "--lease=off", *flags, ready=ready)
        self.processes.append(process)
        return process

    def create(self, template: str = TEMPLATE, name: str = "create", **preferences: Any) -> None:
        """A set, and an operation that makes all its instances."""
        self.world.stack_set(template={"manifests": template})
        self.operate(name, "CreateInstances", **preferences)

    def operate(self, name: str, action: str, **preferences: Any) -> None:
        self.world.start(
            name, action, REGIONS, self.accounts, preferences={"regionConcurrencyType": "PARALLEL", **preferences}
        )

    def wait_until_over(self, number: int, limit: float = 30.0) -> None:
        """Until so many instances are over."""
        self.instances.wait_for(f"{number} that are over", lambda now: sum(map(is_over, now.values())) >= number, limit)

    def harm(self, region: str, fault: Fault, **which: Any) -> None:
        """It happens to all that is asked of this region's member."""
        self.members[region].proxy.inject(fault, which.get("matches", lambda _: True), which.get("times"))

    def applied(self, region: str) -> Counter[str]:
        """How often the stack's object was applied in each namespace of the region's member."""
        asked = self.members[region].proxy.seen
        return Counter(each.path.split("/")[4] for each in asked if is_apply(each))

    def at(self, region: str) -> list[Object]:
        """The region's instances."""
        return [each for each in self.instances.now.values() if each["spec"]["region"] == region]

    # ---- what must hold

    def kept_its_promises(self, operation: str, concurrency: int, tolerance: int = 0) -> None:
        """Each instance began once, no more at once than may, and none after more failures than are borne."""
        self.instances.catch_up()
        uid = self.world.get("stacksetoperations", operation)["metadata"]["uid"]
        began: Counter[str] = Counter()
        phases: dict[str, dict[str, str]] = defaultdict(dict)
        for name, body in self.instances.history:
            status = (body or {}).get("status", {})
            if body is None or status.get("operationUID") != uid:
                continue
            region, phase = phases[body["spec"]["region"]], status["phase"]
            before = region.get(name)
            region[name] = phase
            if phase == RUNNING and before != RUNNING:
                assert before not in OVER, f"{name} was begun again after {before}"
                began[name] += 1
                failed = Counter(region.values())["OPERATION_FAILED"]
                assert failed <= tolerance, f"{name} was begun after {failed} failures"
            running = Counter(region.values())[RUNNING]
            assert running <= concurrency, f"{running} at once in {body['spec']['region']}"
        assert set(began.values()) <= {1}, f"begun more than once: {began}"

    def all_is_there(self) -> None:
        """Every namespace holds the object and a list that names just that, written by nobody else, and once."""
        for region, account in self.homes:
            home = self.homes[region, account]
            assert self.world.held(region, account) is not None, f"nothing at {region}/{account}"
            (listed,) = self.world.lists(region, account)
            assert f'["","v1","ConfigMap","{home}","shop"]' in listed["data"]["objects"].replace(" ", "")
            path = f"/api/v1/namespaces/{home}/configmaps/shop"
            metadata = self.members[region].access.request("GET", path)["metadata"]
            (managed,) = metadata["managedFields"]
            assert (managed["manager"], managed["operation"]) == ("windlass", "Apply")
            assert managed["time"] == metadata["creationTimestamp"], "it was written again"


@contextmanager
def stack_run(
    cluster: Cluster,
    namespace: str,
    members: tuple[Member, ...],
    operators: Operators,
    folder: Path,
    accounts: int,
) -> Iterator[StackRun]:
    """A run whose instances are watched from the beginning."""
    world = StackWorld(cluster, namespace, members)
    with Proxy(cluster) as proxy, Witness(cluster, world.path("stackinstances")) as instances:
        yield StackRun(world, accounts, instances, proxy, operators, folder)


def is_over(instance: Object) -> bool:
    return instance.get("status", {}).get("phase") in OVER


def is_apply(request: Request) -> bool:
    return request.method == "PATCH" and request.path.endswith("/configmaps/shop")


def seconds(instance: Object) -> float:
    """How long it was worked at; the API server's times are whole seconds."""
    began, ended = (datetime.fromisoformat(instance["status"][field]) for field in ("startTime", "completionTime"))
    return (ended - began).total_seconds()


def wait_for_apply(run: StackRun, region: str, number: int = 1, limit: float = 20.0) -> None:
    """Until so many of a region's instances have been applied, or are on their way."""
    wait_until(lambda: len(run.applied(region)) >= number, limit, f"{number} in {region}")
