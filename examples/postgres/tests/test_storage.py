"""The storage in PostgreSQL: its table, and whose connections it uses. This file is yours."""

import asyncio
import os
from typing import Any

import pytest
from conformance.package import SessionRepository, Storage, package
from conformance.storage_use import CALLS
from conformance.storages import write
from conformance.wire import HOST, Wire
from psycopg.conninfo import make_conninfo
from sources import by_engine, by_pool
from strands.types.exceptions import StorageError

POOLS: dict[str, Any] = {
    "pool": lambda url: by_pool(url, max_size=4),
    "engine": lambda url: by_engine(url, pool_size=4, max_overflow=0),
}


@pytest.mark.parametrize("source", POOLS)
def test_small_pool(backend: Any, new_storage: Any, source: str) -> None:
    """100 operations at once wait for the four connections of a pool."""
    keys = [f"{number:03}" for number in range(100)]

    async def run(storage: Any) -> None:
        await asyncio.gather(*(storage.write(key, b"\xff") for key in keys))
        assert await asyncio.gather(*(storage.read(key) for key in keys)) == [b"\xff"] * 100
        assert await asyncio.gather(*(storage.list() for _ in keys)) == [keys] * 100

    with POOLS[source](backend.url) as options, Storage(**options, schema=backend.schema) as storage:
        asyncio.run(run(storage))
    assert len(asyncio.run(new_storage().list())) == 100


def test_schemas(backend: Any, new_storage: Any) -> None:
    """Storages in different schemas do not see each other."""
    first, second = (new_storage(schema=schema) for schema in backend.schemas())
    write(first, "a")
    assert asyncio.run(second.list()) == []
    write(second, "b")
    assert asyncio.run(first.list()) == ["a"]
    asyncio.run(second.delete("b"))


def test_set_up(backend: Any) -> None:
    """Where there are no tables, it says what to run; it can make them itself, and a repository finds them there."""
    options = {**backend.options(), **backend.empty()}
    with Storage(**options) as storage:
        for call in CALLS.values():
            with pytest.raises(StorageError, match="setup"):
                asyncio.run(call(storage))
        assert storage.setup() != []
        assert storage.setup() == []
        write(storage, "a")
    with SessionRepository(**options) as repository:
        assert repository.read_session("s") is None


def test_values_travel_as_they_are(backend: Any) -> None:
    """A value takes as many bytes on the wire as it has, both ways: it is not spelled out as text."""
    value = os.urandom(2**20)
    with Wire(*backend.address()) as wire:
        url = make_conninfo(backend.url, host=HOST, port=wire.port)
        with Storage(url, schema=backend.schema) as storage:
            write(storage, "a")
            with wire.counting() as cost:
                asyncio.run(storage.write("a", value))
                assert asyncio.run(storage.read("a")) == value
            asyncio.run(storage.delete("a"))
    assert cost.sent < 1.01 * 2**20
    assert cost.received < 1.01 * 2**20


def test_listing_is_a_range(backend: Any, new_storage: Any) -> None:
    """The keys with a prefix are a range of the index, in its order: no others are looked at, and none are sorted."""
    storage = new_storage()
    series = "SELECT 'session/s' || n || '/a', '' FROM generate_series(1, 10000) n"
    backend.connection.execute(f"INSERT INTO {backend.schema}.objects (key, data) {series}".encode())
    backend.connection.execute(f"VACUUM ANALYZE {backend.schema}.objects".encode())
    query = f"EXPLAIN {package.statements.LIST_OBJECTS.replace('{schema}', backend.schema)}"
    values = {"first": "session/s70", "end": package._storage.end_of("session/s70")}
    plan = "\n".join(line for (line,) in backend.connection.execute(query.encode(), values).fetchall())
    found = asyncio.run(storage.list("session/s70"))
    backend.connection.execute(f"TRUNCATE {backend.schema}.objects".encode())
    assert len(found) == 111
    assert "Index Only Scan using objects_pkey" in plan
    assert "Index Cond: ((key >= 'session/s70'::text) AND (key < 'session/s71'::text))" in plan
    assert "Sort" not in plan


def test_no_samples(backend: Any, new_storage: Any) -> None:
    """Statistics keep samples of keys and none of values: of one that was replaced nothing would go there."""
    write(new_storage(), *(f"{number}" for number in range(50)))
    backend.connection.execute(f"ANALYZE {backend.schema}.objects".encode())
    columns = "SELECT attname FROM pg_stats WHERE schemaname = %s AND tablename = 'objects' ORDER BY 1"
    assert backend.connection.execute(columns, [backend.schema]).fetchall() == [("key",), ("updated_at",)]
