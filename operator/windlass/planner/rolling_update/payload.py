"""What an update does on each instance: its own payload, or what undoes that of an earlier one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.api.rolling_update import (
    MAX_SCRIPT,
    ImageUpdate,
    Invocation,
    PackageAction,
    PackageUpdate,
    RollingUpdateSpec,
    ScriptUpdate,
    UpdateKind,
)
from windlass.planner.digest import digest
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.reasons import (
    EarlierGone,
    EarlierNotOver,
    EarlierOfAnother,
    NothingToGoBackTo,
    PackageScriptMissing,
    PackageSourceMissing,
)
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.resolve import MAIN_CONTAINER
from windlass.planner.tasks import FINAL

Packages = Mapping[str, Mapping[str, str] | None]


@dataclass(frozen=True, slots=True)
class NewImage:
    """Another image for a container; None: the main one."""

    container: str | None
    image: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is run in a container; None: in the main one. `again`: it may run twice on an instance.

    `digest` tells it from any other.
    """

    container: str | None
    arguments: tuple[str, ...]
    seconds: int
    again: bool
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Tells it from any other."""
        return digest([self.arguments, dict(self.environment)])


Payload = NewImage | Command


def earlier_of(update: Update, updates: Iterable[Update]) -> Update | Reason | None:
    """The update that is to be undone; None where none is; why it cannot be where it cannot."""
    if update.spec.invoke is not Invocation.ROLLBACK:
        return None
    name = update.spec.rollback_of or ""
    earlier = next((each for each in updates if each.name == name and each.uid != update.uid), None)
    if earlier is None:
        return EarlierGone(name)
    if earlier.spec.kind is not update.spec.kind:
        return EarlierOfAnother(name, earlier.spec.kind.value, update.spec.kind.value)
    if earlier.status.phase not in FINAL:
        return EarlierNotOver(name)
    return earlier


def brings_own(spec: RollingUpdateSpec) -> bool:
    """Whether it says itself what is done, whatever it undoes."""
    return (spec.image or spec.script or spec.package) is not None


def payload_of(spec: RollingUpdateSpec, earlier: Update | None, packages: Packages) -> Payload | Reason:
    """What is done on each instance. `earlier`: what is undone. `packages`: the data of ConfigMaps by name."""
    match spec.kind:
        case UpdateKind.IMAGE:
            return _image(spec.image, earlier)
        case UpdateKind.SCRIPT:
            return _script(spec.script, earlier)
        case UpdateKind.PACKAGE:
            return _package(spec.package, earlier, packages)


def _image(own: ImageUpdate | None, earlier: Update | None) -> Payload | Reason:
    if own is not None:
        return NewImage(own.container, own.image)
    before = earlier.spec.image if earlier is not None else None
    if earlier is None or before is None or before.rollback_image is None:
        return NothingToGoBackTo(earlier.name if earlier is not None else "", "image.rollbackImage")
    return NewImage(before.container, before.rollback_image)


def _script(own: ScriptUpdate | None, earlier: Update | None) -> Payload | Reason:
    script = own or (earlier.spec.script if earlier is not None else None)
    run = own.run if own is not None else script.rollback if script is not None else None
    if script is None or run is None:
        return NothingToGoBackTo(earlier.name if earlier is not None else "", "script.rollback")
    return Command(script.container, (*script.command, run), script.timeout_seconds, script.idempotent)


def _package(own: PackageUpdate | None, earlier: Update | None, packages: Packages) -> Payload | Reason:
    package = own or (earlier.spec.package if earlier is not None else None)
    if package is None:
        return NothingToGoBackTo(earlier.name if earlier is not None else "", "package")
    installs = (package.action is PackageAction.INSTALL) == (own is not None)
    data = packages.get(package.source)
    if data is None:
        return PackageSourceMissing(package.source)
    key = "install" if installs else "uninstall"
    script = data.get(key, "")
    if not script or len(script.encode()) > MAX_SCRIPT:
        return PackageScriptMissing(package.source, key, MAX_SCRIPT)
    return Command(
        package.container,
        ("/bin/sh", "-c", script),
        package.timeout_seconds,
        package.idempotent,
        {"PACKAGE_NAME": package.name, "PACKAGE_VERSION": package.version},
    )


def package_source(spec: RollingUpdateSpec, earlier: Update | None) -> str | None:
    """The ConfigMap that it needs, if any."""
    package = spec.package or (earlier.spec.package if earlier is not None else None)
    return package.source if package is not None and spec.kind is UpdateKind.PACKAGE else None


def container_of(payload: Payload, configuration: Mapping[str, Any]) -> str | None:
    """The name of the container that it is about; None where nothing tells."""
    if payload.container is not None:
        return payload.container
    template = configuration.get("template")
    if not isinstance(template, Mapping):
        return None
    names = (str(each.get("name")) for each in (template.get("spec") or {}).get("containers") or ())
    main = ((template.get("metadata") or {}).get("annotations") or {}).get(MAIN_CONTAINER)
    return main or next(names, None)
