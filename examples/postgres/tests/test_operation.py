"""What servers do in operation: they restart, drop connections, lose replies and fill up. This file is yours."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from conformance.concurrency import in_threads
from conformance.multi_agents import Orchestrator
from conformance.package import SessionConflictError, SessionManager, SessionRepository, SessionUnavailableError
from conformance.records import AGENT_ID, agent, create, ids, message, session, texts
from conformance.scripted_model import scripted_agent
from conformance.wire import HOST, Wire
from psycopg.conninfo import make_conninfo
from servers import Server, wait_for
from sources import SOURCES, by_engine
from usage import assert_restored

CLIENTS = {**SOURCES, "engine with pre-ping": lambda url: by_engine(url, pool_pre_ping=True)}
CALLERS = [name for name in CLIENTS if name != "connection string"]
"""Pools and engines of the caller's. That the package's own survives the same, the kit tests."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for the tests of this file, which may stop it and start it again."""
    server = Server()
    with SessionRepository(server.url) as repository:
        repository.setup()
    yield server
    server.stop()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """A proxy in front of the server."""
    with Wire(HOST, server.port) as wire:
        yield wire


@pytest.fixture(params=CLIENTS)
def through(request: pytest.FixtureRequest, wire: Wire) -> Iterator[dict[str, Any]]:
    """Options that lead through the proxy, on several connections that are open and idle."""
    url = f"postgresql://postgres@{HOST}:{wire.port}/postgres"
    with CLIENTS[request.param](url) as options, SessionRepository(**options) as repository:
        with ExitStack() as lent:
            server = repository._tables._server
            for _ in range(4):
                _, give_back = server._take(server._source.get())
                lent.callback(give_back)
        yield options


@pytest.mark.parametrize("through", CALLERS, indirect=True)
def test_restart_between_two_turns(server: Server, through: dict[str, Any], session_id: str) -> None:
    """A server that crashed and started again between two turns: nothing is lost, nothing is stored twice."""
    with SessionManager(session_id, **through) as manager:
        live = scripted_agent(manager)
        for turn in range(2):
            live(f"turn {turn}")
            server.stop(keep=True)
            server.restart()
        live("turn 2")
        assert texts(manager.list_messages())[::2] == ["turn 0", "turn 1", "turn 2"]
        assert_restored(live, session_id, server.url)


@pytest.mark.parametrize("through", CALLERS, indirect=True)
def test_dropped_between_two_turns(wire: Wire, server: Server, through: dict[str, Any], session_id: str) -> None:
    """All connections are cut while they are idle: nothing is lost, nothing is stored twice."""
    with SessionManager(session_id, **through) as manager:
        live = scripted_agent(manager)
        for turn in range(3):
            live(f"turn {turn}")
            wire.cut()
        assert ids(manager.list_messages()) == [0, 1, 2, 3, 4, 5]
        assert_restored(live, session_id, server.url)


def test_terminated_between_two_turns(server: Server, through: dict[str, Any], session_id: str) -> None:
    """An administrator terminates all connections while they are idle: the next turn succeeds."""
    terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    with SessionManager(session_id, **through) as manager, psycopg.connect(server.url) as admin:
        live = scripted_agent(manager)
        live("one")
        admin.execute(f"{terminate} AND pid <> pg_backend_pid()".encode())
        live("two")
        assert texts(manager.list_messages()) == ["one", "answer 1", "two", "answer 2"]


@pytest.mark.parametrize("through", CALLERS, indirect=True)
def test_turn_while_the_server_is_down(server: Server, through: dict[str, Any], session_id: str) -> None:
    """A turn while the server is down is an error. What it left unsaved is saved by the next one."""
    with SessionManager(session_id, **through, timeout=2) as manager:
        live = scripted_agent(manager)
        live("one")
        server.stop(keep=True)
        with pytest.raises(SessionUnavailableError, match=f"session_id=<{session_id}>"):
            live("two")
        server.restart()
        live("three")
        assert texts(manager.list_messages()) == ["one", "answer 1", "two", "three", "answer 2"]
        assert_restored(live, session_id, server.url)


WRITES: dict[str, Callable[[Any, str], Any]] = {
    "create_session": lambda repository, s: repository.create_session(session(f"{s} new")),
    "create_agent": lambda repository, s: repository.create_agent(s, agent("new")),
    "update_agent": lambda repository, s: repository.update_agent(s, agent(state={"a": 1})),
    "create_message": lambda repository, s: repository.create_message(s, AGENT_ID, message(1)),
    "update_message": lambda repository, s: repository.update_message(s, AGENT_ID, message(0, "new")),
    "create_multi_agent": lambda repository, s: repository.create_multi_agent(s, Orchestrator("new", {"a": "\x00"})),
    "update_multi_agent": lambda repository, s: repository.update_multi_agent(s, Orchestrator("graph")),
    "delete_session": lambda repository, s: repository.delete_session(s),
}


