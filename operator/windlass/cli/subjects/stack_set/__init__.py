"""Stack sets on the command line: the words of their four kinds, and the modules that answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from windlass.cli.subject import Body, Column, Subject

if TYPE_CHECKING:
    from windlass.api.common import Kind
    from windlass.cli.live import Feed
    from windlass.cli.manifests import Proposed
    from windlass.cli.told import Outlook, Shown, Told
    from windlass.cluster.client import Client


def _row(body: Body, **of_kind: Any) -> dict[str, Any]:
    metadata = body["metadata"]
    named = {"namespace": metadata["namespace"], "name": metadata["name"], "createdAt": metadata["creationTimestamp"]}
    return named | of_kind | {"message": _status(body).get("message", "")}


def _status(body: Body) -> Mapping[str, Any]:
    return body.get("status") or {}


class StackSets(Subject):
    """Sets: what they start by themselves is what `plan` shows of them."""

    singular, plural, kind = "stackset", "stacksets", "StackSet"
    also = frozenset({"sset"})
    columns = (
        Column("INSTANCES", "instances"),
        Column("CURRENT", "current"),
        Column("FAILED", "failed"),
        Column("DRIFTED", "drifted"),
        Column("OPERATION", "operation"),
        Column("PHASE", "phase"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """The set's alone."""
        from windlass.api import stack_set

        return (stack_set.KIND,)

    def summary(self, body: Body) -> dict[str, Any]:
        """One set for programs, as its status has it."""
        status = _status(body)
        counts = {field: status.get(field, 0) for field in ("instances", "current", "failed", "cancelled", "drifted")}
        return _row(body, **counts, operation=status.get("operation", ""), phase=status.get("phase", ""))

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The set with its regions and instances, and the operation that runs."""
        from windlass.cli.subjects.stack_set.picture import read_picture, shown

        return shown(await read_picture(client, body))

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, as watches show it."""
        from windlass.cli.subjects.stack_set.picture import feed, shown

        return feed(client, body, shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """What the set would start by itself, and what that would do."""
        from windlass.cli.subjects.stack_set.start import plan_set

        return await plan_set(client, namespace, name)

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """The same of the sets among these."""
        from windlass.cli.subjects.stack_set.start import plan_sets

        return await plan_sets(client, proposed)

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why the set is as it is."""
        from windlass.cli.subjects.stack_set.explain import explain_set

        return await explain_set(client, namespace, name)


class StackSetOperations(Subject):
    """Operations: they can be stopped, and tried again."""

    singular, plural, kind = "operation", "operations", "StackSetOperation"
    also = frozenset({"sop", "stacksetoperation", "stacksetoperations"})
    verbs = frozenset({"get", "plan", "explain", "stop", "retry"})
    columns = (
        Column("STACKSET", "stackSet"),
        Column("ACTION", "action"),
        Column("PHASE", "phase"),
        Column("%", "percentage"),
        Column("DONE", "progress"),
        Column("FAILED", "failed"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """The operation's alone."""
        from windlass.api import stack_set_operation

        return (stack_set_operation.KIND,)

    def summary(self, body: Body) -> dict[str, Any]:
        """One operation for programs, as its status has it."""
        spec, status = body["spec"], _status(body)
        names = ("percentage", "succeeded", "failed", "cancelled", "total")
        counts = {field: status.get(field, 0) for field in names}
        return _row(
            body,
            stackSet=spec["stackSet"],
            action=spec["action"],
            phase=status.get("phase", "Pending"),
            **counts,
            progress=f"{counts['succeeded']}/{counts['total']}",
        )

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The operation as its status tells of it."""
        from windlass.cli.subjects.stack_set.objects import operation_shown

        return operation_shown(body)

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, as a watch shows it."""
        from windlass.cli.subjects.stack_set.objects import alone, operation_shown

        return alone(client, self, body, operation_shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """What it would do from now on, and to which targets."""
        from windlass.cli.subjects.stack_set.plan import plan_operation_named

        return await plan_operation_named(client, namespace, name)

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """The same of the operations among these."""
        from windlass.cli.subjects.stack_set.plan import plan_operations

        return await plan_operations(client, proposed)

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why the operation is as it is."""
        from windlass.cli.subjects.stack_set.explain import explain_operation

        return await explain_operation(client, namespace, name)


class StackInstances(Subject):
    """Instances: operations make them, so nothing is planned for one alone."""

    singular, plural, kind = "stackinstance", "stackinstances", "StackInstance"
    also = frozenset({"sinst"})
    columns = (
        Column("STACKSET", "stackSet"),
        Column("REGION", "region"),
        Column("ACCOUNT", "account"),
        Column("STATE", "state"),
        Column("DRIFT", "drift"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """The instance's alone."""
        from windlass.api import stack_instance

        return (stack_instance.KIND,)

    def summary(self, body: Body) -> dict[str, Any]:
        """One instance for programs."""
        from windlass.cli.subjects.stack_set.leaf import to_leaf

        leaf = to_leaf(body)
        return _row(
            body,
            stackSet=leaf.stack_set,
            region=leaf.region,
            account=leaf.account,
            state=leaf.state,
            drift=leaf.drift,
            operation=body["spec"].get("operation", ""),
        )

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The instance with its errors, and what differs in its target."""
        from windlass.cli.subjects.stack_set.objects import instance_shown

        return instance_shown(body)

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, as a watch shows it."""
        from windlass.cli.subjects.stack_set.objects import alone, instance_shown

        return alone(client, self, body, instance_shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """That operations do something to it, and nothing else does."""
        from windlass.cli.reading import read_object
        from windlass.cli.subjects.stack_set.start import plan_instance

        return plan_instance(await read_object(client, self, namespace, name))

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """The same of the instances among these."""
        from windlass.cli.subjects.stack_set.start import plan_instance

        return [plan_instance(each.document.manifest) for each in proposed if each.document.kind == self.kind]

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why the instance is as it is."""
        from windlass.cli.subjects.stack_set.explain_place import explain_instance

        return await explain_instance(client, namespace, name)


class StackTargets(Subject):
    """Targets: which sets would start something because of one is what `plan` shows of it."""

    singular, plural, kind = "stacktarget", "stacktargets", "StackTarget"
    also = frozenset({"starget"})
    columns = (
        Column("REGION", "region"),
        Column("ACCOUNT", "account"),
        Column("UNIT", "unit"),
        Column("PHASE", "phase"),
        Column("VERSION", "version"),
    )

    def models(self) -> "tuple[Kind, ...]":
        """The target's alone."""
        from windlass.api import stack_target

        return (stack_target.KIND,)

    def summary(self, body: Body) -> dict[str, Any]:
        """One target for programs."""
        spec, status = body["spec"], _status(body)
        return _row(
            body,
            region=spec["region"],
            account=spec["account"],
            unit=spec.get("organizationalUnit", ""),
            phase=status.get("phase", ""),
            version=status.get("version", ""),
        )

    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The target, and whether its cluster answers."""
        from windlass.cli.subjects.stack_set.objects import target_shown

        return target_shown(body)

    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, as a watch shows it."""
        from windlass.cli.subjects.stack_set.objects import alone, target_shown

        return alone(client, self, body, target_shown)

    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """Which sets would start something as things are."""
        from windlass.cli.subjects.stack_set.start import plan_target

        return await plan_target(client, namespace, name)

    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """Which sets would start something because of the targets among these."""
        from windlass.cli.subjects.stack_set.start import plan_targets

        return await plan_targets(client, proposed)

    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why the target is as it is."""
        from windlass.cli.subjects.stack_set.explain_place import explain_target

        return await explain_target(client, namespace, name)


STACK_SET, OPERATION, STACK_INSTANCE, STACK_TARGET = StackSets(), StackSetOperations(), StackInstances(), StackTargets()
