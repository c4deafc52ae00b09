"""The session repository: sessions, agents and messages as rows of PostgreSQL."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any, TypedDict, cast
from uuid import uuid4

from psycopg import errors
from psycopg_pool import ConnectionPool
from strands.multiagent import MultiAgentBase
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage

from . import schema as schemas
from . import statements
from ._batch import Batch, StoredLog
from ._log_repository import LogRepository
from ._records import check_count, check_ids, check_prefix, decode, encode
from .connection import Engine, Server
from .documents import (
    agent_columns,
    agent_from_columns,
    append_columns,
    batch_columns,
    message_columns,
    messages_from_columns,
    session_columns,
    session_from_columns,
    to_columns,
)
from .errors import SessionConflictError, SessionNotFoundError
from .tables import Tables

# How a save fails as a whole: a message to replace is not there; at this moment somebody takes an id, or deletes.
_REFUSALS = (errors.DivisionByZero, errors.UniqueViolation, errors.ForeignKeyViolation)


class {== class_prefix ==}Options(TypedDict, total=False):
    """The keyword arguments of `{== class_prefix ==}SessionRepository`, which the session manager passes on.

    Attributes:
        engine: A SQLAlchemy engine of the caller's, in place of a connection string.
        pool: A psycopg_pool.ConnectionPool of the caller's, in place of a connection string.
        ttl: Seconds after the last write at which a session expires.
        schema: The schema that the tables are in.
        timeout: Seconds that the server may take to answer.
    """

    engine: Engine | None
    pool: ConnectionPool[Any] | None
    ttl: float | None
    schema: str
    timeout: float | None


class {== class_prefix ==}SessionRepository(LogRepository):
    """Reads and writes sessions, agents and messages in PostgreSQL.

    Safe to use from any thread, and after a fork. All repositories with the same connection string share one pool. The
    tables must exist: `setup` makes them.
    """

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        engine: Engine | None = None,
        pool: ConnectionPool[Any] | None = None,
        ttl: float | None = None,
        schema: str = schemas.DEFAULT,
        timeout: float | None = None,
    ) -> None:
        """Prepare to connect. The first statement connects.

        Args:
            connection_string: `postgresql://user:password@host:port/database`, or `host=... dbname=...`. By default
                what the environment says in `{== slug | upper ==}_SESSION_CONNECTION`.
            engine: In its place a SQLAlchemy engine on the psycopg driver. It stays open.
            pool: In its place a `psycopg_pool.ConnectionPool`. It stays open.
            ttl: Seconds after the last write at which a session expires, with everything in it; None for never.
            schema: The schema that the tables are in.
            timeout: Seconds that the server may take to answer. By default what the environment says in
                `{== slug | upper ==}_SESSION_TIMEOUT`, else 30.

        Raises:
            ValueError: If an argument is malformed.
        """
        self._ttl = _seconds(ttl)
        self._tables = Tables(Server(connection_string, engine, pool, timeout), schema)

    def close(self) -> None:
        """Give the pool back. The last repository that shares it closes it; what was passed in stays open."""
        self._tables.close()

    def setup(self) -> list[int]:
        """Make or update the tables. Safe to call at any time, from many processes at once.

        Returns:
            The numbers of the migrations that were applied: none if the tables are up to date.

        Raises:
            SessionUnavailableError: If the role may not create tables, the server does not answer, or a newer version
                of the package made the tables.
        """
        return self._tables.setup()

    def prune_expired(self, batch_size: int = 1000) -> int:
        """Delete the sessions that have expired, and are invisible already, in transactions of `batch_size` sessions.

        Returns:
            How many there were.

        Raises:
            ValueError: If `batch_size` is not positive.
        """
        check_count(batch_size, "batch_size", least=1)
        deleted = 0
        while found := self._tables.fetch("expired sessions", statements.PRUNE, {"batch_size": batch_size}):
            deleted += len(found)
        return deleted

    # -- Sessions ----------------------------------------------------------------------------------------------------

    def create_session(self, session: Session, **kwargs: Any) -> Session:
        """Create a session.

        Raises:
            SessionConflictError: If there is a session with this id.
        """
        name = check_ids(session_id=session.session_id)
        values = {"session_id": session.session_id, "ttl": self._ttl, "latest": schemas.latest()}
        values |= session_columns(session)
        ((written, version),), repeated = self._tables.run(name, statements.CREATE_SESSION, values)
        self._tables.check(name, version)
        if not written and not (repeated and self.read_session(session.session_id) == session):
            raise SessionConflictError(f"{name} | the session exists already")
        return session

    def read_session(self, session_id: str, **kwargs: Any) -> Session | None:
        """Return a session, None where there is none."""
        name = check_ids(session_id=session_id)
        ((version, *row),) = self._tables.fetch(name, statements.READ_SESSION, {"session_id": session_id})
        self._tables.check(name, version)
        return None if row[0] is None else session_from_columns(tuple(row), session_id)

    # -- Agents ------------------------------------------------------------------------------------------------------

    def create_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Create an agent in a session.

        Raises:
            SessionConflictError: If the session has an agent with this id.
            SessionNotFoundError: If there is no such session.
        """
        version = uuid4().hex
        self._write_batch(Batch(session_id, session_agent.agent_id, [], [], session_agent, 0, None, version))

    def read_agent(self, session_id: str, agent_id: str, **kwargs: Any) -> SessionAgent | None:
        """Return an agent, None where there is none."""
        name = check_ids(session_id=session_id, agent_id=agent_id)
        rows = self._tables.fetch(name, statements.READ_AGENT, {"session_id": session_id, "agent_id": agent_id})
        return agent_from_columns(rows[0], session_id, agent_id) if rows else None

    def update_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Replace an agent's record, whole. When it was created stays.

        Raises:
            SessionNotFoundError: If there is no such agent.
        """
        name = check_ids(session_id=session_id, agent_id=session_agent.agent_id)
        values: dict[str, Any] = {"session_id": session_id, "agent_id": session_agent.agent_id, "ttl": self._ttl}
        values |= {"new_version": uuid4().hex, **agent_columns(session_agent, name)}
        self._tables.write(name, statements.UPDATE_AGENT, values)

    # -- Messages ----------------------------------------------------------------------------------------------------

    def create_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Append a message. The same message again is success: its reply was lost.

        Raises:
            SessionConflictError: If another message has its id.
            SessionNotFoundError: If there is no such agent.
        """
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=session_message.message_id)
        columns = message_columns(session_message, session_id, agent_id)
        ids = {"session_id": session_id, "agent_id": agent_id, "ttl": self._ttl}
        ((found, added),) = self._tables.fetch(name, statements.CREATE_MESSAGE, {**ids, **columns})
        if not found:
            raise SessionNotFoundError(f"{name} | the agent does not exist, or its session has expired")
        if added:
            return
        stored = self._list(session_id, agent_id, first=session_message.message_id, limit=1)
        if not _are_same(stored, [session_message]):
            raise SessionConflictError(f"{name} | another message has this id")

    def read_message(self, session_id: str, agent_id: str, message_id: int, **kwargs: Any) -> SessionMessage | None:
        """Return a message, None where there is none."""
        check_ids(message_id=message_id)
        found = self._list(session_id, agent_id, first=message_id, limit=1)
        return found[0] if found and found[0].message_id == message_id else None

    def update_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Replace a message. When it was created stays.

        Raises:
            SessionNotFoundError: If there is no such message.
        """
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=session_message.message_id)
        ids = {"session_id": session_id, "agent_id": agent_id, "new_version": uuid4().hex}
        columns = message_columns(session_message, session_id, agent_id)
        self._tables.write(name, statements.UPDATE_MESSAGE, {"ttl": self._ttl, **ids, **columns})

    def list_messages(
        self, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0, **kwargs: Any
    ) -> list[SessionMessage]:
        """Return the messages of an agent in the order of their ids: `limit` at most, without the first `offset`.

        Raises:
            ValueError: If `limit` or `offset` is negative.
        """
        return self._list(session_id, agent_id, limit=check_count(limit, "limit"), offset=check_count(offset, "offset"))

    def _list(
        self, session_id: str, agent_id: str, *, first: int = 0, limit: int | None = None, offset: int | None = 0
    ) -> list[SessionMessage]:
        name = check_ids(session_id=session_id, agent_id=agent_id)
        values = {"session_id": session_id, "agent_id": agent_id, "first": first, "limit": limit, "offset": offset}
        rows = self._tables.fetch(name, statements.LIST_MESSAGES, values)
        return messages_from_columns(rows, session_id, agent_id)

    # -- Deletion and listing ----------------------------------------------------------------------------------------

    def delete_session(self, session_id: str, **kwargs: Any) -> None:
        """Delete a session with everything in it.

        Raises:
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id)
        deleted, repeated = self._tables.run(name, statements.DELETE_SESSION, {"session_id": session_id})
        if not repeated and deleted != [(True,)]:  # what has expired is deleted as well, but was not there any more
            raise SessionNotFoundError(f"{name} | the session does not exist")

    def list_sessions(self, prefix: str = "", *, page_size: int = 100, **kwargs: Any) -> Iterator[Session]:
        """Iterate over the sessions whose ids start with a prefix, in the order of their ids.

        Raises:
            ValueError: If the prefix is malformed, or `page_size` not positive.
        """
        check_count(page_size, "page_size", least=1)
        return self._pages(check_prefix(prefix), page_size)

    def _pages(self, prefix: str, page_size: int) -> Iterator[Session]:
        page = {"prefix": prefix, "page_size": page_size, "after": ""}
        while rows := self._tables.fetch(f"prefix=<{prefix}>", statements.LIST_SESSIONS, page):
            for session_id, *row in rows:
                yield session_from_columns(tuple(row), session_id)
            page["after"] = rows[-1][0]

    def list_agents(self, session_id: str, **kwargs: Any) -> list[str]:
        """Return the ids of the agents of a session, sorted."""
        name = check_ids(session_id=session_id)
        rows = self._tables.fetch(name, statements.LIST_AGENTS, {"session_id": session_id})
        return [agent_id for (agent_id,) in rows]

    # -- Graphs and swarms -------------------------------------------------------------------------------------------

    def create_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Store the state of a graph or swarm for the first time.

        Raises:
            SessionConflictError: If the session has one with this id.
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent.id)
        state, state_raw = to_columns(multi_agent.serialize_state(), name)
        values: dict[str, Any] = {"session_id": session_id, "multi_agent_id": multi_agent.id, "ttl": self._ttl}
        values |= {"state": state, "state_raw": state_raw}
        ((written, sessions),), repeated = self._tables.run(name, statements.CREATE_MULTI_AGENT, values)
        if not sessions:
            raise SessionNotFoundError(f"{name} | the session does not exist, or has expired")
        stored = self._tables.fetch(name, statements.READ_MULTI_AGENT, values) if repeated else []
        if not written and stored != [(state or state_raw,)]:
            raise SessionConflictError(f"{name} | the graph or swarm exists already")

    def read_multi_agent(self, session_id: str, multi_agent_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Return the state of a graph or swarm, None where there is none."""
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent_id)
        ids = {"session_id": session_id, "multi_agent_id": multi_agent_id}
        rows = self._tables.fetch(name, statements.READ_MULTI_AGENT, ids)
        return decode(rows[0][0], name) if rows else None

    def update_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Replace the state of a graph or swarm.

        Raises:
            SessionNotFoundError: If there is none with this id.
        """
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent.id)
        state, state_raw = to_columns(multi_agent.serialize_state(), name)
        values: dict[str, Any] = {"session_id": session_id, "multi_agent_id": multi_agent.id, "ttl": self._ttl}
        self._tables.write(name, statements.UPDATE_MULTI_AGENT, {**values, "state": state, "state_raw": state_raw})

    # -- The batch: a whole save, and a whole restore, in one round trip each ----------------------------------------

    def write_log(self, batch: Batch, **kwargs: Any) -> None:
        """Write a batch, all of it or nothing. The same batch again is success: its reply was lost.

        Raises:
            SessionConflictError: If another writer changed the agent, or took a message id.
            SessionNotFoundError: If the session, the agent or a message to replace is gone.
        """
        self._write_batch(batch)

    def _write_batch(self, batch: Batch) -> None:  # apart: a `write_log` over the single methods must not call itself
        name = check_ids(session_id=batch.session_id, agent_id=batch.agent_id)
        appended = append_columns(batch)
        try:
            if appended is not None:
                written = self._tables.append(name, {**appended, "ttl": self._ttl}, _REFUSALS)
            else:
                values = {**batch_columns(batch, name), "ttl": self._ttl}
                statement = statements.save(batch, expires=self._ttl is not None)
                ((written, *_),) = self._tables.fetch(name, statement, values, _REFUSALS)
        except errors.DivisionByZero as error:
            raise SessionNotFoundError(f"{name} | a message to replace does not exist") from error
        except _REFUSALS:
            written = 0
        if not written:
            self._check_written(batch, name)

    @property
    def shared(self) -> Hashable | None:
        """The pool and the schema: new messages of several agents travel in one statement."""
        return self._tables.shared

    def write_together(self, writes: Sequence[tuple[LogRepository, Batch]], **kwargs: Any) -> list[bool]:
        """Write what only appends a message, of several agents in one round trip. Return of each whether it was."""
        rows = []
        for place, (repository, batch) in enumerate(writes):
            with suppress(SessionException):  # it cannot be stored, as `write_log` says then
                check_ids(session_id=batch.session_id, agent_id=batch.agent_id)
                values = append_columns(batch)
                if values is not None:
                    ttl = cast("{== class_prefix ==}SessionRepository", repository)._ttl
                    rows.append({"place": place, "ttl": ttl, **values})
        if not rows:
            return [False] * len(writes)
        # In this order the rows are locked: everywhere the same, or two statements could wait for each other.
        rows.sort(key=itemgetter("session_id", "agent_id"))
        columns = {column: [row[column] for row in rows] for column in statements.APPENDED}
        answers = self._tables.fetch(f"{len(rows)} messages", statements.APPEND_MESSAGES, columns)
        written = {place for place, is_written in answers if is_written}
        return [place in written for place in range(len(writes))]

    def _check_written(self, batch: Batch, name: str) -> None:
        """Find out why a batch was not written, unless it was, before.

        Raises:
            SessionConflictError: If another writer was faster.
            SessionNotFoundError: If the session or the agent is gone.
        """
        key = {"session_id": batch.session_id, "agent_id": batch.agent_id}
        rows = self._tables.fetch(name, statements.EXPLAIN, key)
        version, next_id = rows[0] if rows else (None, 0)
        if batch.is_done(version):
            return
        if batch.version is None and version is None:
            raise SessionNotFoundError(f"{name} | the session does not exist, or has expired")
        batch.check_version(version)
        if batch.new_version == batch.version:  # an append: it was written if its messages are the last ones
            stored = self._list(batch.session_id, batch.agent_id, first=batch.next_id, limit=len(batch.create) + 1)
            if _are_same(stored, batch.create):
                return
        batch.check_next_id(next_id)
        raise batch.taken()

    def read_log(self, session_id: str, agent_id: str, **kwargs: Any) -> StoredLog | None:
        """Return what a restore needs: the agent and the messages that make up its conversation, as of one moment."""
        name = check_ids(session_id=session_id, agent_id=agent_id)
        rows = self._tables.fetch(name, statements.RESTORE, {"session_id": session_id, "agent_id": agent_id})
        if not rows:
            return None
        rows.sort(key=itemgetter(0))
        _, state, _, *times, manager, internal, version, next_id = rows[0]
        agent = agent_from_columns((state, manager, internal, *times), session_id, agent_id)
        messages = messages_from_columns(rows[1:], session_id, agent_id)
        return StoredLog(agent, version, messages, next_id)


def _are_same(stored: list[SessionMessage], new: list[SessionMessage]) -> bool:
    return [encode(message, "stored") for message in stored] == [encode(message, "new") for message in new]


def _seconds(ttl: float | None) -> float | None:
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0.001 <= ttl < 10**10):
        raise ValueError(f"ttl=<{ttl!r}> | must be a positive number of seconds, or None for no expiry")
    return None if ttl is None else float(ttl)
