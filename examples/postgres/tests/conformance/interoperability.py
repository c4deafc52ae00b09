"""Group N, third part: the SDK's own RepositorySessionManager over the same repository."""

from collections.abc import Callable
from typing import Any

import pytest
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.session.repository_session_manager import RepositorySessionManager
from strands.session.session_manager import SessionManager

from .cases import Cases, hint, lifecycle, quick
from .conversation import OVERFLOW, summarizing
from .records import ids
from .same import assert_same, assert_same_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Reopen = Callable[..., Any]


@quick
@lifecycle
class Interoperability(Cases):
    """Group N, third part: the SDK's own RepositorySessionManager over the same repository."""

    @pytest.fixture
    def stock(self, reopen: Reopen, session_id: str) -> Callable[[], SessionManager[Any]]:
        """Make managers of the SDK's own."""
        return lambda: RepositorySessionManager(session_id=session_id, session_repository=reopen())

    @hint("Records are those of the SDK: its manager knows nothing of a layout, and writes the agent record anew.")
    def test_stock_manager_goes_on(
        self, new_agent: NewAgent, stock: NewManager, reopen: Reopen, session_id: str
    ) -> None:
        """N12: the SDK's manager and ours take turns in one session, and each goes on where the other stopped."""
        ours = new_agent()
        ours("one")
        for turn in range(3):
            theirs = new_agent(session_manager=stock())
            assert_same(theirs.messages, ours.messages)
            theirs.state.set("turn", turn)
            theirs(f"stock {turn}")
            ours = new_agent()
            assert_same_agent(ours, theirs)
            ours(f"ours {turn}")
            assert_same_agent(new_agent(), ours)
        assert ids(reopen().list_messages(session_id, ours.agent_id)) == list(range(14))

    @hint("Keep removed_message_count in the conversation manager's state as the SDK counts it.")
    def test_stock_manager_and_window(self, new_agent: NewAgent, stock: NewManager) -> None:
        """N12: under a sliding window the SDK's manager restores the same window, and ours goes on from its own."""
        window = SlidingWindowConversationManager
        ours = new_agent(conversation_manager=window(4))
        for turn in range(3):
            theirs = new_agent(session_manager=stock(), conversation_manager=window(4))
            assert_same(theirs.messages, ours.messages)
            theirs(f"stock {turn}")
            ours = new_agent(conversation_manager=window(4))
            assert_same_agent(ours, theirs)
            ours(f"ours {turn}")

    @hint("Without a layout the SDK's rule applies: what restore_from_session returns stands before the records.")
    def test_summary_of_the_stock_manager(self, new_agent: NewAgent, stock: NewManager) -> None:
        """N12: a session that the SDK's manager summarized is opened with its summary, and goes on exactly."""
        script = ["1", "2", "3", OVERFLOW, "the summary", "4"]
        theirs = new_agent(*script, session_manager=stock(), conversation_manager=summarizing())
        for turn in range(4):
            theirs(f"question {turn}")
        ours = new_agent("5", conversation_manager=summarizing())
        assert_same_agent(ours, theirs)
        ours("question 4")
        assert len(ours.model.calls) == 1
        assert_same_agent(new_agent(conversation_manager=summarizing()), ours)

    @hint("The SDK's manager may have stored a session and no agent yet, or an agent and no message.")
    def test_empty_session_of_the_stock_manager(self, new_agent: NewAgent, stock: NewManager) -> None:
        """N12: a session that the SDK's manager only began is opened as an empty one."""
        stock()
        first = new_agent(agent_id="first")
        first("hi")
        new_agent(agent_id="second", session_manager=stock())
        second = new_agent(agent_id="second")
        assert second.messages == []
        second("hi")
        assert_same_agent(new_agent(agent_id="second"), second)
