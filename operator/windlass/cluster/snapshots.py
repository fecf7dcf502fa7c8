"""What deployments are made from, kept as it was: immutable ConfigMaps and Secrets that belong to their stack set."""

import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from windlass.api.common import GROUP, MANAGED_BY_LABEL, owner_reference
from windlass.api.stacks import STACK_SET_LABEL
from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, Gone, Invalid
from windlass.cluster.resources import CONFIG_MAPS, SECRETS, Resource

KEY = "t"  # of the text; short, because key and text together may have 1 MiB
KINDS = {"ConfigMap": CONFIG_MAPS, "Secret": SECRETS}
SNAPSHOT_LABEL = f"{GROUP}/snapshot"
MOST_KEPT = 16  # in memory: those of a few sets at work
SPARED = timedelta(minutes=10)  # a snapshot is younger than the status that names it


def text_in(body: dict[str, Any], key: str) -> str | None:
    """The text under a key of a ConfigMap or Secret; None where there is none, or none that is text."""
    if body.get("kind") == "Secret" or "type" in body:
        encoded = (body.get("data") or {}).get(key)
        try:
            return None if encoded is None else base64.b64decode(encoded).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
    found = (body.get("data") or {}).get(key)
    return found if isinstance(found, str) else None


class Snapshots:
    """The snapshots of all sets. Those that were read last are kept in memory: they never change."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._texts: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._salts: dict[str, bytes] = {}
        self._kept: dict[str, set[str]] = {}  # names by the set's uid, since it was collected last

    async def digest(self, namespace: str, stack_set: str, uid: str, text: str) -> str:
        """What tells this text from any other of the set. It does not help to guess a short secret: it is keyed."""
        salt = self._salts.get(uid)
        if salt is None:
            salt = self._salts[uid] = await self._salt(namespace, stack_set, uid)
        return hmac.new(salt, text.encode(), sha256).hexdigest()

    async def _salt(self, namespace: str, stack_set: str, uid: str) -> bytes:
        name = f"{stack_set}-snapshots"
        body = self._body("Secret", name, stack_set, uid, secrets.token_hex(32))
        with suppress(AlreadyExists):
            await self._client.create(SECRETS, namespace, body)
        found = await self._client.get(SECRETS, namespace, name)
        text = text_in(found, KEY)
        if text is None or not _is_of(found, uid):
            raise Invalid(f"Secret {namespace}/{name} is in the way: delete it", code=422, reason="Invalid")
        return text.encode()

    async def keep(self, kind: str, namespace: str, name: str, text: str, stack_set: str, uid: str) -> None:
        """Keep the text under the name that its digest gives it, unless it is kept already."""
        self._kept.setdefault(uid, set()).add(name)
        try:
            await self._client.create(KINDS[kind], namespace, self._body(kind, name, stack_set, uid, text))
        except AlreadyExists:
            found = await self._client.get(KINDS[kind], namespace, name)
            if text_in(found, KEY) != text or not _is_of(found, uid):
                problem = f"{kind} {namespace}/{name} is in the way: delete it"
                raise Invalid(problem, code=422, reason="Invalid") from None
        self._remember((kind, namespace, name), text)

    async def read(self, kind: str, namespace: str, name: str) -> str:
        """The text that is kept under this name; Gone where there is none."""
        there = (kind, namespace, name)
        if there in self._texts:
            self._texts.move_to_end(there)
            return self._texts[there]
        text = text_in(await self._client.get(KINDS[kind], namespace, name), KEY)
        if text is None:
            raise Gone(f"reading {kind} {namespace}/{name}: it holds no snapshot", code=404, reason="NotFound")
        self._remember(there, text)
        return text

    async def collect(self, namespace: str, stack_set: str, uid: str, used: Collection[str], now: datetime) -> None:
        """Delete those of the set that nothing names, but for the youngest, and those that were asked for since the
        last time: what names them may be about to be written."""
        used = {*used, *self._kept.pop(uid, ())}
        for kind, resource in KINDS.items():
            await self._collect(kind, resource, namespace, stack_set, uid, used, now)

    async def _collect(
        self,
        kind: str,
        resource: Resource,
        namespace: str,
        stack_set: str,
        uid: str,
        used: Collection[str],
        now: datetime,
    ) -> None:
        selector = f"{SNAPSHOT_LABEL},{STACK_SET_LABEL}={stack_set}"
        listing = await self._client.list(resource, namespace, label_selector=selector)
        for body in listing.items:
            metadata = body["metadata"]
            age = now - datetime.fromisoformat(metadata["creationTimestamp"])
            spared = metadata["name"] in used or age < SPARED or metadata["name"] == f"{stack_set}-snapshots"
            if spared or not _is_of(body, uid):
                continue
            try:
                await self._client.delete(resource, namespace, metadata["name"], uid=metadata["uid"])
            except Gone:
                continue
            self._texts.pop((kind, namespace, metadata["name"]), None)

    def _remember(self, there: tuple[str, str, str], text: str) -> None:
        self._texts[there] = text
        self._texts.move_to_end(there)
        while len(self._texts) > MOST_KEPT:
            self._texts.popitem(last=False)

    def _body(self, kind: str, name: str, stack_set: str, uid: str, text: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {
                "name": name,
                "labels": {MANAGED_BY_LABEL: "windlass", STACK_SET_LABEL: stack_set, SNAPSHOT_LABEL: "true"},
                "ownerReferences": [owner_reference("StackSet", stack_set, uid)],
            },
            "immutable": True,
        }
        if kind == "ConfigMap":
            return body | {"data": {KEY: text}}
        return body | {"type": "Opaque", "data": {KEY: base64.b64encode(text.encode()).decode()}}


def _is_of(body: dict[str, Any], uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in body["metadata"].get("ownerReferences") or ())
