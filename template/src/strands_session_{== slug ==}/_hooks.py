# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""When Strands calls the session manager, and on which thread."""

import logging
from collections import defaultdict
from functools import partial
from typing import Any, cast

from strands.bidi.hooks import BidiAgentStopEvent, BidiBeforeConnectionRestartEvent
from strands.hooks import (
    AfterInvocationEvent,
    AfterMultiAgentInvocationEvent,
    AfterNodeCallEvent,
    AgentInitializedEvent,
    HookOrder,
    HookRegistry,
    MessageAddedEvent,
    MessageUpdatedEvent,
    MultiAgentInitializedEvent,
)
from strands.multiagent import MultiAgentBase
from strands.session import SessionManager
from strands.types.agent import LocalAgent
from strands.types.exceptions import SessionException
from typing_extensions import Self

from . import _executor
from ._batch import MultiAgentState
from ._log import clone

logger = logging.getLogger(__name__)


class SessionHooks(SessionManager[LocalAgent]):
    """Runs the methods of a session manager off the event loop, those of one agent, graph or swarm in order.

    The hooks are awaited: the agent goes on when its method has returned, and gets what it raised. A turn that is
    cancelled meanwhile leaves the method running; the next one of the same agent waits for it.

    Attributes:
        session_id: The session.
    """

    session_id: str

    def __init__(self) -> None:
        """Count as one that may need threads, until it is closed."""
        self._writers: defaultdict[tuple[str, str], _executor.Writer] = defaultdict(_executor.Writer)
        self._closed = False
        _executor.acquire()

    def register_hooks(self, registry: HookRegistry, **kwargs: Any) -> None:
        """Register for the events of an agent, or of a graph or swarm.

        Async methods are awaited by the SDK; only the first event has to be synchronous.
        """
        registry.add_callback(AgentInitializedEvent, self._on_initialized)
        registry.add_callback(MessageAddedEvent, self._on_message)
        # Last, so that what other hooks do to the agent at the end of a turn is saved with it.
        turn_ends = (AfterInvocationEvent, BidiAgentStopEvent, BidiBeforeConnectionRestartEvent)
        for event in (MessageUpdatedEvent, *turn_ends):
            registry.add_callback(event, self._on_turn_end, order=HookOrder.SDK_LAST)
        registry.add_callback(MultiAgentInitializedEvent, self._on_multi_agent_initialized)
        registry.add_callback(AfterNodeCallEvent, self._on_node)
        registry.add_callback(AfterMultiAgentInvocationEvent, self._on_node)

    def _on_initialized(self, event: Any) -> None:
        self.initialize(event.agent)
        _warn_of_volatile_stash(event.agent)

    async def _on_message(self, event: Any) -> None:
        job = partial(self.append_message, event.message, event.agent)
        await self._writers["agent", event.agent.agent_id].run_async(lambda: job)

    async def _on_turn_end(self, event: Any) -> None:
        job = partial(self.sync_agent, event.agent)
        await self._writers["agent", event.agent.agent_id].run_async(lambda: job)

    async def _on_multi_agent_initialized(self, event: Any) -> None:
        job = partial(self.initialize_multi_agent, event.source)
        await self._writers["multi_agent", event.source.id].run_async(lambda: job)

    async def _on_node(self, event: Any) -> None:
        def capture() -> _executor.Job:  # on the event loop: nodes that run side by side change the state
            state = MultiAgentState(event.source.id, clone(event.source.serialize_state()))
            return partial(self.sync_multi_agent, cast("MultiAgentBase", state))

        await self._writers["multi_agent", event.source.id].run_async(capture)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionException(f"session_id=<{self.session_id}> | the session manager is closed; make a new one")

    def close(self) -> None:
        """Wait for what is still running, and give the threads back. A second time it does nothing."""
        if self._closed:
            return
        self._closed = True
        self._settle()
        _executor.release()

    def _settle(self) -> None:
        """Wait for what is still running."""
        for writer in self._writers.values():
            writer.settle()

    def __enter__(self) -> Self:
        """Use the manager in a `with` statement, which closes it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the manager."""
        self.close()


def _warn_of_volatile_stash(agent: LocalAgent) -> None:
    """Say what a restore cannot bring back: contents that a context manager moved out of the messages into memory."""
    context_manager = agent.context_manager
    if context_manager is not None and context_manager.stash is not None and not context_manager.stash_is_durable:
        logger.warning(
            "agent_id=<%s> | the context manager keeps what it takes out of messages in memory, where it ends with the"
            " process; give the agent a durable storage: Agent(storage=...)",
            agent.agent_id,
        )
