"""Agents that need no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from strands import Agent, tool
from strands.agent.conversation_manager import NullConversationManager
from strands.models import Model

AGENT_ID = "assistant"


@tool
def price(item: str) -> str:
    """Say what something costs.

    Args:
        item: What it is.
    """
    return f"{item}: 3.20"


class InstantModel(Model):
    """Answers at once, always with the same text, and calls a tool first where the agent has one."""

    def __init__(self, answer: str, *, calls_tool: bool) -> None:
        """Take the answer."""
        self._answer, self._calls_tool, self._calls = answer, calls_tool, 0

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return {"model_id": "instant"}

    def update_config(self, **model_config: Any) -> None:
        """Change nothing."""

    def structured_output(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: no task needs it."""
        raise NotImplementedError

    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """Stream the answer."""
        calls_tool = self._calls_tool and "toolResult" not in messages[-1]["content"][0]
        start: Any = {}
        delta: Any = {"text": self._answer}
        if calls_tool:
            self._calls += 1
            start = {"toolUse": {"name": "price", "toolUseId": f"call-{self._calls}"}}
            delta = {"toolUse": {"input": '{"item": "coffee"}'}}
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": start}}
        await asyncio.sleep(0)  # a real model lets other tasks run
        yield {"contentBlockDelta": {"delta": delta}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if calls_tool else "end_turn"}}
        usage: Any = {"inputTokens": 12, "outputTokens": 7, "totalTokens": 19}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 3}}}


def make_agent(session_manager: Any = None, *, answer: str = "Three euros.", calls_tool: bool = False) -> Agent:
    """Make an agent, which keeps all its messages.

    Args:
        session_manager: Its session manager; None for an agent without sessions.
        answer: What its model answers.
        calls_tool: Whether its model calls a tool before it answers.
    """
    return Agent(
        InstantModel(answer, calls_tool=calls_tool),
        agent_id=AGENT_ID,
        tools=[price] if calls_tool else [],
        conversation_manager=NullConversationManager(),
        callback_handler=None,
        session_manager=session_manager,
    )
