"""Documents as SQL sees them: all of them stored exactly, and no query that one of them breaks. This file is yours."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from conformance.multi_agents import Orchestrator
from conformance.records import AGENT_ID, EARLY, agent, create, message, session
from conformance.same import assert_same, assert_same_record
from conformance.scripted_model import Block, Call
from strands import tool

Reopen = Callable[..., Any]

JSON = [
    "",
    "it says NaN, Infinity and -Infinity",
    "it says \\u0000 and \\ud800",
    "\\" * 3 + "u0000",
    "\U0001f600 \u00e9 \u4e2d",
    1e22,
    1e-7,
    -0.0,
    2**70,
    1.7976931348623157e308,
    {"b": 1, "a": {"d": [], "c": {}}},
    b"\x00\xff",
]
"""What a column for JSON takes, and every operator gets past."""
OTHER = [
    "\x00",
    "a\x00b",
    "\\\x00",
    "\ud800",
    "\udc00\ud800",
    "\ud83d",
    float("nan"),
    float("inf"),
    -float("inf"),
    {"\x00": 1},
    {"\ud800": 1},
]
"""What it refuses, or what makes it fail a query."""
VALUES = [(value, True) for value in JSON] + [(value, False) for value in OTHER]


TIMES = [
    EARLY,
    "2024-03-01T12:00:00+05:30",
    "2024-03-01T12:00:00",
    "2024-03-01T12:00:00Z",
    "2024-03-01 12:00:00.5+00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-12:00",
    "yesterday",
    "",
]
QUERIES = [
    "SELECT message ->> 'role', message #> '{content,0}', message::jsonb FROM {schema}.messages",
    "SELECT jsonb_path_query(message::jsonb, '$.**') FROM {schema}.messages",
    "SELECT redact_message ->> 'role', redact_message::jsonb FROM {schema}.messages",
    "SELECT state -> 'value', conversation_manager_state ->> '__name__', internal_state::jsonb FROM {schema}.agents",
    "SELECT state::jsonb FROM {schema}.multi_agents",
    "SELECT * FROM {schema}.message_facts",
    "SELECT tool_use_id, input::jsonb FROM {schema}.tool_calls",
]


@pytest.mark.parametrize(("value", "is_json"), VALUES, ids=[ascii(value) for value, _ in VALUES])
def test_column(backend: Any, repository: Any, reopen: Reopen, session_id: str, value: Any, is_json: bool) -> None:
    """A document stands where JSON stands if all of SQL can deal with it, else beside it, and comes back as it was."""
    stored = fill(repository, session_id, value)
    again = reopen()
    assert_same_record(again.read_agent(session_id, AGENT_ID), stored["agent"])
    assert_same_record(again.read_log(session_id, AGENT_ID).agent, stored["agent"])
    for record in stored["messages"]:
        assert_same_record(again.read_message(session_id, AGENT_ID, record.message_id), record)
    assert_same(again.read_multi_agent(session_id, "graph"), {"value": value})
    places = {
        "agents": ["state", "conversation_manager_state", "internal_state"],
        "messages": ["message", "redact_message"],
        "multi_agents": ["state"],
    }
    for table, columns in places.items():
        for column in columns:
            query = f"SELECT count({column}), count({column}_raw) FROM {backend.schema}.{table} WHERE session_id = %s"
            found = backend.connection.execute(query.encode(), [session_id]).fetchone()
            rows = 2 if column == "message" else 1
            assert found == ((rows, 0) if is_json else (0, rows)), f"{table}.{column}"


@pytest.mark.parametrize("value", [value for value, _ in VALUES], ids=[ascii(value) for value, _ in VALUES])
def test_queries(
    backend: Any, request: pytest.FixtureRequest, repository: Any, new_session_id: Callable[..., str], value: Any
) -> None:
    """No query of the README fails on a document, nor one that looks into it."""
    fill(repository, new_session_id(), value)
    fill(repository, new_session_id(), "plain")
    for query in [*QUERIES, *readme_queries(request)]:
        assert backend.connection.execute(query.replace("{schema}", backend.schema).encode()).description


def test_queries_are_found(request: pytest.FixtureRequest) -> None:
    """The README has queries, and those above are all of them."""
    queries = readme_queries(request)
    assert len(queries) >= 3
    assert any("message_facts" in query for query in queries)
    assert any("tool_calls" in query for query in queries)


@pytest.mark.parametrize("time", TIMES)
def test_times(repository: Any, reopen: Reopen, session_id: str, time: str) -> None:
    """A time comes back as it was written, also one that is none, and that of an update as well."""
    times = {"created_at": time, "updated_at": time}
    started, speaker, said = session(session_id, **times), agent(**times), message(0, **times)
    repository.create_session(started)
    repository.create_agent(session_id, speaker)
    repository.create_message(session_id, AGENT_ID, said)
    again = reopen()
    assert_same_record(again.read_session(session_id), started)
    assert_same_record(again.read_agent(session_id, AGENT_ID), speaker)
    assert_same_record(again.read_message(session_id, AGENT_ID, 0), said)
    speaker.updated_at = said.updated_at = "2025-01-01T00:00:00+00:00"
    repository.update_agent(session_id, speaker)
    repository.update_message(session_id, AGENT_ID, said)
    assert_same_record(again.read_agent(session_id, AGENT_ID), speaker)
    assert_same_record(again.read_message(session_id, AGENT_ID, 0), said)


def test_views(backend: Any, new_agent: Callable[..., Any], reopen: Reopen, session_id: str) -> None:
    """The views show who said what when, its tokens, the tools that it called, and what was redacted."""

    @tool
    def look_up(key: str) -> str:
        """Look something up.

        Args:
            key: What to look up.
        """
        return f"{key} is 42"

    new_agent(Call("look_up", {"key": "b"}, "call-1"), Block("[redacted]"), tools=[look_up])("What is b?")
    query = "SELECT role, input_tokens, output_tokens, redacted, created_at IS NOT NULL"
    order = "WHERE session_id = %s ORDER BY message_id"
    facts = backend.connection.execute(
        f"{query} FROM {backend.schema}.message_facts {order}".encode(), [session_id]
    ).fetchall()
    assert facts == [
        ("user", None, None, False, True),
        ("assistant", 12, 7, False, True),
        ("user", None, None, True, True),
        ("assistant", 12, 7, False, True),
    ]
    calls = backend.connection.execute(
        f"SELECT message_id, tool, tool_use_id, input FROM {backend.schema}.tool_calls {order}".encode(), [session_id]
    ).fetchall()
    assert calls == [(1, "look_up", "call-1", {"key": "b"})]


@pytest.mark.parametrize("usage", [None, 7, "12", [], {}, {"inputTokens": "12 or so"}, {"inputTokens": -1.5}])
def test_views_of_odd_messages(backend: Any, repository: Any, session_id: str, usage: Any) -> None:
    """What a view expects elsewhere, or of another type, is null."""
    odd = message(0, "x", extra={"metadata": {"usage": usage}})
    odd.message["content"] = usage
    create(repository, session_id, odd)
    query = f"SELECT role, input_tokens FROM {backend.schema}.message_facts WHERE session_id = %s"
    assert backend.connection.execute(query.encode(), [session_id]).fetchall() == [("user", None)]
    query = f"SELECT FROM {backend.schema}.tool_calls WHERE session_id = %s"
    assert backend.connection.execute(query.encode(), [session_id]).fetchall() == []


def fill(repository: Any, session_id: str, value: Any) -> dict[str, Any]:
    """Store a session with a value in every document of it, and return its agent and messages."""
    instead: Any = {"role": "user", "content": [{"text": "[redacted]"}], "value": value}
    messages = [
        message(0, {"toolUse": {"toolUseId": "1", "name": "f", "input": {"value": value}}}, role="assistant"),
        message(1, redact_message=instead),
    ]
    messages[1].message = instead
    speaker = agent(state={"value": value}, _internal_state={"value": value})
    speaker.conversation_manager_state["value"] = value
    repository.create_session(session(session_id))
    repository.create_agent(session_id, speaker)
    for one in messages:
        repository.create_message(session_id, AGENT_ID, one)
    repository.create_multi_agent(session_id, Orchestrator("graph", {"value": value}))
    return {"agent": speaker, "messages": messages}


def readme_queries(request: pytest.FixtureRequest) -> list[str]:
    """The queries of the README, for the schema `{schema}`."""
    readme = (request.config.rootpath / "README.md").read_text(encoding="utf-8")
    queries = re.findall(r"^```sql\n(SELECT.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return [query.replace("strands_sessions", "{schema}") for query in queries]
