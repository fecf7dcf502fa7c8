"""What the kubelet reports: whether containers run as asked, why they do not, and how they crashed."""

from collections.abc import Collection, Iterator
from datetime import datetime

from windlass.api.container_group import ContainerGroupSpec, RestartPolicy
from windlass.planner.containergroup.parts import container_part
from windlass.planner.containergroup.pod import restarts_before
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.view import ContainerReport, Pod
from windlass.planner.images import SETTLED, same_image

CRASH_LOOP = "CrashLoopBackOff"
_ORDINARY = frozenset({"", "ContainerCreating", "PodInitializing"})  # every container passes through these


def crashed(pod: Pod, spec: ContainerGroupSpec, names: Collection[str]) -> str | None:
    """Which of these containers crash since they were started anew, with its last words."""
    images = _images(spec)
    for report in (*pod.init_reports, *pod.reports):
        if report.name not in names or not _is_new(pod, report, images.get(report.name)):
            continue
        last = report.ending or report.last
        if report.state == "Waiting" and report.reason == CRASH_LOOP:
            return f"container {report.name} {last}" if last is not None else f"container {report.name} crashes"
        if pod.restart_policy is RestartPolicy.NEVER and report.ending is not None and report.ending.exit_code:
            return f"container {report.name} {report.ending}"
    return None


def lacking(pod: Pod, spec: ContainerGroupSpec, names: Collection[str]) -> str | None:
    """Why one cannot say yet that these containers were started anew and are as asked; None: they are."""
    images, reports = _images(spec), {each.name: each for each in pod.reports}
    for name in (each.name for each in spec.containers if each.name in names):
        if not pod.observed:
            return problem(pod) or "the kubelet has not seen the change yet"
        report = reports.get(name)
        if report is None or not _is_new(pod, report, images[name]):
            return problem(pod) or f"container {name} does not run {images[name]} yet"
        if not is_well(pod, report):
            return problem(pod) or f"container {name} is not ready"
    return None


def ended_before(pod: Pod, names: Collection[str]) -> str | None:
    """Why one of these containers, whose images have changed, is never going to run what is asked for now.

    Only where the kubelet says of which spec it speaks: else a runtime's other name for an image may deceive.
    """
    if not pod.observed or pod.observed_generation is None:
        return None
    images = {each.name: each.image for each in pod.containers}
    for report in pod.reports:
        if report.name in names and pod.is_over(report) and not _is_new(pod, report, images.get(report.name)):
            return has_ended_with_its_old_image(pod, report.name)
    return None


def has_ended_with_its_old_image(pod: Pod, name: str) -> str:
    """That a container is not started again, for a sentence."""
    return (
        f"container {name} has ended with its old image, and restartPolicy {pod.restart_policy} does not start it again"
    )


def settles_at(pod: Pod, names: Collection[str]) -> datetime | None:
    """When the last of these containers that run will have run long enough not to have crashed at its start."""
    moments = (each.since + SETTLED for each in pod.reports if each.name in names and each.since is not None)
    return max(moments, default=None)


def not_resized(pod: Pod, spec: ContainerGroupSpec, parts: Collection[str], *, all_tell: bool) -> str | None:
    """Which of the containers that are among these parts does not have its size yet. `all_tell`: one whose size is not
    reported counts as well."""
    reports = {each.name: each for each in pod.reports}
    for container in (each for each in spec.containers if container_part(each.name) in parts):
        report, wanted = reports.get(container.name, ContainerReport(container.name)), Sizes.of(container.resources)
        if pod.is_over(report):
            continue
        for said in (report.sizes, report.allocated):
            if said is not None and said != wanted:
                return f"container {container.name} has {said}, not {wanted}"
        if all_tell and report.sizes is None:
            return problem(pod) or f"the kubelet does not report the size of container {container.name}"
    return None


def is_well(pod: Pod, report: ContainerReport) -> bool:
    """Whether a container is as it should be: ready, or done where it is not started again."""
    if report.ending is not None:
        return report.ending.exit_code == 0 and pod.restart_policy is not RestartPolicy.ALWAYS
    return report.state == "Running" and report.ready


def problem(pod: Pod) -> str | None:
    """Why the Pod does not come up, in the words of whoever knows; None where nobody says anything."""
    if pod.problem:
        return pod.problem
    if pod.phase in {"Failed", "Unknown"} and (pod.reason or pod.message):
        return ": ".join(part for part in (pod.reason, pod.message) if part)
    return next(_troubles(pod), None)


def _troubles(pod: Pod) -> Iterator[str]:
    for report in (*pod.init_reports, *pod.reports):
        if report.state == "Waiting" and report.reason not in _ORDINARY:
            last = f"; {report.last}" if report.last is not None and report.reason == CRASH_LOOP else ""
            said = f": {report.message}" if report.message and not last else ""
            yield f"container {report.name} waits ({report.reason}){said}{last}"
        elif report.ending is not None and report.ending.exit_code:
            yield f"container {report.name} {report.ending}"


def _is_new(pod: Pod, report: ContainerReport, image: str | None) -> bool:
    """Whether the report is of the container as it is asked for now, and not of the one before.

    A runtime may call an image by another of its names; then the restart tells, where the kubelet says which spec it
    speaks of. One whose image was never changed in place is the one that the Pod was made with.
    """
    if not pod.observed:
        return False
    if image is None or same_image(report.image, image):
        return True
    before = restarts_before(pod).get(report.name)
    return before is None or (pod.observed_generation is not None and report.restart_count > before)


def _images(spec: ContainerGroupSpec) -> dict[str, str]:
    return {each.name: each.image for each in spec.containers}
