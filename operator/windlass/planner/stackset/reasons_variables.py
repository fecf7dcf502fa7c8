"""Why variables, overrides or a template are refused.

They name variables, lines, and objects as the template writes them: never a value.
"""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


class RefusedError(Exception):
    """Carries a reason out of a reader that is many calls deep. Functions that others call catch it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


# ---- what a text of variables is not


@dataclass(frozen=True, slots=True)
class VariablesTooLarge(Reason):
    """The text is longer than its place allows."""

    TEXT: ClassVar[str] = "400: {source} has {size} bytes: at most {most} are allowed"
    source: str
    size: int
    most: int


@dataclass(frozen=True, slots=True)
class TooManyVariables(Reason):
    """There are more names than a set may record."""

    TEXT: ClassVar[str] = "400: there are more than {most:variable}"
    most: int


@dataclass(frozen=True, slots=True)
class NoVariable(Reason):
    """A line does not begin as a variable does."""

    TEXT: ClassVar[str] = "400: {source}, line {line}: {problem}"
    source: str
    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class NoLiteral(Reason):
    """What stands behind a name is no literal, or not alone."""

    TEXT: ClassVar[str] = "400: {source}, line {line}: the value of {name} {problem}"
    source: str
    line: int
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class VariableTwice(Reason):
    """A name stands twice in one text."""

    TEXT: ClassVar[str] = "400: {source}, line {line}: {name} is given a second time"
    source: str
    line: int
    name: str


# ---- what variables and overrides are not together


@dataclass(frozen=True, slots=True)
class VariablesInBoth(Reason):
    """Names stand in the object and in the file."""

    TEXT: ClassVar[str] = "400: variables and variablesFrom both give {variables}: give each name in one of them"
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverridesRepeated(Reason):
    """Names stand more than once in an operation's overrides."""

    TEXT: ClassVar[str] = (
        "400: overrides repeat {variables}: name each once, in variables, in variablesFrom or in useStackSetVariables"
    )
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverridesUnknown(Reason):
    """Names are not among the set's."""

    TEXT: ClassVar[str] = (
        "400: overrides name {variables}, which the stack set does not record: only its own variables can be "
        "overridden, not the template's defaults"
    )
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverridesMissing(Reason):
    """Names of the set are left out."""

    TEXT: ClassVar[str] = (
        "400: overrides leave out {variables}: give each a value, or name it in useStackSetVariables to have the "
        "stack set's"
    )
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverridesDangling(Reason):
    """The set's new variables lack names that instances override."""

    TEXT: ClassVar[str] = (
        "400: the variables leave out {variables}, overridden in {instances}: keep the names, or give the overrides up "
        "first, by an UpdateInstances operation that has them in useStackSetVariables"
    )
    variables: tuple[str, ...]
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TogetherTooLarge(Reason):
    """Variables of two places are too much together."""

    TEXT: ClassVar[str] = "400: {what} have {size} bytes together, written as one text: at most {most} are allowed"
    what: str
    size: int
    most: int


# ---- what a template is not


@dataclass(frozen=True, slots=True)
class TemplateTooLarge(Reason):
    """The template is longer than a file may be."""

    TEXT: ClassVar[str] = "400: the template has {size} bytes: at most {most} are allowed"
    size: int
    most: int


@dataclass(frozen=True, slots=True)
class TemplateTooDeep(Reason):
    """The template has more levels than any object needs."""

    TEXT: ClassVar[str] = "400: the template, line {line}: there are more than {most:level}"
    line: int
    most: int


@dataclass(frozen=True, slots=True)
class TemplateExpandsTooFar(Reason):
    """The template grows without measure by its aliases."""

    TEXT: ClassVar[str] = "400: the template, line {line}: there are more than {most:value} with all aliases resolved"
    line: int
    most: int


@dataclass(frozen=True, slots=True)
class TemplateUnreadable(Reason):
    """The template is not the YAML that it should be."""

    TEXT: ClassVar[str] = "400: the template, line {line}: {problem}"
    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class TemplateEmpty(Reason):
    """Nothing would be deployed, and all that was deployed would be pruned."""

    TEXT: ClassVar[str] = (
        "400: the template has no objects: use a DeleteInstances operation to remove what was deployed"
    )


@dataclass(frozen=True, slots=True)
class UnknownVariables(Reason):
    """The template asks for what nobody gives."""

    TEXT: ClassVar[str] = "400: the template names variables that there are not: {where}"
    where: str


@dataclass(frozen=True, slots=True)
class NullInText(Reason):
    """A variable without a value would have to be written as text."""

    TEXT: ClassVar[str] = (
        "400: the template, line {line}: {name} is null, which is no text: give it a value, or the template a default"
    )
    line: int
    name: str


@dataclass(frozen=True, slots=True)
class RenderedTooLarge(Reason):
    """With its values the template is longer than a file may be."""

    TEXT: ClassVar[str] = "400: the template has more than {most} bytes with its variables filled in"
    most: int


@dataclass(frozen=True, slots=True)
class NoManifest(Reason):
    """A document is no object that can be deployed."""

    TEXT: ClassVar[str] = "400: the template, {where}: {problem}"
    where: str
    problem: str


@dataclass(frozen=True, slots=True)
class ObjectTwice(Reason):
    """Two documents are the same object."""

    TEXT: ClassVar[str] = "400: the template, {where}: it is the same object as {first}"
    where: str
    first: str


@dataclass(frozen=True, slots=True)
class TooManyObjects(Reason):
    """The template has more objects than one instance may have."""

    TEXT: ClassVar[str] = "400: the template has {count:object}: at most {most} are allowed"
    count: int
    most: int
