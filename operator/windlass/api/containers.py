"""Containers and volumes as a container group has them, and the rules on each."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from windlass.api.coded_rules import MAX_WORD, ROOM, Part, between, one_of, required, short, words
from windlass.api.common import MAX_SECONDS, Rule

MAX_VOLUMES = 20
MAX_COMMAND = 20  # spec/container-group.md, as are the next three
MAX_ARGUMENTS = 10
MAX_CONFIG_FILE = 32_768
MAX_PORT = 65_535
MAX_CPU = 1024
MAX_MEMORY = "24Ti"
MAX_GPUS = 64
MAX_ANSWERS = 1000
MAX_USER = 2**31 - 1

_CPU = r"^([0-9]{1,7}m|[0-9]{1,4}([.][0-9]{1,3})?)$"
_MEMORY = r"^[0-9]{1,8}(Mi|Gi|Ti)$"
_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

Quantity = Annotated[str, Field(max_length=16)]
Word = Annotated[str, Field(max_length=ROOM * MAX_WORD)]
Label = Annotated[str, Field(min_length=1, max_length=63, pattern=_DNS_LABEL)]
Path = Annotated[str, Field(min_length=1, max_length=1024)]
HostName = Annotated[str, Field(min_length=1, max_length=253)]


class ImagePullPolicy(StrEnum):
    """When a container's image is pulled."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class Protocol(StrEnum):
    """What a port speaks."""

    TCP = "TCP"
    UDP = "UDP"


class MountPropagation(StrEnum):
    """Whether mounts below a volume are seen on the other side of it."""

    NONE = "None"
    HOST_TO_CONTAINER = "HostToContainer"
    BIDIRECTIONAL = "Bidirectional"


class Size(Part):
    """CPU, memory and GPUs."""

    cpu: Quantity
    """Required. CPUs, in quotes, in whole thousandths: "2", "0.5" or "500m"; more than 0, at most 1024."""
    memory: Quantity
    """Required. Memory in whole Mi, Gi or Ti: 512Mi; more than 0, at most 24Ti."""
    gpu: int = 0
    """How many GPUs: 0 to 64."""


class FieldReference(Part):
    """A field of the Pod."""

    field_path: Literal["status.podIP"]
    """Required. status.podIP: the group's address."""


class VariableSource(Part):
    """Where the value of a variable comes from."""

    field_ref: FieldReference
    """Required. A field of the Pod."""


class EnvironmentVariable(Part):
    """A variable of the container's environment, with either a value or where it comes from."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    """Required. The variable's name."""
    value: Annotated[str, Field(max_length=4096)] | None = None
    """Its value; may be empty."""
    value_from: VariableSource | None = None
    """Where its value comes from."""


class Port(Part):
    """A port that the container listens on."""

    container_port: int
    """Required. The number: 1 to 65535."""
    protocol: Protocol = Protocol.TCP
    """TCP or UDP."""
    name: Annotated[str, Field(min_length=1, max_length=15, pattern=_DNS_LABEL)] | None = None
    """A name by which Services may ask for it: at most 15 lower-case letters, digits or `-`."""


class VolumeMount(Part):
    """A volume of the group at a place in the container."""

    name: Label
    """Required. The volume's name."""
    mount_path: Path
    """Required. Where the container sees it."""
    sub_path: Annotated[str, Field(max_length=1024)] = ""
    """The path in the volume that is seen there; empty: all of it."""
    read_only: bool = False
    """Whether the container may only read it."""
    mount_propagation: MountPropagation = MountPropagation.NONE
    """None; HostToContainer: later mounts of the host are seen. Bidirectional, by which the host sees those of the
    container as well, is refused: only privileged containers may, and a group has none."""


class HttpGet(Part):
    """A request that must be answered with a status from 200 to 399."""

    path: Annotated[str, Field(max_length=1024)] = "/"
    """The path that is asked for."""
    port: int
    """Required. The port: 1 to 65535."""
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    """HTTP or HTTPS, whose certificate is not checked."""


class TcpSocket(Part):
    """A port that must take a connection."""

    port: int
    """Required. The port: 1 to 65535."""


class Execution(Part):
    """A command that must end with 0."""

    command: Annotated[tuple[Word, ...], Field(max_length=ROOM * MAX_COMMAND)]
    """Required. The program and its arguments: 1 to 20 of at most 256 characters; no shell."""


class Probe(Part):
    """A question that is asked of a container again and again, in one of three ways."""

    http_get: HttpGet | None = None
    """A request by HTTP."""
    tcp_socket: TcpSocket | None = None
    """A connection by TCP."""
    exec: Execution | None = None
    """A command in the container."""
    initial_delay_seconds: int = 0
    """How long after the container's start it is asked first: 0 to 86400 s."""
    period_seconds: int = 10
    """How often it is asked: 1 to 86400 s."""
    success_threshold: int = 1
    """How many good answers in a row make it good after a bad one: 1 to 1000; of a livenessProbe 1."""
    failure_threshold: int = 3
    """How many bad answers in a row make it bad: 1 to 1000."""
    timeout_seconds: int = 1
    """How long an answer may take: 1 to 86400 s."""


