"""Group F: graphs and swarms."""

from typing import Any

from strands.multiagent.base import MultiAgentBase


class Orchestrator(MultiAgentBase):
    """All that a repository reads of a graph or swarm: its id and its state."""

    def __init__(self, multi_agent_id: str, state: dict[str, Any] | None = None) -> None:
        """Take both."""
        self.id = multi_agent_id
        self.state = state or {}

    async def invoke_async(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: nothing is run."""
        raise NotImplementedError

    def serialize_state(self) -> dict[str, Any]:
        """Return the state."""
        return self.state
