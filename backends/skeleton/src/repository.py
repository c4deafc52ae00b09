"""The session repository: the code that reads and writes {== backend ==}.

It works from the first minute, on an embedded SQLite file. Replace the bodies that are marked `TODO(backend)`, kind of
record by kind of record, and run the conformance kit after each; `nox -s todo` prints what is left. This file is yours:
updates of the template never touch it.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from sqlite3 import Connection
from typing import Any, TypeAlias, TypedDict
from uuid import uuid4

from strands.multiagent import MultiAgentBase
from strands.types.session import Session, SessionAgent, SessionMessage

from ._batch import Batch, StoredLog
from ._layout import wanted
from ._log_repository import LogRepository
from ._records import (
    check_count,
    check_ids,
    check_prefix,
    decode,
    decode_agent,
    decode_message,
    decode_messages,
    decode_session,
    encode,
)
from ._sharing import SharedConnection, find_connection_string, find_timeout
from .connection import DEFAULT_FILE, Database, parse
from .errors import SessionConflictError, SessionNotFoundError

# The stand-in's statements: each can go with the last body that uses it.
# A version is random, and a new one with every change but an append.
_AGENT = "SELECT record, version FROM agents WHERE session_id = ? AND agent_id = ?"
_REPLACE_AGENT = "UPDATE agents SET version = ?, record = ifnull(?, record) WHERE session_id = ? AND agent_id = ?"
_MESSAGE = "SELECT * FROM messages WHERE session_id = ? AND agent_id = ? AND message_id = ?"
_REPLACE_MESSAGE = "UPDATE messages SET record = ? WHERE session_id = ? AND agent_id = ? AND message_id = ?"
_LAST_MESSAGE = "SELECT ifnull(max(message_id), -1) FROM messages WHERE session_id = ? AND agent_id = ?"
_MESSAGES = """
SELECT * FROM messages WHERE session_id = ? AND agent_id = ? AND message_id >= ?
ORDER BY message_id LIMIT ifnull(?, -1) OFFSET ?
"""
_RUNS = """
SELECT message_id, record FROM json_each(?) AS run CROSS JOIN messages ON session_id = ? AND agent_id = ?
AND message_id BETWEEN json_extract(run.value, '$[0]') AND json_extract(run.value, '$[1]')
"""
_Row: TypeAlias = tuple[str, str, int, str]


class {== class_prefix ==}Options(TypedDict, total=False):
    """The keyword arguments of `{== class_prefix ==}SessionRepository`, which the session manager passes on.

    Attributes:
        timeout: Seconds that the store may take to answer.
    """

    timeout: float | None


class {== class_prefix ==}SessionRepository(LogRepository):
    """Reads and writes sessions, agents and messages in {== backend ==}.

    Safe to use from any thread. All repositories with the same connection string share one connection.
    """

    def __init__(self, connection_string: str | None = None, *, timeout: float | None = None) -> None:
        """Connect to the store.

        Args:
            connection_string: A file, as a path or as `sqlite:///` and a path. It is created if it does not exist. By
                default what the environment says in `{== slug | upper ==}_SESSION_CONNECTION`,
                else a file in the current folder.
            timeout: Seconds that the store may take to answer. By default what the environment says in
                `{== slug | upper ==}_SESSION_TIMEOUT`, else 30.

        Raises:
            ValueError: If an argument is malformed.
            SessionCorruptError: If the file is no database, or another application's.
            SessionUnavailableError: If the file cannot be opened.
        """
        where = parse(find_connection_string(connection_string, default=DEFAULT_FILE))
        seconds = find_timeout(timeout)
        self._database = SharedConnection((where, seconds), lambda: Database(where, seconds), Database.close)

    def close(self) -> None:
        """Give the connection back. The last repository that shares it closes it."""
        self._database.close()

    # -- Sessions ----------------------------------------------------------------------------------------------------

    def create_session(self, session: Session, **kwargs: Any) -> Session:
        """Create a session.

        Raises:
            SessionConflictError: If there is a session with this id.
        """
        name = check_ids(session_id=session.session_id)
        text = encode(session, name)
        # TODO(backend): insert the session's record, unless there is one under its id.
        with self._database.get().write(name) as sql:
            if not sql.execute("INSERT OR IGNORE INTO sessions VALUES (?, ?)", (session.session_id, text)).rowcount:
                raise SessionConflictError(f"{name} | the session exists already")
        return session

    def read_session(self, session_id: str, **kwargs: Any) -> Session | None:
        """Return a session, None where there is none."""
        name = check_ids(session_id=session_id)
        # TODO(backend): fetch the session's record.
        with self._database.get().read(name) as sql:
            row = sql.execute("SELECT record FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
        return None if row is None else decode_session(row[0], session_id)

    # -- Agents ------------------------------------------------------------------------------------------------------

    def create_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Create an agent in a session.

        Raises:
            SessionConflictError: If the session has an agent with this id.
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id, agent_id=session_agent.agent_id)
        row = (session_id, session_agent.agent_id, uuid4().hex, encode(session_agent, name))
        # TODO(backend): insert the agent's record, unless there is one under its id or the session is gone.
        with self._database.get().write(name) as sql:
            if not sql.execute("INSERT OR IGNORE INTO agents VALUES (?, ?, ?, ?)", row).rowcount:
                raise SessionConflictError(f"{name} | the agent exists already")

    def read_agent(self, session_id: str, agent_id: str, **kwargs: Any) -> SessionAgent | None:
        """Return an agent, None where there is none."""
        name = check_ids(session_id=session_id, agent_id=agent_id)
        # TODO(backend): fetch the agent's record.
        with self._database.get().read(name) as sql:
            row = sql.execute(_AGENT, (session_id, agent_id)).fetchone()
        return None if row is None else decode_agent(row[0], session_id, agent_id)

    def update_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Replace an agent's record, whole. When it was created stays.

        Raises:
            SessionNotFoundError: If there is no such agent.
        """
        key = (session_id, session_agent.agent_id)
        name = check_ids(session_id=session_id, agent_id=session_agent.agent_id)
        # TODO(backend): replace the agent's record, if there is one, and give it a new version.
        with self._database.get().write(name, erase=True) as sql:
            row = sql.execute(_AGENT, key).fetchone()
            if row is None:
                raise SessionNotFoundError(f"{name} | the agent does not exist")
            text = encode(replace(session_agent, created_at=decode_agent(row[0], *key).created_at), name)
            sql.execute(_REPLACE_AGENT, (uuid4().hex, text, *key))

    # -- Messages ----------------------------------------------------------------------------------------------------

    def create_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Append a message. The same message again is success: its reply was lost.

        Raises:
            SessionConflictError: If another message has its id.
            SessionNotFoundError: If there is no such agent.
        """
        (row,) = _rows(session_id, agent_id, [session_message])
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=session_message.message_id)
        # TODO(backend): insert the message's record, unless there is one under its id or the agent is gone.
        with self._database.get().write(name) as sql:
            sql.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)", row)
            if sql.execute(_MESSAGE, row[:3]).fetchone() != row:
                raise SessionConflictError(f"{name} | another message has this id")

    def read_message(self, session_id: str, agent_id: str, message_id: int, **kwargs: Any) -> SessionMessage | None:
        """Return a message, None where there is none."""
        key = (session_id, agent_id, message_id)
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=message_id)
        # TODO(backend): fetch the message's record.
        with self._database.get().read(name) as sql:
            row = sql.execute(_MESSAGE, key).fetchone()
        return None if row is None else decode_message(row[-1], *key)

    def update_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Replace a message, so that nothing of the one before it stays. When it was created stays.

        Raises:
            SessionNotFoundError: If there is no such message.
        """
        key = (session_id, agent_id, session_message.message_id)
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=session_message.message_id)
        # TODO(backend): replace the message's record, if there is one, and give its agent a new version.
        with self._database.get().write(name, erase=True) as sql:
            row = sql.execute(_MESSAGE, key).fetchone()
            if row is None:
                raise SessionNotFoundError(f"{name} | the message does not exist")
            text = encode(replace(session_message, created_at=decode_message(row[-1], *key).created_at), name)
            sql.execute(_REPLACE_MESSAGE, (text, *key))
            sql.execute(_REPLACE_AGENT, (uuid4().hex, None, session_id, agent_id))

    def list_messages(
        self, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0, **kwargs: Any
    ) -> list[SessionMessage]:
        """Return the messages of an agent in the order of their ids: `limit` at most, without the first `offset`.

        Raises:
            ValueError: If `limit` or `offset` is negative.
        """
        name = check_ids(session_id=session_id, agent_id=agent_id)
        page = (check_count(limit, "limit"), check_count(offset, "offset"))
        # TODO(backend): fetch the messages in numeric order; a limit of None means all, of 0 none.
        with self._database.get().read(name) as sql:
            rows = sql.execute(_MESSAGES, (session_id, agent_id, 0, *page)).fetchall()
        return decode_messages([row[2:] for row in rows], session_id, agent_id)

    # -- Deletion ----------------------------------------------------------------------------------------------------

    def delete_session(self, session_id: str, **kwargs: Any) -> None:
        """Delete a session with everything in it.

        Raises:
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id)
        # TODO(backend): delete the session, its agents, messages and multi-agent states, and nothing else.
        with self._database.get().write(name, erase=True) as sql:
            if not sql.execute("DELETE FROM sessions WHERE session_id = ?", (session_id,)).rowcount:
                raise SessionNotFoundError(f"{name} | the session does not exist")

    # ================================================================================================================
    # What follows is optional. Delete the methods for what your store cannot do, and the capability that declares them
    # in tests/conftest.py. Listing and multi-agent then raise NotImplementedError; in place of the batch, the manager
    # calls the methods above one by one.
    # ================================================================================================================

    # -- Listing -----------------------------------------------------------------------------------------------------

    def list_sessions(self, prefix: str = "", *, page_size: int = 100, **kwargs: Any) -> Iterator[Session]:
        """Iterate over the sessions whose ids start with a prefix, in the order of their ids.

        Raises:
            ValueError: If the prefix is malformed, or `page_size` not positive.
        """
        check_count(page_size, "page_size", least=1)
        return self._pages(check_prefix(prefix), page_size)

    def _pages(self, prefix: str, page_size: int) -> Iterator[Session]:
        # TODO(backend): fetch the sessions page by page; the prefix is plain text, whatever it means to the store.
        query = "SELECT * FROM sessions WHERE session_id >= ? AND session_id > ? ORDER BY session_id LIMIT ?"
        session_id, rows = "", [("", "")]
        while rows:
            with self._database.get().read(f"prefix=<{prefix}>") as sql:
                rows = sql.execute(query, (prefix, session_id, page_size)).fetchall()
            for session_id, text in rows:
                if not session_id.startswith(prefix):
                    return
                yield decode_session(text, session_id)

    def list_agents(self, session_id: str, **kwargs: Any) -> list[str]:
        """Return the ids of the agents of a session, sorted."""
        name = check_ids(session_id=session_id)
        # TODO(backend): fetch the ids of the session's agents.
        query = "SELECT agent_id FROM agents WHERE session_id = ? ORDER BY agent_id"
        with self._database.get().read(name) as sql:
            return [agent_id for (agent_id,) in sql.execute(query, (session_id,))]

    # -- Graphs and swarms -------------------------------------------------------------------------------------------

    def create_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Store the state of a graph or swarm for the first time.

        Raises:
            SessionConflictError: If the session has one with this id.
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent.id)
        row = (session_id, multi_agent.id, encode(multi_agent.serialize_state(), name))
        # TODO(backend): insert the state, unless there is one under its id or the session is gone.
        with self._database.get().write(name) as sql:
            if not sql.execute("INSERT OR IGNORE INTO multi_agents VALUES (?, ?, ?)", row).rowcount:
                raise SessionConflictError(f"{name} | the graph or swarm exists already")

    def read_multi_agent(self, session_id: str, multi_agent_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Return the state of a graph or swarm, None where there is none."""
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent_id)
        # TODO(backend): fetch the state.
        query = "SELECT record FROM multi_agents WHERE session_id = ? AND multi_agent_id = ?"
        with self._database.get().read(name) as sql:
            row = sql.execute(query, (session_id, multi_agent_id)).fetchone()
        return None if row is None else decode(row[0], name)

    def update_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Replace the state of a graph or swarm.

        Raises:
            SessionNotFoundError: If there is none with this id.
        """
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent.id)
        values = (encode(multi_agent.serialize_state(), name), session_id, multi_agent.id)
        # TODO(backend): replace the state, if there is one.
        query = "UPDATE multi_agents SET record = ? WHERE session_id = ? AND multi_agent_id = ?"
        with self._database.get().write(name) as sql:
            if not sql.execute(query, values).rowcount:
                raise SessionNotFoundError(f"{name} | the graph or swarm does not exist")

    # -- The batch: a whole save, and a whole restore, in one round trip each ----------------------------------------

    def write_log(self, batch: Batch, **kwargs: Any) -> None:
        """Write a batch, all of it or nothing. The same batch again is success: its reply was lost.

        Raises:
            SessionConflictError: If another writer changed the agent, or took a message id.
            SessionNotFoundError: If the session, the agent or a message to replace is gone.
        """
        key = (batch.session_id, batch.agent_id)
        name = check_ids(session_id=batch.session_id, agent_id=batch.agent_id)
        create, update = _rows(*key, batch.create), _rows(*key, batch.update)
        agent = None if batch.agent is None else encode(batch.agent, name)
        # TODO(backend): check the version and that the ids are free, then write everything, in one atomic step.
        with self._database.get().write(name, erase=bool(update)) as sql:
            if _is_written(sql, batch, create):
                return
            if batch.version is None:
                sql.execute("INSERT INTO agents VALUES (?, ?, ?, ?)", (*key, batch.new_version, agent))
            elif batch.new_version != batch.version:
                sql.execute(_REPLACE_AGENT, (batch.new_version, agent, *key))
            sql.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", create)
            replaced = sql.executemany(_REPLACE_MESSAGE, [(text, *message) for *message, text in update]).rowcount
            if update and replaced < len(update):
                raise SessionNotFoundError(f"{name} | a message to replace does not exist")

    def read_log(self, session_id: str, agent_id: str, **kwargs: Any) -> StoredLog | None:
        """Return what a restore needs: the agent and the messages that make up its conversation, as of one moment."""
        key = (session_id, agent_id)
        name = check_ids(session_id=session_id, agent_id=agent_id)
        # TODO(backend): fetch the agent, and of its messages the runs that `wanted` names, as of one moment.
        with self._database.get().read(name) as sql:
            row = sql.execute(_AGENT, key).fetchone()
            if row is None:
                return None
            agent = decode_agent(row[0], *key)
            runs, offset = wanted(agent)
            rows = sorted(sql.execute(_RUNS, (json.dumps(runs), *key)))[offset:]  # SQLite takes longer to sort them
            last = sql.execute(_LAST_MESSAGE, key).fetchone()[0]
        return StoredLog(agent, row[1], decode_messages(rows, *key), last + 1)


def _rows(session_id: str, agent_id: str, messages: list[SessionMessage]) -> list[_Row]:
    """Return messages as rows of the table, their ids checked."""
    rows = []
    for message in messages:
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=message.message_id)
        rows.append((session_id, agent_id, message.message_id, encode(message, name)))
    return rows


def _is_written(sql: Connection, batch: Batch, create: list[_Row]) -> bool:
    """Whether the batch is stored already.

    Raises:
        SessionConflictError: If another writer was faster.
        SessionNotFoundError: If the agent is gone.
    """
    key = (batch.session_id, batch.agent_id)
    row = sql.execute(_AGENT, key).fetchone()
    version = None if row is None else row[1]
    if batch.is_done(version):
        return True
    batch.check_version(version)
    found = sql.execute(_MESSAGES, (*key, batch.next_id, len(create) + 1, 0)).fetchall()
    if not found:
        batch.check_next_id(sql.execute(_LAST_MESSAGE, key).fetchone()[0] + 1)
    elif found != create or batch.new_version != batch.version:
        raise batch.taken()
    return bool(found)
