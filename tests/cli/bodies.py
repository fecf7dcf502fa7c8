"""Groups as the API server would hand them out, made of views."""

from typing import Any

from tests.worlds import NOW
from windlass.api.common import rfc3339, to_wire
from windlass.cli.subjects.group.picture import Picture, take_picture
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group

Body = dict[str, Any]


def metadata(view: GroupView, *, age: Any = None, **fields: Any) -> Body:
    """A group's metadata; created `age` before NOW."""
    made = {"namespace": view.namespace, "name": view.name, "uid": view.uid, "generation": view.generation}
    return made | {"creationTimestamp": rfc3339(age or NOW)} | fields


def body(view: GroupView, **fields: Any) -> Body:
    """The group with the status that a pass gives it."""
    return {
        "metadata": metadata(view, **fields),
        "spec": to_wire(view.spec),
        "status": to_wire(plan_group(view).status),
    }


def picture(view: GroupView, **fields: Any) -> Picture:
    """What the command line sees of it."""
    return take_picture(body(view, **fields), view.instances, view.now)
