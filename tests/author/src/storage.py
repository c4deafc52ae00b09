"""Strands' unified Storage in LMDB: values of bytes under keys of text.

This file is yours: updates of the template never touch it.
"""

import builtins
from typing import ClassVar

from ._storage import ThreadedStorage, storage_errors
from .connection import Client, ordered_key, ordered_prefix, scan

_NAME, _VALUE = b"k", b"o"  # names stand apart from values, so that listing them reads no value


class LMDBStorage(ThreadedStorage):
    """Keeps values for `SnapshotSessionManager`, `Agent(storage=...)`, the context offloader and memory stores.

    Safe to use from any thread and any event loop. It shares its connection with all session repositories and storages
    that have the same connection string.
    """

    max_bytes: ClassVar[int] = 10**9

    def __init__(self, connection_string: str | None = None, *, timeout: float | None = None) -> None:
        """Connect to the store.

        Args:
            connection_string: The same as for `LMDBSessionRepository`.
            timeout: Seconds to wait for other threads. By default what the environment says in
                `LMDB_SESSION_TIMEOUT`, else 30.

        Raises:
            ValueError: If an argument is malformed.
            StorageError: If the file cannot be opened, or is no file of this package's.
        """
        super().__init__()
        with storage_errors():
            self._client = Client(connection_string, timeout)

    def close(self) -> None:
        """Give the connection back. The last one that shares it closes it."""
        self._client.close()

    def write_object(self, key: str, data: bytes) -> None:
        """Store a value, in place of any that is there."""
        with self._client.write(f"key=<{key}>") as store:
            store.put(ordered_key(_NAME, key), key.encode())
            store.put(ordered_key(_VALUE, key), data)

    def read_object(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""
        with self._client.read(f"key=<{key}>") as store:
            return store.get(ordered_key(_VALUE, key))

    def delete_object(self, key: str) -> None:
        """Delete a value, if there is one."""
        with self._client.write(f"key=<{key}>") as store:
            store.delete(ordered_key(_NAME, key))
            store.delete(ordered_key(_VALUE, key))

    def list_objects(self, prefix: str) -> builtins.list[str]:
        """Return the keys that begin with a prefix, in the order of their code points."""
        with self._client.read(f"prefix=<{prefix}>") as store:
            keys = [name.decode() for _, name in scan(store, ordered_prefix(_NAME, prefix))]
        return sorted(key for key in keys if key.startswith(prefix))
