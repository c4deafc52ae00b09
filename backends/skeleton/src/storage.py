"""Strands' unified Storage in {== backend ==}: values of bytes under keys of text.

Replace the bodies that are marked `TODO(backend)`. This file is yours: updates of the template never touch it.
"""

import builtins
from typing import ClassVar

from ._sharing import SharedConnection, find_connection_string, find_timeout
from ._storage import ThreadedStorage, end_of, storage_errors
from .connection import DEFAULT_FILE, Database, parse


class {== class_prefix ==}Storage(ThreadedStorage):
    """Keeps values for `SnapshotSessionManager`, `Agent(storage=...)`, the context offloader and memory stores.

    Safe to use from any thread and any event loop. It shares its connection with all session repositories and storages
    that have the same connection string.
    """

    max_bytes: ClassVar[int] = 10**9 - 10**4  # the key goes into the same row

    def __init__(self, connection_string: str | None = None, *, timeout: float | None = None) -> None:
        """Connect to the store.

        Args:
            connection_string: The same as for `{== class_prefix ==}SessionRepository`.
            timeout: Seconds that the store may take to answer. By default what the environment says in
                `{== slug | upper ==}_SESSION_TIMEOUT`, else 30.

        Raises:
            ValueError: If an argument is malformed.
            StorageError: If the file cannot be opened, or is no database of this package's.
        """
        super().__init__()
        where = parse(find_connection_string(connection_string, default=DEFAULT_FILE))
        seconds = find_timeout(timeout)
        with storage_errors():
            self._database = SharedConnection((where, seconds), lambda: Database(where, seconds), Database.close)

    def close(self) -> None:
        """Give the connection back. The last one that shares it closes it."""
        self._database.close()

    def write_object(self, key: str, data: bytes) -> None:
        """Store a value, in place of any that is there."""
        # TODO(backend): store the value under its key, and see that nothing is left of the one it replaces.
        database, name = self._database.get(), f"key=<{key}>"
        with database.write(name) as sql:
            replaced = sql.execute("DELETE FROM objects WHERE key = ?", (key,)).rowcount
            sql.execute("INSERT INTO objects VALUES (?, ?)", (key, data))
        if replaced:
            database.truncate_log(name)

    def read_object(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""
        # TODO(backend): fetch the value.
        with self._database.get().read(f"key=<{key}>") as sql:
            row = sql.execute("SELECT data FROM objects WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def delete_object(self, key: str) -> None:
        """Delete a value, if there is one."""
        # TODO(backend): delete the value.
        with self._database.get().write(f"key=<{key}>", erase=True) as sql:
            sql.execute("DELETE FROM objects WHERE key = ?", (key,))

    def list_objects(self, prefix: str) -> builtins.list[str]:
        """Return the keys that begin with a prefix, in the order of their code points."""
        # TODO(backend): find the keys without looking at all of them. A prefix is plain text: `%` and `*` mean nothing.
        with self._database.get().read(f"prefix=<{prefix}>") as sql:
            query = "SELECT key FROM objects WHERE key >= :first AND (:end IS NULL OR key < :end) ORDER BY key"
            return [key for (key,) in sql.execute(query, {"first": prefix, "end": end_of(prefix)})]
