"""Group N, fourth part: what a failed save left out is there after the next one, in order and once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from strands import Agent
from strands.hooks import BeforeModelCallEvent
from strands.types.exceptions import EventLoopException, SessionException

from . import package
from .backend import Backend
from .cases import Cases, hint, lifecycle, quick
from .faults import failing, mentions, watched
from .restore import rewrite, user
from .same import assert_same, assert_same_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Stored = Callable[..., Any]


@quick
@lifecycle
class Healing(Cases):
    """Group N, fourth part."""

    @pytest.mark.parametrize("times", [1, 2, 3, 4])
    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @hint(
        "What is known as stored moves forward after the write, not before it. An unsure write is repeated as it was."
    )
    def test_failed_saves(
        self, backend: Backend, new_agent: NewAgent, manager: Any, stored: Stored, times: int, executed: bool
    ) -> None:
        """N11: some saves fail, executed or not; after the next turn the store equals memory, in order, no hole."""
        live = new_agent(session_manager=manager)
        live("one")
        live.state.set("count", 1)
        with failing(*backend.writes(manager), times=times, executed=executed) as fault:
            for turn in range(times):
                if fault.left:
                    with pytest.raises(package.SessionUnavailableError):
                        live(f"failing {turn}")
        live("three")
        assert_stored(live, new_agent, stored)

    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @hint("The SDK wraps what a hook raises on an assistant's message. The message stays in memory: store it later.")
    def test_failed_answer(
        self, backend: Backend, new_agent: NewAgent, manager: Any, stored: Stored, executed: bool
    ) -> None:
        """N11: the save of an answer fails; after the next turn it is stored, once, where it belongs."""
        live = new_agent(session_manager=manager)
        live("one")
        fault = failing(*backend.writes(manager), executed=executed, when=mentions("answer 2"))
        with fault, pytest.raises(EventLoopException) as raised:
            live("two")
        assert isinstance(raised.value.__cause__, package.SessionUnavailableError)
        live("three")
        assert_stored(live, new_agent, stored)

    @hint("Look for a save whose outcome is unknown once no write is in flight any more, not before.")
    def test_lost_reply_while_a_save_waits(
        self, backend: Backend, new_agent: NewAgent, manager: Any, stored: Stored
    ) -> None:
        """N11: a reply is lost while another thread's save of the agent waits: that one settles it, and is stored."""
        live = new_agent(session_manager=manager)
        live("one")
        live.messages.append(user("two"))
        with ThreadPoolExecutor(1) as thread:
            waiting = []

            def begin_another(*args: Any, **kwargs: Any) -> bool:
                live.state.set("count", 1)
                waiting.append(thread.submit(manager.sync_agent, live))
                time.sleep(0.2)
                return True

            fault = failing(*backend.writes(manager), executed=True, when=begin_another)
            with fault, pytest.raises(package.SessionUnavailableError):
                manager.sync_agent(live)
            waiting[0].result(20)
        assert_stored(live, new_agent, stored)

    @hint("Nothing of the state was stored: what is known of it must not have moved either.")
    def test_failed_state(self, backend: Backend, new_agent: NewAgent, manager: Any, stored: Stored) -> None:
        """N11: the save of a state fails, others succeed; after the next turn state and messages are stored."""
        live = new_agent(session_manager=manager)
        live("one")
        live.state.set("count", 1)
        with failing(*backend.writes(manager), when=mentions("count")), pytest.raises(SessionException):
            manager.sync_agent(live)
        live("two")
        assert_stored(live, new_agent, stored)

    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @hint("A rewritten message stays to be written until its update succeeded.")
    def test_failed_update(
        self, backend: Backend, new_agent: NewAgent, manager: Any, stored: Stored, executed: bool
    ) -> None:
        """N11: the save of a rewritten message fails; the next one stores it as it is by then."""
        live = new_agent(session_manager=manager)
        live("one")
        for text in ("first", "second"):
            rewrite(live.messages[0], text)
            with failing(*backend.writes(manager), executed=executed), pytest.raises(SessionException):
                manager.sync_agent(live)
        rewrite(live.messages[0], "third")
        live("two")
        assert_stored(live, new_agent, stored)

    @hint("Messages that were unsaved when they were removed or trimmed must not come back, nor leave a hole.")
    def test_unsaved_and_removed(self, backend: Backend, new_agent: NewAgent, manager: Any) -> None:
        """N11: messages whose save failed are removed from memory; the next save stores what is there then."""
        live = new_agent(session_manager=manager)
        live("one")
        live.messages += [user("two"), user("three")]
        with failing(*backend.writes(manager)), pytest.raises(SessionException):
            manager.sync_agent(live)
        del live.messages[-1]
        live("four")
        assert_same_agent(new_agent(), live)

    @hint("The first save of a new agent may fail, too: the same manager can build it again.")
    def test_failed_start(self, backend: Backend, new_agent: NewAgent, manager: Any) -> None:
        """N11: the first save of an agent fails; it is built again with the same manager, and stored."""
        for executed in (False, True):
            agent_id = f"agent-{executed}"
            fault = failing(*backend.writes(manager), executed=executed)
            with fault, pytest.raises(package.SessionUnavailableError):
                new_agent(session_manager=manager, messages=[user("given")], agent_id=agent_id)
            live = new_agent(session_manager=manager, messages=[user("given")], agent_id=agent_id)
            live("one")
            assert_same_agent(new_agent(agent_id=agent_id), live)

    @hint("A read that fails is not an empty session: raise, and write nothing over what could not be read.")
    def test_failed_restore(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """F6, N11: a restore whose read fails is an error, writes nothing, and can be tried again."""
        live = new_agent()
        live("one")
        manager: Any = new_manager()
        with (
            failing(*backend.reads(manager)),
            watched(*backend.writes(manager)) as writes,
            pytest.raises(package.SessionUnavailableError),
        ):
            new_agent(session_manager=manager)
        assert writes == []
        assert_same_agent(new_agent(session_manager=manager), live)

    @pytest.mark.parametrize("where", ["message", "depth", "state"])
    @hint("Serialise before anything is written, and forget the save that cannot be: the same again would fail again.")
    def test_unstorable(self, new_agent: NewAgent, manager: Any, stored: Stored, where: str) -> None:
        """N11: what JSON cannot express is an error that writes nothing; once it is gone, all else is stored."""
        live = new_agent(session_manager=manager)
        live("one")
        before = stored()
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
        assert_same(stored(), before)
        if where != "state":
            del live.messages[-1]
        else:
            live.state.delete("set")
        live("two")
        assert_stored(live, new_agent, stored)

    @hint("The messages before the one that failed are part of the same save: nothing is acknowledged in between.")
    def test_failure_within_a_turn(self, backend: Backend, new_agent: NewAgent, manager: Any, stored: Stored) -> None:
        """N11: the connection breaks in the middle of a turn and comes back: the turn's end stores all of it."""

        def break_it(event: BeforeModelCallEvent) -> None:
            event.agent.state.set("called", True)
            with failing(*backend.writes(manager)), pytest.raises(SessionException):
                manager.sync_agent(event.agent)

        live = new_agent(session_manager=manager, hooks=[break_it])
        live("one")
        live("two")
        assert_stored(live, new_agent, stored)


def assert_stored(live: Agent, new_agent: NewAgent, stored: Stored) -> None:
    """Fail unless a restored agent equals the live one, whose messages are stored in order, once, without a hole."""
    assert_same_agent(new_agent(agent_id=live.agent_id), live)
    assert_same(stored(live.agent_id), live.messages)


def nested(depth: int) -> list[Any]:
    """A list in a list in a list, deeper than Python goes."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made
