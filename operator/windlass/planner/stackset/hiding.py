"""Texts from a target cluster, before they may be shown: values of sensitive variables are found in them."""

import base64
import json
from collections.abc import Iterable, Iterator

SHORTEST = 4  # characters; what is shorter is in every other word
_LONGEST = 32  # characters: a message may quote a long value cut


class Hidden:
    """Sensitive values, as they may be quoted: as they are, as JSON, as base64; line by line, and cut."""

    def __init__(self, values: Iterable[str]) -> None:
        self._quoted = frozenset(form for value in values for form in _forms(value))

    def quoted_in(self, text: str) -> bool:
        """Whether the text has one of them."""
        return any(form in text for form in self._quoted)


def _forms(value: str) -> Iterator[str]:
    encoded = base64.b64encode(value.encode(errors="surrogatepass")).decode().rstrip("=")
    for form in (*value.splitlines(), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], encoded):
        if len(form) >= SHORTEST:
            yield form[:_LONGEST]
