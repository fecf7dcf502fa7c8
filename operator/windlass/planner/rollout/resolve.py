"""What new instances are made from: a configuration with an image and containers' settings on top."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from windlass.planner.reason import Reason
from windlass.planner.rollout.reasons import NoContainers, UnknownContainer, UnknownMainContainer

MAIN_CONTAINER = "kubectl.kubernetes.io/default-container"  # annotation; kubectl's logs and exec go by it

_Container = Mapping[str, Any]


class Variable(Protocol):
    """An environment variable."""

    @property
    def key(self) -> str:
        """Its name."""

    @property
    def value(self) -> str:
        """Its value."""


class ContainerChange(Protocol):
    """What changes in the container of that name; None: stays as it is."""

    @property
    def name(self) -> str:
        """Whose settings these are."""

    @property
    def image(self) -> str | None:
        """Its image."""

    @property
    def command(self) -> Sequence[str] | None:
        """Its entrypoint, as a whole; empty: the image's own."""

    @property
    def args(self) -> Sequence[str] | None:
        """The entrypoint's arguments, as a whole; empty: the image's own."""

    @property
    def environment(self) -> Sequence[Variable] | None:
        """Variables to set; all others stay, because those from Secrets and fields cannot be said here."""


def resolve(
    configuration: Mapping[str, Any], image: str | None = None, changes: Iterable[ContainerChange] = ()
) -> Mapping[str, Any] | Reason:
    """The spec of a ScalingConfiguration with `image` on its main container and then the changes, in their order.

    What changes nothing gives equal data. A container that is not there is a reason why not; nothing is changed then.
    The given configuration is left as it is.
    """
    template = configuration["template"]
    containers: list[_Container] = list((template.get("spec") or {}).get("containers") or ())
    if image is not None:
        main = _main(template, containers)
        if isinstance(main, Reason):
            return main
        containers[main] = {**containers[main], "image": image}
    for change in changes:
        names = [str(container.get("name")) for container in containers]
        if change.name not in names:
            return UnknownContainer(change.name, tuple(names)) if names else NoContainers()
        index = names.index(change.name)
        containers[index] = _changed(containers[index], change)
    if not containers:
        return configuration
    return {**configuration, "template": {**template, "spec": {**template["spec"], "containers": containers}}}


def _main(template: Mapping[str, Any], containers: Sequence[_Container]) -> int | Reason:
    """Where the main container is: the one that the annotation names, without it the first."""
    if not containers:
        return NoContainers()
    name = ((template.get("metadata") or {}).get("annotations") or {}).get(MAIN_CONTAINER)
    if name is None:
        return 0
    found = (index for index, container in enumerate(containers) if container.get("name") == name)
    return next(found, UnknownMainContainer(MAIN_CONTAINER, str(name)))


def _changed(container: _Container, change: ContainerChange) -> _Container:
    given = {"image": change.image, "command": change.command, "args": change.args}
    changed = dict(container)
    for key, value in given.items():
        if isinstance(value, str):
            changed[key] = value
        elif value:
            changed[key] = list(value)
        elif value is not None:  # an empty list is the same as none, and must not look like a change
            changed.pop(key, None)
    if change.environment:
        changed["env"] = _with_variables(container.get("env") or (), change.environment)
    return changed


def _with_variables(env: Iterable[Mapping[str, Any]], variables: Iterable[Variable]) -> list[Mapping[str, Any]]:
    """Set where they are, as later variables may refer to them; new ones at the end."""
    known = {str(entry.get("name")): entry for entry in env}
    known.update({variable.key: {"name": variable.key, "value": variable.value} for variable in variables})
    return list(known.values())
