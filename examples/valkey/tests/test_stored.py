"""What is stored under which keys and fields, and what of other people's keys the package leaves alone."""

from collections.abc import Callable
from typing import Any

import pytest
from conformance.multi_agents import Orchestrator
from conformance.package import SessionCorruptError, SessionNotFoundError
from conformance.records import AGENT_ID, agent, create, ids, message, session
from conformance.same import assert_same_agent
from conformance.scripted_model import scripted_agent

Reopen = Callable[..., Any]


def test_fields(backend: Any, repository: Any, new_session_id: Callable[..., str]) -> None:
    """A session is one hash with the documented fields. What could be taken for structure in an id is encoded."""
    session_id = new_session_id("{}{a}:%*")
    create(repository, session_id, message(0), agent_id="a:message:0")
    repository.create_agent(session_id, agent("%3A{b}"))
    repository.create_multi_agent(session_id, Orchestrator("g:1"))
    key = f"{backend.key_prefix}:{session_id[:-6]}%7Ba%7D%3A%25*".encode()
    assert backend.keys() == [key]
    assert set(backend.client.hgetall(key)) == {
        b"session",
        b"session:version",
        b"format",
        b"agent:a%3Amessage%3A0",
        b"agent:a%3Amessage%3A0:version",
        b"agent:a%3Amessage%3A0:next",
        b"agent:a%3Amessage%3A0:window",
        b"agent:a%3Amessage%3A0:message:0",
        b"agent:%253A%7Bb%7D",
        b"agent:%253A%7Bb%7D:version",
        b"agent:%253A%7Bb%7D:next",
        b"agent:%253A%7Bb%7D:window",
        b"multi_agent:g%3A1",
        b"multi_agent:g%3A1:version",
    }
    assert repository.list_agents(session_id) == ["%3A{b}", "a:message:0"]


def test_prefixes_that_begin_alike(backend: Any, reopen: Reopen) -> None:
    """Prefixes a and a:b do not see each other's sessions, whatever their ids are."""
    short, long = (reopen(key_prefix=f"{backend.key_prefix}:{prefix}") for prefix in ("a", "a:b"))
    create(short, "b:s", message(0, "short"))
    create(long, "s", message(0, "long"))
    create(long, "b:s", message(0, "long"))
    assert [one.session_id for one in short.list_sessions()] == ["b:s"]
    assert sorted(one.session_id for one in long.list_sessions()) == ["b:s", "s"]
    assert short.read_session("s") is None
    short.delete_session("b:s")
    assert ids(long.list_messages("b:s", AGENT_ID)) == [0]
    assert list(short.list_sessions()) == []


def test_prefix_is_no_pattern(backend: Any, reopen: Reopen) -> None:
    """A prefix that holds wildcards stands for itself."""
    hostile, plain = (reopen(key_prefix=f"{backend.key_prefix}:{prefix}") for prefix in ("*[a]?\\^-", "xay"))
    for repository in (hostile, plain):
        repository.create_session(session("s"))
    plain.create_session(session("t"))
    assert [one.session_id for one in hostile.list_sessions()] == ["s"]


@pytest.mark.parametrize("write", ["set", "rpush", "sadd"])
def test_key_of_another_type(backend: Any, repository: Any, session_id: str, write: str) -> None:
    """A key of another type under our name is an error that names the session; it stays, and is not listed."""
    getattr(backend.client, write)(f"{backend.key_prefix}:{session_id}", "theirs")
    before = backend.dump()
    for call in (
        lambda: repository.create_session(session(session_id)),
        lambda: repository.read_session(session_id),
        lambda: repository.create_agent(session_id, agent()),
        lambda: repository.read_log(session_id, AGENT_ID),
        lambda: repository.create_message(session_id, AGENT_ID, message(0)),
        lambda: repository.list_messages(session_id, AGENT_ID),
        lambda: repository.list_agents(session_id),
        lambda: repository.delete_session(session_id),
    ):
        with pytest.raises(SessionCorruptError, match=session_id):
            call()
    assert list(repository.list_sessions()) == []
    assert backend.dump() == before
    backend.client.unlink(f"{backend.key_prefix}:{session_id}")


def test_hash_that_is_no_session(backend: Any, repository: Any, session_id: str) -> None:
    """A hash under our name that is no session is not taken for one, and not deleted."""
    key = f"{backend.key_prefix}:{session_id}"
    backend.client.hset(key, "theirs", "1")
    assert repository.read_session(session_id) is None
    assert list(repository.list_sessions()) == []
    with pytest.raises(SessionNotFoundError):
        repository.delete_session(session_id)
    assert backend.client.hgetall(key) == {b"theirs": b"1"}
    backend.client.unlink(key)


def test_newer_format(backend: Any, new_agent: Callable[..., Any], session_id: str) -> None:
    """A session that a newer version of the package has rewritten is refused: by a restore, and by a live agent."""
    live = new_agent()
    live("hi")
    backend.client.hset(f"{backend.key_prefix}:{session_id}", "format", "2")
    before = backend.dump()
    for call in (new_agent, lambda: live("and on")):
        with pytest.raises(SessionCorruptError, match=f"session_id=<{session_id}>.*upgrade the package"):
            call()
    assert backend.dump() == before


def test_wide_gap(repository: Any, reopen: Reopen, new_manager: Callable[..., Any], session_id: str) -> None:
    """Message ids may be as far apart as numbers go: nobody counts from one to the next."""
    far, last = 10**15, 2**53 - 1
    create(repository, session_id, *(message(number) for number in (0, 1, far - 3)))
    assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0, 1, far - 3]
    assert ids(reopen().list_messages(session_id, AGENT_ID, limit=1, offset=2)) == [far - 3]
    restored = scripted_agent(new_manager(), agent_id=AGENT_ID)
    restored("and on")
    assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0, 1, far - 3, far - 2, far - 1]
    assert_same_agent(scripted_agent(new_manager(), agent_id=AGENT_ID), restored)
    for number in (2 * far - 1, last):
        repository.create_message(session_id, AGENT_ID, message(number))
        stored = reopen().read_log(session_id, AGENT_ID)
        assert (stored.messages[-1].message_id, stored.next_id) == (number, number + 1)
