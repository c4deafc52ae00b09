"""How the tests reach a live Valkey, and what the backend promises. This file is yours."""

import contextlib
import itertools
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import valkey
from conformance import Backend
from servers import HOST, ClusterClient, Server, start_cluster, wait_until_complete

pytest_plugins = ["conformance.plugin"]

# What is written to a file survives the end of the server, if not that of the machine, which fsync is for.
DURABLE = ("appendonly yes", "appendfsync no")


class ValkeyBackend(Backend):
    """The server that VALKEY_TEST_CONNECTION names, or one of the tests' own, started by each process that runs them.

    With VALKEY_TEST_TOPOLOGY=cluster it is a cluster of three primaries, with a replica each. The tests use a prefix of
    their own, and remove only what is under it.
    """

    multi_agent = True
    list_sessions = True
    atomic_batch = True
    redacts = True
    conflict = True
    nonblocking = True
    storage = True
    ttl = True
    ttl_on_read = True
    prefix = True
    lists_unknown_agent = True
    pool_size = 32

    def __init__(self) -> None:
        """Read what kind of server it is."""
        topology = os.environ.get("VALKEY_TEST_TOPOLOGY", "single")
        assert topology in ("single", "cluster"), f"VALKEY_TEST_TOPOLOGY={topology} | must be single or cluster"
        self.is_cluster = topology == "cluster"
        # A connection string leads to a single server, and only there a proxy stands between it and all its clients.
        # On a cluster, each agent may be on another node.
        self.connection_string = self.round_trips = self.together = not self.is_cluster
        self.restarts = "VALKEY_TEST_CONNECTION" not in os.environ

    def start(self, folder: Path) -> None:
        """Start a server, or as many as a cluster has, unless there is one to use."""
        self.servers: list[Server] = []
        self.url = os.environ.get("VALKEY_TEST_CONNECTION", "")
        if not self.url:
            self.servers = start_cluster(*DURABLE, replicas=1) if self.is_cluster else [Server(*DURABLE)]
            self.url = self.servers[0].url
        self.key_prefix = f"test-{uuid.uuid4().hex}"
        self.timeouts = itertools.count(20)
        self.clients: Any = [valkey.Valkey.from_url(self.url)]
        if self.is_cluster:  # such a client is expensive to make, and holds nothing but connections
            self.clients = [self.new_cluster_client() for _ in range(3)]
        self.client = self.clients[0]
        self.next_client = itertools.cycle(self.clients)

    def stop(self) -> None:
        """Remove what the tests wrote, and the server that was started for them."""
        for key in self.keys():
            self.client.unlink(key)
        for client in self.clients:
            client.close()
        for server in self.servers:
            server.stop()

    def halt(self) -> None:
        """Kill the server, as kill -9 does, or all of a cluster. What it acknowledged is in a file."""
        for server in self.servers:
            server.stop(keep=True)

    def resume(self) -> None:
        """Start the server again, with what is in the file."""
        for server in self.servers:
            server.restart()
        if self.is_cluster:
            wait_until_complete(self.servers)

    def options(self) -> dict[str, Any]:
        """Reach the server by a connection of its own: those with the same time-out share one."""
        if self.is_cluster:
            return {"client": next(self.next_client), "key_prefix": self.key_prefix}
        return {"connection_string": self.url, "key_prefix": self.key_prefix, "timeout": next(self.timeouts)}

    def elsewhere(self) -> Any:
        """A repository with another prefix, which begins like the first one."""
        return self.repository(key_prefix=f"{self.key_prefix}:other")

    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        address = urlsplit(self.url)
        return address.hostname or HOST, address.port or 6379

    def through(self, host: str, port: int) -> dict[str, Any]:
        """Reach the server by way of a proxy."""
        parts = urlsplit(self.url)
        user, at, _ = parts.netloc.rpartition("@")
        connection_string = urlunsplit(parts._replace(netloc=f"{user}{at}{host}:{port}"))
        return {"connection_string": connection_string, "key_prefix": self.key_prefix, "timeout": 10}

    def unreachable(self) -> dict[str, Any]:
        """A connection string that leads nowhere. There is no cluster's client without a cluster."""
        return {**super().unreachable(), "client": None}

    def limited(self, options: dict[str, Any], connections: int) -> dict[str, Any]:
        """Say in the connection string how many connections there may be."""
        url = urlsplit(options["connection_string"])
        query = "&".join(filter(None, (url.query, f"max_connections={connections}")))
        return {**options, "connection_string": urlunsplit(url._replace(query=query))}

    def dump(self) -> bytes:
        """All that is under the prefix, of the types that the package writes; of others what DUMP says."""
        read: dict[bytes, Callable[[bytes], Iterable[bytes | None]]] = {
            b"hash": lambda key: itertools.chain(*sorted(self.client.hgetall(key).items())),
            b"string": lambda key: [self.client.get(key)],
            b"zset": lambda key: self.client.zrange(key, 0, -1),
        }
        found: list[bytes] = []
        for key in self.keys():
            values = read.get(self.client.type(key), lambda key: [self.client.dump(key)])(key)
            found += [key, *(value or b"" for value in values)]
        return b"\n".join(found)

    def rewrite(self, session_id: str, agent_id: str, message_id: int, change: Callable[[str], str]) -> None:
        """Change a message's record."""
        key, field = f"{self.key_prefix}:{session_id}", f"agent:{agent_id}:message:{message_id}"
        self.client.hset(key, field, change(self.client.hget(key, field).decode()))

    def keys(self) -> list[bytes]:
        """The keys under the prefix, which is all that the tests may touch."""
        return sorted(self.client.scan_iter(match=f"{self.key_prefix}*", count=1000))

    def new_cluster_client(self) -> ClusterClient:
        """A client of the cluster."""
        return ClusterClient(*self.address())


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return ValkeyBackend()


@pytest.fixture
def new_server() -> Iterator[Callable[..., Server]]:
    """Start servers for one test, which may do with them what it likes."""
    with contextlib.ExitStack() as started:

        def new_server(*lines: str, sentinel: bool = False) -> Server:
            server = Server(*lines, sentinel=sentinel)
            started.callback(server.stop)
            return server

        yield new_server


@pytest.fixture
def documented_rights(request: pytest.FixtureRequest) -> list[str]:
    """What the README gives to ACL SETUSER: the name of a user, and its rights."""
    readme = (request.config.rootpath / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in readme.splitlines() if line.startswith("ACL SETUSER")]
    return line.split()[2:]
