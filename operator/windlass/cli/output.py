"""What programs read: the same values that people see, as JSON or YAML."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def show(form: str | None, value: Callable[[], Mapping[str, Any]], lines: Callable[[], Iterable[str]]) -> None:
    """Print the value in the form that was asked for, or the lines for people."""
    if form is None:
        print_lines(lines())
    else:
        print_lines([encoded(form, value())])


def print_lines(lines: Iterable[str]) -> None:
    """Print at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def encoded(form: str, value: Mapping[str, Any]) -> str:
    """The value as a document, without a new line at its end."""
    if form == "json":
        import json

        return json.dumps(value, indent=2, ensure_ascii=False)
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True)).rstrip("\n")


def in_stream(form: str, value: Mapping[str, Any]) -> str:
    """The value as one document of many: JSON on one line, YAML below a line of dashes."""
    if form == "json":
        import json

        return json.dumps(value, ensure_ascii=False)
    return f"---\n{encoded(form, value)}"
