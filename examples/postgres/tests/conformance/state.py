"""Group D, with real agents: their state, and what the SDK keeps for them."""

from collections.abc import Callable
from typing import Any

from strands import ToolContext, tool
from strands.agent.state import AgentState

from .cases import Cases, hint, lifecycle, quick
from .same import assert_same, assert_same_agent
from .scripted_model import Call, ScriptedModel

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]


@quick
@lifecycle
class State(Cases):
    """Group D, with real agents."""

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

    @hint("Compare the state with what was stored: a message is not the only thing that can change.")
    def test_state_alone(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """A11, D5: state that was set outside a turn is stored by sync_agent, alone."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        for state in ({"count": 1}, {"count": 1.0}, {"count": True}):
            live.state.set("count", state["count"])
            manager.sync_agent(live)
            assert_same(new_agent().state.get(), state)

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

    @hint("The messages belong to the provider: load none.")
    def test_stateful_model(self, new_agent: NewAgent) -> None:
        """D6: of an agent whose provider keeps the conversation, the model's state is restored and no message."""
        for turn in range(3):
            restored = new_agent(model=ScriptedModel(stateful=True))
            assert restored.messages == []
            if turn:
                assert restored.take_snapshot(preset="session").data["model_state"] == {"response_id": "response-1"}
            restored("hi")

    @hint("Messages that are there, as after a crash within a turn, or of another model, are not loaded either.")
    def test_stateful_model_after_another(self, new_agent: NewAgent) -> None:
        """D6: messages that were stored with another model are not replayed to such a provider."""
        new_agent()("one")
        restored = new_agent(model=ScriptedModel(stateful=True))
        assert restored.messages == []
        restored("two")
        assert_same(restored.model.calls[0], restored.model.calls[0][-1:])
        assert new_agent(model=ScriptedModel(stateful=True)).messages == []


def deleting_tool(answers: list[str], reason: Any = None) -> Any:
    """Make a tool that asks before it deletes, and notes the answers."""

    @tool(context=True)
    def delete(tool_context: ToolContext) -> str:
        """Delete it."""
        answers.append(tool_context.interrupt("approval", reason=reason))
        return "deleted"

    return delete
