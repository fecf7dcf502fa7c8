"""Passes TCP connections on: `forward.py ADDRESS PORT TO_ADDRESS TO_PORT`.

The API server listens on loopback alone. Where there are real nodes, this stands on their bridge, so that they reach
it and nobody else does; and on each node at the address of the Service `kubernetes`, for the Pods.
"""

import asyncio
import contextlib
import sys

_AT_ONCE = 1 << 16  # bytes


async def main(address: str, port: str, to_address: str, to_port: str) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            onward_reader, onward_writer = await asyncio.open_connection(to_address, int(to_port))
            with contextlib.closing(onward_writer):
                await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))

    server = await asyncio.start_server(accept, address, int(port))
    await server.serve_forever()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Until the source has no more, which the target is told; it may still have something to say itself."""
    while data := await source.read(_AT_ONCE):
        target.write(data)
        await target.drain()
    target.write_eof()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
