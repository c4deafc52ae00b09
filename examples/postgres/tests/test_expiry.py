"""Expiry: one end for the whole session, which writes put off, and the removal of what expired. This file is yours."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from conformance.batches import batch
from conformance.concurrency import in_threads
from conformance.multi_agents import Orchestrator
from conformance.package import SessionNotFoundError
from conformance.records import AGENT_ID, agent, create, ids, message, session
from conformance.scripted_model import scripted_agent

Reopen = Callable[..., Any]
Call = Callable[[Any, str], Any]

WRITES: dict[str, Call] = {
    "create_agent": lambda repository, s: repository.create_agent(s, agent("new")),
    "update_agent": lambda repository, s: repository.update_agent(s, agent()),
    "create_message": lambda repository, s: repository.create_message(s, AGENT_ID, message(1)),
    "update_message": lambda repository, s: repository.update_message(s, AGENT_ID, message(0)),
    "create_multi_agent": lambda repository, s: repository.create_multi_agent(s, Orchestrator("new")),
    "update_multi_agent": lambda repository, s: repository.update_multi_agent(s, Orchestrator("graph")),
    "write_log": lambda repository, s: repository.write_log(batch(s, agent_id="log", agent=agent("log"))),
}
READS: dict[str, Call] = {
    "read_session": lambda repository, s: repository.read_session(s),
    "read_agent": lambda repository, s: repository.read_agent(s, AGENT_ID),
    "read_message": lambda repository, s: repository.read_message(s, AGENT_ID, 0),
    "list_messages": lambda repository, s: repository.list_messages(s, AGENT_ID),
    "list_agents": lambda repository, s: repository.list_agents(s),
    "list_sessions": lambda repository, s: list(repository.list_sessions(s)),
    "read_multi_agent": lambda repository, s: repository.read_multi_agent(s, "graph"),
    "read_log": lambda repository, s: repository.read_log(s, AGENT_ID),
}


class Clock:
    """The end of a session, as the server has it.

    Attributes:
        left: Seconds until then; None for a session without an end.
    """

    def __init__(self, backend: Any, session_id: str) -> None:
        """Look at a session."""
        self._connection, self._table, self._session_id = backend.connection, f"{backend.schema}.sessions", session_id

    @property
    def left(self) -> float | None:
        """How many seconds the session has left."""
        query = f"SELECT extract(epoch FROM expires_at - now())::float8 FROM {self._table} WHERE session_id = %s"
        ((left,),) = self._connection.execute(query.encode(), [self._session_id]).fetchall()
        return None if left is None else float(left)

    def set(self, left: float) -> None:
        """Let the session have so many seconds left."""
        update = f"UPDATE {self._table} SET expires_at = now() + %s * interval '1s' WHERE session_id = %s"
        self._connection.execute(update.encode(), [left, self._session_id])


@pytest.fixture
def clock(backend: Any, session_id: str) -> Clock:
    """The end of the test's session."""
    return Clock(backend, session_id)


def fill(repository: Any, session_id: str) -> None:
    """Store a session in which everything can be updated."""
    create(repository, session_id, message(0))
    repository.create_multi_agent(session_id, Orchestrator("graph", {"step": 1}))


def test_no_expiry(reopen: Reopen, session_id: str, clock: Clock) -> None:
    """Without a ttl a session has no end, and an end that somebody else gave it stays as it is."""
    repository = reopen()
    fill(repository, session_id)
    assert clock.left is None
    clock.set(50)
    for write in WRITES.values():
        write(repository, session_id)
    assert 0 < clock.left <= 50


@pytest.mark.parametrize("ttl", [100, 100.5])
def test_new_session(reopen: Reopen, session_id: str, clock: Clock, ttl: float) -> None:
    """A session has its end from its creation on."""
    reopen(ttl=ttl).create_session(session(session_id))
    assert 90 < clock.left <= ttl


def test_save(new_manager: Callable[..., Any], clock: Clock) -> None:
    """Each save of an agent puts the end off: a turn, a change of state, a redaction."""
    manager = new_manager(ttl=100)
    live = scripted_agent(manager)
    redacted: Any = {"role": "assistant", "content": [{"text": "[redacted]"}]}
    for save in (
        lambda: live("hi"),
        lambda: live.state.set("a", 1) or manager.sync_agent(live),
        lambda: manager.redact_latest_message(redacted, live),
    ):
        clock.set(10)
        save()
        assert 90 < clock.left <= 100


