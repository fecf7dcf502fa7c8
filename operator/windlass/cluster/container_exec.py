"""A command that is run in a container, with a time limit that holds inside it: over WebSocket, as `kubectl exec` does.

The limit is kept by a POSIX shell in the container, so that it holds whatever becomes of this process or of the
connection. The image must have /bin/sh and sleep; processes are found in /proc.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from windlass.cluster.connection import Connection
from windlass.cluster.errors import Transient, from_reply, shown
from windlass.cluster.resources import PODS
from windlass.cluster.transport import tls_context

if TYPE_CHECKING:
    import aiohttp

KILLED = 124  # the exit code of what was killed after its time, as of timeout(1)
UNFIT = 126  # that of an image which lacks what the limit needs: nothing was run
MOST_OUTPUT = 1024  # bytes that are kept, the last ones
SPARE_SECONDS = 8.0  # that the shell may take to kill what runs too long, and the reply to come
CONNECT_SECONDS = 10.0
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDOUT, STDERR, ERROR = 1, 2, 3  # channels: the first byte of each message
HEARTBEAT_SECONDS = 15.0
MOST_REFUSAL = 64 << 10  # bytes

# Arguments: the limit in seconds, NAME=VALUE for each variable, --, and the command with its own arguments.
# The guard is a child of its own, and all that it needs but `sleep` is in the shell: it finds the command's descendants
# by their parents, and those whose parents have ended by the session, where this shell leads one, as what is run in a
# container does. All are stopped before any is killed: none can start another meanwhile.
WRAPPER = """
limit=$1; shift
while [ "$1" != -- ]; do export "$1"; shift; done; shift
if ! { command -v sleep && read -r line </proc/self/stat; } >/dev/null 2>&1; then
  echo "nothing was run: the image needs sleep, and /proc" >&2
  exit 126
fi
(
  exec </dev/null >/dev/null 2>&1
  trap 'kill $!; exit 0' TERM
  sleep "$limit" &
  wait $! || exit 0
  trap '' TERM
  read -r self line </proc/self/stat
  read -r line </proc/$$/stat
  set -- ${line##*) }
  session=none; [ "$4" = "$$" ] && session=$4
  found=; more=yes
  while [ -n "$more" ]; do
    more=
    for stat in /proc/[0-9]*/stat; do
      read -r line <"$stat" || continue
      pid=${line%% *}
      case " $$ $self $found " in *" $pid "*) continue;; esac
      set -- ${line##*) }
      case " $$ $found " in *" $2 "*) ;; *) [ "$4" = "$session" ] || continue;; esac
      kill -STOP "$pid"
      found="$found $pid"; more=yes
    done
  done
  kill -KILL $found
  exit 124
) &
guard=$!
(exec "$@") </dev/null
code=$?
kill $guard 2>/dev/null
wait $guard 2>/dev/null
if [ $? = 124 ]; then code=124; echo "killed after $limit s" >&2; fi
exit $code
"""

# Words by which a server, a kubelet or a container's runtime say that nothing was run; after any others it may have.
_NOTHING_RAN = (
    "unable to upgrade connection",
    "error dialing backend",
    "container not found",
    "failed to create exec",
    "failed to start exec",
    "OCI runtime exec failed",
    "unable to start container process",
    "executable file",
    "cannot exec in a ",
)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its exit code, `KILLED` where it took too long, and the end of what it wrote."""

    exit_code: int
    output: str


def limited(command: Sequence[str], environment: Mapping[str, str], seconds: int) -> tuple[str, ...]:
    """The command that runs this one in a container with these variables, and kills it after so many seconds.

    With it all that it has started, but for what has made itself independent (a session of its own, without a parent).
    """
    variables = [f"{name}={value}" for name, value in environment.items()]
    return ("/bin/sh", "-c", WRAPPER, "windlass", str(seconds), *variables, "--", *command)


