"""What the tables see to by themselves, whoever writes to them or looks into them. This file is yours."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from conformance.multi_agents import Orchestrator
from conformance.package import package
from conformance.records import AGENT_ID, agent, create, ids, message, session
from psycopg.conninfo import make_conninfo

DOCUMENTS = [
    ("agents", "state"),
    ("agents", "conversation_manager_state"),
    ("agents", "internal_state"),
    ("messages", "message"),
    ("messages", "redact_message"),
    ("multi_agents", "state"),
]
OPTIONAL = [("messages", "redact_message")]
IDS = ("session_id", "agent_id", "multi_agent_id", "key")
SECRET = "\x00 hunter2"


@pytest.mark.parametrize(("table", "column"), DOCUMENTS)
def test_places(backend: Any, repository: Any, session_id: str, table: str, column: str) -> None:
    """A document stands in one of its two columns: the table takes no row with both, nor with none where it must be."""
    create(repository, session_id, message(0))
    repository.create_multi_agent(session_id, Orchestrator("graph"))
    wrong = [("'{}'", "'{}'")] if (table, column) in OPTIONAL else [("'{}'", "'{}'"), ("NULL", "NULL")]
    for json, text in wrong:
        update = f"UPDATE {backend.schema}.{table} SET {column} = {json}, {column}_raw = {text} WHERE session_id = %s"
        with pytest.raises(psycopg.errors.CheckViolation):
            backend.connection.execute(update.encode(), [session_id])


@pytest.mark.parametrize(
    "column", ["sessions.session_type", "agents.version", "agents.restores", "agents.restores_after"]
)
def test_required(backend: Any, repository: Any, session_id: str, column: str) -> None:
    """What no statement looks twice at is there in every row."""
    create(repository, session_id)
    table, name = column.split(".")
    update = f"UPDATE {backend.schema}.{table} SET {name} = NULL WHERE session_id = %s"
    with pytest.raises(psycopg.errors.NotNullViolation):
        backend.connection.execute(update.encode(), [session_id])


def test_samples(backend: Any, repository: Any, session_id: str) -> None:
    """Statistics keep no samples of documents: of one that was redacted since, nothing would go there."""
    secret: Any = {"role": "user", "content": [{"text": SECRET}]}
    kept = {"state": {"a": SECRET}, "_internal_state": {"a": SECRET}}
    create(repository, session_id)
    for number in range(3):
        repository.create_agent(
            session_id, agent(f"{number}", **kept, conversation_manager_state={"a": SECRET, "__name__": "x"})
        )
        repository.create_multi_agent(session_id, Orchestrator(f"{number}", {"a": SECRET}))
        repository.create_message(session_id, AGENT_ID, message(number, SECRET))
        repository.create_message(session_id, f"{number}", message(0, redact_message=secret))
    for table in {table for table, _ in DOCUMENTS}:
        backend.connection.execute(f"ANALYZE {backend.schema}.{table}".encode())
    query = "SELECT tablename, attname, most_common_vals::text, histogram_bounds::text FROM pg_stats"
    found = backend.connection.execute(f"{query} WHERE schemaname = %s".encode(), [backend.schema]).fetchall()
    assert {table for table, _ in DOCUMENTS} <= {table for table, *_ in found}
    assert [row for row in found if "hunter2" in str(row)] == []


def test_collation(backend: Any) -> None:
    """Ids sort by their code points, whatever the locale of the database: another one's order changes with updates."""
    query = """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = %s AND column_name = ANY(%s) AND collation_name IS DISTINCT FROM 'C'"""
    assert backend.connection.execute(query, [backend.schema, list(IDS)]).fetchall() == []


def test_ranges(backend: Any) -> None:
    """What has expired, and the sessions with a prefix, are found by an index: the others are not looked at."""
    with backend.connection.transaction():
        for other_way in ("seqscan", "bitmapscan"):  # which are as good while the table is small
            backend.connection.execute(f"SET LOCAL enable_{other_way} = off".encode())
        expired = explain(backend, package.statements.PRUNE, {"batch_size": 10})
        values = {"prefix": "s7", "after": "", "page_size": 10}
        listed = explain(backend, package.statements.LIST_SESSIONS, values)
    assert "using sessions_expires_at" in expired
    assert "Index Cond: ((session_id >= 's7'::text)" in listed


def test_order(backend: Any, reopen: Callable[..., Any], session_id: str) -> None:
    """Listings are in order, page by page, whatever plan the server chooses: here none that follows an index."""
    plans = " ".join(f"-c enable_{kind}=off" for kind in ("indexscan", "indexonlyscan", "bitmapscan"))
    repository = reopen(connection_string=make_conninfo(backend.url, options=plans))
    for number in reversed(range(10)):
        repository.create_session(session(f"{session_id}-{number}"))
        repository.create_agent(f"{session_id}-9", agent(f"{number}"))
        repository.create_message(f"{session_id}-9", "9", message(number))
    listed = (one.session_id for one in repository.list_sessions(session_id, page_size=3))
    assert next(listed) == f"{session_id}-0"
    repository.delete_session(f"{session_id}-2")  # is on the page that was read
    repository.delete_session(f"{session_id}-3")  # is on the next one
    assert list(listed) == [f"{session_id}-{number}" for number in (1, 2, *range(4, 10))]
    assert repository.list_agents(f"{session_id}-9") == [f"{number}" for number in range(10)]
    assert ids(repository.list_messages(f"{session_id}-9", "9", limit=5, offset=2)) == [2, 3, 4, 5, 6]
    assert ids(repository.read_log(f"{session_id}-9", "9").messages) == list(range(10))


def explain(backend: Any, statement: str, values: dict[str, Any]) -> str:
    """The plan of a statement."""
    query = f"EXPLAIN {statement.replace('{schema}', backend.schema)}"
    return "\n".join(line for (line,) in backend.connection.execute(query.encode(), values).fetchall())
