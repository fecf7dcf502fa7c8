"""ContainerGroup: one Pod whose parts can be updated in place."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from windlass.api.coded_rules import ROOM, Part, between, required, short
from windlass.api.common import (
    MAX_SECONDS,
    Column,
    Condition,
    Kind,
    ObjectName,
    Observed,
    Rule,
    Sentence,
    Time,
)
from windlass.api.containers import (
    MAX_VOLUMES,
    Container,
    DnsConfig,
    InitContainer,
    Label,
    Size,
    Volume,
    container_rules,
    dns_rules,
    probe_rules,
    size_rules,
    volume_rules,
)
from windlass.api.scaling_group import Tag

MAX_CONTAINERS = 20
MAX_INIT_CONTAINERS = 10
MAX_TOKEN = 64  # spec/container-group.md
MAX_PARTS = 64  # more than a spec and the one before it have together


class Phase(StrEnum):
    """What a container group is doing: `status.phase`."""

    PENDING = "Pending"
    RUNNING = "Running"
    UPDATING = "Updating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Disruption(StrEnum):
    """The ways to apply an update, the least disruptive first."""

    METADATA = "Metadata"
    RESIZE = "Resize"
    RESTART_CONTAINER = "RestartContainer"
    RECREATE = "Recreate"


class UpdateResult(StrEnum):
    """How an update ended."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    REFUSED = "Refused"


class RestartPolicy(StrEnum):
    """Which containers are started again when they end."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class GroupTag(Tag, Part):
    """A key and a value that the group's Pod carries."""


class ImageRegistryCredential(Part):
    """What a registry asks for before it gives an image."""

    secret_name: ObjectName
    """Required. Name of a Secret in the same namespace, of type kubernetes.io/dockerconfigjson, which holds the
    registry's address, user and password: what `kubectl create secret docker-registry` makes."""


class UpdateSettings(Part):
    """How updates are applied."""

    most_disruptive_allowed: Disruption = Disruption.RECREATE
    """The most that an update may do: Metadata and Resize restart nothing; RestartContainer restarts the containers
    whose image changes; Recreate makes the Pod anew. An update that needs more is refused as a whole."""
    deadline_seconds: int = 300
    """An update that is not done after this long has failed, and can be corrected: 1 to 86400 s."""


