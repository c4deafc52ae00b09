"""The tables: how they are made and updated, by whom, and what is said where they are missing. This file is yours."""

import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conformance.concurrency import in_threads
from conformance.package import SessionManager, SessionRepository, SessionUnavailableError
from conformance.records import session
from conformance.same import assert_same_agent
from conformance.scripted_model import scripted_agent
from psycopg.conninfo import make_conninfo
from sources import by_pool
from usage import use_everything

PACKAGE = "strands_session_postgres"
ALL = [1, 2]
"""The migrations that there are."""
SHAPE = """
SELECT table_name, column_name, data_type, column_default, is_nullable, collation_name
FROM information_schema.columns WHERE table_schema = %s ORDER BY 1, 2"""


@pytest.fixture
def empty(backend: Any) -> Iterator[dict[str, Any]]:
    """Options for a schema that does not exist yet."""
    name = f"Test_{uuid.uuid4().hex}"  # in capitals, which have to be quoted
    yield {**backend.options(), "schema": name}
    backend.connection.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'.encode())


@pytest.fixture
def made(empty: dict[str, Any]) -> dict[str, Any]:
    """Options for a schema that is set up."""
    with SessionRepository(**empty) as repository:
        repository.setup()
    return empty


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line of the package."""
    command = [sys.executable, "-m", PACKAGE, *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def grant(backend: Any, request: pytest.FixtureRequest, schema: str, role: str) -> None:
    """Give a role what the README says that one needs."""
    readme = (request.config.rootpath / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sql\n(GRANT.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    (name,) = set(re.findall(r" TO (\w+);", block))
    statements = block.replace(f" TO {name};", f" TO {role};").replace("strands_sessions", f'"{schema}"')
    backend.connection.execute(statements.encode())


def test_fresh_and_repeated(empty: dict[str, Any]) -> None:
    """The first setup applies all migrations and says which, the next one finds nothing to do."""
    with SessionRepository(**empty) as repository:
        assert repository.setup() == ALL
        assert repository.setup() == []
    use_everything(**empty)


def test_many_processes_at_once(empty: dict[str, Any]) -> None:
    """Of 16 processes that set up at once, none fails, and one applies each migration."""
    command = [sys.executable, "-c", SET_UP_AT_ONCE, str(Path(__file__).parent), repr(empty)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert sorted(result.stdout.splitlines()) == sorted([str(ALL), *["[]"] * 15])
    use_everything(**empty)


SET_UP_AT_ONCE = """
import multiprocessing, os, sys
sys.path.insert(0, sys.argv[1])
from conformance.package import SessionRepository
options = eval(sys.argv[2])
fork = multiprocessing.get_context("fork")
start = fork.Barrier(16)
def set_up():
    with SessionRepository(**options) as repository:
        start.wait()
        os.write(1, b"%a\\n" % repository.setup())
processes = [fork.Process(target=set_up) for _ in range(16)]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(max(process.exitcode for process in processes))
"""


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_isolation_level(backend: Any, empty: dict[str, Any], level: str) -> None:
    """Setup from several threads at once works on connections of any isolation level, which it leaves as it is."""
    settings = "-c default_transaction_isolation=" + level.replace(" ", "\\ ")
    with by_pool(backend.url, min_size=8, kwargs={"options": settings}) as options:
        with SessionRepository(**options, schema=empty["schema"]) as repository:
            applied = in_threads(8, lambda _: repository.setup())
        assert sorted(applied) == [[]] * 7 + [ALL]
        with options["pool"].connection() as connection:
            assert connection.execute("SHOW transaction_isolation").fetchone() == (level,)


def test_functions_of_others(backend: Any, empty: dict[str, Any]) -> None:
    """A function that somebody else put into the search path is not called in place of PostgreSQL's own."""
    trap = empty["schema"] + "_trap"
    body = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$"
    functions = ["num_nonnulls(json, text) RETURNS int", "unnest(int8multirange) RETURNS SETOF int8range"]
    functions += ["lower(int8range) RETURNS bigint", "upper(int8range) RETURNS bigint"]
    functions += ["cardinality(bigint[]) RETURNS int", "unnest(bigint[]) RETURNS SETOF bigint"]
    statements = [f'CREATE SCHEMA "{trap}"', *(f'CREATE FUNCTION "{trap}".{one} {body}' for one in functions)]
    backend.connection.execute("; ".join(statements).encode())
    try:
        settings = {"options": f'-c search_path="{trap}"'}
        with by_pool(backend.url, kwargs=settings) as options:
            with SessionRepository(**options, schema=empty["schema"]) as repository:
                repository.setup()
            use_everything(**options, schema=empty["schema"])
    finally:
        backend.connection.execute(f'DROP SCHEMA "{trap}" CASCADE'.encode())


