"""What can be wrong with an argument or a server: an error of a documented kind, in time, without a password."""

import logging
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conformance.package import (
    SessionConflictError,
    SessionCorruptError,
    SessionManager,
    SessionRepository,
    SessionUnavailableError,
)
from conformance.records import AGENT_ID, create, message
from conformance.scripted_model import scripted_agent
from conformance.security import all_that_shows
from psycopg.conninfo import make_conninfo
from servers import HOST, Server, free_port, wait_for
from strands.types.exceptions import SessionException
from typing_extensions import LiteralString
from usage import use_everything

PASSWORD = "hunter2-hunter2"
NOWHERE = "postgresql://nobody.invalid/db"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for the tests of this file."""
    server = Server()
    with SessionRepository(server.url) as repository:
        repository.setup()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "connection_string",
    [
        f"mysql://user:{PASSWORD}@host/db",
        f"postgresql+psycopg://user:{PASSWORD}@host/db",
        f"user:{PASSWORD}@host:5432/db",
        f"postgresql://user:{PASSWORD}@host:port/db",
        f"postgresql://user:{PASSWORD}@host:65536/db",
        f"postgresql://user:{PASSWORD}@[host/db",
        f"postgresql://user:{PASSWORD}@host/db?colour=blue",
        f"postgresql://user:%zz{PASSWORD}@host/db",
        f"postgresql://user:pass@{PASSWORD}@host/db",
        f"host=localhost password={PASSWORD} colour=blue",
        f"host=localhost password='{PASSWORD}",
        PASSWORD,
        "localhost",
    ],
)
def test_malformed_connection_string(connection_string: str) -> None:
    """What is no connection string of PostgreSQL is refused before anything is sent, without its password."""
    with pytest.raises(ValueError, match=r"connection_string.*postgresql://") as raised:
        SessionManager("s", connection_string)
    assert_no_password(raised.value)


def test_no_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a connection string, a pool and an engine the error names the variable that could say it."""
    monkeypatch.delenv("POSTGRES_SESSION_CONNECTION", raising=False)
    with pytest.raises(ValueError, match="POSTGRES_SESSION_CONNECTION"):
        SessionManager("s")


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "soon"])
def test_malformed_timeout(timeout: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out that is no positive number is refused, as an argument and in the environment."""
    with pytest.raises(ValueError, match="timeout"):
        SessionManager("s", NOWHERE, timeout=timeout)
    monkeypatch.setenv("POSTGRES_SESSION_TIMEOUT", str(timeout))
    with pytest.raises(ValueError, match="POSTGRES_SESSION_TIMEOUT"):
        SessionManager("s", NOWHERE)


@pytest.mark.parametrize("ttl", [0, -1, 0.0001, float("nan"), float("inf"), 10**12, "soon", "60", True])
def test_malformed_ttl(ttl: float) -> None:
    """A ttl that is no positive number of seconds is refused."""
    with pytest.raises(ValueError, match=r"ttl=.*positive number of seconds, or None"):
        SessionManager("s", NOWHERE, ttl=ttl)


def test_spellings(server: Server) -> None:
    """A connection string may be a URL or libpq's own, lead through a socket, and name several servers."""
    folder, port = server.folder, server.port
    for connection_string in (
        f"postgres://postgres@{HOST}:{port}/postgres",
        f"host={HOST} port={port} user=postgres dbname=postgres",
        f"postgresql:///postgres?host={folder}&port={port}&user=postgres",
        f"postgresql://postgres@{HOST}:{free_port()},{HOST}:{port}/postgres?target_session_attrs=read-write",
    ):
        use_everything(connection_string=connection_string)


@pytest.mark.parametrize(
    "connection_string",
    [
        f"postgresql://ada:{PASSWORD}@{HOST}:{{port}}/db",
        f"postgresql://ada:{PASSWORD}@nobody.invalid/db",
        f"postgresql://ada:{PASSWORD}@/db?host=/nowhere",
        f"host={HOST} port={{port}} user=ada password={PASSWORD}",
    ],
    ids=["refused", "no such host", "no such socket", "refused, as libpq spells it"],
)
@pytest.mark.parametrize("timeout", [0.5, 30])
def test_unreachable(connection_string: str, timeout: float) -> None:
    """A server that is not there is an error long before the time is up, with its cause and without a password."""
    start = time.monotonic()
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*(refused|resolve|No such file)") as raised:
        SessionManager("s", connection_string.format(port=free_port()), timeout=timeout)
    assert time.monotonic() - start < 15
    assert isinstance(raised.value.__cause__, psycopg.Error)
    assert_no_password(raised.value)


def test_refused_login(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong password, none, or an unknown user is an error that says so, without the password."""
    caplog.set_level(logging.DEBUG)
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE ROLE ada LOGIN SUPERUSER PASSWORD 'right'")
        rules: Path = server.folder / "data" / "pg_hba.conf"
        rules.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        admin.execute("SELECT pg_reload_conf()")
    for login in (f"ada:{PASSWORD}", "ada", f"nobody:{PASSWORD}"):
        with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*password") as raised:
            SessionManager("s", server.url.replace("postgres@", f"{login}@"))
        assert_no_password(raised.value)
    assert PASSWORD not in caplog.text
    use_everything(connection_string=server.url.replace("postgres@", "ada:right@"))


def test_unknown_database(server: Server) -> None:
    """A database that does not exist is an error that says so."""
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*database \"db\" does not exist"):
        SessionManager("s", make_conninfo(server.url, dbname="db"))


def test_database_in_another_encoding(server: Server) -> None:
    """A database that cannot hold all of Unicode is refused by setup, which says so."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'")
    latin = make_conninfo(server.url, dbname="latin")
    with SessionRepository(latin) as repository, pytest.raises(SessionUnavailableError, match=r"UTF8.*LATIN1"):
        repository.setup()


def test_tls_where_there_is_none(server: Server) -> None:
    """A connection string that demands TLS, and a server without it: an error that says so."""
    with pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*SSL"):
        SessionManager("s", make_conninfo(server.url, sslmode="require"))


def test_lock_of_somebody_else(server: Server) -> None:
    """A row that somebody locked and forgot is an error when the time is up. What waited is stored once in the end."""
    with SessionManager("locked", server.url, timeout=2) as manager, psycopg.connect(server.url) as other:
        live = scripted_agent(manager)
        live("one")
        other.execute("SELECT FROM strands_sessions.agents WHERE session_id = 'locked' FOR UPDATE")
        with pytest.raises(SessionUnavailableError, match="session_id=<locked>"):
            live("two")
        other.rollback()
        live("three")
        said = [record.to_message()["content"][0]["text"] for record in manager.list_messages()]
        assert said == ["one", "answer 1", "two", "three", "answer 2"]


def test_nobody_waits_on_the_server(server: Server) -> None:
    """What was given up does not go on waiting on the server, in the way of others."""
    locked = {"connection_string": server.url, "timeout": 1}
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with SessionManager("waiting", **locked) as manager, psycopg.connect(server.url) as other:
        live = scripted_agent(manager)
        live("one")
        other.execute("SELECT FROM strands_sessions.agents WHERE session_id = 'waiting' FOR UPDATE")
        with pytest.raises(SessionUnavailableError, match=r"session_id=<waiting>.* 1 seconds"):
            live("two")
        wait_for(lambda: other.execute(waiting).fetchall() == [])


@pytest.mark.parametrize("guard", ["trigger", "constraint"])
def test_content_that_the_database_refuses(server: Server, guard: str) -> None:
    """What a rule of the database refuses is an error without the row; once it is gone, the next save works."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        for statement in GUARDS[guard]:
            admin.execute(statement)
        try:
            with SessionManager(f"guarded by {guard}", server.url) as manager:
                live = scripted_agent(manager)
                with pytest.raises(SessionException, match="guarded by") as raised:
                    live("x" * 6000 + "private")
                assert "private" not in str(raised.value)
                assert not isinstance(raised.value, SessionConflictError)
                live.messages.clear()
                live("short")
                assert len(manager.list_messages()) == 2
        finally:
            for statement in UNGUARDED:
                admin.execute(statement)


GUARDS: dict[str, list[LiteralString]] = {
    "trigger": [
        """CREATE FUNCTION public.guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF length(NEW.message::text) > 5000 THEN RAISE EXCEPTION 'too long'; END IF;
           RETURN NEW; END $$""",
        """CREATE TRIGGER guard BEFORE INSERT ON strands_sessions.messages
           FOR EACH ROW EXECUTE FUNCTION public.guard()""",
    ],
    "constraint": [
        "ALTER TABLE strands_sessions.messages ADD CONSTRAINT guard CHECK (length(message::text) < 5000) NOT VALID"
    ],
}
UNGUARDED: list[LiteralString] = [
    "DROP FUNCTION IF EXISTS public.guard CASCADE",
    "ALTER TABLE strands_sessions.messages DROP CONSTRAINT IF EXISTS guard",
]


def test_password_is_nowhere(server: Server) -> None:
    """No repr of what is in use shows the password."""
    with SessionManager("s", server.url.replace("postgres@", f"postgres:{PASSWORD}@")) as manager:
        scripted_agent(manager)("hi")
        used: Any = manager.session_repository
        server = used._tables._server
        for shown in (manager, used, used._tables, server, server._source, server._source.get()):
            assert PASSWORD not in repr(shown)


def test_closed(server: Server) -> None:
    """A closed repository says so; closing it twice is harmless."""
    repository = SessionRepository(server.url)
    repository.close()
    repository.close()
    for call in (lambda: repository.read_session("s"), lambda: list(repository.list_sessions()), repository.setup):
        with pytest.raises(SessionException, match="closed"):
            call()


@pytest.mark.parametrize(
    "damage",
    [
        "state = '[1]'",
        "state = '7'",
        "state = NULL, state_raw = repeat('[', 100000)",
        "conversation_manager_state = 'null'",
        """conversation_manager_state = '{"removed_message_count": "1"}'""",
        "internal_state = '[]'",
        "internal_state = NULL, internal_state_raw = ''",
        """internal_state = '{"strands_session": {"format": 1, "layout": [[-1, 9]], "next": 10}}'""",
    ],
)
def test_poisoned_agent(server: Server, damage: LiteralString) -> None:
    """What the columns of an agent allow, and no agent is made of, is an error that names it. It is left alone."""
    with SessionRepository(server.url) as repository, psycopg.connect(server.url, autocommit=True) as admin:
        create(repository, session_id := uuid.uuid4().hex, message(0))
        admin.execute("UPDATE strands_sessions.agents SET " + damage + " WHERE session_id = %s", [session_id])
        with SessionManager(session_id, server.url) as manager:
            with pytest.raises(SessionCorruptError, match=AGENT_ID):
                scripted_agent(manager, agent_id=AGENT_ID)
            assert len(manager.list_messages(agent_id=AGENT_ID)) == 1
            manager.delete_session()


@pytest.mark.parametrize("ranges", ["{(,)}", "{[-9223372036854775808,9223372036854775806]}", "{}"])
def test_poisoned_ranges(server: Server, ranges: str) -> None:
    """Whatever is in the column that says which messages a restore reads: the error comes at once, or the messages."""
    with SessionRepository(server.url, timeout=5) as repository, psycopg.connect(server.url, autocommit=True) as admin:
        create(repository, "ranges", message(0), message(1))
        admin.execute("UPDATE strands_sessions.agents SET restores = %s WHERE session_id = 'ranges'", [ranges])
        stored: Any = repository.read_log("ranges", AGENT_ID)
        assert len(stored.messages) in (0, 2)
        repository.delete_session("ranges")


def test_documented_tenant(server: Server, request: pytest.FixtureRequest) -> None:
    """The role that SECURITY.md gives to a tenant can do everything in its schema, and nothing in another."""
    text = (request.config.rootpath / "SECURITY.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sql\n(REVOKE.*?)^```$", text, re.MULTILINE | re.DOTALL)
    with SessionRepository(server.url, schema="crm") as repository, psycopg.connect(server.url) as admin:
        repository.setup()
        admin.execute("CREATE ROLE crm_app LOGIN PASSWORD 'right'")
        admin.execute(block.encode())
        admin.commit()
    url = server.url.replace("postgres@", "crm_app:right@")
    use_everything(connection_string=url, schema="crm")
    with pytest.raises(SessionUnavailableError, match="permission denied"):
        SessionManager("s", url)


def assert_no_password(error: BaseException) -> None:
    """Fail if an error, or one of those that led to it, shows the password."""
    assert [text for text in all_that_shows(error) if PASSWORD in text] == []
