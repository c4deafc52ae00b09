"""Transactions that meet: deadlocks, other levels of isolation, more threads than connections. This file is yours."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from conformance.batches import batch
from conformance.concurrency import in_threads, outcome
from conformance.package import SessionNotFoundError, SessionRepository
from conformance.records import AGENT_ID, agent, create, ids, message
from conformance.scripted_model import scripted_agent
from conformance.wire import HOST, Wire
from psycopg.conninfo import make_conninfo
from servers import wait_for

Reopen = Callable[..., Any]


@pytest.mark.parametrize("is_deleted", [False, True], ids=["only locked", "deleted"])
def test_deadlock(backend: Any, new_manager: Callable[..., Any], session_id: str, is_deleted: bool) -> None:
    """A save that the server gives up, because it and a deletion wait for each other, is repeated."""
    manager = new_manager(ttl=100)
    live = scripted_agent(manager)
    errors: list[BaseException] = []

    def save() -> None:
        live.state.set("a", 1)
        try:
            manager.sync_agent(live)
        except SessionNotFoundError as error:
            errors.append(error)

    def run(statement: str) -> None:
        other.execute(statement.replace("{schema}", backend.schema).encode(), [session_id])

    saving = threading.Thread(target=save)
    with psycopg.connect(backend.url) as other:
        other.execute("SET deadlock_timeout = '1h'")  # the save is to be the one that the server gives up
        run("SELECT FROM {schema}.sessions WHERE session_id = %s FOR UPDATE")
        saving.start()
        wait_for(lambda: is_waited_for(backend, other))
        run("SELECT FROM {schema}.agents WHERE session_id = %s FOR UPDATE")
        if is_deleted:
            run("DELETE FROM {schema}.sessions WHERE session_id = %s")
    saving.join()
    if is_deleted:
        assert len(errors) == 1
    else:
        assert errors == []
        assert manager.read_agent().state == {"a": 1}


TAKE = "UPDATE {schema}.agents SET next_id = next_id + 1 WHERE session_id = %(s)s"
UPDATE = "UPDATE {schema}.agents SET version = 'new' WHERE session_id = %(s)s"
INSERT = "INSERT INTO {schema}.messages (session_id, agent_id, message_id, message) VALUES (%(s)s, %(a)s, 0, '{}')"


APPEND: dict[str, Any] = {"create": [message(0)]}
STATE: dict[str, Any] = {"agent": agent(state={"a": 1})}


@pytest.mark.parametrize(
    ("other", "change"),
    [
        pytest.param([UPDATE], APPEND, id="append beside a change"),
        pytest.param([UPDATE], STATE, id="change beside a change"),
        pytest.param([TAKE, INSERT], APPEND, id="append beside an append"),
        pytest.param([TAKE, INSERT], STATE, id="change beside an append"),
    ],
)
def test_save_beside_another(
    backend: Any, repository: Any, session_id: str, other: list[str], change: dict[str, Any]
) -> None:
    """A save that begins while another writer's is not committed yet waits for its end, and is refused then."""
    create(repository, session_id)
    version = repository.read_log(session_id, AGENT_ID).version
    new_version = "mine" if "agent" in change else version
    mine = batch(session_id, version=version, new_version=new_version, **change)
    outcomes: list[str] = []
    saving = threading.Thread(target=lambda: outcomes.append(outcome(lambda: repository.write_log(mine))))
    with psycopg.connect(backend.url) as writer:
        for statement in other:
            writer.execute(statement.replace("{schema}", backend.schema).encode(), {"s": session_id, "a": AGENT_ID})
        saving.start()
        wait_for(lambda: is_waited_for(backend, writer) or not saving.is_alive())
    saving.join()
    assert outcomes == ["conflict"]


@pytest.mark.parametrize("level", [r"repeatable\ read", "serializable"])
def test_isolation(backend: Any, reopen: Reopen, session_id: str, level: str) -> None:
    """On a stricter level the server takes back what others overtook: it is repeated, and all is stored once."""
    url = make_conninfo(backend.url, options=f"-c default_transaction_isolation={level}")
    repository = reopen(connection_string=url, ttl=100)
    create(repository, session_id)

    def write(thread: int) -> None:
        for number in range(thread, 80, 8):
            repository.create_message(session_id, AGENT_ID, message(number))

    in_threads(8, write)
    assert ids(reopen().list_messages(session_id, AGENT_ID)) == list(range(80))


def test_more_threads_than_connections(backend: Any, session_id: str) -> None:
    """64 threads share the 32 connections of the package's pool, and wait for one where all are busy."""
    with Wire(*backend.address()) as wire:
        with SessionRepository(**backend.through(HOST, wire.port)) as repository:
            create(repository, session_id)

            def write(thread: int) -> None:
                for number in range(thread, 640, 64):
                    repository.create_message(session_id, AGENT_ID, message(number))

            in_threads(64, write)
            assert ids(repository.list_messages(session_id, AGENT_ID)) == list(range(640))
        assert 1 < wire.most <= 32
        wire.wait_until_open(0)


def is_waited_for(backend: Any, connection: psycopg.Connection[Any]) -> bool:
    """Whether somebody waits for a lock that the connection has."""
    query = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
    return bool(backend.connection.execute(query, [connection.info.backend_pid]).fetchall())
