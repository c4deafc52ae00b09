"""Group K, first part: a store that is down, does not answer, restarts, or drops its connections."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from strands.types.exceptions import EventLoopException

from . import package
from .backend import PASSWORD, Backend
from .calls import Call, Calls, declared, each_kind, fill
from .cases import Cases, hint, lifecycle, quick, requires
from .concurrency import in_threads
from .records import ids, texts
from .same import assert_same_agent
from .scripted_model import scripted_agent
from .wire import HOST, Wire

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Reopen = Callable[..., Any]

PATIENCE = 5.0
"""Seconds by which an error may be later than the time-out: on a slow machine, and where a driver counts in seconds."""


class Outages(Cases):
    """Group K, first part."""

    @quick
    @each_kind
    @hint(
        "Wrap whatever the driver raises: SessionUnavailableError, `from` its error, and without the connection string."
    )
    def test_unreachable(
        self, backend: Backend, session_id: str, caplog: pytest.LogCaptureFixture, calls: Calls
    ) -> None:
        """K1: where no store is, every method is an error, with its cause, in time, and without the password."""
        options, shown = backend.unreachable(), []

        def attempt(call: Call) -> None:
            with package.SessionRepository(**options) as repository:
                shown.append(repr(repository))
                call(repository, session_id)

        assert_unavailable([lambda call=call: attempt(call) for call in calls.values()], options)
        assert PASSWORD not in f"{shown} {caplog.text}"

    @quick
    @lifecycle
    @hint("The constructor contacts the store: that it cannot be reached is said there, and not by the first turn.")
    def test_unreachable_for_a_manager(
        self, backend: Backend, session_id: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """K1: where no store is, a manager is refused in its constructor, in time, and without the password."""
        options = backend.unreachable()
        for auto_create in (True, False):
            assert_unavailable(
                [lambda flag=auto_create: package.SessionManager(session_id, auto_create=flag, **options)], options
            )
        assert PASSWORD not in caplog.text

    @each_kind
    @requires("round_trips")
    @hint("A connection breaks in the middle of a call as well: wrap what the driver raises, and name the session.")
    def test_store_goes_down(self, backend: Backend, reopen: Reopen, session_id: str, calls: Calls) -> None:
        """K1: when the store goes down under an open repository, every method is an error that names the session."""
        with Wire(*backend.address()) as wire:
            options = {**backend.through(HOST, wire.port), "timeout": 0.4}
            repository = reopen(**options)
            assert repository.read_session(session_id) is None
            wire.close()
            attempts = [lambda call=call: call(repository, session_id) for call in calls.values()]
            for error in assert_unavailable(attempts, options):
                assert session_id in str(error)

    @lifecycle
    @requires("round_trips")
    @hint("Set the driver's time-outs for connecting and for answers. Many wait for ever by default.")
    def test_store_falls_silent(self, backend: Backend, new_manager: NewManager, session_id: str) -> None:
        """K1: when the store no longer answers, every method, a turn and a new manager are errors when time is up."""
        with Wire(*backend.address()) as wire:
            options = {**backend.through(HOST, wire.port), "timeout": 0.5}
            manager = new_manager(**options)
            live = scripted_agent(manager)
            wire.fall_silent()
            attempts = [
                lambda call=call: call(manager.session_repository, session_id) for call in declared(backend).values()
            ]
            attempts += [lambda: live("hi"), lambda: package.SessionManager(session_id, **options)]
            assert_unavailable(attempts, options)

    @quick
    @lifecycle
    @requires("round_trips")
    @hint("An idle connection may be broken: notice it, and repeat the call on a fresh one. All idle ones may be.")
    def test_connections_drop_between_two_turns(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str
    ) -> None:
        """Q5: connections drop while they are idle: the next turn succeeds, nothing is lost, nothing stored twice."""
        with Wire(*backend.address()) as wire:
            manager = new_manager(**backend.through(HOST, wire.port))
            live = new_agent(session_manager=manager)
            for turn in range(3):
                live(f"turn {turn}")
                open_connections(manager, session_id)
                wire.cut()
            live.state.set("a", 1)
            manager.sync_agent(live)
            assert ids(reopen().list_messages(session_id, live.agent_id)) == list(range(6))
            assert_same_agent(new_agent(), live)

    @quick
    @lifecycle
    @requires("round_trips")
    @hint("Reads and writes alike are repeated on a fresh connection. The one that this method uses is not.")
    def test_connection_drops_before_a_call(self, backend: Backend, reopen: Reopen, session_id: str) -> None:
        """Q5: whichever method is called after the connection dropped, it succeeds."""
        fill(backend, reopen(), session_id)
        calls = declared(backend)
        calls["delete_session"], calls["create_session"] = calls.pop("delete_session"), calls.pop("create_session")
        with Wire(*backend.address()) as wire:
            repository = reopen(**backend.through(HOST, wire.port))
            repository.read_session(session_id)
            for call in calls.values():
                wire.cut()
                call(repository, session_id)

    @lifecycle
    @requires("restarts")
    @hint("Every connection that a pool still has is broken: throw them away as they are found, and connect anew.")
    def test_restart_between_two_turns(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str
    ) -> None:
        """K2, Q5: the store restarts between two turns: the next one succeeds, nothing is lost or stored twice."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        live("one")
        open_connections(manager, session_id)
        with halted(backend):
            pass
        live("two")
        assert texts(reopen().list_messages(session_id, live.agent_id)) == ["one", "answer 1", "two", "answer 2"]
        assert_same_agent(new_agent(), live)

    @lifecycle
    @requires("restarts")
    @hint("What a failed save left unsaved stays unsaved, in the manager's eyes, until a later save succeeds.")
    def test_turn_while_the_store_is_down(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str
    ) -> None:
        """K2: a turn while the store is down is an error. What it left unsaved is saved by the next one."""
        live = new_agent(session_manager=new_manager(timeout=2))
        live("one")
        with halted(backend), pytest.raises(package.SessionUnavailableError, match=session_id):
            live("two")
        live("three")
        said = ["one", "answer 1", "two", "three", "answer 2"]
        assert texts(reopen().list_messages(session_id, live.agent_id)) == said
        assert_same_agent(new_agent(), live)


