"""What can be wrong with an argument or a server: an error of a documented kind, in time, without a password."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conformance import Backend
from conformance.calls import declared, fill
from conformance.package import SessionCorruptError, SessionManager, SessionRepository, SessionUnavailableError, Storage
from conformance.records import AGENT_ID, create, message
from conformance.scripted_model import scripted_agent
from conformance.security import all_that_shows
from servers import HOST, Server, free_port
from usage import use_storage

NewServer = Callable[..., Server]

PASSWORD = "hunter2-hunter2"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for the tests of this file."""
    server = Server()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "connection_string",
    [
        f"postgresql://user:{PASSWORD}@host/db",
        f"user:{PASSWORD}@host:6379",
        "localhost",
        "valkey://",
        "valkey:///0",
        "valkey://host:port",
        "valkey://host:65536",
        "valkey://host:0",
        f"valkey://:{PASSWORD}@host:6379x/0",
        f"valkey://:{PASSWORD}@[host/0",
        "valkey://host/sessions",
        "valkey://host/0/1",
        "valkey://host/-1",
        "valkey://host?db=sessions",
        f"valkey://:{PASSWORD}@host?colour=blue",
        "unix://",
        "  ",
    ],
)
def test_malformed_connection_string(connection_string: str) -> None:
    """What is no connection string of Valkey is refused before anything is sent, without its password."""
    with pytest.raises(ValueError, match="connection_string") as raised:
        SessionManager("s", connection_string)
    assert_no_password(raised.value)


def test_no_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a connection string and a client the error names the variable that could say where the server is."""
    monkeypatch.delenv("VALKEY_SESSION_CONNECTION", raising=False)
    with pytest.raises(ValueError, match="VALKEY_SESSION_CONNECTION"):
        SessionManager("s")


def test_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says where the server is, and how long to wait for it."""
    monkeypatch.setenv("VALKEY_SESSION_CONNECTION", server.url)
    monkeypatch.setenv("VALKEY_SESSION_TIMEOUT", "7.5")
    with SessionManager("environment") as manager:
        assert manager.read_session() is not None
        repository: Any = manager.session_repository
        assert repository._server.client.get_connection_kwargs()["socket_timeout"] == 7.5
    monkeypatch.setenv("VALKEY_SESSION_TIMEOUT", "soon")
    with pytest.raises(ValueError, match="VALKEY_SESSION_TIMEOUT"):
        SessionManager("environment")


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "soon"])
def test_malformed_timeout(timeout: float) -> None:
    """A time-out that is no positive number is refused."""
    with pytest.raises(ValueError, match="timeout"):
        SessionManager("s", "valkey://nobody.invalid", timeout=timeout)


@pytest.mark.parametrize("ttl", [0, -1, 0.0001, float("nan"), float("inf"), 10**12, "soon", "60", True])
def test_malformed_ttl(ttl: float) -> None:
    """A ttl that is no positive number of seconds, of which a server keeps milliseconds, is refused."""
    with pytest.raises(ValueError, match=r"ttl=.*positive number of seconds, or None"):
        SessionManager("s", "valkey://nobody.invalid", ttl=ttl)


@pytest.mark.parametrize("key_prefix", ["", " ", "{app}", "app{", "app}", "app\n", "\x00", None, 7, b"app"])
def test_malformed_prefix(key_prefix: str) -> None:
    """A prefix that is empty, or would put all sessions into one slot of a cluster, is refused."""
    with pytest.raises(ValueError, match=r"key_prefix=.*braces"):
        SessionManager("s", "valkey://nobody.invalid", key_prefix=key_prefix)


@pytest.mark.parametrize(
    "url",
    [f"valkey://:{PASSWORD}@{HOST}:{{}}", f"valkey://ada:{PASSWORD}@nobody.invalid:{{}}", "unix:///nowhere/socket"],
    ids=["refused", "no such host", "no such socket"],
)
def test_unreachable(url: str) -> None:
    """A server that is not there is an error with its cause and without a password."""
    with pytest.raises(SessionUnavailableError, match="session_id=<s>") as raised:
        SessionManager("s", url.format(free_port()), timeout=5)
    assert raised.value.__cause__ is not None
    assert_no_password(raised.value)


def test_tls_where_there_is_none(server: Server) -> None:
    """A connection string for TLS to a server without TLS is an error."""
    with pytest.raises(SessionUnavailableError, match="session_id=<s>"):
        SessionManager("s", server.url.replace("valkey", "valkeys"), timeout=0.5)


