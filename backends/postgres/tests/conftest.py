"""How the tests reach a live PostgreSQL, and what the backend promises. This file is yours."""

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conformance import Backend
from conformance.backend import PASSWORD
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool
from servers import HOST, Server, free_port

pytest_plugins = ["conformance.plugin"]


class PortablePool(ConnectionPool[Any]):
    """A pool that can be handed to another process: it opens where its first connection is asked for."""

    def __init__(self, url: str, size: int) -> None:
        """Take what it will need."""
        super().__init__(url, min_size=0, max_size=size, open=False)
        self._made_of = url, size

    def __reduce__(self) -> Any:
        """Return what makes it anew."""
        return type(self), self._made_of

    def getconn(self, timeout: float | None = None) -> Any:
        """Open it, and lend a connection."""
        self.open()
        return super().getconn(timeout)


class {== class_prefix ==}Backend(Backend):
    """The server that POSTGRES_TEST_CONNECTION names, or one of the tests' own, started by each process that runs them.

    The tests use a schema of their own, and one whose name begins like it. They drop these two and touch nothing else.
    """

    multi_agent = True
    list_sessions = True
    atomic_batch = True
    together = True
    redacts = True
    conflict = True
    connection_string = True
    nonblocking = True
    storage = True
    search = True
    round_trips = True
    ttl = True
    prefix = True
    lists_unknown_agent = True
    pool_size = 34  # 32 connections, and the two threads of psycopg_pool
    restarts = "POSTGRES_TEST_CONNECTION" not in os.environ

    def start(self, folder: Path) -> None:
        """Start a server, unless there is one to use, and make the tables."""
        self.url = os.environ.get("POSTGRES_TEST_CONNECTION", "")
        self.server = None if self.url else Server()
        if self.server:
            self.url = self.server.url
        self.schema = f"test_{uuid.uuid4().hex[:11]}"  # as long as the default, since its length counts on the wire
        self.empty_schemas: list[str] = []
        self.timeouts = itertools.count(20)
        self.connect()
        for schema in self.schemas():
            with self.repository(schema=schema) as repository:
                repository.setup()

    def stop(self) -> None:
        """Drop what the tests wrote, and the server that was started for them."""
        for schema in [*self.schemas(), *self.empty_schemas]:
            self.connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
        self.connection.close()
        if self.server:
            self.server.stop()

    def connect(self) -> None:
        """Connect to the server, for what the tests do with it themselves."""
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.connection.execute("SET bytea_output = escape")  # so that text in bytes is text in a dump

    def halt(self) -> None:
        """Let the server crash."""
        assert self.server
        self.connection.close()
        self.server.stop(keep=True)

    def resume(self) -> None:
        """Start the server again, which recovers."""
        assert self.server
        self.server.restart()
        self.connect()

    def schemas(self) -> list[str]:
        """The schemas of the tests."""
        return [self.schema, f"{self.schema}_other"]

    def options(self) -> dict[str, Any]:
        """Reach the server by a pool of its own: those with the same time-out share one."""
        return {"connection_string": self.url, "schema": self.schema, "timeout": next(self.timeouts)}

    def empty(self) -> dict[str, Any]:
        """Options for a schema that does not exist yet."""
        self.empty_schemas.append(f"{self.schema}_empty_{len(self.empty_schemas)}")
        return {**self.options(), "schema": self.empty_schemas[-1]}

    def elsewhere(self) -> Any:
        """A repository with another schema."""
        return self.repository(schema=self.schemas()[1])

    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        parameters = conninfo_to_dict(self.url)
        return str(parameters.get("host", HOST)), int(parameters.get("port") or 5432)

    def through(self, host: str, port: int) -> dict[str, Any]:
        """Reach the server by way of a proxy."""
        url = make_conninfo(self.url, host=host, port=port)
        return {"connection_string": url, "schema": self.schema, "timeout": 10}

    def limited(self, options: dict[str, Any], connections: int) -> dict[str, Any]:
        """Lend a pool of that size."""
        return {"pool": PortablePool(options["connection_string"], connections), "schema": self.schema}

    def unreachable(self) -> dict[str, Any]:
        """A port at which nobody listens."""
        url = make_conninfo(self.url, host=HOST, port=free_port(), user="ada", password=PASSWORD)
        return {"connection_string": url, "schema": self.schema, "timeout": 0.4}

    def dump(self) -> bytes:
        """All rows of the schema, as COPY prints them."""
        found: list[bytes] = []
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1"
        with self.connection.cursor() as cursor:
            for (table,) in cursor.execute(tables, [self.schema]).fetchall():
                with cursor.copy(f"COPY {self.schema}.{table} TO STDOUT".encode()) as rows:
                    found += [table.encode(), *map(bytes, rows)]
        return b"\n".join(found)

    def rewrite(self, session_id: str, agent_id: str, message_id: int, change: Callable[[str], str]) -> None:
        """Change a message. What is no JSON goes into the column for other text, which takes it."""
        where = "WHERE session_id = %s AND agent_id = %s AND message_id = %s"
        key = (session_id, agent_id, message_id)
        select = f"SELECT coalesce(message::text, message_raw) FROM {self.schema}.messages {where}"
        ((text,),) = self.connection.execute(select.encode(), key).fetchall()
        update = f"UPDATE {self.schema}.messages SET message = NULL, message_raw = %s {where}"
        self.connection.execute(update.encode(), [change(text), *key])


@pytest.fixture
def schema(backend: Any) -> str:
    """The schema of the tests."""
    return str(backend.schema)


@pytest.fixture
def role(backend: Any) -> Iterator[str]:
    """A role that may do nothing but log in."""
    name = f"test_{uuid.uuid4().hex}"
    backend.connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'".encode())
    yield name
    backend.connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return {== class_prefix ==}Backend()
