"""What the real API server refuses of a ContainerGroup beyond single bounds: each error code, and each limit that has
one from both sides."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from hack.cluster import Cluster
from tests.cluster.doors import MERGE_PATCH, Object, Stored, accepted, collection, manifest, refusal, says, with_field
from windlass.api.common import Model
from windlass.api.container_group import ContainerGroupSpec

SMALL = {"cpu": "50m", "memory": "64Mi"}
WEB: Object = {"name": "web", "image": "web:1", "resources": SMALL}
INIT: Object = {"initContainers": [WEB | {"name": "init"}]}
DATA: Object = {"volumes": [{"name": "data", "emptyDir": {}}]}
FILES: Object = {"volumes": [{"name": "data", "configFile": {"files": [{"path": "a", "content": ""}]}}]}
BOTH_LISTS = ("containers", "initContainers")

both_lists = pytest.mark.parametrize("which", BOTH_LISTS)


def group(**spec: Any) -> Object:
    return manifest("ContainerGroup", **spec)


def with_part(path: str, value: Any, **beside: Any) -> Object:
    """A group with one field set. What is in `initContainers` stands beside a container of another name."""
    return with_field("ContainerGroup", path, value, **(INIT if path.startswith("initContainers") else {}), **beside)


def refused(cluster: Cluster, thing: Object, where: str, sentence: str) -> None:
    assert f"spec{where}: Invalid value: {sentence}" in refusal(cluster, thing)


# ---- what is stored


INIT_DEFAULTS: Object = {
    "workingDir": "",
    "command": [],
    "args": [],
    "env": [],
    "ports": [],
    "resources": SMALL | {"gpu": 0},
    "volumeMounts": [],
    "securityContext": {"readOnlyRootFilesystem": False, "capabilities": {"add": []}},
}
CONTAINER_DEFAULTS = INIT_DEFAULTS | {"stdin": False, "stdinOnce": False, "tty": False}
DEFAULTS: Object = {
    "size": {"cpu": "2", "memory": "2Gi", "gpu": 0},
    "restartPolicy": "Always",
    "containers": [WEB | CONTAINER_DEFAULTS],
    "initContainers": [],
    "volumes": [],
    "imageRegistryCredentials": [],
    "tags": [],
    "update": {"mostDisruptiveAllowed": "Recreate", "deadlineSeconds": 300},
}


def test_the_defaults_show(cluster: Cluster) -> None:
    assert accepted(cluster, group())["spec"] == DEFAULTS


PROBE_DEFAULTS = {
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
    "timeoutSeconds": 1,
}


@pytest.mark.spec("container-group.md", "limit: probes")
@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe"])
@pytest.mark.parametrize(
    ("way", "stored"),
    [
        ({"httpGet": {"port": 80}}, {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}}),
        ({"tcpSocket": {"port": 80}}, {"tcpSocket": {"port": 80}}),
        ({"exec": {"command": ["true"]}}, {"exec": {"command": ["true"]}}),
    ],
)
def test_a_probe_has_three_ways_and_its_defaults(cluster: Cluster, probe: str, way: Object, stored: Object) -> None:
    thing = accepted(cluster, with_part(f"containers[0].{probe}", way))
    assert thing["spec"]["containers"][0][probe] == stored | PROBE_DEFAULTS


WHOLE: Object = {
    "displayName": "Shop",
    "size": {"cpu": "4", "memory": "8Gi", "gpu": 1},
    "restartPolicy": "OnFailure",
    "containers": [
        {
            "name": "web",
            "image": "web:1",
            "imagePullPolicy": "Always",
            "workingDir": "/srv",
            "command": ["web"],
            "args": ["--port=80"],
            "env": [
                {"name": "COLOUR", "value": ""},
                {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            ],
            "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}],
            "resources": {"cpu": "1.5", "memory": "512Mi", "gpu": 1},
            "volumeMounts": [
                {
                    "name": "data",
                    "mountPath": "/data",
                    "subPath": "web",
                    "readOnly": True,
                    "mountPropagation": "HostToContainer",
                }
            ],
            "securityContext": {
                "readOnlyRootFilesystem": True,
                "runAsUser": 1000,
                "capabilities": {"add": ["NET_ADMIN"]},
            },
            "livenessProbe": {"exec": {"command": ["true"]}} | PROBE_DEFAULTS,
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 80, "scheme": "HTTPS"}} | PROBE_DEFAULTS,
            "stdin": True,
            "stdinOnce": True,
            "tty": True,
        }
    ],
    "initContainers": [WEB | {"name": "init"} | INIT_DEFAULTS],
    "volumes": [
        {"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "shared", "nfs": {"server": "files", "path": "/shared", "readOnly": True}},
        {"name": "settings", "configFile": {"files": [{"path": "web/settings", "content": "Y29sb3VyPXJlZAo="}]}},
    ],
    "dnsConfig": {"nameservers": ["10.0.0.10"], "searches": ["shop"], "options": [{"name": "ndots", "value": "2"}]},
    "imageRegistryCredentials": [{"secretName": "registry"}],
    "tags": [{"key": "team", "value": "shop"}],
    "clientToken": "request #1",
    "update": {"mostDisruptiveAllowed": "Resize", "deadlineSeconds": 60},
}


@pytest.mark.spec("container-group.md", "limit: mounts")
@pytest.mark.spec("container-group.md", "limit: security context")
@pytest.mark.spec("container-group.md", "limit: environment")
@pytest.mark.spec("container-group.md", "limit: emptyDir")
@pytest.mark.spec("container-group.md", "limit: others")
def test_a_group_with_all_its_parts_is_stored_as_it_is_written(cluster: Cluster) -> None:
    stored = accepted(cluster, group(**WHOLE))["spec"]
    assert stored == WHOLE
    assert set(ContainerGroupSpec.model_validate(stored).model_fields_set) == set(ContainerGroupSpec.model_fields)


# ---- MissingParameter


def required_fields(model: type[Model], path: str = "") -> Iterator[str]:
    """The path of each field that the model requires, and that each of its parts requires."""
    for field in model.model_fields.values():
        here = f"{path}.{field.alias}".lstrip(".")
        if field.is_required():
            yield here
        for part, below in parts(field.annotation):
            yield from required_fields(part, here + below)


def parts(annotation: Any) -> Iterator[tuple[type[Model], str]]:
    """The model of a field's value, or of its items."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation, ""
    below = "[]" if getattr(annotation, "__origin__", None) is tuple else ""
    for inner in get_args(annotation):
        yield from ((part, below + deeper) for part, deeper in parts(inner))


