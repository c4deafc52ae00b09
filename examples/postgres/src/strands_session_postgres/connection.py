"""How PostgreSQL is reached: a pool or an engine, statements on it, and its errors as the package's own."""

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

import psycopg
from psycopg import capabilities, conninfo, errors, pq
from psycopg.adapt import AdaptersMap
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout
from strands.types.exceptions import SessionException

from ._sharing import (
    CONNECTION_VARIABLE,
    BorrowedConnection,
    SharedConnection,
    find_connection_string,
    find_timeout,
)
from .errors import SessionUnavailableError

Connection: TypeAlias = psycopg.Connection[Any]
Errors: TypeAlias = tuple[type[psycopg.Error], ...]
Answer = TypeVar("Answer")

_CONNECTIONS = 32  # as many as there are threads that write
_PATIENCE = 2.0  # seconds after which a pool that lends nothing is asked why
# How a SQLSTATE begins when the content is at fault: nothing was written, and nothing will be if it is sent again.
_CONTENT = ("22", "23", "54", "P0")
_ADAPTERS = AdaptersMap(psycopg.adapters)
_TAKEN_BACK = (errors.DeadlockDetected, errors.SerializationFailure)
# A server that has no connection left. What it says before a login comes without a SQLSTATE.
_FULL = re.compile("too many (clients|connections)|remaining connection slots")


