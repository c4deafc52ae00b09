"""Equality that a session must restore: values, types and the order of keys."""

import math
from typing import Any

from strands.types.session import Session, SessionAgent, SessionMessage

Record = Session | SessionAgent | SessionMessage


def assert_same(actual: Any, expected: Any, where: str = "value") -> None:
    """Fail, naming the first place that differs.

    Stricter than `==`, which takes True for 1, 1 for 1.0, 0.0 for -0.0 and any order of keys for the same, and NaN for
    different from itself.
    """
    assert type(actual) is type(expected), f"{where} is {actual!r} ({type(actual).__name__}), not {expected!r}"
    if isinstance(expected, dict):
        same_keys = list(actual) == list(expected)
        assert same_keys, f"{where} has the keys {list(actual)}, not {list(expected)}"
        for key in expected:
            assert_same(actual[key], expected[key], f"{where}[{key!r}]")
    elif isinstance(expected, list):
        for index, (one, other) in enumerate(zip(actual, expected, strict=False)):
            assert_same(one, other, f"{where}[{index}]")
        assert len(actual) == len(expected), f"{where} has {len(actual)} items, not {len(expected)}"
    elif isinstance(expected, float):
        both_nan = math.isnan(actual) and math.isnan(expected)
        same = both_nan or (actual == expected and math.copysign(1, actual) == math.copysign(1, expected))
        assert same, f"{where} is {actual!r}, not {expected!r}"
    else:
        same = actual == expected  # apart: pytest's own comparison would print lone surrogates, which xdist cannot send
        assert same, f"{where} is {shortened(actual)}, not {shortened(expected)}"


def assert_same_record(actual: Record | None, expected: Record) -> None:
    """Fail unless a record read is the record written, timestamps included.

    A session's type is compared by value: the SDK's own repositories hand back the plain string.
    """
    assert actual is not None, f"{expected} was not found"
    assert isinstance(actual, type(expected)), f"read {type(actual).__name__}, not {type(expected).__name__}"
    read, written = vars(actual).copy(), vars(expected).copy()
    if isinstance(expected, Session):
        assert read.pop("session_type") == written.pop("session_type")
    assert_same(read, written, type(expected).__name__)


def assert_same_contents(actual: Any, expected: Any, session_id: str, agent_ids: list[str]) -> None:
    """Fail unless two repositories hold the same session, with the same agents and messages."""
    assert_same_record(actual.read_session(session_id), expected.read_session(session_id))
    for agent_id in agent_ids:
        assert_same_record(actual.read_agent(session_id, agent_id), expected.read_agent(session_id, agent_id))
        read, written = (repository.list_messages(session_id, agent_id) for repository in (actual, expected))
        assert [record.message_id for record in read] == [record.message_id for record in written]
        for one, other in zip(read, written, strict=True):
            assert_same_record(one, other)


def assert_same_agent(restored: Any, live: Any) -> None:
    """Fail unless a restored agent is the live one: messages, state, interrupts, model and conversation manager."""
    expected = live.take_snapshot(preset="session", include=["system_prompt"]).data
    actual = restored.take_snapshot(preset="session", include=["system_prompt"]).data
    assert_same(actual, expected, "agent")


def shortened(value: Any) -> str:
    """The repr of a value, short enough to be read in a report."""
    text = repr(value)
    return text if len(text) < 400 else f"{text[:200]} ... {text[-100:]} ({len(text)} characters)"
