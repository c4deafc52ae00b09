"""Group N, first half, of records: a message that is rewritten keeps its record."""

from collections.abc import Callable
from typing import Any

import pytest
from strands.hooks import AfterInvocationEvent

from .cases import Cases, hint, lifecycle, quick
from .restore import WAYS, rewrite

NewAgent = Callable[..., Any]
Reopen = Callable[..., Any]


@quick
@lifecycle
class RestoreOfRecords(Cases):
    """Group N, first half, of records."""

    @pytest.mark.parametrize("how", WAYS)
    @hint("A rewritten message is an update of its record: when it was created stays, when it was updated moves on.")
    def test_times_of_a_rewritten_message(self, new_agent: NewAgent, manager: Any, reopen: Reopen, how: str) -> None:
        """N4: a message of an earlier turn that is rewritten keeps when it was created, and was updated later."""

        def scrub(event: AfterInvocationEvent) -> None:
            if len(event.agent.messages) > 6:
                rewrite(event.agent.messages[0], "[scrubbed]", how)

        live = new_agent(session_manager=manager)
        live.add_hook(scrub, order=99)
        live("zero")
        before = reopen().read_message(manager.session_id, live.agent_id, 0)
        for prompt in ("one", "two", "three"):
            live(prompt)
        after = reopen().read_message(manager.session_id, live.agent_id, 0)
        assert after.message["content"] == [{"text": "[scrubbed]"}]
        assert after.created_at == before.created_at, "created_at has changed"
        assert after.updated_at > before.updated_at, "updated_at has not changed"
