# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""Copying a session from one repository to another: to move in from another package, to move on, or to keep a copy."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias, cast

from strands.multiagent import MultiAgentBase
from strands.session import FileSessionManager, SessionRepository
from strands.types.session import Session, SessionAgent, SessionMessage

from ._batch import Batch, MultiAgentState
from ._log_repository import LogRepository
from ._records import check_count, check_ids, encode
from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError

logger = logging.getLogger(__name__)

_BATCH_SIZE = 4 * 1024**2  # characters of JSON in one write, unless a single message is longer
_USUAL_MULTI_AGENTS = ("default_graph", "default_swarm")  # the ids that the SDK gives where the user gives none

_Record: TypeAlias = Session | SessionAgent | SessionMessage | dict[str, Any]


@dataclass(frozen=True)
class SessionCopy:
    """What the target holds after `copy_session`, every record of it compared with the source.

    Attributes:
        session_id: The session.
        agents: The ids of its agents.
        multi_agents: The ids of its graphs and swarms.
        messages: How many messages its agents have together.
        written: How many records this call wrote, of any kind; 0 where everything was there already.
    """

    session_id: str
    agents: tuple[str, ...]
    multi_agents: tuple[str, ...]
    messages: int
    written: int


def copy_session(
    source_repository: SessionRepository,
    target_repository: SessionRepository,
    session_id: str,
    *,
    agent_ids: Iterable[str] | None = None,
    multi_agent_ids: Iterable[str] | None = None,
    page_size: int = 200,
) -> SessionCopy:
    """Copy a session with its agents, their messages and its graphs and swarms, and read all of it back to compare.

    Ids, contents, states and timestamps stay what they are. Of a redacted message only the replacement is copied. What
    the target holds already is compared instead of written, so a copy that broke off is completed by the same call. No
    agent should use the session, here or there, until the copy is complete.

    Args:
        source_repository: Where the session is: any repository of the SDK's interface, such as a `FileSessionManager`.
        target_repository: Where it is to be.
        session_id: The session.
        agent_ids: The agents to copy. By default all; needed where the source cannot list them.
        multi_agent_ids: The graphs and swarms to copy. By default all that a `FileSessionManager` has, and of any other
            source, which cannot list them, those with the ids that the SDK gives by itself.
        page_size: How many messages to read at once.

    Returns:
        What the target holds now, and how much of it this call wrote.

    Raises:
        SessionConflictError: If a record of the target is not the one of the source. It was not overwritten.
        SessionNotFoundError: If the source has no such session, or lacks something that was named.
        SessionCorruptError: If the source does not list its messages, or in another order than that of their ids.
        NotImplementedError: If there is a graph or swarm, and the target cannot store it. Nothing was written.
        ValueError: If an argument is malformed, or the agents have to be named.
    """
    name = check_ids(session_id=session_id)
    check_count(page_size, "page_size", least=1)
    session = source_repository.read_session(session_id)
    if session is None:
        raise SessionNotFoundError(f"{name} | the source has no such session")
    agents = _read_agents(source_repository, session_id, agent_ids)
    multi_agents = _read_multi_agents(source_repository, session_id, multi_agent_ids)
    if not agents and not multi_agents:
        logger.warning("session_id=<%s> | found nothing in the session, unless multi_agent_ids are missing", session_id)
    target = _Target(target_repository, session_id)
    target.refuse_multi_agents(multi_agents)
    target.put_session(_plain(session))
    messages = 0
    for agent_id, agent in agents.items():
        is_new = target.put_agent(agent)
        pages = _pages(source_repository, session_id, agent_id, page_size)
        messages += target.put_messages(agent_id, pages, is_new=is_new)
    for multi_agent_id, state in multi_agents.items():
        target.put_multi_agent(multi_agent_id, state)
    logger.debug("session_id=<%s>, messages=<%d>, written=<%d> | copied session", session_id, messages, target.written)
    return SessionCopy(session_id, tuple(agents), tuple(multi_agents), messages, target.written)


