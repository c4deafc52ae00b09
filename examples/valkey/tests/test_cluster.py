"""A cluster of three nodes: sessions spread over it, each whole on one of them. This file is yours."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import valkey
from conformance.package import SessionManager, SessionRepository, SessionUnavailableError, Storage
from conformance.records import session
from conformance.scripted_model import scripted_agent
from servers import HOST, Server, cluster_info, move, moving, start_cluster, wait_for, wait_until_complete
from usage import assert_restored, use_everything

NewClient = Callable[..., valkey.ValkeyCluster]


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Server]]:
    """A cluster for the tests of this file."""
    nodes = start_cluster("appendonly yes")
    yield nodes
    for node in nodes:
        node.stop()


@pytest.fixture
def new_client(nodes: list[Server]) -> NewClient:
    """Make clients of the cluster."""

    def new_client(**options: Any) -> valkey.ValkeyCluster:
        return valkey.ValkeyCluster(host=HOST, port=nodes[0].port, socket_timeout=5, **options)

    return new_client


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decode_responses", [False, True])
def test_client(new_client: NewClient, decode_responses: bool, protocol: int) -> None:
    """A cluster's client may decode what it receives or not, and speak RESP 2 or 3. It stays open."""
    with new_client(decode_responses=decode_responses, protocol=protocol) as client:
        use_everything(client=client, ttl=100, ttl_on_read=True)
        assert client.ping(target_nodes=valkey.ValkeyCluster.PRIMARIES)


def test_user_with_the_documented_rights(
    nodes: list[Server], new_client: NewClient, documented_rights: list[str]
) -> None:
    """The rights that the README lists are enough for a cluster."""
    name, *rules = documented_rights
    for node in nodes:
        node.client().execute_command("ACL SETUSER", name, *rules)
    password = next(rule[1:] for rule in rules if rule.startswith(">"))
    with new_client(username=name, password=password) as client:
        use_everything(client=client, ttl=100, ttl_on_read=True)


def test_sessions_are_spread(nodes: list[Server], new_client: NewClient) -> None:
    """Sessions lie on all nodes, also those with braces in their ids, and a listing has each of them once."""
    with SessionRepository(client=new_client()) as repository:
        session_ids = [f"{{user}}-{number}" for number in range(200)]
        for session_id in session_ids:
            repository.create_session(session(session_id))
        assert all(node.client().dbsize() > 20 for node in nodes)
        listed = [one.session_id for one in repository.list_sessions("{user}-", page_size=7)]
        assert sorted(listed) == sorted(session_ids)
        for session_id in session_ids:
            repository.delete_session(session_id)
    assert [node.client().dbsize() for node in nodes] == [0, 0, 0]


def test_client_of_a_single_node(nodes: list[Server]) -> None:
    """Whoever reaches a cluster by a connection string is told to pass a cluster's client."""
    errors = []
    for number in range(30):
        try:
            SessionManager(f"session-{number}", nodes[0].url).close()
        except SessionUnavailableError as error:
            errors.append(str(error))
    assert 10 < len(errors) < 30, "a third of the slots belongs to the node"
    assert all("valkey.ValkeyCluster" in error and "session-" in error for error in errors)


def test_shard_that_moves(nodes: list[Server], new_client: NewClient) -> None:
    """While value and index of the storage are on their way to another node, and apart, a write waits for them."""
    client = new_client()
    place = Storage(client=client).namespace("session/s")
    asyncio.run(place.write("a", b"old"))
    (index,) = [key.decode() for key in client.scan_iter(match="storage:*:index")]
    port = client.get_node_from_key(index).port
    source, target, _ = (node.client() for node in sorted(nodes, key=lambda node: node.port != port))
    with moving(index, source, target):
        move(source, target, index)
        writing = threading.Thread(target=lambda: asyncio.run(place.write("a", b"new")))
        writing.start()
        time.sleep(1)
        assert writing.is_alive(), "it could not have been written"
    writing.join()
    assert asyncio.run(place.read("a")) == b"new"
    asyncio.run(place.delete("a"))


def test_listing_after_a_node_joined(nodes: list[Server], new_client: NewClient, new_server: Any) -> None:
    """A client that has not heard yet of a node that joined the cluster lists the sessions there as well."""
    repository = SessionRepository(client=new_client())
    repository.create_session(session("moved"))
    joined = new_server("cluster-enabled yes", "cluster-allow-replica-migration no")
    for node in nodes:
        joined.client().execute_command("CLUSTER MEET", HOST, node.port, node.bus_port)
    wait_for(lambda: all(cluster_info(node)["cluster_known_nodes"] == "4" for node in [*nodes, joined]))
    wait_until_complete([joined])
    port = new_client().get_node_from_key("session:moved").port
    (source,) = [node.client() for node in nodes if node.port == port]
    with moving("session:moved", source, joined.client()):
        pass
    wait_for(lambda: all(str(joined.port) in str(node.client().execute_command("CLUSTER SLOTS")) for node in nodes))
    try:
        assert [one.session_id for one in repository.list_sessions("moved")] == ["moved"]
    finally:
        with moving("session:moved", joined.client(), source):
            pass
        name = joined.client().execute_command("CLUSTER MYID")
        for node in nodes:
            node.client().execute_command("CLUSTER FORGET", name)
        repository.delete_session("moved")


def test_node_that_is_down(nodes: list[Server], new_client: NewClient) -> None:
    """A node that is down is an error. When it is back, the agent goes on, nothing lost, nothing twice."""
    client: Any = new_client()
    with SessionManager("s", client=client) as manager:
        live = scripted_agent(manager)
        live("one")
        node: Any
        (node,) = [node for node in nodes if node.port == client.get_node_from_key("session:s").port]
        node.stop(keep=True)
        with pytest.raises(SessionUnavailableError, match="session_id=<s>"):
            live("two")
        node.restart()
        wait_for(lambda: node.client().execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        live("three")
        assert_restored(live, "s", client=client)
        manager.delete_session()
