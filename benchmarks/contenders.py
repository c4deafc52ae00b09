"""Who takes part, beside the bare drivers: our packages, those that others published, and the SDK's own managers."""

from __future__ import annotations

import asyncio
import atexit
import importlib
from pathlib import Path
from typing import Any

from managed import Managed, Times
from strands import Agent


class Ours(Managed):
    """A package that the template generates."""

    def __init__(self, module: str, prefix: str) -> None:
        """Import it.

        Args:
            module: Its name.
            prefix: What its classes begin with.
        """
        package = importlib.import_module(module)
        self._executor: Any = importlib.import_module(f"{module}._executor")
        self._manager = getattr(package, f"{prefix}SessionManager")
        self._repository = getattr(package, f"{prefix}SessionRepository")
        self._storage = getattr(package, f"{prefix}Storage")
        self._threads = self._executor._THREADS
        self.options: dict[str, dict[str, Any]] = {}  # of each place, those in use
        self._known: dict[tuple[str, int], dict[str, Any]] = {}
        self._open: list[Any] = []

    def connect(self, place: str, connections: int = 0) -> None:
        """Hold the connections open, as a process does that has other managers."""
        self._executor._THREADS = max(connections, self._threads)
        assert self._executor._pool is None, "a manager was left open, and with it threads of another number"
        if (place, 0) not in self._known:
            self._known[place, 0] = {"connection_string": self.connection_string(place)}
            repository = self._repository(**self._known[place, 0])
            getattr(repository, "setup", list)()  # makes the tables, where there are any
            self._open.append(repository)
        if (place, connections) not in self._known:
            self._known[place, connections] = self.pooled(place, connections)
        self.options[place] = self._known[place, connections]

    def connection_string(self, place: str) -> str:
        """Return what the package calls a place."""
        return place

    def pooled(self, place: str, connections: int) -> dict[str, Any]:
        """Return the options for so many connections."""
        return {"connection_string": self.connection_string(place)}

    def manager(self, place: str, session_id: str) -> Any:
        """Make a session manager."""
        return self._manager(session_id, **self.options[place])

    def close(self, manager: Any) -> None:
        """Give back what a session manager holds."""
        manager.close()

    def store(self, manager: Any, agent: Agent, messages: list[Any]) -> None:
        """Store a conversation in one go."""
        agent.messages.extend(messages)
        manager.sync_agent(agent)


class OursOnValkey(Ours):
    """The instance for Valkey."""

    def __init__(self) -> None:
        """Import it."""
        super().__init__("strands_session_valkey", "Valkey")

    def pooled(self, place: str, connections: int) -> dict[str, Any]:
        """Return the options for so many connections."""
        import valkey

        pool: Any = valkey.BlockingConnectionPool.from_url(place, max_connections=connections)
        return {"client": valkey.Valkey.from_pool(pool)}


class OursOnPostgres(Ours):
    """The instance for PostgreSQL."""

    def __init__(self) -> None:
        """Import it."""
        super().__init__("strands_session_postgres", "Postgres")

    def pooled(self, place: str, connections: int) -> dict[str, Any]:
        """Return the options for so many connections."""
        from psycopg_pool import ConnectionPool

        options = {"autocommit": True, "prepare_threshold": None}
        pool = ConnectionPool(place, min_size=connections, max_size=connections, kwargs=options, open=True)
        pool.wait()
        atexit.register(pool.close)  # or the process waits for its threads, for seconds, before it ends
        return {"pool": pool}

    def crowd(self, place: str, session_id: str, agents: int, connections: int) -> Times:
        """Use a pool of its own: one that more agents let grow has connections that are not warm."""
        place += f"{'&' if '?' in place else '?'}application_name=crowd-{agents}"
        return super().crowd(place, session_id, agents, connections)


class Skeleton(Ours):
    """What the template generates for a datastore of one's own, on SQLite until then."""

    def __init__(self) -> None:
        """Import it."""
        super().__init__("strands_session_skeleton", "Skeleton")

    def connection_string(self, place: str) -> str:
        """Return the path of its file."""
        return str(Path(place) / "sessions.db")