PROBES: dict[str, Object] = {
    "httpGet.port": {"httpGet": {}},
    "tcpSocket.port": {"tcpSocket": {}},
    "exec.command": {"exec": {}},
}
OF_A_CONTAINER: dict[str, tuple[str, Any]] = {
    "name": ("name", None),
    "image": ("image", None),
    "resources": ("resources", None),
    "resources.cpu": ("resources", {"memory": "1Mi"}),
    "resources.memory": ("resources", {"cpu": "1m"}),
    "env[].name": ("env", [{"value": "red"}]),
    "env[].valueFrom.fieldRef": ("env", [{"name": "ADDRESS", "valueFrom": {}}]),
    "env[].valueFrom.fieldRef.fieldPath": ("env", [{"name": "ADDRESS", "valueFrom": {"fieldRef": {}}}]),
    "ports[].containerPort": ("ports", [{}]),
    "volumeMounts[].name": ("volumeMounts", [{"mountPath": "/data"}]),
    "volumeMounts[].mountPath": ("volumeMounts", [{"name": "data"}]),
}
OF_A_FILE = "configFile.files"
REQUIRED: dict[str, tuple[str, Any]] = {
    "size": ("size", None),
    "size.cpu": ("size", {"memory": "1Gi"}),
    "size.memory": ("size", {"cpu": "1"}),
    "containers": ("containers", None),
    **{
        f"{which}[].{path}": (f"{which}[0].{field}", value)
        for which in BOTH_LISTS
        for path, (field, value) in OF_A_CONTAINER.items()
    },
    **{
        f"containers[].{probe}.{path}": (f"containers[0].{probe}", value)
        for probe in ("livenessProbe", "readinessProbe")
        for path, value in PROBES.items()
    },
    "volumes[].name": ("volumes", [{"emptyDir": {}}]),
    "volumes[].nfs.server": ("volumes", [{"name": "data", "nfs": {"path": "/"}}]),
    "volumes[].nfs.path": ("volumes", [{"name": "data", "nfs": {"server": "files"}}]),
    "volumes[].configFile.files": ("volumes", [{"name": "data", "configFile": {}}]),
    "volumes[].configFile.files[].path": ("volumes", [{"name": "data", "configFile": {"files": [{"content": ""}]}}]),
    "volumes[].configFile.files[].content": ("volumes", [{"name": "data", "configFile": {"files": [{"path": "a"}]}}]),
    "dnsConfig.options[].name": ("dnsConfig", {"options": [{"value": "2"}]}),
    "imageRegistryCredentials[].secretName": ("imageRegistryCredentials", [{}]),
    "tags[].key": ("tags", [{"value": "shop"}]),
}


