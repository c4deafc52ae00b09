"""The ways to the server: a connection string, a pool of the caller's, an engine of the caller's."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import sqlalchemy
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

Options = dict[str, Any]


@contextmanager
def by_connection_string(connection_string: str) -> Iterator[Options]:
    """Let the package open a pool."""
    yield {"connection_string": connection_string}


@contextmanager
def by_pool(connection_string: str, **options: Any) -> Iterator[Options]:
    """Open a pool."""
    with ConnectionPool(connection_string, **{"min_size": 1, "max_size": 8, **options}) as pool:
        pool.wait()
        yield {"pool": pool}


@contextmanager
def by_engine(connection_string: str, **options: Any) -> Iterator[Options]:
    """Make an engine."""
    engine = sqlalchemy.create_engine(engine_url(connection_string), **options)
    yield {"engine": engine}
    engine.dispose()


SOURCES: dict[str, Callable[[str], AbstractContextManager[Options]]] = {
    "connection string": by_connection_string,
    "pool": by_pool,
    "autocommit pool": lambda url: by_pool(url, kwargs={"autocommit": True}),
    "engine": by_engine,
    "autocommit engine": lambda url: by_engine(url, isolation_level="AUTOCOMMIT"),
}


def engine_url(connection_string: str, driver: str = "postgresql+psycopg") -> sqlalchemy.URL:
    """What SQLAlchemy calls the place that a connection string leads to."""
    parts = {name: str(value) for name, value in conninfo_to_dict(connection_string).items()}
    login = {"username": parts.get("user"), "password": parts.get("password")}
    place = {"host": parts.get("host"), "database": parts.get("dbname")}
    return sqlalchemy.URL.create(driver, port=int(parts.get("port", 5432)), **login, **place)


def session_state(connection: Any) -> list[Any]:
    """What could have been left behind on a connection, in the client and on the server."""
    state = [connection.autocommit, connection.row_factory, connection.isolation_level, connection.prepare_threshold]
    with connection.cursor() as cursor:
        for statement in (
            # The isolation level is that of this very transaction.
            b"SELECT name, setting FROM pg_settings"
            b" WHERE source = 'session' AND name <> 'transaction_isolation' ORDER BY name",
            b"SELECT statement FROM pg_prepared_statements",
            b"SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
            b"SELECT relname FROM pg_class WHERE relpersistence = 't'",
        ):
            state.append(cursor.execute(statement, prepare=False).fetchall())
    connection.rollback()
    return state
