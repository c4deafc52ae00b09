"""Records to write, as the SDK makes them."""

import json
from datetime import datetime
from typing import Any

from strands.session.session_repository import SessionRepository
from strands.types.session import Session, SessionAgent, SessionMessage, SessionType

AGENT_ID = "agent"
EVERY_BYTE = bytes(range(256))
EARLY = "2024-02-29T23:59:59.987654+00:00"
LATER = "2024-03-01T00:00:01+00:00"
"""Timestamps that no clock gives today: one with microseconds and one without, as Python writes them."""


def session(session_id: str, **values: Any) -> Session:
    """A session."""
    return Session(
        **{"session_type": SessionType.AGENT, "created_at": EARLY, "updated_at": EARLY}
        | values
        | {"session_id": session_id}
    )


def agent(agent_id: str = AGENT_ID, **values: Any) -> SessionAgent:
    """An agent of a session."""
    defaults: dict[str, Any] = {
        "state": {},
        "conversation_manager_state": {"__name__": "NullConversationManager", "removed_message_count": 0},
        "_internal_state": {},
        "created_at": EARLY,
        "updated_at": EARLY,
    }
    return SessionAgent(agent_id=agent_id, **defaults | values)


def message(message_id: int, *content: Any, role: str = "user", **values: Any) -> SessionMessage:
    """A message: each part of its content is a block, or a text. Without content, a text that no other one has."""
    blocks = [part if isinstance(part, dict) else {"text": part} for part in content or (f"text {message_id}",)]
    extra = values.pop("extra", {})
    body: Any = {"role": role, "content": blocks, **extra}
    return SessionMessage(**{"created_at": EARLY, "updated_at": EARLY} | values, message=body, message_id=message_id)


def create(repository: SessionRepository, session_id: str, *messages: SessionMessage, agent_id: str = AGENT_ID) -> None:
    """Store a session with an agent and its messages."""
    if repository.read_session(session_id) is None:
        repository.create_session(session(session_id))
    repository.create_agent(session_id, agent(agent_id))
    for one in messages:
        repository.create_message(session_id, agent_id, one)


def ids(records: list[SessionMessage]) -> list[int]:
    """The ids of messages."""
    return [record.message_id for record in records]


def texts(messages: list[Any]) -> list[str]:
    """The first text of each message, stored or live."""
    bodies = [one.to_message() if isinstance(one, SessionMessage) else one for one in messages]
    return [next((block["text"] for block in body["content"] if "text" in block), "") for body in bodies]


def assert_json(records: list[Any]) -> None:
    """Fail unless records can be written as JSON, with timestamps that are ISO strings."""
    for record in records:
        json.dumps(record.to_dict())
        for timestamp in (record.created_at, record.updated_at):
            assert isinstance(timestamp, str)
            assert datetime.fromisoformat(timestamp).tzinfo is not None
