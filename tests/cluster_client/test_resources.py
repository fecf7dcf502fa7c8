"""Paths."""

import pytest

from windlass.api.common import GROUP
from windlass.api.kinds import KINDS
from windlass.cluster import resources
from windlass.cluster.resources import LEASES, NAMESPACES, PODS, SCALING_GROUPS, Resource


def test_the_core_group_has_a_path_of_its_own() -> None:
    assert PODS.path("shop", "web-4") == "/api/v1/namespaces/shop/pods/web-4"


def test_other_groups_are_named_in_the_path() -> None:
    assert LEASES.path("shop") == "/apis/coordination.k8s.io/v1/namespaces/shop/leases"


def test_a_subresource_comes_last() -> None:
    assert SCALING_GROUPS.path("shop", "web", "status").endswith("/namespaces/shop/scalinggroups/web/status")


def test_without_a_namespace_it_is_all_of_them() -> None:
    assert PODS.path() == "/api/v1/pods"


def test_a_cluster_scoped_kind_has_no_namespace_in_its_path() -> None:
    assert NAMESPACES.path("shop", "shop") == "/api/v1/namespaces/shop"


def test_a_name_cannot_lead_to_another_path() -> None:
    assert PODS.path("shop", "a/../../secrets?x") == "/api/v1/namespaces/shop/pods/a%2F..%2F..%2Fsecrets%3Fx"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_no_object_has_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of an object"):
        PODS.path("shop", name)


def test_api_version_is_as_objects_write_it() -> None:
    assert (PODS.api_version, SCALING_GROUPS.api_version) == ("v1", "windlass.dev/v1alpha1")


def test_our_own_kinds_are_named_as_their_models_are() -> None:
    named = {each for each in vars(resources).values() if isinstance(each, Resource) and each.group == GROUP}
    assert named == {Resource.of(kind) for kind in KINDS}
