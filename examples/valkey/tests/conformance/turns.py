"""Group A, with real agents: a conversation is there again in another process, and costs no more than it must."""

from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pytest
from strands import tool
from strands.types.exceptions import SessionException

from . import package
from .backend import Backend
from .cases import Cases, hint, lifecycle, quick
from .faults import watching
from .processes import OtherProcess
from .records import AGENT_ID, assert_json, ids, texts
from .restore import user
from .same import assert_same, assert_same_agent
from .scripted_model import Call, scripted_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Reopen = Callable[..., Any]


@lifecycle
class Turns(Cases):
    """Group A, with real agents."""

    @hint("A message is in the store when its hook returns: not in a buffer, not in an open transaction.")
    def test_killed_process(self, backend: Backend, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """A8, K7: of a process that is killed in a tool call all is restored, and the next one goes on."""
        with OtherProcess(talk_until_killed, backend.options(), session_id) as process:
            said = process.report()
        restored = new_agent()
        assert_same(restored.messages, said["messages"])
        assert_same(restored.state.get(), said["state"])
        restored("are you still there?")
        assert ids(reopen().list_messages(session_id, restored.agent_id)) == list(range(9))
        assert_same_agent(new_agent(), restored)

    @quick
    @hint("Without a turn in between: what was restored is what the next restore gives.")
    def test_restored_again(self, new_agent: NewAgent) -> None:
        """A8: an agent is restored twice without a turn, talks, and is restored again, equal each time."""
        live = new_agent()
        live("one")
        assert_same_agent(new_agent(), live)
        restored = new_agent()
        assert_same_agent(restored, live)
        restored("two")
        assert_same_agent(new_agent(), restored)

    @quick
    @hint("A session that this manager has just created holds nothing: do not read it.")
    def test_new_session_is_not_read(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """A9: in a session that was just created nothing is read, neither the agent nor its messages."""
        manager: Any = new_manager()
        with watching(manager.session_repository) as calls:
            new_agent(session_manager=manager)("hi")
        assert not [name for name, _ in calls if name.startswith(("read_", "list_"))]

    @quick
    @hint("Write the agent record only where it changed: what is appended follows the layout by itself.")
    def test_unchanged_agent_is_not_written(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """A10: from the second turn on, an unchanged agent writes its messages, each once, and nothing else."""
        manager: Any = new_manager()
        live = new_agent(session_manager=manager, state={"large": "x" * 100_000})
        live("one")
        with watching(manager.session_repository) as calls:
            live("two")
            live("three")
            manager.sync_agent(live)
        batches = [args[0] for name, args in calls if name == "write_log"]
        assert [batch.agent for batch in batches] == [None] * len(batches)
        assert [ids(batch.create) for batch in batches] == [[2], [3], [4], [5]]
        assert "update_agent" not in {name for name, _ in calls}

    @quick
    @hint("After a restore, too, only what is new is written: what was read is what is stored.")
    def test_restored_agent_is_not_written(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """A10: a restored agent writes nothing before it changes, and then only its new messages."""
        live = new_agent(state={"large": "x" * 100_000})
        live("one")
        manager: Any = new_manager()
        with watching(manager.session_repository) as calls:
            restored = new_agent(session_manager=manager)
            manager.sync_agent(restored)
            restored("two")
        batches = [args[0] for name, args in calls if name == "write_log"]
        assert [batch.agent for batch in batches] == [None] * len(batches)
        assert [ids(batch.create) for batch in batches] == [[2], [3]]

    @quick
    @hint("The record is written anew with each change of state; when the agent was created stays.")
    def test_age_of_an_agent(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """A4: an agent keeps the time of its creation, here and after a restore, and is updated later each time."""
        times = []
        for turn in range(3):
            live = new_agent()
            for change in ("a", "b"):
                live.state.set(change, turn)
                live("hi")
                record = reopen().read_agent(session_id, live.agent_id)
                assert_json([record])
                assert record.created_at <= record.updated_at
                times.append((record.created_at, record.updated_at))
        assert len({created for created, _ in times}) == 1
        assert [updated for _, updated in times] == sorted({updated for _, updated in times})

    @quick
    @hint("The SDK calls the hooks, others may call the method itself, as the interface has it.")
    def test_append_message(self, new_agent: NewAgent, manager: Any) -> None:
        """A: append_message stores a message once, whether the agent has it already or not."""
        live = new_agent(session_manager=manager)
        live("one")
        live.messages.append(user("appended"))
        manager.append_message(live.messages[-1], live)
        manager.append_message(user("given", role="assistant"), live)
        assert texts(live.messages) == ["one", "answer 1", "appended", "given"]
        assert_same_agent(new_agent(), live)

    @quick
    @hint("Look for the session, and raise if there is none, before anything is written.")
    def test_missing_session(self, backend: Backend, reopen: Reopen, session_id: str) -> None:
        """A: with auto_create=False a session that does not exist is an error, and is not created."""
        with pytest.raises(package.SessionNotFoundError, match=session_id):
            backend.manager(session_id, auto_create=False)
        assert reopen().read_session(session_id) is None

    @quick
    @hint("An existing session is opened as it is.")
    def test_existing_session(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """A: with auto_create=False a session that exists is opened, with its agents."""
        live = new_agent()
        live("hi")
        assert_same_agent(new_agent(session_manager=new_manager(auto_create=False)), live)

    @quick
    @hint("Each agent of a session has a log of its own, also within one manager.")
    def test_several_agents(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """H6: agents share a manager, each with its own conversation and state; the same id twice is an error."""
        manager = new_manager()
        agents = [new_agent(agent_id=f"agent-{number}", session_manager=manager) for number in range(3)]
        for turn in range(2):
            for live in agents:
                live.state.set("me", live.agent_id)
                live(f"{live.agent_id} {turn}")
        with pytest.raises(SessionException):
            new_agent(agent_id="agent-0", session_manager=manager)
        for live in agents:
            assert_same_agent(new_agent(agent_id=live.agent_id), live)

    @quick
    @hint("Without ids the manager means its own session and the only agent in it.")
    def test_inspection(self, new_agent: NewAgent, new_manager: NewManager, session_id: str) -> None:
        """A: a manager reads its session and its only agent without their ids; of several it asks for one."""
        manager: Any = new_manager()
        live = new_agent(session_manager=manager, agent_id=AGENT_ID)
        live("hi")
        assert manager.read_session().session_id == session_id
        assert manager.read_agent().agent_id == AGENT_ID
        assert ids(manager.list_messages()) == [0, 1]
        assert ids(manager.list_messages(limit=1, offset=1)) == [1]
        assert_same(manager.read_message(session_id, AGENT_ID, 1).message, live.messages[1])
        new_agent(session_manager=manager, agent_id="other")
        with pytest.raises(ValueError, match="other"):
            manager.list_messages()
        manager.delete_session()
        assert manager.read_session() is None


def talk_until_killed(options: dict[str, Any], session_id: str, pipe: Connection) -> None:
    """Talk, report what was said, and wait in the middle of a tool call: this process will be killed."""

    @tool
    def wait_for_the_end() -> str:
        """Wait."""
        pipe.send({"messages": agent.messages, "state": agent.state.get()})
        pipe.recv()
        return "never"

    manager = package.SessionManager(session_id, **options)
    agent = scripted_agent(manager, "hello", "fine", Call("wait_for_the_end"), tools=[wait_for_the_end])
    agent("hi")
    agent.state.set("mood", "good")
    agent("how are you?")
    agent("wait")
