"""Member clusters as tests meet them: clusters of their own, which can be disturbed and are whole for the next test."""

import base64
import http.client
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import yaml

from tests.cluster.members import Member
from tests.faults.faults import any_request, failed_before

Members = tuple[Member, ...]


@pytest.fixture
def member(members: Members) -> Member:
    return members[0]


def asked(member: Member, path: str = "/api/v1/namespaces") -> tuple[int, str]:
    """Status and text of what is asked with the kubeconfig that goes into Secrets. Raises OSError, HTTPException."""
    config = yaml.safe_load(member.kubeconfig)
    server, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
    authority = base64.b64decode(server["certificate-authority-data"]).decode()
    tls = ssl.create_default_context(cadata=authority)
    connection = http.client.HTTPSConnection(urlsplit(server["server"]).netloc, context=tls, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_members_are_clusters_of_their_own(members: Members) -> None:
    one, two = members
    namespace = one.new_namespace("only-here")
    assert namespace in asked(one)[1]
    assert namespace not in asked(two)[1]
    assert one.uid != two.uid


def test_a_kubeconfig_holds_all_that_is_needed_and_no_path(member: Member) -> None:
    config = yaml.safe_load(member.kubeconfig)
    (cluster,), (user,) = config["clusters"], config["users"]
    assert cluster["cluster"].keys() == {"server", "certificate-authority-data"}
    assert cluster["cluster"]["server"] == member.proxy.url
    assert user["user"].keys() == {"token"}


def test_a_kubeconfig_has_an_administrators_rights(member: Member) -> None:
    assert asked(member, "/apis/rbac.authorization.k8s.io/v1/clusterroles")[0] == 200
    assert asked(member, "/api/v1/secrets")[0] == 200


def test_what_happens_at_the_proxy_ends_with_restore(member: Member) -> None:
    member.proxy.inject(failed_before(), any_request, times=None)
    assert asked(member)[0] == 500
    member.proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        asked(member)
    member.restore()
    assert member.proxy.seen == []
    assert asked(member)[0] == 200


@pytest.mark.parametrize("end", [Member.stop, Member.kill], ids=["stopped", "killed"])
def test_a_member_that_ended_comes_back_as_it_was_and_the_other_goes_on(
    members: Members, end: Callable[[Member], None]
) -> None:
    one, two = members
    namespace, uid = one.new_namespace(), one.uid
    end(one)
    with pytest.raises((OSError, http.client.HTTPException)):
        asked(one)
    assert asked(two)[0] == 200
    one.restore()
    assert one.uid == uid
    assert namespace in asked(one)[1]
