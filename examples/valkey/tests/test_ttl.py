"""Expiry: one time to live for the whole session, which writes and, if so wished, reads put off. This file is yours."""

from collections.abc import Callable
from typing import Any

import pytest
from conformance.calls import fill, reads, writes
from conformance.records import session
from servers import wait_for

Reopen = Callable[..., Any]


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


def test_no_expiry(backend: Any, reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """Without a ttl a session lives for ever."""
    fill(backend, reopen(), session_id)
    assert lives() == -1


def test_given_by_another(backend: Any, reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """Without a ttl the time to live that somebody else gave stays as it is."""
    repository = reopen()
    fill(backend, repository, session_id)
    lives(50_000)
    for write in writes(backend).values():
        write(repository, session_id)
    assert 0 < lives() <= 50_000


def test_new_session(reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """A session has its time to live from its creation on, as a whole: there is one key."""
    reopen(ttl=100).create_session(session(session_id))
    assert 90_000 < lives() <= 100_000


def test_read_of_nothing(backend: Any, reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """With ttl_on_read, a read of what does not exist creates nothing."""
    repository = reopen(ttl=100, ttl_on_read=True)
    for read in reads(backend).values():
        assert not read(repository, session_id)
    assert lives() == -2


def test_less_than_a_second(reopen: Reopen, session_id: str, lives: Callable[..., int]) -> None:
    """A ttl may be less than a second. The session goes as a whole."""
    repository = reopen(ttl=0.25)
    repository.create_session(session(session_id))
    assert lives() <= 250
    wait_for(lambda: repository.read_session(session_id) is None)
