"""The service: logs of events, to which one can only append.

Until you replace it, a file for each log stands in for {== backend ==}: a line for each event, on the disk
when `append` returns. This file is yours: updates of the template never touch it.
"""

import hashlib
import os
import zlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ._journal import Event, Log
from .errors import SessionConflictError, SessionNotFoundError, SessionUnavailableError

_VARIABLE = "{== slug | upper ==}_SESSION_CONNECTION"
_DEFAULT = "strands-session-{== slug | replace("_", "-") ==}"
_NEW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
_KNOWN = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)


class Position(NamedTuple):
    """Where an event stands in its log. Most services have something of their own for it: an event id, a revision.

    Attributes:
        start: Its first byte in the file.
        end: The first byte behind it.
        checksum: What tells it from an event at the same place in a file of the same name.
    """

    start: int
    end: int
    checksum: int


class {== class_prefix ==}Events:
    """Logs of events in {== backend ==}."""

    def __init__(self, connection_string: str | None = None) -> None:
        """Note where the service is. Nothing is sent.

        Args:
            connection_string: The folder of the files. By default the environment variable
                `{== slug | upper ==}_SESSION_CONNECTION` names it, or else it is
                `strands-session-{== slug | replace("_", "-") ==}`.

        Raises:
            ValueError: If it is malformed.
        """
        default = os.environ.get(_VARIABLE) or _DEFAULT
        folder = connection_string if connection_string is not None else default
        if not folder.strip() or "\0" in folder:
            raise ValueError(f"connection_string=<{folder!r}> | must name a folder")
        self._folder = Path(folder).absolute()  # the process may change its working directory

    def append(self, log: Log, event: str, after: Position | None) -> None:
        """Add an event at the end of a log.

        What another writer adds at the same moment may come before it: what `read` returns decides. So where a service
        refuses an event that is not the next one, return as if it had come second: it may be one that is repeated.

        Args:
            log: The log.
            event: The event, JSON in one line.
            after: The last event that the writer knows. None if it knows of none: then the log may begin with this one.

        Raises:
            SessionNotFoundError: If there is no such log any more. Nothing was added.
            SessionConflictError: If the log does not hold the event at `after`. Nothing was added.
            SessionUnavailableError: If the event may be in the log, or not. It is appended again.
        """
        # TODO(backend): send the event, and return when your service has it for good.
        path = self._path(log)
        if after is not None:
            self._check(log, path, after)
        # An append that was cut off by a crash has no line end: with one in front, only that event is unreadable.
        data = f"\n{event}\n".encode()
        try:
            if after is None:
                path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, _NEW if after is None else _KNOWN, 0o666)
            try:
                if os.write(file, data) < len(data):
                    raise OSError("the event was written in part")
                os.fsync(file)
            finally:
                os.close(file)
            if after is None:
                _sync_folders(path.parent, self._folder, self._folder.parent)
        except OSError as error:
            raise SessionUnavailableError(f"{log} | the event cannot be written: {error}") from error

    def read(self, log: Log, after: Position | None = None) -> list[Event]:
        """Return the events of a log in the order that they have for everybody; none where there is no such log.

        Args:
            log: The log.
            after: Leave out this event, and those before it.

        Raises:
            SessionNotFoundError: If there is no such log any more, although there was one.
            SessionConflictError: If the log does not hold the event at `after`.
            SessionUnavailableError: If the service does not answer.
        """
        # TODO(backend): fetch the events, page by page where your service limits an answer.
        path = self._path(log)
        if after is not None:
            self._check(log, path, after)
        start = after.end if after is not None else 0
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SessionUnavailableError(f"{log} | the events cannot be read: {error}") from error
        events, lines = [], data.split(b"\n")
        for line, following in pairwise(lines):
            end = start + len(line)
            # What has no line end of its own is still being written, or was cut off: the next append ended its line.
            if line and not following:
                events.append(Event(_text(line), Position(start, end, zlib.crc32(line))))
            start = end + 1
        return events

    def _path(self, log: Log) -> Path:
        """Return the file of a log. An id may hold what no file name can, and be longer than one."""
        session, own = (hashlib.sha256(part.encode()).hexdigest() for part in (log.session_id, f"{log.kind} {log.id}"))
        return self._folder / session / f"{own}.jsonl"

    def _check(self, log: Log, path: Path, position: Position) -> None:
        try:
            with path.open("rb") as file:
                file.seek(position.start)
                found = zlib.crc32(file.read(position.end - position.start))
        except FileNotFoundError as error:
            raise SessionNotFoundError(f"{log} | the session was deleted while it was in use") from error
        except OSError as error:
            raise SessionUnavailableError(f"{log} | the events cannot be read: {error}") from error
        if found != position.checksum:
            raise SessionConflictError(f"{log} | the session was deleted, cut short or begun anew while it was in use")


def _text(line: bytes) -> str:
    """Return an event's text; of a damaged one none, which is no event either."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return ""


def _sync_folders(*folders: Path) -> None:
    """Bring the names of new files to the disk, too."""
    if os.name == "nt":  # Windows opens no folders, and needs none of this
        return
    for folder in folders:
        if not os.access(folder, os.R_OK):  # somebody else's, so it was there before
            continue
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
