"""What tells data of any size from others."""

import hashlib
import json


def digest(data: object) -> str:
    """The SHA-256, in hexadecimal, of what JSON can hold; the same in whatever order its objects are written."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
