"""Group C, with real agents: what a guardrail redacted is never restored, and gone from a store that can do that."""

from collections.abc import Callable
from typing import Any

import pytest
from strands import tool
from strands.hooks import BeforeModelCallEvent
from strands.session.session_manager import SessionManager
from strands.types.content import Message
from strands.types.exceptions import SessionException

from .backend import Backend
from .cases import Cases, hint, lifecycle, quick
from .records import texts
from .same import assert_same, assert_same_agent
from .scripted_model import Block, Call

Stored = Callable[..., Any]
NewAgent = Callable[..., Any]

SECRET = "hunter2-hunter2"
REDACTED = "[redacted]"


@quick
@lifecycle
class Redaction(Cases):
    """Group C, with real agents."""

    @hint("redact_latest_message is a direct call of the SDK, with the live message that it redacted in place already.")
    def test_guardrail(self, backend: Backend, new_agent: NewAgent) -> None:
        """C2, C3: of a prompt that a guardrail redacts nothing is at rest, and a restored agent does not send it."""
        dumps: list[bytes] = []
        hooks = [before_model(lambda: dumps.append(backend.dump()))] if backend.redacts else []
        live = new_agent("hello", Block(REDACTED), hooks=hooks)
        live("hi")
        live(SECRET)
        if backend.redacts:
            assert SECRET.encode() in dumps[1], "the prompt was not stored before the model was called"
            assert SECRET.encode() not in backend.dump()
        restored = new_agent()
        assert_same_agent(restored, live)
        restored("go on")
        sent = restored.model.calls[0]
        assert texts(sent) == ["hi", "hello", REDACTED, "I cannot talk about that.", "go on"]

    @hint("The latest message is the agent's, not the first one that this manager happened to write.")
    def test_redaction_after_restore(self, new_agent: NewAgent, stored: Stored) -> None:
        """C4: the first prompt after a restore is redacted, and older messages stay as they were."""
        first = new_agent()
        first("one")
        first("two")
        second = new_agent(Block(REDACTED))
        second(SECRET)
        assert_same_agent(new_agent(), second)
        assert_same(stored()[:4], first.messages)
        assert texts(stored()) == ["one", "answer 1", "two", "answer 2", REDACTED, "I cannot talk about that."]

    @hint("The SDK replaces what a tool's result holds, and keeps the block: store the message as it is now.")
    def test_redacted_tool_result(self, backend: Backend, new_agent: NewAgent) -> None:
        """C5: a redacted tool result still answers its call."""

        @tool
        def look_up() -> str:
            """Look it up."""
            return SECRET

        live = new_agent(Call("look_up"), Block(REDACTED), tools=[look_up])
        live("look it up")
        restored = new_agent(tools=[look_up])
        assert_same_agent(restored, live)
        use, result = restored.messages[1]["content"][0]["toolUse"], restored.messages[2]["content"][0]["toolResult"]
        assert (result["toolUseId"], result["content"]) == (use["toolUseId"], [{"text": REDACTED}])
        assert_not_at_rest(backend)

    @hint("There is nothing to redact: say so, instead of creating a message or redacting another one.")
    def test_nothing_to_redact(self, new_agent: NewAgent, new_manager: Callable[..., SessionManager[Any]]) -> None:
        """C6: redacting before there is a message is an error."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        with pytest.raises(SessionException):
            manager.redact_latest_message(replacement(), live)

    @hint("redact_latest_message may be given another message than the agent's own.")
    def test_redaction_by_another_message(
        self,
        backend: Backend,
        new_agent: NewAgent,
        new_manager: Callable[..., SessionManager[Any]],
        stored: Stored,
    ) -> None:
        """C: the latest message is replaced by one that the caller made, in the store and for a restored agent."""
        manager = new_manager()
        live = new_agent(SECRET, session_manager=manager)
        live("hi")
        manager.redact_latest_message({"role": "assistant", "content": [{"text": REDACTED}]}, live)
        assert texts(stored()) == ["hi", REDACTED]
        assert texts(new_agent().messages) == ["hi", REDACTED]
        assert_not_at_rest(backend)

    @hint("Once a message is redacted, an update for another reason must not write anything else into it.")
    def test_redaction_lasts(self, backend: Backend, new_agent: NewAgent) -> None:
        """C: a redacted message stays redacted when it is rewritten later, here and after a restore."""
        live = new_agent(Block(REDACTED))
        live(SECRET)
        live.messages[0]["metadata"] = {"custom": {"turn": 2}}
        live("go on")
        restored = new_agent()
        restored.messages[0]["metadata"] = {"custom": {"turn": 3}}
        restored("and on")
        assert_same_agent(new_agent(), restored)
        assert texts(restored.messages)[0] == REDACTED
        assert_not_at_rest(backend)


def assert_not_at_rest(backend: Backend) -> None:
    """Fail if the secret is in the store, where that overwrites what was redacted."""
    assert not backend.redacts or SECRET.encode() not in backend.dump()


def replacement() -> Message:
    """What takes the place of a redacted message."""
    return {"role": "user", "content": [{"text": REDACTED}]}


def before_model(action: Callable[[], None]) -> Callable[[BeforeModelCallEvent], None]:
    """Make a hook that runs before each call of the model."""

    def run(event: BeforeModelCallEvent) -> None:
        action()

    return run
