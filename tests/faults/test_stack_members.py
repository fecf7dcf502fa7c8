"""Stack sets at real API servers: members that are away, slow, silent or busy, operators that are killed or stopped, a
hub that does not answer, credentials that are exchanged, and values that nobody may see."""

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hack.cluster import Cluster
from tests.cluster.members import Member
from tests.cluster.operator_process import Installation, Operators
from tests.cluster.stack_world import TEMPLATE
from tests.faults.faults import failed_before, refused, swallowed, too_many
from tests.faults.proxy import Fault, Forward, Reply, Request, delayed
from tests.faults.stack_run import (
    SECOND,
    StackRun,
    is_apply,
    is_over,
    seconds,
    stack_run,
    wait_for_apply,
)

LIMIT = 60.0
KILLS = 4
QUOTES = """\
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {clusterIP: '${password}', ports: [{port: 80}]}
"""
LEASE_FLAGS = ("--lease=on", "--lease-retry-period=0.2", "--lease-renew-deadline=1.5", "--lease-duration=2")


@pytest.fixture(scope="module")
def stacks_installed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The chart, whose operators may reach members on this machine."""
    folder = tmp_path_factory.mktemp("stacks")
    installation = Installation(cluster, "windlass-stack-faults", folder, "--set=stackTargets.allowLocal=true")
    installation.install()
    yield installation
    installation.remove()


@pytest.fixture
def stack_operators(stacks_installed: Installation, tmp_path: Path) -> Iterator[Operators]:
    stacks_installed.forget_lease()
    operators = Operators(stacks_installed, tmp_path)
    try:
        yield operators
    finally:
        operators.end()


@pytest.fixture
def runs(
    cluster: Cluster, namespace: str, members: tuple[Member, ...], stack_operators: Operators, tmp_path: Path
) -> Iterator[Callable[[int], StackRun]]:
    """Makes a run with so many accounts in each region."""
    with ExitStack() as stack:
        yield lambda accounts: stack.enter_context(
            stack_run(cluster, namespace, members, stack_operators, tmp_path, accounts)
        )


# ---- the operator


def test_an_operator_that_is_killed_again_and_again_finishes_a_fan_out(runs: Callable[[int], StackRun]) -> None:
    run, moments = runs(15), random.Random(1)  # noqa: S311
    for region in run.members:
        run.harm(region, delayed(0.4), matches=is_apply)
    process = run.start()
    run.create(maxConcurrentCount=3)
    for _ in range(KILLS):
        over = sum(map(is_over, run.instances.now.values()))
        run.wait_until_over(over + 1)
        time.sleep(moments.uniform(0.0, 0.5))
        process.kill()
        assert sum(map(is_over, run.instances.now.values())) < 30, "it was too quick to be killed"
        process = run.start()
    status = run.world.wait_for_end("create", limit=LIMIT)
    assert (status["succeeded"], status["total"]) == (30, 30)
    run.kept_its_promises("create", 3)
    run.all_is_there()
    assert sum(run.applied(region).total() for region in run.members) <= 30 + 2 * 3 * KILLS, (
        "more was repeated than was under way"
    )


def test_a_leader_that_is_stopped_in_the_middle_writes_nothing_when_it_goes_on(runs: Callable[[int], StackRun]) -> None:
    run = runs(4)
    first = run.start(*LEASE_FLAGS, ready=False)
    first.wait_until_leading()
    second = run.start(*LEASE_FLAGS)
    second.wait_for_log("stands by")
    for region in run.members:
        run.harm(region, delayed(1.0), matches=is_apply)
    run.create(maxConcurrentCount=2)
    wait_for_apply(run, "eu")
    first.pause()
    run.world.wait_for_end("create")
    run.kept_its_promises("create", 2)
    run.all_is_there()

    seen = {region: len(member.proxy.seen) for region, member in run.members.items()}
    first.resume()
    first.wait_for_log("leads no longer")
    written = [each for region, since in seen.items() for each in run.members[region].proxy.seen[since:] if each.writes]
    assert written == []


def test_a_hub_that_does_not_answer_for_a_while_is_no_failure_of_anybody(runs: Callable[[int], StackRun]) -> None:
    run = runs(4)
    for region in run.members:
        run.harm(region, delayed(0.5), matches=is_apply)
    run.start()
    run.create(maxConcurrentCount=2)
    wait_for_apply(run, "eu", 2)
    run.proxy.refuse()
    time.sleep(3)
    run.proxy.accept()
    run.world.wait_for_end("create", limit=LIMIT)
    run.kept_its_promises("create", 2)
    run.all_is_there()
    assert set(run.applied("eu").values()) == {1}, "what had ended meanwhile was deployed again"


# ---- members


async def five_seconds_a_call(request: Request, forward: Forward) -> Reply:
    return await delayed(5.0)(request, forward)


@pytest.mark.parametrize("fault", [five_seconds_a_call, swallowed()], ids=["slow", "half-open"])
def test_a_member_in_trouble_delays_no_other(fault: Fault, runs: Callable[[int], StackRun]) -> None:
    run = runs(3)
    run.start()
    run.harm("eu", fault)
    run.create(maxConcurrentCount=3)
    began = time.monotonic()
    run.wait_until_over(3, 10)
    assert time.monotonic() - began <= SECOND + 2, "starting three takes less"
    assert all(is_over(each) and seconds(each) <= SECOND for each in run.at("us"))
    assert not any(is_over(each) for each in run.at("eu"))
    run.members["eu"].proxy.heal()
    run.world.wait_for_end("create", limit=LIMIT)
    run.kept_its_promises("create", 3)
    run.all_is_there()


def test_a_member_that_has_too_much_to_do_is_asked_again(runs: Callable[[int], StackRun]) -> None:
    run = runs(2)
    run.start()
    run.harm("eu", too_many(1), matches=is_apply, times=2)
    run.harm("eu", failed_before(), matches=is_apply, times=2)
    run.create(maxConcurrentCount=2)
    run.world.wait_for_end("create")
    run.all_is_there()


def test_a_member_that_is_killed_and_started_again_in_the_middle_is_finished(runs: Callable[[int], StackRun]) -> None:
    run = runs(4)
    run.harm("eu", delayed(0.5), matches=is_apply)
    run.start()
    run.create(maxConcurrentCount=2)
    wait_for_apply(run, "eu", 2)
    run.members["eu"].kill()
    run.instances.wait_for("us", lambda _: all(map(is_over, run.at("us"))) and len(run.at("us")) == 4, 10)
    run.members["eu"].start()
    run.world.wait_for_end("create", limit=LIMIT)
    run.kept_its_promises("create", 2)
    run.all_is_there()


def test_credentials_that_are_exchanged_between_two_instances_are_taken(
    runs: Callable[[int], StackRun], tmp_path: Path
) -> None:
    run = runs(3)
    member, world = run.members["eu"], run.world
    old = member.kubeconfig
    folder = tmp_path / "new"
    folder.mkdir()
    given = member.access.write_token_kubeconfig("kube-system", "administrator", folder / "kubeconfig")
    new = member.proxy.kubeconfig(given, folder).read_text()
    assert new != old
    run.harm("eu", delayed(0.5), matches=is_apply)
    run.start()
    run.create(maxConcurrentCount=1)
    wait_for_apply(run, "eu")
    run.instances.wait_for("the first", lambda _: any(map(is_over, run.at("eu"))))
    token = json.loads(old)["users"][0]["user"]["token"]
    unauthorized = refused(401, "Unauthorized", "Unauthorized")
    member.proxy.inject(unauthorized, lambda asked: asked.headers["authorization"].endswith(token), None)
    for account in run.accounts:
        world.secret(f"eu-{account}", new)
    world.wait_for_end("create", limit=LIMIT + 60)
    run.kept_its_promises("create", 1)
    run.all_is_there()


# ---- values that nobody may see


def test_a_sensitive_value_is_nowhere(runs: Callable[[int], StackRun], cluster: Cluster) -> None:
    """Neither where all goes well nor where the member refuses an object by quoting it."""
    value = "hunter2-is-the-word"
    run = runs(1)
    world, process = run.world, run.start()
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: shop}\nstringData: {password: '${password}'}\n"
    world.stack_set(
        template={"manifests": TEMPLATE + secret},
        variables='greeting = "hello"\n',
        variablesFrom={"secretRef": {"name": "passwords", "key": "t"}},
        sensitiveVariables=["password"],
    )
    world.cluster.apply(
        world.path("secrets", group="/api/v1"),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "passwords"},
            "stringData": {"t": f'password = "{value}"\n'},
        },
    )
    run.operate("create", "CreateInstances")
    world.wait_for_end("create")
    world.patch("stacksets", "shop", {"template": {"manifests": TEMPLATE + QUOTES}})
    run.operate("quotes", "DeploySet", failureToleranceCount=0)
    world.wait_for_end("quotes", "Failed")
    assert "hidden" in world.instances()["eu", "a00"]["status"]["message"]
    run.operate("look", "DetectDrift")
    world.wait_for_end("look")
    assert value not in process.log
    assert value not in process.get("/metrics")[1]
    assert process.stop() == 0, "its events are written by now"
    found = everything_but_snapshots(run)
    assert {name.partition(" ")[0] for name in found} >= {"StackInstance", "StackSetOperation", "Event", "ConfigMap"}
    for where, text in found.items():
        assert value not in text, where


def everything_but_snapshots(run: StackRun) -> dict[str, str]:
    """Every object of the namespace as text, but the Secrets that hold variables: people's own, and snapshots."""
    kubectl = run.world.cluster.kubectl
    kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    listed = json.loads(kubectl("get", ",".join(kinds), "-o", "json", f"--namespace={run.world.namespace}"))
    named = {f"{body['kind']} {body['metadata']['name']}": json.dumps(body) for body in listed["items"]}
    return {name: text for name, text in named.items() if not re.fullmatch(r"Secret (passwords|shop-[vo]-\w+)", name)}
