"""Group N, second half: all else that makes an agent, and agents of other kinds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from strands import Agent, tool
from strands.agent.conversation_manager import ConversationManager
from strands.bidi import BidiAgent
from strands.bidi.models import BidiModel
from strands.bidi.types.events import (
    BidiResponseStartEvent,
    BidiResponseStopEvent,
    BidiToolUseBlocksEvent,
    BidiTranscriptDeltaEvent,
    BidiTranscriptStartEvent,
    BidiTranscriptStopEvent,
)
from strands.multiagent import GraphBuilder
from strands.multiagent.base import Status
from strands.multiagent.graph import Graph
from strands.types._events import ToolResultMessageEvent

from .cases import Cases, hint, lifecycle, quick, requires
from .records import EVERY_BYTE, texts
from .same import assert_same, assert_same_agent
from .scripted_model import Call, ScriptedModel
from .state import deleting_tool

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]


@tool
def look_up() -> str:
    """Look it up."""
    return "42"


@quick
@lifecycle
class EveryAgent(Cases):
    """Group N, second half."""

    @hint(
        "A placeholder is replaced by another message with its tracking id: that is an update of its record. What"
        " changes after the last message is saved when the conversation stops."
    )
    def test_bidirectional_agent(self, new_manager: NewManager) -> None:
        """N7: of a voice conversation, whose transcripts arrive after their place was taken, all is restored."""

        def voice_agent() -> BidiAgent:
            return BidiAgent(model=VoiceModel(), tools=[look_up], session_manager=new_manager())

        async def talk_twice(agent: BidiAgent) -> None:
            await talk(agent)
            assert_same_agent(voice_agent(), agent)
            agent.state.set("mood", "good")
            await talk(agent)

        live = voice_agent()
        asyncio.run(talk_twice(live))
        assert [text for text in texts(live.messages) if text][:3] == ["hello", "what is it?", "I hear you"]
        restored = voice_agent()
        assert_same_agent(restored, live)
        asyncio.run(talk(restored))
        assert_same_agent(voice_agent(), restored)

    @hint("Each MessageUpdatedEvent is stored when it happens: the conversation may never come to an orderly end.")
    def test_placeholder_is_replaced_at_once(self, new_manager: NewManager) -> None:
        """N7: a placeholder that is replaced is stored before the conversation ends."""
        live = BidiAgent(model=VoiceModel(), session_manager=new_manager())

        async def speak() -> None:
            await live._append_messages({"role": "assistant", "content": []})
            await live._update_message({**live.messages[0], "content": [{"text": "now I know"}]})

        asyncio.run(speak())
        assert_same_agent(BidiAgent(model=VoiceModel(), session_manager=new_manager()), live)

    @hint(
        "An interrupted call is pending with the results of the calls beside it: they are part of the interrupt state."
    )
    def test_interrupt_beside_a_result(self, new_agent: NewAgent) -> None:
        """N9: of two tool calls one is done, one interrupted: after the restore only the second one runs."""
        answers: list[str] = []
        looked: list[str] = []

        @tool
        def look() -> str:
            """Look."""
            looked.append("once")
            return "seen"

        tools = [look, deleting_tool(answers)]
        live = new_agent([Call("look"), Call("delete")], tools=tools)
        result = live("look and delete")
        assert result.stop_reason == "interrupt"
        restored = new_agent("done", tools=tools)
        assert_same_agent(restored, live)
        restored([{"interruptResponse": {"interruptId": result.interrupts[0].id, "response": "yes"}}])
        assert (looked, answers) == (["once"], ["yes"])
        assert_same_agent(new_agent(tools=tools), restored)

    @hint("Store what get_state gives, and give it to restore_from_session. It may hold live lists: copy it.")
    def test_custom_conversation_manager(self, new_agent: NewAgent) -> None:
        """N9: a conversation manager of the user's own is restored with its state, and the messages that it kept."""
        live = new_agent(conversation_manager=Forgetful())
        for turn in range(5):
            live(f"question {turn}")
            restored = new_agent(conversation_manager=Forgetful())
            assert_same_agent(restored, live)
        remembered: Any = restored.conversation_manager
        assert remembered.notes == [2, 4, "question 1", "question 2", "question 3"]

    @pytest.mark.parametrize(
        "prompt",
        ["You are kind.", [{"text": "You are"}, {"cachePoint": {"type": "default"}}, {"text": "kind."}]],
        ids=["text", "blocks"],
    )
    @hint("A prompt is code: load the stored one only into an agent that has none.")
    def test_system_prompt(self, new_agent: NewAgent, prompt: Any) -> None:
        """N9: a stored system prompt is restored into an agent without one, and never over one that the code gives."""
        live = new_agent(system_prompt=prompt)
        live("hi")
        restored = new_agent()
        assert_same_agent(restored, live)
        assert_same(restored.system_prompt_content, live.system_prompt_content)
        other = new_agent(system_prompt="You are strict.")
        assert other.system_prompt == "You are strict."
        other("hi")
        assert new_agent().system_prompt == "You are strict."

    @requires("multi_agent")
    @hint("The state of a graph holds the messages of an interrupted node, raw bytes among them: encode before JSON.")
    def test_interrupted_graph(self, new_manager: NewManager) -> None:
        """F3, N10: a graph interrupted at a node with a picture is restored, answered, and runs no node twice."""
        answers: list[str] = []
        picture = {"image": {"format": "png", "source": {"bytes": EVERY_BYTE}}}
        live: Any = graph(new_manager(), [Call("delete")], answers)
        result = live([{"text": "look at this"}, picture])
        assert result.status == Status.INTERRUPTED
        restored: Any = graph(new_manager(), ["done"], answers)
        result = restored([{"interruptResponse": {"interruptId": result.interrupts[0].id, "response": "yes"}}])
        assert result.status == Status.COMPLETED
        assert answers == ["yes"]
        first, second = restored.nodes["first"].executor, restored.nodes["second"].executor
        assert first.model.calls == []
        sent = [block for block in second.model.calls[0][0]["content"] if "image" in block]
        assert_same(sent, [picture])