class ContainerGroupSpec(Part):
    """What is wanted of the group. An update gives lists and structures as a whole."""

    display_name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """A name for people: 1 to 128 characters."""
    size: Size
    """Required. The group's own size, into which its containers fit. Cannot be changed."""
    restart_policy: RestartPolicy = RestartPolicy.ALWAYS
    """Which containers are started again when they end: Always all; OnFailure those that failed; Never none."""
    containers: Annotated[tuple[Container, ...], Field(max_length=MAX_CONTAINERS)]
    """Required. The containers: 1 to 20."""
    init_containers: Annotated[tuple[InitContainer, ...], Field(max_length=MAX_INIT_CONTAINERS)] = ()
    """Containers that run to their end before the others start, one after the other: at most 10."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=MAX_VOLUMES)] = ()
    """What containers can mount: at most 20. Names can be added and taken away only together with a change of the
    containers."""
    dns_config: Annotated[DnsConfig | None, Field(json_schema_extra={"x-kubernetes-map-type": "atomic"})] = None
    """How the containers look names up."""
    image_registry_credentials: Annotated[tuple[ImageRegistryCredential, ...], Field(max_length=10)] = ()
    """What registries ask for before they give an image: at most 10."""
    tags: Annotated[tuple[GroupTag, ...], Field(max_length=10)] = ()
    """At most 10 tags that the Pod carries as annotations tag.windlass.dev/<key>, and as labels."""
    client_token: Annotated[str, Field(min_length=1, max_length=ROOM * MAX_TOKEN, pattern=r"^[ -~]+$")] | None = None
    """Names the request that gave the spec; the status says it with the update that came of it. At most 64 printable
    ASCII characters."""
    update: UpdateSettings = UpdateSettings()
    """How updates are applied."""


class ContainerStatus(Observed):
    """How one container is, as the node reports it."""

    name: Label
    """The container."""
    state: Annotated[str, Field(max_length=32)] = ""
    """Waiting, Running or Terminated."""
    reason: Annotated[str, Field(max_length=128)] = ""
    """Why it waits or ended, in one word."""
    ready: bool = False
    """Whether it is ready."""
    restart_count: int = 0
    """How often it was started again."""
    image: Annotated[str, Field(max_length=1024)] = ""
    """The image that it runs."""
    cpu: Annotated[str, Field(max_length=32)] = ""
    """How much CPU it has."""
    memory: Annotated[str, Field(max_length=32)] = ""
    """How much memory it has."""


PartName = Annotated[str, Field(max_length=96)]


class AppliedPart(Observed):
    """One part of the spec as it was applied last."""

    part: PartName
    """tags, imageRegistryCredentials, containers/<name>, initContainers, volumes, dnsConfig or restartPolicy."""
    digest: Annotated[str, Field(max_length=64)]
    """Tells it from what it was before: a SHA-256."""


class UpdateStatus(Observed):
    """The update that runs, or the last one (then with `endTime`). Written before it acts."""

    generation: int
    """The generation of the spec that it applies."""
    client_token: Annotated[str, Field(max_length=MAX_TOKEN)] = ""
    """The clientToken of that spec."""
    parts: Annotated[tuple[PartName, ...], Field(max_length=MAX_PARTS)] = ()
    """The parts that differ from what was applied before."""
    disruption: Disruption | None = None
    """The way in which it is applied; unset where nothing differs."""
    restarted_containers: Annotated[tuple[Label, ...], Field(max_length=MAX_CONTAINERS + MAX_INIT_CONTAINERS)] = ()
    """The containers that it restarted."""
    start_time: Time
    """When it began."""
    end_time: Time | None = None
    """When it ended."""
    result: UpdateResult | None = None
    """Successful, Failed, or Refused: nothing was done."""
    reason: Sentence = ""
    """Why it ended so, in one sentence."""


class ContainerGroupStatus(Observed):
    """How the group is."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: Phase = Phase.PENDING
    """Pending: its containers do not all run yet; Running; Updating; Succeeded or Failed: all containers ended, and are
    not started again."""
    message: Sentence = ""
    """The most useful sentence about the group now."""
    pod_name: Annotated[str, Field(max_length=253)] = ""
    """The group's Pod."""
    pod_ip: Annotated[str, Field(alias="podIP", max_length=45)] = ""
    """The Pod's address."""
    node_name: Annotated[str, Field(max_length=253)] = ""
    """The node that it runs on."""
    containers: Annotated[tuple[ContainerStatus, ...], Field(max_length=MAX_CONTAINERS + MAX_INIT_CONTAINERS)] = ()
    """The containers, those of initContainers first."""
    last_update: UpdateStatus | None = None
    """The update that runs, or the last one."""
    applied: Annotated[tuple[AppliedPart, ...], Field(max_length=MAX_PARTS)] = ()
    """What was applied last, part by part."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True."""


def _fit_rules(field: str, is_number: str, number: str) -> tuple[Rule, ...]:
    """That the containers fit into the group's size, in one resource of it.

    `is_number` and `number` are CEL on a value `{}`: whether it is one, and the number that can be added up exactly.
    Containers run side by side; init containers run before them, one after the other.
    """

    def given(size: str) -> str:
        return f"has({size}) && has({size}.{field}) && {is_number.format(f'{size}.{field}')}"

    def amount(size: str) -> str:
        return number.format(f"{size}.{field}")

    unknown = f"!({given('self.size')})"
    together = f"self.containers.map(c, {given('c.resources')}, {amount('c.resources')}).sum()"
    return (
        Rule(
            f"!has(self.containers) || {unknown} || {together} <= {amount('self.size')}",
            f"InvalidParameter.CPU.Memory: {field} of all containers together must be at most that of the group's size",
            field=".containers",
        ),
        Rule(
            f"{unknown} || self.initContainers.all(c, !({given('c.resources')}) || "
            f"{amount('c.resources')} <= {amount('self.size')})",
            f"InvalidParameter.CPU.Memory: {field} of each init container must be at most that of the group's size",
            field=".initContainers",
        ),
    )


def _mount_rule(field: str) -> Rule:
    """That the containers of one of both lists mount only volumes that there are."""
    volume = "self.volumes.exists(v, has(v.name) && v.name == m.name)"
    lost = f"has(c.volumeMounts) && c.volumeMounts.exists(m, has(m.name) && !{volume})"
    return Rule(
        f"!has(self.{field}) || !self.{field}.exists(c, has(c.name) && {lost})",
        f"'InvalidParameter.NotFound: container %s mounts a volume that is not among volumes'"
        f".format([self.{field}.filter(c, has(c.name) && {lost})[0].name])",
        expression=True,
        field=f".{field}",
    )


