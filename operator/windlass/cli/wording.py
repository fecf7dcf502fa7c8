"""Names of subjects in help and in errors."""

from collections.abc import Iterable

from windlass.cli.subject import Subject


def joined(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    *before, end = words
    return f"{', '.join(before)} {last} {end}" if before else end


def named(subjects: Iterable[Subject]) -> str:
    """What people type: `group NAME`, each in backquotes, joined by "or"."""
    return joined((f"`{subject.singular} NAME`" for subject in subjects), "or")


def a(word: str) -> str:
    """The word with its article."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def several(kind: str) -> str:
    """The plural of a kind's name."""
    return f"{kind}{'es' if kind.endswith(('s', 'sh', 'ch', 'x')) else 's'}"


def planned_kinds(subjects: Iterable[Subject]) -> tuple[str, ...]:
    """The kinds of manifests that `plan -f` plans for."""
    plannable = [subject for subject in subjects if "plan" in subject.verbs]
    return tuple(dict.fromkeys(kind for subject in plannable for kind in (subject.kind, *subject.sources)))
