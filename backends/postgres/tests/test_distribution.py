"""The tables can be distributed by session_id. This file is yours.

PostgreSQL's own partitions take the place of the servers: in a schema whose tables are split by a hash of session_id,
each statement that the package sends is planned once more, and must reach one part alone.
"""

import re
import uuid
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from typing import Any

import psycopg
import pytest
from conformance.batches import batch
from conformance.package import SessionConflictError, SessionRepository, package
from conformance.records import agent, message, session
from usage import use_everything

connection: Any = import_module(f"{package.__name__}.connection")
statements: Any = import_module(f"{package.__name__}.statements")

KEYS = {**dict.fromkeys(["sessions", "agents", "messages", "multi_agents"], "session_id"), "objects": "key"}
"""What each table is split by. The table of migrations is everywhere."""
EVERYWHERE = ("LIST_SESSIONS", "PRUNE", "LIST_OBJECTS", "SEARCH_OBJECTS")
"""The statements that are about no one session, and no one key."""
PARTS = 4

UNIQUE = """
SELECT c.relname, array_agg(a.attname::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
WHERE i.indisunique AND c.relnamespace = %s::regnamespace GROUP BY i.indexrelid, c.relname"""
FOREIGN = """
SELECT c.conrelid::regclass::text, pg_get_constraintdef(c.oid), (
  SELECT array_agg(a.attname || '=' || b.attname) FROM unnest(c.conkey, c.confkey) AS k(one, other)
  JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.one
  JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.other)
FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = %s::regnamespace ORDER BY c.oid"""
FILTER = re.compile(r"\b(\w+\.)?(session_id|key) = %\((session_id|key)\)s")
INSERTED = re.compile(r"(SELECT |VALUES \()%\((session_id|key)\)s,")
VERBS = ("WITH ", "SELECT ", "INSERT ", "UPDATE ", "DELETE ")

