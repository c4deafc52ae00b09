"""Done to a store and to a model of it: how a step of a random history is done, and what it is compared with."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine
from strands.types.exceptions import EventLoopException, SessionException

from .backend import Backend
from .model import Model
from .package import Batch
from .same import assert_same, assert_same_record
from .wire import HOST, Wire

UNSURE = ("create_session", "delete_session", "create_multi_agent")
"""Repeated on a fresh connection, they may take what was there before for what they did themselves."""


@dataclass
class Tally:
    """What all histories of a test come to.

    Attributes:
        runs: How many there were.
        acknowledged: How many writes were acknowledged.
    """

    runs: int = 0
    acknowledged: int = 0


class Stores:
    """Two repositories that write, and one that looks what is there, each with a connection of its own.

    Attributes:
        wire: What stands between the second one and the store, where the backend allows that.
        is_cut: Whether a call of the second one may meet a broken connection.
        options: How the second one is reached.
    """

    def __init__(self, backend: Backend) -> None:
        """Open them."""
        self.backend = backend
        self.wire = Wire(*backend.address()) if backend.round_trips else None
        self.is_cut = False
        self.options = backend.through(HOST, self.wire.port) if self.wire else backend.options()
        self.reader = backend.repository()
        self.writers = [self._open(number) for number in range(2)]

    def reopen(self, number: int) -> None:
        """Put another one in the place of one that writes."""
        close(self.writers[number])
        self.writers[number] = self._open(number)
        self.is_cut &= number == 0

    def check_redacted(self, secrets: set[str]) -> None:
        """Fail if one of these texts is still at rest."""
        at_rest = self.backend.dump() if secrets else b""
        assert not [secret for secret in secrets if secret.encode() in at_rest], "redacted, and still at rest"

    def close(self) -> None:
        """Close all of them."""
        for repository in [self.reader, *self.writers]:
            close(repository)
        if self.wire:
            self.wire.close()

    def _open(self, number: int) -> Any:
        return self.backend.repository(**self.options if number else {})


class ComparedHistory(RuleBasedStateMachine):
    """A history whose steps are done to a store and to a model of it, and must end alike.

    Attributes:
        touched: The sessions that steps wrote to.
    """

    def __init__(self, stores: Stores, tally: Tally) -> None:
        """Start with nothing stored."""
        super().__init__()
        self.stores, self.backend, self.tally = stores, stores.backend, tally
        self.token = uuid.uuid4().hex
        self.model = Model(self.backend)
        self.sessions: list[str] = []
        self.agents: list[str] = []
        self.touched: set[str] = set()
        self.loses_reply = False

    def write(self, by: int, method: str, *arguments: Any) -> bool:
        """Do it to the model and to the store, and return whether it was done."""
        expected = outcome(lambda: getattr(self.model, method)(*arguments))
        name = getattr(arguments[0], "session_id", arguments[0])
        return self.write_as(by, name, expected, lambda repository: getattr(repository, method)(*arguments), method)

    def write_batch(self, by: int, actual: Batch, expected: Batch) -> bool:
        """Write a batch to the store and its like to the model: their versions are not the same."""
        error = outcome(lambda: self.model.write_log(expected))
        return self.write_as(by, actual.session_id, error, lambda repository: repository.write_log(actual), "write_log")

    def write_as(
        self, by: int, session_id: str, expected: Exception | None, call: Callable[[Any], Any], name: str
    ) -> bool:
        """Do it to the store, fail unless it ends as expected, and look at the session."""
        repository, wire = self.stores.writers[by], self.stores.wire
        is_broken = by == 1 and self.stores.is_cut
        loses_reply = wire and is_broken and self.loses_reply and expected is None
        if wire and loses_reply:
            repository.read_session(session_id)
            wire.lose_reply()
            self.loses_reply = False
        error = outcome(lambda: call(repository))
        shown = f"{name} in session {session_id!r}"
        if expected is None:
            assert error is None, f"{shown} failed: {error!r}"
            assert not loses_reply or not wire or not wire.loses_reply, f"{shown} sent nothing to the store"
        elif error is not None or not is_broken or name not in UNSURE:
            of = (type(expected), UnicodeError) if type(expected) is SessionException else type(expected)
            assert isinstance(error, of), f"{shown} must be a {type(expected).__name__} ({expected}), but was {error!r}"
        self.tally.acknowledged += error is None
        self.touched.add(session_id)
        self.check(session_id)
        return expected is None

    def check(self, session_id: str, *, whole: bool = False) -> None:
        """Fail unless the store holds of a session what the model holds.

        Args:
            session_id: The session.
            whole: Whether to look at it by every method, or only by as many as it takes to see most.
        """
        reader = self.stores.reader
        for agent_id in self.agents:
            if self.backend.atomic_batch:
                self.check_log(reader, session_id, agent_id)
            if whole or not self.backend.atomic_batch:
                self.read(reader, "read_agent", session_id, agent_id)
                self.read(reader, "list_messages", session_id, agent_id)
            if whole:
                self.read(reader, "read_message", session_id, agent_id, 1)
            if whole and self.backend.multi_agent:
                self.read(reader, "read_multi_agent", session_id, agent_id)
        if whole:
            self.read(reader, "read_session", session_id)
        if whole and self.backend.list_sessions:
            self.read(reader, "list_agents", session_id)

    def check_log(self, repository: Any, *place: str) -> None:
        """Fail unless the store restores what the model restores."""
        stored, expected = repository.read_log(*place), self.model.read_log(*place)
        read = stored and [stored.agent, stored.messages, stored.next_id]
        self.compare(read, expected and list(expected), f"read_log{place}")

    def read(self, repository: Any, method: str, *arguments: Any) -> None:
        """Read it from the model and from the store, and compare."""
        shown = f"{method}{arguments}"
        expected, actual = (result(getattr(source, method), *arguments) for source in (self.model, repository))
        if isinstance(expected, Exception):
            assert isinstance(actual, type(expected)), f"{shown} must be a {expected!r}, but was {actual!r}"
        else:
            assert not isinstance(actual, Exception), f"{shown} failed: {actual!r}"
            self.compare(actual, expected, shown)

    def compare(self, actual: Any, expected: Any, where: str) -> None:
        """Fail unless both are the same, records of the SDK's among them."""
        if isinstance(expected, list):
            assert isinstance(actual, list), f"{where} is {actual!r}, not {expected}"
            for one, other in zip(actual, expected, strict=False):
                self.compare(one, other, where)
            assert len(actual) == len(expected), f"{where} has {len(actual)} items, not {len(expected)}: {actual!r}"
        elif hasattr(expected, "created_at"):
            assert actual is not None, f"{where}: {expected} is not there"
            assert_same_record(actual, expected)
        else:
            assert_same(actual, expected, where)


def result(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call returns, or the error that it raises."""
    try:
        return call(*arguments)
    except (SessionException, ValueError) as error:
        return error
    except EventLoopException as error:  # what the SDK wraps around it
        return error.__cause__


def outcome(call: Callable[[], Any]) -> Exception | None:
    """Return the error that a call raises, None where it succeeds."""
    returned = result(call)
    return returned if isinstance(returned, Exception) else None


def close(repository: Any) -> None:
    """Close a repository that can be closed."""
    getattr(repository, "close", lambda: None)()
