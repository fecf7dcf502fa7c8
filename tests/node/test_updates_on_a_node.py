"""Rolling updates on a real kubelet, by the operator as it is installed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hack.cluster import Cluster, wait_until
from hack.cluster.access import Object
from hack.cluster.nodes.images import APP_1, APP_2, FAILING
from tests.cluster.doors import MERGE_PATCH, collection, manifest
from tests.cluster.operator_process import Installation, OperatorProcess, Operators
from tests.node import shell_image
from tests.node.pods import Pods, answer, container, started

SIZE = 2
LIMIT = 60.0  # seconds; a container that crashes is seen to do so after ten to twenty


class Operator:
    """The operator; another one can take its place."""

    def __init__(self, installation: Installation, operators: Operators) -> None:
        self._installation = installation
        self._operators = operators
        self.process = self._started()

    def is_killed(self) -> None:
        self.process.kill()
        self._installation.forget_lease()

    def comes_back(self) -> None:
        self.process = self._started()

    def _started(self) -> OperatorProcess:
        process = self._operators.start()
        process.wait_until_leading()
        return process


@pytest.fixture(scope="module")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """One for the module; meanwhile the simulated node takes no Pods."""
    shell_image.load(cluster, tmp_path_factory.mktemp("shell"), "real-1", "real-2")
    installation = Installation(cluster, "windlass-system", tmp_path_factory.mktemp("installation"))
    installation.install()
    operators = Operators(installation, tmp_path_factory.mktemp("operator"))
    cluster.kubectl("cordon", "node-1")
    try:
        running = Operator(installation, operators)
        yield running
        assert running.process.stop() == 0
        assert "Traceback" not in running.process.log, running.process.log
    finally:
        operators.end()
        cluster.kubectl("uncordon", "node-1")
        installation.remove()


class World:
    """A group `web` of two instances, and updates of it."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.pods = Pods(cluster, namespace)

    def create(self, *containers: Object) -> None:
        """Until all are in service."""
        spec = {
            "nodeSelector": {"type": "real"},
            "dnsPolicy": "Default",
            "terminationGracePeriodSeconds": 1,
            "containers": list(containers),
        }
        self._create(manifest("ScalingConfiguration", template={"spec": spec}))
        self._create(manifest("ScalingGroup", desiredSize=SIZE, maxSize=SIZE))
        self.wait(lambda: self.group.get("inService") == SIZE, "a whole group")

    def begin(self, name: str = "u1", **spec: Any) -> None:
        update = manifest("RollingUpdate", name)
        self._create(update | {"spec": {"scalingGroup": "web"} | spec})

    def run(self, name: str = "u1", **spec: Any) -> Object:
        """The status of an update that has ended."""
        self.begin(name, **spec)
        return self.end(name)

    def script(self, run: str, name: str = "u1", **script: Any) -> Object:
        return self.run(name, kind="Script", script={"run": run} | script)

    def end(self, name: str = "u1") -> Object:
        self.wait(lambda: "completionTime" in self.status(name), f"the end of {name}", name)
        return self.status(name)

    def ask(self, name: str, **spec: Any) -> None:
        path = f"{collection('RollingUpdate', self._namespace)}/{name}"
        self._cluster.request("PATCH", path, {"spec": spec}, MERGE_PATCH)

    def status(self, name: str = "u1") -> Object:
        return dict(self.get("RollingUpdate", name).get("status") or {})

    def results(self, name: str) -> dict[str, Object]:
        """What is kept of the one batch of an update, by instance, without the times."""
        path = f"/api/v1/namespaces/{self._namespace}/configmaps/{name}"
        data = self._cluster.request("GET", path)["data"]
        read = {instance: json.loads(text) for instance, text in data.items()}
        return {
            instance: {field: value for field, value in told.items() if not field.endswith("Time")}
            for instance, told in read.items()
        }

    @property
    def group(self) -> Object:
        return dict(self.get("ScalingGroup", "web").get("status") or {})

    def get(self, kind: str, name: str) -> Object:
        found: Object = self._cluster.request("GET", f"{collection(kind, self._namespace)}/{name}")
        return found

    def inside(self, number: int, script: str) -> str:
        """What a shell in the instance of this number prints."""
        return self.pods.kubectl("exec", f"web-{number}", "--", "/bin/sh", "-c", script).strip()

    def commands(self, number: int) -> list[str]:
        """What runs in the instance."""
        each = 'for f in /proc/[0-9]*/cmdline; do read -r line <"$f"; echo "$line"; done 2>/dev/null; true'
        return self.inside(number, each).splitlines()

    def wait(self, condition: Callable[[], object], what: str, name: str = "") -> None:
        try:
            wait_until(condition, LIMIT, what)
        except TimeoutError as error:
            error.add_note(f"{self.group}\n{self.status(name) if name else ''}")
            raise

    def _create(self, body: Object) -> None:
        self._cluster.request("POST", collection(body["kind"], self._namespace), body)


@pytest.fixture
def world(cluster: Cluster, namespace: str, operator: Operator) -> World:
    return World(cluster, namespace)


def shell() -> Object:
    return {"name": "shell", "image": shell_image.SHELL}


def pods_of(world: World) -> list[Object]:
    return [world.pods.get(f"web-{number}") for number in range(SIZE)]


# ---- images


