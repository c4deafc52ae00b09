"""Which clients the package takes, and which it refuses. This file is yours."""

import http.client
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from conformance.package import SessionCorruptError, SessionManager, SessionRepository, SessionUnavailableError
from conformance.scripted_model import scripted_agent
from servers import HOST, Server, wait_for
from strands.types.exceptions import EventLoopException
from strands.types.session import Session, SessionType
from usage import assert_restored, use_everything
from valkey.sentinel import Sentinel

NewServer = Callable[..., Server]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for the tests of this file."""
    server = Server()
    yield server
    server.stop()


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decode_responses", [False, True])
def test_client(server: Server, decode_responses: bool, protocol: int) -> None:
    """A client may decode what it receives or not, and speak RESP 2 or 3. It stays open."""
    with server.client(decode_responses=decode_responses, protocol=protocol) as client:
        use_everything(client=client, ttl=100, ttl_on_read=True)
        use_everything(client=client)
        assert client.ping()


def test_client_with_another_encoding(server: Server) -> None:
    """What is stored does not depend on the encoding of the client."""
    with server.client(encoding="ascii") as client:
        use_everything(client=client)


def test_client_that_decodes_otherwise(server: Server) -> None:
    """A client whose answers would be other texts than were stored is refused, and so is such a connection string."""
    with server.client(encoding="latin-1", decode_responses=True) as client:
        with pytest.raises(ValueError, match="latin-1"):
            SessionRepository(client=client)
        use_everything(connection_string=f"{server.url}?decode_responses=1&encoding=UTF8")
        with pytest.raises(ValueError, match="latin-1"):
            SessionRepository(f"{server.url}?decode_responses=1&encoding=latin-1")


@pytest.mark.parametrize("decode_responses", [False, True])
def test_stored_text_that_is_no_utf_8(server: Server, decode_responses: bool) -> None:
    """Bytes that are no text are an error that names the session, also where the client decodes what it receives."""
    name = f"garbled-{decode_responses}"
    with server.client(decode_responses=decode_responses) as client, SessionRepository(client=client) as repository:
        repository.create_session(Session(name, SessionType.AGENT))
        for field in client.hkeys(f"session:{name}"):
            client.hset(f"session:{name}", field, b"\xff")
        with pytest.raises(SessionCorruptError, match=name):
            repository.read_session(name)


@pytest.mark.parametrize("query", ["", "?protocol=3", "?decode_responses=1&db=3", "?max_connections=1"])
def test_connection_string(server: Server, query: str) -> None:
    """A connection string may carry options of the client."""
    use_everything(connection_string=f"{server.url}{query}")


def test_unix_socket(server: Server) -> None:
    """A unix socket is reached by a connection string and by a client, with the databases of its server."""
    use_everything(connection_string=f"unix://{server.socket}?db=2")
    with valkey.Valkey(unix_socket_path=str(server.socket)) as client:
        use_everything(client=client)


def test_sentinel(new_server: NewServer) -> None:
    """The client of a Sentinel's primary: when the primary dies, the agent goes on with the one that takes over."""
    primary = new_server("repl-diskless-sync-delay 0")
    replica = new_server(f"replicaof {HOST} {primary.port}")
    watch = (f"monitor primary {HOST} {primary.port} 1", "down-after-milliseconds primary 500")
    sentinel = new_server(*(f"sentinel {line}" for line in watch), sentinel=True)
    client = Sentinel([(HOST, sentinel.port)], socket_timeout=5).master_for("primary", socket_timeout=5)
    use_everything(client=client)
    wait_for(lambda: sentinel.client().info("sentinel")["master0"]["slaves"] == 1)
    with SessionManager("s", client=client) as manager:
        live = scripted_agent(manager)
        live("one")
        wait_for(lambda: replica.client().hgetall("session:s") == client.hgetall("session:s"))
        primary.stop()

        def is_through() -> bool:
            try:
                live("two")
            except (SessionUnavailableError, EventLoopException):
                return False
            return True

        wait_for(is_through)
        assert_restored(live, "s", replica.url)


def test_client_after_a_fork(server: Server) -> None:
    """A manager with a client of the caller's that was used before a fork works in parent and child."""
    command = [sys.executable, "-c", FORK, str(Path(__file__).parent), str(server.port)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (0, "child 0\nparent 4\n"), result.stderr


FORK = """
import os, sys
sys.path.insert(0, sys.argv[1])
import valkey
from conformance.package import SessionManager
from conformance.scripted_model import scripted_agent
manager = SessionManager("fork", client=valkey.Valkey(port=int(sys.argv[2])))
parent = scripted_agent(manager, agent_id="parent")
parent("hi")
pid = os.fork()
if pid == 0:
    scripted_agent(manager, agent_id="child")("hi")
    os._exit(0)
print("child", os.waitpid(pid, 0)[1])
parent("still here")
print("parent", len(manager.list_messages(agent_id="parent")))
"""


@pytest.mark.parametrize(
    "make",
    [
        lambda: valkey.asyncio.Valkey(),
        lambda: valkey.ConnectionPool(),
        lambda: Sentinel([]),
        lambda: http.client.HTTPConnection("localhost"),
        lambda: "valkey://localhost",
    ],
    ids=["asynchronous", "pool", "Sentinel", "another library's", "text"],
)
def test_unusable_client(make: Callable[[], Any]) -> None:
    """What is no synchronous client of valkey-py is refused, with its type and those that are taken."""
    client = make()
    with pytest.raises(ValueError, match=re.escape(type(client).__qualname__)) as raised:
        SessionManager("s", client=client)
    assert "valkey.Valkey or valkey.ValkeyCluster" in str(raised.value)


def test_client_and_connection_string(server: Server) -> None:
    """Both a client and a connection string: refused, since one of them would be ignored."""
    with server.client() as client, pytest.raises(ValueError, match="connection_string and client"):
        SessionRepository(server.url, client=client)


def test_client_and_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client wins over the environment, which is for connection strings."""
    monkeypatch.setenv("{== slug | upper ==}_SESSION_CONNECTION", "valkey://nobody.invalid")
    with server.client() as client:
        use_everything(client=client)


def test_closed_client(server: Server) -> None:
    """A caller's client that is closed opens itself again, as valkey-py has it; the repository does not care."""
    client = server.client()
    repository = SessionRepository(client=client)
    client.close()
    assert repository.read_session("nobody") is None
