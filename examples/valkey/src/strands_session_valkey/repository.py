"""The session repository: each session is one Valkey hash, with the fields that `fields.py` describes."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypedDict, TypeVar, cast
from urllib.parse import unquote
from uuid import uuid4

import valkey
from strands.multiagent import MultiAgentBase
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage

from . import scripts
from ._batch import Batch, StoredLog
from ._log_repository import LogRepository
from ._records import (
    check_count,
    check_ids,
    check_prefix,
    decode,
    decode_agent,
    decode_message,
    decode_session,
    encode,
)
from .connection import Client, Server, check_key_prefix, text
from .errors import SessionNotFoundError
from .fields import agent_field, escaped, messages_named, multi_agent_field, window_of

Answer = TypeVar("Answer")

_FORMAT = "1"
_JOINED = 10  # messages in a text: more take the server as long to join as they save
_GLOB = str.maketrans({character: "\\" + character for character in "*?[]^-\\"})


class ValkeyOptions(TypedDict, total=False):
    """The keyword arguments of `ValkeySessionRepository`, which the session manager passes on.

    Attributes:
        client: A client of the caller's, in place of a connection string.
        ttl: Seconds after the last write at which a session expires.
        ttl_on_read: Whether reads count as well.
        key_prefix: What the keys begin with.
        timeout: Seconds that the server may take to answer.
    """

    client: Client | None
    ttl: float | None
    ttl_on_read: bool
    key_prefix: str
    timeout: float | None


class ValkeySessionRepository(LogRepository):
    """Reads and writes sessions, agents and messages in Valkey or Redis, without modules.

    Safe to use from any thread, and after a fork. All repositories with the same connection string share one client.
    """

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        client: Client | None = None,
        ttl: float | None = None,
        ttl_on_read: bool = False,
        key_prefix: str = "session",
        timeout: float | None = None,
    ) -> None:
        """Prepare to connect. The first command connects.

        Args:
            connection_string: `valkey://user:password@host:port/database`, `valkeys://` for TLS, `redis://`, `rediss://`
                or `unix:///path`. By default what `VALKEY_SESSION_CONNECTION` says.
            client: In its place a `valkey.Valkey`, also of a Sentinel, or a `valkey.ValkeyCluster`. It stays open.
            ttl: Seconds after the last write at which a session expires, with everything in it; None for never.
            ttl_on_read: Whether reads count as well.
            key_prefix: What the keys begin with. Repositories with different prefixes do not see each other.
            timeout: Seconds that the server may take to answer. By default what `VALKEY_SESSION_TIMEOUT`
                says, else 30. A client of the caller's has its own.

        Raises:
            ValueError: If an argument is malformed.
        """
        self._ttl = _milliseconds(ttl)
        self._read_ttl = self._ttl if ttl_on_read else ""
        self._prefix = check_key_prefix(key_prefix)
        self._server = Server(connection_string, client, timeout)

    def close(self) -> None:
        """Give the client back. The last repository that shares it closes it; one that was passed in stays open."""
        self._server.close()

    # -- Sessions ----------------------------------------------------------------------------------------------------

    def create_session(self, session: Session, **kwargs: Any) -> Session:
        """Create a session.

        Raises:
            SessionConflictError: If there is a session with this id.
        """
        name = check_ids(session_id=session.session_id)
        record = encode(session, name)
        self._insert(name, session.session_id, "session", record, "", "format", _FORMAT)
        return session

    def read_session(self, session_id: str, **kwargs: Any) -> Session | None:
        """Return a session, None where there is none."""
        record = self._get(check_ids(session_id=session_id), session_id, "session")
        return None if record is None else decode_session(record, session_id)

    # -- Agents ------------------------------------------------------------------------------------------------------

    def create_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Create an agent in a session.

        Raises:
            SessionConflictError: If the session has an agent with this id.
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id, agent_id=session_agent.agent_id)
        field, record = agent_field(session_agent.agent_id), encode(session_agent, name)
        more = (f"{field}:next", 0, f"{field}:window", window_of(session_agent))
        self._insert(name, session_id, field, record, "session", *more)

    def read_agent(self, session_id: str, agent_id: str, **kwargs: Any) -> SessionAgent | None:
        """Return an agent, None where there is none."""
        record = self._get(check_ids(session_id=session_id, agent_id=agent_id), session_id, agent_field(agent_id))
        return None if record is None else decode_agent(record, session_id, agent_id)

    def update_agent(self, session_id: str, session_agent: SessionAgent, **kwargs: Any) -> None:
        """Replace an agent's record, whole. When it was created stays, which takes a second round trip to find out.

        Raises:
            SessionNotFoundError: If there is no such agent.
        """
        stored = self.read_agent(session_id, session_agent.agent_id)
        name = check_ids(session_id=session_id, agent_id=session_agent.agent_id)
        if stored is None:
            raise SessionNotFoundError(f"{name} | the agent does not exist")
        field = agent_field(session_agent.agent_id)
        record = encode(replace(session_agent, created_at=stored.created_at), name)
        more = (f"{field}:version", uuid4().hex, f"{field}:window", window_of(session_agent))
        self._replace(name, session_id, field, record, *more)

    # -- Messages ----------------------------------------------------------------------------------------------------

    def create_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Append a message. The same message again is success: its reply was lost.

        Raises:
            SessionConflictError: If another message has its id.
            SessionNotFoundError: If there is no such agent.
        """
        message_id = session_message.message_id
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=message_id)
        arguments = (self._ttl, agent_field(agent_id), message_id, encode(session_message, name))
        scripts.check(self._server.run(scripts.APPEND, name, self._key(session_id), *arguments), name)

    def read_message(self, session_id: str, agent_id: str, message_id: int, **kwargs: Any) -> SessionMessage | None:
        """Return a message, None where there is none."""
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=message_id)
        record = self._get(name, session_id, f"{agent_field(agent_id)}:message:{message_id:d}")
        return None if record is None else decode_message(record, session_id, agent_id, message_id)

    def update_message(self, session_id: str, agent_id: str, session_message: SessionMessage, **kwargs: Any) -> None:
        """Replace a message. When it was created stays, which takes a second round trip to find out.

        Raises:
            SessionNotFoundError: If there is no such message.
        """
        message_id = session_message.message_id
        stored = self.read_message(session_id, agent_id, message_id)
        name = check_ids(session_id=session_id, agent_id=agent_id, message_id=message_id)
        if stored is None:
            raise SessionNotFoundError(f"{name} | the message does not exist")
        field = agent_field(agent_id)
        record = encode(replace(session_message, created_at=stored.created_at), name)
        self._replace(name, session_id, f"{field}:message:{message_id:d}", record, f"{field}:version", uuid4().hex)

    def list_messages(
        self, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0, **kwargs: Any
    ) -> list[SessionMessage]:
        """Return the messages of an agent in the order of their ids: `limit` at most, without the first `offset`.

        Raises:
            ValueError: If `limit` or `offset` is negative.
        """
        name = check_ids(session_id=session_id, agent_id=agent_id)
        first, count = check_count(offset, "offset"), check_count(limit, "limit")

        def read(joined: int) -> list[SessionMessage]:
            arguments = (self._read_ttl, agent_field(agent_id), joined, first or 0, "" if count is None else count)
            ids, *texts = self._server.run(scripts.LIST, name, self._key(session_id), *arguments)
            return messages_named(session_id, agent_id, ids, texts)

        return _read_joined(read)

    # -- Deletion and listing ----------------------------------------------------------------------------------------

    def delete_session(self, session_id: str, **kwargs: Any) -> None:
        """Delete a session with everything in it.

        Raises:
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id)
        key = self._key(session_id)
        scripts.check(self._server.run(scripts.DELETE, name, key, repeated=scripts.DELETE_AGAIN), name)

    def list_sessions(self, prefix: str = "", *, page_size: int = 100, **kwargs: Any) -> Iterator[Session]:
        """Iterate over the sessions whose ids start with a prefix, in no particular order.

        This scans all keys of the database, page by page, without holding the server up: for maintenance, not for an
        agent. In a cluster it scans every primary.

        Raises:
            ValueError: If the prefix is malformed, or `page_size` not positive.
        """
        check_count(page_size, "page_size", least=1)
        return self._scan(check_prefix(prefix), page_size)

    def list_agents(self, session_id: str, **kwargs: Any) -> list[str]:
        """Return the ids of the agents of a session, sorted."""
        name = check_ids(session_id=session_id)
        agents = self._server.run(scripts.AGENTS, name, self._key(session_id), self._read_ttl)
        return sorted(unquote(text(agent)) for agent in agents)

    # -- Graphs and swarms -------------------------------------------------------------------------------------------

    def create_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Store the state of a graph or swarm for the first time.

        Raises:
            SessionConflictError: If the session has one with this id.
            SessionNotFoundError: If there is no such session.
        """
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent.id)
        record = encode(multi_agent.serialize_state(), name)
        self._insert(name, session_id, multi_agent_field(multi_agent.id), record, "session")

    def read_multi_agent(self, session_id: str, multi_agent_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Return the state of a graph or swarm, None where there is none."""
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent_id)
        record = self._get(name, session_id, multi_agent_field(multi_agent_id))
        return None if record is None else decode(record, name)

    def update_multi_agent(self, session_id: str, multi_agent: MultiAgentBase, **kwargs: Any) -> None:
        """Replace the state of a graph or swarm.

        Raises:
            SessionNotFoundError: If there is none with this id.
        """
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent.id)
        record = encode(multi_agent.serialize_state(), name)
        self._replace(name, session_id, multi_agent_field(multi_agent.id), record)

    # -- The batch: a whole save, and a whole restore, in one round trip each ----------------------------------------

    def write_log(self, batch: Batch, **kwargs: Any) -> None:
        """Write a batch, all of it or nothing. The same batch again is success: its reply was lost.

        Raises:
            SessionConflictError: If another writer changed the agent, or took a message id.
            SessionNotFoundError: If the session, the agent or a message to replace is gone.
        """
        name, key, arguments = self._save(batch)
        answer = text(self._server.run(scripts.SAVE, name, key, *arguments))
        problem, _, stored_next_id = answer.partition(" ")
        if problem == "taken":
            raise batch.taken()
        if problem == "behind":
            batch.check_next_id(int(stored_next_id))
        if problem == "stale":
            batch.check_version("another")
        scripts.check(problem, name)

    @property
    def shared(self) -> Hashable | None:
        """The client, by which batches are sent together; None for that of a cluster, where each goes to its node."""
        client = self._server.client
        return client if isinstance(client, valkey.Valkey) else None

    def write_together(self, writes: Sequence[tuple[LogRepository, Batch]], **kwargs: Any) -> list[bool]:
        """Write batches of several agents in one round trip. Return of each whether it was written, for sure."""
        runs: dict[int, tuple[str | int | bytes, ...]] = {}
        for place, (repository, batch) in enumerate(writes):
            with suppress(SessionException):  # it cannot be stored, as `write_log` says then
                _, key, arguments = cast("ValkeySessionRepository", repository)._save(batch)
                runs[place] = (key, *arguments)
        answers = self._server.run_each(scripts.SAVE, f"{len(runs)} saves", list(runs.values()))
        done = {place for place, answer in zip(runs, answers, strict=True) if answer in (b"done", "done")}
        return [place in done for place in range(len(writes))]

    def _save(self, batch: Batch) -> tuple[str, str, tuple[str | int | bytes, ...]]:
        """Return what a batch writes, for errors, and the key and the arguments of its script."""
        ids = {"session_id": batch.session_id, "agent_id": batch.agent_id}
        name = check_ids(**ids)
        created = [encode(message, check_ids(**ids, message_id=message.message_id)) for message in batch.create]
        replaced: list[str | int] = []
        for message in batch.update:
            replaced += [message.message_id, encode(message, check_ids(**ids, message_id=message.message_id))]
        record, window = ("", "") if batch.agent is None else (encode(batch.agent, name), window_of(batch.agent))
        head = (agent_field(batch.agent_id), batch.version or "", batch.new_version, batch.next_id, record, window)
        return name, self._key(batch.session_id), (self._ttl, *head, len(created), *created, *replaced)

    def read_log(self, session_id: str, agent_id: str, **kwargs: Any) -> StoredLog | None:
        """Return what a restore needs: the agent and the messages that make up its conversation, as of one moment."""
        name = check_ids(session_id=session_id, agent_id=agent_id)

        def read(joined: int) -> StoredLog | None:
            arguments = (self._read_ttl, agent_field(agent_id), joined)
            answer = self._server.run(scripts.RESTORE, name, self._key(session_id), *arguments)
            if answer is None:
                return None
            if isinstance(answer, (bytes, str)):
                scripts.check(answer, name)
            record, version, next_id, ids, *texts = answer
            agent = decode_agent(record, session_id, agent_id)
            return StoredLog(agent, text(version), messages_named(session_id, agent_id, ids, texts), int(next_id))

        return _read_joined(read)

    # -- Keys and fields ---------------------------------------------------------------------------------------------

    def _key(self, session_id: str) -> str:
        return f"{self._prefix}:{escaped(session_id)}"

    def _get(self, name: str, session_id: str, field: str) -> bytes | str | None:
        key = self._key(session_id)
        if self._read_ttl:
            return cast("bytes | str | None", self._server.run(scripts.GET, name, key, self._read_ttl, field))
        return self._server.get(name, key, field)

    def _insert(self, name: str, session_id: str, field: str, record: str, parent: str, *more: str | int) -> None:
        arguments = (self._ttl, field, record, parent, uuid4().hex, *more)
        scripts.check(self._server.run(scripts.INSERT, name, self._key(session_id), *arguments), name)

    def _replace(self, name: str, session_id: str, field: str, record: str, *more: str | int) -> None:
        arguments = (self._ttl, field, record, *more)
        scripts.check(self._server.run(scripts.REPLACE, name, self._key(session_id), *arguments), name)

    def _scan(self, prefix: str, page_size: int) -> Iterator[Session]:
        start = f"{self._prefix}:"
        pattern = (start + escaped(prefix)).translate(_GLOB) + "*"
        seen: set[str] = set()  # SCAN may return a key twice
        for keys in self._server.scan(f"prefix=<{prefix}>", pattern, page_size):
            ids = {unquote(key[len(start) :]): key for key in keys if ":" not in key[len(start) :]}
            found = {session_id: key for session_id, key in ids.items() if session_id not in seen}
            seen.update(found)
            records = self._server.get_all(f"prefix=<{prefix}>", list(found.values()), "session")
            for session_id, record in zip(found, records, strict=True):
                if record is not None:  # else it was deleted in between, or is no session
                    yield decode_session(record, session_id)


def _read_joined(read: Callable[[int], Answer]) -> Answer:
    """Read messages joined to each other, or, if one of them cannot be read, each by itself: the error says which."""
    try:
        return read(_JOINED)
    except (ValueError, TypeError, RecursionError):
        return read(1)


def _milliseconds(ttl: float | None) -> str:
    if ttl is None:
        return ""
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0.001 <= ttl < 10**10:
        raise ValueError(f"ttl=<{ttl!r}> | must be a positive number of seconds, or None for no expiry")
    return str(round(ttl * 1000))
