"""Prints the tool sets that a real node is made of, where one can be had here; else, to stderr, what is lacking."""

import sys

from hack.cluster.nodes import missing
from hack.cluster.nodes.real import TOOLS

if __name__ == "__main__":
    if lacks := missing():
        print(f"no real node, so tests/node is skipped: this machine lacks {', '.join(lacks)}", file=sys.stderr)
    else:
        print(*TOOLS)
