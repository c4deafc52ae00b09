"""The storage in Valkey: what is stored, and what a server and its clients may do. This file is yours."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import valkey
from conformance.package import Storage
from conformance.storages import write
from conformance.wire import HOST, Wire
from servers import Server, start_cluster
from strands.types.exceptions import StorageError

NewServer = Callable[..., Server]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for the tests of this file."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def client(server: Server) -> Any:
    """A client of the server, which is empty."""
    client = server.client()
    client.flushall()
    return client


def test_what_is_stored(server: Server, client: Any) -> None:
    """A value is a string, and an entry of an index in the same slot: the README says which. A deletion leaves none."""
    keys = ["session/user-42/scopes/agent/a/snapshot.json", "session/user-42", "session/user-43/a", "a"]
    with Storage(server.url) as storage:
        write(storage, *keys)
        assert sorted(client.keys()) == sorted(
            {b"storage:{%d}:index" % shard for shard in (25, 15, 3)}
            | {b"storage:{%d}:value:%s" % (s, key.encode()) for s, key in zip((25, 25, 15, 3), keys, strict=True)}
        ), "what was stored by an earlier version would not be found"
        assert client.zrange("storage:{25}:index", 0, -1) == [keys[1].encode(), keys[0].encode()]
        for key in keys:
            asyncio.run(storage.delete(key))
    assert client.keys() == []


def test_key_prefixes(server: Server, client: Any) -> None:
    """Storages with different prefixes do not see each other, also where one prefix begins like the other."""
    names = ["storage", "storage:1", "stor", "é", "a*"]
    storages = [Storage(server.url, key_prefix=name) for name in names]
    for number, storage in enumerate(storages):
        asyncio.run(storage.write("a", b"%d" % number))
    for number, storage in enumerate(storages):
        assert asyncio.run(storage.list()) == ["a"]
        assert asyncio.run(storage.read("a")) == b"%d" % number
        storage.close()
    for bad in ("", " ", "a{b}", "a\n", None):
        with pytest.raises(ValueError, match="key_prefix"):
            Storage(server.url, key_prefix=bad)  # type: ignore[arg-type]


def test_no_search(server: Server, client: Any) -> None:
    """A listing looks at the index: at one shard for a session's keys, and never at all keys of the server."""
    with Storage(server.url) as storage:
        write(storage, *(f"session/s{number}/a" for number in range(100)))
        for prefix, commands in (("session/s1/", 1), ("session/s1/a", 1), ("session/s1", 32), ("", 32)):
            client.config_resetstat()
            assert "session/s1/a" in asyncio.run(storage.list(prefix))
            statistics = client.info("commandstats")
            assert statistics["cmdstat_zrangebylex"]["calls"] == commands
            assert {"cmdstat_scan", "cmdstat_keys"}.isdisjoint(statistics)


@pytest.mark.parametrize("decode_responses", [False, True])
def test_small_pool(server: Server, client: Any, decode_responses: bool) -> None:
    """100 operations at once wait for the four connections of a pool, also of one that does not wait by itself."""
    small = server.client(max_connections=4, decode_responses=decode_responses)
    keys = [f"{number:03}" for number in range(100)]

    async def run() -> None:
        with Storage(client=small) as storage:
            await asyncio.gather(*(storage.write(key, b"\xff") for key in keys))
            assert await asyncio.gather(*(storage.read(key) for key in keys)) == [b"\xff"] * 100
            assert await asyncio.gather(*(storage.list() for _ in keys)) == [keys] * 100

    asyncio.run(run())
    small.close()


def test_listing_page_by_page(server: Server, client: Any) -> None:
    """A shard that holds more than a page is listed page by page, beside others: each key once, and in order."""
    keys = sorted([f"session/s/{number:05}" for number in range(5000)] + [f"{number}/a" for number in range(50)])
    with Storage(server.url) as storage:
        write(storage, *keys)
        with Wire(HOST, server.port) as wire, Storage(f"valkey://{HOST}:{wire.port}") as counted:
            asyncio.run(counted.read("a"))
            with wire.counting() as cost:
                assert asyncio.run(counted.list()) == keys
            assert cost.round_trips <= 3 * 2  # an answer of 2,000 keys may come while the rest is still being sent


def test_full_server(new_server: NewServer) -> None:
    """A full server refuses a value, and the old one stays; reading and deleting go on."""
    server = new_server("maxmemory-policy noeviction")
    client: Any = server.client()
    with Storage(server.url) as storage:
        write(storage, "a")
        client.config_set("maxmemory", 1)
        for key in ("a", "b"):
            with pytest.raises(StorageError, match=f"(?i)key=<{key}>.*maxmemory"):
                asyncio.run(storage.write(key, b"new"))
        assert asyncio.run(storage.list()) == ["a"]
        assert asyncio.run(storage.read("a")) == b"a"
        asyncio.run(storage.delete("a"))
        assert client.keys() == []


def test_lower_limit_of_a_server(new_server: NewServer) -> None:
    """A value over the limit that a server was given is an error, and nothing of it is stored."""
    server = new_server("proto-max-bulk-len 1mb")
    with Storage(server.url) as storage:
        write(storage, "a")
        with pytest.raises(StorageError, match="key=<a>") as raised:
            asyncio.run(storage.write("a", bytes(2 * 1024**2)))
        assert raised.value.__cause__ is not None
        assert asyncio.run(storage.read("a")) == b"a"


def test_another_kind_of_key(server: Server, client: Any) -> None:
    """A key that something else was stored under is an error, which names it, and is left alone."""
    with Storage(server.url) as storage:
        write(storage, "a")
        client.delete("storage:{3}:value:a")
        client.hset("storage:{3}:value:a", "field", "1")
        with pytest.raises(StorageError, match=r"key=<a>.*another kind"):
            asyncio.run(storage.read("a"))
        assert client.hgetall("storage:{3}:value:a") == {b"field": b"1"}


@pytest.mark.parametrize("decode_responses", [False, True])
def test_cluster(decode_responses: bool) -> None:
    """In a cluster values lie on all nodes, a session's on one of them, and a listing has each key once, in order."""
    nodes = start_cluster()
    client = valkey.ValkeyCluster(host=HOST, port=nodes[0].port, decode_responses=decode_responses)
    keys = sorted(f"session/s{number}/{end}" for number in range(100) for end in ("a/b", "é"))
    try:
        with Storage(client=client) as storage:
            write(storage, *keys)
            assert all(node.client().dbsize() > 20 for node in nodes)
            assert {client.get_node_from_key(f"storage:{{{shard}}}:index").name for shard in range(32)} == {
                client.get_node_from_key(f"storage:{{{shard}}}:value:a").name for shard in range(32)
            }
            assert asyncio.run(storage.list()) == keys
            assert asyncio.run(storage.list("session/s7/")) == ["session/s7/a/b", "session/s7/é"]
            assert asyncio.run(storage.read("session/s7/é")) == "session/s7/é".encode()
            for key in keys:
                asyncio.run(storage.delete(key))
        assert [node.client().dbsize() for node in nodes] == [0, 0, 0]
    finally:
        client.close()
        for node in nodes:
            node.stop()
