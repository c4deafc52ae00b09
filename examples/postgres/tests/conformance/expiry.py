"""Group I, second part: a session expires as a whole, writes put that off, and reads only where that was asked for."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from . import package
from .backend import Backend
from .batches import batch
from .calls import fill, reads, writes
from .cases import Cases, deletion, hint, lacks, lifecycle, quick, requires
from .deletion import listed
from .records import AGENT_ID, agent, create, message, session

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Reopen = Callable[..., Any]

LONG = 20.0
"""Seconds after which something that should have expired by then never will."""


class Expiry(Cases):
    """Group I, second part."""

    @quick
    @deletion
    @lacks("ttl")
    @hint("Declare ttl in tests/conftest.py, or refuse the argument: nobody may rely on an expiry that does not come.")
    def test_no_expiry(self, reopen: Reopen) -> None:
        """I4: a backend that does not declare ttl refuses the argument."""
        with pytest.raises(TypeError, match="ttl"):
            reopen(ttl=60)

    @quick
    @deletion
    @requires("ttl")
    @lacks("ttl_on_read")
    @hint("Declare ttl_on_read in tests/conftest.py, or refuse the argument.")
    def test_no_expiry_on_read(self, reopen: Reopen) -> None:
        """I6: a backend that does not declare ttl_on_read refuses the argument."""
        with pytest.raises(TypeError, match="ttl_on_read"):
            reopen(ttl=60, ttl_on_read=True)

    @deletion
    @requires("ttl")
    @hint("The expiry is the session's, one for all its records: keys that expire one by one leave orphans in between.")
    def test_expiry(self, reopen: Reopen, session_id: str) -> None:
        """I4: a session that expires is gone at once, with its agents and messages."""
        repository = reopen(ttl=1)
        create(repository, session_id)
        for number in range(3):  # apart from each other, so that records that expire one by one are seen to
            time.sleep(0.2)
            repository.create_message(session_id, AGENT_ID, message(number))
        watcher, end = reopen(), time.monotonic() + LONG
        is_there = True
        while is_there:
            assert time.monotonic() < end, "the session did not expire"
            is_there = watcher.read_session(session_id) is not None
            has_agent = watcher.read_agent(session_id, AGENT_ID) is not None
            found = listed(watcher, session_id, AGENT_ID)
            assert is_there or not (has_agent or found), "the session is gone, and records of it are not"
            assert found in ([0, 1, 2], []), "some messages are gone, and others are not"
            assert has_agent or not found, "the agent is gone, and its messages are not"
        assert watcher.read_agent(session_id, AGENT_ID) is None
        assert listed(watcher, session_id, AGENT_ID) == []

    @deletion
    @requires("ttl")
    @hint("What has expired is gone for every method, also before the store removes it, and its id is free.")
    def test_expired_session(self, backend: Backend, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """I4: a session expires while another one is written to: then no method finds it, and it can begin anew."""
        repository, again = reopen(ttl=1), reopen()
        unused, expiring, other = (new_session_id() for _ in range(3))
        repository.create_session(session(unused))
        for session_id in (expiring, other):
            fill(backend, repository, session_id)
        version = repository.read_log(expiring, AGENT_ID).version
        end = time.monotonic() + LONG
        while again.read_session(expiring) is not None:
            assert time.monotonic() < end, "the session did not expire"
            for call in writes(backend).values():
                call(repository, other)
            time.sleep(0.05)
        assert [name for name, read in reads(backend).items() if read(again, expiring)] == []
        for call in writes(backend).values():
            for writer in (again, repository):
                with pytest.raises(package.SessionNotFoundError, match=expiring):
                    call(writer, expiring)
        if backend.atomic_batch:
            with pytest.raises(package.SessionNotFoundError, match=expiring):
                repository.write_log(batch(expiring, agent=agent(), version=version, next_id=1))
        with pytest.raises(package.SessionNotFoundError, match=unused):
            again.delete_session(unused)
        again.create_session(session(expiring))
        found = [name for name, read in reads(backend).items() if read(again, expiring)]
        assert set(found) <= {"read_session", "list_sessions"}, "something of the expired session came back"

    @deletion
    @requires("ttl")
    @hint("Each write puts off the expiry of the whole session, also of its first message, whatever it writes.")
    def test_writes_put_expiry_off(self, backend: Backend, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """I5: whatever is written to a session, again and again, it does not expire, not even in part."""
        repository, again, used = reopen(ttl=2), reopen(), {}
        for name, call in writes(backend).items():
            used[name] = (session_id := new_session_id()), call
            fill(backend, repository, session_id)
        for _ in range(2):
            time.sleep(1)
            for name, (session_id, call) in used.items():
                assert again.read_session(session_id) is not None, f"in spite of {name} the session expired"
                call(repository, session_id)
        time.sleep(1)
        for name, (session_id, _) in used.items():
            assert again.read_session(session_id) is not None, f"in spite of {name} the session expired"
            assert again.read_agent(session_id, AGENT_ID) is not None, f"in spite of {name} the agent expired"
            assert 0 in listed(again, session_id, AGENT_ID), f"in spite of {name} the first message expired"

    @deletion
    @requires("ttl")
    @hint("A read leaves the expiry alone, unless ttl_on_read says otherwise. Listing sessions always does.")
    def test_reads_do_not_put_expiry_off(
        self, backend: Backend, reopen: Reopen, new_session_id: Callable[..., str]
    ) -> None:
        """I6: a session that is only read, by whichever method, expires."""
        repository = reopen(ttl=1)
        alive = read_in_turn(backend, repository, new_session_id)
        end = time.monotonic() + 3
        while alive and time.monotonic() < end:
            time.sleep(0.05)
            alive = {name: read for name, read in alive.items() if read()}
        assert list(alive) == [], "these methods put the expiry off"

    @deletion
    @requires("ttl_on_read")
    @hint("With ttl_on_read, each read sets the expiry anew, as a write does.")
    def test_reads_put_expiry_off(self, backend: Backend, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """I6: with ttl_on_read a session that is only read, by whichever method, does not expire."""
        repository = reopen(ttl=2, ttl_on_read=True)
        alive = read_in_turn(backend, repository, new_session_id)
        alive.pop("list_sessions", None)  # it looks for sessions: none of them is in use for that
        for _ in range(3):
            time.sleep(1)
            assert [name for name, read in alive.items() if not read()] == [], "these methods did not put it off"

    @lifecycle
    @requires("ttl")
    @hint(
        "A write into a session that expired is an error that names it. It must not bring back a part of the session."
    )
    def test_expired_under_an_agent(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str
    ) -> None:
        """Q4: when a session expires under a live agent, its next turn says so, and re-creates nothing."""
        live = new_agent(session_manager=new_manager(ttl=1))
        live("one")
        watcher, end = reopen(), time.monotonic() + LONG
        while watcher.read_session(session_id) is not None:
            assert time.monotonic() < end, "the session did not expire"
            time.sleep(0.05)
        with pytest.raises(package.SessionNotFoundError, match=session_id):
            live("two")
        assert watcher.read_session(session_id) is None
        assert watcher.read_agent(session_id, live.agent_id) is None


def read_in_turn(backend: Backend, repository: Any, new_session_id: Callable[..., str]) -> dict[str, Callable[[], Any]]:
    """Store a session for each method that reads, and return what reads it by that method alone."""
    made: dict[str, Callable[[], Any]] = {}
    for name, call in reads(backend).items():
        fill(backend, repository, session_id := new_session_id())
        made[name] = lambda call=call, session_id=session_id: call(repository, session_id)
    return made