class _Target:
    """The session in the target.

    Attributes:
        written: How many records were written.
    """

    def __init__(self, repository: SessionRepository, session_id: str) -> None:
        self.written = 0
        self._repository = repository
        self._session_id = session_id
        self._versions: dict[str, str] = {}  # of the agents to which messages are appended, and their next ids
        self._next_ids: dict[str, int] = {}

    def refuse_multi_agents(self, states: dict[str, dict[str, Any]]) -> None:
        """Find out, before anything is written, whether the target can store graphs and swarms."""
        for multi_agent_id in states:
            name = f"session_id=<{self._session_id}>, multi_agent_id=<{multi_agent_id}>"
            try:
                self._repository.read_multi_agent(self._session_id, multi_agent_id)
            except NotImplementedError as error:
                message = f"{name} | the target stores no graphs and swarms; multi_agent_ids=() leaves them out"
                raise NotImplementedError(message) from error

    def put_session(self, session: _Record) -> None:
        read, create = self._repository.read_session, self._repository.create_session
        name = f"session_id=<{self._session_id}>"
        self._put(name, session, lambda: read(self._session_id), lambda: create(cast("Session", session)))

    def put_agent(self, agent: SessionAgent) -> bool:
        """Return whether the agent was not there."""
        name = f"session_id=<{self._session_id}>, agent_id=<{agent.agent_id}>"
        return self._put(
            name,
            agent,
            lambda: self._repository.read_agent(self._session_id, agent.agent_id),
            lambda: self._repository.create_agent(self._session_id, agent),
        )

    def put_multi_agent(self, multi_agent_id: str, state: dict[str, Any]) -> None:
        captured = cast("MultiAgentBase", MultiAgentState(multi_agent_id, state))
        self._put(
            f"session_id=<{self._session_id}>, multi_agent_id=<{multi_agent_id}>",
            state,
            lambda: self._repository.read_multi_agent(self._session_id, multi_agent_id),
            lambda: self._repository.create_multi_agent(self._session_id, captured),
        )

    def put_messages(self, agent_id: str, pages: Iterator[list[SessionMessage]], *, is_new: bool) -> int:
        """Write what is missing behind what is there, and return how many messages there are then."""
        count, has_more = 0, not is_new
        for page in pages:
            stored = self._list(agent_id, count, len(page)) if has_more else []
            self._compare(agent_id, stored, page[: len(stored)])
            missing = page[len(stored) :]
            if missing:
                has_more = False
                self._append(agent_id, missing)
                self._compare(agent_id, self._list(agent_id, count + len(stored), len(missing)), missing)
            count += len(page)
        self._compare(agent_id, self._list(agent_id, count, 1), [])
        return count

    def _put(self, name: str, record: _Record, read: Callable[[], Any], create: Callable[[], Any]) -> bool:
        stored = read()
        is_new = stored is None
        if is_new:
            create()
            self.written += 1
            stored = read()
        _compare(name, stored, record)
        return is_new

    def _list(self, agent_id: str, offset: int, limit: int) -> list[SessionMessage]:
        return self._repository.list_messages(self._session_id, agent_id, limit=limit, offset=offset)

    def _compare(self, agent_id: str, stored: list[SessionMessage], wanted: list[SessionMessage]) -> None:
        for place in range(max(len(stored), len(wanted))):
            one = stored[place] if place < len(stored) else None
            other = wanted[place] if place < len(wanted) else None
            message_id = min(record.message_id for record in (one, other) if record is not None)
            name = f"session_id=<{self._session_id}>, agent_id=<{agent_id}>, message_id=<{message_id}>"
            _compare(name, one, other)

    def _append(self, agent_id: str, messages: list[SessionMessage]) -> None:
        """Write messages: in batches where the target has them and the ids follow on, else one by one."""
        for run in _runs(messages, f"session_id=<{self._session_id}>, agent_id=<{agent_id}>"):
            if isinstance(self._repository, LogRepository):
                self._append_run(self._repository, agent_id, run)
            else:
                for message in run:
                    self._repository.create_message(self._session_id, agent_id, message)
            self.written += len(run)

    def _append_run(self, repository: LogRepository, agent_id: str, run: list[SessionMessage]) -> None:
        if agent_id not in self._versions:
            log = repository.read_log(self._session_id, agent_id)
            if log is None:
                raise SessionNotFoundError(f"session_id=<{self._session_id}>, agent_id=<{agent_id}> | it is gone")
            self._versions[agent_id], self._next_ids[agent_id] = log.version, log.next_id
        first, version = run[0].message_id, self._versions[agent_id]
        if first > self._next_ids[agent_id]:  # a batch leaves no gap, so a single message has to
            repository.create_message(self._session_id, agent_id, run[0])
            run, first = run[1:], first + 1
        if run:
            repository.write_log(Batch(self._session_id, agent_id, run, [], None, first, version, version))
        self._next_ids[agent_id] = first + len(run)


def _read_agents(
    source: SessionRepository, session_id: str, agent_ids: Iterable[str] | None
) -> dict[str, SessionAgent]:
    agents = {}
    for agent_id in _find_agents(source, session_id) if agent_ids is None else _check_named(agent_ids, "agent_ids"):
        name = check_ids(session_id=session_id, agent_id=agent_id)
        agent = source.read_agent(session_id, agent_id)
        if agent is None:
            raise SessionNotFoundError(f"{name} | the source has no such agent")
        agents[agent_id] = _plain(agent)
    return agents


def _find_agents(source: SessionRepository, session_id: str) -> list[str]:
    if isinstance(source, FileSessionManager):
        return _find_folders(source, session_id, "agents", "agent_")
    listing = getattr(source, "list_agents", None)
    try:
        if listing is not None:  # some packages list ids, some records
            return [getattr(agent, "agent_id", agent) for agent in listing(session_id)]
    except NotImplementedError:
        pass
    raise ValueError(
        f"session_id=<{session_id}> | {type(source).__name__} cannot list the agents of a session; name them:"
        ' copy_session(..., agent_ids=["default"])'
    )


