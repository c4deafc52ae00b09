"""Group B: whatever a message or a state can hold comes back equal, in value, type and order."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from strands.types.exceptions import SessionException
from strands.types.session import SessionMessage

from .backend import Backend
from .cases import Cases, hint, lacks, messages, quick, requires
from .records import AGENT_ID, EVERY_BYTE, agent, create, ids, message, session, texts
from .same import assert_same, assert_same_record

Reopen = Callable[..., Any]

NUMBERS = [0.1, 1e22, 1e16, 2**70, -(2**70), 5e-324, 1.7976931348623157e308, -0.0, 0.0, 1.0, 1, True, False, None]
NOT_FINITE = [math.nan, math.inf, -math.inf]


@quick
@messages
class Content(Cases):
    """Group B."""

    @pytest.fixture
    def round_trip(self, repository: Any, reopen: Reopen, session_id: str) -> Callable[[SessionMessage], None]:
        """Store a message and read it back through another connection, alone and in a list."""

        def round_trip(written: SessionMessage) -> None:
            create(repository, session_id, message(0), written, message(written.message_id + 1))
            again = reopen()
            assert_same_record(again.read_message(session_id, AGENT_ID, written.message_id), written)
            assert_same_record(again.list_messages(session_id, AGENT_ID)[1], written)

        return round_trip

    @hint("No normalisation, no trimming, and an encoding that holds all of Unicode.")
    def test_text(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B1: text keeps its code points: none, blanks, emoji, right to left, combining characters, line separators."""
        round_trip(
            message(
                1,
                "",
                " ",
                " \t\r\n ",
                "👩‍👩‍👧‍👦 🏳️‍🌈",
                "שָׁלוֹם \u202eabc",
                "e\u0301 \u00e9 \ufb01 \u212b",
                "\U0010ffff\U0001d54f",
                "\u2028\u2029\ufeff",
            )
        )

    @requires("stores_nul")
    @hint("Text columns and C strings end at NUL, and jsonb refuses it: keep the text escaped, as JSON writes it.")
    def test_nul(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B2: a NUL character in a message stays."""
        round_trip(
            message(1, "a\x00b", "\x00", {"toolUse": {"toolUseId": "1", "name": "t", "input": {"\x00": "\x00"}}})
        )

    @requires("stores_nul")
    @hint("Text columns and C strings end at NUL, and jsonb refuses it: keep the text escaped, as JSON writes it.")
    def test_nul_in_state(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B2: a NUL character in an agent's state stays."""
        assert_state_survives({"a\x00b": "\x00c"}, repository, reopen, session_id)

    @lacks("stores_nul")
    @hint("What cannot be stored is refused when it is written, by a SessionException, and never cut off.")
    def test_nul_is_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B2: where NUL cannot be stored, a message or a state that holds one is refused as a whole."""
        assert_refused("a\x00b", repository, reopen, session_id)

    @requires("stores_lone_surrogates")
    @hint(
        "json.dumps(ensure_ascii=False) makes text that UTF-8 cannot encode: escape what is not ASCII for such a text."
    )
    def test_lone_surrogate(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B3: half a surrogate pair, as a tool may cut it, stays."""
        result = {"toolUseId": "1", "status": "success", "content": [{"text": "cut \ud800"}, {"json": {"\udfff": "é"}}]}
        round_trip(message(1, {"toolResult": result}))

    @requires("stores_lone_surrogates")
    @hint(
        "json.dumps(ensure_ascii=False) makes text that UTF-8 cannot encode: escape what is not ASCII for such a text."
    )
    def test_lone_surrogate_in_state(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B3: half a surrogate pair in an agent's state stays."""
        assert_state_survives({"\ud800": "cut \udfff"}, repository, reopen, session_id)

    @lacks("stores_lone_surrogates")
    @hint("What cannot be stored is refused when it is written, and leaves no partial record.")
    def test_lone_surrogate_is_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B3: where a lone surrogate cannot be stored, a message or a state that holds one is refused as a whole."""
        # The SDK's own repositories let Python's error through.
        assert_refused("\ud800", repository, reopen, session_id, (SessionException, UnicodeError))

    @requires("stores_every_number")
    @hint(
        "A JSON type of the store may change numbers (1e16 to an integer, -0.0 to 0.0) and refuse NaN: keep the text."
    )
    def test_numbers(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B4: numbers in tool input and metadata keep value and type: floats, large integers, minus zero, NaN."""
        use = {"toolUseId": "1", "name": "t", "input": {"numbers": NUMBERS + NOT_FINITE}}
        round_trip(message(1, {"toolUse": use}, extra={"metadata": {"custom": {"numbers": NUMBERS + NOT_FINITE}}}))

    @requires("stores_every_number")
    @hint(
        "A JSON type of the store may change numbers (1e16 to an integer, -0.0 to 0.0) and refuse NaN: keep the text."
    )
    def test_numbers_in_state(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B4: numbers in an agent's state keep value and type."""
        assert_state_survives({"numbers": NUMBERS + NOT_FINITE}, repository, reopen, session_id)

    @lacks("stores_every_number")
    @hint("What cannot be stored is refused when it is written, by a SessionException, and never replaced by null.")
    def test_other_numbers_are_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B4: where NaN cannot be stored, a message or a state that holds it is refused as a whole."""
        assert_refused(math.nan, repository, reopen, session_id)

    @hint("No sort_keys, and no JSON type that sorts: another order costs the provider's prompt cache after a resume.")
    def test_order_of_keys(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B5: the keys of a tool's input keep their order, at every depth."""
        given = {"zebra": 1, "apple": {"z": [{"y": 1, "x": 2}], "a": None, "M": {}}, "10": 0, "9": 0, "": 0}
        round_trip(message(1, {"toolUse": {"toolUseId": "1", "name": "t", "input": given}}))

    @hint("encode_bytes_values before JSON, decode_bytes_values after it, at read_message and at list_messages.")
    def test_bytes(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B6: images, documents and videos keep their bytes: all 256 values, and none at all."""
        round_trip(
            message(
                1,
                {"image": {"format": "png", "source": {"bytes": EVERY_BYTE}}},
                {"document": {"format": "pdf", "name": "d", "source": {"bytes": b""}}},
                {"video": {"format": "mp4", "source": {"bytes": b"\x00\xff" * 3}}},
            )
        )

    @hint("Bytes are at any depth: encode and decode the whole record, not only its first level.")
    def test_bytes_in_tool_result(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B7: bytes within a tool's result stay, beside its other kinds of content."""
        content: list[Any] = [
            {"json": {"rows": [{"blob": EVERY_BYTE}]}},
            {"text": "a picture"},
            {"image": {"format": "jpeg", "source": {"bytes": EVERY_BYTE}}},
            {"document": {"format": "txt", "name": "d", "source": {"bytes": b"text"}}},
        ]
        round_trip(message(1, {"toolResult": {"toolUseId": "1", "status": "success", "content": content}}))

    @hint("Nothing in a reasoning block may change: providers verify its signature.")
    def test_reasoning(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B8: reasoning keeps its text, its signature and its redacted bytes."""
        round_trip(
            message(
                1,
                {"reasoningContent": {"reasoningText": {"text": " I think\n", "signature": "Ab+/=="}}},
                {"reasoningContent": {"redactedContent": EVERY_BYTE}},
                role="assistant",
            )
        )

    @hint("A message is stored whole: no field of toolUse or toolResult is left out or renamed.")
    def test_tool_use_and_result(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B9: tool calls and results keep id, name, input, status and content."""
        round_trip(
            message(
                1,
                {"toolUse": {"toolUseId": "call:1", "name": "look_up", "input": {}, "reasoningSignature": "s"}},
                {"toolResult": {"toolUseId": "call:1", "status": "success", "content": [{"text": "42"}]}},
                {"toolResult": {"toolUseId": "call:2", "status": "error", "content": []}},
            )
        )

    @hint("Store blocks as they are, without a list of the kinds that there are today.")
    def test_other_blocks(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B10: cache points, guard content, citations and blocks that nobody knows yet stay word for word."""
        citation = {
            "title": "t",
            "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}},
            "sourceContent": [],
        }
        round_trip(
            message(
                1,
                {"cachePoint": {"type": "default"}},
                {"guardContent": {"text": {"qualifiers": ["query"], "text": "?"}}},
                {"citationsContent": {"citations": [citation], "content": [{"text": "said"}]}},
                {"hologram": {"depth": 3, "frames": [EVERY_BYTE, None]}},
            )
        )

    @hint("A message may have no content, and any number of blocks.")
    def test_no_block_and_many_blocks(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B11: a message without a block and one with 200 stay as they are."""
        empty, long = message(0), message(1, *(f"block {n}" for n in range(200)))
        empty.message["content"] = []
        create(repository, session_id, empty, long)
        stored = reopen().list_messages(session_id, AGENT_ID)
        assert_same_record(stored[0], empty)
        assert_same_record(stored[1], long)

    @hint("The key of a record is its message_id. The tracking id is part of the message, like its metadata.")
    def test_metadata(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B12: metadata and tracking id stay in the message, and do not become its key."""
        metadata = {
            "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "cacheReadInputTokens": 0},
            "metrics": {"latencyMs": 12, "timeToFirstByteMs": 3},
            "custom": {"pinned": True, "list": [1, {"a": None}]},
        }
        round_trip(message(1, extra={"tracking_id": "0", "metadata": metadata}))

    @hint("A limit on the size of a value or a request: store large messages in parts, or raise the limit.")
    def test_large_message(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B13: a message of 1 MiB is stored and listed."""
        round_trip(message(1, "0123456789abcdé " * 65_536))

    @requires("large_messages")
    @hint("Compare the size of the text with the limit before it is sent, and name the limit in a SessionException.")
    def test_limit_of_a_message(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B14: a message just under the declared limit is stored; one just over it is refused, by its limit's name."""
        limit = backend.large_messages
        create(repository, session_id, message(0, "x" * (limit - 1024)))
        with pytest.raises(SessionException, match=str(limit)):
            repository.create_message(session_id, AGENT_ID, message(1, "x" * (limit + 1)))
        repository.create_message(session_id, AGENT_ID, message(1))
        stored = reopen().list_messages(session_id, AGENT_ID)
        assert [len(text) for text in texts(stored)] == [limit - 1024, len("text 1")]

    @lacks("large_messages")
    @hint("Declare the limit that the datastore has (`large_messages`), and refuse by name what is over it.")
    def test_no_limit_of_a_message(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """B14: where no limit is declared, a message of 20 MB is stored."""
        create(repository, session_id, message(0, "x" * 20_000_000))
        stored = reopen().read_message(session_id, AGENT_ID, 0)
        assert stored is not None
        assert [len(text) for text in texts([stored])] == [20_000_000]

    @pytest.mark.xfail(
        strict=False, reason="the SDK's own notation for bytes: SessionMessage.from_dict decodes it, too"
    )
    @hint("Expected to fail: the SDK documents that such a dictionary comes back as bytes.")
    def test_dictionary_that_looks_like_bytes(self, round_trip: Callable[[SessionMessage], None]) -> None:
        """B15: a user's dictionary that looks like the SDK's notation for bytes stays a dictionary."""
        given = {"__bytes_encoded__": True, "data": "aGk="}
        round_trip(message(1, {"toolUse": {"toolUseId": "1", "name": "t", "input": given}}))


def assert_state_survives(state: Any, repository: Any, reopen: Reopen, session_id: str) -> None:
    """Fail unless an agent's state is read back as it was created, and as it was updated."""
    repository.create_session(session(session_id))
    repository.create_agent(session_id, agent(state=state))
    first = reopen().read_agent(session_id, AGENT_ID)
    repository.update_agent(session_id, agent(state={"updated": state}))
    second = reopen().read_agent(session_id, AGENT_ID)
    assert first is not None
    assert second is not None
    assert_same(first.state, state)
    assert_same(second.state, {"updated": state})


def assert_refused(
    value: Any,
    repository: Any,
    reopen: Reopen,
    session_id: str,
    errors: tuple[type[Exception], ...] = (SessionException,),
) -> None:
    """Fail unless messages and states with a value are refused, nothing of them is stored, and the session goes on."""
    create(repository, session_id, message(0))
    use = {"toolUse": {"toolUseId": "1", "name": "t", "input": {"value": value}}}
    for call in (
        lambda: repository.create_message(session_id, AGENT_ID, message(1, use)),
        lambda: repository.update_message(session_id, AGENT_ID, message(0, use)),
        lambda: repository.create_agent(session_id, agent("other", state={"value": value})),
        lambda: repository.update_agent(session_id, agent(state={"value": value})),
    ):
        with pytest.raises(errors):
            call()
    assert texts(reopen().list_messages(session_id, AGENT_ID)) == ["text 0"]
    assert reopen().read_agent(session_id, "other") is None
    assert_same_record(reopen().read_agent(session_id, AGENT_ID), agent())
    repository.create_message(session_id, AGENT_ID, message(1))
    assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0, 1]
