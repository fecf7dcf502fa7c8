"""Launches that admission changes so that their group would not see them: none is made until that is over."""

import logging
from datetime import timedelta

from windlass.cluster.altered import Altered, Made
from windlass.cluster.client import Client
from windlass.cluster.errors import ApiError, Gone
from windlass.cluster.resources import PODS
from windlass.cluster.trial import try_template
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.observe import InMemoryState, version_of
from windlass.engine.queue import Key
from windlass.planner.backoff import doubling
from windlass.planner.capacity.source import TEMPLATE, kind_and_name
from windlass.planner.capacity.steps import Launch
from windlass.planner.capacity.view import GroupView, LaunchPause

logger = logging.getLogger(__name__)

# What refuses or changes instances may be taken away at any time, and nobody tells us: one request a minute at most.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=1)


class UnseenError(Exception):
    """An instance was created, and changed on the way so that its group does not see it."""

    def __init__(self, problem: Altered, made: Made) -> None:
        super().__init__(problem)
        self.problem = problem
        self.made = made


def version_now(caches: Caches, key: Key, view: GroupView) -> str | None:
    """What people wrote that instances are made of, as it stands now; None where it is not there any more."""
    kind, name = kind_and_name(view.spec.configuration)
    sources = caches.templates if kind == TEMPLATE else caches.configurations
    group, source = caches.groups.get(key.namespace, key.name), sources.get(key.namespace, name)
    return version_of(group, source) if source is not None and group is not None else None


class Unseen:
    """What one pass of one group does about such launches."""

    def __init__(self, client: Client, caches: Caches, key: Key, view: GroupView, in_memory: InMemoryState) -> None:
        self._client = client
        self._caches = caches
        self._key = key
        self._view = view
        self._in_memory = in_memory

    async def over(self, step: Launch) -> bool:
        """Whether an instance would be left as it is made now: asked by a dry run, so that none is made in vain."""
        revision = next(r for r in self._view.revisions if r.name == step.revision)
        template = revision.data["configuration"]["template"]
        said = await try_template(self._client, self._view, template, step.revision, owner=self._view.uid)
        if isinstance(said, Altered):
            self.pause(said)
            return False
        self._in_memory.launch_pause = None
        return True

    def pause(self, problem: Altered) -> None:
        """Launch nothing until people change the group or its configuration, or until it is time to ask again."""
        if (version := version_now(self._caches, self._key, self._view)) is not None:
            before = self._view.launch_pause
            failures = before.failures + 1 if before else 1
            retry_at = self._view.now + doubling(FIRST_PAUSE, failures, LONGEST_PAUSE)
            self._in_memory.launch_pause = (version, LaunchPause(failures, retry_at, problem))

    async def take_back(self, unseen: UnseenError) -> None:
        """Delete what was created and cannot be seen: nobody else would."""
        made = unseen.made.metadata
        try:
            await self._client.delete(PODS, self._key.namespace, made.name, uid=made.uid)
        except Gone:
            return
        except ApiError as error:
            logger.warning("%s; this Pod is left over: %s", error, unseen.problem)
