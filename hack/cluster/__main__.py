"""The command `hack/cluster/cluster`: see `--help`."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from hack.cluster import kind
from hack.cluster.installation import start_operator
from hack.cluster.local import DEFAULT, ROOT, Cluster, Shape, StartError
from hack.cluster.nodes.plan import node_name
from hack.cluster.tools import TOOL_SETS, BuildError, ToolSet, ensure, tool

_SETS = ", ".join(TOOL_SETS)
_BIN = ROOT / ".local" / "bin"


def main() -> int:
    options = _parser().parse_args()
    use_kind = os.environ.get("CLUSTER") == "kind" or kind.is_kind(options.name)
    cluster = kind.KindCluster(options.name) if use_kind else Cluster(options.name)
    try:
        options.run(cluster, options)
    except (BuildError, StartError) as error:
        print(f"hack/cluster: {error}", file=sys.stderr)
        return 1
    return 0


def up(cluster: Cluster, options: argparse.Namespace) -> None:
    given = {
        field.name: value for field in dataclasses.fields(Shape) if (value := getattr(options, field.name)) is not None
    }
    shape = dataclasses.replace(cluster.shape, **given)
    cluster.up(shape)
    if options.operator:
        start_operator(cluster)
    link_commands()
    print(f"cluster {cluster.name} is up at {cluster.url}: {shape.nodes} nodes in {', '.join(shape.zones)}")
    if shape.real_nodes:
        print(f"  real nodes beside them: {', '.join(node_name(number + 1) for number in range(shape.real_nodes))}")
    for member, kubeconfig in zip(cluster.members, cluster.published_member_kubeconfigs, strict=True):
        print(f"  {member.name} at {member.url}: KUBECONFIG={_short(kubeconfig)}")
    print(f"  export KUBECONFIG={_short(cluster.published_kubeconfig)}")
    name = "" if cluster.name == DEFAULT else f" --name {cluster.name}"
    print(f'  or, with kubectl on PATH too: eval "$(hack/cluster/cluster env{name})"')


def down(cluster: Cluster, options: argparse.Namespace) -> None:
    cluster.down()
    print(f"cluster {cluster.name} is down")


def status(cluster: Cluster, options: argparse.Namespace) -> None:
    row = "{:<24} {:>8} {:>10} {:>8}  {}".format
    print(row("PART", "PID", "MEMORY MB", "CPU S", "LOG"))
    for part in cluster.status():
        if part.usage:
            print(row(part.name, part.pid, part.usage.memory_mb, f"{part.usage.cpu_seconds:.1f}", _short(part.log)))
        else:
            print(row(part.name, "-", "-", "-", "not running"))


def env(cluster: Cluster, options: argparse.Namespace) -> None:
    if not cluster.published_kubeconfig.exists():
        raise StartError(f"cluster {cluster.name} is not there; hack/cluster/cluster up starts it")
    link_commands()
    print(f"export KUBECONFIG={cluster.published_kubeconfig}")
    print(f'export PATH={_BIN}:"$PATH"')


def build(cluster: Cluster, options: argparse.Namespace) -> None:
    for tools in options.sets or TOOL_SETS.values():
        print(ensure(tools))


def link_commands() -> None:
    """One folder with kubectl and its plugin, so that PATH gains these and nothing else."""
    _BIN.mkdir(parents=True, exist_ok=True)
    plugin = ROOT / ".local" / "venv" / "bin" / "kubectl-windlass"
    for name, target in {"kubectl": tool("kubernetes", "kubectl"), "kubectl-windlass": plugin}.items():
        link = _BIN / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hack/cluster/cluster",
        description="A Kubernetes control plane on this machine, with simulated nodes (kwok), and real ones if wanted.",
        epilog="CLUSTER=kind makes the same with kind, on the Docker daemon that answers or one of its own.",
    )
    commands = parser.add_subparsers(required=True, metavar="up|down|status|env|build")
    for run, text in {
        up: "start what is not running; the shape stays as it was where no flag says otherwise",
        down: "end everything and forget it",
        status: "what runs, and where its log is",
        env: "shell lines that make kubectl talk to it",
        build: "build tools only, and print the folders they are in",
    }.items():
        command = commands.add_parser(run.__name__, help=text)
        command.set_defaults(run=run)
        command.add_argument("--name", default=DEFAULT, help="which cluster (default: %(default)s)")
        if run is up:
            _add_shape(command)
        if run is build:
            command.add_argument("sets", nargs="*", type=_tool_set, metavar="SET", help=f"of {_SETS} (default: all)")
    return parser


def _add_shape(command: argparse.ArgumentParser) -> None:
    zones = ",".join(Shape().zones)
    command.add_argument("--nodes", type=_count, metavar="N", help=f"how many nodes (first: {Shape().nodes})")
    command.add_argument("--zones", type=_zones, metavar="A,B", help=f"their zones, in turn (first: {zones})")
    command.add_argument("--members", type=_count, metavar="K", help="how many more API servers, as member clusters")
    command.add_argument(
        "--real-node",
        dest="real_nodes",
        type=_count,
        nargs="?",
        const=1,
        metavar="N",
        help="so many nodes more (1 without a number) on which Pods really run; needs root rights",
    )
    command.add_argument(
        "--operator", action="store_true", help="install what the chart does, and run the operator with these rights"
    )
    command.add_argument("--audit", action="store_const", const=True, help="log every request to the API server")


def _tool_set(value: str) -> ToolSet:
    if value not in TOOL_SETS:
        raise argparse.ArgumentTypeError(f"there is no set {value!r}, only {_SETS}")
    return TOOL_SETS[value]


def _count(value: str) -> int:
    if not value.isdecimal():
        raise argparse.ArgumentTypeError(f"{value!r} is not a number from 0 up")
    return int(value)


def _zones(value: str) -> tuple[str, ...]:
    zones = tuple(zone.strip() for zone in value.split(",") if zone.strip())
    if not zones:
        raise argparse.ArgumentTypeError("at least one zone is needed")
    return zones


if __name__ == "__main__":
    sys.exit(main())
