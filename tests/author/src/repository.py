"""The session repository: the code that reads and writes LMDB.

This file is yours: updates of the template never touch it.

A session's record stands under `s` and its id. All that belongs to the session stands together: under `r`, the digest
of its id, a letter for the kind, and the digest of another id. The kinds are `a` for agents, `v` for their versions,
`g` for graphs and swarms, and `m` for messages, whose own id follows the digest of their agent's, as 8 bytes.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, TypedDict
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
from .connection import Client, Transaction, digest, ordered_key, ordered_prefix, scan
from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError

_SESSION, _RECORD = b"s", b"r"
_AGENT, _VERSION, _MULTI_AGENT, _MESSAGE = b"a", b"v", b"g", b"m"


class LMDBOptions(TypedDict, total=False):
    """The keyword arguments of `LMDBSessionRepository`, which the session manager passes on.

    Attributes:
        timeout: Seconds to wait for other threads.
    """

    timeout: float | None


class LMDBSessionRepository(LogRepository):
    """Reads and writes sessions, agents and messages in LMDB.

    Safe to use from any thread. All repositories with the same connection string share one connection.
    """

    def __init__(self, connection_string: str | None = None, *, timeout: float | None = None) -> None:
        """Connect to the store.

        Args:
            connection_string: A file, as a path or as `lmdb:///` and a path. It is created if it does not exist. By
                default what the environment says in `LMDB_SESSION_CONNECTION`, else a file in the current folder.
            timeout: Seconds to wait for other threads. By default what the environment says in `LMDB_SESSION_TIMEOUT`,
                else 30.

        Raises:
            ValueError: If an argument is malformed.
            SessionCorruptError: If the file is not LMDB's, or another application's.
            SessionUnavailableError: If the file cannot be opened.
        """
        self._client = Client(connection_string, timeout)

    def close(self) -> None:
        """Give the connection back. The last repository that shares it closes it."""
        self._client.close()

    # -- Sessions ----------------------------------------------------------------------------------------------------

    def create_session(self, session: Session, **kwargs: Any) -> Session:
        """Create a session.

        Raises:
            SessionConflictError: If there is a session with this id.
        """
        name = check_ids(session_id=session.session_id)
        value = encode(session, name).encode()
        with self._client.write(name) as store:
            if not store.put(ordered_key(_SESSION, session.session_id), value, overwrite=False):
                raise SessionConflictError(f"{name} | the session exists already")
        return session

    def read_session(self, session_id: str, **kwargs: Any) -> Session | None:
        """Return a session, None where there is none."""
        name = check_ids(session_id=session_id)
        with self._client.read(name) as store:
            value = store.get(ordered_key(_SESSION, session_id))
        return None if value is None else decode_session(value, session_id)

    # -- Agents ------------------------------------------------------------------------------------------------------

    def create_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Create an agent in a session.

        Raises:
            SessionConflictError: If the session has an agent with this id.
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id, agent_id=session_agent.agent_id)
        value = encode(session_agent, name).encode()
        with self._client.write(name) as store:
            _check_session(store, session_id, name)
            if not store.put(_key(session_id, _AGENT, session_agent.agent_id), value, overwrite=False):
                raise SessionConflictError(f"{name} | the agent exists already")
            _renew(store, session_id, session_agent.agent_id)

    def read_agent(self, session_id: str, agent_id: str, **kwargs: Any) -> SessionAgent | None:
        """Return an agent, None where there is none."""
        name = check_ids(session_id=session_id, agent_id=agent_id)
        with self._client.read(name) as store:
            value = store.get(_key(session_id, _AGENT, agent_id))
        return None if value is None else decode_agent(value, session_id, agent_id)

    def update_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Replace an agent's record, whole. When it was created stays.

        Raises:
            SessionNotFoundError: If there is no such agent.
        """
        ids = (session_id, session_agent.agent_id)
        name = check_ids(session_id=session_id, agent_id=session_agent.agent_id)
        key = _key(session_id, _AGENT, session_agent.agent_id)
        with self._client.write(name) as store:
            value = store.get(key)
            if value is None:
                raise SessionNotFoundError(f"{name} | the agent does not exist")
            updated = replace(session_agent, created_at=decode_agent(value, *ids).created_at)
            store.put(key, encode(updated, name).encode())
            _renew(store, *ids)

    # -- Messages ----------------------------------------------------------------------------------------------------

    def create_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Append a message. The same message again is success: its reply was lost.

        Raises:
            SessionConflictError: If another message has its id.
            SessionNotFoundError: If there is no such agent.
        """
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=session_message.message_id)
        key, value = _entry(session_id, agent_id, session_message)
        with self._client.write(name) as store:
            if store.get(_key(session_id, _AGENT, agent_id)) is None:
                raise SessionNotFoundError(f"{name} | the agent does not exist")
            if not store.put(key, value, overwrite=False) and store.get(key) != value:
                raise SessionConflictError(f"{name} | another message has this id")

    def read_message(self, session_id: str, agent_id: str, message_id: int, **kwargs: Any) -> SessionMessage | None:
        """Return a message, None where there is none."""
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=message_id)
        with self._client.read(name) as store:
            value = store.get(_message_key(session_id, agent_id, message_id))
        return None if value is None else decode_message(value, session_id, agent_id, message_id)

    def update_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Replace a message, so that nothing of the one before it stays. When it was created stays.

        Raises:
            SessionNotFoundError: If there is no such message.
        """
        ids = (session_id, agent_id, session_message.message_id)
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=session_message.message_id)
        key = _message_key(*ids)
        with self._client.write(name) as store:
            value = store.get(key)
            if value is None:
                raise SessionNotFoundError(f"{name} | the message does not exist")
            updated = replace(session_message, created_at=decode_message(value, *ids).created_at)
            store.put(key, encode(updated, name).encode())
            _renew(store, session_id, agent_id)

    def list_messages(
        self, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0, **kwargs: Any
    ) -> list[SessionMessage]:
        """Return the messages of an agent in the order of their ids: `limit` at most, without the first `offset`.

        Raises:
            ValueError: If `limit` or `offset` is negative.
        """
        name = check_ids(session_id=session_id, agent_id=agent_id)
        count, skip = check_count(limit, "limit"), check_count(offset, "offset") or 0
        with self._client.read(name) as store:
            found = scan(store, _key(session_id, _MESSAGE, agent_id), skip=skip)
            rows = [(_message_id(key), value) for key, value in islice(found, count)]
        return decode_messages(rows, session_id, agent_id)

    # -- Deletion ----------------------------------------------------------------------------------------------------

    def delete_session(self, session_id: str, **kwargs: Any) -> None:
        """Delete a session with everything in it.

        Raises:
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id)
        with self._client.write(name) as store:
            if not store.delete(ordered_key(_SESSION, session_id)):
                raise SessionNotFoundError(f"{name} | the session does not exist")
            for key in [key for key, _ in scan(store, _RECORD + digest(session_id))]:
                store.delete(key)

    # -- Listing -----------------------------------------------------------------------------------------------------

    def list_sessions(self, prefix: str = "", *, page_size: int = 100, **kwargs: Any) -> Iterator[Session]:
        """Iterate over the sessions whose ids start with a prefix, in the order of their ids.

        Raises:
            ValueError: If the prefix is malformed, or `page_size` not positive.
        """
        check_count(page_size, "page_size", least=1)
        return self._pages(check_prefix(prefix), page_size)

    def _pages(self, prefix: str, page_size: int) -> Iterator[Session]:
        start = first = ordered_prefix(_SESSION, prefix)
        while start:
            with self._client.read(f"prefix=<{prefix}>") as store:
                page = list(islice(scan(store, first, start), page_size))
            for key, value in page:
                session_id = _id_in(value, "session_id", f"session=<{key!r}>")
                if session_id.startswith(prefix):
                    yield decode_session(value, session_id)
            start = page[-1][0] + b"\0" if page else b""  # the key after the last one

    def list_agents(self, session_id: str, **kwargs: Any) -> list[str]:
        """Return the ids of the agents of a session, sorted."""
        name = check_ids(session_id=session_id)
        with self._client.read(name) as store:
            found = scan(store, _RECORD + digest(session_id) + _AGENT)
            return sorted(_id_in(value, "agent_id", name) for _, value in found)

    # -- Graphs and swarms -------------------------------------------------------------------------------------------

    def create_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Store the state of a graph or swarm for the first time.

        Raises:
            SessionConflictError: If the session has one with this id.
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent.id)
        value = encode(multi_agent.serialize_state(), name).encode()
        with self._client.write(name) as store:
            _check_session(store, session_id, name)
            if not store.put(_key(session_id, _MULTI_AGENT, multi_agent.id), value, overwrite=False):
                raise SessionConflictError(f"{name} | the graph or swarm exists already")

    def read_multi_agent(self, session_id: str, multi_agent_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Return the state of a graph or swarm, None where there is none."""
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent_id)
        with self._client.read(name) as store:
            value = store.get(_key(session_id, _MULTI_AGENT, multi_agent_id))
        return None if value is None else decode(value, name)

    def update_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Replace the state of a graph or swarm.

        Raises:
            SessionNotFoundError: If there is none with this id.
        """
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent.id)
        key = _key(session_id, _MULTI_AGENT, multi_agent.id)
        value = encode(multi_agent.serialize_state(), name).encode()
        with self._client.write(name) as store:
            if store.get(key) is None:
                raise SessionNotFoundError(f"{name} | the graph or swarm does not exist")
            store.put(key, value)

    # -- The batch: a whole save, and a whole restore, in one round trip each ----------------------------------------

    def write_log(self, batch: Batch, **kwargs: Any) -> None:
        """Write a batch, all of it or nothing. The same batch again is success: its reply was lost.

        Raises:
            SessionConflictError: If another writer changed the agent, or took a message id.
            SessionNotFoundError: If the session, the agent or a message to replace is gone.
        """
        ids = (batch.session_id, batch.agent_id)
        name = check_ids(session_id=batch.session_id, agent_id=batch.agent_id)
        create, update = ([_entry(*ids, message) for message in part] for part in (batch.create, batch.update))
        agent = None if batch.agent is None else encode(batch.agent, name).encode()
        with self._client.write(name) as store:
            if _is_written(store, batch, create):
                return
            if batch.version is None:
                _check_session(store, batch.session_id, name)
            if any(store.get(key) is None for key, _ in update):
                raise SessionNotFoundError(f"{name} | a message to replace does not exist")
            if agent is not None:
                store.put(_key(batch.session_id, _AGENT, batch.agent_id), agent)
            if batch.new_version != batch.version:
                _renew(store, *ids, batch.new_version)
            for key, value in [*create, *update]:
                store.put(key, value)

    def read_log(self, session_id: str, agent_id: str, **kwargs: Any) -> StoredLog | None:
        """Return what a restore needs: the agent and the messages that make up its conversation, as of one moment."""
        ids = (session_id, agent_id)
        name = check_ids(session_id=session_id, agent_id=agent_id)
        rows = []
        with self._client.read(name) as store:
            value = store.get(_key(session_id, _AGENT, agent_id))
            if value is None:
                return None
            agent, version = decode_agent(value, *ids), _version(store, *ids) or ""
            runs, offset = wanted(agent)
            for first, last in runs:
                for key, record in scan(store, _key(session_id, _MESSAGE, agent_id), _message_key(*ids, first)):
                    if _message_id(key) > last:
                        break
                    rows.append((_message_id(key), record))
            next_id = _next_id(store, *ids)
        return StoredLog(agent, version, decode_messages(rows[offset:], *ids), next_id)


def _key(session_id: str, kind: bytes, owner_id: str) -> bytes:
    """Return the key of what belongs to an agent, a graph or a swarm."""
    return _RECORD + digest(session_id) + kind + digest(owner_id)


def _message_key(session_id: str, agent_id: str, message_id: int) -> bytes:
    return _key(session_id, _MESSAGE, agent_id) + message_id.to_bytes(8, "big")  # sorts as the number does


def _message_id(key: bytes) -> int:
    return int.from_bytes(key[-8:], "big")


def _id_in(value: bytes, field: str, name: str) -> str:
    """Return the id that a record holds, for want of one in its key."""
    found = decode(value, name).get(field)
    if not isinstance(found, str):
        raise SessionCorruptError(f"{name} | the stored record has no {field}")
    return found


def _entry(session_id: str, agent_id: str, message: SessionMessage) -> tuple[bytes, bytes]:
    """Return a message as key and value, its ids checked."""
    name = check_ids(session_id=session_id, agent_id=agent_id, message_id=message.message_id)
    return _message_key(session_id, agent_id, message.message_id), encode(message, name).encode()


def _check_session(store: Transaction, session_id: str, name: str) -> None:
    if store.get(ordered_key(_SESSION, session_id)) is None:
        raise SessionNotFoundError(f"{name} | the session does not exist")


def _version(store: Transaction, session_id: str, agent_id: str) -> str | None:
    value = store.get(_key(session_id, _VERSION, agent_id))
    return None if value is None else value.decode()


def _renew(store: Transaction, session_id: str, agent_id: str, version: str = "") -> None:
    """Give an agent a new version: with every change but an append, so that a second writer is noticed."""
    store.put(_key(session_id, _VERSION, agent_id), (version or uuid4().hex).encode())


def _next_id(store: Transaction, session_id: str, agent_id: str) -> int:
    """Return the first id after all messages."""
    prefix = _key(session_id, _MESSAGE, agent_id)
    with store.cursor() as cursor:
        is_found = cursor.prev() if cursor.set_range(prefix + b"\xff" * 8) else cursor.last()
        return _message_id(cursor.key()) + 1 if is_found and cursor.key().startswith(prefix) else 0


def _is_written(store: Transaction, batch: Batch, create: list[tuple[bytes, bytes]]) -> bool:
    """Whether the batch is stored already.

    Raises:
        SessionConflictError: If another writer was faster.
        SessionNotFoundError: If the agent is gone.
    """
    ids = (batch.session_id, batch.agent_id)
    version = _version(store, *ids)
    if batch.is_done(version):
        return True
    batch.check_version(version)
    next_id = _next_id(store, *ids)
    if next_id <= batch.next_id:
        batch.check_next_id(next_id)
        return False
    # What stands there may be the batch itself, whose reply was lost. Then it is all of it, and nothing else.
    is_same = all(store.get(key) == value for key, value in create)
    if not create or not is_same or next_id > batch.next_id + len(create) or batch.new_version != batch.version:
        raise batch.taken()
    return True
