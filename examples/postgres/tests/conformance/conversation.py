"""Group E: what conversation managers keep and drop, and tool calls without their results."""

from collections.abc import Callable
from typing import Any

import pytest
from strands.agent.conversation_manager import SlidingWindowConversationManager, SummarizingConversationManager
from strands.types.content import Message, Messages
from strands.types.exceptions import ContextWindowOverflowException

from .backend import Backend
from .cases import Cases, hint, lifecycle, quick
from .faults import watched
from .records import texts
from .same import assert_same_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
OVERFLOW = ContextWindowOverflowException("full")


@quick
@lifecycle
class ConversationManagers(Cases):
    """Group E, with real agents."""

    @hint("Trimmed messages leave the window: what is stored of the agent says which are in it.")
    def test_sliding_window(self, new_agent: NewAgent) -> None:
        """E1: a window of 4 after 20 messages is restored."""
        live = new_agent(conversation_manager=SlidingWindowConversationManager(4))
        for turn in range(10):
            live(f"question {turn}")
        assert len(live.messages) == 4
        assert_same_agent(new_agent(conversation_manager=SlidingWindowConversationManager(4)), live)

    @hint("A window may be empty: the layout names no message, and the next id still counts on.")
    def test_window_of_nothing(self, new_agent: NewAgent) -> None:
        """E2: a window of 0 messages is restored, and the agent goes on."""
        for _ in range(3):
            live = new_agent(conversation_manager=SlidingWindowConversationManager(0))
            live("hi")
            assert live.messages == []
            assert_same_agent(new_agent(conversation_manager=SlidingWindowConversationManager(0)), live)

    @hint("The summary has no record of its own, or one of its own: either way it comes first, once.")
    def test_summary(self, new_agent: NewAgent) -> None:
        """E3: after a summarization, summary and remaining messages are restored; no second one is made."""
        live = new_agent("1", "2", "3", OVERFLOW, "the summary", "4", conversation_manager=summarizing())
        for turn in range(4):
            live(f"question {turn}")
        assert "the summary" in texts(live.messages)[0]
        restored = new_agent("5", conversation_manager=summarizing())
        assert_same_agent(restored, live)
        restored("question 4")
        assert len(restored.model.calls) == 1
        assert_same_agent(new_agent(conversation_manager=summarizing()), restored)

    @hint("Pinned messages stand before a gap: one number of removed messages cannot say which are kept.")
    def test_pinned_messages(self, new_agent: NewAgent) -> None:
        """E4: messages that are pinned to the start are restored, under a window and under summaries."""
        live = new_agent(conversation_manager=SlidingWindowConversationManager(4, pin_first=1))
        for turn in range(5):
            live(f"question {turn}")
        assert texts(live.messages)[0] == "question 0"
        assert_same_agent(new_agent(conversation_manager=SlidingWindowConversationManager(4, pin_first=1)), live)

        live = new_agent(
            "1", "2", "3", OVERFLOW, "the summary", "4", agent_id="two", conversation_manager=summarizing(1)
        )
        for turn in range(4):
            live(f"question {turn}")
        assert texts(live.messages)[0] == "question 0"
        assert_same_agent(new_agent(agent_id="two", conversation_manager=summarizing(1)), live)

    @hint("Nothing is trimmed: all messages, in their order.")
    def test_no_conversation_manager(self, new_agent: NewAgent) -> None:
        """E5: without trimming, every message is restored."""
        live = new_agent()
        for turn in range(12):
            live(f"question {turn}")
        assert len(live.messages) == 24
        assert_same_agent(new_agent(), live)

    @hint("Which messages are kept depends on the conversation manager: with another one, refuse, and write nothing.")
    def test_other_conversation_manager(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """E: an agent with another conversation manager than the stored one is refused, and nothing changes."""
        live = new_agent(conversation_manager=SlidingWindowConversationManager(4))
        live("hi")
        manager = new_manager()
        with watched(*backend.writes(manager)) as writes, pytest.raises(ValueError, match="conversation"):
            new_agent(session_manager=manager, conversation_manager=summarizing())
        assert writes == []
        assert_same_agent(new_agent(conversation_manager=SlidingWindowConversationManager(4)), live)

    @hint("A reduction after an overflow is followed by a direct, synchronous sync_agent: write what it did.")
    def test_overflow(self, new_agent: NewAgent) -> None:
        """E: a window that was cut because the model refused it is restored as it was cut."""
        live = new_agent("1", "2", "3", OVERFLOW, "4", conversation_manager=SlidingWindowConversationManager(6))
        for turn in range(4):
            live(f"question {turn}")
        assert len(live.messages) < 8
        assert_same_agent(new_agent(conversation_manager=SlidingWindowConversationManager(6)), live)

    @hint("The SDK answers a call in the last message itself, when the next prompt arrives: leave it there.")
    def test_call_without_result(self, new_agent: NewAgent) -> None:
        """E6: a conversation that ends in a tool call, as after a crash, goes on with a new prompt."""
        new_agent(messages=[said(0), call()])
        restored = new_agent()
        restored("go on")
        assert_paired(restored.model.calls[0])
        assert_same_agent(new_agent(), restored)

    @hint("A result whose call was trimmed is refused by model providers: leave it out.")
    def test_result_without_call(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """E7: a conversation that begins with the result of a trimmed call goes on with a new prompt."""
        manager: Any = new_manager()
        window = SlidingWindowConversationManager
        messages = [call(), result(), said(2, "assistant")]
        live = new_agent(session_manager=manager, conversation_manager=window(40), messages=messages)
        del live.messages[0]
        live.conversation_manager.removed_message_count = 1
        manager.sync_agent(live)
        restored = new_agent(conversation_manager=window(40))
        restored("go on")
        assert_paired(restored.model.calls[0])
        assert texts(restored.messages) == ["text 2", "go on", "answer 1"]

    @pytest.mark.parametrize("broken", ["no result", "half of the results", "another result", "result of nothing"])
    @hint("A repair must not confuse the next restore: which messages are whose, and where the next one stands.")
    def test_repaired_twice(self, new_agent: NewAgent, broken: str) -> None:
        """E8: a conversation with a broken call is restored, used, restored again, and used again."""
        messages = {
            "no result": [call(), said(2)],
            "half of the results": [call("a", "b"), result("b", text="and more")],
            "another result": [call("a"), result("c")],
            "result of nothing": [said(1, "assistant"), result("a", text="and more")],
        }[broken]
        has_more = "and more" in repr(messages)
        new_agent(messages=[said(0), *messages, said(3, "assistant")])
        first = new_agent()
        first("one")
        second = new_agent()
        assert_same_agent(second, first)
        second("two")
        for one in (first, second):
            assert_paired(one.model.calls[0])
        assert_same_agent(new_agent(), second)
        assert texts(second.messages)[-4:] == ["one", "answer 1", "two", "answer 1"]
        assert ("and more" in repr(second.messages)) == has_more

    @hint("A repair inserts messages that were never stored: removed messages cannot be counted to find the window.")
    def test_repaired_and_trimmed(self, new_agent: NewAgent) -> None:
        """E9, N3: a repaired call that is trimmed later leaves the window that the live agent has."""
        window = SlidingWindowConversationManager
        messages = [said(0), call(), said(2), said(3, "assistant"), said(4), said(5, "assistant")]
        new_agent(conversation_manager=window(6), messages=messages)
        live = new_agent(conversation_manager=window(6))
        assert len(live.messages) == 7, "the call got a result"
        for turn in range(4):
            live(f"question {turn}")
            assert_same_agent(new_agent(conversation_manager=window(6)), live)
        assert_paired(live.messages)


def summarizing(pin_first: int | None = None) -> SummarizingConversationManager:
    """A conversation manager that summarizes half of the messages when the model refuses them."""
    return SummarizingConversationManager(0.5, 2, pin_first=pin_first)


def said(number: int, role: Any = "user") -> Message:
    """A message with a text that no other one has."""
    return {"role": role, "content": [{"text": f"text {number}"}]}


def call(*tool_use_ids: str) -> Message:
    """A message that calls a tool, once or several times."""
    uses: Any = [{"toolUse": {"toolUseId": one, "name": "look_up", "input": {}}} for one in tool_use_ids or ("a",)]
    return {"role": "assistant", "content": uses}


def result(tool_use_id: str = "a", text: str | None = None) -> Message:
    """A message with the result of a call, and perhaps a text beside it."""
    content: Any = [{"toolResult": {"toolUseId": tool_use_id, "status": "success", "content": [{"text": "42"}]}}]
    return {"role": "user", "content": content + ([{"text": text}] if text else [])}


def assert_paired(messages: Messages) -> None:
    """Fail unless each tool call is answered in the next message, and nothing else is."""
    nothing: Message = {"role": "user", "content": []}
    for one, following in zip([nothing, *messages], [*messages, nothing], strict=True):
        called = [block["toolUse"]["toolUseId"] for block in one["content"] if "toolUse" in block]
        answered = [block["toolResult"]["toolUseId"] for block in following["content"] if "toolResult" in block]
        assert called == answered
