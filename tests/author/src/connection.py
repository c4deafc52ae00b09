"""How LMDB is reached: the environment of a file, its transactions, and its errors as the package's own.

This file is yours: updates of the template never touch it.
"""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import lmdb

from ._sharing import SharedConnection, find_connection_string, find_timeout
from .errors import SessionCorruptError, SessionUnavailableError

DEFAULT_FILE = "strands-session-lmdb.mdb"
MAX_FILE = 2**40  # address space, which costs nothing: the file is as long as what is in it

_FORMAT_KEY, _FORMAT = b"\0strands-session-format", b"1"
_CORRUPT = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError)
_PLAIN = 400  # of the 511 bytes that a key of LMDB may have

Transaction: TypeAlias = "lmdb.Transaction[bytes]"


def digest(text: str) -> bytes:
    """Return 32 bytes that stand for an id, of which two would be too long for a key."""
    return sha256(text.encode()).digest()


def ordered_prefix(kind: bytes, text: str) -> bytes:
    """Return what the keys of all texts begin with that begin with this one, and those of a few others."""
    return kind + text.encode()[:_PLAIN]


def ordered_key(kind: bytes, text: str) -> bytes:
    """Return the key of a text, which sorts as it does. Beyond 400 bytes a digest stands for the rest."""
    return ordered_prefix(kind, text) + (digest(text) if len(text.encode()) > _PLAIN else b"")


def parse(connection_string: str) -> str:
    """Return the absolute path of the file that a connection string names.

    Args:
        connection_string: A path, or `lmdb:///` and a path.

    Raises:
        ValueError: If it is neither.
    """
    scheme, separator, rest = connection_string.partition("://")
    if separator and (scheme != "lmdb" or not rest.startswith("/")):
        # Not the whole string: it may hold a password.
        raise ValueError(f"connection_string=<{scheme}://...> | must be a path or lmdb:///path")
    path = rest[1:] if separator else connection_string
    if not path.strip() or "\0" in path:
        raise ValueError(f"connection_string=<{connection_string!r}> | must name a file: a path or lmdb:///path")
    return str(Path(path).expanduser().resolve())  # two names of one file are one environment


def scan(store: Transaction, prefix: bytes, start: bytes = b"", *, skip: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Iterate over the keys that begin with a prefix, in order, from `start` on, but for the first few."""
    with store.cursor() as cursor:
        is_found = cursor.set_range(start or prefix)
        while is_found and cursor.key().startswith(prefix):
            if skip > 0:
                skip -= 1
            else:
                yield cursor.key(), cursor.value()
            is_found = cursor.next()


# What a fork must not copy while it is in use.
_environments: "weakref.WeakSet[Environment]" = weakref.WeakSet()


class Environment:
    """An LMDB file. A process can open it once, so all threads take turns with it."""

    def __init__(self, path: str) -> None:
        """Open the file, and create it if it does not exist.

        Raises:
            SessionCorruptError: If the file is not LMDB's, another application's, or of a newer version.
            SessionUnavailableError: If it cannot be opened.
        """
        self._name, self.lock = f"path=<{path}>", threading.Lock()
        with self._errors("opening"):
            self.lmdb = lmdb.Environment(path, map_size=MAX_FILE, subdir=False, mode=0o600)
            try:
                self.lmdb.reader_check()  # what killed processes left of themselves
                with self.lmdb.begin(write=True) as store:
                    self._check_format(store)
            except BaseException:
                self.lmdb.close()
                raise
        _environments.add(self)

    def _check_format(self, store: Transaction) -> None:
        found = store.get(_FORMAT_KEY)
        if found is None:
            if store.stat()["entries"]:
                raise SessionCorruptError(f"{self._name} | the file is another application's; name another file")
            store.put(_FORMAT_KEY, _FORMAT)
        elif found != _FORMAT:
            raise SessionCorruptError(f"{self._name} | a newer version of the package wrote the file")

    @contextmanager
    def transaction(self, name: str, timeout: float, *, write: bool) -> Iterator[Transaction]:
        """Read as of one moment, or write, all of it or nothing.

        Args:
            name: What it is about, for errors.
            timeout: How many seconds to wait for the other threads.
            write: Whether anything is written.

        Raises:
            SessionUnavailableError: If other threads take too long, or the file is full or cannot be written.
        """
        if not self.lock.acquire(timeout=timeout):
            raise SessionUnavailableError(f"{name}, {self._name} | other threads use the file for {timeout} s")
        try:
            with self._errors(name), self.lmdb.begin(write=write) as store:
                yield store
        finally:
            self.lock.release()

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self.lmdb.close()

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except _CORRUPT as error:
            raise SessionCorruptError(f"{name}, {self._name} | the file cannot be read: {error}") from error
        except lmdb.Error as error:
            raise SessionUnavailableError(f"{name}, {self._name} | the file cannot be used: {error}") from error


class Client:
    """One user's share in an environment, and how long that user waits for it."""

    def __init__(self, connection_string: str | None, timeout: float | None) -> None:
        """Open the file, unless the process has.

        Raises:
            ValueError: If an argument is malformed.
            SessionCorruptError: If the file is not LMDB's, another application's, or of a newer version.
            SessionUnavailableError: If it cannot be opened.
        """
        path = parse(find_connection_string(connection_string, default=DEFAULT_FILE))
        self._timeout = find_timeout(timeout)
        self._shared = SharedConnection(path, lambda: Environment(path), Environment.close)

    def read(self, name: str) -> AbstractContextManager[Transaction]:
        """Read, as of one moment."""
        return self._shared.get().transaction(name, self._timeout, write=False)

    def write(self, name: str) -> AbstractContextManager[Transaction]:
        """Write, all of it or nothing."""
        return self._shared.get().transaction(name, self._timeout, write=True)

    def close(self) -> None:
        """Give the share back. The last one closes the file."""
        self._shared.close()


# An environment does not survive a fork, and a process that has one open cannot open another one of the same file. So
# no thread may be using one at that moment, and the child closes its copies: `SharedConnection` opens new ones.
_held: list[Environment] = []


def _hold() -> None:
    for environment in list(_environments):
        environment.lock.acquire()
        _held.append(environment)


def _release() -> None:
    while _held:
        _held.pop().lock.release()


def _leave_to_parent() -> None:
    for environment in _held:
        environment.lmdb.close()
    _release()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_leave_to_parent)
