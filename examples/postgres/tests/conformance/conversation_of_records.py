"""Group E, of records: the SDK's own count of what was dropped, and broken conversations as its manager stores them."""

from collections.abc import Callable
from typing import Any

import pytest
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.types.session import SessionMessage

from . import conversation
from .cases import Cases, hint, lifecycle, quick
from .conversation import assert_paired
from .records import agent, create, message, texts
from .same import assert_same, assert_same_agent

NewAgent = Callable[..., Any]
Reopen = Callable[..., Any]


@quick
@lifecycle
class ConversationsOfRecords(Cases):
    """Group E, of records."""

    @hint("Trimmed messages stay in the store: the SDK's own offset says where the window begins.")
    def test_offset_of_a_window(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """E1: of a window of 4 after 20 messages all are stored, and the SDK's own offset points at the window."""
        live = new_agent(conversation_manager=SlidingWindowConversationManager(4))
        for turn in range(10):
            live(f"question {turn}")
        stored = reopen().read_agent(session_id, live.agent_id)
        assert stored is not None
        offset = stored.conversation_manager_state["removed_message_count"]
        listed = reopen().list_messages(session_id, live.agent_id, offset=offset)
        assert_same([one.to_message() for one in listed], live.messages)
        assert len(reopen().list_messages(session_id, live.agent_id)) == 20

    @hint("Nothing is trimmed: all records, in their order.")
    def test_offset_without_trimming(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """E5: without trimming, the SDK's offset is 0."""
        live = new_agent()
        live("hi")
        stored = reopen().read_agent(session_id, live.agent_id)
        assert stored is not None
        assert stored.conversation_manager_state["removed_message_count"] == 0

    @hint("An agent record is not touched by an agent that was refused: its timestamp neither.")
    def test_record_of_another_manager(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """E: when an agent with another conversation manager is refused, the stored record stays as it was."""
        live = new_agent(conversation_manager=SlidingWindowConversationManager(4))
        live("hi")
        before = reopen().read_agent(session_id, live.agent_id)
        with pytest.raises(ValueError, match="conversation"):
            new_agent(conversation_manager=conversation.summarizing())
        assert_same(vars(reopen().read_agent(session_id, live.agent_id)), vars(before))

    @hint("The SDK answers a call in the last message itself, when the next prompt arrives: leave it there.")
    def test_stored_call_without_result(self, new_agent: NewAgent, repository: Any, session_id: str) -> None:
        """E6: a stored conversation that ends in a tool call, as after a crash, goes on with a new prompt."""
        create(repository, session_id, message(0), call(1), agent_id="default")
        restored = new_agent()
        restored("go on")
        assert_paired(restored.model.calls[0])
        assert_same_agent(new_agent(), restored)

    @hint("A result whose call was trimmed is refused by model providers: leave it out.")
    def test_stored_result_without_call(self, new_agent: NewAgent, repository: Any, session_id: str) -> None:
        """E7: a stored conversation that begins with the result of a trimmed call goes on with a new prompt."""
        create(repository, session_id, call(0), result(1), message(2, role="assistant"), agent_id="default")
        trimmed = {"__name__": "SlidingWindowConversationManager", "removed_message_count": 1, "model_call_count": 0}
        repository.update_agent(session_id, agent("default", conversation_manager_state=trimmed))
        restored = new_agent(conversation_manager=SlidingWindowConversationManager(40))
        restored("go on")
        assert_paired(restored.model.calls[0])
        assert texts(restored.messages) == ["text 2", "go on", "answer 1"]

    @pytest.mark.parametrize("broken", ["no result", "half of the results", "another result", "result of nothing"])
    @hint("A repair must not confuse the next restore: which records are whose, and what the next id is.")
    def test_stored_and_repaired(self, new_agent: NewAgent, repository: Any, session_id: str, broken: str) -> None:
        """E8: a stored conversation with a broken call is restored, used, restored again, and used again."""
        records = {
            "no result": [call(1), message(2)],
            "half of the results": [call(1, "a", "b"), result(2, "b", text="and more")],
            "another result": [call(1, "a"), result(2, "c")],
            "result of nothing": [message(1, role="assistant"), result(2, "a", text="and more")],
        }[broken]
        create(repository, session_id, message(0), *records, message(3, role="assistant"), agent_id="default")
        first = new_agent()
        first("one")
        second = new_agent()
        assert_same_agent(second, first)
        second("two")
        for one in (first, second):
            assert_paired(one.model.calls[0])
        assert_same_agent(new_agent(), second)
        assert texts(second.messages)[-4:] == ["one", "answer 1", "two", "answer 1"]
        assert ("and more" in repr(second.messages)) == ("and more" in repr(records))

    @hint("A repair inserts messages without a record: removed messages cannot be counted to find the window.")
    def test_stored_repaired_and_trimmed(self, new_agent: NewAgent, repository: Any, session_id: str) -> None:
        """E9, N3: a repaired call of a stored conversation that is trimmed later leaves the live agent's window."""
        records = [
            message(0),
            call(1),
            message(2),
            *(message(n, role="assistant" if n % 2 else "user") for n in (3, 4, 5)),
        ]
        create(repository, session_id, *records, agent_id="default")
        window = {"__name__": "SlidingWindowConversationManager", "removed_message_count": 0, "model_call_count": 0}
        repository.update_agent(session_id, agent("default", conversation_manager_state=window))
        live = new_agent(conversation_manager=SlidingWindowConversationManager(6))
        assert len(live.messages) == 7, "the call got a result"
        for turn in range(4):
            live(f"question {turn}")
            assert_same_agent(new_agent(conversation_manager=SlidingWindowConversationManager(6)), live)
        assert_paired(live.messages)


def call(message_id: int, *tool_use_ids: str) -> SessionMessage:
    """The record of a message that calls a tool, once or several times."""
    return stored(message_id, conversation.call(*tool_use_ids))


def result(message_id: int, tool_use_id: str = "a", text: str | None = None) -> SessionMessage:
    """The record of a message with the result of a call, and perhaps a text beside it."""
    return stored(message_id, conversation.result(tool_use_id, text))


def stored(message_id: int, body: Any) -> SessionMessage:
    """A record of a message."""
    return message(message_id, *body["content"], role=body["role"])
