# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""What one save writes, what one restore reads, and when a write is refused."""

from dataclasses import dataclass
from typing import Any

from strands.types.session import SessionAgent, SessionMessage

from .errors import SessionConflictError, SessionNotFoundError


@dataclass(frozen=True)
class Batch:
    """What one save writes, all of it or nothing.

    Attributes:
        session_id: The session, which must exist.
        agent_id: The agent, which must exist unless `version` is None.
        create: New messages, oldest first, with ids from `next_id` on. Ids may not be taken.
        update: Messages that take the place of those stored under the same ids, which must exist.
        agent: The agent record to write, whole; None leaves it as it is.
        next_id: The first id after all messages that the writer knows. It must be the first after all that are stored.
        version: The version of the agent when the writer last read or wrote it; None to create the agent.
        new_version: Its version from now on; equal to `version` where messages are only appended.
    """

    session_id: str
    agent_id: str
    create: list[SessionMessage]
    update: list[SessionMessage]
    agent: SessionAgent | None
    next_id: int
    version: str | None
    new_version: str

    def is_done(self, stored_version: str | None) -> bool:
        """Whether the agent is stored with the version that only this batch gives it: its reply was lost."""
        return self.new_version != self.version and self.new_version == stored_version

    def check_version(self, stored_version: str | None) -> None:
        """Refuse to write over what the writer does not know.

        Args:
            stored_version: The version of the stored agent; None where there is no such agent.

        Raises:
            SessionConflictError: If another writer changed or created the agent.
            SessionNotFoundError: If the agent is gone.
        """
        if stored_version == self.version:
            return
        name = f"session_id=<{self.session_id}>, agent_id=<{self.agent_id}>"
        if stored_version is None:
            raise SessionNotFoundError(f"{name} | the session expired or was deleted while the agent was in use")
        raise SessionConflictError(f"{name} | another writer changed the agent in the meantime")

    def check_next_id(self, stored_next_id: int) -> None:
        """Refuse to append behind a gap, or where there is something.

        Args:
            stored_next_id: The first id after all stored messages.

        Raises:
            SessionConflictError: If the store holds more messages than the writer knows, or fewer: then it fell back to
                an earlier state, as a server does that lost its last writes.
        """
        if stored_next_id > self.next_id:
            raise self.taken()
        if stored_next_id < self.next_id:
            raise SessionConflictError(
                f"session_id=<{self.session_id}>, agent_id=<{self.agent_id}>, message_id=<{stored_next_id}>"
                " | the store fell back to an earlier state and lost messages of the conversation"
            )

    def taken(self) -> SessionConflictError:
        """Return the error for a message id that another writer took."""
        return SessionConflictError(
            f"session_id=<{self.session_id}>, agent_id=<{self.agent_id}>, message_id=<{self.next_id}>"
            " | another writer appended to the conversation in the meantime"
        )


@dataclass(frozen=True)
class StoredLog:
    """What a restore reads.

    Attributes:
        agent: The agent record.
        version: Its version, to be given back with the next write.
        messages: The messages that `_layout.wanted` names, by id.
        next_id: The first id after all stored messages, wanted or not.
    """

    agent: SessionAgent
    version: str
    messages: list[SessionMessage]
    next_id: int


@dataclass(frozen=True)
class MultiAgentState:
    """The state of a graph or swarm without the graph or swarm: all that a repository reads of one."""

    id: str
    state: dict[str, Any]

    def serialize_state(self) -> dict[str, Any]:
        """Return the state."""
        return self.state
