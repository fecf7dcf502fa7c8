"""The command line of `kubectl windlass`: what may be said, and which module answers.

Nothing but argparse is imported before the arguments are understood: `--help` is there at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from windlass import __version__

GROUP_WORDS = frozenset({"group", "groups", "sg", "scalinggroup", "scalinggroups"})
INTERRUPTED = 130  # what shells say of a command that Ctrl-C ended

Verb = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Expected errors are one sentence on standard error."""
    given = parser().parse_args(arguments)
    try:
        return _verb(given)(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from windlass.cli.failures import sentence

        said = sentence(error)
        if said is None:
            raise
        print(f"kubectl windlass: {said}", file=sys.stderr)
        return int(given.error_code)


def _verb(given: argparse.Namespace) -> Verb:
    match given.verb:
        case "get":
            from windlass.cli import get

            return get.run
        case "plan":
            from windlass.cli import plan

            return plan.run
        case "explain":
            from windlass.cli import explain

            return explain.run
        case _:
            from windlass.cli import scale

            return scale.run


def parser() -> argparse.ArgumentParser:
    """All verbs and their flags."""
    made = argparse.ArgumentParser(
        prog="kubectl windlass",
        description="Look at scaling groups, see what a change would do, and learn why a group is as it is.",
        epilog="Everything but `scale` only reads.",
    )
    _add_connection(made, None)
    made.add_argument("--version", action="version", version=f"windlass {__version__}")
    verbs = made.add_subparsers(dest="verb", required=True, metavar="get|plan|explain|scale")
    for add in (_add_get, _add_plan, _add_explain, _add_scale):
        add(verbs)
    return made


def _add_get(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _add_verb(verbs, "get", "show a group as a tree, or the groups of a namespace as a table")
    _add_group(verb, name_required=False)
    verb.add_argument("-A", "--all-namespaces", action="store_true", help="the groups of all namespaces")
    verb.add_argument("-w", "--watch", action="store_true", help="go on showing what changes, until Ctrl-C")


def _add_plan(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _add_verb(
        verbs,
        "plan",
        "show what a change would do, and why; nothing is done",
        "Exit code: 0 nothing would be done, 1 something would be done, 2 it cannot be said.",
        error_code=2,
    )
    verb.usage = (
        f"{verb.prog} [options] group NAME [--desired N] [--min N] [--max N]\n       {verb.prog} [options] -f FILE …"
    )
    verb.add_argument("kind", nargs="?", type=_group_word, metavar="group", help="the word `group`")
    verb.add_argument("name", nargs="?", metavar="NAME", help="an existing group")
    verb.add_argument(
        "-f",
        "--filename",
        action="append",
        metavar="FILE",
        help="manifests of ScalingGroups and ScalingConfigurations as they would be applied; - is standard input",
    )
    verb.add_argument("--desired", type=_size, metavar="N", help="with another desiredSize")
    verb.add_argument("--min", type=_size, metavar="N", help="with another minSize")
    verb.add_argument("--max", type=_size, metavar="N", help="with another maxSize")


def _add_explain(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _add_verb(verbs, "explain", "say why a group is as it is, what it waits for, and what to do")
    _add_group(verb)


def _add_scale(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _add_verb(verbs, "scale", "set a group's desired size")
    _add_group(verb)
    verb.add_argument("size", type=_size_change, metavar="N|+N|-N", help="the size, or the change of it")
    verb.add_argument("--wait", action="store_true", help="until the group has that size in service")
    verb.add_argument(
        "--timeout", type=_duration, default=600.0, metavar="TIME", help="how long to wait: 90s, 10m, 1h (default: 10m)"
    )


def _add_verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    epilog: str | None = None,
    error_code: int = 1,
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog)
    verb.set_defaults(error_code=error_code, usage_error=verb.error)
    _add_connection(verb, argparse.SUPPRESS)
    verb.add_argument("-o", "--output", choices=("json", "yaml"), help="for programs; the shape is in docs/cli.md")
    return verb


def _add_connection(made: argparse.ArgumentParser, default: str | None) -> None:
    """Flags that may stand before the verb as well as after it: after it, their absence must not undo them."""
    kubeconfig = "kubeconfig; $KUBECONFIG or ~/.kube/config if not given"
    made.add_argument("-n", "--namespace", default=default, help="namespace; that of the context if not given")
    made.add_argument("--context", default=default, help="context of the kubeconfig")
    made.add_argument("--kubeconfig", default=default, metavar="FILE", help=kubeconfig)


def _add_group(verb: argparse.ArgumentParser, *, name_required: bool = True) -> None:
    verb.add_argument("kind", type=_group_word, metavar="group", help="the word `group`")
    verb.add_argument("name", nargs=None if name_required else "?", metavar="NAME", help="name of the group")


def _group_word(text: str) -> str:
    if text.lower() not in GROUP_WORDS:
        raise argparse.ArgumentTypeError(f"there are groups only, no {text!r}: say `group NAME`")
    return "group"


def _size(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _size_change(text: str) -> tuple[str, int]:
    sign, digits = (text[0], text[1:]) if text[:1] in {"+", "-"} else ("", text)
    if not digits.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a size such as 5 nor a change such as +2 or -2")
    return sign, int(digits)


def _duration(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in units:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 10m or 1h")
    return float(int(number) * units[unit])


if __name__ == "__main__":
    sys.exit(main())
