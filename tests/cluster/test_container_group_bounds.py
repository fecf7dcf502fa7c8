"""Each bound of each field of a ContainerGroup's schema, from both sides, at the real API server.

The limits that have an error code of their own are in test_container_group_rules.py; the schema's bounds on the same
fields lie above them.
"""

from dataclasses import replace
from typing import Any

import pytest

from hack.cluster import Cluster
from hack.generate_crds import definition
from tests.cluster.bounds import (
    OBJECT_NAME,
    Bound,
    bounds_of,
    longest,
    most,
    name_of,
    one_of,
    shape,
    shortest,
    tried,
)
from tests.cluster.doors import Object, accepted, refusal
from windlass.api.container_group import KIND

GROUP: dict[str, Any] = {"kind": "ContainerGroup"}
SMALL = {"cpu": "50m", "memory": "64Mi"}
WEB: Object = {"name": "web", "image": "web:1", "resources": SMALL}
INIT = WEB | {"name": "init"}
DATA: Object = {"name": "data", "emptyDir": {}}

DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
RELATIVE_PATH = "^[^/]+(/[^/]+)*$"
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
TAG_KEY = "^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$"


def label(field: str, limit: int = 63) -> list[Bound]:
    shapes = [shape(field, "web-2", bad, DNS_LABEL, **GROUP) for bad in ("Web", "-web", "web-", "web.2")]
    return [shortest(field, 1, **GROUP), longest(field, limit, **GROUP), *shapes]


def named(field: str, limit: int) -> list[Bound]:
    return [shortest(field, 1, **GROUP), longest(field, limit, **GROUP)]


def beside(bounds: list[Bound], **spec: Any) -> list[Bound]:
    """The bounds, with these fields of the spec beside them."""
    return [replace(bound, beside={**bound.beside, **spec}) for bound in bounds]


def within(bounds: list[Bound], which: str, **parts: Any) -> list[Bound]:
    """The bounds of a field of a container, with these parts of the container beside it."""
    return beside(bounds, **{which: [(WEB if which == "containers" else INIT) | parts]})


def numbered(count: int, thing: Object, key: str = "name") -> list[Object]:
    return [thing | {key: f"n{number}"} for number in range(count)]


def names_and_lists(which: str) -> list[Bound]:
    at = f"{which}[0]"
    variable, port = f"{at}.env[0]", f"{at}.ports[0]"
    return [
        *within(label(f"{at}.name"), which),
        *within(named(f"{at}.image", 1024), which),
        *within([longest(f"{at}.workingDir", 1024, **GROUP)], which),
        *within([most(f"{at}.env", numbered(100, {"value": ""}), {"name": "A", "value": ""}, **GROUP)], which),
        *within(named(f"{variable}.name", 256), which, env=[{"value": ""}]),
        *within([longest(f"{variable}.value", 4096, **GROUP)], which, env=[{"name": "A"}]),
        *within([most(f"{at}.ports", [{"containerPort": 80}] * 100, {"containerPort": 80}, **GROUP)], which),
        *within(label(f"{port}.name", 15), which, ports=[{"containerPort": 80}]),
    ]


def mounts(which: str) -> list[Bound]:
    mount = f"{which}[0].volumeMounts[0]"
    twenty = [{"name": "data", "mountPath": f"/{number}"} for number in range(20)]
    bounds = [
        *named(f"{mount}.mountPath", 1024),
        longest(f"{mount}.subPath", 1024, **GROUP),
        # The schema has Bidirectional as well, which a rule refuses with its reason.
        *[
            replace(bound, allowed='supported values: "None", "HostToContainer", "Bidirectional"')
            for bound in one_of(f"{mount}.mountPropagation", "None", "HostToContainer", not_="Shared", **GROUP)
        ],
    ]
    # A mount's name is a volume's.
    names = [
        replace(bound, beside={**bound.beside, "volumes": [DATA, DATA | {"name": bound.at}]})
        for bound in within(label(f"{mount}.name"), which, volumeMounts=[{"mountPath": "/data"}])
    ]
    number = most(f"{which}[0].volumeMounts", twenty, {"name": "data", "mountPath": "/a"}, **GROUP)
    return [
        *names,
        *beside(within([number], which), volumes=[DATA]),
        *beside(within(bounds, which, volumeMounts=[{"name": "data", "mountPath": "/data"}]), volumes=[DATA]),
    ]


