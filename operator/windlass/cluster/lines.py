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
        lines = []
        start, end = 0, chunk.find(b"\n")  # unlike `split`, it does not look at every byte by itself
        while end >= 0:
            line = chunk[start:end]
            if self._rest:
                line = b"".join((*self._rest, line))
                self._rest, self._rest_bytes = [], 0
            if line:
                lines.append(line)
            start = end + 1
            end = chunk.find(b"\n", start)
        if start < len(chunk):
            self._rest.append(chunk[start:])
            self._rest_bytes += len(chunk) - start
            if self._rest_bytes > self._longest:
                raise ValueError(f"a line is longer than {self._longest} bytes")
        return lines

    def end(self) -> None:
        """There is no more. ValueError if that is in the middle of a line."""
        if self._rest:
            raise ValueError("the stream ended in the middle of a line")
