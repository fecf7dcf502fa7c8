"""Texts from a target cluster, before they may be shown: values of sensitive variables are found in them."""

import base64
import json
from collections.abc import Iterable, Iterator

SHORTEST = 4  # characters; what is shorter is in every other word
CUT = "…"  # what a cut text ends in
_BLANKS = frozenset(" \ufffd")
_LONGEST = 32  # characters: a message may quote a long value cut


class Hidden:
    """Sensitive values, as they may be quoted: as they are, as JSON, as base64; by line, cut, and with other blanks:
    what comes from an API server was cleaned before."""

    def __init__(self, values: Iterable[str]) -> None:
        self._quoted = frozenset(form for value in values for form in _forms(value))

    def quoted_in(self, text: str) -> bool:
        """Whether the text has one of them, or was cut where one begins."""
        squeezed = _squeezed(text)
        if any(form in squeezed for form in self._quoted):
            return True
        if not squeezed.endswith(CUT):
            return False
        begins = (form[:length] for form in self._quoted for length in range(SHORTEST, len(form)))
        return squeezed.removesuffix(CUT).endswith(tuple(begins))


def _forms(value: str) -> Iterator[str]:
    encoded = base64.b64encode(value.encode(errors="surrogatepass")).decode().rstrip("=")
    for form in (*value.splitlines(), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], encoded):
        squeezed = _squeezed(form)
        if len(squeezed) >= SHORTEST:
            yield squeezed[:_LONGEST]


def _squeezed(text: str) -> str:
    """The text without blanks and without what cannot be printed."""
    return "".join(character for character in text if character.isprintable() and character not in _BLANKS)
