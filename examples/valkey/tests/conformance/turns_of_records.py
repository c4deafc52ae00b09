"""Group A, of records: what of agents' records is read and written, which is no more than it must be."""

from collections.abc import Callable
from typing import Any

import pytest

from . import package
from .backend import Backend
from .cases import Cases, hint, lifecycle, quick
from .faults_of_records import watching
from .records import AGENT_ID, assert_json, ids
from .same import assert_same, assert_same_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Reopen = Callable[..., Any]


@lifecycle
class TurnsOfRecords(Cases):
    """Group A, of records."""

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
