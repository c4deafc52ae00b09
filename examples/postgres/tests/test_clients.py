"""Pools and engines of the caller's: which are taken, and how they are given back. This file is yours."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import psycopg_pool
import pytest
import sqlalchemy
from conformance.package import SessionManager, SessionRepository, SessionUnavailableError
from psycopg import pq
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.types.string import StrDumper
from servers import free_port, wait_for
from sources import by_engine, by_pool, engine_url, session_state
from sqlalchemy.ext.asyncio import create_async_engine
from usage import use_everything

POOL_VERSION = tuple(int(part) for part in psycopg_pool.__version__.split(".")[:2])
VERSION = tuple(int(part) for part in sqlalchemy.__version__.split(".")[:2])
DRIVERS = ["postgresql+psycopg", *(["postgresql"] if VERSION >= (2, 1) else [])]


@contextmanager
def unchanged(lend: Callable[[], Any]) -> Iterator[None]:
    """Fail if the one connection that there is, lent as its owner lends it, is not left as it was."""
    before = session_state(lend())
    yield
    assert session_state(lend()) == before


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"autocommit": True},
        {"row_factory": dict_row, "cursor_factory": psycopg.ClientCursor},
        {"prepare_threshold": 0},
        {"autocommit": True, "options": "-c timezone=America/St_Johns -c datestyle=German"},
        {"options": "-c search_path=pg_catalog -c default_transaction_isolation=serializable"},
    ],
    ids=["default", "autocommit", "rows", "prepared", "time zone", "isolation"],
)
def test_pool(backend: Any, schema: str, settings: dict[str, Any]) -> None:
    """A pool may be set up as its owner likes. It stays open, and its connections are given back as they were."""
    with by_pool(backend.url, max_size=1, kwargs=settings) as options:
        pool = options["pool"]

        def lend() -> Any:
            with pool.connection() as connection:
                return connection

        with unchanged(lend):
            use_everything(**options, schema=schema)
        assert not pool.closed


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"pool_pre_ping": True},
        {"isolation_level": "AUTOCOMMIT"},
        {"isolation_level": "SERIALIZABLE"},
        {"pool_reset_on_return": None},
    ],
    ids=["default", "pre-ping", "autocommit", "serializable", "no reset"],
)
def test_engine(backend: Any, schema: str, settings: dict[str, Any]) -> None:
    """An engine may be set up as its owner likes. Its connections are given back as they were."""
    with by_engine(backend.url, pool_size=1, max_overflow=0, pool_timeout=1, **settings) as options:
        engine = options["engine"]

        def lend() -> Any:
            with engine.connect() as connection:
                return connection.connection.driver_connection

        with unchanged(lend):
            use_everything(**options, schema=schema)
        with engine.begin() as connection:
            assert connection.execute(sqlalchemy.text("SELECT 1")).scalar() == 1


@pytest.mark.parametrize("driver", DRIVERS)
def test_engine_url(backend: Any, schema: str, driver: str) -> None:
    """An engine is on psycopg if its URL says so, and since SQLAlchemy 2.1 also if it names no driver."""
    engine = sqlalchemy.create_engine(engine_url(backend.url, driver), poolclass=sqlalchemy.NullPool)
    use_everything(engine=engine, schema=schema)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: sqlalchemy.create_engine("postgresql+pg8000://ada:hunter2@host/db", module=psycopg), "pg8000"),
        (lambda: sqlalchemy.create_engine("sqlite://"), "sqlite+pysqlite"),
        (lambda: create_async_engine("postgresql+psycopg://ada:hunter2@host/db"), "synchronous"),
        (lambda: create_async_engine("postgresql+psycopg://ada:hunter2@host/db").sync_engine, "synchronous"),
        (lambda: "postgresql+psycopg://ada:hunter2@host/db", "str"),
    ],
    ids=["driver", "database", "asynchronous", "its core", "text"],
)
def test_unusable_engine(make: Callable[[], Any], found: str) -> None:
    """What is no synchronous engine on psycopg is refused, with what it is; another driver, with the URL to use."""
    with pytest.raises(ValueError, match=re.escape(found)) as raised:
        SessionManager("s", engine=make())
    assert "synchronous" in str(raised.value) or "create_engine('postgresql+psycopg://" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: psycopg_pool.AsyncConnectionPool(open=False),
        lambda: sqlalchemy.create_engine("postgresql+psycopg://host/db").pool,
        lambda: "postgresql://host/db",
    ],
    ids=["asynchronous", "SQLAlchemy's", "text"],
)
def test_unusable_pool(make: Callable[[], Any]) -> None:
    """What is no psycopg_pool.ConnectionPool is refused, with its type."""
    pool = make()
    with pytest.raises(ValueError, match=re.escape(type(pool).__qualname__)) as raised:
        SessionManager("s", pool=pool)
    assert "psycopg_pool.ConnectionPool" in str(raised.value)


def test_one_connection_is_no_pool(backend: Any) -> None:
    """A single connection is refused: hooks write on other threads than the caller's."""
    with psycopg.connect(backend.url) as connection, pytest.raises(ValueError, match=r"ConnectionPool"):
        SessionManager("s", pool=connection)  # type: ignore[arg-type]


