"""How the cluster of a StackTarget is reached: its credentials read and checked, and a client of its own."""

from dataclasses import replace

from windlass.api.stack_target import StackTargetSpec
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.errors import ConfigurationError, Gone
from windlass.cluster.member_kubeconfig import connection
from windlass.cluster.members import Member, Members
from windlass.cluster.parsing import parsed
from windlass.cluster.resources import SECRETS
from windlass.cluster.snapshots import text_in
from windlass.cluster.store import Object


class Reach:
    """Gives the member clusters' clients."""

    def __init__(self, client: Client, members: Members) -> None:
        self._client = client
        self._members = members

    async def member(self, target: Object) -> Member:
        """The cluster of this target, by its credentials as they are now. ConfigurationError says what must be
        changed."""
        spec = parsed("StackTarget", target, StackTargetSpec, "spec")
        found = await self._connection(target, spec)
        return await self._members.member((target.namespace, target.name), found)

    async def _connection(self, target: Object, spec: StackTargetSpec) -> Connection:
        account = spec.service_account_name
        user = f"system:serviceaccount:{spec.namespace}:{account}" if account else None
        reference = spec.cluster.kubeconfig_secret_ref
        if reference is None:
            if user is None:
                raise ConfigurationError("serviceAccountName must be given with inCluster")
            if spec.namespace != target.namespace:  # else whoever may create a StackTarget could act in any namespace
                raise ConfigurationError(
                    f"namespace must be {target.namespace}, the StackTarget's own, with inCluster, not {spec.namespace}"
                )
            return replace(self._client.connection, impersonate=user, source="the cluster that Windlass runs in")
        where = f"Secret {reference.name}, key {reference.key}"
        try:
            secret = await self._client.get(SECRETS, target.namespace, reference.name)
        except Gone:
            raise ConfigurationError(f"{where}: it is not there") from None
        text = text_in(secret, reference.key)
        if text is None:
            raise ConfigurationError(f"{where}: there is no text under that key")
        read = connection(text.encode(), source=where, allow_local=self._members.allow_local)
        return replace(read, impersonate=user)

    async def forget(self, namespace: str, name: str) -> None:
        """The target is gone: close its connections."""
        await self._members.forget((namespace, name))
