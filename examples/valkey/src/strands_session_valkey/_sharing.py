# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""Where the store is, and a connection to it that the whole process shares."""

import atexit
import os
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from strands.types.exceptions import SessionException

CONNECTION_VARIABLE = "VALKEY_SESSION_CONNECTION"
TIMEOUT_VARIABLE = "VALKEY_SESSION_TIMEOUT"
DEFAULT_TIMEOUT = 30.0

_CLOSED = "the session manager, repository or storage is closed | make a new one"

Connection = TypeVar("Connection")


def find_connection_string(given: str | None, default: str | None = None) -> str:
    """Return the connection string: the one given, else the environment's, else the default.

    Raises:
        ValueError: If there is none, or an empty one is given.
    """
    found = given if given is not None else os.environ.get(CONNECTION_VARIABLE) or default
    if not found:
        raise ValueError(f"no connection string | pass connection_string or set {CONNECTION_VARIABLE}")
    return found


def find_timeout(given: float | None) -> float:
    """Return how many seconds the store may take to answer: those given, else the environment's, else 30.

    Raises:
        ValueError: If it is not a positive number.
    """
    source = "timeout" if given is not None else TIMEOUT_VARIABLE
    value = given if given is not None else os.environ.get(TIMEOUT_VARIABLE) or DEFAULT_TIMEOUT
    try:
        timeout = float(value)
    except (TypeError, ValueError):
        timeout = -1.0
    if not 0 < timeout < 10**6:
        raise ValueError(f"{source}=<{value!r}> | must be a positive number of seconds")
    return timeout


@dataclass
class _Entry(Generic[Connection]):
    connection: Connection
    close: Callable[[Connection], None]
    users: int = 0


_lock = threading.Lock()
_entries: dict[Hashable, _Entry[Any]] = {}
_abandoned: list[dict[Hashable, _Entry[Any]]] = []


def _after_fork_in_child() -> None:
    """Leave the parent's connections alone: not used, not closed, and not collected, which would close them."""
    global _lock, _entries
    _abandoned.append(_entries)
    _lock, _entries = threading.Lock(), {}


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)


@atexit.register
def _close_all() -> None:
    for entry in _entries.values():
        entry.close(entry.connection)
    _entries.clear()


class BorrowedConnection(Generic[Connection]):
    """A connection that the caller passed in, and closes."""

    def __init__(self, connection: Connection) -> None:
        """Take note of the connection."""
        self._connection = connection
        self._closed = False

    def get(self) -> Connection:
        """Return the connection.

        Raises:
            SessionException: If `close` was called.
        """
        if self._closed:
            raise SessionException(_CLOSED)
        return self._connection

    def close(self) -> None:
        """Stop using the connection, which stays open."""
        self._closed = True


class SharedConnection(Generic[Connection]):
    """One user's share in a connection that every user with the same key has in this process.

    A manager per web request must not open a connection per request, so the first user opens it and the last one closes
    it. After a fork the child opens its own.
    """

    def __init__(self, key: Hashable, connect: Callable[[], Connection], close: Callable[[Connection], None]) -> None:
        """Take a share, and open the connection where nobody has.

        Args:
            key: What makes two connections the same: the connection string and all that changes how it behaves.
            connect: Opens the connection. Others wait meanwhile, so it must not wait for a server for long.
            close: Closes it.
        """
        self._key, self._connect, self._close = key, connect, close
        self._closed = False
        self._entry: _Entry[Connection] | None = None
        self.get()

    def get(self) -> Connection:
        """Return the connection of this process.

        Raises:
            SessionException: If this share was given back with `close`.
        """
        if self._closed:
            raise SessionException(_CLOSED)
        entry = _entries.get(self._key)
        if entry is None or entry is not self._entry:
            entry = self._join()
        return entry.connection

    def close(self) -> None:
        """Give the share back. The last one closes the connection; closing twice is harmless."""
        with _lock:
            joined, self._closed = not self._closed and _entries.get(self._key) is self._entry, True
            if not joined or self._entry is None:
                return
            self._entry.users -= 1
            if self._entry.users > 0:
                return
            del _entries[self._key]
        self._close(self._entry.connection)

    def _join(self) -> _Entry[Connection]:
        with _lock:
            if self._key not in _entries:
                _entries[self._key] = _Entry(self._connect(), self._close)
            self._entry = _entries[self._key]
            self._entry.users += 1
            return self._entry
