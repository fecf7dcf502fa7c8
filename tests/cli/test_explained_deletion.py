"""Where nothing enforces deletionPolicy, `explain` says so."""

from dataclasses import replace

import pytest

from tests.cli.bodies import metadata
from tests.worlds import fleet, group, view
from windlass.api.scaling_group import DeletionPolicy
from windlass.cli.subjects.group.explain import lines, values
from windlass.cli.subjects.group.explanation import Explanation, explain
from windlass.cluster.deletion_guard import DeletionGuard
from windlass.planner.group import plan_group


def explained(guard: DeletionGuard | None, policy: DeletionPolicy = DeletionPolicy.REFUSE) -> Explanation:
    seen = view(group(3).model_copy(update={"deletion_policy": policy}), fleet(3))
    seen = replace(seen, status=plan_group(seen).status)
    return explain(seen, metadata(seen), (), (), None, guard)


def test_a_group_that_nothing_guards_is_told_so() -> None:
    found = explained(DeletionGuard())
    assert "its deletionPolicy Refuse has no effect" in "\n".join(lines(found))
    assert values(found)["deletionGuard"] == "No"


@pytest.mark.parametrize(
    ("guard", "said"), [(DeletionGuard(((None, None),)), "Yes"), (None, "Unknown")], ids=["guarded", "may not look"]
)
def test_a_group_that_is_guarded_or_may_be_is_not_alarmed(guard: DeletionGuard | None, said: str) -> None:
    found = explained(guard)
    assert "deletionPolicy" not in "\n".join(lines(found))
    assert values(found)["deletionGuard"] == said


def test_a_group_that_may_be_deleted_needs_no_guard() -> None:
    assert "deletionPolicy" not in "\n".join(lines(explained(DeletionGuard(), DeletionPolicy.FORCE)))
