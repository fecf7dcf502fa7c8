"""Sizes, names of images, and what the kubelet's reports say."""

import pytest

from tests.container_groups import at_rest, pod_of, spec, with_report
from windlass.planner.containergroup.reported import crashed, lacking, problem, settles_at
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.view import ContainerReport, Ending
from windlass.planner.images import same_image


@pytest.mark.parametrize(
    ("cpu", "memory", "sizes"),
    [
        ("2", "1Gi", Sizes(2000, 1024**3)),
        ("0.5", "512Mi", Sizes(500, 512 * 1024**2)),
        ("500m", "1Ti", Sizes(500, 1024**4)),
        ("1.250", "1Ki", Sizes(1250, 1024)),
        ("1k", "1M", Sizes(1_000_000, 1_000_000)),
        (".5", "1048576", Sizes(500, 1024**2)),
        ("2.", "2G", Sizes(2000, 2 * 10**9)),
        ("1", "128974848000m", Sizes(1000, 128_974_848)),
    ],
)
def test_quantities_are_numbers(cpu: str, memory: str, sizes: Sizes) -> None:
    assert Sizes.read(cpu, memory) == sizes


@pytest.mark.parametrize("said", ["", "x", "-1", "1e3", "1 Gi", "Gi"])
def test_what_is_no_quantity_is_an_error(said: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        Sizes.read(said, "1Gi")


@pytest.mark.parametrize(
    ("cpu", "memory", "said"),
    [
        ("2", "1Gi", "2 CPU, 1Gi"),
        ("0.5", "1024Mi", "500m CPU, 1Gi"),
        ("1500m", "1536Mi", "1500m CPU, 1536Mi"),
        ("1", "2048Gi", "1 CPU, 2Ti"),
        ("1", "1000", "1 CPU, 1000"),
    ],
)
def test_sizes_are_written_as_kubernetes_writes_them(cpu: str, memory: str, said: str) -> None:
    assert str(Sizes.read(cpu, memory)) == said


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("nginx", "registry.test/library/nginx:latest", True),
        ("nginx:1", "registry.test/library/nginx:1", True),
        ("nginx:1", "registry.test/nginx:1", True),
        ("me/app:1", "registry.test/me/app:1", True),
        ("localhost/app:1", "registry.test/localhost/app:1", False),
        ("registry.test/app", "registry.test/app:latest", True),
        ("registry.test/app:1", "registry.example/app:1", False),
        ("library/nginx:1", "nginx:1", False),
        ("registry:5000/app:1", "registry:5000/app:1", True),
        ("registry:5000/app", "registry:5000/app:latest", True),
        ("nginx:1", "nginx:2", False),
        ("a@sha256:1", "a@sha256:1", True),
        ("a@sha256:1", "a", False),
    ],
)
def test_names_of_the_same_image(first: str, second: str, same: bool) -> None:
    assert same_image(first, second) is same
    assert same_image(second, first) is same


def test_only_those_that_were_started_anew_can_crash() -> None:
    of = at_rest()
    pod = with_report(pod_of(of), "web", state="Waiting", reason="CrashLoopBackOff")
    assert crashed(pod, of.spec, ("web",)) == "container web crashes"
    assert crashed(pod, of.spec, ("log",)) is None
    said = with_report(pod, "web", last=Ending(3))
    assert crashed(said, of.spec, ("web",)) == "container web exited with 3"


def test_one_that_waits_for_something_else_does_not_crash() -> None:
    of = at_rest()
    assert (
        crashed(with_report(pod_of(of), "web", state="Waiting", reason="ImagePullBackOff"), of.spec, ("web",)) is None
    )


@pytest.mark.parametrize(("policy", "crashes"), [("Never", True), ("OnFailure", False), ("Always", False)])
def test_one_that_ends_badly_and_is_not_started_again_has_crashed(policy: str, crashes: bool) -> None:
    of = at_rest(spec(restartPolicy=policy))
    pod = with_report(pod_of(of), "web", state="Terminated", ending=Ending(3), ready=False)
    assert (crashed(pod, of.spec, ("web",)) is not None) is crashes


def test_a_container_that_is_not_reported_is_lacking() -> None:
    of = at_rest()
    pod = pod_of(of, reports=())
    assert lacking(pod, of.spec, ("web",)) == "container web does not run web:1 yet"
    assert lacking(pod, of.spec, ()) is None
    assert settles_at(pod, ("web",)) is None


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (ContainerReport("web", reason="ContainerCreating"), None),
        (ContainerReport("web", reason="PodInitializing"), None),
        (ContainerReport("web"), None),
        (
            ContainerReport("web", reason="ErrImagePull", message="no such host"),
            "container web waits (ErrImagePull): no such host",
        ),
        (
            ContainerReport("web", reason="CrashLoopBackOff", message="back-off 10s", last=Ending(1, message="oh")),
            "container web waits (CrashLoopBackOff); exited with 1: oh",
        ),
        (ContainerReport("web", state="Terminated", ending=Ending(2)), "container web exited with 2"),
        (ContainerReport("web", state="Terminated", ending=Ending(0)), None),
        (ContainerReport("web", state="Running", ready=False), None),
    ],
)
def test_why_a_pod_does_not_come_up(report: ContainerReport, said: str | None) -> None:
    assert problem(pod_of(at_rest(), reports=(report,))) == said


def test_what_the_scheduler_and_the_kubelet_say_of_the_pod_comes_first() -> None:
    of = at_rest()
    waits = ContainerReport("web", reason="ErrImagePull")
    assert problem(pod_of(of, problem="0/3 nodes", reports=(waits,))) == "0/3 nodes"
    assert problem(pod_of(of, phase="Failed", reason="Evicted", message="no memory")) == "Evicted: no memory"
    assert problem(pod_of(of, phase="Failed", message="no memory")) == "no memory"
    assert problem(pod_of(of, phase="Running", reason="x")) is None


def test_an_image_that_cannot_be_had_is_named_whatever_ran_there_before() -> None:
    pod = pod_of(at_rest())
    waits = with_report(
        pod, "web", state="Waiting", reason="ImagePullBackOff", message="web:3: not found", last=Ending(0)
    )
    assert problem(waits) == "container web waits (ImagePullBackOff): web:3: not found"
    crashes = with_report(
        pod,
        "web",
        state="Waiting",
        reason="CrashLoopBackOff",
        message="back-off 10s",
        last=Ending(3, "", "no database"),
    )
    assert problem(crashes) == "container web waits (CrashLoopBackOff); exited with 3: no database"