def _read_multi_agents(
    source: SessionRepository, session_id: str, multi_agent_ids: Iterable[str] | None
) -> dict[str, dict[str, Any]]:
    named = None if multi_agent_ids is None else _check_named(multi_agent_ids, "multi_agent_ids")
    listed: Iterable[str] = _USUAL_MULTI_AGENTS
    if isinstance(source, FileSessionManager):
        listed = _find_folders(source, session_id, "multi_agents", "multi_agent_")
    states = {}
    for multi_agent_id in listed if named is None else named:
        name = check_ids(session_id=session_id, multi_agent_id=multi_agent_id)
        try:
            state = source.read_multi_agent(session_id, multi_agent_id)
        except NotImplementedError:  # then it has none
            state = None
        if state is not None:
            states[multi_agent_id] = state
        elif named is not None:
            raise SessionNotFoundError(f"{name} | the source has no such graph or swarm")
    return states


def _find_folders(source: FileSessionManager, session_id: str, kind: str, prefix: str) -> list[str]:
    folders = Path(source.storage_dir, f"session_{session_id}", kind).glob(f"{prefix}*")
    return sorted(folder.name[len(prefix) :] for folder in folders)


def _check_named(ids: Iterable[str], name: str) -> list[str]:
    if isinstance(ids, str):
        raise ValueError(f"{name}=<{ids}> | must be a list of ids")
    return list(ids)


def _pages(source: SessionRepository, session_id: str, agent_id: str, page_size: int) -> Iterator[list[SessionMessage]]:
    """Read messages, page by page.

    To some packages an offset is a position, to others an id, which is the same until there are gaps. Then those answer
    with messages that they gave before.
    """
    offset, last_id = 0, -1
    while page := source.list_messages(session_id, agent_id, limit=page_size, offset=offset):
        ids = [message.message_id for message in page]
        if ids != sorted(set(ids)) or ids[0] < offset:
            raise SessionCorruptError(
                f"session_id=<{session_id}>, agent_id=<{agent_id}>, offset=<{offset}> | the source does not list"
                " messages in the order of their ids, from an offset on"
            )
        offset += len(page)
        new = [_plain(message) for message in page if message.message_id > last_id]
        last_id = ids[-1]
        if new:
            yield new
    if last_id < 0 and source.read_message(session_id, agent_id, 0) is not None:
        raise SessionCorruptError(f"session_id=<{session_id}>, agent_id=<{agent_id}> | the source lists no messages")


def _runs(messages: list[SessionMessage], name: str) -> Iterator[list[SessionMessage]]:
    """Divide messages into runs of ids that follow each other, none of them too large for one write."""
    run: list[SessionMessage] = []
    size = 0
    for message in messages:
        length = len(encode(message, f"{name}, message_id=<{message.message_id}>"))
        if run and (message.message_id != run[-1].message_id + 1 or size + length > _BATCH_SIZE):
            yield run
            run, size = [], 0
        run.append(message)
        size += length
    yield run


def _plain(record: Any) -> Any:
    """Return a record as the SDK makes it: with timestamps as text, and without what a redaction replaced."""
    times = (_timestamp(record.created_at), _timestamp(record.updated_at))
    if isinstance(record, SessionMessage):
        message = record.message if record.redact_message is None else record.redact_message
        return SessionMessage(message, record.message_id, record.redact_message, *times)
    if isinstance(record, SessionAgent):
        internal = record._internal_state or {}
        return SessionAgent(record.agent_id, record.state, record.conversation_manager_state, internal, *times)
    return Session(record.session_id, record.session_type, *times)


def _timestamp(value: Any) -> Any:
    """Return a timestamp as text. Those without a zone are in UTC, since the SDK makes them so."""
    if not isinstance(value, datetime):
        return value
    return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()


def _compare(name: str, stored: _Record | None, wanted: _Record | None) -> None:
    """Refuse a record of the target that is not the one of the source: as JSON, since 1 is not 1.0, nor True."""
    if stored is None:
        raise SessionConflictError(f"{name} | it was written to the target, and is not there")
    if wanted is None:
        raise SessionConflictError(f"{name} | only the target has it: somebody else wrote to the session there")
    one, other = _fields(stored, name), _fields(wanted, name)
    different = [field for field in {**other, **one} if one.get(field) != other.get(field)]
    if different:
        raise SessionConflictError(
            f"{name} | the target's {', '.join(different)} is not the source's, and was not overwritten; to copy anew,"
            " delete the session in the target"
        )


def _fields(record: _Record, name: str) -> dict[str, str]:
    values = record if isinstance(record, dict) else vars(_plain(record))
    return {field: encode({"": value}, name) for field, value in values.items()}
