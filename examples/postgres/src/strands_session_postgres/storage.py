"""Strands' unified Storage in PostgreSQL: a row for each value, in a table beside those of the sessions."""

import builtins
import re
from typing import Any, ClassVar

from psycopg_pool import ConnectionPool
from strands.storage.storage import StorageSearchResult

from . import schema as schemas
from . import statements
from ._storage import ThreadedStorage, end_of, storage_errors
from .connection import Engine, Server
from .tables import Rows, Tables


class PostgresStorage(ThreadedStorage):
    """Keeps values for `SnapshotSessionManager`, `Agent(storage=...)`, the context offloader and memory stores.

    Safe to use from any thread and any event loop. It shares its pool with all session repositories and storages that
    have the same connection string. The tables must exist: `setup` makes them.
    """

    max_bytes: ClassVar[int] = 10**9

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        engine: Engine | None = None,
        pool: ConnectionPool[Any] | None = None,
        schema: str = schemas.DEFAULT,
        timeout: float | None = None,
    ) -> None:
        """Prepare to connect. The first statement connects.

        Args:
            connection_string: The same as for `PostgresSessionRepository`.
            engine: In its place a SQLAlchemy engine on the psycopg driver. It stays open.
            pool: In its place a `psycopg_pool.ConnectionPool`. It stays open.
            schema: The schema that the tables are in.
            timeout: Seconds that the server may take to answer. By default what the environment says in
                `POSTGRES_SESSION_TIMEOUT`, else 30.

        Raises:
            ValueError: If an argument is malformed.
        """
        super().__init__()
        self._tables = Tables(Server(connection_string, engine, pool, timeout), schema)

    def close(self) -> None:
        """Give the pool back. The last one that shares it closes it; what was passed in stays open."""
        self._tables.close()

    def setup(self) -> builtins.list[int]:
        """Make or update the tables, those of the sessions included: see `PostgresSessionRepository.setup`.

        Raises:
            StorageError: If the role may not create tables, the server does not answer, or a newer version of the
                package made the tables.
        """
        with storage_errors():
            return self._tables.setup()

    def write_object(self, key: str, data: bytes) -> None:
        """Store a value, in place of any that is there."""
        self._tables.fetch(f"key=<{key}>", statements.WRITE_OBJECT, {"key": key, "data": data})

    def read_object(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""
        rows = self._tables.fetch(f"key=<{key}>", statements.READ_OBJECT, {"key": key})
        return bytes(rows[0][0]) if rows else None

    def delete_object(self, key: str) -> None:
        """Delete a value, if there is one."""
        self._tables.fetch(f"key=<{key}>", statements.DELETE_OBJECT, {"key": key})

    def list_objects(self, prefix: str) -> builtins.list[str]:
        """Return the keys that begin with a prefix, in the order of their code points."""
        values = {"first": prefix, "end": end_of(prefix)}
        return [key for (key,) in self._tables.fetch(f"prefix=<{prefix}>", statements.LIST_OBJECTS, values)]

    async def search(self, query: str) -> builtins.list[StorageSearchResult]:
        """Search keys and values by full text, in the namespace, and return what has any of the words, the best first.

        The server's `default_text_search_config` says which language's endings and stop words do not count.

        Raises:
            StorageError: If the server does not answer or refuses.
        """
        words = " ".join(re.findall(r"\w+", query))
        rows = await self._run(self._search, self._scope, words) if words else []
        return [StorageSearchResult(key[len(self._scope) :], score, bytes(data)) for key, score, data in rows]

    def _search(self, scope: str, words: str) -> Rows:
        values = {"words": words, "first": scope, "end": end_of(scope), "start": len(scope) + 1}
        return self._tables.fetch(f"prefix=<{scope}>", statements.SEARCH_OBJECTS, values)
