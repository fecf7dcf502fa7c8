"""A server that answers one watch of Pods, as fast as it can, with all there are and then with changes to them.

`python -m hack.bench.pod_server PODS CHANGES` prints its port. Each event is a chunk of its own, as an API server sends
it. It keeps the connection open until its input ends.
"""

import asyncio
import sys
from collections.abc import Iterator
from itertools import chain, islice

from hack.bench.pod_events import Events

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENTS_PER_WRITE = 64


async def main(pods: int, changes: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD)
        chunks = (b"%x\r\n%b\r\n" % (len(line), line) for line in _lines(pods, changes))
        while some := b"".join(islice(chunks, _EVENTS_PER_WRITE)):
            writer.write(some)
            await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _lines(pods: int, changes: int) -> Iterator[bytes]:
    events = Events()

    def end_of_list() -> Iterator[bytes]:
        yield events.end_of_list()

    return chain(events.lines("ADDED", pods, pods), end_of_list(), events.lines("MODIFIED", pods, changes))


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
