"""How {== backend ==} is reached: the connection, its transactions, and its errors as the package's own.

Until you replace it, an embedded SQLite file stands in for {== backend ==}.
Once `repository.py` no longer uses this module, what is left of it can go. This file is yours: updates of the template
never touch it.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strands.types.exceptions import SessionException

from .errors import SessionCorruptError, SessionNotFoundError, SessionUnavailableError

logger = logging.getLogger(__name__)

DEFAULT_FILE = "strands-session-{== slug | replace('_', '-') ==}.db"

_APPLICATION_ID = 0x53747253  # in the file's header: tells our files from those of other applications
_SCHEMA_VERSION = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE sessions (session_id TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE agents (
    session_id TEXT REFERENCES sessions ON DELETE CASCADE, agent_id TEXT, version TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (session_id, agent_id));
CREATE TABLE messages (
    session_id TEXT, agent_id TEXT, message_id INTEGER, record TEXT NOT NULL,
    PRIMARY KEY (session_id, agent_id, message_id),
    FOREIGN KEY (session_id, agent_id) REFERENCES agents ON DELETE CASCADE);
CREATE TABLE multi_agents (
    session_id TEXT REFERENCES sessions ON DELETE CASCADE, multi_agent_id TEXT, record TEXT NOT NULL,
    PRIMARY KEY (session_id, multi_agent_id));
CREATE TABLE objects (key TEXT PRIMARY KEY, data BLOB NOT NULL);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_SCHEMA_VERSION};
COMMIT;
"""


def parse(connection_string: str) -> str:
    """Return the absolute path of the file that a connection string names.

    Args:
        connection_string: A path, or `sqlite:///` and a path.

    Raises:
        ValueError: If it is neither.
    """
    scheme, separator, rest = connection_string.partition("://")
    if separator and (scheme != "sqlite" or not rest.startswith("/")):
        # Not the whole string: it may hold a password.
        raise ValueError(f"connection_string=<{scheme}://...> | must be a path or sqlite:///path")
    path = rest[1:] if separator else connection_string
    if not path.strip() or "\0" in path or path == ":memory:":
        raise ValueError(f"connection_string=<{connection_string!r}> | must name a file: a path or sqlite:///path")
    return str(Path(path).expanduser().absolute())


class Database:
    """An SQLite file, over one connection that all threads of the process take turns with."""

    def __init__(self, path: str, timeout: float) -> None:
        """Open the file, and create it if it does not exist.

        Raises:
            SessionCorruptError: If the file is no database, another application's, or of a newer version.
            SessionUnavailableError: If it cannot be opened, or stays locked for `timeout` seconds.
        """
        self._name = f"path=<{path}>"
        self._lock = threading.RLock()
        # TODO(backend): connect, with time-outs; create what the store needs, from many processes at once if need be.
        with self._errors("opening"):
            self._sql = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
            try:
                self._open(timeout)
            except BaseException:
                self._sql.close()
                raise

    def _open(self, timeout: float) -> None:
        self._sql.execute("PRAGMA foreign_keys = ON")
        self._sql.execute("PRAGMA secure_delete = ON")  # what is deleted or replaced is overwritten with zeros
        self._sql.execute("PRAGMA synchronous = FULL")  # an acknowledged write survives a power cut
        if not self._is_ours():
            try:
                self._sql.executescript(_SCHEMA)
            except sqlite3.OperationalError:
                self._sql.execute("ROLLBACK") if self._sql.in_transaction else None
                if not self._is_ours():  # else another process was faster
                    raise
        self._use_wal(time.monotonic() + timeout)

    def _use_wal(self, end: float) -> None:
        """Let readers and a writer not wait for each other."""
        while True:  # where several processes begin at once, SQLite gives up without waiting
            try:
                self._sql.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= end:
                    raise
                time.sleep(0.01)

    def _is_ours(self) -> bool:
        """Whether the file holds our tables; False if it is empty."""
        with self._lock:
            self._sql.execute("BEGIN")
            application_id, version, tables = (
                self._sql.execute(query).fetchone()[0]
                for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
            )
            self._sql.execute("COMMIT")
        if not tables and application_id == 0:
            return False
        if application_id != _APPLICATION_ID:
            raise SessionCorruptError(f"{self._name} | the file is another application's database; name another file")
        if version != _SCHEMA_VERSION:
            raise SessionCorruptError(f"{self._name}, version=<{version}> | a newer version of the package wrote it")
        return True

    @contextmanager
    def write(self, name: str, *, erase: bool = False) -> Iterator[sqlite3.Connection]:
        """Write, all of it or nothing.

        Args:
            name: What is written, for errors.
            erase: Whether something is replaced or deleted: then no trace of it is left in the write-ahead log either.

        Raises:
            SessionNotFoundError: If what the record belongs to does not exist.
            SessionUnavailableError: If the file is locked, full or gone.
        """
        with self._transaction("BEGIN IMMEDIATE", name) as sql:
            yield sql
        if erase:
            self.truncate_log(name)

    @contextmanager
    def read(self, name: str) -> Iterator[sqlite3.Connection]:
        """Read, as of one moment.

        Raises:
            SessionUnavailableError: If the file is gone.
        """
        with self._transaction("BEGIN", name) as sql:
            yield sql

    def truncate_log(self, name: str) -> None:
        """Leave nothing in the write-ahead log of what was replaced or deleted.

        Raises:
            SessionUnavailableError: If the file is gone.
        """
        with self._lock, self._errors(name):
            busy = self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            logger.warning("%s | a reader keeps the write-ahead log from being truncated, until the next change", name)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._sql.close()

    @contextmanager
    def _transaction(self, begin: str, name: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors(name):
            if self._sql.in_transaction:  # what ended the one before kept it from being taken back, too
                self._sql.execute("ROLLBACK")
            self._sql.execute(begin)
            try:
                yield self._sql
                self._sql.execute("COMMIT")
            except BaseException:
                if self._sql.in_transaction:
                    self._sql.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise SessionNotFoundError(f"{name} | what the record belongs to does not exist") from error
        except sqlite3.OperationalError as error:
            raise SessionUnavailableError(f"{name}, {self._name} | the database cannot be used: {error}") from error
        except sqlite3.ProgrammingError as error:
            raise SessionException(f"{name}, {self._name} | the database was closed") from error
        except sqlite3.DatabaseError as error:
            raise SessionCorruptError(f"{name}, {self._name} | the database cannot be read: {error}") from error