class Snapshots(Managed):
    """The SDK's SnapshotSessionManager, on the Storage of one of our packages."""

    def __init__(self, package: Ours) -> None:
        """Use a package."""
        self._package = package

    def connect(self, place: str, connections: int = 0) -> None:
        """Open the storage."""
        self._package.connect(place, connections)
        self._storage = self._package._storage(**self._package.options[place])

    def manager(self, place: str, session_id: str) -> Any:
        """Make a session manager."""
        from strands.session import SnapshotSessionManager

        return SnapshotSessionManager(session_id, storage=self._storage)

    def erase(self, manager: Any) -> None:
        """Delete the session."""
        asyncio.run(manager.delete_session())

    def store(self, manager: Any, agent: Agent, messages: list[Any]) -> None:
        """Store a conversation in one go."""
        agent.messages.extend(messages)
        manager.sync_agent(agent)


class PeerOnValkey(Managed):
    """strands-valkey-session-manager, with the commands of the JSON module sent as those for strings."""

    def connect(self, place: str, connections: int = 0) -> None:
        """Open a client."""
        import valkey

        class JsonAsStrings(valkey.Valkey):
            def execute_command(self, *args: Any, **options: Any) -> Any:
                if args[0] == "JSON.SET":
                    return super().execute_command("SET", args[1], args[3])
                if args[0] == "JSON.GET":
                    return super().execute_command("GET", *args[1:])
                return super().execute_command(*args, **options)

        self._clients = getattr(self, "_clients", {})
        if place not in self._clients:
            self._clients[place] = JsonAsStrings.from_url(place)

    def manager(self, place: str, session_id: str) -> Any:
        """Make a session manager."""
        from strands_valkey_session_manager import ValkeySessionManager

        return ValkeySessionManager(session_id, self._clients[place])


class PeerOnPostgres(Managed):
    """strands-postgresql-session-manager."""

    def connect(self, place: str, connections: int = 0) -> None:
        """Open an engine, and make the tables."""
        import sqlmodel
        import strands_postgresql_session_manager  # noqa: F401  brings its tables

        self._engines = getattr(self, "_engines", {})
        if place not in self._engines:
            self._engines[place] = sqlmodel.create_engine(place)
            sqlmodel.SQLModel.metadata.create_all(self._engines[place])

    def manager(self, place: str, session_id: str) -> Any:
        """Make a session manager."""
        from strands_postgresql_session_manager import PostgresSessionManager

        return PostgresSessionManager(session_id, self._engines[place])


class PeerOnSql(Managed):
    """strands-session-sql, the SQL backend of strands-agents-session."""

    def connect(self, place: str, connections: int = 0) -> None:
        """Open an engine; the first manager makes the table."""
        import sqlalchemy

        self._engines = getattr(self, "_engines", {})
        if place not in self._engines:
            if place.startswith("postgresql:"):
                url = place.replace("postgresql:", "postgresql+psycopg:")
            else:
                url = f"sqlite:///{Path(place) / 'sessions.db'}"
            self._engines[place] = sqlalchemy.create_engine(url)

    def manager(self, place: str, session_id: str) -> Any:
        """Make a session manager."""
        from strands_session_sql import SQLSessionManager

        return SQLSessionManager(session_id, engine=self._engines[place])


class Files(Managed):
    """The SDK's FileSessionManager."""

    def connect(self, place: str, connections: int = 0) -> None:
        """Nothing has to be opened."""

    def manager(self, place: str, session_id: str) -> Any:
        """Make a session manager."""
        from strands.session import FileSessionManager

        return FileSessionManager(session_id, storage_dir=place)


def contender(name: str) -> Any:
    """Make the one with this name."""
    import floors

    return {
        "valkey-floor": floors.FloorOnValkey,
        "valkey-ours": OursOnValkey,
        "valkey-snapshots": lambda: Snapshots(OursOnValkey()),
        "valkey-peer": PeerOnValkey,
        "postgres-floor": floors.FloorOnPostgres,
        "postgres-ours": OursOnPostgres,
        "postgres-snapshots": lambda: Snapshots(OursOnPostgres()),
        "postgres-peer": PeerOnPostgres,
        "postgres-sql": PeerOnSql,
        "local-floor": floors.FloorOnSqlite,
        "local-ours": Skeleton,
        "local-snapshots": lambda: Snapshots(Skeleton()),
        "local-files": Files,
        "local-sql": PeerOnSql,
    }[name]()
