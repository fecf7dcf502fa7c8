"""What the command line asks of each kind of object that it knows.

Nothing slow is imported here or by a subject's module: its methods import what answers them when they are called.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from windlass.api.common import Kind
    from windlass.cli.live import Feed
    from windlass.cli.manifests import Proposed
    from windlass.cli.told import Outlook, Shown, Told
    from windlass.cluster.client import Client
    from windlass.cluster.resources import Resource

Body = Mapping[str, Any]


class SpecFlag(NamedTuple):
    """A flag of `plan` that stands for a field of the spec; `parse` raises ArgumentTypeError."""

    flag: str
    field: str
    metavar: str
    parse: Callable[[str], object]


class Column(NamedTuple):
    """A column of the table, and the key of the summary that it shows."""

    header: str
    key: str


class Subject(ABC):
    """A kind of object that people name on the command line.

    The words below are all that `main` needs; `get`, `plan` and `explain` call the methods and show what they return.
    """

    singular: str
    """The word for one: `group`."""
    plural: str
    """The word for several, and the key of the table for programs."""
    also: frozenset[str] = frozenset()
    """Other words for one or several: the short name, the CRD's names."""
    kind: str
    """Its kind in manifests."""
    verbs: frozenset[str] = frozenset({"get", "plan", "explain"})
    """What can be done with it; these three with every one."""
    flags: tuple[SpecFlag, ...] = ()
    """What `plan` can change of one that exists."""
    sources: Mapping[str, str] = {}
    """Other kinds whose manifests `plan -f` plans for through this one, and the key programs find them under."""
    columns: tuple[Column, ...] = ()
    """The table's columns between NAME and AGE."""

    @property
    def words(self) -> frozenset[str]:
        """All its words, in lower case."""
        return self.also | {self.singular, self.plural}

    @property
    def resource(self) -> "Resource":
        """Where the API server has it."""
        from windlass.cluster.resources import Resource

        return Resource.of(self.models()[0])

    @abstractmethod
    def models(self) -> "tuple[Kind, ...]":
        """The models of its own kind and of its sources, in this order."""

    # ---- get

    @abstractmethod
    def summary(self, body: Body) -> dict[str, Any]:
        """One row of the table for programs; `namespace`, `name`, `createdAt` and `message` are among the keys."""

    @abstractmethod
    async def shown(self, client: "Client", body: Body) -> "Shown":
        """The object that was read, and what belongs to it, now."""

    @abstractmethod
    def feed(self, client: "Client", body: Body) -> "Feed[Shown]":
        """The same, kept up to date by watches."""

    # ---- plan

    @abstractmethod
    async def outlook(self, client: "Client", namespace: str, name: str, wanted: Body) -> "Outlook":
        """What would become of one that exists, with these fields of its spec set otherwise."""

    @abstractmethod
    async def outlooks(self, client: "Client | None", proposed: "Sequence[Proposed]") -> "list[Outlook]":
        """What would come of applying all these objects, for each of this kind that they touch.

        Objects of other kinds are among them. Without a client it is as in an empty cluster.
        """

    # ---- explain

    @abstractmethod
    async def explained(self, client: "Client", namespace: str, name: str) -> "Told":
        """Why it is as it is."""
