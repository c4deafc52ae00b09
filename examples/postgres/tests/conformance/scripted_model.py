"""A model that needs no network, and agents with it: it answers what a test tells it to."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from strands import Agent
from strands.agent.conversation_manager import NullConversationManager
from strands.models import Model
from strands.types.content import Messages
from strands.types.streaming import StreamEvent


@dataclass(frozen=True)
class Call:
    """An answer that calls a tool."""

    tool: str
    input: dict[str, Any] = field(default_factory=dict)
    tool_use_id: str = field(default_factory=lambda: f"call-{uuid.uuid4().hex}")


@dataclass(frozen=True)
class Block:
    """An answer of a guardrail: it replaces the user's last message, and says why."""

    user_message: str
    answer: str = "I cannot talk about that."


Step = str | Call | Block | Exception | list["str | Call"]


class ScriptedModel(Model):
    """Answers each call with the next step of its script, and with "answer 1", "answer 2", ... when it ran out.

    Attributes:
        calls: What the model was given, a copy of all messages for each call.
    """

    def __init__(self, *script: Step, stateful: bool = False, context_window_limit: int | None = None) -> None:
        """Take the script.

        Args:
            *script: A text to answer, tools to call (several in a list), a guardrail's answer, or an error to raise.
            stateful: Whether the provider keeps the conversation, as OpenAI's Responses API does.
            context_window_limit: How many tokens the model claims to accept.
        """
        self.calls: list[Messages] = []
        self.model_state: dict[str, Any] = {}
        self._script = list(script)
        self._stateful = stateful
        self._config = {"model_id": "scripted", "context_window_limit": context_window_limit}

    @property
    def stateful(self) -> bool:
        """Whether the provider keeps the conversation."""
        return self._stateful

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return self._config

    def update_config(self, **model_config: Any) -> None:
        """Change the configuration."""
        self._config.update(model_config)

    def structured_output(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: no test of sessions needs it."""
        raise NotImplementedError

    async def stream(self, messages: Messages, *args: Any, **kwargs: Any) -> AsyncIterator[StreamEvent]:
        """Stream the next answer."""
        self.calls.append(deepcopy(messages))
        step: Step = self._script.pop(0) if self._script else f"answer {len(self.calls)}"
        if isinstance(step, Exception):
            raise step
        if self._stateful:
            kwargs["model_state"].update(response_id=f"response-{len(self.calls)}")
        kwargs.get("model_state", {}).update(self.model_state)
        yield {"messageStart": {"role": "assistant"}}
        if isinstance(step, Block):
            yield {"redactContent": {"redactUserContentMessage": step.user_message}}
            step = step.answer
        parts = step if isinstance(step, list) else [step]
        for part in parts:
            start: Any = {}
            delta: Any = {"text": part}
            if isinstance(part, Call):
                start = {"toolUse": {"name": part.tool, "toolUseId": part.tool_use_id}}
                delta = {"toolUse": {"input": json.dumps(part.input)}}
            yield {"contentBlockStart": {"start": start}}
            await asyncio.sleep(0)  # a real model lets other tasks run
            yield {"contentBlockDelta": {"delta": delta}}
            yield {"contentBlockStop": {}}
        calls_tools = any(isinstance(part, Call) for part in parts)
        yield {"messageStop": {"stopReason": "tool_use" if calls_tools else "end_turn"}}
        usage: Any = {"inputTokens": 12, "outputTokens": 7, "totalTokens": 19}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 3}}}


def scripted_agent(session_manager: Any, *script: Step, **options: Any) -> Agent:
    """Make an agent with a scripted model, which keeps all its messages unless it is told otherwise."""
    options.setdefault("model", ScriptedModel(*script))
    if "context_manager" not in options and not options["model"].stateful:
        # The SDK's default window of 40 messages would hide what a store lost.
        options.setdefault("conversation_manager", NullConversationManager())
    return Agent(session_manager=session_manager, callback_handler=None, **options)
