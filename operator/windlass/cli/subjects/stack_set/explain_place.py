"""Why an instance or a target is as it is, and what to do."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from windlass.api.stack_instance import StackInstanceStatus
from windlass.api.stacks import InstancePhase
from windlass.cli.operator_sign import SeenLease, Sign, read_leases
from windlass.cli.reading import Body, read_object
from windlass.cli.subjects.group.explanation import OPERATOR_ADVICE
from windlass.cli.subjects.stack_set import STACK_INSTANCE, STACK_SET, STACK_TARGET
from windlass.cli.subjects.stack_set.explain import operator_lines, operator_sign
from windlass.cli.subjects.stack_set.leaf import Leaf, to_leaf
from windlass.cli.subjects.stack_set.objects import drift_of, reached_by, said
from windlass.cli.subjects.stack_set.reading import World, part_of, read_world
from windlass.cli.subjects.stack_set.troubles import FAILURES
from windlass.cli.text import age, columns, in_sections
from windlass.cli.told import Told
from windlass.cluster.client import Client
from windlass.cluster.resources import STACK_INSTANCES
from windlass.planner.stackset.operation import plan_operation
from windlass.planner.stackset.reasons_instances import NoTarget
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.view import Operation
from windlass.planner.tasks import FINAL

# ---- an instance


async def explain_instance(client: Client, namespace: str, name: str) -> Told:
    """Why this instance is as it is."""
    body, leases = await asyncio.gather(read_object(client, STACK_INSTANCE, namespace, name), read_leases(client))
    return told_instance(await read_world(client, namespace, str(body["spec"]["stackSet"])), body, leases)


def told_instance(world: World, body: Body, leases: Sequence[SeenLease] | None) -> Told:
    """The explanation of an instance of this set."""
    leaf, status = to_leaf(body), StackInstanceStatus.model_validate(body.get("status") or {})
    target = world.targets.get(Place(leaf.region, leaf.account))
    operations = (each for each in world.view.operations if each.uid == body["spec"].get("operationUID"))
    operation, sign = next(operations, None), operator_sign(body, leases)
    message, waits = said(body, "instance"), list(_waits(world, body, leaf, operation))
    advice = list(_instance_advice(world, leaf, operation, target, sign))
    errors = [(each.object or "the instance", each.message) for each in status.errors]
    drifts = [(each.object, drift_of(each)) for each in status.drifted]

    def values() -> dict[str, Any]:
        return {
            **STACK_INSTANCE.summary(body),
            "message": message,
            "waits": waits,
            "rolledBack": status.rolled_back,
            "errors": [{"object": name, "message": problem} for name, problem in errors],
            "errorCount": status.error_count,
            "drifted": [{"object": name, "message": problem} for name, problem in drifts],
            "target": _target_line(leaf, target),
            "operator": {"state": sign.state, "message": sign.message},
            "advice": advice,
        }

    def lines() -> list[str]:
        place = f"{world.namespace}/{leaf.name}"
        where = f"{leaf.region}/{leaf.account} of {STACK_SET.kind} {leaf.stack_set}"
        head = [f"{STACK_INSTANCE.kind} {place}, {where}: {leaf.state}", f"  {message}"]
        sections = (
            ("Waiting for", waits),
            ("What went wrong", columns(errors)),
            ("Drifted", columns(drifts)),
            ("Target", [_target_line(leaf, target)]),
            ("Operator", operator_lines(sign)),
            ("What to do", advice),
        )
        return in_sections(head, sections)

    return Told(values=values, lines=lines)


def _waits(world: World, body: Body, leaf: Leaf, operation: Operation | None) -> Iterator[str]:
    if leaf.state is InstancePhase.RUNNING:
        minutes = body["spec"].get("timeoutMinutes", 30)
        yield f"what was begun {age(leaf.since, world.view.now)} ago; it may take {minutes} min"
    elif leaf.state is InstancePhase.WAITING and operation is not None and operation.status.phase not in FINAL:
        yield f"its turn in {operation.name}: {plan_operation(world.view_of(operation)).why}"


def _target_line(leaf: Leaf, target: Body | None) -> str:
    if target is None:
        return str(NoTarget(leaf.region, leaf.account))
    phase = part_of(target, "status").get("phase") or "Unknown"
    return f"{target['metadata']['name']}: {phase}: {said(target, 'target')}"


def _instance_advice(
    world: World, leaf: Leaf, operation: Operation | None, target: Body | None, sign: Sign
) -> Iterator[str]:
    of = f"-n {world.namespace}"
    if sign.state == "Absent":
        yield OPERATOR_ADVICE
    if target is None:
        yield f"create a StackTarget of region {leaf.region} and account {leaf.account}"
    elif part_of(target, "status").get("phase") not in {None, "", "Ready"}:
        yield f"see what is wrong there: kubectl windlass explain stacktarget {target['metadata']['name']} {of}"
    if operation is not None and operation.status.phase not in FINAL:
        yield f"see how far its operation is: kubectl windlass explain operation {operation.name} {of}"
    elif operation is not None and leaf.state in {*FAILURES, InstancePhase.CANCELLED}:
        yield f"mend that, and start it again: kubectl windlass retry operation {operation.name} {of}"
    if leaf.drifted:
        yield "put right what has drifted: start a StackSetOperation with action DeploySet"


# ---- a target


async def explain_target(client: Client, namespace: str, name: str) -> Told:
    """Why this target is as it is, and what is deployed to it."""
    body, leases, instances = await asyncio.gather(
        read_object(client, STACK_TARGET, namespace, name),
        read_leases(client),
        client.list(STACK_INSTANCES, namespace),
    )
    return told_target(body, instances.items, leases)


def told_target(body: Body, instances: Sequence[Body], leases: Sequence[SeenLease] | None) -> Told:
    """The explanation of a target, of the instances of its namespace."""
    metadata, spec, status = body["metadata"], body["spec"], part_of(body, "status")
    place = (spec["region"], spec["account"])
    here = [leaf for leaf in map(to_leaf, instances) if (leaf.region, leaf.account) == place]
    here.sort(key=lambda leaf: leaf.rank)
    sign, message, phase = operator_sign(body, leases), said(body, "target"), status.get("phase") or "Unknown"
    advice = list(_target_advice(metadata["namespace"], spec, phase, sign))

    def values() -> dict[str, Any]:
        return {
            **STACK_TARGET.summary(body),
            "message": message,
            "reachedBy": reached_by(spec),
            "checkedAt": status.get("checkedAt"),
            "instances": [
                {"name": leaf.name, "stackSet": leaf.stack_set, "state": str(leaf.state), "message": leaf.message}
                for leaf in here
            ],
            "operator": {"state": sign.state, "message": sign.message},
            "advice": advice,
        }

    def lines() -> list[str]:
        head = [
            f"{STACK_TARGET.kind} {metadata['namespace']}/{metadata['name']}, {'/'.join(place)}: {phase}",
            f"  {message}",
            f"  reached by {reached_by(spec)}",
        ]
        sections = (
            ("Instances", columns((leaf.name, str(leaf.state), leaf.message) for leaf in here)),
            ("Operator", operator_lines(sign)),
            ("What to do", advice),
        )
        return in_sections(head, sections)

    return Told(values=values, lines=lines)


def _target_advice(namespace: str, spec: Mapping[str, Any], phase: str, sign: Sign) -> Iterator[str]:
    if sign.state == "Absent":
        yield OPERATOR_ADVICE
    if phase not in {"Unreachable", "Stalled"}:
        return
    reference = spec["cluster"].get("kubeconfigSecretRef")
    if reference is not None:
        where = f"Secret {reference['name']}, key {reference.get('key', 'kubeconfig')}"
        yield f"look at the kubeconfig in {where}: kubectl describe secret {reference['name']} -n {namespace}"
    else:
        account = f"{spec.get('namespace', 'default')}/{spec.get('serviceAccountName', '')}"
        yield f"see that ServiceAccount {account} is there, and listed in stackTargets.impersonate of Windlass' chart"