class OwnCursor(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor that returns tuples, and converts values as psycopg does, whatever the caller registered."""

    def __init__(self, connection: Connection) -> None:
        """Open it."""
        super().__init__(connection, row_factory=tuple_row)

    @property
    def adapters(self) -> AdaptersMap:
        """How values are converted."""
        return _ADAPTERS


class Engine(Protocol):
    """An SQLAlchemy engine, as far as this package needs one."""

    dialect: Any

    def raw_connection(self) -> Any:
        """Return a connection of the engine's pool."""


class Server:
    """Runs statements, and repeats them on a fresh connection when one turns out to be broken.

    That is safe because every write is idempotent. Unlike a check before each use it costs nothing while all is well.
    """

    def __init__(
        self,
        connection_string: str | None,
        engine: Engine | None,
        pool: ConnectionPool[Any] | None,
        timeout: float | None,
    ) -> None:
        """Take the caller's engine or pool, or share a pool with everybody who gives the same connection string.

        Raises:
            ValueError: If an argument is malformed.
        """
        if sum(given is not None for given in (connection_string, engine, pool)) > 1:
            raise ValueError("connection_string, engine, pool | pass one of them")
        self._seconds = seconds = find_timeout(timeout)
        self._asking, self._known_failures = threading.Lock(), 0
        self._source: BorrowedConnection[Any] | SharedConnection[Any]
        self._take: Callable[[Any], tuple[Connection, Callable[[], None]]] = self._take_from_pool
        if engine is not None:
            self._source, self._take = BorrowedConnection(_check_engine(engine)), _take_from_engine
        elif pool is not None:
            self._source = BorrowedConnection(_check_pool(pool))
        else:
            url = _check_url(find_connection_string(connection_string))
            self._source = SharedConnection((url, seconds), lambda: _open_pool(url, seconds), _close_pool)

    def close(self) -> None:
        """Give the pool back. One that the caller passed in stays open, and so does an engine."""
        self._source.close()

    @property
    def source(self) -> Any:
        """The pool or the engine."""
        return self._source.get()

    def run(self, name: str, work: Callable[[Connection], Answer], expected: Errors = ()) -> Answer:
        """Run statements on a connection, and again if it turns out to be broken or the server takes them back.

        Args:
            name: What is read or written, for errors.
            work: Executes the statements, each a transaction. It may be called several times.
            expected: Errors that the caller understands.

        Raises:
            SessionException: If the server refuses what is written.
            SessionUnavailableError: If the server does not answer, or refuses for another reason.
        """
        deadline = time.monotonic() + self._seconds
        source = self._source.get()
        while True:
            connection: Connection | None = None
            try:
                connection, give_back = self._take(source)
                try:
                    return _work_on(connection, name, work)
                finally:
                    give_back()
            except expected:
                raise
            except psycopg.Error as error:
                # After a restart of the server every idle connection is broken, so there may be several. A deadlock
                # comes from a session that is deleted while its agent saves.
                is_broken = connection is not None and connection.broken
                if not is_broken and (error.sqlstate or "").startswith(_CONTENT):
                    raise SessionException(f"{name} | the server refuses it: {_explain(error)}") from error
                if not (is_broken or isinstance(error, _TAKEN_BACK)) or time.monotonic() > deadline:
                    raise SessionUnavailableError(f"{name} | {_explain(error)}") from error

    def _take_from_pool(self, pool: ConnectionPool[Any]) -> tuple[Connection, Callable[[], None]]:
        """Return a connection, and what gives it back."""
        patience, end = min(_PATIENCE, pool.timeout / 2), time.monotonic() + pool.timeout
        reason: psycopg.Error | None = None
        while True:
            try:
                connection = pool.getconn(timeout=patience)
            except PoolTimeout:
                left = end - time.monotonic()
                if left <= 0:
                    late = PoolTimeout(f"no connection came free in the {pool.timeout:g} seconds of the pool")
                    raise reason or late from None
                # The pool does not say why it cannot connect. To try it, once for all who wait, does.
                if self._asking.acquire(blocking=False):
                    try:
                        failures = pool.get_stats().get("connections_errors", 0)
                        if failures > self._known_failures:
                            reason = _ask_why(pool, left)
                            self._known_failures = failures
                    finally:
                        self._asking.release()
            else:
                return connection, partial(pool.putconn, connection)


class _PatientConnection(psycopg.Connection[Any]):
    """A connection that waits for an answer only so long: the client library itself waits for ever.

    Attributes:
        seconds: How long the server may take to answer.
        often: What executes the prepared statement, over and over: it need not look up again how values are converted,
            which takes as long as all else that the client does. None until that is known to be safe.
    """

    seconds = 30.0
    often: OwnCursor | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server. A pool throws away a connection that is still waiting when it is given back."""
        try:
            return super().wait(gen, interval, self.seconds if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is not None or self.pgconn.transaction_status != pq.TransactionStatus.ACTIVE:
                raise
            if capabilities.has_cancel_safe():  # without it, this could wait as long once more
                with suppress(psycopg.Error):  # or the statement would go on waiting for its lock, with nobody left
                    self.cancel_safe(timeout=min(1.0, self.seconds))
            raise psycopg.OperationalError(f"no answer within the time-out of {self.seconds:g} seconds") from error


def execute(connection: Connection, query: bytes, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Execute a statement, and return its rows."""
    # In binary, since the driver reads times as text only where the caller's DateStyle is ISO.
    return OwnCursor(connection).execute(query, values, prepare=False, binary=True).fetchall()


def execute_often(connection: Connection, query: bytes, prepared: bytes, values: dict[str, Any]) -> int:
    """Execute a statement that a connection executes over and over, and return how many rows it wrote.

    The server keeps it prepared, which makes it a third faster, where that is safe: on connections of our own that lead
    to one process of the server. A pooler such as PgBouncer may lend another process for each transaction; it shows in
    that process not being the one that the login named.

    Args:
        connection: The connection.
        query: The statement. It answers with how many rows it wrote, and `pg_backend_pid()`.
        prepared: A statement that writes the same, and is faster where it is prepared. It answers with nothing.
        values: The parameters of both.
    """
    ours = connection if isinstance(connection, _PatientConnection) else None
    if ours is not None and ours.often is not None:
        return ours.often.execute(prepared, values, prepare=True).rowcount
    ((written, process),) = execute(connection, query, values)
    if ours is not None and process == ours.info.backend_pid:
        ours.prepare_threshold, ours.often = 0, OwnCursor(ours)
    return int(written)


def _ask_why(pool: Any, seconds: float) -> psycopg.Error | None:
    """Connect as a pool does, which raises the reason why it cannot. That the server is full is worth to wait for."""
    where, options = (value() if callable(value) else value for value in (pool.conninfo, pool.kwargs))
    try:
        options = {**(options or {}), "connect_timeout": max(2, int(seconds))}
        pool.connection_class.connect(where, **options).close()
    except psycopg.OperationalError as error:
        if not _FULL.search(str(error)):
            raise
        return error
    except psycopg.ProgrammingError as error:
        if error.sqlstate is not None:
            raise
        # Without the cause, which quotes the string: it may hold a password.
        raise psycopg.OperationalError("the connection string of the pool cannot be read") from None
    return None


def _take_from_engine(engine: Engine) -> tuple[Connection, Callable[[], None]]:
    """Return a connection, and what gives it back."""
    try:
        lent = engine.raw_connection()
    except psycopg.Error:
        raise
    except Exception as error:  # SQLAlchemy's own, which cannot be imported here: all connections are in use, say
        raise psycopg.OperationalError(str(error)) from error

    def give_back() -> None:
        if lent.driver_connection.closed:
            lent.invalidate()
        lent.close()

    return lent.driver_connection, give_back


def _work_on(connection: Connection, name: str, work: Callable[[Connection], Answer]) -> Answer:
    """Do work in which each statement is a transaction: BEGIN and COMMIT around it would be two more round trips."""
    if not isinstance(connection, _PatientConnection):
        _check_encoding(connection, name)
    if connection.autocommit:
        return work(connection)
    connection.autocommit = True
    try:
        return work(connection)
    finally:
        if not connection.closed:
            connection.autocommit = False


def _check_encoding(connection: Connection, name: str) -> None:
    if connection.info.encoding != "utf-8":  # text would be lost, or refused
        raise SessionUnavailableError(
            f"{name} | the client_encoding of the connection stands for {connection.info.encoding}: it must be UTF8"
        )


def _open_pool(url: str, seconds: float) -> ConnectionPool[Any]:
    class Patient(_PatientConnection):
        pass

    Patient.seconds = seconds
    pool = ConnectionPool(
        url,
        connection_class=Patient,
        min_size=0,
        max_size=_CONNECTIONS,
        open=False,
        timeout=seconds,
        reconnect_timeout=0,  # no pauses between attempts: whoever asks next tries anew, as the server may be back
        max_idle=300,
        num_workers=1,
        kwargs={
            "autocommit": True,
            "prepare_threshold": None,  # until it is known that no PgBouncer is there: see `execute_often`
            "connect_timeout": max(2, round(seconds)),
            "client_encoding": "UTF8",  # whatever PGCLIENTENCODING or the role says
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "fallback_application_name": __package__,
        },
    )
    pool.open()
    return pool


def _close_pool(pool: ConnectionPool[Any]) -> None:
    pool.close(timeout=1)  # a thread that waits for a server that does not answer ends by itself, later


def _check_url(url: str) -> str:
    try:
        parameters = conninfo.conninfo_to_dict(url)
        ports = str(parameters.get("port") or 5432).split(",")
        valid = all(0 < int(port or 5432) < 65536 for port in ports)
        valid &= "@" not in str(parameters.get("host"))  # of a password, which shows in the error then
        valid &= "://" not in url or url.startswith(("postgresql://", "postgres://"))
    except (psycopg.Error, ValueError):
        valid = False
    if not valid:
        # Without the string, and without the cause that quotes it: it may hold a password.
        raise ValueError(
            f"connection_string or {CONNECTION_VARIABLE} | must look like postgresql://user:password@host:5432/database,"
            " with %40 for an @ in the password, %25 for a %, and so on"
        ) from None
    return url


def _check_engine(engine: Engine) -> Engine:
    dialect = getattr(engine, "dialect", None)
    if not callable(getattr(engine, "raw_connection", None)) or dialect is None or getattr(dialect, "is_async", False):
        raise ValueError(f"engine=<{type(engine).__qualname__}> | must be a synchronous SQLAlchemy engine")
    if (dialect.name, dialect.driver) != ("postgresql", "psycopg"):
        raise ValueError(
            f"engine=<{dialect.name}+{dialect.driver}> | must use psycopg: create_engine('postgresql+psycopg://...')"
        )
    return engine


def _check_pool(pool: Any) -> ConnectionPool[Any]:
    if not isinstance(pool, ConnectionPool):
        found = f"{type(pool).__module__}.{type(pool).__qualname__}"
        raise ValueError(f"pool=<{found}> | must be a psycopg_pool.ConnectionPool")
    checked: ConnectionPool[Any] = pool
    return checked


def _explain(error: psycopg.Error) -> str:
    """Return what went wrong, without the password that the client library may quote from a connection string."""
    text = error.diag.message_primary or " ".join(str(error).split())  # without DETAIL, which quotes the row
    return re.sub(r"//[^/@\s]*@|password=\S+", "//...@", text) or type(error).__name__