_NAMES = (
    "((has(self.containers) ? self.containers.map(c, has(c.name), c.name) : [])"
    " + self.initContainers.map(c, has(c.name), c.name))"
)
_VOLUME_NAMES = "self.volumes.map(v, has(v.name), v.name)"
_OLD_VOLUME_NAMES = _VOLUME_NAMES.replace("self", "oldSelf")


def _unique(names: str, sentence: str, field: str) -> Rule:
    """That a list of names, in CEL, has each of them once."""
    twice = f"{names}.filter(n, !{names}.exists_one(o, o == n))"
    return Rule(f"{twice}.size() == 0", f"'{sentence}'.format([{twice}[0]])", expression=True, field=field)


_SAME_VOLUME_NAMES = (
    f"{_VOLUME_NAMES}.size() == {_OLD_VOLUME_NAMES}.size() && {_VOLUME_NAMES}.all(n, n in {_OLD_VOLUME_NAMES})"
)
_SAME_CONTAINERS = (
    "has(self.containers) && self.containers == oldSelf.containers && self.initContainers == oldSelf.initContainers"
)

KIND = Kind(
    kind="ContainerGroup",
    plural="containergroups",
    short_names=("cg",),
    spec=ContainerGroupSpec,
    status=ContainerGroupStatus,
    description="One Pod whose parts can be updated in place.",
    columns=(
        Column("Phase", ".status.phase", description="What it is doing"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether it is as asked"),
        Column("Update", ".status.lastUpdate.result", description="How the last update ended"),
        Column("Disruption", ".status.lastUpdate.disruption", description="The way in which it was applied"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("CPU", ".spec.size.cpu", wide=True),
        Column("Memory", ".spec.size.memory", wide=True),
        Column("IP", ".status.podIP", wide=True),
        Column("Node", ".status.nodeName", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
    rules=(
        Rule(
            "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
            "a group's name may have at most 63 lower-case letters, digits or '-', because it is the host name of its "
            "Pod",
            field=".metadata.name",
        ),
        Rule(
            "self.spec == oldSelf.spec || !has(oldSelf.status) || !has(oldSelf.status.phase) || "
            f"oldSelf.status.phase in ['{Phase.PENDING}', '{Phase.RUNNING}']",
            "'IncorrectStatus: the group is %s; it can be updated when it is Pending or Running'"
            ".format([oldSelf.status.phase])",
            expression=True,
            field=".spec",
        ),
    ),
    spec_rules=(
        *required(ContainerGroupSpec),
        *size_rules("size"),
        Rule(
            "self == oldSelf",
            "InvalidParam.CpuOrMemorySpec: the size of a group cannot be changed: create another one",
            at="size",
        ),
        *container_rules("containers[]"),
        *probe_rules("containers[].livenessProbe"),
        *probe_rules("containers[].readinessProbe"),
        Rule(
            "self.successThreshold == 1",
            "InvalidParameter.ValueExceeded: successThreshold of a livenessProbe must be 1",
            field=".successThreshold",
            at="containers[].livenessProbe",
        ),
        *container_rules("initContainers[]"),
        *_fit_rules("cpu", "isQuantity({})", "int(quantity({}).asApproximateFloat() * 1000.0 + 0.5)"),
        *_fit_rules("memory", "isQuantity({})", "quantity({}).asApproximateFloat()"),
        *_fit_rules("gpu", "true", "{}"),
        *volume_rules("volumes[]"),
        *dns_rules("dnsConfig"),
        *required(ImageRegistryCredential, "imageRegistryCredentials[]"),
        *required(GroupTag, "tags[]"),
        short("clientToken", MAX_TOKEN),
        between("deadlineSeconds", 1, MAX_SECONDS, "update"),
        _unique(_NAMES, 'InvalidParameter.DuplicatedName: two containers are called "%s"', ".containers"),
        _unique(_VOLUME_NAMES, 'InvalidParameter.DuplicatedVolumeName: two volumes are called "%s"', ".volumes"),
        _mount_rule("containers"),
        _mount_rule("initContainers"),
        Rule(
            f"({_SAME_VOLUME_NAMES}) || !({_SAME_CONTAINERS})",
            "MissingParameter: containers must be changed in the same update that adds volumes or takes some away",
            field=".containers",
        ),
        Rule(
            "self.tags.all(t, !has(t.key) || self.tags.exists_one(o, has(o.key) && o.key == t.key))",
            "tags may have each key once",
            field=".tags",
        ),
    ),
)
