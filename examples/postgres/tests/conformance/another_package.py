"""A session repository as other packages have them, with the habits that were met in some of them."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from strands.session import SessionRepository
from strands.types.session import Session, SessionAgent, SessionMessage


class AnotherPackage(SessionRepository):
    """A source of sessions, in memory. It lists neither agents nor graphs, as the SDK's interface does not.

    Attributes:
        offset_is_id: Whether the offset of a listing is an id, and no position.
        ignores_offset: Whether it means nothing at all.
        newest_first: Whether it lists the newest messages first.
        lists_nothing: Whether it lists no messages, as when it takes an id for a pattern.
        multi_agents: Whether it stores graphs and swarms.
        timestamp: What it makes of timestamps.
        pages: How many messages it was asked for, call by call.
    """

    def __init__(self, *, offset_is_id: bool = False, multi_agents: bool = True) -> None:
        """Choose two of its habits."""
        self.offset_is_id, self.multi_agents = offset_is_id, multi_agents
        self.ignores_offset = self.newest_first = self.lists_nothing = False
        self.timestamp: Callable[[str], Any] = str
        self.pages: list[int | None] = []
        self._records: dict[tuple[Any, ...], Any] = {}

    def create_session(self, session: Session, **kwargs: Any) -> Session:
        """Store a session."""
        self._put(session, session.session_id)
        return session

    def read_session(self, session_id: str, **kwargs: Any) -> Session | None:
        """Return a session."""
        found: Session | None = self._get(session_id)
        return found

    def create_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Store an agent."""
        self._put(session_agent, session_id, session_agent.agent_id)

    def read_agent(self, session_id: str, agent_id: str, **kwargs: Any) -> SessionAgent | None:
        """Return an agent."""
        found: SessionAgent | None = self._get(session_id, agent_id)
        return found

    def update_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Replace an agent."""
        self.create_agent(session_id, session_agent)

    def create_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Store a message."""
        self._put(session_message, session_id, agent_id, session_message.message_id)

    def read_message(self, session_id: str, agent_id: str, message_id: int, **kwargs: Any) -> SessionMessage | None:
        """Return a message."""
        found: SessionMessage | None = self._get(session_id, agent_id, message_id)
        return found

    def update_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Replace a message."""
        self.create_message(session_id, agent_id, session_message)

    def list_messages(
        self, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0, **kwargs: Any
    ) -> list[SessionMessage]:
        """Return messages by id. As in some packages, a limit of 0 is none."""
        self.pages.append(limit)
        keys = sorted(key for key in self._records if len(key) == 3 and key[:2] == (session_id, agent_id))
        if self.lists_nothing:
            keys = []
        elif self.offset_is_id:
            keys = [key for key in keys if key[2] >= offset]
        elif not self.ignores_offset:
            keys = keys[offset:]
        found = [self._get(*key) for key in keys[: limit or None]]
        return found[::-1] if self.newest_first else found

    def create_multi_agent(self, session_id: str, multi_agent: Any, **kwargs: Any) -> None:
        """Store a graph or swarm."""
        if not self.multi_agents:
            super().create_multi_agent(session_id, multi_agent)
        self._records[session_id, multi_agent.id, "multi_agent", 0] = deepcopy(multi_agent.serialize_state())

    def read_multi_agent(self, session_id: str, multi_agent_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Return a graph or swarm."""
        if not self.multi_agents:
            super().read_multi_agent(session_id, multi_agent_id)
        return deepcopy(self._records.get((session_id, multi_agent_id, "multi_agent", 0)))

    def _put(self, record: Any, *key: Any) -> None:
        self._records[key] = deepcopy(record)

    def _get(self, *key: Any) -> Any:
        record = deepcopy(self._records.get(key))
        if record is None:
            return None
        return replace(
            record, created_at=self.timestamp(record.created_at), updated_at=self.timestamp(record.updated_at)
        )
