# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""Looking into the store through a session manager: its own session, unless another is named."""

from collections.abc import Iterator
from typing import Any

from strands.types.session import Session, SessionAgent, SessionMessage

from ._log_repository import LogRepository


class SessionInspection:
    """The repository's methods for looking and deleting, with the ids of this session as defaults.

    `session_id` defaults to the session of the manager, `agent_id` to its only agent. To write records without an
    agent, use `session_repository`.
    """

    session_id: str
    session_repository: LogRepository
    _agents: dict[str, Any]

    def read_session(self, session_id: str | None = None) -> Session | None:
        """Return the session record, None where there is none."""
        return self.session_repository.read_session(self._session(session_id))

    def list_sessions(self, prefix: str = "", *, page_size: int = 100) -> Iterator[Session]:
        """Iterate over the sessions whose ids start with a prefix, fetching `page_size` of them at once."""
        return self.session_repository.list_sessions(prefix, page_size=page_size)

    def delete_session(self, session_id: str | None = None) -> None:
        """Delete a session with everything in it. An agent that still uses it gets an error at its next save.

        Raises:
            SessionNotFoundError: If there is no such session.
        """
        self.session_repository.delete_session(self._session(session_id))

    def list_agents(self, session_id: str | None = None) -> list[str]:
        """Return the ids of the agents of a session, sorted."""
        return self.session_repository.list_agents(self._session(session_id))

    def read_agent(self, session_id: str | None = None, agent_id: str | None = None) -> SessionAgent | None:
        """Return an agent's record: its state and what its conversation manager keeps. None where there is none."""
        return self.session_repository.read_agent(*self._ids(session_id, agent_id))

    def read_message(
        self, session_id: str | None = None, agent_id: str | None = None, message_id: int = 0
    ) -> SessionMessage | None:
        """Return one message, None where there is none. Ids count up from 0."""
        return self.session_repository.read_message(*self._ids(session_id, agent_id), message_id)

    def list_messages(
        self, session_id: str | None = None, agent_id: str | None = None, limit: int | None = None, offset: int = 0
    ) -> list[SessionMessage]:
        """Return an agent's messages, oldest first, also those that its conversation manager trimmed.

        Args:
            session_id: The session; by default this one.
            agent_id: The agent; by default the only one of the session.
            limit: How many messages to return at most; None for all.
            offset: How many of the oldest to leave out.

        Raises:
            ValueError: If `agent_id` is missing and the session has several agents, or none.
        """
        return self.session_repository.list_messages(*self._ids(session_id, agent_id), limit, offset)

    def read_multi_agent(
        self, session_id: str | None = None, multi_agent_id: str = "default_graph"
    ) -> dict[str, Any] | None:
        """Return the state of a graph or swarm, None where there is none. The id's default is that of a graph."""
        return self.session_repository.read_multi_agent(self._session(session_id), multi_agent_id)

    def _session(self, session_id: str | None) -> str:
        return self.session_id if session_id is None else session_id  # an empty id is an error, not this session

    def _ids(self, session_id: str | None, agent_id: str | None) -> tuple[str, str]:
        session = self._session(session_id)
        if agent_id is not None:
            return session, agent_id
        agents = sorted(self._agents if session == self.session_id else [])
        try:
            agents = agents or self.list_agents(session)
        except NotImplementedError as error:
            raise ValueError(f"session_id=<{session}> | agent_id is needed: this store does not list agents") from error
        if len(agents) != 1:
            found = ", ".join(agents) or "none"
            raise ValueError(f"session_id=<{session}> | agent_id is needed, the agents are: {found}")
        return session, agents[0]
