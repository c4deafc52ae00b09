"""Group A, with real agents: a conversation is there again in another process, with all that the agent knew."""

from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pytest
from strands import tool
from strands.types.exceptions import SessionException

from . import package
from .backend import Backend
from .cases import Cases, hint, lifecycle, quick
from .processes import OtherProcess
from .records import texts
from .restore import user
from .same import assert_same, assert_same_agent
from .scripted_model import Call, scripted_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Stored = Callable[..., Any]


@lifecycle
class Turns(Cases):
    """Group A, with real agents."""

    @hint("A message is in the store when its hook returns: not in a buffer, not in an open transaction.")
    def test_killed_process(self, backend: Backend, new_agent: NewAgent, stored: Stored, session_id: str) -> None:
        """A8, K7: of a process that is killed in a tool call all is restored, and the next one goes on."""
        with OtherProcess(talk_until_killed, backend.options(), session_id) as process:
            said = process.report()
        restored = new_agent()
        assert_same(restored.messages, said["messages"])
        assert_same(restored.state.get(), said["state"])
        restored("are you still there?")
        assert_same(stored(), restored.messages)
        assert len(restored.messages) == 9
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
