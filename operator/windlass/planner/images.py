"""Images that are changed in place: when a container runs another one, and for how long it must."""

from datetime import timedelta

SETTLED = timedelta(seconds=10)  # a container that has run so long did not crash at its start


def same_image(first: str, second: str) -> bool:
    """Whether two names may be of the same image: `nginx` is `nginx:latest`, of the registry that the node looks in
    where none is named, which may keep such images under `library/`."""
    one, other = _with_tag(first), _with_tag(second)
    return one == other or _completes(one, other) or _completes(other, one)


def _completes(full: str, short: str) -> bool:
    """Whether the first name is the second one with a registry before it."""
    rest = full.partition("/")[2]
    return _names_registry(full) and not _names_registry(short) and rest in {short, f"library/{short}"}


def _names_registry(image: str) -> bool:
    host, slash, _ = image.partition("/")
    return bool(slash) and (host == "localhost" or any(mark in host for mark in ".:"))


def _with_tag(image: str) -> str:
    tagged = "@" in image or ":" in image.rpartition("/")[2]
    return image if tagged else f"{image}:latest"