def test_connection_in_another_encoding(backend: Any, schema: str) -> None:
    """A lent connection that could not carry all of Unicode is refused, before it loses something."""
    with (
        by_pool(backend.url, kwargs={"client_encoding": "LATIN1"}) as options,
        pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*client_encoding.*UTF8"),
    ):
        SessionManager("s", schema=schema, **options)


def test_several_ways_at_once(backend: Any) -> None:
    """A pool, an engine, a connection string: two of them are refused, since one would be ignored."""
    with by_pool(backend.url) as pool, by_engine(backend.url) as engine:
        for options in ({**pool, **engine}, {**pool, "connection_string": backend.url}):
            with pytest.raises(ValueError, match="one of them"):
                SessionRepository(**options)


def test_environment(backend: Any, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says where the server is; a pool or an engine wins over it."""
    monkeypatch.setenv("POSTGRES_SESSION_CONNECTION", backend.url)
    use_everything(schema=schema)
    monkeypatch.setenv("POSTGRES_SESSION_CONNECTION", "postgresql://nobody.invalid")
    with by_pool(backend.url) as pool, by_engine(backend.url) as engine:
        use_everything(**pool, schema=schema)
        use_everything(**engine, schema=schema)


@pytest.mark.parametrize("state", ["closed", "not open"])
def test_pool_that_is_not_open(backend: Any, schema: str, state: str) -> None:
    """A pool that its owner closed, or did not open, is an error that says so."""
    pool = psycopg_pool.ConnectionPool(backend.url, open=state == "closed")
    if state == "closed":
        pool.close()
    with pytest.raises(SessionUnavailableError, match=f"(?i)session_id=<s>.*{state}"):
        SessionManager("s", pool=pool, schema=schema, timeout=5)


def test_busy_pool(backend: Any, schema: str) -> None:
    """A pool all of whose connections are in use is waited for, until the time is up."""
    settings = {"max_size": 1, "timeout": 1}
    with by_pool(backend.url, **settings) as options, SessionRepository(**options, schema=schema, timeout=3) as used:
        with options["pool"].connection(), pytest.raises(SessionUnavailableError, match="session_id=<s>"):
            used.read_session("s")
        assert used.read_session("s") is None


def test_time_out_of_a_pool(backend: Any, schema: str) -> None:
    """The time-out of a caller's pool is the pool's own."""
    with (
        by_pool(backend.url, max_size=1, timeout=0.2) as options,
        SessionRepository(**options, schema=schema, timeout=1000) as used,
        options["pool"].connection(),
        pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*0\.2 seconds"),
    ):
        used.read_session("s")


class Login(psycopg.Connection[Any]):
    """Connections that log in by themselves."""

    url: str

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Any:
        """Connect, wherever the caller points to."""
        return super().connect(cls.url, **options)


@pytest.mark.parametrize("kind", ["limited role", "connection class", "callable"])
def test_pool_that_is_busy_for_long(backend: Any, schema: str, role: str, kind: str) -> None:
    """A pool that is busy is waited for, however it connects, and without more connections than it may have."""
    backend.connection.execute(f"ALTER ROLE {role} SUPERUSER CONNECTION LIMIT 1".encode())
    url = make_conninfo(backend.url, user=role, password=role)
    limited = type("Limited", (Login,), {"url": url})
    settings: dict[str, dict[str, Any]] = {
        "limited role": {"conninfo": url},
        "connection class": {"conninfo": "", "connection_class": limited},
        "callable": {"conninfo": (lambda: url) if POOL_VERSION >= (3, 3) else url},
    }
    arguments = {"conninfo": url, "min_size": 1, "max_size": 1, "open": True} | settings[kind]
    with psycopg_pool.ConnectionPool(**arguments) as pool, SessionRepository(pool=pool, schema=schema) as used:
        lent = pool.getconn()
        threading.Timer(3, lambda: pool.putconn(lent)).start()
        assert used.read_session("s") is None


def test_full_server(backend: Any, schema: str, role: str) -> None:
    """A server that has no connection left is waited for, also by a pool that has none yet."""
    backend.connection.execute(f"ALTER ROLE {role} CONNECTION LIMIT 1; GRANT pg_read_all_data TO {role}".encode())
    url = make_conninfo(backend.url, user=role, password=role)
    with psycopg.connect(url) as other, SessionRepository(url, schema=schema, timeout=20) as used:
        timer = threading.Timer(5, other.close)
        timer.start()
        assert used.read_session("s") is None
        assert not timer.is_alive()


def test_pool_that_cannot_connect(backend: Any, schema: str) -> None:
    """A pool that cannot connect is an error that says why, however it is told where to."""
    nowhere = make_conninfo(backend.url, port=free_port())
    for conninfo in (nowhere, (lambda: nowhere) if POOL_VERSION >= (3, 3) else nowhere):
        with (
            psycopg_pool.ConnectionPool(conninfo, min_size=0, max_size=1, open=True) as pool,
            SessionRepository(pool=pool, schema=schema) as used,
            pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*refused"),
        ):
            used.read_session("s")


def use_dumpers_of_the_caller(connection: "psycopg.Connection[Any]") -> None:
    """Convert values in another way than psycopg does by itself."""

    class Shouting(StrDumper):
        def dump(self, obj: Any) -> Any:
            return super().dump(obj.upper())

    class Spelled(Loader):
        format = pq.Format.BINARY

        def load(self, data: Any) -> str:
            return "spelled"

    connection.adapters.register_dumper(str, Shouting)
    for name in ("timestamp", "timestamptz", "text", "int8", "bool"):
        connection.adapters.register_loader(name, Spelled)


def test_adapters_of_the_caller(backend: Any, schema: str) -> None:
    """How a caller's connections convert values is the caller's own matter."""
    with by_pool(backend.url, max_size=1, configure=use_dumpers_of_the_caller) as options:
        use_everything(**options, schema=schema)
        with options["pool"].connection() as connection:
            assert connection.execute("SELECT %s", ["quiet"]).fetchone() == ("QUIET",)


def test_busy_engine(backend: Any, schema: str) -> None:
    """An engine all of whose connections are in use is an error when its own time is up."""
    settings = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.2}
    with by_engine(backend.url, **settings) as options, SessionRepository(**options, schema=schema) as used:
        with options["engine"].connect(), pytest.raises(SessionUnavailableError, match=r"session_id=<s>.*QueuePool"):
            used.read_session("s")
        assert used.read_session("s") is None


def test_closed_repository(backend: Any, schema: str) -> None:
    """A repository that is closed closes its own pool, and no pool of the caller's."""
    with by_pool(backend.url) as options:
        used = SessionRepository(**options, schema=schema)
        assert used.read_session("s") is None
        used.close()
        with options["pool"].connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    own = psycopg.conninfo.make_conninfo(backend.url, application_name=f"own {schema}")
    running = "SELECT FROM pg_stat_activity WHERE application_name = %s"
    with SessionRepository(own, schema=schema) as used:
        assert used.read_session("s") is None
        assert backend.connection.execute(running, [f"own {schema}"]).fetchall() != []
    wait_for(lambda: backend.connection.execute(running, [f"own {schema}"]).fetchall() == [])
