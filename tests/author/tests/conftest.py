"""How the tests reach a live LMDB store, and what the backend promises. This file is yours."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import lmdb
from conformance import Backend

from strands_session_lmdb.connection import Client

pytest_plugins = ["conformance.plugin"]


class LMDBBackend(Backend):
    """A store for the tests alone: each process that runs tests has a file of its own."""

    multi_agent = True
    list_sessions = True
    atomic_batch = True
    conflict = True
    connection_string = True
    nonblocking = True
    storage = True
    lists_unknown_agent = True

    def start(self, folder: Path) -> None:
        """Choose the file."""
        self.path = folder / "sessions.mdb"
        self.numbers = itertools.count()

    def options(self) -> dict[str, Any]:
        """Reach the file. A process can open it once, so all share that."""
        return {"connection_string": f"lmdb:///{self.path}"}

    def unreachable(self) -> dict[str, Any]:
        """A file in a folder that does not exist."""
        return {"connection_string": str(self.path.with_name("nowhere") / "sessions.mdb"), "timeout": 1}

    def empty(self) -> dict[str, Any]:
        """A file that does not exist yet."""
        return {"connection_string": str(self.path.with_name(f"{next(self.numbers)}.mdb"))}

    @contextmanager
    def environment(self) -> Iterator[lmdb.Environment]:
        """The file, as LMDB sees it: the environment that the package has open, for want of a second one."""
        with closing(Client(str(self.path), None)) as client:
            yield client._shared.get().lmdb

    def dump(self) -> bytes:
        """Read all keys and values, as `mdb_dump` does. What is left in freed pages is told in SECURITY.md."""
        with self.environment() as environment, environment.begin() as transaction:
            return b"\n".join(part for item in transaction.cursor() for part in item)

    def rewrite(self, session_id: str, agent_id: str, message_id: int, change: Callable[[str], str]) -> None:
        """Change a message's record."""
        session, agent = (hashlib.sha256(text.encode()).digest() for text in (session_id, agent_id))
        key = b"r" + session + b"m" + agent + message_id.to_bytes(8, "big")
        with self.environment() as environment, environment.begin(write=True) as transaction:
            transaction.put(key, change(transaction.get(key).decode()).encode())


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return LMDBBackend()