@pytest.mark.spec("container-group.md", "MissingParameter")
@pytest.mark.parametrize("path", REQUIRED)
def test_missing_parameter_where_a_required_field_is_missing(cluster: Cluster, path: str) -> None:
    field, value = REQUIRED[path]
    thing = with_part(field, value, **({} if field == "volumes" else DATA))
    name = path.rpartition(".")[2]
    where = path.replace("[]", "[0]")
    assert refusal(cluster, thing).count("Invalid value") == 1, "and nothing else is said"
    refused(cluster, thing, f".{where}", f"MissingParameter: {name} must be given")


def test_every_required_field_has_its_row() -> None:
    assert set(required_fields(ContainerGroupSpec)) == REQUIRED.keys()


@pytest.mark.spec("container-group.md", "MissingParameter")
@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("containers", [], "containers"),
        ("volumes", [{"name": "data", "configFile": {"files": []}}], "volumes[0].configFile.files"),
        ("containers[0].livenessProbe", {"exec": {"command": []}}, "containers[0].livenessProbe.exec.command"),
    ],
)
def test_missing_parameter_where_a_required_list_is_empty(cluster: Cluster, field: str, value: Any, where: str) -> None:
    name = where.rpartition(".")[2]
    refused(cluster, with_part(field, value), f".{where}", f"MissingParameter: {name} must be given")


CHOICES = [
    ("volumes[0]", "a volume", "emptyDir, nfs or configFile", {"name": "data"}, {"emptyDir": {}, "nfs": {}}),
    *[
        (f"{which}[0].env[0]", "a variable", "value or valueFrom", {"name": "A"}, {"value": "", "valueFrom": {}})
        for which in BOTH_LISTS
    ],
    *[
        (
            f"containers[0].{probe}",
            "a probe",
            "httpGet, tcpSocket or exec",
            {},
            {"httpGet": {"port": 80}, "exec": {"command": ["true"]}},
        )
        for probe in ("livenessProbe", "readinessProbe")
    ],
]


@pytest.mark.spec("container-group.md", "MissingParameter")
@pytest.mark.parametrize(("field", "what", "choices", "none", "two"), CHOICES)
def test_missing_parameter_where_none_of_several_fields_is_given(
    cluster: Cluster, field: str, what: str, choices: str, none: Object, two: Object
) -> None:
    refused(cluster, with_part(field, none), f".{field}", f"MissingParameter: {what} needs {choices}")
    sentence = f"{what} may have only one of {choices}"
    refused(cluster, with_part(field, none | two), f".{field}", sentence)


# ---- InvalidParameter.DuplicatedName, .DuplicatedVolumeName


@pytest.mark.spec("container-group.md", "InvalidParameter.DuplicatedName")
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"containers": [WEB, WEB | {"name": "log"}, WEB]}, id="containers"),
        pytest.param({"initContainers": [WEB]}, id="one of each list"),
        pytest.param(
            {"containers": [WEB | {"name": "log"}], "initContainers": [WEB, WEB | {"name": "init"}, WEB]},
            id="init containers",
        ),
    ],
)
def test_duplicated_name_of_two_containers(cluster: Cluster, spec: Object) -> None:
    sentence = 'InvalidParameter.DuplicatedName: two containers are called "web"'
    refused(cluster, group(**spec), ".containers", sentence)


def test_containers_of_different_names_are_accepted(cluster: Cluster) -> None:
    assert accepted(cluster, group(containers=[WEB, WEB | {"name": "log"}], **INIT))


@pytest.mark.spec("container-group.md", "InvalidParameter.DuplicatedVolumeName")
def test_duplicated_volume_name_of_two_volumes(cluster: Cluster) -> None:
    volumes = [*DATA["volumes"], {"name": "logs", "emptyDir": {}}]
    assert accepted(cluster, group(volumes=volumes))
    sentence = 'InvalidParameter.DuplicatedVolumeName: two volumes are called "data"'
    refused(cluster, group(volumes=[*volumes, *DATA["volumes"]]), ".volumes", sentence)


