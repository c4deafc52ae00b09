"""What can be wrong with an argument or a server: an error of a documented kind, in time, without a password."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conformance.package import SessionManager, SessionUnavailableError
from conformance.scripted_model import scripted_agent
from servers import HOST, Server, free_port

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
def test_wrong_password(new_server: NewServer, login: str) -> None:
    """A wrong password, an unknown user or no password is an error that says so, without the password."""
    server = new_server("requirepass right")
    with pytest.raises(SessionUnavailableError, match=r"(?i)session_id=<s>.*(password|auth)") as raised:
        SessionManager("s", server.url.replace("//", f"//{login}"))
    assert_no_password(raised.value)
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


def assert_no_password(error: BaseException | None) -> None:
    """Fail if an error, or one of those that led to it, shows the password."""
    while error is not None:
        assert not re.search(PASSWORD, f"{error} {error!r}")
        error = error.__cause__ or error.__context__
