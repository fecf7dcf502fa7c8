"""Texts that are kept beside the tests. `WINDLASS_GOLDEN=write` accepts what is said now; look at the diff then."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path


def matches_golden(path: Path, lines: Sequence[str]) -> bool:
    """Whether these lines are the kept ones. Raises AssertionError with the difference where they are not."""
    said = "".join(f"{line}\n" for line in lines)
    if os.environ.get("WINDLASS_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(said)
    kept = path.read_text() if path.exists() else ""
    if said == kept:
        return True
    diff = difflib.unified_diff(kept.splitlines(), said.splitlines(), f"kept in {path.name}", "said now", lineterm="")
    raise AssertionError("\n".join([*diff, "", "to accept it: WINDLASS_GOLDEN=write pytest …"]))