@pytest.mark.parametrize(
    ("field", "twice", "where"),
    [
        ("tags", [{"key": "team"}, {"key": "team"}], ".tags"),
        (
            "volumes[0].configFile.files",
            [{"path": "a", "content": ""}, {"path": "a", "content": "YQ=="}],
            ".volumes[0].configFile.files",
        ),
        *[
            (
                f"{which}[0].volumeMounts",
                [{"name": "data", "mountPath": "/data"}, {"name": "data", "mountPath": "/data", "subPath": "a"}],
                f".{which}[0].volumeMounts",
            )
            for which in BOTH_LISTS
        ],
    ],
)
def test_what_else_must_be_unique(cluster: Cluster, field: str, twice: list[Object], where: str) -> None:
    name, key = where.rpartition(".")[2], next(iter(twice[0].keys() - {"name", "content"}))
    beside = {"volumes": [{"name": "data"}]} if field.startswith("volumes") else DATA
    refused(cluster, with_part(field, twice, **beside), where, f"{name} may ")
    other = "/other" if key == "mountPath" else "other"
    assert accepted(cluster, with_part(field, [twice[0], twice[1] | {key: other}], **beside))


# ---- InvalidParameter.NotFound


@pytest.mark.spec("container-group.md", "InvalidParameter.NotFound")
@pytest.mark.spec("container-group.md", "limit: mounts")
@both_lists
def test_not_found_where_a_mount_names_no_volume(cluster: Cluster, which: str) -> None:
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "logs", "mountPath": "/logs"}]
    name = "web" if which == "containers" else "init"
    sentence = f"InvalidParameter.NotFound: container {name} mounts a volume that is not among volumes"
    path = f"{which}[0].volumeMounts"
    refused(cluster, with_part(path, mounts), f".{which}", sentence)
    refused(cluster, with_part(path, mounts, **DATA), f".{which}", sentence)
    assert accepted(cluster, with_part(path, mounts[:1], **DATA))


@pytest.mark.spec("container-group.md", "limit: mounts")
@both_lists
def test_what_is_mounted_in_a_container_is_not_shown_to_the_host(cluster: Cluster, which: str) -> None:
    path, mount = f"{which}[0].volumeMounts", {"name": "data", "mountPath": "/data"}
    for good in ("None", "HostToContainer"):
        assert accepted(cluster, with_part(path, [mount | {"mountPropagation": good}], **DATA))
    sentence = (
        "mountPropagation may be None or HostToContainer: Bidirectional is for privileged containers, and a group has "
        "none"
    )
    bad = with_part(path, [mount | {"mountPropagation": "Bidirectional"}], **DATA)
    refused(cluster, bad, f".{path}[0].mountPropagation", sentence)


# ---- InvalidParam.CpuOrMemorySpec, InvalidParameter.CPU.Memory

SIZES = ("size", "containers[0].resources", "initContainers[0].resources")
CPU_UNITS = "InvalidParam.CpuOrMemorySpec: cpu is offered in whole thousandths of a CPU, as 2, 0.5 or 500m"
MEMORY_UNITS = "InvalidParam.CpuOrMemorySpec: memory is offered in whole Mi, Gi or Ti, as 512Mi or 2Gi"
BIG = {"size": {"cpu": "1024", "memory": "24Ti", "gpu": 64}}

each_size = pytest.mark.parametrize("where", SIZES)


def sized(where: str, **size: Any) -> Object:
    """A group with this size, or with a container of it."""
    if where == "size":
        return group(size={"cpu": "2", "memory": "2Gi"} | size)
    return with_part(where, SMALL | size, **BIG)


@pytest.mark.spec("container-group.md", "InvalidParam.CpuOrMemorySpec")
@each_size
@pytest.mark.parametrize("cpu", ["1.0001", "1k", "100u", "-1", "+1", ".5", "1.", "1e1", "two", "1 ", ""])
def test_cpu_or_memory_spec_where_a_cpu_size_is_not_offered(cluster: Cluster, where: str, cpu: str) -> None:
    refused(cluster, sized(where, cpu=cpu), f".{where}.cpu", CPU_UNITS)


@pytest.mark.spec("container-group.md", "InvalidParam.CpuOrMemorySpec")
@each_size
@pytest.mark.parametrize("memory", ["1G", "1073741824", "1024Ki", "1.5Gi", "-1Gi", "1", "Mi", ""])
def test_cpu_or_memory_spec_where_a_memory_size_is_not_offered(cluster: Cluster, where: str, memory: str) -> None:
    refused(cluster, sized(where, memory=memory), f".{where}.memory", MEMORY_UNITS)


@pytest.mark.spec("container-group.md", "limit: others")
@each_size
def test_sizes_that_are_offered(cluster: Cluster, where: str) -> None:
    for size in ({"cpu": "2"}, {"cpu": "0.125"}, {"cpu": "999m"}, {"memory": "128Mi"}, {"memory": "3Gi"}):
        assert accepted(cluster, sized(where, **size))


