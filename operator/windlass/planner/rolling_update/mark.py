"""What an instance says of the RollingUpdate that was begun on it: its mark, and what its Pod shows since."""

from dataclasses import dataclass
from datetime import datetime

from windlass.api.rolling_update import InstanceResult


@dataclass(frozen=True, slots=True)
class Mark:
    """The annotation of one instance, with what the kubelet reports of the container that it is about.

    `update`: the uid of the RollingUpdate. `image`: what the container is to run; None for a script. `restarts`: how
    often the container had been started again before. `run`: which try of which process wrote it; empty for an image.
    `result`: how a script ended, None while it may run. For an image: Failed where the API server has refused it, else
    None: that is seen from what follows.
    `shown_image`, `shown_restarts` and `running_since` are the container's now; `trouble`: why it does not run, with
    its last words where it crashes (`crashes`). `observed`: the kubelet says that it speaks of the Pod as it is now
    (always where it says nothing of that).
    """

    update: str
    begun_at: datetime
    container: str
    image: str | None = None
    restarts: int = 0
    run: str = ""
    result: InstanceResult | None = None
    exit_code: int | None = None
    output: str = ""
    ended_at: datetime | None = None
    shown_image: str = ""
    shown_restarts: int = 0
    running_since: datetime | None = None
    crashes: bool = False
    trouble: str | None = None
    observed: bool = True
