"""Group D, of records: an agent's state, what the SDK keeps for it, and records of other versions of the SDK."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage

from .cases import Cases, agents, hint, lifecycle, messages, quick, sessions
from .records import AGENT_ID, agent, create, ids, message, session
from .same import assert_same, assert_same_record
from .scripted_model import ScriptedModel

Reopen = Callable[..., Any]
NewAgent = Callable[..., Any]

NESTED = {"profile": {"name": "Ada", "tags": ["a", {"b": None}]}, "a.b": 1, "$set": {"x": 2}, "": 0, "count": 0}


@quick
class StateOfRecords(Cases):
    """Group D, of records."""

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

    @lifecycle
    @hint("The messages belong to the provider: load none, but go on counting their ids.")
    def test_ids_of_a_stateful_model(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """D6: the messages of an agent whose provider keeps the conversation are stored under ids of their own."""
        for _ in range(3):
            restored = new_agent(model=ScriptedModel(stateful=True))
            restored("hi")
        assert ids(reopen().list_messages(session_id, restored.agent_id)) == list(range(6))

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
