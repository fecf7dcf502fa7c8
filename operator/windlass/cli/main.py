"""The command line of `kubectl windlass`: what may be said, and which module answers.

Nothing slow is imported before the arguments are understood: `--help` is there at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

from windlass import __version__
from windlass.cli.arguments import container_image, percentages, seconds, size, size_change, template_version
from windlass.cli.subject import Subject
from windlass.cli.subjects import SUBJECTS
from windlass.cli.wording import a, joined, named, planned_kinds, several

INTERRUPTED = 130  # what shells say of a command that Ctrl-C ended
_HOW_LONG = "how long to wait: 90s, 10m, 1h (default: for ever)"

Verb = Callable[[argparse.Namespace], int]
Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 — it has no public name
Subjects = Sequence[Subject]


def main(arguments: Sequence[str] | None = None, subjects: Subjects = SUBJECTS) -> int:
    """Run one command; its exit code. Expected errors are one sentence on standard error."""
    given = parser(subjects).parse_args(arguments)
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
        case "refresh" | "update":
            from windlass.cli import begin

            return begin.run
        case "suspend" | "resume" | "approve" | "cancel" | "rollback":
            from windlass.cli import state

            return state.run
        case "stop":
            from windlass.cli import stop

            return stop.run
        case "retry":
            from windlass.cli import retry

            return retry.run
        case _:
            from windlass.cli import scale

            return scale.run


def parser(subjects: Subjects = SUBJECTS) -> argparse.ArgumentParser:
    """All verbs and their flags, for these subjects."""
    made = argparse.ArgumentParser(
        prog="kubectl windlass",
        description="Look at groups and stack sets, see what a change would do, and learn why they are as they are.",
        epilog="`get`, `plan` and `explain` only read.",
    )
    _add_connection(made, None)
    made.add_argument("--version", action="version", version=f"windlass {__version__}")
    made.set_defaults(subjects=subjects)
    adds = {
        "get": _add_get,
        "plan": _add_plan,
        "explain": _add_explain,
        "scale": _add_scale,
        "refresh": _add_refresh,
        "update": _add_update,
        **dict.fromkeys(STATES, _add_state),
        "stop": _add_stop,
        "retry": _add_retry,
    }
    verbs = made.add_subparsers(dest="verb", required=True, metavar="|".join(adds))
    for name, add in adds.items():
        those = [subject for subject in subjects if name in subject.verbs]
        if those:
            add(verbs, name, those)
    return made


def _add_get(verbs: Verbs, name: str, those: Subjects) -> None:
    one, many = joined((a(each.singular) for each in those), "or"), joined((each.plural for each in those), "or")
    verb = _add_verb(verbs, name, f"show {one} as a tree, or the {many} of a namespace as a table")
    _add_subject(verb, those, name_required=False)
    verb.add_argument("-A", "--all-namespaces", action="store_true", help=f"the {many} of all namespaces")
    verb.add_argument("-w", "--watch", action="store_true", help="go on showing what changes, until Ctrl-C")


def _add_plan(verbs: Verbs, name: str, those: Subjects) -> None:
    verb = _add_verb(
        verbs,
        name,
        "show what a change would do, and why; nothing is done",
        "Exit code: 0 nothing would be done, 1 something would be done, 2 it cannot be said.",
        error_code=2,
    )
    lines = [f"{verb.prog} [options] {_how_to_plan(subject)}" for subject in those]
    verb.usage = "\n       ".join([*lines, f"{verb.prog} [options] -f FILE …"])
    _add_subject(verb, those, required=False, name_required=False, name_is="an existing")
    kinds = joined(map(several, planned_kinds(those)))
    verb.add_argument(
        "-f",
        "--filename",
        action="append",
        metavar="FILE",
        help=f"manifests of {kinds} as they would be applied; - is standard input",
    )
    verb.add_argument("--summary", action="store_true", help="one line for all targets to which the same would happen")
    for flag, field, metavar, parse in dict.fromkeys(flag for subject in those for flag in subject.flags):
        verb.add_argument(flag, dest=field, type=parse, metavar=metavar, help=f"with another {field}")


def _how_to_plan(subject: Subject) -> str:
    return " ".join([subject.singular, "NAME", *(f"[{each.flag} {each.metavar}]" for each in subject.flags)])


def _add_explain(verbs: Verbs, name: str, those: Subjects) -> None:
    one = joined((a(subject.singular) for subject in those), "or")
    verb = _add_verb(verbs, name, f"say why {one} is as it is, what it waits for, and what to do")
    _add_subject(verb, those)


def _add_scale(verbs: Verbs, name: str, those: Subjects) -> None:
    verb = _add_verb(verbs, name, "set a group's desired size")
    _add_subject(verb, those)
    verb.add_argument("size", type=size_change, metavar="N|+N|-N", help="the size, or the change of it")
    verb.add_argument("--wait", action="store_true", help="until the group has that size in service")
    verb.add_argument(
        "--timeout", type=seconds, default=600.0, metavar="TIME", help="how long to wait: 90s, 10m, 1h (default: 10m)"
    )


def _add_refresh(verbs: Verbs, name: str, those: Subjects) -> None:
    verb = _add_verb(
        verbs,
        name,
        "replace a group's instances in batches",
        "Exit code with --wait: 0 it succeeded, or was rolled back because somebody asked for it; 1 it did not.",
    )
    verb.add_argument("group", metavar="GROUP", help="name of the group")
    add = verb.add_argument
    add("--image", help="the image of the main container; without it and the next three, the group's own configuration")
    add("--configuration", metavar="NAME", help="another ScalingConfiguration")
    add("--template", type=template_version, metavar="NAME:VERSION", help="a version of a LaunchTemplate")
    add(
        "--container",
        action="append",
        type=container_image,
        metavar="NAME=IMAGE",
        help="the image of one container; may be given several times",
    )
    add("--min-healthy", type=size, metavar="N", help="per cent of the desired size that stay in service (default: 80)")
    add("--max-healthy", type=size, metavar="N", help="per cent of it that there may be meanwhile (default: 120)")
    add("--checkpoints", type=percentages, metavar="20,50,100", help="per cent of new instances at which it pauses")
    add("--checkpoint-pause", type=size, metavar="MIN", help="minutes of a pause (default: 60)")
    add("--no-skip-matching", action="store_true", help="replace also what is made from the desired configuration")
    add("--auto-rollback", action="store_true", help="put the old instances back if it fails")
    add("--bake", type=size, metavar="SECONDS", help="how long to watch the new instances after the last batch")
    add(
        "--progress-deadline",
        type=size,
        metavar="SECONDS",
        help="it has failed when no new instance came into service for so long",
    )
    add("--name", help="name of the InstanceRefresh (default: the group's with five more letters)")
    add("--wait", action="store_true", help="until it is over, with a line for each change")
    add("--timeout", dest="wait_limit", type=seconds, metavar="TIME", help=_HOW_LONG)


def _add_update(verbs: Verbs, name: str, those: Subjects) -> None:
    text = "change a group's instances where they are, in batches: an image, a script, a package"
    verb = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    _add_connection(verb, argparse.SUPPRESS)
    adds = {
        "image": _add_image_update,
        "script": _add_script_update,
        "package": _add_package_update,
        "rollback": _add_rollback_update,
    }
    changes = verb.add_subparsers(dest="change", required=True, metavar="|".join(adds))
    for change, add in adds.items():
        add(changes, change)


def _add_image_update(changes: Verbs, name: str) -> None:
    verb = _add_change(
        changes, name, "give one container another image, and the group's configuration when all is done"
    )
    verb.add_argument("group", metavar="GROUP", help="name of the group")
    verb.add_argument("image", metavar="IMAGE", help="the image")
    verb.add_argument("--container", metavar="NAME", help=_WHICH_CONTAINER)
    verb.add_argument("--rollback-image", metavar="IMAGE", help="the image that `update rollback` gives it")
    _add_course(verb)


def _add_script_update(changes: Verbs, name: str) -> None:
    verb = _add_change(changes, name, "run a script in a container of each instance")
    verb.add_argument("group", metavar="GROUP", help="name of the group")
    verb.add_argument("--run", required=True, metavar="SCRIPT", help="what /bin/sh is given to run")
    verb.add_argument("--rollback", metavar="SCRIPT", help="what `update rollback` runs")
    _add_script_flags(verb)
    _add_course(verb)


def _add_package_update(changes: Verbs, name: str) -> None:
    verb = _add_change(changes, name, "install or uninstall a package by a script of a ConfigMap")
    verb.add_argument("group", metavar="GROUP", help="name of the group")
    verb.add_argument("package", metavar="NAME", help="name of the package: the script finds it in PACKAGE_NAME")
    verb.add_argument("version", metavar="VERSION", help="its version: the script finds it in PACKAGE_VERSION")
    verb.add_argument(
        "--source", required=True, metavar="CONFIGMAP", help="ConfigMap with the scripts `install` and `uninstall`"
    )
    verb.add_argument("--uninstall", action="store_true", help="uninstall it")
    _add_script_flags(verb)
    _add_course(verb)


def _add_rollback_update(changes: Verbs, name: str) -> None:
    verb = _add_change(changes, name, "undo an update on the instances that it touched and that are in service still")
    verb.add_argument("update", metavar="UPDATE", help="name of the update, which has ended")
    _add_course(verb)


_WHICH_CONTAINER = "the container (default: the main one)"
PAUSES = ("Automatic", "FirstBatchPause", "EveryBatchPause")


def _add_change(changes: Verbs, name: str, text: str) -> argparse.ArgumentParser:
    return _add_verb(changes, name, text, "Exit code with --wait: 0 it succeeded, 1 it did not.")


def _add_script_flags(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--container", metavar="NAME", help=_WHICH_CONTAINER)
    verb.add_argument(
        "--timeout", type=seconds, metavar="TIME", help="the script is killed after it: 90s, 10m, 1h (default: 10m)"
    )
    verb.add_argument("--idempotent", action="store_true", help="it may run twice on an instance")


def _add_course(verb: argparse.ArgumentParser) -> None:
    dealt = "into how many the instances are dealt (default: one; with 1, an image is changed in all at once)"
    verb.add_argument("--batches", type=size, metavar="N", help=dealt)
    verb.add_argument("--pause", choices=PAUSES, help="after which batches a person is waited for (default: Automatic)")
    verb.add_argument("--name", help="name of the RollingUpdate (default: the group's with five more letters)")
    verb.add_argument("--wait", action="store_true", help="until it is over, with a line for each change")
    verb.add_argument("--wait-timeout", dest="wait_limit", type=seconds, metavar="TIME", help=_HOW_LONG)


STATES = {
    "suspend": "have a refresh or an update begin nothing new until it is resumed",
    "resume": "let a refresh or an update go on that is suspended, or that pauses",
    "approve": "let a refresh go on from the checkpoint, or an update with the batch, before which it pauses",
    "cancel": "end a refresh or an update; what was changed stays",
    "rollback": "put a refresh's instances back to the configuration that they came from",
}


def _add_state(verbs: Verbs, name: str, those: Subjects) -> None:
    verb = _add_verb(verbs, name, STATES[name])
    words = [each.singular for each in those]
    forms = f"; {joined((f'{word}/NAME' for word in words), 'or')} where there are both" if len(words) > 1 else ""
    verb.add_argument("name", metavar="NAME", help=f"name of the {joined(words, 'or')}{forms}")


def _add_stop(verbs: Verbs, name: str, those: Subjects) -> None:
    verb = _add_verb(verbs, name, "begin nothing more of an operation; what was begun is finished")
    _add_subject(verb, those)


def _add_retry(verbs: Verbs, name: str, those: Subjects) -> None:
    verb = _add_verb(
        verbs,
        name,
        "start an operation again for the instances that failed or were cancelled in it",
        "Exit code with --wait: 0 all of it succeeded, 1 it did not.",
    )
    _add_subject(verb, those)
    verb.add_argument("--wait", action="store_true", help="until it is over, with a line for each change")
    verb.add_argument("--timeout", type=seconds, metavar="TIME", help=_HOW_LONG)


def _add_verb(
    verbs: Verbs, name: str, text: str, epilog: str | None = None, error_code: int = 1
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


def _add_subject(
    verb: argparse.ArgumentParser,
    those: Subjects,
    *,
    required: bool = True,
    name_required: bool = True,
    name_is: str = "name of the",
) -> None:
    """The word for one of these, and its name."""
    verb.add_argument(
        "subject",
        nargs=None if required else "?",
        type=_subject_among(those),
        metavar="|".join(subject.singular for subject in those),
        help=f"the word {joined((f'`{subject.singular}`' for subject in those), 'or')}",
    )
    one = joined((subject.singular for subject in those), "or")
    verb.add_argument("name", nargs=None if name_required else "?", metavar="NAME", help=f"{name_is} {one}")


def _subject_among(those: Subjects) -> Callable[[str], Subject]:
    by_word = {word: subject for subject in those for word in subject.words}

    def subject_of(text: str) -> Subject:
        found = by_word.get(text.lower())
        if found is None:
            there = joined(subject.plural for subject in those)
            raise argparse.ArgumentTypeError(f"there are {there} only, no {text!r}: say {named(those)}")
        return found

    return subject_of


if __name__ == "__main__":
    sys.exit(main())