class Capabilities(Part):
    """Rights beyond those that all containers have."""

    add: Annotated[tuple[Literal["NET_ADMIN"], ...], Field(max_length=1)] = ()
    """NET_ADMIN, which may configure the group's network, or none."""


class SecurityContext(Part):
    """As whom a container runs, and what it may."""

    read_only_root_filesystem: bool = False
    """Whether its root file system can only be read."""
    run_as_user: int | None = None
    """The number of the user that it runs as, 0 to 2147483647; unset: the image says."""
    capabilities: Capabilities = Capabilities()
    """Rights beyond those that all containers have."""


class InitContainer(Part):
    """A container that runs to its end before the others start, one after the other."""

    name: Label
    """Required. Unique among all containers of the group."""
    image: Annotated[str, Field(min_length=1, max_length=1024)]
    """Required. The image."""
    image_pull_policy: ImagePullPolicy | None = None
    """IfNotPresent: it is pulled when the node does not have it; Always: at each start; Never. Unset: Always where the
    image that the Pod is made with has the tag latest or none, else IfNotPresent; an image that is changed in place
    keeps that. Another one makes the Pod anew."""
    working_dir: Annotated[str, Field(max_length=1024)] = ""
    """The directory that it starts in; empty: the image says."""
    command: Annotated[tuple[Word, ...], Field(max_length=ROOM * MAX_COMMAND)] = ()
    """What is run in place of the image's entrypoint: at most 20 of at most 256 characters."""
    args: Annotated[tuple[Word, ...], Field(max_length=ROOM * MAX_ARGUMENTS)] = ()
    """Its arguments in place of the image's: at most 10 of at most 256 characters."""
    env: Annotated[tuple[EnvironmentVariable, ...], Field(max_length=100)] = ()
    """Variables of its environment: at most 100."""
    ports: Annotated[tuple[Port, ...], Field(max_length=100)] = ()
    """The ports that it listens on: at most 100."""
    resources: Size
    """Required. What it gets: as much is reserved for it, and it cannot use more. Each init container fits into the
    group's size."""
    volume_mounts: Annotated[tuple[VolumeMount, ...], Field(max_length=MAX_VOLUMES)] = ()
    """Where it sees which volume: at most 20."""
    security_context: SecurityContext = SecurityContext()
    """As whom it runs, and what it may."""


class Container(InitContainer):
    """A container that runs as long as the group does."""

    resources: Size
    """Required. What it gets: as much is reserved for it, and it cannot use more. All containers together fit into the
    group's size."""
    liveness_probe: Probe | None = None
    """The container is started again when this is bad."""
    readiness_probe: Probe | None = None
    """The container is not ready while this is bad."""
    stdin: bool = False
    """Whether it has a standard input that one can attach to."""
    stdin_once: bool = False
    """Whether that input ends with the first who was attached."""
    tty: bool = False
    """Whether it has a terminal; needs stdin."""


class EmptyDir(Part):
    """A directory that is empty when the group starts and gone with it."""

    medium: Literal["", "Memory"] = ""
    """Empty: the node's disk; Memory: a file system in memory, which counts as the containers' memory."""
    size_limit: Annotated[str, Field(max_length=10, pattern=_MEMORY)] | None = None
    """How much it may hold, in whole Mi, Gi or Ti; unset: no limit of its own."""


class NfsVolume(Part):
    """A directory of an NFS server."""

    server: HostName
    """Required. The server's name or address."""
    path: Path
    """Required. The directory that it exports."""
    read_only: bool = False
    """Whether it can only be read."""


class ConfigFile(Part):
    """One file with its content."""

    path: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^/]+(/[^/]+)*$")]
    """Required. Where it is in the volume: a relative path, without `..`."""
    content: Annotated[
        str,
        Field(
            max_length=2 * MAX_CONFIG_FILE,  # with more, comparing a spec with the one before would cost too much
            pattern=r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        ),
    ]
    """Required. Its content in base64: at most 32768 characters of it."""


class ConfigFileVolume(Part):
    """A directory of files that are given here."""

    files: Annotated[tuple[ConfigFile, ...], Field(max_length=10)]
    """Required. The files: 1 to 10."""


class Volume(Part):
    """What containers can mount: of exactly one sort."""

    name: Label
    """Required. Unique among the volumes of the group."""
    empty_dir: EmptyDir | None = None
    """A directory that is empty when the group starts and gone with it."""
    nfs: NfsVolume | None = None
    """A directory of an NFS server."""
    config_file: ConfigFileVolume | None = None
    """A directory of files that are given here."""