@pytest.mark.spec("container-group.md", "InvalidParameter.CPU.Memory")
@each_size
@pytest.mark.parametrize(
    ("field", "most", "past"),
    [
        *[("cpu", "1024", past) for past in ("0", "0m", "0.000", "1024.001", "1025")],
        *[("memory", "24Ti", past) for past in ("0Mi", "0Ti", "24577Gi", "25Ti")],
    ],
)
def test_cpu_memory_where_a_size_is_out_of_range(
    cluster: Cluster, where: str, field: str, most: str, past: str
) -> None:
    sentence = f"InvalidParameter.CPU.Memory: {field} must be more than 0 and at most {most}"
    refused(cluster, sized(where, **{field: past}), f".{where}.{field}", sentence)


def test_the_least_and_the_most_of_a_size(cluster: Cluster) -> None:
    for size in ({"cpu": "1m", "memory": "1Mi"}, {"cpu": "1024", "memory": "24Ti"}):
        containers = [WEB | {"resources": size}]
        assert accepted(cluster, group(size=size, containers=containers, initContainers=many(1, **size)))


def many(count: int, **resources: Any) -> list[Object]:
    return [WEB | {"name": f"c{number}", "resources": SMALL | resources} for number in range(count)]


TOGETHER = "%s of all containers together must be at most that of the group's size"
EACH = "%s of each init container must be at most that of the group's size"
FITS = [
    # 20 times 0.1 is a little more than 2 in binary fractions.
    pytest.param("cpu", {"containers": many(20, cpu="0.1")}, {"containers": many(20, cpu="101m")}, TOGETHER),
    pytest.param("memory", {"containers": many(2, memory="1Gi")}, {"containers": many(2, memory="1025Mi")}, TOGETHER),
    pytest.param("gpu", {"containers": many(2, gpu=1)}, {"containers": many(3, gpu=1)}, TOGETHER),
    pytest.param("cpu", {"initContainers": many(2, cpu="2")}, {"initContainers": many(2, cpu="2.001")}, EACH),
    pytest.param(
        "memory", {"initContainers": many(2, memory="2Gi")}, {"initContainers": many(1, memory="2049Mi")}, EACH
    ),
    pytest.param("gpu", {"initContainers": many(2, gpu=2)}, {"initContainers": many(1, gpu=3)}, EACH),
]


@pytest.mark.spec("container-group.md", "InvalidParameter.CPU.Memory")
@pytest.mark.spec("container-group.md", "size")
@pytest.mark.parametrize(("resource", "fits", "too_big", "sentence"), FITS)
def test_cpu_memory_where_containers_do_not_fit_into_the_group(
    cluster: Cluster, resource: str, fits: Object, too_big: Object, sentence: str
) -> None:
    size = {"cpu": "2", "memory": "2Gi", "gpu": 2}
    assert accepted(cluster, group(size=size, **fits))
    said = refusal(cluster, group(size=size, **too_big))
    assert f"spec.{next(iter(fits))}: Invalid value: InvalidParameter.CPU.Memory: {sentence % resource}" in said
    assert said.count("Invalid value") == 1


# ---- InvalidParameter.LengthExceeded


WORDS = [
    *[(f"{which}[0].command", 20) for which in BOTH_LISTS],
    *[(f"{which}[0].args", 10) for which in BOTH_LISTS],
    ("containers[0].livenessProbe.exec.command", 20),
    ("containers[0].readinessProbe.exec.command", 20),
]


@pytest.mark.spec("container-group.md", "InvalidParameter.LengthExceeded")
@pytest.mark.spec("container-group.md", "limit: commands and args")
@pytest.mark.parametrize(("field", "limit"), WORDS)
def test_length_exceeded_by_a_command_or_its_arguments(cluster: Cluster, field: str, limit: int) -> None:
    name = field.rpartition(".")[2]
    code = "InvalidParameter.LengthExceeded"
    assert accepted(cluster, with_part(field, ["ä" * 256] * limit))
    refused(
        cluster, with_part(field, ["a"] * (limit + 1)), f".{field}", f"{code}: {name} may have at most {limit} items"
    )
    sentence = f"{code}: each item of {name} may have at most 256 characters"
    refused(cluster, with_part(field, ["a", "a" * 257]), f".{field}", sentence)


