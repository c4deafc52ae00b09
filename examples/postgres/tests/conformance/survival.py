"""Group Q: second writers, lost replies and lost sessions. Each is refused or survived, and never goes unnoticed."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from strands import Agent
from strands.types.exceptions import EventLoopException, SessionException

from . import package
from .backend import Backend
from .cases import Cases, deletion, hint, lifecycle, messages, quick, requires
from .faults import failing
from .records import AGENT_ID, agent, assert_json, create, ids, message, session, texts
from .same import assert_same, assert_same_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Reopen = Callable[..., Any]

SECRET = "hunter2-hunter2"


class Survival(Cases):
    """Group Q."""

    @quick
    @deletion
    @pytest.mark.parametrize(
        ("gone", "stays"), [("{}-1", "{}-10"), ("{}-*", "{}-1"), ("{}-?", "{}-1"), ("{}-[1]", "{}-1")]
    )
    @hint("A session is deleted by its id, the whole id, which is no prefix and no pattern.")
    def test_deletion_reaches_no_further(
        self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str], gone: str, stays: str
    ) -> None:
        """Q1: deleting u-1 leaves u-10, and deleting u-*, u-? or u-[1] leaves u-1."""
        token = new_session_id()
        gone, stays = (new_session_id(one.replace("{}", token)) for one in (gone, stays))
        for session_id in (gone, stays):
            create(repository, session_id, message(0, session_id))
        repository.delete_session(gone)
        assert reopen().read_session(gone) is None
        assert texts(reopen().list_messages(stays, AGENT_ID)) == [stays]

    @lifecycle
    @requires("conflict")
    @hint("Each save names the state that it builds on, and is refused as a whole where that is not what is stored.")
    def test_two_writers(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
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
        stored = reopen().list_messages(session_id, "default")
        assert ids(stored) == list(range(len(stored)))
        said = texts(stored)
        assert set(Counter(text for text in said if not text.startswith("answer")).values()) == {1}
        for prompt in acknowledged:
            assert prompt in said
            assert said[said.index(prompt) + 1].startswith("answer")
        assert len(acknowledged) >= 20, "hardly a turn got through"

    @quick
    @deletion
    @hint("Agents and messages belong to a session: look for it in the same step that inserts, or use a foreign key.")
    def test_deleted_session(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """Q3: nothing can be written into a session that somebody deleted, and nothing is left of the attempt."""
        create(repository, session_id, message(0))
        reopen().delete_session(session_id)
        for call in (
            lambda: repository.create_agent(session_id, agent()),
            lambda: repository.update_agent(session_id, agent()),
            lambda: repository.create_message(session_id, AGENT_ID, message(1)),
            lambda: repository.update_message(session_id, AGENT_ID, message(0)),
        ):
            with pytest.raises(package.SessionNotFoundError):
                call()
        assert reopen().read_session(session_id) is None
        assert session_id.encode() not in backend.dump()

    @quick
    @messages
    @hint("A message belongs to an agent: one whose agent does not exist would never be found, and never be deleted.")
    def test_message_without_agent(self, repository: Any, session_id: str) -> None:
        """Q3: a message for an agent that does not exist is refused."""
        repository.create_session(session(session_id))
        with pytest.raises(package.SessionNotFoundError):
            repository.create_message(session_id, "nobody", message(0))

    @quick
    @lifecycle
    @pytest.mark.parametrize("change", ["turn", "state", "rewrite"])
    @hint("A write into a session that is gone is an error that names it. It must not create the session again.")
    def test_session_lost_under_an_agent(
        self, backend: Backend, new_agent: NewAgent, reopen: Reopen, session_id: str, change: str
    ) -> None:
        """Q4: when the store lost the session under a live agent, its next write says so, and re-creates nothing."""
        manager: Any = backend.manager(session_id)
        live = new_agent(session_manager=manager)
        live("one")
        reopen().delete_session(session_id)
        with pytest.raises(package.SessionNotFoundError, match=session_id):
            make_a_change(change, live, manager)
        assert reopen().read_session(session_id) is None
        manager.close()
        assert session_id.encode() not in backend.dump()

    @quick
    @lifecycle
    @requires("conflict")
    @pytest.mark.parametrize("change", ["turn", "state", "rewrite"])
    @hint("An agent that was deleted and created anew has another version: that its next id is free is not enough.")
    def test_old_and_new_history(
        self, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str, change: str
    ) -> None:
        """Q4: an agent of a session that was deleted and begun anew cannot write into the new one."""
        old_manager = new_manager()
        old = new_agent(session_manager=old_manager)
        old("old one")
        old("old two")
        reopen().delete_session(session_id)
        new = new_agent()
        new("new")
        with pytest.raises(package.SessionConflictError):
            make_a_change(change, old, old_manager)
        new("newer")
        assert texts(reopen().list_messages(session_id, new.agent_id)) == ["new", "answer 1", "newer", "answer 2"]
        assert_same_agent(new_agent(), new)

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
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str
    ) -> None:
        """Q7: the reply to a save is lost, then its message is redacted: one record, redacted, no false conflict."""
        manager: Any = new_manager()
        live = new_agent(session_manager=manager)
        live("one")
        with failing(manager.session_repository, executed=True, times=2), pytest.raises(SessionException):
            live(SECRET)
        assert SECRET.encode() in backend.dump(), "the save was not executed"
        live.messages[-1]["content"] = [{"text": "[redacted]"}]
        manager.redact_latest_message(live.messages[-1], live)
        assert SECRET.encode() not in backend.dump()
        live("two")
        stored = reopen().list_messages(session_id, live.agent_id)
        assert texts(stored) == ["one", "answer 1", "[redacted]", "two", "answer 2"]
        assert_same_agent(new_agent(), live)

    @quick
    @lifecycle
    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "executed"])
    @hint("A write in flight outlives the turn that waited for it: wait for its end before the next capture.")
    def test_cancelled_turn(
        self, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str, executed: bool
    ) -> None:
        """Q7: a turn is cancelled while its save is in flight: nothing is stored twice, no false conflict."""
        manager: Any = new_manager()
        live = new_agent(session_manager=manager)
        live("one")
        write_log, started, proceed = manager.session_repository.write_log, threading.Event(), threading.Event()

        def slow_write_log(*args: Any, **kwargs: Any) -> None:
            started.set()
            proceed.wait(30)
            if executed:
                write_log(*args, **kwargs)
            else:
                raise package.SessionUnavailableError("the kit cut the connection")

        async def cancel_a_turn() -> None:
            turn = asyncio.create_task(live.invoke_async("two"))
            await asyncio.to_thread(started.wait, 30)
            turn.cancel()
            manager.session_repository.write_log = write_log
            asyncio.get_running_loop().call_soon(proceed.set)
            with pytest.raises(asyncio.CancelledError):
                await turn

        manager.session_repository.write_log = slow_write_log
        asyncio.run(cancel_a_turn())
        live("three")
        stored = reopen().list_messages(session_id, live.agent_id)
        assert_same([record.to_message() for record in stored], live.messages)
        assert texts(stored) == ["one", "answer 1", "two", "three", "answer 2"]
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

    @quick
    @messages
    @hint("json.dumps of to_dict() is what exporters do: timestamps are strings, bytes are encoded.")
    def test_records_are_json(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """Q9: every record that is read can be written as JSON, and its timestamps are ISO strings."""
        create(repository, session_id, message(0, {"image": {"format": "png", "source": {"bytes": b"\x00\xff"}}}))
        again = reopen()
        records: list[Any] = [again.read_session(session_id), again.read_agent(session_id, AGENT_ID)]
        records += [again.read_message(session_id, AGENT_ID, 0), *again.list_messages(session_id, AGENT_ID)]
        assert_json(records)


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