class DnsOption(Part):
    """An option of the resolver."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Required. The option's name."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """Its value, where it has one."""


class DnsConfig(Part):
    """How the containers look names up, beside what the cluster's DNS does."""

    nameservers: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=45)], ...], Field(max_length=3)] = ()
    """Addresses of name servers: at most 3."""
    searches: Annotated[tuple[HostName, ...], Field(max_length=32)] = ()
    """Domains in which short names are looked for: at most 32."""
    options: Annotated[tuple[DnsOption, ...], Field(max_length=20)] = ()
    """Options of the resolver: at most 20."""


def size_rules(at: str) -> tuple[Rule, ...]:
    """That a size is whole, offered and in range."""
    offered = (
        ("cpu", _CPU, f"{MAX_CPU}", "in whole thousandths of a CPU, as 2, 0.5 or 500m"),
        ("memory", _MEMORY, f"{MAX_MEMORY}", "in whole Mi, Gi or Ti, as 512Mi or 2Gi"),
    )
    rules = list(required(Size, at))
    for field, pattern, most, units in offered:
        value = f"quantity(self.{field})"
        rules += [
            Rule(
                f"!has(self.{field}) || self.{field}.matches('{pattern}')",
                f"InvalidParam.CpuOrMemorySpec: {field} is offered {units}",
                field=f".{field}",
                at=at,
            ),
            Rule(
                f"!has(self.{field}) || !isQuantity(self.{field}) || "
                f"({value}.isGreaterThan(quantity('0')) && {value}.compareTo(quantity('{most}')) <= 0)",
                f"InvalidParameter.CPU.Memory: {field} must be more than 0 and at most {most}",
                field=f".{field}",
                at=at,
            ),
        ]
    return (*rules, between("gpu", 0, MAX_GPUS, at))


def container_rules(at: str) -> tuple[Rule, ...]:
    """The rules on each container of a list."""
    return (
        *required(InitContainer, at),
        *size_rules(f"{at}.resources"),
        *words("command", MAX_COMMAND, at),
        *words("args", MAX_ARGUMENTS, at),
        *required(EnvironmentVariable, f"{at}.env[]"),
        *required(VariableSource, f"{at}.env[].valueFrom"),
        *required(FieldReference, f"{at}.env[].valueFrom.fieldRef"),
        *one_of(("value", "valueFrom"), "a variable", f"{at}.env[]"),
        *required(Port, f"{at}.ports[]"),
        between("containerPort", 1, MAX_PORT, f"{at}.ports[]"),
        *required(VolumeMount, f"{at}.volumeMounts[]"),
        Rule(
            f"self.mountPropagation != '{MountPropagation.BIDIRECTIONAL}'",
            "mountPropagation may be None or HostToContainer: Bidirectional is for privileged containers, and a group "
            "has none",
            field=".mountPropagation",
            at=f"{at}.volumeMounts[]",
        ),
        between("runAsUser", 0, MAX_USER, f"{at}.securityContext"),
        Rule(
            "self.volumeMounts.all(m, !has(m.mountPath) || "
            "self.volumeMounts.exists_one(o, has(o.mountPath) && o.mountPath == m.mountPath))",
            "volumeMounts may name each mountPath once",
            field=".volumeMounts",
            at=at,
        ),
    )


def probe_rules(at: str) -> tuple[Rule, ...]:
    """The rules on a probe."""
    return (
        *one_of(("httpGet", "tcpSocket", "exec"), "a probe", at),
        *required(HttpGet, f"{at}.httpGet"),
        between("port", 1, MAX_PORT, f"{at}.httpGet"),
        *required(TcpSocket, f"{at}.tcpSocket"),
        between("port", 1, MAX_PORT, f"{at}.tcpSocket"),
        *required(Execution, f"{at}.exec"),
        *words("command", MAX_COMMAND, f"{at}.exec"),
        between("initialDelaySeconds", 0, MAX_SECONDS, at),
        between("periodSeconds", 1, MAX_SECONDS, at),
        between("successThreshold", 1, MAX_ANSWERS, at),
        between("failureThreshold", 1, MAX_ANSWERS, at),
        between("timeoutSeconds", 1, MAX_SECONDS, at),
    )


def volume_rules(at: str) -> tuple[Rule, ...]:
    """The rules on each volume of a list."""
    files = f"{at}.configFile.files[]"
    return (
        *required(Volume, at),
        *one_of(("emptyDir", "nfs", "configFile"), "a volume", at),
        *required(NfsVolume, f"{at}.nfs"),
        *required(ConfigFileVolume, f"{at}.configFile"),
        Rule(
            "!has(self.files) || self.files.all(f, !has(f.path) || "
            "self.files.exists_one(o, has(o.path) && o.path == f.path))",
            "files may have each path once",
            field=".files",
            at=f"{at}.configFile",
        ),
        *required(ConfigFile, files),
        Rule(
            "!has(self.path) || !self.path.split('/').exists(part, part == '..')",
            "path must stay in the volume: it may not have ..",
            field=".path",
            at=files,
        ),
        short("content", MAX_CONFIG_FILE, files),
    )


def dns_rules(at: str) -> tuple[Rule, ...]:
    """The rules on a DNS configuration."""
    return required(DnsOption, f"{at}.options[]")