@pytest.mark.spec("container-group.md", "InvalidParameter.LengthExceeded")
@pytest.mark.spec("container-group.md", "limit: config files")
def test_length_exceeded_by_a_config_file(cluster: Cluster) -> None:
    field = "volumes[0].configFile.files[0].content"
    assert accepted(cluster, with_part(field, "YWJj" * 8192, **FILES))
    sentence = "InvalidParameter.LengthExceeded: content may have at most 32768 characters"
    refused(cluster, with_part(field, "YWJj" * 8193, **FILES), f".{field}", sentence)


@pytest.mark.spec("container-group.md", "InvalidParameter.LengthExceeded")
@pytest.mark.spec("container-group.md", "limit: others")
def test_length_exceeded_by_a_client_token(cluster: Cluster) -> None:
    assert accepted(cluster, group(clientToken="~" * 64))
    sentence = "InvalidParameter.LengthExceeded: clientToken may have at most 64 characters"
    refused(cluster, group(clientToken="~" * 65), ".clientToken", sentence)


# ---- InvalidParameter.ValueExceeded


HTTP: Object = {"httpGet": {"port": 80}}
PROBE_NUMBERS = [
    ("initialDelaySeconds", 0, 86_400),
    ("periodSeconds", 1, 86_400),
    ("successThreshold", 1, 1000),
    ("failureThreshold", 1, 1000),
    ("timeoutSeconds", 1, 86_400),
    ("httpGet.port", 1, 65_535),
    ("tcpSocket.port", 1, 65_535),
]
NUMBERS = [
    ("update.deadlineSeconds", 1, 86_400),
    *[
        pytest.param(field, 0, 64, marks=pytest.mark.spec("container-group.md", "limit: others"))
        for field in ("size.gpu", "containers[0].resources.gpu", "initContainers[0].resources.gpu")
    ],
    *[
        pytest.param(
            f"{which}[0].ports[0].containerPort",
            1,
            65_535,
            marks=pytest.mark.spec("container-group.md", "limit: ports"),
        )
        for which in BOTH_LISTS
    ],
    *[
        pytest.param(
            f"{which}[0].securityContext.runAsUser",
            0,
            2**31 - 1,
            marks=pytest.mark.spec("container-group.md", "limit: security context"),
        )
        for which in BOTH_LISTS
    ],
    *[
        pytest.param(
            f"containers[0].{probe}.{field}", least, most, marks=pytest.mark.spec("container-group.md", "limit: probes")
        )
        for probe in ("livenessProbe", "readinessProbe")
        for field, least, most in PROBE_NUMBERS
        if (probe, field) != ("livenessProbe", "successThreshold")
    ],
]


def numbered(field: str, value: int) -> Object:
    """A group with a number in a field; a probe has a way beside its numbers, and a big group room for GPUs."""
    beside: Object = BIG if field.endswith("gpu") else {}
    if "Probe." in field and not field.endswith(".port"):
        probe = field.split(".")[1]
        beside = {"containers": [WEB | {probe: HTTP}]}
    return with_part(field, value, **beside)


@pytest.mark.spec("container-group.md", "InvalidParameter.ValueExceeded")
@pytest.mark.parametrize(("field", "least", "most"), NUMBERS)
def test_value_exceeded_by_a_number(cluster: Cluster, field: str, least: int, most: int) -> None:
    name = field.rpartition(".")[2]
    sentence = f"InvalidParameter.ValueExceeded: {name} must be {least} to {most}"
    for within in (least, most):
        assert accepted(cluster, numbered(field, within))
    for past in (least - 1, most + 1):
        refused(cluster, numbered(field, past), f".{field}", sentence)


@pytest.mark.spec("container-group.md", "InvalidParameter.ValueExceeded")
@pytest.mark.spec("container-group.md", "limit: probes")
@pytest.mark.parametrize("past", [0, 2])
def test_value_exceeded_by_the_successes_of_a_liveness_probe(cluster: Cluster, past: int) -> None:
    field = "containers[0].livenessProbe.successThreshold"
    sentence = "InvalidParameter.ValueExceeded: successThreshold of a livenessProbe must be 1"
    refused(cluster, numbered(field, past), f".{field}", sentence)


def test_a_file_stays_in_its_volume(cluster: Cluster) -> None:
    field = "volumes[0].configFile.files[0].path"
    for good in ("a", ".a", "..a", "a/...", "a/b..c"):
        assert accepted(cluster, with_part(field, good, **FILES))
    for bad in ("..", "../a", "a/..", "a/../b"):
        refused(
            cluster, with_part(field, bad, **FILES), f".{field}", "path must stay in the volume: it may not have .."
        )