@pytest.mark.parametrize("through", SOURCES, indirect=True)  # with pre-ping it would be the reply to a ping
@pytest.mark.parametrize("write", WRITES)
def test_lost_reply(wire: Wire, through: dict[str, Any], session_id: str, write: str) -> None:
    """The reply to a write is lost after the server has executed it: it is repeated, and recognised."""
    with SessionRepository(**through) as repository:
        create(repository, session_id, message(0))
        repository.create_multi_agent(session_id, Orchestrator("graph"))
        wire.lose_reply()
        WRITES[write](repository, session_id)
        assert not wire.loses_reply, "no reply was lost"


@pytest.mark.parametrize("through", SOURCES, indirect=True)
def test_lost_reply_in_a_turn(wire: Wire, server: Server, through: dict[str, Any], session_id: str) -> None:
    """The replies to all saves of a conversation are lost, after they were executed: it is stored once."""
    wire.lose_reply()
    with SessionManager(session_id, **through) as manager:
        live = scripted_agent(manager)
        live("one")
        for change in ("two", "three"):
            wire.lose_reply()
            live(change)
            live.state.set("last", change)
            wire.lose_reply()
            manager.sync_agent(live)
        assert ids(manager.list_messages()) == [0, 1, 2, 3, 4, 5]
        assert_restored(live, session_id, server.url)


def test_lost_reply_is_no_licence(server: Server, wire: Wire, session_id: str) -> None:
    """A write that is repeated meets what somebody else wrote in between: that is a conflict, and stays."""
    url = f"postgresql://postgres@{HOST}:{wire.port}/postgres"
    with SessionRepository(url) as repository, SessionRepository(server.url) as other:
        other.create_session(session(session_id, created_at="2020-01-01T00:00:00+00:00"))
        wire.lose_reply()
        with pytest.raises(SessionConflictError):
            repository.create_session(session(session_id))
        other.create_multi_agent(session_id, Orchestrator("graph", {"by": "other"}))
        wire.lose_reply()
        with pytest.raises(SessionConflictError):
            repository.create_multi_agent(session_id, Orchestrator("graph", {"by": "me"}))
        assert other.read_multi_agent(session_id, "graph") == {"by": "other"}


def test_read_only_server(server: Server, session_id: str) -> None:
    """A server that takes no writes, as a standby, can be read. A write is an error that says why."""
    with SessionManager(session_id, server.url) as manager:
        live = scripted_agent(manager)
        live("one")
    url = make_conninfo(server.url, options="-c default_transaction_read_only=on")
    with SessionManager(session_id, url, auto_create=False) as manager:
        restored = scripted_agent(manager)
        assert restored.messages == live.messages
        with pytest.raises(SessionUnavailableError, match=r"session_id=<.*read-only"):
            restored("two")
    with pytest.raises(SessionUnavailableError, match=r"session_id=<.*read-only"):
        SessionManager(session_id, url)


def test_too_many_connections(server: Server, session_id: str) -> None:
    """A server without a free connection is an error that says so, and is asked again by the next call."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
        admin.execute("GRANT pg_read_all_data, pg_write_all_data TO few")
    url = server.url.replace("postgres@", "few@")
    with SessionRepository(url, timeout=5) as repository:
        with psycopg.connect(url), pytest.raises(SessionUnavailableError, match=r"session_id=<.*too many connections"):
            repository.read_session(session_id)
        wait_for(lambda: is_answered(repository, session_id))


def test_many_idle_connections_after_a_restart(server: Server, session_id: str) -> None:
    """After a restart all connections of the package's pool are broken: 16 agents go on at once, none fails."""
    with SessionManager(session_id, server.url) as manager:
        agents = [scripted_agent(manager, agent_id=f"agent-{number}") for number in range(16)]
        for _ in range(2):
            in_threads(16, lambda number: agents[number]("hi"))
            server.stop(keep=True)
            server.restart()
        in_threads(16, lambda number: agents[number]("hi"))
        assert [len(manager.list_messages(agent_id=one.agent_id)) for one in agents] == [6] * 16


def is_answered(repository: Any, session_id: str) -> bool:
    """Whether the server answers."""
    try:
        repository.read_session(session_id)
    except SessionUnavailableError:
        return False
    return True
