"""How the tests reach a live {== backend ==} store, and what the backend promises. This file is yours."""

import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance import Backend

pytest_plugins = ["conformance.plugin"]


class {== class_prefix ==}Backend(Backend):
    """A store for the tests alone: each process that runs tests has one of its own."""

    # TODO(backend): reach a live store of yours in the methods below, and declare here what your backend can do.
    multi_agent = True
    list_sessions = True
    atomic_batch = True
    redacts = True
    conflict = True
    connection_string = True
    nonblocking = True
    storage = True
    lists_unknown_agent = True

    def start(self, folder: Path) -> None:
        """Choose the file."""
        self.path = folder / "sessions.db"
        # Open until the end: by closing it, this process would give up the locks of all its connections to the file.
        self.file = self.path.open("a+b", buffering=0)
        self.numbers = itertools.count(20)

    def stop(self) -> None:
        """Close the file."""
        self.file.close()

    def options(self) -> dict[str, Any]:
        """Reach the file by a connection of its own: those with the same time-out share one."""
        return {"connection_string": f"sqlite:///{self.path}", "timeout": next(self.numbers)}

    def unreachable(self) -> dict[str, Any]:
        """A file in a folder that does not exist. Of a server it would be a port at which nobody listens."""
        return {"connection_string": str(self.path.with_name("nowhere") / "sessions.db"), "timeout": 1}

    def empty(self) -> dict[str, Any]:
        """A file that does not exist yet."""
        return {"connection_string": str(self.path.with_name(f"{next(self.numbers)}.db"))}

    def dump(self) -> bytes:
        """Read the file and its write-ahead log: what SQLite leaves in them is at rest as well."""
        self.file.seek(0)
        log = self.path.with_name(f"{self.path.name}-wal")
        return self.file.read() + (log.read_bytes() if log.exists() else b"")

    def rewrite(self, session_id: str, agent_id: str, message_id: int, change: Callable[[str], str]) -> None:
        """Change a message's record."""
        update = "UPDATE messages SET record = change(record) WHERE session_id = ? AND agent_id = ? AND message_id = ?"
        connection = sqlite3.connect(self.path)
        connection.create_function("change", 1, change)
        with connection:
            connection.execute(update, (session_id, agent_id, message_id))
        connection.close()


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return {== class_prefix ==}Backend()