@pytest.mark.parametrize(("name", "good"), [("a" * 63, True), ("a" * 64, False), ("web.shop", False)])
def test_a_groups_name_is_a_host_name(cluster: Cluster, name: str, good: bool) -> None:
    thing = manifest("ContainerGroup", name=name)
    if good:
        assert accepted(cluster, thing)
    else:
        assert "a group's name may have at most 63 lower-case letters, digits or '-'" in refusal(cluster, thing)


# ---- a group that changes


def in_phase(cluster: Cluster, namespace: str, phase: str) -> Stored:
    """A stored group whose status says this."""
    stored = Stored(cluster, namespace, "ContainerGroup")
    path = f"{collection('ContainerGroup', namespace)}/web/status"
    cluster.request("PATCH", path, {"status": {"phase": phase}}, MERGE_PATCH)
    return stored


@pytest.mark.spec("container-group.md", "status")
@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_group_that_is_pending_or_running_can_be_updated(cluster: Cluster, namespace: str, phase: str) -> None:
    assert in_phase(cluster, namespace, phase).patched(restartPolicy="Never")["spec"]["restartPolicy"] == "Never"


def test_a_group_that_nobody_has_looked_at_yet_can_be_updated(cluster: Cluster, namespace: str) -> None:
    assert Stored(cluster, namespace, "ContainerGroup").patched(tags=[{"key": "team"}])


@pytest.mark.spec("container-group.md", "IncorrectStatus")
@pytest.mark.spec("container-group.md", "status")
@pytest.mark.parametrize("phase", ["Updating", "Succeeded", "Failed"])
@pytest.mark.parametrize(
    "change", [{"tags": [{"key": "team"}]}, {"update": {"deadlineSeconds": 60}}], ids=["tags", "how it is updated"]
)
def test_incorrect_status_of_a_group_that_is_neither_pending_nor_running(
    cluster: Cluster, namespace: str, phase: str, change: Object
) -> None:
    group = in_phase(cluster, namespace, phase)
    sentence = f"IncorrectStatus: the group is {phase}; it can be updated when it is Pending or Running"
    with says(f"spec: Invalid value: {sentence}"):
        group.patched(**change)


def test_an_updating_group_takes_what_changes_nothing_and_what_is_not_its_spec(
    cluster: Cluster, namespace: str
) -> None:
    group = in_phase(cluster, namespace, "Updating")
    assert group.patched(restartPolicy="Always", containers=[WEB])
    path = f"{collection('ContainerGroup', namespace)}/web"
    labels = {"metadata": {"labels": {"team": "shop"}, "finalizers": ["windlass.dev/test"]}}
    assert cluster.request("PATCH", f"{path}?dryRun=All", labels, MERGE_PATCH)
    assert cluster.request("PATCH", f"{path}/status", {"status": {"phase": "Running"}}, MERGE_PATCH)
    assert group.patched(restartPolicy="Never")


@pytest.mark.spec("container-group.md", "size")
@pytest.mark.parametrize("size", [{"cpu": "3"}, {"memory": "3Gi"}, {"gpu": 1}])
def test_the_groups_own_size_cannot_be_changed_but_those_of_its_containers(
    cluster: Cluster, namespace: str, size: Object
) -> None:
    stored = Stored(cluster, namespace, "ContainerGroup")
    sentence = "InvalidParam.CpuOrMemorySpec: the size of a group cannot be changed: create another one"
    with says(f"spec.size: Invalid value: {sentence}"):
        stored.patched(size=size)
    assert stored.patched(containers=[WEB | {"resources": {"cpu": "2", "memory": "2Gi"}}])


@pytest.mark.spec("container-group.md", "full update")
def test_a_list_that_is_given_replaces_the_old_one_and_what_is_not_given_stays(
    cluster: Cluster, namespace: str
) -> None:
    stored = Stored(cluster, namespace, "ContainerGroup", **WHOLE)
    after = stored.patched(containers=[WEB], volumes=[], initContainers=[])["spec"]
    assert after["containers"] == DEFAULTS["containers"]
    assert after["volumes"] == after["initContainers"] == []
    for name in WHOLE.keys() - {"containers", "volumes", "initContainers"}:
        assert after[name] == WHOLE[name]


