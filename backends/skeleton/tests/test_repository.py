"""The cases of the embedded store itself. Replace them by those of your datastore. This file is yours."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from conformance import records
from conformance.package import SessionCorruptError, SessionManager, SessionRepository, SessionUnavailableError
from conformance.scripted_model import scripted_agent

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute(sys.argv[2])
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that does not exist yet."""
    return tmp_path / "sessions.db"


@pytest.mark.parametrize(
    "connection_string",
    [
        "postgres://user:hunter2@host/db",
        "sqlite://host/path",
        "sqlite://",
        "sqlite:///",
        "",
        "  ",
        "a\x00b.db",
        ":memory:",
    ],
)
def test_malformed_connection_string(connection_string: str) -> None:
    """What is neither a path nor sqlite:///path is refused before anything is opened, without its password."""
    with pytest.raises(ValueError, match="connection_string") as raised:
        SessionRepository(connection_string)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "soon"])
def test_malformed_timeout(file: Path, timeout: float) -> None:
    """A time-out that is no positive number is refused before anything is opened."""
    with pytest.raises(ValueError, match="timeout"):
        SessionRepository(str(file), timeout=timeout)
    assert not file.exists()


def test_connection_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument, the environment says where the file is, and how long to wait."""
    monkeypatch.setenv("{== slug | upper ==}_SESSION_CONNECTION", f"sqlite:///{file}")
    monkeypatch.setenv("{== slug | upper ==}_SESSION_TIMEOUT", "7.5")
    with SessionManager("s"):
        assert file.exists()
    monkeypatch.setenv("{== slug | upper ==}_SESSION_TIMEOUT", "soon")
    with pytest.raises(ValueError, match="{== slug | upper ==}_SESSION_TIMEOUT"):
        SessionRepository()


def test_path_and_url(file: Path) -> None:
    """A path and sqlite:///path name the same file, and share one connection."""
    with SessionRepository(str(file)) as repository:
        repository.create_session(records.session("s"))
        with SessionRepository(f"sqlite:///{file}") as other:
            assert other.read_session("s") is not None
        assert repository.read_session("s") is not None, "closing one closed the other"


@pytest.mark.parametrize("name", [".", "missing/sessions.db"])
def test_unusable_path(tmp_path: Path, name: str) -> None:
    """A folder, or a file in a folder that does not exist, cannot be opened: the error names it."""
    with pytest.raises(SessionUnavailableError, match=named(tmp_path)) as raised:
        SessionManager("s", str(tmp_path / name))
    assert isinstance(raised.value.__cause__, sqlite3.Error)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_file(file: Path) -> None:
    """A file that another process made read-only can be read; a write is an error, and the next one works."""
    with SessionRepository(str(file)) as repository:
        records.create(repository, "s")
        repository._database.get()._sql.execute("PRAGMA query_only = ON")  # also root's writes are refused
        with pytest.raises(SessionUnavailableError, match="session_id=<s>"):
            repository.create_message("s", records.AGENT_ID, records.message(0))
        repository._database.get()._sql.execute("PRAGMA query_only = OFF")
        repository.create_message("s", records.AGENT_ID, records.message(0))


def test_locked_file(file: Path) -> None:
    """While another process holds the lock, a write is an error after the time-out, and can be repeated."""
    with SessionRepository(str(file), timeout=0.2) as repository:
        records.create(repository, "s")
        with locked(file, "BEGIN IMMEDIATE"):
            with pytest.raises(SessionUnavailableError, match=f"session_id=<s>.*{named(file)}"):
                repository.create_message("s", records.AGENT_ID, records.message(0))
            assert repository.list_messages("s", records.AGENT_ID) == []
        repository.create_message("s", records.AGENT_ID, records.message(0))
        assert records.ids(repository.list_messages("s", records.AGENT_ID)) == [0]


def test_file_is_locked_from_the_start(file: Path) -> None:
    """While another process holds the lock of a new file, opening it is an error after the time-out."""
    with locked(file, "BEGIN EXCLUSIVE"), pytest.raises(SessionUnavailableError, match=named(file)):
        SessionManager("s", str(file), timeout=0.2)
    with SessionManager("s", str(file), timeout=0.2) as manager:
        assert manager.read_session() is not None


def not_a_database(file: Path) -> None:
    """A text."""
    file.write_text("Dear diary, " * 1000)


def another_application(file: Path) -> None:
    """A database of another application."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("CREATE TABLE sessions (id); INSERT INTO sessions VALUES (1)")


def newer_version(file: Path) -> None:
    """A database of a newer version of this package."""
    SessionRepository(str(file)).close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("write", [not_a_database, another_application, newer_version])
def test_foreign_file(file: Path, write: Callable[[Path], None]) -> None:
    """A file that is no database, another application's or of a newer version is refused, and stays as it is."""
    write(file)
    before = file.read_bytes()
    with pytest.raises(SessionCorruptError, match=named(file)):
        SessionManager("s", str(file))
    assert file.read_bytes() == before


def test_damaged_file(file: Path) -> None:
    """A file whose pages were overwritten is an error that names it, and not an empty session."""
    with SessionRepository(str(file)) as repository:
        records.create(repository, "s", *(records.message(number) for number in range(200)))
    data = bytearray(file.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    file.write_bytes(data)
    with SessionRepository(str(file)) as repository, pytest.raises(SessionCorruptError, match=named(file)):
        repository.list_messages("s", records.AGENT_ID)


def test_what_a_turn_writes(file: Path) -> None:
    """With 1,000 messages and 100 kB of state that did not change, a turn writes what the second turn wrote."""
    statements: list[str] = []  # as SQLite runs them, with the values in them
    sizes: list[int] = []
    with SessionManager("s", str(file)) as manager:
        agent = scripted_agent(manager, state={"notes": "x" * 100_000})
        manager.session_repository._database.get()._sql.set_trace_callback(statements.append)
        for _ in range(2):
            statements.clear()
            agent("x" * 500)
            sizes.append(sum(map(len, statements)))
        for number in range(1000):
            text = {"role": "user", "content": [{"text": "x" * 500}], "tracking_id": f"message-{number}"}
            manager.append_message(text, agent)
        statements.clear()
        agent("x" * 500)
        sizes.append(sum(map(len, statements)))
    assert 500 < sizes[2] < 10_000
    assert sizes[2] <= 1.2 * sizes[1]


def named(path: Path) -> str:
    """A pattern for an error that names a path."""
    return re.escape(str(path))


@contextmanager
def locked(file: Path, statement: str) -> Iterator[None]:
    """Hold a lock on the file in another process."""
    command = [sys.executable, "-c", LOCK, str(file), statement]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
        process.communicate()
