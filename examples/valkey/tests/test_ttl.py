"""Expiry: one time to live for the whole session, which writes and, if so wished, reads put off. This file is yours."""

from collections.abc import Callable
from typing import Any

import pytest
from conformance.batches import batch
from conformance.multi_agents import Orchestrator
from conformance.package import SessionNotFoundError
from conformance.records import AGENT_ID, agent, create, message, session
from conformance.scripted_model import scripted_agent
from servers import wait_for

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
    "read_multi_agent": lambda repository, s: repository.read_multi_agent(s, "graph"),
    "read_log": lambda repository, s: repository.read_log(s, AGENT_ID),
}


@pytest.fixture
def lives(backend: Any, session_id: str) -> Callable[..., int]:
    """Say how many milliseconds the session has left, or set that."""

    def lives(milliseconds: int | None = None) -> int:
        key = f"{backend.key_prefix}:{session_id}"
        if milliseconds is not None:
            assert backend.client.pexpire(key, milliseconds)
        left: int = backend.client.pttl(key)
        return left

    return lives


def fill(repository: Any, session_id: str) -> None:
    """Store a session in which everything can be updated."""
    create(repository, session_id, message(0))
    repository.create_multi_agent(session_id, Orchestrator("graph", {"step": 1}))


def test_no_expiry(reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """Without a ttl a session lives for ever."""
    fill(reopen(), session_id)
    assert lives() == -1


def test_given_by_another(reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """Without a ttl the time to live that somebody else gave stays as it is."""
    repository = reopen()
    fill(repository, session_id)
    lives(50_000)
    for write in WRITES.values():
        write(repository, session_id)
    assert 0 < lives() <= 50_000


def test_new_session(reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """A session has its time to live from its creation on, as a whole: there is one key."""
    reopen(ttl=100).create_session(session(session_id))
    assert 90_000 < lives() <= 100_000


@pytest.mark.parametrize("write", WRITES)
def test_write(reopen: Reopen, session_id: str, lives: Callable[..., int], write: str) -> None:
    """Each write puts the end off, for the whole session."""
    repository = reopen(ttl=100)
    fill(repository, session_id)
    lives(10_000)
    WRITES[write](repository, session_id)
    assert 90_000 < lives() <= 100_000


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("ttl_on_read", [False, True])
def test_read(reopen: Reopen, session_id: str, lives: Callable[..., int], read: str, ttl_on_read: bool) -> None:
    """A read puts the end off only where that was asked for."""
    repository = reopen(ttl=100, ttl_on_read=ttl_on_read)
    fill(repository, session_id)
    lives(10_000)
    assert READS[read](repository, session_id)
    assert (lives() > 90_000) is ttl_on_read


def test_read_of_nothing(reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """With ttl_on_read, a read of what does not exist creates nothing."""
    repository = reopen(ttl=100, ttl_on_read=True)
    for read in READS.values():
        assert not read(repository, session_id)
    assert lives() == -2


def test_less_than_a_second(reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """A ttl may be less than a second. The session goes as a whole."""
    repository = reopen(ttl=0.25)
    repository.create_session(session(session_id))
    assert lives() <= 250
    wait_for(lambda: repository.read_session(session_id) is None)


def test_expired_under_an_agent(
    reopen: Reopen, new_manager: Callable[..., Any], session_id: str, lives: Callable[..., int]
) -> None:
    """A session that expired under a live agent is an error that says so, and is not created anew, not even in part."""
    manager = new_manager(ttl=100)
    live = scripted_agent(manager)
    live("hi")
    lives(1)
    wait_for(lambda: lives() == -2)
    with pytest.raises(SessionNotFoundError, match=session_id):
        live("there")
    assert lives() == -2