def protocols(which: str) -> list[Bound]:
    bounds = one_of(f"{which}[0].ports[0].protocol", "TCP", "UDP", not_="SCTP", **GROUP)
    return within(bounds, which, ports=[{"containerPort": 80}])


def sources(which: str) -> list[Bound]:
    path = f"{which}[0].env[0].valueFrom.fieldRef.fieldPath"
    return within(one_of(path, "status.podIP", not_="status.hostIP", **GROUP), which, env=[{"name": "A"}])


def capabilities(which: str) -> list[Bound]:
    added = f"{which}[0].securityContext.capabilities.add"
    twice = most(added, ["NET_ADMIN"], "NET_ADMIN", **GROUP)
    choices = one_of(f"{added}[0]", "NET_ADMIN", not_="SYS_ADMIN", **GROUP)
    return within([*choices, replace(twice, allowed="must have at most 1 item")], which)


def pulls(which: str) -> list[Bound]:
    choices = ("Always", "IfNotPresent", "Never")
    return within(one_of(f"{which}[0].imagePullPolicy", *choices, not_="Sometimes", **GROUP), which)


def requests(probe: str) -> list[Bound]:
    at = f"containers[0].{probe}.httpGet"
    bounds = [longest(f"{at}.path", 1024, **GROUP), *one_of(f"{at}.scheme", "HTTP", "HTTPS", not_="FTP", **GROUP)]
    return within(bounds, "containers", **{probe: {"httpGet": {"port": 80}}})


def empty_dirs() -> list[Bound]:
    at = "volumes[0].emptyDir"
    limit, pattern = f"{at}.sizeLimit", "^[0-9]{1,8}(Mi|Gi|Ti)$"
    bounds = [
        *one_of(f"{at}.medium", "", "Memory", not_="HugePages", **GROUP),
        replace(longest(limit, 10, **GROUP), at="99999999Mi", past="999999999Mi"),
        *[shape(limit, "64Mi", bad, pattern, **GROUP) for bad in ("64M", "1.5Gi", "64")],
    ]
    return beside(bounds, volumes=[{"name": "data"}])


def config_files() -> list[Bound]:
    files = "volumes[0].configFile.files"
    path, content = f"{files}[0].path", f"{files}[0].content"
    ten = [{"path": f"{number}", "content": ""} for number in range(10)]
    bad_paths = ("/a", "a/", "a//b")
    codes = (("", "A"), ("YQ==", "YQ="), ("YWI=", "YQ=a"), ("+/+/", "-_-_"))
    paths = [*named(path, 253), *[shape(path, "a b/c.d", bad, RELATIVE_PATH, **GROUP) for bad in bad_paths]]
    contents = [shape(content, good, bad, BASE64, **GROUP) for good, bad in codes]
    number = most(files, ten, {"path": "a", "content": ""}, **GROUP)
    return [
        *beside([number], volumes=[{"name": "data"}]),
        *beside(paths, volumes=[{"name": "data", "configFile": {"files": [{"content": ""}]}}]),
        *beside(contents, volumes=[{"name": "data", "configFile": {"files": [{"path": "a"}]}}]),
    ]


