"""The kinds of object we talk about to an API server, and the paths they are found under."""

from dataclasses import dataclass
from urllib.parse import quote

from windlass.api.common import GROUP, VERSION, Kind


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as an API server serves it. `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @classmethod
    def of(cls, kind: Kind) -> "Resource":
        """One of our own kinds."""
        return cls(GROUP, VERSION, kind.plural, kind.kind)

    @property
    def api_version(self) -> str:
        """What `apiVersion` holds in an object of this kind."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of the collection, or of one object or its subresource.

        Without a namespace it is the collection of all namespaces. ValueError for a name that no object can have.
        """
        parts = ["", "apis", self.group, self.version] if self.group else ["", "api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", _segment(namespace)]
        parts.append(self.plural)
        if name is not None:
            parts.append(_segment(name))
        if subresource is not None:
            parts.append(subresource)
        return "/".join(parts)


def _segment(name: str) -> str:
    if name in {"", ".", ".."}:  # they would make a path to something else
        raise ValueError(f"{name!r} is not the name of an object")
    return quote(name, safe=":")


CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
PODS = Resource("", "v1", "pods", "Pod")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
EVENTS = Resource("", "v1", "events", "Event")  # the core group's have a count, which kubectl shows
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
POLICIES = Resource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
POLICY_BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")

# Of our own kinds, by name: whoever talks about one does not import the models of all.
SCALING_GROUPS = Resource(GROUP, VERSION, "scalinggroups", "ScalingGroup")
SCALING_CONFIGURATIONS = Resource(GROUP, VERSION, "scalingconfigurations", "ScalingConfiguration")
LAUNCH_TEMPLATES = Resource(GROUP, VERSION, "launchtemplates", "LaunchTemplate")
SCALING_ACTIVITIES = Resource(GROUP, VERSION, "scalingactivities", "ScalingActivity")
INSTANCE_REFRESHES = Resource(GROUP, VERSION, "instancerefreshes", "InstanceRefresh")
ROLLING_UPDATES = Resource(GROUP, VERSION, "rollingupdates", "RollingUpdate")
STACK_SETS = Resource(GROUP, VERSION, "stacksets", "StackSet")
STACK_SET_OPERATIONS = Resource(GROUP, VERSION, "stacksetoperations", "StackSetOperation")
STACK_INSTANCES = Resource(GROUP, VERSION, "stackinstances", "StackInstance")
STACK_TARGETS = Resource(GROUP, VERSION, "stacktargets", "StackTarget")
CONTAINER_GROUPS = Resource(GROUP, VERSION, "containergroups", "ContainerGroup")
