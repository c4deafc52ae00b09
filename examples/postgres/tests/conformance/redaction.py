"""Group C: what a guardrail redacted is gone from the store."""

from collections.abc import Callable
from typing import Any

import pytest
from strands import tool
from strands.hooks import BeforeModelCallEvent
from strands.session.session_manager import SessionManager
from strands.types.content import Message
from strands.types.exceptions import SessionException

from .backend import Backend
from .cases import Cases, hint, lifecycle, messages, quick
from .records import AGENT_ID, EARLY, LATER, create, ids, message, texts
from .same import assert_same, assert_same_agent, assert_same_record
from .scripted_model import Block, Call

Reopen = Callable[..., Any]
NewAgent = Callable[..., Any]

SECRET = "hunter2-hunter2"
REDACTED = "[redacted]"


@quick
class Redaction(Cases):
    """Group C."""

    @messages
    @hint("A record with redact_message set is read back so that to_message() gives the redacted message.")
    def test_redacted_message_is_read(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """C1: a redacted message is read back redacted."""
        create(repository, session_id, message(0, SECRET), message(1))
        repository.update_message(session_id, AGENT_ID, message(0, SECRET, redact_message=replacement()))
        again = reopen()
        assert texts(again.list_messages(session_id, AGENT_ID)) == [REDACTED, "text 1"]
        stored = again.read_message(session_id, AGENT_ID, 0)
        assert stored is not None
        assert_same(stored.to_message(), replacement())
        assert_same(stored.redact_message, replacement())

    @messages
    @hint("Store redact_message in place of message. Look for copies: indexes, logs, free pages, old versions of rows.")
    def test_original_is_not_at_rest(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """C2: after a redaction no dump of the store holds the original."""
        create(repository, session_id, message(0), message(1, SECRET), message(2))
        assert SECRET.encode() in backend.dump(), "Backend.dump does not show what is stored"
        repository.update_message(session_id, AGENT_ID, message(1, SECRET, redact_message=replacement()))
        assert SECRET.encode() not in backend.dump()
        assert SECRET not in repr(reopen().list_messages(session_id, AGENT_ID))

    @lifecycle
    @hint("redact_latest_message is a direct call of the SDK, with the live message that it redacted in place already.")
    def test_guardrail(self, backend: Backend, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """C2, C3: of a prompt that a guardrail redacts nothing is at rest, and a restored agent does not send it."""
        dumps: list[bytes] = []
        live = new_agent("hello", Block(REDACTED), hooks=[before_model(lambda: dumps.append(backend.dump()))])
        live("hi")
        live(SECRET)
        assert SECRET.encode() in dumps[1], "the prompt was not stored before the model was called"
        assert SECRET.encode() not in backend.dump()
        stored = reopen().read_message(session_id, live.agent_id, 2)
        assert_same(stored.redact_message, live.messages[2])
        restored = new_agent()
        assert_same_agent(restored, live)
        restored("go on")
        sent = restored.model.calls[0]
        assert texts(sent) == ["hi", "hello", REDACTED, "I cannot talk about that.", "go on"]

    @lifecycle
    @hint("The latest message is the agent's, not the first one that this manager happened to write.")
    def test_redaction_after_restore(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """C4: the first prompt after a restore is redacted, and older records stay as they were."""
        first = new_agent()
        first("one")
        first("two")
        before = reopen().list_messages(session_id, first.agent_id)
        new_agent(Block(REDACTED))(SECRET)
        after = reopen().list_messages(session_id, first.agent_id)
        for record in before:
            assert_same_record(after[record.message_id], record)
        assert texts(after) == ["one", "answer 1", "two", "answer 2", REDACTED, "I cannot talk about that."]

    @lifecycle
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
        assert SECRET.encode() not in backend.dump()

    @lifecycle
    @hint("There is nothing to redact: say so, instead of creating a message or redacting another one.")
    def test_nothing_to_redact(self, new_agent: NewAgent, new_manager: Callable[..., SessionManager[Any]]) -> None:
        """C6: redacting before there is a message is an error."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        with pytest.raises(SessionException):
            manager.redact_latest_message(replacement(), live)

    @lifecycle
    @hint("redact_latest_message may be given another message than the agent's own.")
    def test_redaction_by_another_message(
        self,
        backend: Backend,
        new_agent: NewAgent,
        new_manager: Callable[..., SessionManager[Any]],
        reopen: Reopen,
        session_id: str,
    ) -> None:
        """C: the latest message is replaced by one that the caller made, in the store and for a restored agent."""
        manager = new_manager()
        live = new_agent(SECRET, session_manager=manager)
        live("hi")
        manager.redact_latest_message({"role": "assistant", "content": [{"text": REDACTED}]}, live)
        assert texts(reopen().list_messages(session_id, live.agent_id)) == ["hi", REDACTED]
        assert texts(new_agent().messages) == ["hi", REDACTED]
        assert SECRET.encode() not in backend.dump()

    @lifecycle
    @hint("Once a record is redacted, an update for another reason must not write anything else into it.")
    def test_redaction_lasts(self, backend: Backend, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """C: a redacted message stays marked as redacted when it is rewritten later, here and after a restore."""
        live = new_agent(Block(REDACTED))
        live(SECRET)
        live.messages[0]["metadata"] = {"custom": {"turn": 2}}
        live("go on")
        restored = new_agent()
        restored.messages[0]["metadata"] = {"custom": {"turn": 3}}
        restored("and on")
        stored = reopen().read_message(session_id, live.agent_id, 0)
        assert_same(stored.redact_message, restored.messages[0])
        assert_same_agent(new_agent(), restored)
        assert SECRET.encode() not in backend.dump()

    @messages
    @hint("An update changes the record with its id, and no other: neither the last one nor all of an agent's.")
    def test_earlier_message(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """C7: a message that is not the latest is redacted, and the others stay as they were."""
        create(repository, session_id, *(message(number) for number in range(12)))
        repository.update_message(session_id, AGENT_ID, message(1, redact_message=replacement()))
        stored = reopen().list_messages(session_id, AGENT_ID)
        assert ids(stored) == list(range(12))
        assert texts(stored) == ["text 0", REDACTED, *(f"text {number}" for number in range(2, 12))]
        for number in (0, 2, 10, 11):
            assert_same_record(stored[number], message(number))

    @messages
    @hint("The SDK's manager makes a record anew for an update: `created_at` is the stored one's, not the given one's.")
    def test_timestamps_of_an_update(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """C8: an updated message keeps when it was created, and was updated no earlier than before."""
        create(repository, session_id, message(0))
        repository.update_message(session_id, AGENT_ID, message(0, "new", created_at=LATER, updated_at=LATER))
        stored = reopen().read_message(session_id, AGENT_ID, 0)
        assert stored is not None
        assert_same(stored.created_at, EARLY)
        assert stored.updated_at >= EARLY


def replacement() -> Message:
    """What takes the place of a redacted message."""
    return {"role": "user", "content": [{"text": REDACTED}]}


def before_model(action: Callable[[], None]) -> Callable[[BeforeModelCallEvent], None]:
    """Make a hook that runs before each call of the model."""

    def run(event: BeforeModelCallEvent) -> None:
        action()

    return run