@contextmanager
def halted(backend: Backend) -> Iterator[None]:
    """Stop the store, and start it again in any case: other tests need it."""
    backend.halt()
    try:
        yield
    finally:
        backend.resume()


def open_connections(manager: Any, session_id: str) -> None:
    """Let a manager read in several threads at once, so that a pool has several idle connections."""
    for _ in range(5):  # a fast server may answer one before the next has asked
        in_threads(16, lambda _: manager.session_repository.read_session(session_id))


def assert_unavailable(attempts: list[Callable[[], Any]], options: dict[str, Any]) -> list[BaseException]:
    """Fail unless each of these attempts, all made at once, says in time that the store cannot be used, and why."""
    start = time.monotonic()
    errors = in_threads(len(attempts), lambda number: error_of(attempts[number]))
    assert time.monotonic() - start < options.get("timeout", 30) + PATIENCE, "the error came too late"
    for error in errors:
        assert isinstance(error, package.SessionUnavailableError), f"not a SessionUnavailableError: {error!r}"
        assert error.__cause__ is not None, f"no __cause__: raise {error!r} from what the driver raised"
        for one in chain(error):
            assert PASSWORD not in f"{one} {one!r}", f"the password is shown by a {type(one).__name__}"
    return errors


def error_of(attempt: Callable[[], Any]) -> BaseException | None:
    """Return what an attempt raises, without what the SDK wraps around it."""
    try:
        attempt()
    except EventLoopException as error:
        return error.__cause__
    except Exception as error:
        return error
    return None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Iterate over an error and all that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