def test_repeated_in_part(backend: Any, empty: dict[str, Any]) -> None:
    """A migration that fails leaves nothing of itself; the next setup makes everything."""
    schema = empty["schema"]
    backend.connection.execute(f'CREATE SCHEMA "{schema}"; CREATE TABLE "{schema}".messages (mine int)'.encode())
    with SessionRepository(**empty) as repository:
        with pytest.raises(SessionUnavailableError, match="messages"):
            repository.setup()
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        assert backend.connection.execute(tables, [schema]).fetchall() == [("messages",)]
        backend.connection.execute(f'DROP TABLE "{schema}".messages'.encode())
        assert repository.setup() == ALL


def test_update_from_version_1(backend: Any, made: dict[str, Any], schema: str) -> None:
    """Tables of version 1, with sessions in them, get what version 2 has, once; the sessions stay, and go on."""
    with SessionManager("s", **made) as manager:
        live = scripted_agent(manager)
        live("one")
        name = f'"{made["schema"]}"'
        drop = ("DROP TABLE {}.objects", "DROP FUNCTION {}.object_words")
        for undo in (*drop, "DELETE FROM {}.migrations WHERE version > 1"):
            backend.connection.execute(undo.format(name).encode())
        with pytest.raises(SessionUnavailableError, match=how_to_set_up(made["schema"])):
            SessionManager("s", **made)
        with SessionRepository(**made) as repository:
            assert repository.setup() == ALL[1:]
            assert repository.setup() == []
        live("two")
    with SessionManager("s", **made) as manager:
        restored = scripted_agent(manager)
        assert_same_agent(restored, live)
        assert len(restored.messages) == 4
    tables = [backend.connection.execute(SHAPE, [name]).fetchall() for name in (made["schema"], schema)]
    assert tables[0] == tables[1]
    use_everything(**made)


def how_to_set_up(schema: str) -> str:
    """The command that the errors name, as a pattern."""
    return f"`python -m {PACKAGE} --schema {schema} setup`"


def none(schema: str) -> str:
    """No schema."""
    return f'DROP SCHEMA "{schema}" CASCADE'


def no_tables(schema: str) -> str:
    """A schema without tables."""
    return f'{none(schema)}; CREATE SCHEMA "{schema}"'


def older(schema: str) -> str:
    """The tables of an older version, to which a migration is missing."""
    return f'DELETE FROM "{schema}".migrations WHERE version = {ALL[-1]}'


def in_progress(schema: str) -> str:
    """A table of migrations that is empty."""
    return f'TRUNCATE "{schema}".migrations'


@pytest.mark.parametrize("change", [none, no_tables, older, in_progress])
def test_missing_or_older(backend: Any, made: dict[str, Any], change: Callable[[str], str]) -> None:
    """Where tables are missing or old, the manager says what to run."""
    backend.connection.execute(change(made["schema"]).encode())
    for auto_create in (True, False):
        with pytest.raises(SessionUnavailableError, match=f"session_id=<s>.*{how_to_set_up(made['schema'])}"):
            SessionManager("s", auto_create=auto_create, **made)


def calls(repository: Any) -> list[Callable[[], Any]]:
    """Methods of a repository."""
    return [
        lambda: repository.read_agent("s", "a"),
        lambda: repository.list_messages("s", "a"),
        lambda: repository.delete_session("s"),
        lambda: list(repository.list_sessions()),
        lambda: repository.prune_expired(),
        lambda: repository.read_log("s", "a"),
    ]


@pytest.mark.parametrize("number", range(6))
def test_missing_for_a_repository(empty: dict[str, Any], number: int) -> None:
    """A repository can be made where there are no tables, since it makes them; its other methods say what to run."""
    with SessionRepository(**empty) as repository:
        with pytest.raises(SessionUnavailableError, match=how_to_set_up(empty["schema"])):
            calls(repository)[number]()
        repository.setup()
        repository.prune_expired()


def test_missing_by_default(backend: Any, empty: dict[str, Any]) -> None:
    """The command for the default schema is the short one."""
    del empty["schema"]
    with (
        SessionRepository(**empty) as repository,
        pytest.raises(SessionUnavailableError, match=f"strands_sessions.*`python -m {PACKAGE} setup`"),
    ):
        repository.read_agent("s", "a")


@pytest.mark.parametrize("number", range(6))
def test_newer_for_a_repository(backend: Any, made: dict[str, Any], number: int) -> None:
    """Where a newer version made the tables, each method says to upgrade, whichever is the first."""
    backend.connection.execute(f'INSERT INTO "{made["schema"]}".migrations VALUES (99)'.encode())
    with SessionRepository(**made) as repository:
        with pytest.raises(SessionUnavailableError, match=r"99.*upgrade the package"):
            calls(repository)[number]()
        with pytest.raises(SessionUnavailableError, match=r"99.*upgrade the package"):
            calls(repository)[number]()