@pytest.mark.parametrize("login", [f":{PASSWORD}@", f"ada:{PASSWORD}@", ""], ids=["password", "user", "none"])
def test_wrong_password(new_server: NewServer, login: str, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong password, an unknown user or no password is an error that says so, without the password."""
    caplog.set_level(logging.DEBUG)
    server = new_server("requirepass right")
    with pytest.raises(SessionUnavailableError, match=r"(?i)session_id=<s>.*(password|auth)") as raised:
        SessionManager("s", server.url.replace("//", f"//{login}"))
    assert_no_password(raised.value)
    assert PASSWORD not in caplog.text
    SessionManager("s", server.url.replace("//", "//:right@")).close()


def test_password_is_nowhere(new_server: NewServer) -> None:
    """No repr of what is in use shows the password."""
    server = new_server(f"requirepass {PASSWORD}")
    with SessionManager("s", server.url.replace("//", f"//:{PASSWORD}@")) as manager:
        scripted_agent(manager)("hi")
        repository: Any = manager.session_repository
        for shown in (manager, repository, repository._server, repository._server.client):
            assert PASSWORD not in repr(shown)


def test_wrong_database(server: Server) -> None:
    """A database that the server does not have is an error that says so."""
    with pytest.raises(SessionUnavailableError, match=r"(?i)session_id=<s>.*(DB index|database)"):
        SessionManager("s", server.url.removesuffix("0") + "99")


@pytest.mark.parametrize("type_of_key", ["string", "list", "set", "zset", "stream"])
def test_key_of_another_type(server: Server, type_of_key: str) -> None:
    """Where the session's key holds something else, every method says so. It is left alone, and so is all else."""
    session_id, client = f"poisoned by {type_of_key}", server.client()
    key, other = f"session:{session_id}", f"beside {session_id}"
    commands = {"string": ("SET", "x"), "list": ("RPUSH", "x"), "set": ("SADD", "x"), "zset": ("ZADD", "1", "x")}
    command, *arguments = commands.get(type_of_key, ("XADD", "*", "x", "x"))
    client.execute_command(command, key, *arguments)
    before = client.dump(key)
    with SessionRepository(server.url) as repository:
        fill(Declared(), repository, other)
        calls = declared(Declared())
        calls.pop("list_sessions")
        for call in calls.values():
            with pytest.raises(SessionCorruptError, match=rf"session_id=<{session_id}>.*another kind"):
                call(repository, session_id)
        assert client.dump(key) == before
        assert list(repository.list_sessions(session_id)) == []
        assert [one.session_id for one in repository.list_sessions(other)] == [other]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("window", "0-1180591620717411303424"),
        ("window", "1180591620717411303424-1180591620717411303424"),
        ("window", "9007199254740992-"),
        ("window", f"{'9' * 400}-{'9' * 401}"),
        ("window", "+1180591620717411303424"),
        ("window", None),
        ("next", "1180591620717411303424"),
        ("next", "nan"),
        ("next", "inf"),
        ("next", "-1"),
        ("next", "x"),
        ("next", None),
        ("version", None),
    ],
)
def test_poisoned_field(server: Server, field: str, value: str | None) -> None:
    """Whatever is in the fields by which a script counts: it ends at once, and no other session has to wait."""
    client, name = server.client(socket_timeout=5), f"agent:{AGENT_ID}:{field}"
    session_id = uuid.uuid4().hex
    key = f"session:{session_id}"
    with SessionRepository(server.url, timeout=5) as repository:
        create(repository, session_id, message(0), message(1))
        if value is None:
            client.hdel(key, name)
        else:
            client.hset(key, name, value)
        before = client.hgetall(key)
        for call in (repository.read_log, repository.list_messages):
            with contextlib.suppress(SessionCorruptError):
                call(session_id, AGENT_ID)
        assert client.ping()
        assert client.hgetall(key) == before
        repository.delete_session(session_id)


def test_documented_tenant(new_server: NewServer, request: pytest.FixtureRequest) -> None:
    """The user whom SECURITY.md gives to a tenant can do in its prefixes what an agent does, and nothing in others."""
    text = (request.config.rootpath / "SECURITY.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("ACL SETUSER")]
    server = new_server()
    server.client().execute_command(*line.split())
    url = server.url.replace("//", "//crm:secret@")
    with SessionManager("s", url, key_prefix="crm") as manager:
        live = scripted_agent(manager)
        live("hi")
        assert manager.list_agents() == [live.agent_id]
        with pytest.raises(SessionUnavailableError, match=r"(?i)permission"):
            list(manager.list_sessions())
    with SessionManager("s", url, key_prefix="crm", auto_create=False, ttl=100) as manager:
        assert len(scripted_agent(manager).messages) == 2
        manager.delete_session()
    with Storage(url, key_prefix="crm-storage") as storage:
        asyncio.run(use_storage(storage))
    for elsewhere in ("session", "crm-other", "crm2"):
        with pytest.raises(SessionUnavailableError, match=r"(?i)permission|can't run"):
            SessionManager("s", url, key_prefix=elsewhere)


class Declared(Backend):
    """What this backend has, for the calls of all its methods."""

    list_sessions = multi_agent = atomic_batch = True


def assert_no_password(error: BaseException) -> None:
    """Fail if an error, or one of those that led to it, shows the password."""
    assert [text for text in all_that_shows(error) if PASSWORD in text] == []
