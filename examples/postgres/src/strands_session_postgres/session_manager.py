# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""The session manager: when Strands calls what, and what is written then.

One idea carries it. Each hook compares the agent with what is known to be stored (`_log`), and writes the difference
as one batch (`_batch`) off the event loop (`_saver`, `_executor`). What is known to be stored moves
forward only after the store acknowledged the batch. So whatever a failed write left out, the next one brings along, and
nothing is written twice.
"""

import logging
from functools import partial
from typing import Any, cast

from strands.multiagent import MultiAgentBase
from strands.types.agent import LocalAgent
from strands.types.content import Message
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionType
from typing_extensions import Unpack

from ._batch import MultiAgentState
from ._executor import Job, Writer
from ._hooks import SessionHooks
from ._inspection import SessionInspection
from ._log import clone
from ._records import check_ids
from ._saver import AgentSaver
from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError
from .repository import PostgresOptions, PostgresSessionRepository

logger = logging.getLogger(__name__)


class PostgresSessionManager(SessionInspection, SessionHooks):
    """Stores the conversation and state of agents, graphs and swarms in PostgreSQL, and restores them.

    Several agents may share a session; each agent of it may be in use in one place at a time.

    Example:
        ```python
        with PostgresSessionManager("user-42") as session_manager:
            agent = Agent(session_manager=session_manager)
            agent("Where were we?")
        ```
    """

    def __init__(
        self,
        session_id: str,
        connection_string: str | None = None,
        *,
        auto_create: bool = True,
        **options: Unpack[PostgresOptions],
    ) -> None:
        """Connect to the store and open the session.

        Args:
            session_id: The session: 1 to 512 bytes of UTF-8, without `/`, backslash and control characters.
            connection_string: Where the store is; see `PostgresSessionRepository`.
            auto_create: Whether to create the session if it does not exist.
            **options: The other arguments of `PostgresSessionRepository`.

        Raises:
            ValueError: If an argument is malformed.
            SessionNotFoundError: If the session does not exist and `auto_create` is False.
            SessionUnavailableError: If the store cannot be reached.
        """
        check_ids(session_id=session_id)
        self.session_id = session_id
        self.session_repository = PostgresSessionRepository(connection_string, **options)
        self._agents: dict[str, AgentSaver] = {}
        super().__init__()
        try:
            self._is_new = self._open(auto_create)
        except BaseException:
            self.close()
            raise

    def _open(self, auto_create: bool) -> bool:
        """Return whether the session is new. Then no agent can be in it, and there is nothing to read."""
        if not auto_create:
            if self.session_repository.read_session(self.session_id) is None:
                raise SessionNotFoundError(f"session_id=<{self.session_id}> | the session does not exist")
            return False
        try:
            self.session_repository.create_session(Session(self.session_id, SessionType.AGENT))
        except SessionConflictError:
            return False
        return True

    # -- When: the hooks. They capture on the event loop, where the agent stands still, and write off it ------------

    async def _on_message(self, event: Any) -> None:
        await self._saver(event.agent).save_async(event.agent, everything=False)

    async def _on_turn_end(self, event: Any) -> None:
        await self._saver(event.agent).save_async(event.agent, everything=True)

    async def _on_multi_agent_initialized(self, event: Any) -> None:
        await self._multi_agent_writer(event.source).run_async(lambda: partial(self._open_multi_agent, event.source))

    async def _on_node(self, event: Any) -> None:
        await self._multi_agent_writer(event.source).run_async(partial(self._capture_multi_agent, event.source))

    # -- What: the lifecycle -----------------------------------------------------------------------------------------

    def initialize(self, agent: LocalAgent, **kwargs: Any) -> None:
        """Restore the agent from the session, or store it there if it is new.

        Args:
            agent: The agent, with an `agent_id` that is unique in the session.
            **kwargs: For future extensibility.

        Raises:
            SessionException: If the agent id is in use already, or the stored agent cannot be restored.
            ValueError: If the agent id is malformed, or the agent has another conversation manager than the stored one.
        """
        agent_id = agent.agent_id
        check_ids(agent_id=agent_id)
        if agent_id in self._agents and not self._agents[agent_id].is_refused:
            raise SessionException(f"agent_id=<{agent_id}> | the `agent_id` of an agent must be unique in a session")
        saver = AgentSaver(self.session_repository, self.session_id, agent)
        stored = None if self._is_new else self.session_repository.read_log(self.session_id, agent_id)
        if stored is None:
            try:
                saver.save(agent, everything=True)
            except SessionConflictError:  # another process started on the same session, and was faster
                saver = AgentSaver(self.session_repository, self.session_id, agent)
                stored = self.session_repository.read_log(self.session_id, agent_id)
        if stored is not None:
            logger.debug("session_id=<%s>, agent_id=<%s> | restoring agent", self.session_id, agent_id)
            try:
                saver.log.restore(agent, stored)
            except RecursionError as error:
                name = f"session_id=<{self.session_id}>, agent_id=<{agent_id}>"
                raise SessionCorruptError(f"{name} | the stored agent is nested too deeply to be restored") from error
        self._agents[agent_id] = saver

    def append_message(self, message: Message, agent: LocalAgent, **kwargs: Any) -> None:
        """Store a message that was added to the agent, and whatever else changed in this turn.

        Args:
            message: The message. One that the agent does not have yet is added to its messages.
            agent: The agent.
            **kwargs: For future extensibility.
        """
        if not any(message is known for known in reversed(agent.messages)):
            agent.messages.append(message)
        self._saver(agent).save(agent, everything=False)

    def redact_latest_message(self, redact_message: Message, agent: LocalAgent, **kwargs: Any) -> None:
        """Replace the agent's latest message in the store, where its original is overwritten.

        Args:
            redact_message: What takes its place: the agent's message itself, as it is now, or another one.
            agent: The agent.
            **kwargs: For future extensibility.

        Raises:
            SessionException: If there is no message.
        """
        if not agent.messages:
            raise SessionException(f"agent_id=<{agent.agent_id}> | no message to redact")
        latest = agent.messages[-1]
        if redact_message is not latest:
            latest["content"] = clone(redact_message["content"])
        self._saver(agent).save(agent, everything=True, redacted=latest)

    def sync_agent(self, agent: LocalAgent, **kwargs: Any) -> None:
        """Store whatever changed: state, interrupts, what the conversation manager did, rewritten messages.

        Args:
            agent: The agent.
            **kwargs: For future extensibility.
        """
        self._saver(agent).save(agent, everything=True)

    def initialize_multi_agent(self, source: MultiAgentBase, **kwargs: Any) -> None:
        """Restore a graph or swarm from the session, or store it there if it is new.

        Args:
            source: The graph or swarm, with an `id` that is unique in the session.
            **kwargs: For future extensibility.
        """
        self._multi_agent_writer(source).run(lambda: partial(self._open_multi_agent, source))

    def sync_multi_agent(self, source: MultiAgentBase, **kwargs: Any) -> None:
        """Store the state of a graph or swarm: which nodes are done, their results, what comes next.

        Args:
            source: The graph or swarm.
            **kwargs: For future extensibility.
        """
        self._multi_agent_writer(source).run(partial(self._capture_multi_agent, source))

    def _saver(self, agent: LocalAgent) -> AgentSaver:
        self._check_open()
        saver = self._agents.get(agent.agent_id)
        if saver is None:
            raise SessionException(f"agent_id=<{agent.agent_id}> | the agent was not built with this session manager")
        if saver.agent() is not agent:
            raise SessionConflictError(f"agent_id=<{agent.agent_id}> | another agent took this one's place; use that")
        return saver

    def _multi_agent_writer(self, source: MultiAgentBase) -> Writer:
        check_ids(multi_agent_id=source.id)
        return self._writers["multi_agent", source.id]

    def _open_multi_agent(self, source: MultiAgentBase) -> None:
        repository, stored = self.session_repository, None
        if not self._is_new:
            stored = repository.read_multi_agent(self.session_id, source.id)
        if stored is None:
            try:
                repository.create_multi_agent(self.session_id, source)
            except SessionConflictError:
                stored = repository.read_multi_agent(self.session_id, source.id)
        if stored is not None:
            try:
                source.deserialize_state(stored)
            except Exception as error:
                name = f"session_id=<{self.session_id}>, multi_agent_id=<{source.id}>"
                raise SessionCorruptError(f"{name} | the stored state cannot be restored: {error!r}") from error

    def _capture_multi_agent(self, source: MultiAgentBase) -> Job:
        captured = cast("MultiAgentBase", MultiAgentState(source.id, clone(source.serialize_state())))
        return partial(self.session_repository.update_multi_agent, self.session_id, captured)

    # -- The end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Wait for writes in flight, and give back what the manager opened. What the caller passed in stays open."""
        if self._closed:
            return
        super().close()
        self.session_repository.close()

    def _settle(self) -> None:
        super()._settle()
        for saver in self._agents.values():
            saver.settle()
