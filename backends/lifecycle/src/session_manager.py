"""The session manager: what {== backend ==} is told, and what an agent is made of again.

Until you replace it, `events.py` keeps a file of events in the place of {== backend ==}. This file is yours:
updates of the template never touch it. What surrounds the methods is the template's:

- `_hooks.py` calls them off the event loop, those of one agent one after another;
- `_saver.py` finds what the store does not have yet, and repeats a save whose outcome is unknown;
- `_journal.py` makes events of saves, and an agent of events.
"""

from typing import Any

from strands.multiagent import MultiAgentBase
from strands.types.agent import LocalAgent
from strands.types.content import Message
from strands.types.exceptions import SessionException

from ._hooks import SessionHooks
from ._journal import Journal
from ._log import clone
from ._records import check_ids
from ._saver import AgentSaver
from .errors import SessionConflictError, SessionCorruptError
from .events import {== class_prefix ==}Events


class {== class_prefix ==}SessionManager(SessionHooks):
    """Keeps the conversation and state of agents, graphs and swarms in {== backend ==}, and restores them.

    Several agents may share a session; each agent of it may be in use in one place at a time.

    Example:
        ```python
        with {== class_prefix ==}SessionManager("user-42") as session_manager:
            agent = Agent(session_manager=session_manager)
            agent("Where were we?")
        ```
    """

    def __init__(self, session_id: str, connection_string: str | None = None) -> None:
        """Open the session. Nothing is sent before an agent, graph or swarm is built.

        Args:
            session_id: The session: 1 to 512 bytes of UTF-8, without `/`, backslash and control characters.
            connection_string: Where the service is; see `{== class_prefix ==}Events`.

        Raises:
            ValueError: If an argument is malformed.
        """
        check_ids(session_id=session_id)
        self.session_id = session_id
        self.events = {== class_prefix ==}Events(connection_string)
        self._journal = Journal(self.events)
        self._agents: dict[str, AgentSaver] = {}
        super().__init__()

    def initialize(self, agent: LocalAgent, **kwargs: Any) -> None:
        """Restore the agent, or tell the service of a new one.

        - When: once, while the agent is built, before its first message.
        - Where: on the thread that builds it, even where an event loop runs there. The SDK awaits nothing here.
        - Afterwards the agent equals the one that was last saved, message by message: also if its conversation manager
          dropped or summarized some, also if a tool was being called. Of a new agent the service knows now.
        - Never: begin anew because reading failed. The old conversation would be lost with the next save.

        Args:
            agent: The agent, with an `agent_id` that is unique in the session.
            **kwargs: For future extensibility.

        Raises:
            SessionException: If the agent id is in use already, or the stored agent cannot be restored.
            ValueError: If the agent id is malformed, or the agent has another conversation manager than the stored one.
        """
        # TODO(backend): fetch what your service holds of the agent, and make the agent of it.
        self._check_open()
        agent_id = agent.agent_id
        check_ids(agent_id=agent_id)
        if agent_id in self._agents and not self._agents[agent_id].is_refused:
            raise SessionException(f"agent_id=<{agent_id}> | the `agent_id` of an agent must be unique in a session")
        saver = AgentSaver(self._journal, self.session_id, agent)
        stored = self._journal.read_log(self.session_id, agent_id)
        if stored is None:
            try:
                saver.save(agent, everything=True)
            except SessionConflictError:  # another process started on the same session, and was faster
                saver = AgentSaver(self._journal, self.session_id, agent)
                stored = self._journal.read_log(self.session_id, agent_id)
        if stored is not None:
            try:
                saver.log.restore(agent, stored)
            except RecursionError as error:
                name = f"session_id=<{self.session_id}>, agent_id=<{agent_id}>"
                raise SessionCorruptError(f"{name} | the stored agent is nested too deeply to be restored") from error
        self._agents[agent_id] = saver

    def append_message(self, message: Message, agent: LocalAgent, **kwargs: Any) -> None:
        """Send a message that was added to the agent, and what else changed since the last save.

        - When: after each message: the prompt, an answer, results of tools. The agent waits.
        - Where: on a thread without an event loop; on the caller's, if somebody calls the method.
        - Afterwards the service has the message for good: not in a buffer, not in a queue of this process. It has also
          what an earlier call failed to send, before it, in order.
        - Never: send a message twice, also if the reply to the first time was lost; write over what another writer
          appended; alter the message.

        Args:
            message: The message. One that the agent does not have yet is added to its messages.
            agent: The agent.
            **kwargs: For future extensibility.

        Raises:
            SessionException: If it could not be sent. It ends the turn; the message goes with the next save.
        """
        # TODO(backend): send the message.
        if not any(message is known for known in reversed(agent.messages)):
            agent.messages.append(message)
        self._saver(agent).save(agent, everything=False)

    def redact_latest_message(self, redact_message: Message, agent: LocalAgent, **kwargs: Any) -> None:
        """Replace the agent's latest message, because a guardrail refused it.

        - When: in the middle of a turn, after `append_message` sent the original.
        - Where: on the thread of the agent's event loop. The SDK does not await it: the loop stands still meanwhile.
        - Afterwards a restore gives the replacement, and never the original. Whether the service still has the original
          at rest is for `redacts` in tests/conftest.py to say, and for the README.
        - Never: keep the original where the next save or a repeated one brings it back.

        Args:
            redact_message: What takes its place: the agent's message itself, as it is now, or another one.
            agent: The agent.
            **kwargs: For future extensibility.

        Raises:
            SessionException: If there is no message, or the replacement could not be sent.
        """
        # TODO(backend): replace the message, or have the service delete it.
        if not agent.messages:
            raise SessionException(f"agent_id=<{agent.agent_id}> | no message to redact")
        latest = agent.messages[-1]
        if redact_message is not latest:
            latest["content"] = clone(redact_message["content"])
        self._saver(agent).save(agent, everything=True, redacted=latest)

    def sync_agent(self, agent: LocalAgent, **kwargs: Any) -> None:
        """Send whatever changed: state, interrupts, what the conversation manager did, rewritten messages.

        - When: at the end of each turn, also of one that failed; when a message was changed after it was sent; and
          whenever an application calls it.
        - Where: on a thread without an event loop; on the caller's, if somebody calls the method.
        - Afterwards a restore gives the agent as it is now. Of an unchanged agent nothing was sent.
        - Never: send all messages again, or leave out those that an earlier call failed to send.

        Args:
            agent: The agent.
            **kwargs: For future extensibility.

        Raises:
            SessionException: If it could not be sent. The next save brings it along.
        """
        # TODO(backend): send the agent's state, and which messages it still has.
        self._saver(agent).save(agent, everything=True)

    def initialize_multi_agent(self, source: MultiAgentBase, **kwargs: Any) -> None:
        """Restore a graph or swarm, or tell the service of a new one.

        - When: before its first invocation.
        - Where: on a thread without an event loop; on the caller's, if somebody calls the method.
        - Afterwards nodes that were done are done, with their results, and what comes next is as it was.
        - Never: begin anew because reading failed.

        Args:
            source: The graph or swarm, with an `id` that is unique in the session.
            **kwargs: For future extensibility.

        Raises:
            SessionException: If the stored one cannot be restored.
            ValueError: If its id is malformed.
        """
        # TODO(backend): fetch the state of the graph or swarm; raise NotImplementedError if you store none.
        self._check_open()
        check_ids(multi_agent_id=source.id)
        stored = self._journal.read_multi_agent(self.session_id, source.id)
        if stored is None:
            self._journal.write_multi_agent(self.session_id, source.id, source.serialize_state())
            return
        try:
            source.deserialize_state(stored)
        except Exception as error:
            name = f"session_id=<{self.session_id}>, multi_agent_id=<{source.id}>"
            raise SessionCorruptError(f"{name} | the stored state cannot be restored: {error!r}") from error

    def sync_multi_agent(self, source: MultiAgentBase, **kwargs: Any) -> None:
        """Send the state of a graph or swarm: which nodes are done, their results, what comes next.

        - When: after each node, and at the end of an invocation.
        - Where: on a thread without an event loop, while other nodes may run; on the caller's, if somebody calls it.
        - Afterwards a restore gives this state, or a later one.

        Args:
            source: The graph or swarm; from a hook a copy of its state, with `id` and `serialize_state` alone.
            **kwargs: For future extensibility.

        Raises:
            SessionException: If it could not be sent.
        """
        # TODO(backend): send the state; raise NotImplementedError if you store none.
        self._check_open()
        self._journal.write_multi_agent(self.session_id, source.id, source.serialize_state())

    def _saver(self, agent: LocalAgent) -> AgentSaver:
        self._check_open()
        saver = self._agents.get(agent.agent_id)
        if saver is None:
            raise SessionException(f"agent_id=<{agent.agent_id}> | the agent was not built with this session manager")
        if saver.agent() is not agent:
            raise SessionConflictError(f"agent_id=<{agent.agent_id}> | another agent took this one's place; use that")
        return saver