def test_newer(backend: Any, made: dict[str, Any]) -> None:
    """Where a newer version made the tables, the manager says to upgrade, and so does setup, which changes nothing."""
    sessions = f'"{made["schema"]}".sessions'
    insert = f"INSERT INTO {sessions} (session_id, session_type, expires_at) VALUES ('expired', 'AGENT', now())"
    backend.connection.execute(f'INSERT INTO "{made["schema"]}".migrations VALUES (99); {insert}'.encode())
    for session_id in ("s", "expired"):
        for auto_create in (True, False):
            with pytest.raises(SessionUnavailableError, match=f"session_id=<{session_id}>.*99.*upgrade the package"):
                SessionManager(session_id, auto_create=auto_create, **made)
    with SessionRepository(**made) as repository, pytest.raises(SessionUnavailableError, match="upgrade the package"):
        repository.setup()
    assert backend.connection.execute(f"SELECT session_id FROM {sessions}".encode()).fetchall() == [("expired",)]


def test_role_without_ddl(backend: Any, request: pytest.FixtureRequest, made: dict[str, Any], role: str) -> None:
    """With the GRANTs of the README, and nothing more, a role can do everything but make tables."""
    login = {**made, "connection_string": make_conninfo(backend.url, user=role, password=role)}
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*permission denied"):
        SessionManager("s", **login)
    grant(backend, request, made["schema"], role)
    use_everything(**login, ttl=60)
    with SessionRepository(**login) as repository:
        assert repository.prune_expired() == 0
        assert repository.setup() == [], "nothing to do, which takes no right"
    with psycopg.connect(login["connection_string"]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f'CREATE TABLE "{made["schema"]}".mine ()'.encode())


def test_setup_without_ddl(backend: Any, empty: dict[str, Any], role: str) -> None:
    """A role that may not create a schema is told so by setup."""
    empty["connection_string"] = make_conninfo(backend.url, user=role, password=role)
    with SessionRepository(**empty) as repository, pytest.raises(SessionUnavailableError, match="permission denied"):
        repository.setup()


def test_command_line(backend: Any, empty: dict[str, Any]) -> None:
    """`setup` makes the tables, where the argument or the environment says, and says what it did."""
    name = ("--schema", empty["schema"])
    first, again = run(*name, "setup", backend.url), run(*name, "setup", POSTGRES_SESSION_CONNECTION=backend.url)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "applied migrations 1, 2;" in first.stdout
    assert "nothing to do" in again.stdout
    use_everything(**empty)


def test_command_line_prints_sql(backend: Any, empty: dict[str, Any], schema: str) -> None:
    """What `sql` prints makes the same tables, in one transaction; after the newest migration nothing is left."""
    printed = run("--schema", empty["schema"], "sql")
    assert printed.returncode == 0, printed.stderr
    backend.connection.execute(printed.stdout.encode())
    tables = [backend.connection.execute(SHAPE, [name]).fetchall() for name in (empty["schema"], schema)]
    assert tables[0] == tables[1] != []
    use_everything(**empty)
    rest = run("--schema", empty["schema"], "sql", "--after", str(ALL[-1]))
    backend.connection.execute(rest.stdout.encode())
    assert "CREATE TABLE" not in rest.stdout.partition("END $$")[2]


def test_command_line_prunes(made: dict[str, Any]) -> None:
    """`prune` deletes what has expired, and says how much that was."""
    with SessionRepository(**made, ttl=0.01) as repository:
        repository.create_session(session("s"))
    time.sleep(0.02)
    for count in (1, 0):
        pruned = run("prune", made["connection_string"], "--schema", made["schema"])
        assert (pruned.returncode, pruned.stderr) == (0, "")
        assert f"{count} expired sessions deleted" in pruned.stdout


def test_command_line_refuses(backend: Any, role: str) -> None:
    """What goes wrong on the command line is one line, without a password, and an exit status."""
    for arguments, said in (
        (("setup", "postgresql://ada:hunter2@host:port/db"), "connection_string"),
        (("setup", make_conninfo(backend.url, user=role, password=role)), "permission denied"),
        (("--schema", "a-b", "sql"), "schema"),
    ):
        failed = run(*arguments)
        assert (failed.returncode, failed.stdout) == (1, ""), failed
        assert said in failed.stderr
        assert len(failed.stderr.splitlines()) == 1
        assert "hunter2" not in failed.stderr


@pytest.mark.parametrize("schema", ["", " ", "a-b", "a b", 'a"b', "1a", "ä", "a" * 64, "a.b", None, 7])
def test_malformed_name(schema: str) -> None:
    """A schema has a plain name: anything else is refused before anything is sent."""
    with pytest.raises(ValueError, match=r"schema=<.*letters, digits and underscores"):
        SessionManager("s", "postgresql://nobody.invalid", schema=schema)