@pytest.mark.parametrize("read", READS)
def test_read_of_the_expired(reopen: Reopen, session_id: str, clock: Clock, read: str) -> None:
    """An expired session is invisible at once, to those who know no ttl as well."""
    fill(reopen(ttl=100), session_id)
    clock.set(-0.001)
    assert not READS[read](reopen(), session_id)


@pytest.mark.parametrize("write", WRITES)
def test_write_to_the_expired(backend: Any, reopen: Reopen, session_id: str, clock: Clock, write: str) -> None:
    """A write to an expired session is an error, and changes nothing of what is left."""
    fill(reopen(ttl=100), session_id)
    clock.set(-0.001)
    before = backend.dump()
    for options in ({}, {"ttl": 100}):
        with pytest.raises(SessionNotFoundError, match=session_id):
            WRITES[write](reopen(**options), session_id)
    assert backend.dump() == before


def test_deletion_of_the_expired(backend: Any, reopen: Reopen, session_id: str, clock: Clock) -> None:
    """An expired session does not exist for whoever deletes it, and is at rest no more afterwards."""
    fill(reopen(ttl=100), session_id)
    clock.set(-0.001)
    with pytest.raises(SessionNotFoundError, match=session_id):
        reopen().delete_session(session_id)
    assert session_id.encode() not in backend.dump()


def test_created_again(backend: Any, new_manager: Callable[..., Any], session_id: str, clock: Clock) -> None:
    """An expired session's id is free at once. The new session has nothing of the old one, not even at rest."""
    old = scripted_agent(new_manager(ttl=100))
    old("a secret of the old session")
    clock.set(-0.001)
    manager = new_manager()
    new = scripted_agent(manager)
    assert new.messages == []
    new("hi")
    assert ids(manager.list_messages()) == [0, 1]
    assert clock.left is None
    assert b"secret" not in backend.dump()


def test_prune(backend: Any, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
    """Pruning deletes what has expired, in batches of any size, and nothing else."""
    repository = reopen(ttl=100)
    repository.prune_expired()  # what other tests left
    expired, alive = ([new_session_id() for _ in range(5)] for _ in range(2))
    for session_id in expired + alive:
        fill(repository, session_id)
    create(reopen(), for_ever := new_session_id())
    for session_id in expired:
        Clock(backend, session_id).set(-0.001)
    assert reopen().prune_expired(batch_size=2) == 5
    assert reopen().prune_expired() == 0
    at_rest = backend.dump()
    assert not [session_id for session_id in expired if session_id.encode() in at_rest]
    assert all(repository.read_session(session_id) for session_id in [*alive, for_ever])


def test_prune_in_several_places(backend: Any, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
    """Pruning in several places at once deletes each session once, while another agent goes on."""
    repository = reopen(ttl=100)
    repository.prune_expired()
    for _ in range(40):
        fill(repository, session_id := new_session_id())
        Clock(backend, session_id).set(-0.001)
    create(repository, busy := new_session_id())

    def work(number: int) -> int:
        if number < 4:
            return int(reopen().prune_expired(batch_size=3))
        for message_id in range(50):
            repository.create_message(busy, AGENT_ID, message(message_id))
        return 0

    assert sum(in_threads(5, work)) == 40
    assert len(repository.list_messages(busy, AGENT_ID)) == 50


def test_prune_waits_for_nobody(backend: Any, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
    """An expired session that somebody holds is left for the next time."""
    repository = reopen(timeout=5)
    repository.prune_expired()
    expired = [new_session_id() for _ in range(3)]
    for session_id in expired:
        create(repository, session_id)
        Clock(backend, session_id).set(-0.001)
    with psycopg.connect(backend.url) as other:
        hold = f"SELECT FROM {backend.schema}.sessions WHERE session_id = %s FOR UPDATE"
        other.execute(hold.encode(), [expired[1]])
        assert repository.prune_expired() == 2
    assert repository.prune_expired() == 1


@pytest.mark.parametrize("batch_size", [0, -1])
def test_malformed_batch_size(repository: Any, batch_size: int) -> None:
    """A batch holds at least one session."""
    with pytest.raises(ValueError, match="batch_size"):
        repository.prune_expired(batch_size)
