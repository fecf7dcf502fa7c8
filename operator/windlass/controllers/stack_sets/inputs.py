"""Reads what a stack set is deployed from: template, variables and overrides, checked as a whole."""

import asyncio
from collections.abc import Iterable, Mapping

from windlass.api.stack_set_operation import Overrides
from windlass.api.stacks import FileReference, VariablesFile
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, Refused
from windlass.cluster.resources import CONFIG_MAPS, SECRETS, Resource
from windlass.cluster.snapshots import Snapshots, text_in
from windlass.planner.reason import Reason
from windlass.planner.reason import names as all_names
from windlass.planner.stackset.naming import snapshot_name
from windlass.planner.stackset.reasons import FileMissing, FileRefused
from windlass.planner.stackset.reasons_variables import UnknownVariables
from windlass.planner.stackset.render import MOST_NAMED, names_in
from windlass.planner.stackset.tfvars import Value, as_tfvars, parse
from windlass.planner.stackset.variables import merged, overridden, recorded, still_fit
from windlass.planner.stackset.view import Inputs, Sources, StackInstance, StackSet


class InputReader:
    """Reads the inputs of sets, live."""

    def __init__(self, client: Client, snapshots: Snapshots) -> None:
        self._client = client
        self._snapshots = snapshots

    async def read(
        self,
        namespace: str,
        stack_set: StackSet,
        instances: Iterable[StackInstance],
        overrides: Overrides | None = None,
    ) -> Inputs | Reason:
        """What the set is deployed from now, or why it cannot be. `instances`: all of the set: their overrides have to
        fit the set's variables."""
        template = await self._template(namespace, stack_set)
        if isinstance(template, Reason):
            return template
        names = await asyncio.to_thread(names_in, template)
        if isinstance(names, Reason):
            return names
        file = await self._file(namespace, stack_set.spec.variables_from)
        if isinstance(file, Reason):
            return file
        variables = await asyncio.to_thread(recorded, stack_set.spec.variables, file)
        if isinstance(variables, Reason):
            return variables
        undefined = tuple(sorted(names - variables.keys()))
        if undefined:
            return UnknownVariables(all_names(undefined, MOST_NAMED))
        unfit = await asyncio.to_thread(still_fit, variables, await self._overridden(namespace, instances))
        if unfit is not None:
            return unfit
        own = None
        if overrides is not None:
            inline = stack_set.spec.variables_from is None and overrides.variables_from is None
            own = await self._overrides(namespace, variables, overrides, inline=inline)
        if isinstance(own, Reason):
            return own
        return await self._named(namespace, stack_set, template, variables, own)

    async def _named(
        self,
        namespace: str,
        stack_set: StackSet,
        template: str,
        variables: Mapping[str, Value],
        overrides: Mapping[str, Value] | None,
    ) -> Inputs:
        texts = {"t": template, "v": as_tfvars(variables)}
        if overrides:
            texts["o"] = as_tfvars(overrides)
        named: dict[str, str] = {}
        for letter, text in texts.items():
            digest = await self._snapshots.digest(namespace, stack_set.name, stack_set.uid, text)
            named[letter] = snapshot_name(stack_set.name, letter, digest)
        return Inputs(
            Sources(named["t"], named["v"], named.get("o", "")),
            frozenset(variables),
            {named[letter]: text for letter, text in texts.items()},
        )

    async def _overridden(
        self, namespace: str, instances: Iterable[StackInstance]
    ) -> Mapping[str, Mapping[str, Value]]:
        """The own values of each instance that has any; those that came from one operation are one object."""
        read: dict[str, Mapping[str, Value]] = {}
        found: dict[str, Mapping[str, Value]] = {}
        for each in instances:
            snapshot = each.sources.overrides
            if not snapshot or each.removing:
                continue
            if snapshot not in read:
                try:
                    values = parse(await self._snapshots.read("Secret", namespace, snapshot))
                except Gone:
                    continue  # its next deployment fails, and says so
                read[snapshot] = {} if isinstance(values, Reason) else values
            found[each.name] = read[snapshot]
        return found

    async def _overrides(
        self, namespace: str, variables: Mapping[str, Value], given: Overrides, *, inline: bool
    ) -> Mapping[str, Value] | Reason:
        file = await self._file(namespace, given.variables_from)
        if isinstance(file, Reason):
            return file
        found = overridden(frozenset(variables), given.variables, file, given.use_stack_set_variables)
        if isinstance(found, Reason):
            return found
        together = merged(variables, found, inline=inline)
        return together if isinstance(together, Reason) else found

    async def _template(self, namespace: str, stack_set: StackSet) -> str | Reason:
        template = stack_set.spec.template
        if template.manifests is not None:
            return template.manifests
        if template.config_map_ref is None:
            return FileMissing("the template", "it has neither manifests nor configMapRef")
        return await self._text(CONFIG_MAPS, namespace, template.config_map_ref)

    async def _file(self, namespace: str, file: VariablesFile | None) -> str | Reason | None:
        if file is None:
            return None
        if file.config_map_ref is not None:
            return await self._text(CONFIG_MAPS, namespace, file.config_map_ref)
        return await self._text(SECRETS, namespace, file.secret_ref) if file.secret_ref is not None else None

    async def _text(self, resource: Resource, namespace: str, reference: FileReference) -> str | Reason:
        try:
            body = await self._client.get(resource, namespace, reference.name)
        except Gone:
            return FileMissing(f"{resource.kind} {reference.name}", "it is not there")
        except Refused as error:
            return FileRefused(f"{resource.kind} {reference.name}", error.detail)
        text = text_in(body, reference.key)
        if text is None:
            return FileMissing(f"{resource.kind} {reference.name}", f"it has no text under the key {reference.key}")
        return text