@pytest.mark.spec("container-group.md", "full update")
def test_a_structure_that_is_applied_replaces_the_old_one_as_a_whole(cluster: Cluster, namespace: str) -> None:
    path = f"{collection('ContainerGroup', namespace)}/web?fieldManager=%s&force=true"
    apply, old = "application/apply-patch+yaml", {"nameservers": ["10.0.0.10"]}
    first = cluster.request("PATCH", path % "one", group(dnsConfig=old), apply)
    assert first["spec"]["dnsConfig"]["nameservers"] == ["10.0.0.10"]
    other = {"apiVersion": first["apiVersion"], "kind": first["kind"], "spec": {"dnsConfig": {"searches": ["shop"]}}}
    second = cluster.request("PATCH", path % "another", other, apply)
    assert second["spec"]["dnsConfig"] == {"nameservers": [], "searches": ["shop"], "options": []}
    assert second["spec"]["containers"] == first["spec"]["containers"]


MORE: Object = {"volumes": [*DATA["volumes"], {"name": "logs", "emptyDir": {}}]}
OTHER: Object = {"volumes": [{"name": "logs", "emptyDir": {}}]}
CHANGED: Object = {"volumes": [{"name": "data", "emptyDir": {"medium": "Memory"}}]}
IN_THE_SAME_UPDATE = (
    "MissingParameter: containers must be changed in the same update that adds volumes or takes some away"
)


@pytest.mark.spec("container-group.md", "part: volumes")
@pytest.mark.spec("container-group.md", "MissingParameter")
@pytest.mark.parametrize("volumes", [MORE, OTHER, {"volumes": []}], ids=["one more", "another", "none"])
def test_missing_parameter_where_volumes_come_or_go_without_containers(
    cluster: Cluster, namespace: str, volumes: Object
) -> None:
    stored = Stored(cluster, namespace, "ContainerGroup", **DATA, **INIT)
    with says(f"spec.containers: Invalid value: {IN_THE_SAME_UPDATE}"):
        stored.patched(**volumes)
    assert stored.patched(**volumes, containers=[WEB | {"image": "web:2"}])
    assert stored.patched(**volumes, initContainers=[])


@pytest.mark.spec("container-group.md", "part: volumes")
def test_volumes_of_the_same_names_change_alone_and_in_any_order(cluster: Cluster, namespace: str) -> None:
    stored = Stored(cluster, namespace, "ContainerGroup", **MORE)
    assert stored.patched(volumes=[MORE["volumes"][1], *CHANGED["volumes"]])


def test_a_group_of_a_megabyte_can_be_compared_with_what_it_was(cluster: Cluster, namespace: str) -> None:
    """What the rules cost is limited at the time, too, not only by what their definition says."""
    files = [{"path": f"{number}", "content": "YWJj" * 8192} for number in range(10)]
    variables = [{"name": f"A{number}", "value": "a" * 60} for number in range(100)]
    mounts = [{"name": f"v{number}", "mountPath": f"/{number}"} for number in range(20)]
    volumes = [{"name": f"v{number}", "emptyDir": {}} for number in range(17)]
    volumes += [{"name": f"v{number}", "configFile": {"files": files}} for number in range(17, 20)]
    containers = [each | {"env": variables, "volumeMounts": mounts} for each in many(20)]
    big = Stored(cluster, namespace, "ContainerGroup", containers=containers, volumes=volumes)
    assert big.patched(containers=containers[:1])
    with says("InvalidParameter.DuplicatedName: "):
        big.patched(containers=[*containers[1:], containers[-1]])


# ---- what people see


COLUMNS = "NAME PHASE READY UPDATE DISRUPTION AGE"
WIDE_COLUMNS = "CPU MEMORY IP NODE MESSAGE"


def test_the_columns(cluster: Cluster, namespace: str, kubectl: Any) -> None:
    in_phase(cluster, namespace, "Running")
    status: Object = {
        "podIP": "10.1.2.3",
        "nodeName": "node-1",
        "message": "whole",
        "lastUpdate": {
            "generation": 2,
            "parts": ["tags"],
            "disruption": "Metadata",
            "startTime": "2026-01-01T00:00:00Z",
            "result": "Successful",
        },
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        ],
    }
    path = f"{collection('ContainerGroup', namespace)}/web/status"
    cluster.request("PATCH", path, {"status": status}, MERGE_PATCH)
    heading, row = kubectl("get", "containergroup", "--output=wide").splitlines()
    assert heading.split() == f"{COLUMNS} {WIDE_COLUMNS}".split()
    assert row.split()[:5] == ["web", "Running", "True", "Successful", "Metadata"]
    assert row.split()[6:] == ["2", "2Gi", "10.1.2.3", "node-1", "whole"]
    assert kubectl("get", "cg").splitlines()[0].split() == COLUMNS.split()
