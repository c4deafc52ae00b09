"""Group N, fourth part, over the single methods of a repository: a save that breaks in its middle is completed."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from strands.types.exceptions import SessionException

from .cases import Cases, hint, lifecycle, quick
from .faults import failing
from .faults_of_records import use_single_methods
from .healing import assert_stored
from .restore import user
from .same import assert_same_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Stored = Callable[..., Any]


@quick
@lifecycle
class HealingOfRecords(Cases):
    """Group N, fourth part, over the single methods."""

    @pytest.mark.parametrize("method", ["create_message", "update_agent"])
    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @hint("Over the single methods a save is written in part: the same again must be recognised, record by record.")
    def test_save_in_part(
        self, new_agent: NewAgent, new_manager: NewManager, stored: Stored, method: str, executed: bool
    ) -> None:
        """N11: over the single methods a save breaks in its middle; the next one completes it."""
        manager: Any = new_manager()
        use_single_methods(manager.session_repository)
        live = new_agent(session_manager=manager)
        live("one")
        live.state.set("count", 1)
        live.messages += [user("two"), user("three", role="assistant"), user("four")]
        after = {"create_message": 1, "update_agent": 0}[method]
        with failing(manager.session_repository, method, executed=executed, after=after), suppress(SessionException):
            manager.sync_agent(live)  # an error, or the repository found out by itself that it was executed
        manager.sync_agent(live)
        assert_stored(live, new_agent, stored)

    @hint("The record of a new agent names no message: it may be stored before they are.")
    def test_new_agent_in_part(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """N11: a new agent of which only the record was stored can be built again."""
        manager: Any = new_manager()
        use_single_methods(manager.session_repository)
        with failing(manager.session_repository, "create_message"), pytest.raises(SessionException):
            new_agent(session_manager=manager, messages=[user("one")])
        live = new_agent()
        live("two")
        assert_same_agent(new_agent(), live)

    @hint("Nothing of the agent record was stored: what is known of it must not have moved either.")
    def test_failed_agent_record(self, new_agent: NewAgent, manager: Any, stored: Stored) -> None:
        """N11: the save of an agent record fails, others succeed; after the next turn state and messages are stored."""
        live = new_agent(session_manager=manager)
        live("one")
        live.state.set("count", 1)
        writes_agent = failing(manager.session_repository, "write_log", when=lambda batch, **_: batch.agent is not None)
        with writes_agent, pytest.raises(SessionException):
            manager.sync_agent(live)
        live("two")
        assert_stored(live, new_agent, stored)
