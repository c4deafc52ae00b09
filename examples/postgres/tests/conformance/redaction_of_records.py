"""Group C, of records: what was redacted is gone from its record, and nothing else changes."""

from collections.abc import Callable
from typing import Any

from .backend import Backend
from .cases import Cases, hint, lifecycle, messages, quick
from .records import AGENT_ID, EARLY, LATER, create, ids, message, texts
from .redaction import REDACTED, SECRET, replacement
from .same import assert_same, assert_same_record
from .scripted_model import Block

NewAgent = Callable[..., Any]
Reopen = Callable[..., Any]


@quick
class RedactionOfRecords(Cases):
    """Group C, of records."""

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

    @lifecycle
    @hint("redact_latest_message gets the message as it is now: store it as redact_message, too.")
    def test_record_of_a_guardrail(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """C3: the record of a prompt that a guardrail redacts is marked as redacted."""
        live = new_agent("hello", Block(REDACTED))
        live("hi")
        live(SECRET)
        stored = reopen().read_message(session_id, live.agent_id, 2)
        assert_same(stored.redact_message, live.messages[2])

    @lifecycle
    @hint("An update changes the record with its id, and no other: their timestamps stay as well.")
    def test_older_records(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """C4: when the first prompt after a restore is redacted, older records stay as they were."""
        first = new_agent()
        first("one")
        first("two")
        before = reopen().list_messages(session_id, first.agent_id)
        new_agent(Block(REDACTED))(SECRET)
        after = reopen().list_messages(session_id, first.agent_id)
        for record in before:
            assert_same_record(after[record.message_id], record)
        assert texts(after)[4:] == [REDACTED, "I cannot talk about that."]

    @lifecycle
    @hint("Once a record is redacted, an update for another reason must not write anything else into it.")
    def test_mark_lasts(self, new_agent: NewAgent, reopen: Reopen, session_id: str) -> None:
        """C: a redacted record stays marked as redacted when it is rewritten later, here and after a restore."""
        live = new_agent(Block(REDACTED))
        live(SECRET)
        live.messages[0]["metadata"] = {"custom": {"turn": 2}}
        live("go on")
        restored = new_agent()
        restored.messages[0]["metadata"] = {"custom": {"turn": 3}}
        restored("and on")
        stored = reopen().read_message(session_id, live.agent_id, 0)
        assert_same(stored.redact_message, restored.messages[0])
