"""Values on the command line. Each function raises ArgumentTypeError with a sentence."""

from argparse import ArgumentTypeError


def size(text: str) -> int:
    """A whole number from 0 up."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def size_change(text: str) -> tuple[str, int]:
    """A size, or a change of it: the sign (`+`, `-` or nothing) and the number."""
    sign, digits = (text[0], text[1:]) if text[:1] in {"+", "-"} else ("", text)
    if not digits.isdecimal():
        raise ArgumentTypeError(f"{text!r} is neither a size such as 5 nor a change such as +2 or -2")
    return sign, int(digits)


def seconds(text: str) -> float:
    """A length of time in seconds."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in units:
        raise ArgumentTypeError(f"{text!r} is not a time such as 90s, 10m or 1h")
    return float(int(number) * units[unit])


def percentages(text: str) -> list[int]:
    """Percentages from 1 to 100, in ascending order, with commas between them."""
    parts = text.split(",")
    found = [int(part) for part in parts if part.isdecimal() and 1 <= int(part) <= 100]
    if len(found) != len(parts) or found != sorted(set(found)):
        raise ArgumentTypeError(f"{text!r} is no list of ascending percentages such as 20,50,100")
    return found


def template_version(text: str) -> tuple[str, str]:
    """The name of a LaunchTemplate, and the version of it."""
    name, sign, version = text.rpartition(":")
    if not (name and sign and version):
        raise ArgumentTypeError(f"{text!r} is not a template and its version such as web:3 or web:Latest")
    return name, version


def container_image(text: str) -> tuple[str, str]:
    """The name of a container, and its image."""
    name, sign, image = text.partition("=")
    if not (name and sign and image):
        raise ArgumentTypeError(f"{text!r} is not a container and its image such as web=images.example/web:2")
    return name, image