BOTH_LISTS = ("containers", "initContainers")
OF_THE_SPECIFICATION = [
    *[
        pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: restart policy"))
        for bound in one_of("restartPolicy", "Always", "OnFailure", "Never", not_="Sometimes", **GROUP)
    ],
    *[
        pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: mounts"))
        for which in BOTH_LISTS
        for bound in mounts(which)
    ],
    *[
        pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: ports"))
        for which in BOTH_LISTS
        for bound in protocols(which)
    ],
    *[
        pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: environment"))
        for which in BOTH_LISTS
        for bound in sources(which)
    ],
    *[
        pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: security context"))
        for which in BOTH_LISTS
        for bound in capabilities(which)
    ],
    *[
        pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: probes"))
        for probe in ("livenessProbe", "readinessProbe")
        for bound in requests(probe)
    ],
    *[pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: emptyDir")) for bound in empty_dirs()],
    *[
        pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: config files"))
        for bound in config_files()
    ],
    *[
        pytest.param(bound, marks=pytest.mark.spec("container-group.md", "limit: others"))
        for bound in [
            *pulls("containers"),
            *pulls("initContainers"),
            shape("clientToken", "request #7 ~ !", "größe", "^[ -~]+$", **GROUP),
        ]
    ],
]
OF_OUR_OWN = [
    *named("displayName", 128),
    most("containers", numbered(20, WEB), WEB, **GROUP),
    most("initContainers", numbered(10, WEB), INIT, **GROUP),
    *names_and_lists("containers"),
    *names_and_lists("initContainers"),
    most("volumes", numbered(20, {"emptyDir": {}}), DATA, **GROUP),
    *beside(label("volumes[0].name"), volumes=[{"emptyDir": {}}]),
    *beside(named("volumes[0].nfs.server", 253), volumes=[{"name": "data", "nfs": {"path": "/"}}]),
    *beside(named("volumes[0].nfs.path", 1024), volumes=[{"name": "data", "nfs": {"server": "files"}}]),
    most("dnsConfig.nameservers", ["10.0.0.10"] * 3, "10.0.0.10", **GROUP),
    *named("dnsConfig.nameservers[0]", 45),
    most("dnsConfig.searches", ["shop"] * 32, "shop", **GROUP),
    *named("dnsConfig.searches[0]", 253),
    most("dnsConfig.options", [{"name": "ndots"}] * 20, {"name": "ndots"}, **GROUP),
    *named("dnsConfig.options[0].name", 63),
    *beside([longest("dnsConfig.options[0].value", 63, **GROUP)], dnsConfig={"options": [{"name": "ndots"}]}),
    most("imageRegistryCredentials", numbered(10, {}, "secretName"), {"secretName": "registry"}, **GROUP),
    *named("imageRegistryCredentials[0].secretName", 253),
    shape("imageRegistryCredentials[0].secretName", "web-2.a", "Web", OBJECT_NAME, **GROUP),
    most("tags", numbered(10, {}, "key"), {"key": "team"}, **GROUP),
    *named("tags[0].key", 36),
    shape("tags[0].key", "Cost_centre-1", "_team", TAG_KEY, **GROUP),
    *beside([longest("tags[0].value", 43, **GROUP)], tags=[{"key": "team"}]),
    *beside([shape("tags[0].value", "", "a b", "^[A-Za-z0-9_.-]*$", **GROUP)], tags=[{"key": "team"}]),
    shortest("clientToken", 1, **GROUP),
    *one_of(
        "update.mostDisruptiveAllowed",
        "Metadata",
        "Resize",
        "RestartContainer",
        "Recreate",
        not_="Everything",
        **GROUP,
    ),
]
BOUNDS = [*OF_THE_SPECIFICATION, *OF_OUR_OWN]
COMMANDS = (
    *("containers[0].command", "initContainers[0].command"),
    *("containers[0].livenessProbe.exec.command", "containers[0].readinessProbe.exec.command"),
)
ARGUMENTS = ("containers[0].args", "initContainers[0].args")
# What lies within these is refused with an error code.
ABOVE_A_LIMIT = [
    *[most(field, ["a"] * 320, "a", **GROUP) for field in COMMANDS],
    *[most(field, ["a"] * 160, "a", **GROUP) for field in ARGUMENTS],
    *[longest(f"{field}[0]", 4096, **GROUP) for field in (*COMMANDS, *ARGUMENTS)],
    longest("volumes[0].configFile.files[0].content", 65_536, **GROUP),
    longest("clientToken", 1024, **GROUP),
    *[
        longest(f"{size}.{field}", 16, **GROUP)
        for size in ("size", "containers[0].resources", "initContainers[0].resources")
        for field in ("cpu", "memory")
    ],
]


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_the_last_value_within_a_bound_is_accepted(cluster: Cluster, bound: Bound) -> None:
    assert accepted(cluster, bound.thing(bound.at))


@pytest.mark.parametrize("bound", [*BOUNDS, *ABOVE_A_LIMIT], ids=name_of)
def test_the_first_value_past_a_bound_is_refused_by_field_and_limit(cluster: Cluster, bound: Bound) -> None:
    said = refusal(cluster, bound.thing(bound.past))
    assert f"spec.{bound.field}: " in said
    assert bound.allowed in said


@pytest.mark.parametrize("bound", ABOVE_A_LIMIT, ids=name_of)
def test_what_a_limit_forbids_is_refused_with_its_code_as_far_as_the_bound(cluster: Cluster, bound: Bound) -> None:
    said = refusal(cluster, bound.thing(bound.at))
    code = "InvalidParam.CpuOrMemorySpec" if bound.at == "a" * 16 else "InvalidParameter.LengthExceeded"
    assert f"{code}: " in said
    assert bound.allowed not in said


def test_no_bound_is_without_its_case() -> None:
    assert set(bounds_of(definition(KIND))) == tried([*BOUNDS, *ABOVE_A_LIMIT])
