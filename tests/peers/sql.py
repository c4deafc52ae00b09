"""Takes the place of conftest.py: strands-session-sql, on a file of SQLite."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from conformance import Backend
from strands_session_sql import SQLSessionManager

pytest_plugins = ["conformance.plugin"]


class Repository(SQLSessionManager):
    """The package's manager, which can be closed."""

    def close(self) -> None:
        """Close the connections."""
        self.storage.engine.dispose()


class Sql(Backend):
    """One file for all repositories, each with an engine of its own."""

    lists_unknown_agent = True

    def start(self, folder: Path) -> None:
        """Choose the file."""
        self.path = folder / "sessions.db"

    def repository(self, **options: Any) -> Repository:
        """Make a repository, which is a manager of a session of its own."""
        return Repository("adapter", url=f"sqlite:///{self.path}", **options)

    def dump(self) -> bytes:
        """Write out the table."""
        with closing(sqlite3.connect(self.path)) as connection:
            return "\n".join(connection.iterdump()).encode()


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return Sql()
