"""The commands that a document shows, so that they can be run as they stand there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:[A-Z_]+=[^\s`]+ )*(?:kubectl|helm|kind|make|hack/[^\s`]+)(?:\s[^`]+)?)`")
_HEREDOC = re.compile(r"<<(\w+)$")


@dataclass(frozen=True, slots=True)
class Command:
    """A command and the output that the document shows for it; empty where it shows none."""

    text: str
    output: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """The commands of one fenced block, in order. `number` counts such blocks below the heading, from 0."""

    heading: str
    number: int
    commands: tuple[Command, ...]


def blocks_of(markdown: str) -> list[Block]:
    """All blocks that hold commands: those marked `console`, and those without a mark, whose lines all are commands."""
    found: list[Block] = []
    for section in re.split(r"^(?=#+ )", markdown, flags=re.MULTILINE):
        heading = section.partition("\n")[0].lstrip("# ")
        number = 0
        for fence in _FENCE.finditer(section):
            parse = {"console": _console, "": _plain}.get(fence["language"])
            commands = tuple(parse(fence["text"])) if parse else ()
            if commands:
                found.append(Block(heading, number, commands))
                number += 1
    return found


def inline_commands_of(markdown: str) -> list[str]:
    """Commands within a sentence or a table that are whole: a setting or a program, and then two words at the least."""
    text = _FENCE.sub("", markdown)
    found = (re.sub(r"\s+", " ", match[1]) for match in _INLINE.finditer(text))
    return [command for command in found if len(command.split()) > 2 or "=" in command.split()[0]]


def yaml_of(markdown: str, first_line: str) -> str:
    """The YAML block that begins with this line. Raises ValueError where there is none."""
    for fence in _FENCE.finditer(markdown):
        if fence["language"] == "yaml" and fence["text"].startswith(f"{first_line}\n"):
            return fence["text"]
    raise ValueError(f"no YAML block begins with {first_line!r}")


def notes_commands(notes: str) -> list[str]:
    """The commands of a chart's notes: the lines that are indented and begin with kubectl."""
    lines = iter(notes.splitlines())
    found: list[str] = []
    for line in lines:
        if line.startswith("  kubectl "):
            command = [line.strip()]
            if heredoc := _HEREDOC.search(line):
                for rest in lines:
                    command.append(rest.removeprefix("  "))
                    if command[-1] == heredoc[1]:
                        break
            found.append("\n".join(command))
    return found


def _console(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        end = next(number for number, line in enumerate(lines) if not line.endswith("\\"))
        yield Command("\n".join(lines[: end + 1]), "\n".join(lines[end + 1 :]))


def _plain(text: str) -> Iterator[Command]:
    yield from (Command(line) for line in text.splitlines() if line.strip())
