"""Group D: an agent's state, and what the SDK keeps for it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from strands import ToolContext, tool
from strands.agent.state import AgentState
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage

from .cases import Cases, agents, hint, lifecycle, messages, quick, sessions
from .records import AGENT_ID, agent, create, ids, message, session
from .same import assert_same, assert_same_agent, assert_same_record
from .scripted_model import Call, ScriptedModel

Reopen = Callable[..., Any]
NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]

NESTED = {"profile": {"name": "Ada", "tags": ["a", {"b": None}]}, "a.b": 1, "$set": {"x": 2}, "": 0, "count": 0}


@quick
class State(Cases):
    """Group D."""

    @agents
    @hint("Replace the whole document: merging brings removed keys back, and dots or dollars in keys are data.")
    def test_state_is_replaced(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """D1: an update replaces state and conversation manager state, keys that are gone among them."""
        repository.create_session(session(session_id))
        repository.create_agent(session_id, agent(state=NESTED, conversation_manager_state={"a": {"b": 1}, "c": 2}))
        stored = reopen().read_agent(session_id, AGENT_ID)
        assert stored is not None
        assert_same(stored.state, NESTED)
        smaller = agent(state={"profile": {"tags": []}}, conversation_manager_state={"a": {}}, _internal_state={"b": 1})
        repository.update_agent(session_id, smaller)
        repository.update_agent(
            session_id, agent(state={"profile": {"tags": []}}, conversation_manager_state={"a": {}})
        )
        stored = reopen().read_agent(session_id, AGENT_ID)
        assert stored is not None
        assert_same(stored.state, {"profile": {"tags": []}})
        assert_same(stored.conversation_manager_state, {"a": {}})
        assert_same(stored._internal_state, {})

    @agents
    @hint("`_internal_state` is a field of SessionAgent like the others, in spite of its name, and may hold bytes.")
    def test_internal_state(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """D2: what the SDK keeps of interrupts and models is read back, bytes included."""
        interrupt = {"id": "v1:1", "name": "approval", "reason": {"picture": b"\x00\xff"}, "response": None}
        internal = {
            "interrupt_state": {"interrupts": {"v1:1": interrupt}, "context": {}, "activated": True},
            "model_state": {"response_id": "r", "blob": b"\x01"},
        }
        repository.create_session(session(session_id))
        repository.create_agent(session_id, agent(_internal_state=internal))
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), agent(_internal_state=internal))

    @lifecycle
    @hint(
        "The agent record is written at the interrupt, with the pending tool call, and loaded before the answer comes."
    )
    def test_interrupted_agent(self, new_agent: NewAgent) -> None:
        """D3, D4: an interrupted agent is restored, answered, and runs its tool once; its reason may hold bytes."""
        answers: list[str] = []
        delete = deleting_tool(answers, reason={"picture": b"\x00\xff"})
        live = new_agent(Call("delete"), tools=[delete])
        result = live("delete it")
        assert result.stop_reason == "interrupt"
        restored = new_agent("done", tools=[delete])
        assert_same_agent(restored, live)
        result = restored([{"interruptResponse": {"interruptId": result.interrupts[0].id, "response": "yes"}}])
        assert result.stop_reason == "end_turn"
        assert answers == ["yes"]
        assert_same_agent(new_agent(tools=[delete]), restored)

    @lifecycle
    @hint("model_state belongs to the agent record, and may hold bytes.")
    def test_model_state(self, new_agent: NewAgent) -> None:
        """D4: what a model keeps for the agent is restored, bytes included."""
        model = ScriptedModel()
        model.model_state = {"cache": b"\x00\xff", "turn": 1}
        live = new_agent(model=model)
        live("hi")
        restored = new_agent()
        assert_same_agent(restored, live)
        assert_same(restored.take_snapshot(preset="session").data["model_state"], {"cache": b"\x00\xff", "turn": 1})

    @lifecycle
    @hint("Compare the state with what was stored: a message is not the only thing that can change.")
    def test_state_alone(self, new_agent: NewAgent, new_manager: NewManager, reopen: Reopen, session_id: str) -> None:
        """A11, D5: state that was set outside a turn is stored by sync_agent, alone."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        for state in ({"count": 1}, {"count": 1.0}, {"count": True}):
            live.state.set("count", state["count"])
            manager.sync_agent(live)
            stored = reopen().read_agent(session_id, live.agent_id)
            assert stored is not None
            assert_same(stored.state, state)

    @lifecycle
    @hint(
        "The version of a state counts from 0 for each object: another object with the same version is another state."
    )
    def test_replaced_state(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """D5: a state object that takes the place of another one is stored."""
        manager = new_manager()
        live = new_agent(session_manager=manager, state={"a": 1})
        live.state = AgentState({"b": 2})
        manager.sync_agent(live)
        assert_same(new_agent().state.get(), {"b": 2})
        live.state.delete("b")
        manager.sync_agent(live)
        assert_same(new_agent().state.get(), {})

    @lifecycle
    @hint("The messages belong to the provider: load none, but go on counting their ids.")
    def test_stateful_model(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """D6: of an agent whose provider keeps the conversation, the model's state is restored and no message."""
        for turn in range(3):
            restored = new_agent(model=ScriptedModel(stateful=True))
            assert restored.messages == []
            if turn:
                assert restored.take_snapshot(preset="session").data["model_state"] == {"response_id": "response-1"}
            restored("hi")
        assert ids(reopen().list_messages(session_id, restored.agent_id)) == list(range(6))

    @lifecycle
    @hint("Records that are there, as after a crash within a turn, are not loaded either.")
    def test_messages_of_a_stateful_model(
        self, new_agent: NewAgent, repository: Any, reopen: Reopen, session_id: str
    ) -> None:
        """D6: messages that are stored are not replayed to such a provider, and keep their ids."""
        create(repository, session_id, message(0), message(1, role="assistant"))
        restored = new_agent(model=ScriptedModel(stateful=True), agent_id=AGENT_ID)
        assert restored.messages == []
        restored("hi")
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0, 1, 2, 3]

    @sessions
    @hint("Read the fields that you know, as the SDK's from_dict does: a newer SDK may add some.")
    def test_session_of_a_newer_sdk(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """D7: a session with a field that this SDK does not know can be read."""
        repository.create_session(NewerSession(**vars(session(session_id))))
        stored = reopen().read_session(session_id)
        assert stored is not None
        assert stored.session_id == session_id

    @messages
    @hint("Read the fields that you know, as the SDK's from_dict does: a newer SDK may add some.")
    def test_records_of_a_newer_sdk(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """D7: agents and messages with a field that this SDK does not know can be read."""
        repository.create_session(session(session_id))
        repository.create_agent(session_id, NewerAgent(**vars(agent(state={"a": 1}))))
        repository.create_message(session_id, AGENT_ID, NewerMessage(**vars(message(0))))
        again = reopen()
        stored = again.read_agent(session_id, AGENT_ID)
        assert stored is not None
        assert_same(stored.state, {"a": 1})
        for one in (again.read_message(session_id, AGENT_ID, 0), *again.list_messages(session_id, AGENT_ID)):
            assert one is not None
            assert_same(one.message, message(0).message)

    @lifecycle
    @pytest.mark.parametrize(
        "damage",
        [
            {"pending_tool_execution": {"unknown": 1}},
            {"interrupts": "none"},
            {"activated": None, "interrupts": {"1": {}}},
        ],
    )
    @hint("Wrap what the SDK raises, and write nothing: the record may be repaired, or read by another version.")
    def test_malformed_interrupts(
        self,
        new_agent: NewAgent,
        repository: Any,
        reopen: Reopen,
        session_id: str,
        damage: dict[str, Any],
    ) -> None:
        """D9: an agent whose interrupts cannot be read is an error, and its record stays as it is."""
        interrupts = {"interrupts": {}, "context": {}, "activated": False} | damage
        damaged = agent(_internal_state={"interrupt_state": interrupts})
        create(repository, session_id)
        repository.update_agent(session_id, copy.deepcopy(damaged))
        with pytest.raises(SessionException):
            new_agent(agent_id=AGENT_ID)
        assert_same_record(reopen().read_agent(session_id, AGENT_ID), damaged)


@dataclass
class NewerSession(Session):
    """A session as a later SDK may define it."""

    owner: dict[str, Any] = field(default_factory=lambda: {"name": "somebody"})


@dataclass
class NewerAgent(SessionAgent):
    """An agent as a later SDK may define it."""

    plans: list[Any] = field(default_factory=lambda: [{"step": 1}])


@dataclass
class NewerMessage(SessionMessage):
    """A message as a later SDK may define it."""

    parent_id: str | None = "none"


def deleting_tool(answers: list[str], reason: Any = None) -> Any:
    """Make a tool that asks before it deletes, and notes the answers."""

    @tool(context=True)
    def delete(tool_context: ToolContext) -> str:
        """Delete it."""
        answers.append(tool_context.interrupt("approval", reason=reason))
        return "deleted"

    return delete
