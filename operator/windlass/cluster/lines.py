"""Lines out of a stream of bytes that is cut anywhere."""

LONGEST_LINE_BYTES = 32 * 1024 * 1024  # etcd takes objects of 1.5 MiB; JSON and managed fields multiply that


class LineSplitter:
    """Gathers chunks and hands out the lines that are complete, without their newlines."""

    def __init__(self, longest: int = LONGEST_LINE_BYTES) -> None:
        self._longest = longest
        self._rest: list[bytes] = []  # pieces of the line that is still incomplete: joined once, at its end
        self._rest_bytes = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes. ValueError if a line grows beyond all reason."""
        first, *others = chunk.split(b"\n")
        self._rest.append(first)
        if not others:
            self._rest_bytes += len(first)
            if self._rest_bytes > self._longest:
                raise ValueError(f"a line is longer than {self._longest} bytes")
            return []
        last = others.pop()
        lines = [b"".join(self._rest), *others]
        self._rest, self._rest_bytes = [last], len(last)
        return [line for line in lines if line]

    def end(self) -> None:
        """There is no more. ValueError if that is in the middle of a line."""
        if any(self._rest):
            raise ValueError("the stream ended in the middle of a line")