class Forgetful(ConversationManager):
    """Forgets the second question and its answer, and notes in each turn what it forgot, or how much there is."""

    def __init__(self) -> None:
        """Begin without notes."""
        super().__init__()
        self.notes: list[Any] = []

    def apply_management(self, agent: Agent, **kwargs: Any) -> None:
        """Forget."""
        if len(agent.messages) <= 4:
            self.notes.append(len(agent.messages))
            return
        self.notes.append(texts(agent.messages)[2])
        del agent.messages[2:4]
        self.removed_message_count += 2

    def reduce_context(self, agent: Agent, e: Exception | None = None, **kwargs: Any) -> None:
        """Forget as well."""
        self.apply_management(agent)

    def get_state(self) -> dict[str, Any]:
        """Return the notes: the list itself, which will grow."""
        return {**super().get_state(), "notes": self.notes}

    def restore_from_session(self, state: dict[str, Any]) -> None:
        """Take up the notes."""
        super().restore_from_session(state)
        self.notes = state["notes"]


class VoiceModel(BidiModel):
    """Says something, hears something else meanwhile, and looks something up."""

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Connect."""
        self.stopped = asyncio.Event()

    async def stop(self) -> None:
        """Disconnect."""
        self.stopped.set()

    async def send(self, content: Any) -> None:
        """Hear."""

    async def receive(self) -> AsyncIterator[Any]:
        """Speak. The user's transcript begins first and ends last."""
        yield BidiResponseStartEvent("response")
        yield BidiTranscriptStartEvent("user", "heard")
        yield BidiTranscriptStartEvent("assistant", "said")
        yield BidiTranscriptDeltaEvent("I hear", "assistant", "said")
        yield BidiTranscriptDeltaEvent("what is ", "user", "heard")
        yield BidiTranscriptDeltaEvent(" you", "assistant", "said")
        yield BidiTranscriptStopEvent("assistant", "said")
        yield BidiToolUseBlocksEvent([{"toolUseId": "call", "name": "look_up", "input": {}}])
        yield BidiTranscriptDeltaEvent("it?", "user", "heard")
        yield BidiTranscriptStopEvent("user", "heard")
        yield BidiResponseStopEvent("response")
        await self.stopped.wait()

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return {"model_id": "voice"}

    def update_config(self, **model_config: Any) -> None:
        """Ignore all configuration."""


async def talk(agent: BidiAgent) -> None:
    """Say hello, and listen until the model has said all, and looked up what it wanted."""
    left = {BidiResponseStopEvent, ToolResultMessageEvent}
    async with agent:
        await agent.send("hello")
        async for event in agent.receive():
            left.discard(type(event))
            if not left:
                break
        agent.state.set("talks", (agent.state.get("talks") or 0) + 1)  # after the last message


def graph(manager: Any, script: list[Any], answers: list[str]) -> Graph:
    """Make a graph of two agents, of which the second one asks before it deletes."""
    builder = GraphBuilder()
    builder.set_graph_id("graph")
    builder.set_session_manager(manager)
    builder.set_max_node_executions(10)
    builder.add_node(Agent(model=ScriptedModel(), callback_handler=None), "first")
    second = Agent(model=ScriptedModel(*script), tools=[deleting_tool(answers)], callback_handler=None)
    builder.add_node(second, "second")
    builder.add_edge("first", "second")
    return builder.build()
