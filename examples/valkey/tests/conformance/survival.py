"""Group Q: second writers, lost replies and lost sessions. Each is refused or survived, and never goes unnoticed."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from strands import Agent
from strands.types.exceptions import EventLoopException, SessionException

from . import package, processes
from .backend import Backend
from .cases import Cases, hint, lifecycle, quick, requires
from .faults import failing
from .processes import PATIENCE, OtherProcess
from .records import texts
from .same import assert_same, assert_same_agent
from .scripted_model import scripted_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Stored = Callable[..., Any]

SECRET = "hunter2-hunter2"


class Survival(Cases):
    """Group Q."""

    @lifecycle
    @requires("conflict")
    @hint("Each save names the state that it builds on, and is refused as a whole where that is not what is stored.")
    def test_two_writers(self, new_agent: NewAgent, stored: Stored) -> None:
        """Q2: of two writers with 100 turns each, every acknowledged turn is stored once, and no message twice."""
        new_agent()
        acknowledged: list[str] = []
        errors: list[BaseException | None] = []

        def write(name: str) -> None:
            live = None
            for turn in range(100):
                try:
                    live = live or new_agent()
                    live(f"{name} {turn}")
                    acknowledged.append(f"{name} {turn}")
                except Exception as error:
                    errors.append(error.__cause__ if isinstance(error, EventLoopException) else error)
                    live = None

        writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert {type(error) for error in errors} <= {package.SessionConflictError}, errors
        said = texts(stored())
        assert set(Counter(text for text in said if not text.startswith("answer")).values()) == {1}
        for prompt in acknowledged:
            assert prompt in said
            assert said[said.index(prompt) + 1].startswith("answer")
        assert len(acknowledged) >= 20, "hardly a turn got through"

    @quick
    @lifecycle
    @requires("deletes")
    @pytest.mark.parametrize("change", ["turn", "state", "rewrite"])
    @hint("A write into a session that is gone is an error that names it. It must not create the session again.")
    def test_session_lost_under_an_agent(
        self, backend: Backend, new_agent: NewAgent, stored: Stored, session_id: str, change: str
    ) -> None:
        """Q4: when the store lost the session under a live agent, its next write says so, and re-creates nothing."""
        manager: Any = backend.manager(session_id)
        live = new_agent(session_manager=manager)
        live("one")
        backend.forget(session_id)
        with pytest.raises(package.SessionNotFoundError, match=session_id):
            make_a_change(change, live, manager)
        manager.close()
        assert stored() is None

    @quick
    @lifecycle
    @requires("conflict")
    @requires("deletes")
    @pytest.mark.parametrize("change", ["turn", "state", "rewrite"])
    @hint("An agent that was deleted and created anew has another version: that its next id is free is not enough.")
    def test_old_and_new_history(
        self,
        backend: Backend,
        new_agent: NewAgent,
        new_manager: NewManager,
        stored: Stored,
        session_id: str,
        change: str,
    ) -> None:
        """Q4: an agent of a session that was deleted and begun anew cannot write into the new one."""
        old_manager = new_manager()
        old = new_agent(session_manager=old_manager)
        old("old one")
        old("old two")
        backend.forget(session_id)
        new = new_agent()
        new("new")
        with pytest.raises(package.SessionConflictError):
            make_a_change(change, old, old_manager)
        new("newer")
        assert texts(stored()) == ["new", "answer 1", "newer", "answer 2"]
        assert_same_agent(new_agent(), new)

    @lifecycle
    @hint(
        "The second process finds the session, or the agent, that the first one is just creating, and attaches to it."
    )
    def test_processes_start_at_once(self, backend: Backend, new_agent: NewAgent, session_id: str) -> None:
        """J4: of 4 processes that open one new session at once, with an agent each and one in common, none fails."""
        barrier = processes.CONTEXT.Barrier(4)
        with ExitStack() as running:
            starting = [
                running.enter_context(OtherProcess(start_at_once, backend.options(), session_id, number, barrier))
                for number in range(4)
            ]
            assert [process.report() for process in starting] == ["fine"] * 4
        for number in range(4):
            assert len(new_agent(agent_id=f"agent-{number}").messages) == 2
        assert new_agent(agent_id="common").messages == []

    @quick
    @lifecycle
    @requires("conflict")
    @pytest.mark.parametrize("one", ["turn", "state", "rewrite"])
    @pytest.mark.parametrize("other", ["turn", "state", "rewrite"])
    @hint("The agent has a version, and each save but an append gives it a new one; an append takes the next id.")
    def test_second_writer(self, new_agent: NewAgent, new_manager: NewManager, one: str, other: str) -> None:
        """J2, Q6: of two live agents one appends, sets state or rewrites a message: all of the other is refused."""
        new_agent()("begin")
        managers = [new_manager(), new_manager()]
        first, second = (new_agent(session_manager=manager) for manager in managers)
        make_a_change(one, first, managers[0])
        with pytest.raises(package.SessionConflictError):
            make_a_change(other, second, managers[1])
        assert_same_agent(new_agent(), first)

    @quick
    @lifecycle
    @hint("Two live agents take the same id for different messages: create is an insert, and the second one an error.")
    def test_two_writers_of_messages(self, new_agent: NewAgent) -> None:
        """J2: two live agents append: the first one's messages are stored, the second one is refused."""
        first, second = new_agent(), new_agent()
        first("first")
        with pytest.raises(package.SessionConflictError):
            second("second")
        assert_same_agent(new_agent(), first)

    @quick
    @lifecycle
    @hint("After a lost reply repeat the same write first, to the byte, and only then write what changed meanwhile.")
    def test_lost_reply_then_redaction(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, stored: Stored
    ) -> None:
        """Q7: the reply to a save is lost, then its message is redacted: one message, redacted, no false conflict."""
        manager: Any = new_manager()
        live = new_agent(session_manager=manager)
        live("one")
        with failing(*backend.writes(manager), executed=True, times=2), pytest.raises(SessionException):
            live(SECRET)
        assert not backend.redacts or SECRET.encode() in backend.dump(), "the save was not executed"
        live.messages[-1]["content"] = [{"text": "[redacted]"}]
        manager.redact_latest_message(live.messages[-1], live)
        assert not backend.redacts or SECRET.encode() not in backend.dump()
        live("two")
        assert texts(stored()) == ["one", "answer 1", "[redacted]", "two", "answer 2"]
        assert_same_agent(new_agent(), live)

    @quick
    @lifecycle
    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "executed"])
    @hint("A write in flight outlives the turn that waited for it: wait for its end before the next capture.")
    def test_cancelled_turn(
        self,
        backend: Backend,
        new_agent: NewAgent,
        new_manager: NewManager,
        stored: Stored,
        monkeypatch: pytest.MonkeyPatch,
        executed: bool,
    ) -> None:
        """Q7: a turn is cancelled while its save is in flight: nothing is stored twice, no false conflict."""
        manager: Any = new_manager()
        live = new_agent(session_manager=manager)
        live("one")
        owner, method = backend.writes(manager)
        write, started, proceed = getattr(owner, method), threading.Event(), threading.Event()

        def slow_write(*args: Any, **kwargs: Any) -> Any:
            started.set()
            proceed.wait(30)
            if executed:
                return write(*args, **kwargs)
            raise package.SessionUnavailableError("the kit cut the connection")

        async def cancel_a_turn() -> None:
            turn = asyncio.create_task(live.invoke_async("two"))
            await asyncio.to_thread(started.wait, 30)
            turn.cancel()
            monkeypatch.undo()
            asyncio.get_running_loop().call_soon(proceed.set)
            with pytest.raises(asyncio.CancelledError):
                await turn

        monkeypatch.setattr(owner, method, slow_write)
        asyncio.run(cancel_a_turn())
        live("three")
        assert_same(stored(), live.messages)
        assert texts(stored()) == ["one", "answer 1", "two", "three", "answer 2"]
        assert_same_agent(new_agent(), live)

    @quick
    @lifecycle
    @hint("After a conflict this agent's memory is not what is stored: whatever it would write next is wrong.")
    def test_after_a_conflict(self, new_agent: NewAgent, manager: Any) -> None:
        """Q8: after a conflict every write of that agent is refused alike; a new agent restores, and goes on."""
        first, second = new_agent(), new_agent(session_manager=manager)
        first("first")
        with pytest.raises(package.SessionConflictError):
            second("second")
        for change in ("turn", "state", "rewrite", "turn"):
            with pytest.raises(package.SessionConflictError):
                make_a_change(change, second, manager)
        second.messages.clear()  # what clashed is gone, but what the other one wrote is still unknown here
        with pytest.raises(package.SessionConflictError):
            manager.sync_agent(second)
        third = new_agent()
        assert_same_agent(third, first)
        third("third")
        assert_same_agent(new_agent(), third)
        fourth = new_agent(session_manager=manager)  # the manager of the refused one serves a new one
        assert_same_agent(fourth, third)
        fourth("fourth")
        assert_same_agent(new_agent(), fourth)
        with pytest.raises(package.SessionConflictError):
            second("and the refused one stays refused")


def start_at_once(options: dict[str, Any], session_id: str, number: int, barrier: Barrier, pipe: Connection) -> None:
    """Open a session when all processes are ready to, and talk."""
    try:
        barrier.wait(PATIENCE)
        with package.SessionManager(session_id, **options) as manager:
            scripted_agent(manager, agent_id="common")
            scripted_agent(manager, agent_id=f"agent-{number}")("hi")
        pipe.send("fine")
    except BaseException as error:
        pipe.send(repr(error))


def make_a_change(change: str, live: Agent, manager: Any) -> None:
    """Let an agent talk, or change its state or a stored message, and save that."""
    if change == "turn":
        live("hi")
        return
    if change == "state":
        live.state.set("changed", True)
    else:
        live.messages[0]["content"] = [{"text": "rewritten"}]
    manager.sync_agent(live)
