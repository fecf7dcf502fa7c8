"""That there is a Pod: one is made where there is none, and one that is lost is deleted so that it comes back.

A Pod is lost when its node is gone, or has not answered for five minutes: then it is deleted without waiting for the
kubelet. A Deployment's Pods run anew elsewhere as soon; as there, a node that only cannot be reached may run the old
containers a little longer.
"""

from datetime import datetime, timedelta

from windlass.api.container_group import RestartPolicy
from windlass.planner.backoff import doubling
from windlass.planner.containergroup.pod import (
    config_maps,
    contents_digest,
    copy_names,
    manifest,
    origin,
)
from windlass.planner.containergroup.reasons import (
    CredentialCopied,
    FilesWritten,
    NodeLost,
    NotNeeded,
    PodComesBack,
    PodCreated,
    PodEvicted,
    PodGoes,
    PodRefused,
    SecretMissing,
)
from windlass.planner.containergroup.steps import (
    CreatePod,
    DeleteConfigMap,
    DeletePod,
    DeleteSecret,
    Step,
    WriteConfigMap,
    WriteSecret,
)
from windlass.planner.containergroup.telling import Move
from windlass.planner.containergroup.view import ContainerGroupView, Pod
from windlass.planner.plan import Event
from windlass.planner.reason import Reason

NODE_LOST = timedelta(minutes=5)  # as long as Kubernetes' own controllers wait before they evict
PAUSE = timedelta(seconds=10)  # between two Pods of which the first failed by no fault of its containers
# After the API server has refused a Pod; doubled each time.
RETRY, LONGEST_RETRY = timedelta(seconds=30), timedelta(minutes=5)


def make(v: ContainerGroupView, *, again: bool = False) -> Move:
    """The next step towards a Pod where there is none: what it names is written first. `again`: there was one, and
    nobody asked for another."""
    group = v.group
    missing = missing_secrets(v)
    if missing:
        return Move(SecretMissing(missing), stuck=True)
    writes = supporting(v)
    if writes:
        return Move(writes[0].why, writes)
    why: Reason = PodComesBack(group.name) if again else PodCreated(group.name)
    create = CreatePod(manifest(group), why)
    refusal = v.refused("CreatePod")
    if refusal is None:
        return Move(why, (create,), events=(Event("Normal", why),))
    # What is said is the same while it waits and while it tries: else conditions and events would come and go.
    refused = PodRefused(group.name, refusal.said)
    retry_at = refusal.at + doubling(RETRY, refusal.tries, LONGEST_RETRY)
    steps = (create,) if v.now >= retry_at else ()
    return Move(refused, steps, wake_at=None if steps else retry_at, events=(Event("Warning", refused),), stuck=True)


def depart(v: ContainerGroupView, pod: Pod) -> Move | None:
    """What is done about a Pod that cannot stay, or is going; None where it stays."""
    group, lost = v.group, _lost(v)
    if has_ended(pod):
        return None
    if lost is not None:
        why: Reason = NodeLost(group.name, pod.node, lost)
        return Move(why, (DeletePod(group.name, pod.uid, why, force=True),), events=(Event("Warning", why),))
    if pod.removing:
        because = f" ({pod.disruption})" if pod.disruption else ""
        return Move(PodGoes(group.name, because), wake_at=node_lost_at(v))
    if not ended_by_others(pod):
        return None
    why = PodEvicted(
        group.name, f"{pod.reason or pod.phase}: {pod.message}" if pod.message else pod.reason or pod.phase
    )
    if v.now < pod.created_at + PAUSE:
        return Move(why, wake_at=pod.created_at + PAUSE)
    return Move(why, (DeletePod(group.name, pod.uid, why),), events=(Event("Warning", why),))


def has_ended(pod: Pod) -> bool:
    """Whether its containers have come to their end by themselves, and nobody has deleted the Pod."""
    return pod.phase in {"Succeeded", "Failed"} and not pod.removing and not ended_by_others(pod)


def silent_since(v: ContainerGroupView) -> datetime | None:
    """Since when the Pod's node has not answered: as the node says, or the Pod where no node may be looked at."""
    if v.node is not None:
        return v.node.unready_since
    return v.pod.silent_since if v.pod is not None else None


def node_lost_at(v: ContainerGroupView) -> datetime | None:
    """When the Pod counts as lost, if its node goes on not answering."""
    since = silent_since(v)
    return since + NODE_LOST if since is not None else None


def ended_by_others(pod: Pod) -> bool:
    """Whether the Pod has ended in a way in which its containers do not end by themselves: by eviction, or because
    its node was shut down or did not take it."""
    match pod.restart_policy:
        case RestartPolicy.ALWAYS:
            return pod.phase in {"Succeeded", "Failed"}
        case RestartPolicy.ON_FAILURE:
            return pod.phase == "Failed"
        case RestartPolicy.NEVER:
            return pod.phase == "Failed" and bool(pod.reason)


def missing_secrets(v: ContainerGroupView) -> tuple[str, ...]:
    """The Secrets of registry credentials that are not there."""
    return tuple(dict.fromkeys(name for name in copy_names(v.group).values() if name not in v.registries))


def supporting(v: ContainerGroupView) -> tuple[WriteConfigMap | WriteSecret, ...]:
    """What the Pod names and what is not written yet, or is out of date. Secrets that are missing are left out."""
    writes: list[WriteConfigMap | WriteSecret] = []
    for name, data in config_maps(v.group).items():
        digest = contents_digest(data)
        if v.config_maps.get(name) != digest:
            writes.append(WriteConfigMap(name, data, digest, FilesWritten(name)))
    for name, source in copy_names(v.group).items():
        version = v.registries.get(source)
        if version is not None and v.copies.get(name) != origin(source, version):
            writes.append(WriteSecret(name, source, version, origin(source, version), CredentialCopied(source)))
    return tuple(writes)


def surplus(v: ContainerGroupView) -> tuple[Step, ...]:
    """What was written for an earlier spec and nothing uses any more."""
    wanted_maps, wanted_copies = config_maps(v.group), copy_names(v.group)
    maps = (DeleteConfigMap(name, NotNeeded(name)) for name in sorted(v.config_maps) if name not in wanted_maps)
    copies = (DeleteSecret(name, NotNeeded(name)) for name in sorted(v.copies) if name not in wanted_copies)
    return (*maps, *copies)


def _lost(v: ContainerGroupView) -> str | None:
    """Why the Pod's node has to be given up."""
    if v.node is not None and v.node.gone:
        return "is gone"
    at = node_lost_at(v)
    return "has not answered for five minutes" if at is not None and v.now >= at else None