@pytest.mark.spec("rolling-update.md", "image")
@pytest.mark.spec("rolling-update.md", "image success updates configuration")
def test_an_image_is_changed_in_place_and_all_else_goes_on(world: World) -> None:
    world.create(container("app"), container("side", 8081))
    before = pods_of(world)
    status = world.run(kind="Image", image={"image": APP_2}, batches=2)
    after = pods_of(world)
    assert (status["phase"], status["succeeded"]) == ("Successful", SIZE), status
    for was, now in zip(before, after, strict=True):
        assert now["metadata"]["uid"] == was["metadata"]["uid"]
        assert now["status"]["podIP"] == was["status"]["podIP"]
        assert started(now)["side"] == started(was)["side"]
        assert started(now)["app"][1] == 1
        assert (answer(now, "/version"), answer(now, "/version", 8081)) == ("2", "1")
    template = world.get("ScalingConfiguration", "web")["spec"]["template"]
    assert [each["image"] for each in template["spec"]["containers"]] == [APP_2, APP_1]
    world.wait(lambda: world.group["outdated"] == 0, "nothing outdated")


@pytest.mark.spec("rolling-update.md", "failure pauses")
def test_an_image_that_crashes_stops_the_update_with_its_last_words_and_is_rolled_back(world: World) -> None:
    world.create(container("app"))
    world.begin(kind="Image", image={"image": FAILING, "rollbackImage": APP_1}, batches=2)
    world.wait(lambda: world.status().get("phase") == "Paused", "a pause", "u1")
    (failure,) = world.status()["failures"]
    assert (failure["name"], failure["result"]) == ("web-0", "Failed")
    assert "CrashLoopBackOff" in failure["output"]
    assert "exit code 1" in failure["output"]
    world.ask("u1", state="Cancelled")
    assert world.end()["phase"] == "Cancelled"
    assert world.pods.get("web-1")["spec"]["containers"][0]["image"] == APP_1, "the next batch has not begun"


# ---- scripts


@pytest.mark.spec("rolling-update.md", "script")
@pytest.mark.spec("rolling-update.md", "results")
def test_how_a_script_ended_is_told_with_what_it_wrote(world: World) -> None:
    world.create(shell())
    status = world.script('echo "in $HOSTNAME"; echo trouble >&2; exit ${HOSTNAME#web-}')
    assert (status["phase"], status["succeeded"], status["failed"]) == ("Failed", 1, 1)
    results = world.results("u1-1")
    assert results["web-0"] == {"result": "Succeeded", "exitCode": 0}
    assert results["web-1"]["exitCode"] == 1
    assert sorted(results["web-1"]["output"].splitlines()) == ["in web-1", "trouble"]


def test_a_script_that_hangs_is_killed_in_the_container_with_all_that_it_started(world: World) -> None:
    world.create(shell())
    status = world.script("sleep 601 & (sleep 602 &); trap '' TERM; echo begun; sleep 603", timeoutSeconds=2)
    assert (status["phase"], status["failed"]) == ("Failed", SIZE)
    for number in range(SIZE):
        told = world.results("u1-1")[f"web-{number}"]
        assert told["exitCode"] == 124
        assert told["output"].splitlines()[-1] == "killed after 2 s"
        assert not [line for line in world.commands(number) if "sleep60" in line or "windlass" in line]


def test_an_image_without_a_shell_is_told_and_nothing_is_unknown(world: World) -> None:
    world.create(container("app"))
    status = world.script("true")
    assert (status["phase"], status["failed"], status["unknown"]) == ("Failed", SIZE, 0), status
    assert "/bin/sh" in status["failures"][0]["output"]


@pytest.mark.spec("rolling-update.md", "package")
def test_a_package_is_installed_and_uninstalled_again(world: World, cluster: Cluster, namespace: str) -> None:
    world.create(shell())
    data = {"install": 'echo "$PACKAGE_NAME=$PACKAGE_VERSION" >/installed', "uninstall": "echo nothing >/installed"}
    body = {"metadata": {"name": "scripts"}, "data": data}
    cluster.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
    package = {"name": "nginx", "version": "1.27", "source": "scripts"}
    assert world.run(kind="Package", package=package)["phase"] == "Successful"
    read = "read -r line </installed; echo $line"
    assert [world.inside(number, read) for number in range(SIZE)] == ["nginx=1.27"] * SIZE
    assert world.run("u2", kind="Package", invoke="Rollback", rollbackOf="u1")["phase"] == "Successful"
    assert [world.inside(number, read) for number in range(SIZE)] == ["nothing"] * SIZE


RAN = "while read -r line; do echo $line; done </ran"


@pytest.mark.parametrize("idempotent", [False, True], ids=["once", "idempotent"])
def test_a_script_whose_operator_is_killed_runs_again_only_where_it_may(
    world: World, operator: Operator, idempotent: bool
) -> None:
    world.create(shell())
    script = {"run": "echo ran >>/ran; sleep 2", "timeoutSeconds": 5, "idempotent": idempotent}
    world.begin(kind="Script", script=script)
    for number in range(SIZE):
        world.wait(lambda number=number: "sleep2" in world.commands(number), "a script that runs", "u1")
    operator.is_killed()
    operator.comes_back()
    status = world.end()
    times = [world.inside(number, RAN).splitlines().count("ran") for number in range(SIZE)]
    if idempotent:
        assert (status["phase"], status["succeeded"], times) == ("Successful", SIZE, [2] * SIZE), status
    else:
        assert (status["phase"], status["unknown"], times) == ("Failed", SIZE, [1] * SIZE), status
        assert status["failures"][0]["output"].startswith("Windlass ended while it ran")
