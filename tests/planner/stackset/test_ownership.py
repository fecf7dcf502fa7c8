"""What tells the objects of one stack from all others."""

import re
from typing import Any

import pytest

from windlass.planner.stackset.ownership import Stack, marked, owner_of, release, stays, was_there

STACK = Stack("shop", "web", "eu-1", "acme", "default")


def test_an_object_says_whose_it_is() -> None:
    body = {"kind": "ConfigMap", "metadata": {"name": "a", "labels": {"app": "web"}, "annotations": {"team": "shop"}}}

    made = marked(body, STACK, there_before=False)

    assert made == {
        "kind": "ConfigMap",
        "metadata": {
            "name": "a",
            "labels": {"app": "web", "windlass.dev/stack-set": "web"},
            "annotations": {"team": "shop", "windlass.dev/stack": "shop/web eu-1/acme"},
        },
    }
    assert body["metadata"]["labels"] == {"app": "web"}, "what was given is left as it is"
    assert owner_of(made) == STACK.owner
    assert not was_there(made)
    assert not stays(made)


def test_a_template_cannot_say_that_an_object_is_another_s() -> None:
    body = {"metadata": {"annotations": {"windlass.dev/stack": "other"}, "labels": {"windlass.dev/stack-set": "other"}}}

    made = marked(body, STACK, there_before=False)

    assert owner_of(made) == STACK.owner
    assert made["metadata"]["labels"] == {"windlass.dev/stack-set": "web"}


def test_labels_that_are_none_are_left_for_the_api_server_to_refuse() -> None:
    made = marked({"metadata": {"labels": ["app"], "annotations": None}}, STACK, there_before=False)

    assert made["metadata"]["labels"] == ["app"]
    assert owner_of(made) == STACK.owner


def test_what_was_there_stays() -> None:
    made = marked({"metadata": {}}, STACK, there_before=True)

    assert owner_of(made) == STACK.owner
    assert was_there(made)
    assert stays(made)


def test_what_is_to_be_kept_stays() -> None:
    made = marked({"metadata": {"annotations": {"windlass.dev/prune": "keep"}}}, STACK, there_before=False)

    assert stays(made)
    assert not was_there(made)


@pytest.mark.parametrize("metadata", [None, 1, {}, {"annotations": 7}, {"annotations": {"windlass.dev/stack": 7}}])
def test_what_says_nothing_belongs_to_nobody(metadata: Any) -> None:
    assert owner_of({"metadata": metadata}) is None
    assert stays({"metadata": metadata})


def test_a_released_object_says_nothing_any_more() -> None:
    assert release("7") == {
        "metadata": {
            "uid": "7",
            "labels": {"windlass.dev/stack-set": None},
            "annotations": {"windlass.dev/stack": None, "windlass.dev/was-there": None},
        }
    }


OTHERS = [
    Stack("other", "web", "eu-1", "acme", "default"),
    Stack("shop", "api", "eu-1", "acme", "default"),
    Stack("shop", "web", "eu-2", "acme", "default"),
    Stack("shop", "web", "eu-1", "other", "default"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_no_two_stacks_share_an_owner_or_a_list(other: Stack) -> None:
    assert other.owner != STACK.owner
    assert other.inventory != STACK.inventory


@pytest.mark.parametrize("name", ["web", "a" * 63, "a" * 253, "a." * 60 + "b", "-".join("ab" * 60)])
def test_names_fit(name: str) -> None:
    stack = Stack("shop", name, "eu-1", "acme", "default")

    assert re.fullmatch(r"[0-9A-Za-z]([-._0-9A-Za-z]{0,61}[0-9A-Za-z])?", stack.label)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", stack.inventory)
    assert len(stack.inventory) <= 253


def test_long_names_stay_apart() -> None:
    one, other = (Stack("shop", "a" * 250 + end, "eu-1", "acme", "default") for end in "bc")

    assert one.label != other.label
    assert one.inventory != other.inventory
