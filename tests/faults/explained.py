"""What somebody reads who asks why a group is as it is."""

import json
import subprocess
from typing import Any

from tests.cluster.groups import Groups
from tests.cluster.people import Person


def explained(groups: Groups, name: str = "web") -> dict[str, Any]:
    """What `kubectl windlass explain` says to programs."""
    return dict(json.loads(_explain(groups, name, "-o", "json")))


def told(groups: Groups, name: str = "web") -> str:
    """What it says to people."""
    return _explain(groups, name)


def _explain(groups: Groups, name: str, *flags: str) -> str:
    where = ("--kubeconfig", str(groups.cluster.kubeconfig), "--namespace", groups.namespace)
    command = Person.command("explain", "group", name, *where, *flags)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    return ran.stdout
