"""StackTarget: how the cluster of one region and account is reached."""

from typing import Annotated

from pydantic import Field

from windlass.api.common import Column, Condition, Kind, Model, ObjectName, Observed, Rule, Sentence, Time
from windlass.api.stacks import Account, FileKey, Region, Unit

NamespaceName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


class KubeconfigReference(Model):
    """One key of a Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: FileKey = "kubeconfig"
    """The key that holds the kubeconfig: at most 64 KiB, with a bearer token or a client certificate. Commands (exec),
    auth providers, file paths, proxies and connections without TLS checks are refused."""


class InCluster(Model):
    """The cluster that Windlass runs in."""


class TargetCluster(Model):
    """Where the API server is: exactly one of both."""

    kubeconfig_secret_ref: KubeconfigReference | None = None
    """The kubeconfig of another cluster."""
    in_cluster: InCluster | None = None
    """`{}`: the cluster that Windlass runs in. It then acts as serviceAccountName, never with its own rights."""


class StackTargetSpec(Model):
    """Which region and account this is, and how its cluster is reached. Only how it is reached can be changed."""

    region: Region
    """The region, for instance eu-1: at most 63 letters, digits, `-`, `_` or `.`."""
    account: Account
    """The account: at most 63 letters, digits, `-`, `_` or `.`. A region has each account once."""
    organizational_unit: Unit | None = None
    """The organisational unit that the account is in, from the root on: `root/eu/shop`."""
    management_account: bool = False
    """The account that manages the organisation: units never select it."""
    cluster: TargetCluster
    """How its cluster is reached."""
    service_account_name: ObjectName | None = None
    """The ServiceAccount of the namespace below as which everything is done there. Needed with inCluster, where that
    namespace must be the StackTarget's own."""
    namespace: NamespaceName = "default"
    """The namespace of objects that name none, and of the record of what was deployed. It must exist. Cannot be
    changed."""


class StackTargetStatus(Observed):
    """Whether the cluster can be reached."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: Annotated[str, Field(max_length=32)] = ""
    """Ready; Unreachable: its API server does not answer as it should; Stalled: the spec or the kubeconfig must be
    changed."""
    message: Sentence = ""
    """The most useful sentence about the target now."""
    cluster_uid: Annotated[str, Field(alias="clusterUID", max_length=64)] = ""
    """The uid of the cluster's kube-system namespace. Another cluster behind the same credentials is refused."""
    version: Annotated[str, Field(max_length=64)] = ""
    """The API server's version."""
    checked_at: Time | None = None
    """When it was last found to be otherwise than before. It is looked at every few minutes."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True."""


KIND = Kind(
    kind="StackTarget",
    plural="stacktargets",
    short_names=("starget",),
    spec=StackTargetSpec,
    status=StackTargetStatus,
    description="The cluster of one region and account, to which StackSets deploy.",
    columns=(
        Column("Region", ".spec.region"),
        Column("Account", ".spec.account"),
        Column("Phase", ".status.phase"),
        Column("Version", ".status.version", description="The API server's version"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether it can be reached"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Unit", ".spec.organizationalUnit", wide=True),
        Column("Namespace", ".spec.namespace", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
    spec_rules=(
        Rule("self.region == oldSelf.region", "region cannot be changed: create another StackTarget", field=".region"),
        Rule(
            "self.account == oldSelf.account", "account cannot be changed: create another StackTarget", field=".account"
        ),
        Rule(
            # A word that CEL keeps for itself is written so.
            "self.__namespace__ == oldSelf.__namespace__",
            "namespace cannot be changed, for it has the record of what was deployed: create another StackTarget",
            field=".namespace",
        ),
        Rule(
            "has(self.kubeconfigSecretRef) != has(self.inCluster)",
            "cluster must have either kubeconfigSecretRef or inCluster",
            at="cluster",
        ),
        Rule(
            "!has(self.cluster.inCluster) || has(self.serviceAccountName)",
            "serviceAccountName must be given with inCluster: Windlass does not deploy with its own rights",
            field=".serviceAccountName",
        ),
    ),
)