Sent = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def split(backend: Any) -> Iterator[str]:
    """A schema whose tables are split."""
    schema = f"test_{uuid.uuid4().hex[:11]}"
    with SessionRepository(**{**backend.options(), "schema": schema}) as repository:
        repository.setup()
    script = [f"DROP TABLE {', '.join(f'{schema}.{table}' for table in KEYS)} CASCADE"]
    for table, key in KEYS.items():
        like = f"LIKE {backend.schema}.{table} INCLUDING ALL"
        script.append(f"CREATE TABLE {schema}.{table} ({like}) PARTITION BY HASH ({key})")
        for part in range(PARTS):
            values = f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
            script.append(f"CREATE TABLE {schema}.{table}_{part} PARTITION OF {schema}.{table} {values}")
    for table, definition, _ in backend.connection.execute(FOREIGN, [backend.schema]).fetchall():
        script.append(f"ALTER TABLE {table} ADD {definition}".replace(f"{backend.schema}.", f"{schema}."))
    backend.connection.execute(";\n".join(script).encode())
    yield schema
    backend.connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The statements that the package sends from now on, each with the values that it had last."""
    sent: Sent = {}

    class Noting(connection.OwnCursor):  # type: ignore[misc]
        """A cursor that takes note."""

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            sent[query.decode() if isinstance(query, bytes) else query] = params
            return super().execute(query, params, **options)

    monkeypatch.setattr(connection, "OwnCursor", Noting)
    return sent


def test_keys(backend: Any) -> None:
    """Primary and unique keys hold the column by which their table is split, and foreign keys tie it to itself."""
    for table, columns in backend.connection.execute(UNIQUE, [backend.schema]).fetchall():
        assert table == "migrations" or KEYS[table] in columns
    found = backend.connection.execute(FOREIGN, [backend.schema]).fetchall()
    assert len(found) == 3
    for table, _, columns in found:
        assert "session_id=session_id" in columns, table


def test_citus(request: pytest.FixtureRequest) -> None:
    """What the README gives to Citus splits each table as it is here, after those that its foreign keys name."""
    readme = (request.config.rootpath / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"create_distributed_table\('strands_sessions\.(\w+)', '(\w+)'", readme) == list(KEYS.items())


def test_everything(backend: Any, split: str) -> None:
    """Everything works on tables that are split."""
    for ttl in (None, 100):
        use_everything(**{**backend.options(), "schema": split, "ttl": ttl})


def test_each_statement_reaches_one_part(backend: Any, split: str, sent: Sent, session_id: str) -> None:
    """Each statement names the session, or the key, wherever it reads or writes; one that forgets it is found out."""
    options = {**backend.options(), "schema": split}
    for ttl in (None, 100):
        use_everything(**options, ttl=ttl)
        with SessionRepository(**options, ttl=ttl) as repository:
            save_in_every_way(repository, f"{session_id} {ttl}")
            repository.prune_expired()
    names = {as_sent(text, split): name for name, text in vars(statements).items() if re.match("[A-Z]", name)}
    assert [names[text] for text in names.keys() - sent.keys() if text.startswith(VERBS)] == [], "never sent"
    with psycopg.connect(backend.url) as server, connection.OwnCursor(server) as cursor:
        steps = [(step, values) for text, values in list(sent.items()) for step in within(cursor, text, split)]
        for text, values in steps:
            parts = parts_of(cursor, text, values)
            if names.get(text) in EVERYWHERE:
                assert len(parts) == PARTS, f"{names[text]} is no exception"
            elif split not in text.replace(f'"{split}".migrations', ""):
                assert parts == set()
            else:
                assert len(parts) <= 1, f"{parts} | {text}"  # none where it only inserts
                assert "AS ( SELECT FROM" not in text, "a step without columns, which Citus cannot take (issue 5094)"
                assert list(forgetting(text)), text
                for careless in forgetting(text):
                    assert len(parts_of(cursor, careless, values)) > 1, f"this is not found out: {careless}"


def within(cursor: Any, text: str, schema: str) -> list[str]:
    """The statements within the function that a statement calls; or else the statement itself."""
    if "append_message" not in text:
        return [text]
    if "unnest" in text:  # the same function for several sessions, of which each is in one part
        return []
    body = "SELECT prosrc FROM pg_proc WHERE proname = 'append_message' AND pronamespace = %s::regnamespace"
    ((source,),) = cursor.execute(body, [schema]).fetchall()
    names = re.findall(r"%\((\w+)\)s", text)
    found = re.findall(r"^ *((?:UPDATE|INSERT) .*?);", source, re.MULTILINE | re.DOTALL)
    assert len(found) == 3
    return [re.sub(r"\$(\d)", lambda place: f"%({names[int(place[1]) - 1]})s", " ".join(one.split())) for one in found]


def save_in_every_way(repository: Any, session_id: str) -> None:
    """Save batches with all combinations of what they can hold, and one in vain."""
    repository.create_session(session(session_id))
    for number, (creates, updates, has_agent) in enumerate(product((False, True), repeat=3)):
        key = {"agent_id": (name := f"agent-{number}"), "agent": agent(name)}
        repository.write_log(batch(session_id, **key, create=[message(0)] * creates, new_version="1"))
        if not creates:
            repository.create_message(session_id, name, message(0))
        new: dict[str, Any] = {"create": [message(1)] * creates, "update": [message(0, "new")] * updates}
        version = repository.read_log(session_id, name).version
        new |= {"agent": agent(name) if has_agent else None, "version": version, "next_id": 1}
        new_version = "2" if updates or has_agent else version
        repository.write_log(batch(session_id, agent_id=name, new_version=new_version, **new))
    with pytest.raises(SessionConflictError):
        repository.write_log(batch(session_id, agent_id="agent-0", agent=agent("agent-0"), version="0"))
    key = {"agent_id": "together", "new_version": "1"}
    repository.write_log(batch(session_id, **key, agent=agent("together")))
    append = batch(session_id, **key, version="1", create=[message(0)])
    assert repository.write_together([(repository, append)]) == [True]


def parts_of(cursor: Any, text: str, values: Any) -> set[str]:
    """The parts that a statement reaches: by its plan, and by the first value of what it inserts."""
    (((plan,),),) = cursor.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {text}".encode(), values).fetchall()
    found: set[str] = set()

    def visit(node: dict[str, Any]) -> None:
        for relation in (node, *node.get("Target Tables", ())):
            found.update(re.findall(r"_(\d)$", relation.get("Relation Name", "")))
        if node.get("Operation") == "Insert":
            (rows,) = [below for below in node["Plans"] if below["Parent Relationship"] == "Outer"]
            while "Output" not in rows:  # those of several parts, one after the other
                rows = rows["Plans"][0]
            first = rows["Output"][0]
            if not first.endswith("session_id") and (values.get("session_id") or values["key"]) not in first:
                found.update(["of whichever row it is", first])
        for below in node.get("Plans", ()):
            visit(below)

    visit(plan["Plan"])
    return found


def forgetting(text: str) -> Iterator[str]:
    """The text, each time without another one of its conditions, or with another value inserted in its place."""
    for found in FILTER.finditer(text):
        yield f"{text[: found.start()]}TRUE{text[found.end() :]}"
    for found in INSERTED.finditer(text):
        yield f"{text[: found.start()]}{found[1]}'another',{text[found.end() :]}"


def as_sent(statement: Any, schema: str) -> str:
    """A statement as the package sends it."""
    return " ".join(str(statement).split()).replace("{schema}", f'"{schema}"')
