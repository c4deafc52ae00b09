"""Group N, fourth part: what a failed save left out is there after the next one, in order and once."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from strands import Agent
from strands.hooks import BeforeModelCallEvent
from strands.types.exceptions import EventLoopException, SessionException

from . import package
from .cases import Cases, hint, lifecycle, quick
from .faults import failing, use_single_methods
from .records import ids
from .restore import rewrite, user
from .same import assert_same, assert_same_agent, assert_same_record

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Reopen = Callable[..., Any]


@quick
@lifecycle
class Healing(Cases):
    """Group N, fourth part."""

    @pytest.mark.parametrize("times", [1, 2, 3, 4])
    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @hint(
        "What is known as stored moves forward after the write, not before it. An unsure write is repeated as it was."
    )
    def test_failed_saves(self, new_agent: NewAgent, manager: Any, reopen: Reopen, times: int, executed: bool) -> None:
        """N11: some saves fail, executed or not; after the next turn the store equals memory, in order, no hole."""
        live = new_agent(session_manager=manager)
        live("one")
        live.state.set("count", 1)
        with failing(manager.session_repository, times=times, executed=executed) as fault:
            for turn in range(times):
                if fault.left:
                    with pytest.raises(package.SessionUnavailableError):
                        live(f"failing {turn}")
        live("three")
        assert_stored(live, new_agent, reopen, manager.session_id)

    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @hint("The SDK wraps what a hook raises on an assistant's message. The message stays in memory: store it later.")
    def test_failed_answer(self, new_agent: NewAgent, manager: Any, reopen: Reopen, executed: bool) -> None:
        """N11: the save of an answer fails; after the next turn it is stored, once, where it belongs."""
        live = new_agent(session_manager=manager)
        live("one")
        fault = failing(manager.session_repository, executed=executed, when=creates("assistant"))
        with fault, pytest.raises(EventLoopException) as raised:
            live("two")
        assert isinstance(raised.value.__cause__, package.SessionUnavailableError)
        live("three")
        assert_stored(live, new_agent, reopen, manager.session_id)

    @pytest.mark.parametrize("method", ["create_message", "update_agent"])
    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @hint("Over the single methods a save is written in part: the same again must be recognised, record by record.")
    def test_save_in_part(
        self, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str, method: str, executed: bool
    ) -> None:
        """N11: over the single methods a save breaks in its middle; the next one completes it."""
        manager: Any = new_manager()
        use_single_methods(manager.session_repository)
        live = new_agent(session_manager=manager)
        live("one")
        live.state.set("count", 1)
        live.messages += [user("two"), user("three", role="assistant"), user("four")]
        after = {"create_message": 1, "update_agent": 0}[method]
        with failing(manager.session_repository, method, executed=executed, after=after), suppress(SessionException):
            manager.sync_agent(live)  # an error, or the repository found out by itself that it was executed
        manager.sync_agent(live)
        assert_stored(live, new_agent, reopen, session_id)

    @hint("Nothing of the agent record was stored: what is known of it must not have moved either.")
    def test_failed_agent_record(self, new_agent: NewAgent, manager: Any, reopen: Reopen) -> None:
        """N11: the save of an agent record fails, others succeed; after the next turn state and messages are stored."""
        live = new_agent(session_manager=manager)
        live("one")
        live.state.set("count", 1)
        writes_agent = failing(manager.session_repository, when=lambda batch, **_: batch.agent is not None)
        with writes_agent, pytest.raises(SessionException):
            manager.sync_agent(live)
        live("two")
        assert_stored(live, new_agent, reopen, manager.session_id)

    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @hint("A rewritten message stays to be written until its update succeeded.")
    def test_failed_update(self, new_agent: NewAgent, manager: Any, reopen: Reopen, executed: bool) -> None:
        """N11: the save of a rewritten message fails; the next one stores it as it is by then."""
        live = new_agent(session_manager=manager)
        live("one")
        for text in ("first", "second"):
            rewrite(live.messages[0], text)
            with failing(manager.session_repository, executed=executed), pytest.raises(SessionException):
                manager.sync_agent(live)
        rewrite(live.messages[0], "third")
        live("two")
        assert_stored(live, new_agent, reopen, manager.session_id)

    @hint("Messages that were unsaved when they were removed or trimmed must not come back, nor leave a hole.")
    def test_unsaved_and_removed(self, new_agent: NewAgent, manager: Any, reopen: Reopen) -> None:
        """N11: messages whose save failed are removed from memory; the next save stores what is there then."""
        live = new_agent(session_manager=manager)
        live("one")
        live.messages += [user("two"), user("three")]
        with failing(manager.session_repository), pytest.raises(SessionException):
            manager.sync_agent(live)
        del live.messages[-1]
        live("four")
        assert_same_agent(new_agent(), live)

    @hint("The first save of a new agent may fail, too: the same manager can build it again.")
    def test_failed_start(self, new_agent: NewAgent, manager: Any, reopen: Reopen) -> None:
        """N11: the first save of an agent fails; it is built again with the same manager, and stored."""
        for executed in (False, True):
            agent_id = f"agent-{executed}"
            fault = failing(manager.session_repository, executed=executed)
            with fault, pytest.raises(package.SessionUnavailableError):
                new_agent(session_manager=manager, messages=[user("given")], agent_id=agent_id)
            live = new_agent(session_manager=manager, messages=[user("given")], agent_id=agent_id)
            live("one")
            assert_same_agent(new_agent(agent_id=agent_id), live)

    @hint("A read that fails is not an empty session: raise, and write nothing over what could not be read.")
    def test_failed_restore(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """F6, N11: a restore whose read fails is an error, writes nothing, and can be tried again."""
        live = new_agent()
        live("one")
        manager: Any = new_manager()
        with failing(manager.session_repository, "read_log"), pytest.raises(package.SessionUnavailableError):
            new_agent(session_manager=manager)
        assert_same_agent(new_agent(session_manager=manager), live)

    @pytest.mark.parametrize("where", ["message", "depth", "state"])
    @hint("Serialise before anything is written, and forget the save that cannot be: the same again would fail again.")
    def test_unstorable(self, new_agent: NewAgent, manager: Any, reopen: Reopen, where: str) -> None:
        """N11: what JSON cannot express is an error that writes nothing; once it is gone, all else is stored."""
        live = new_agent(session_manager=manager)
        live("one")
        before = reopen().list_messages(manager.session_id, live.agent_id)
        live.messages.append(user("fine"))
        if where == "message":
            live.messages.append(user({1, 2}))
        elif where == "depth":
            live.messages.append(user({"deep": nested(50_000)}))
        else:
            live.state._data["set"] = {1, 2}
            live.state.set("fine", 1)
        with pytest.raises(SessionException):
            manager.sync_agent(live)
        after = reopen().list_messages(manager.session_id, live.agent_id)
        assert ids(after) == ids(before)
        if where != "state":
            del live.messages[-1]
        else:
            live.state.delete("set")
        live("two")
        assert_stored(live, new_agent, reopen, manager.session_id)

    @hint("The record of a new agent names no message: it may be stored before they are.")
    def test_new_agent_in_part(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """N11: a new agent of which only the record was stored can be built again."""
        manager: Any = new_manager()
        use_single_methods(manager.session_repository)
        with failing(manager.session_repository, "create_message"), pytest.raises(SessionException):
            new_agent(session_manager=manager, messages=[user("one")])
        live = new_agent()
        live("two")
        assert_same_agent(new_agent(), live)

    @hint("The messages before the one that failed are part of the same save: nothing is acknowledged in between.")
    def test_failure_within_a_turn(self, new_agent: NewAgent, manager: Any, reopen: Reopen) -> None:
        """N11: the connection breaks in the middle of a turn and comes back: the turn's end stores all of it."""

        def break_it(event: BeforeModelCallEvent) -> None:
            event.agent.state.set("called", True)
            with failing(manager.session_repository), pytest.raises(SessionException):
                manager.sync_agent(event.agent)

        live = new_agent(session_manager=manager, hooks=[break_it])
        live("one")
        live("two")
        assert_stored(live, new_agent, reopen, manager.session_id)


def creates(role: str) -> Callable[..., bool]:
    """Choose the batches that create a message of a role."""
    return lambda batch, **_: any(record.message["role"] == role for record in batch.create)


def assert_stored(live: Agent, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
    """Fail unless a restored agent equals the live one, whose messages are stored in order, once, without a hole."""
    assert_same_agent(new_agent(agent_id=live.agent_id), live)
    stored = reopen().list_messages(session_id, live.agent_id)
    assert ids(stored) == list(range(len(live.messages)))
    assert_same([record.to_message() for record in stored], live.messages)
    for record in stored:
        assert_same_record(reopen().read_message(session_id, live.agent_id, record.message_id), record)


def nested(depth: int) -> list[Any]:
    """A list in a list in a list, deeper than Python goes."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made
