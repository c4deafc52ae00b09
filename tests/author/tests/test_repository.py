"""The cases of LMDB itself. This file is yours."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest
from conformance import records
from conformance.package import SessionCorruptError, SessionManager, SessionRepository, SessionUnavailableError, Storage

FORKS = """
import os, sys, threading
from strands.types.session import Session
from strands_session_lmdb import LMDBSessionRepository

def write(name):
    for number in range(20):
        repository.create_session(Session(f"{name}-{number}", session_type="AGENT"))

with LMDBSessionRepository(sys.argv[1]) as repository:
    writer = threading.Thread(target=write, args=["thread"])
    writer.start()
    for number in range(5):
        if not (child := os.fork()):
            write(f"child-{number}")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    writer.join()
    print(len(list(repository.list_sessions())))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that does not exist yet."""
    return tmp_path / "sessions.mdb"


@pytest.mark.parametrize(
    "connection_string", ["redis://user:hunter2@host/db", "lmdb://host/path", "lmdb://", "lmdb:///", "", "  ", "a\0b"]
)
def test_malformed_connection_string(connection_string: str) -> None:
    """What is neither a path nor lmdb:///path is refused before anything is opened, without its password."""
    with pytest.raises(ValueError, match="connection_string") as raised:
        SessionRepository(connection_string)
    assert "hunter2" not in str(raised.value)


def test_connection_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument, the environment says where the file is, and how long to wait."""
    monkeypatch.setenv("LMDB_SESSION_CONNECTION", f"lmdb:///{file}")
    with SessionManager("s"):
        assert file.exists()
    monkeypatch.setenv("LMDB_SESSION_TIMEOUT", "soon")
    with pytest.raises(ValueError, match="LMDB_SESSION_TIMEOUT"):
        SessionRepository()


def test_names_of_one_file(file: Path) -> None:
    """A path, a URL and a link share the one environment that a process may have of a file."""
    link = file.with_name("link.mdb")
    link.symlink_to(file)
    with SessionRepository(str(file)) as repository:
        repository.create_session(records.session("s"))
        for name in (f"lmdb:///{file}", str(link)):
            with SessionRepository(name) as other:
                assert other.read_session("s") is not None
        assert repository.read_session("s") is not None, "closing one closed the other"


@pytest.mark.parametrize("name", [".", "missing/sessions.mdb"])
def test_unusable_path(tmp_path: Path, name: str) -> None:
    """A folder, or a file in a folder that does not exist, cannot be opened: the error names it."""
    with pytest.raises(SessionUnavailableError, match=re.escape(str(tmp_path))) as raised:
        SessionManager("s", str(tmp_path / name))
    assert isinstance(raised.value.__cause__, lmdb.Error)


def not_of_lmdb(file: Path) -> None:
    """A text."""
    file.write_text("Dear diary, " * 1000)


def another_application(file: Path) -> None:
    """A file of another application."""
    with lmdb.Environment(str(file), subdir=False) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"s", b"theirs")


def newer_version(file: Path) -> None:
    """A file of a newer version of this package."""
    with SessionRepository(str(file)) as repository, repository._client.write("the format") as store:
        store.put(b"\0strands-session-format", b"99")


@pytest.mark.parametrize("write", [not_of_lmdb, another_application, newer_version])
def test_foreign_file(file: Path, write: Callable[[Path], None]) -> None:
    """A file that is not LMDB's, another application's or of a newer version is refused, and stays as it is."""
    write(file)
    before = file.read_bytes()
    with pytest.raises(SessionCorruptError, match=re.escape(str(file))):
        SessionManager("s", str(file))
    assert file.read_bytes() == before


def test_ids_that_are_longer_than_a_key(file: Path) -> None:
    """LMDB's keys end at 511 bytes: sessions whose ids differ only at the end stay apart, and are found by prefix."""
    stem = "é" * 250
    with SessionRepository(str(file)) as repository:
        for end in ("abc", "abx", "b"):
            repository.create_session(records.session(stem + end))
        found = {session.session_id[250:] for session in repository.list_sessions(f"{stem}ab", page_size=1)}
        assert found == {"abc", "abx"}
        repository.delete_session(f"{stem}abc")
        assert repository.read_session(f"{stem}abx") is not None


def test_keys_that_are_longer_than_a_key_of_lmdb(file: Path) -> None:
    """The same with the keys of the storage, which are listed in order, as they are."""
    stem = "x" * 2000
    with Storage(str(file)) as storage:
        for end in ("d", "b", "c"):
            asyncio.run(storage.write(stem + end, end.encode()))
        asyncio.run(storage.delete(f"{stem}c"))
        assert asyncio.run(storage.list("x")) == [f"{stem}b", f"{stem}d"]
        assert asyncio.run(storage.read(f"{stem}d")) == b"d"


def test_busy_threads(file: Path) -> None:
    """While another thread uses the file, a write is an error after the time-out, and can be repeated."""
    with SessionRepository(str(file), timeout=0.2) as repository:
        with repository._client.write("held"), pytest.raises(SessionUnavailableError, match=r"<s>.*threads"):
            repository.create_session(records.session("s"))
        repository.create_session(records.session("s"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_forks_while_a_thread_writes(file: Path) -> None:
    """No fork takes place in the middle of a write, and both sides go on: LMDB itself would forbid it to the child."""
    result = subprocess.run([sys.executable, "-c", FORKS, file], capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["120"], result.stderr
