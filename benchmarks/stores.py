"""The servers and files that all contenders work on, what else is in them, and how much room a session takes."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import valkey

HERE = Path(__file__).parent
OTHERS = {"none": 0, "10,000": 10_000, "1,000,000": 1_000_000}  # places, by what else is in the store
WIRES = {"1 ms": 1, "20 ms": 20, "counted": 0}  # places on an empty store behind a proxy, and its milliseconds
TEMPLATE = "template"  # the session whose rows are copied to make others
COPIED = 1000  # its messages

# The tables of each contender, and the column in each that holds the id of the session.
TABLES = {
    "postgres-floor": {"floor_agents": "session_id", "floor_messages": "session_id"},
    "postgres-ours": dict.fromkeys(
        [f"strands_sessions.{kind}" for kind in ("sessions", "agents", "messages")], "session_id"
    ),
    "postgres-snapshots": {"strands_sessions.objects": "key"},
    "postgres-peer": dict.fromkeys(["sessions", "agents", "messages"], "session_id"),
    "postgres-sql": {"strands_sessions": "pk"},
    "local-floor": {"floor_agents": "session_id", "floor_messages": "session_id"},
    "local-ours": dict.fromkeys(["sessions", "agents", "messages"], "session_id"),
    "local-sql": {"strands_sessions": "pk"},
}


def servers_of(repository: Path) -> Any:
    """Import how the tests of a generated repository start their server."""
    path = repository / "tests/servers.py"
    spec = importlib.util.spec_from_file_location(f"servers_of_{repository.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Stores:
    """A Valkey, a PostgreSQL, a folder, and proxies."""

    def __init__(self, folder: Path, valkey_repository: Path, postgres_repository: Path) -> None:
        """Start them."""
        self._folder = folder
        self._valkey = servers_of(valkey_repository).Server()
        self._postgres = servers_of(postgres_repository).Server(max_connections="500", max_wal_size="4GB")
        self._databases = list(OTHERS)
        self._asking = threading.Lock()
        self._postgres_urls = {}
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            for number, place in enumerate(OTHERS):
                connection.execute(f"CREATE DATABASE bench{number}")
                self._postgres_urls[place] = self._postgres.url.rpartition("/")[0] + f"/bench{number}"
        ports = {"valkey": self._valkey.port, "postgres": self._postgres.port}
        self._proxied = [(store, wire) for store in ports for wire in WIRES]
        arguments = [f"127.0.0.1:{ports[store]}:{WIRES[wire]}" for store, wire in self._proxied]
        command = [sys.executable, str(HERE / "proxy.py"), *arguments]
        self._proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._proxy.stdout is not None
        self._ports = json.loads(self._proxy.stdout.readline())

    def stop(self) -> None:
        """Stop them."""
        assert self._proxy.stdin is not None
        self._proxy.stdin.close()
        self._proxy.wait()
        self._valkey.stop()
        self._postgres.stop()

    def place(self, name: str, place: str) -> str:
        """Return the address of a place for a contender."""
        store = name.partition("-")[0]
        if store == "local":
            folder = self._folder / name / place
            folder.mkdir(parents=True, exist_ok=True)
            return str(folder)
        port = self._ports[self._proxied.index((store, place))] if place in WIRES else None
        if store == "valkey":
            number = 0 if port else self._databases.index(place)
            return f"valkey://127.0.0.1:{port or self._valkey.port}/{number}"
        url: str = self._postgres_urls["none" if port else place]
        return url.replace(str(self._postgres.port), str(port)) if port else url

    def sent(self, name: str) -> int:
        """Return how many bytes went through the counting proxy of a contender's store."""
        number = self._proxied.index((name.partition("-")[0], "counted"))
        assert self._proxy.stdin is not None
        assert self._proxy.stdout is not None
        with self._asking:
            self._proxy.stdin.write(f"{number}\n")
            self._proxy.stdin.flush()
            sent: int = json.loads(self._proxy.stdout.readline())["sent"]
        return sent

    def fill_valkey(self, place: str) -> None:
        """Put other keys beside the sessions."""
        client: Any = valkey.Valkey.from_url(self.place("valkey", place))
        script = "for i = ARGV[1], ARGV[2] do redis.call('SET', 'session:other-' .. i, string.rep('x', 100)) end"
        for first in range(0, OTHERS[place], 50_000):
            client.eval(script, 0, first, min(first + 50_000, OTHERS[place]) - 1)
        assert client.dbsize() >= OTHERS[place]
        client.close()

    def fill_tables(self, name: str, place: str) -> None:
        """Copy the template's rows until there are as many others as the place wants."""
        connection: Any
        if name.startswith("postgres"):
            connection = psycopg.connect(self.place(name, place), autocommit=True)
            connection.execute("SET session_replication_role = replica")  # the copies are consistent
        else:
            (path,) = Path(self.place(name, place)).glob("*.db")
            connection = sqlite3.connect(path)
        for table, key in TABLES[name].items():
            columns = [one[0] for one in connection.execute(f"SELECT * FROM {table} LIMIT 0").description]
            values = [f"replace({key}, '{TEMPLATE}', 'other-' || copy)" if one == key else one for one in columns]
            connection.execute(
                f"WITH RECURSIVE copies(copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM copies WHERE copy <"
                f" {OTHERS[place] // COPIED}) INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"
                f" FROM {table}, copies WHERE {key} LIKE '%{TEMPLATE}%'"
            )
        connection.commit()
        if name.startswith("postgres"):
            for table in TABLES[name]:
                connection.execute(f"VACUUM ANALYZE {table}")
        else:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def size(self, name: str, session_id: str) -> int:
        """Return the bytes that a contender's sessions take in its store, as that says itself.

        On PostgreSQL and in files these are all sessions of the contender, on Valkey the keys of this one.
        """
        if name.startswith("valkey"):
            client: Any = valkey.Valkey.from_url(self.place(name, "none"))
            keys = list(client.scan_iter(match=f"*{session_id}*", count=1000))
            total = sum(client.memory_usage(key, samples=0) or 0 for key in keys)
            client.close()
            return total
        if name.startswith("postgres"):
            with psycopg.connect(self.place(name, "none"), autocommit=True) as connection:
                sizes = [
                    connection.execute(
                        "SELECT coalesce(pg_total_relation_size(to_regclass(%s)), 0)", (table,)
                    ).fetchone()
                    for table in TABLES[name]
                ]
            return sum(row[0] for row in sizes if row)
        return sum(path.stat().st_size for path in Path(self.place(name, "counted")).rglob("*") if path.is_file())

    def versions(self) -> dict[str, str]:
        """Return the versions of the servers."""
        client: Any = valkey.Valkey.from_url(self.place("valkey", "none"))
        info = client.info("server")
        client.close()
        with psycopg.connect(self._postgres.url) as connection:
            postgres = connection.execute("SHOW server_version").fetchone()
        assert postgres is not None
        return {
            "Valkey (server)": info.get("valkey_version", info["redis_version"]),
            "PostgreSQL (server)": postgres[0].split()[0],
            "SQLite": sqlite3.sqlite_version,
        }
