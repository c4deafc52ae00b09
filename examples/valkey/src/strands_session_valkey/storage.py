"""Strands' unified Storage in Valkey: a string for each value, and sorted sets of the keys, so that they can be listed.

    storage:{17}:value:<key>    the value
    storage:{17}:index          the keys of the shard, which the server sorts by their bytes

A key belongs to one of 32 shards by its first two segments, so that a session's keys share one. A shard is a slot of a
cluster: value and index change together, in one step.
"""

import builtins
from functools import partial
from heapq import merge
from typing import Any, ClassVar
from zlib import crc32

from . import scripts
from ._storage import ThreadedStorage
from .connection import Client, Server, check_key_prefix

_SHARDS = 32
_PAGE = 2_000  # keys that a shard answers with at once
_END = b"\xff"  # after all that UTF-8 can be


class ValkeyStorage(ThreadedStorage):
    """Keeps values for `SnapshotSessionManager`, `Agent(storage=...)`, the context offloader and memory stores.

    Safe to use from any thread and any event loop. It shares its client with all session repositories and storages that
    have the same connection string.
    """

    max_bytes: ClassVar[int] = 512 * 1024**2

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        client: Client | None = None,
        key_prefix: str = "storage",
        timeout: float | None = None,
    ) -> None:
        """Prepare to connect. The first command connects.

        Args:
            connection_string: The same as for `ValkeySessionRepository`.
            client: In its place a `valkey.Valkey`, also of a Sentinel, or a `valkey.ValkeyCluster`. It stays open.
            key_prefix: What the keys in Valkey begin with. Storages with different prefixes do not see each other.
            timeout: Seconds that the server may take to answer. By default what `VALKEY_SESSION_TIMEOUT`
                says, else 30. A client of the caller's has its own.

        Raises:
            ValueError: If an argument is malformed.
        """
        super().__init__()
        self._prefix = check_key_prefix(key_prefix)
        self._server = Server(connection_string, client, timeout)

    def close(self) -> None:
        """Give the client back. The last one that shares it closes it; one that was passed in stays open."""
        self._server.close()

    def write_object(self, key: str, data: bytes) -> None:
        """Store a value, in place of any that is there."""
        self._server.run(scripts.PUT, f"key=<{key}>", self._keys(key), key, data)

    def read_object(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""
        value, _ = self._keys(key)

        def fetch(client: Any) -> bytes | None:
            # The caller's client may decode what it gets, which a value cannot stand.
            data: bytes | None = client.execute_command("GET", value.encode(), NEVER_DECODE=True)
            return data

        return self._server.call(f"key=<{key}>", fetch)

    def delete_object(self, key: str) -> None:
        """Delete a value, if there is one."""
        self._server.run(scripts.DISCARD, f"key=<{key}>", self._keys(key), key)

    def list_objects(self, prefix: str) -> builtins.list[str]:
        """Return the keys that begin with a prefix, in the order of their code points."""
        first, last = b"[" + prefix.encode(), b"(" + prefix.encode() + _END
        # A prefix that holds two whole segments is one of keys in one shard.
        pending = {_shard(prefix): first} if prefix.count("/") > 1 else dict.fromkeys(range(_SHARDS), first)
        found: dict[int, list[bytes]] = {}
        while pending:
            pages = self._server.call(f"prefix=<{prefix}>", partial(self._pages, starts=pending, last=last))
            full = {}
            for shard, page in zip(pending, pages, strict=True):
                found.setdefault(shard, []).extend(page)
                if len(page) == _PAGE:
                    full[shard] = b"(" + page[-1]
            pending = full
        return [key.decode() for key in merge(*found.values())]

    def _pages(self, client: Any, starts: dict[int, bytes], last: bytes) -> builtins.list[builtins.list[bytes]]:
        """Return the next keys of each shard, in one round trip, or in one per node of a cluster."""
        pipeline = client.pipeline(transaction=False)
        for shard, start in starts.items():
            arguments = (self._index(shard).encode(), start, last, "LIMIT", 0, _PAGE)
            pipeline.execute_command("ZRANGEBYLEX", *arguments, NEVER_DECODE=True)
        answers: list[list[bytes]] = pipeline.execute()
        return answers

    def _keys(self, key: str) -> tuple[str, str]:
        shard = _shard(key)
        return f"{self._prefix}:{{{shard}}}:value:{key}", self._index(shard)

    def _index(self, shard: int) -> str:
        return f"{self._prefix}:{{{shard}}}:index"


def _shard(key: str) -> int:
    """Return the shard of a key, or of the keys that begin with two whole segments."""
    return crc32("/".join(key.split("/")[:2]).encode()) % _SHARDS