async def execute(
    connection: Connection,
    headers: Mapping[str, str],
    namespace: str,
    pod: str,
    container: str,
    command: Sequence[str],
    seconds: float,
) -> Ran:
    """Run the command in the container and wait for its end; `seconds`: how long at most.

    ApiError where it did not run; one that is `lost` where nobody knows whether it ran, or to which end.
    """
    import aiohttp  # here: what never runs anything should not pay for its import
    from yarl import URL

    doing = f"running a command in container {container} of Pod {namespace}/{pod}"

    async def check(response: aiohttp.ClientResponse) -> None:
        if response.status != 101:
            body = await response.content.read(MOST_REFUSAL)
            # Who says 502 or 504 stands between us and a server of which it does not know either.
            writes = response.status in (502, 504)
            raise from_reply(doing, response.status, response.headers, body, writes=writes)

    failures: list[BaseException] = []

    async def once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """aiohttp sends a GET again whose connection broke: the command would run twice."""
        if failures:
            raise failures[0]
        try:
            return await send(request)
        except BaseException as error:
            failures.append(error)
            raise

    query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", each) for each in command)]
    url = f"{connection.server}{PODS.path(namespace, pod, 'exec')}?{urlencode(query)}"
    limits = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS)
    try:
        async with (
            asyncio.timeout(seconds),
            aiohttp.ClientSession(timeout=limits, raise_for_status=check, middlewares=(once,)) as session,
            session.ws_connect(
                URL(url, encoded=True),
                protocols=PROTOCOLS,
                headers=dict(headers),
                ssl=tls_context(connection) if connection.server.startswith("https:") else False,
                server_hostname=connection.tls_server_name,
                heartbeat=HEARTBEAT_SECONDS,
                timeout=aiohttp.ClientWSTimeout(ws_close=5.0),
            ) as socket,
        ):
            return await _ended(socket, doing)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Transient(f"{doing}: no connection: {error}", detail=f"no connection: {error}") from error
    except TimeoutError as error:
        late = f"no word of its end within {seconds:g} s"
        raise Transient(f"{doing}: {late}", detail=late, lost=True) from error
    except (aiohttp.ClientError, OSError) as error:
        broke = f"the connection broke: {error}"
        raise Transient(f"{doing}: {broke}", detail=broke, lost=True) from error


async def _ended(socket: "aiohttp.ClientWebSocketResponse", doing: str) -> Ran:
    """What the command's end says; what it wrote until then."""
    written = bytearray()
    async for message in socket:
        data = message.data
        if not isinstance(data, bytes) or not data:
            continue
        if data[0] in (STDOUT, STDERR):
            written += data[1:]
            del written[: -4 * MOST_OUTPUT]  # some of it may not be shown
        elif data[0] == ERROR:
            return _outcome(data[1:], shown_output(bytes(written)), doing)
    broke = "the connection broke off"
    raise Transient(f"{doing}: {broke}", detail=broke, lost=True)


def _outcome(status: bytes, output: str, doing: str) -> Ran:
    """What the last message says, a Status."""
    try:
        told: Any = json.loads(status)
    except ValueError:
        told = {}
    if told.get("status") == "Success":
        return Ran(0, output)
    causes = (told.get("details") or {}).get("causes") or ()
    code = next((str(each.get("message")) for each in causes if each.get("reason") == "ExitCode"), "")
    if code.isdecimal():
        return Ran(int(code), output)
    said = shown(str(told.get("message") or "")) or "nobody says why"
    known = any(words in said for words in _NOTHING_RAN)
    raise Transient(f"{doing}: {said}", code=int(told.get("code") or 500), detail=said, lost=not known)


def shown_output(written: bytes) -> str:
    """The end of what a script wrote, as people may be shown it: lines stay, and nothing moves their cursor."""
    text = written.decode(errors="replace").replace("\r\n", "\n").expandtabs()
    plain = "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return plain.strip().encode()[-MOST_OUTPUT:].decode(errors="ignore")
