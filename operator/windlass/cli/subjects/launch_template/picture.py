"""A launch template and its versions, as a tree and as values."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from windlass.api.launch_template import DEFAULT, LATEST, LaunchTemplateStatus
from windlass.cli.reading import Body, now
from windlass.cli.subjects.launch_template import TEMPLATE
from windlass.cli.told import Shown
from windlass.cli.tree import Row, drawn
from windlass.planner.launch_template.standing import standing


def stands(body: Body) -> LaunchTemplateStatus:
    """What the template's words mean by its spec, whatever its status says yet."""
    return standing(body["spec"], LaunchTemplateStatus(), body["metadata"]["generation"], now())


def shown(body: Body) -> Shown:
    """The template at this moment."""
    meant, moment = stands(body), now()
    rows = list(_rows(body, meant))
    return Shown(
        values=partial(values, body, meant),
        lines=partial(drawn, meant.message, rows, moment),
        rows=lambda: rows,
        message=meant.message,
        now=moment,
        next_change=None,
    )


def values(body: Body, meant: LaunchTemplateStatus) -> dict[str, Any]:
    """For programs: the row of the table, and in place of the number of versions what they are."""
    versions = [
        {"version": number, "words": list(words), "description": description, "images": images}
        for number, words, description, images in _versions(body, meant)
    ]
    return TEMPLATE.summary(body) | {"versions": versions}


def _rows(body: Body, meant: LaunchTemplateStatus) -> Iterator[Row]:
    metadata = body["metadata"]
    since = datetime.fromisoformat(metadata["creationTimestamp"])
    yield Row(0, f"{TEMPLATE.kind}/{metadata['name']}", meant.phase, since=since)
    for number, words, description, images in _versions(body, meant):
        said = ", ".join(images) + (f" ({description})" if description else "")
        yield Row(1, f"Version/{number}", ", ".join(words), info=said)


def _versions(body: Body, meant: LaunchTemplateStatus) -> Iterator[tuple[int, tuple[str, ...], str | None, list[str]]]:
    """Each version: its number, the words that mean it, its description, and the images of its containers."""
    for version in sorted(body["spec"]["versions"], key=lambda each: int(each["version"])):
        number = version["version"]
        meanings = ((DEFAULT, meant.default_version), (LATEST, meant.latest_version))
        words = tuple(word for word, meaning in meanings if meaning == number)
        containers = version["template"].get("spec", {}).get("containers") or ()
        yield number, words, version.get("description"), [str(each.get("image", "")) for each in containers]
