# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""What saves become in a log of events, and what a restore makes of it again.

Nobody can take an event back, nor refuse one that comes second. So each event names what its writer knew: the version
and the number of messages before it. It counts if that is where the log stands; else somebody was faster, and every
reader passes over it. A writer appends, reads what came since its last event, and knows.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from strands.types.session import SessionAgent, SessionMessage

from ._batch import Batch, StoredLog
from ._layout import wanted
from ._records import build, decode, encode
from .errors import SessionCorruptError, SessionNotFoundError, SessionUnavailableError

_FORMAT = 1


class Log(NamedTuple):
    """What a log is of.

    Attributes:
        session_id: The session.
        kind: `agent` or `multi_agent`.
        id: The id of the agent, graph or swarm, which is unique among those of its kind in the session.
    """

    session_id: str
    kind: str
    id: str

    def __str__(self) -> str:
        """Return what it is called in errors."""
        return f"session_id=<{self.session_id}>, {self.kind}_id=<{self.id}>"


class Event(NamedTuple):
    """An event of a log.

    Attributes:
        text: What was appended.
        position: Where it stands, as the service calls it: an event id, a revision, an offset.
    """

    text: str
    position: Any


class Events(Protocol):
    """The service: logs of events, as `events.py` says."""

    def append(self, log: Log, event: str, after: Any) -> None:
        """Add an event at the end of a log."""

    def read(self, log: Log, after: Any = None) -> list[Event]:
        """Return the events of a log, in order."""
        ...


@dataclass
class _End:
    """How far a log is known.

    Attributes:
        position: The last event.
        version: The agent's version; None before the first event.
        next_id: The first id after all messages.
        versions: All versions so far: an event after none of them does not belong to this log.
    """

    position: Any = None
    version: str | None = None
    next_id: int = 0
    versions: set[str | None] = field(default_factory=lambda: {None})

    def goes_on_with(self, event: dict[str, Any], where: str) -> bool:
        """Whether an event counts. If so, the log ends with it now.

        Raises:
            SessionCorruptError: If an event before it is missing.
        """
        version, next_id = event["version"], event["next_id"]
        if (version, next_id) == (self.version, self.next_id):
            self.version, self.next_id = event["new_version"], next_id + len(event["create"])
            self.versions.add(self.version)
            return True
        if version not in self.versions or (version == self.version and next_id > self.next_id):
            raise SessionCorruptError(f"{where} | an event of the log is missing or damaged")
        return False


class Journal:
    """Keeps agents, graphs and swarms in logs of events."""

    def __init__(self, events: Events) -> None:
        """Take the service."""
        self._events = events
        self._ends: dict[Log, _End] = {}

    def write_log(self, batch: Batch) -> None:
        """Append what one save writes.

        Raises:
            SessionConflictError: If another writer was faster. The event is in the log, and counts for nobody.
            SessionNotFoundError: If the log is gone.
            SessionUnavailableError: If the outcome is unknown. The same batch again is recognised.
        """
        log = Log(batch.session_id, "agent", batch.agent_id)
        end = replace(self._ends.get(log, _End()))  # a copy: should reading fail in its middle, it is done again
        event = _event(batch, str(log))
        self._events.append(log, event, end.position)
        counting = list(self._follow(log, end))
        if not _is_among(event, counting, str(log)):
            batch.check_version(end.version)
            batch.check_next_id(end.next_id)
            raise SessionUnavailableError(f"{log} | the event was appended, and cannot be read back yet")
        self._ends[log] = end

    def read_log(self, session_id: str, agent_id: str) -> StoredLog | None:
        """Read what a restore needs, or None where there is no such agent.

        Raises:
            SessionCorruptError: If an event cannot be read.
            SessionUnavailableError: If the service does not answer.
        """
        log = Log(session_id, "agent", agent_id)
        end, agent, messages = _End(), None, dict[int, SessionMessage]()
        for _, values in self._follow(log, end):
            for fields in (*values["create"], *values["update"]):
                message = build(SessionMessage, fields, str(log))
                messages[message.message_id] = message
            if values["agent"] is not None:
                agent = build(SessionAgent, values["agent"], str(log), agent_id=agent_id)
        self._ends[log] = end
        if agent is None or end.version is None:
            return None
        runs, offset = wanted(agent)
        needed = [messages[key] for key in sorted(messages) if any(first <= key <= last for first, last in runs)]
        return StoredLog(agent, end.version, needed[offset:], end.next_id)

    def write_multi_agent(self, session_id: str, multi_agent_id: str, state: dict[str, Any]) -> None:
        """Append the state of a graph or swarm: the last one counts.

        Raises:
            SessionException: If it cannot be stored.
        """
        log = Log(session_id, "multi_agent", multi_agent_id)
        end = self._ends.setdefault(log, _End())
        self._events.append(log, encode({"format": _FORMAT, "state": state}, str(log)), end.position)
        if end.position is None:  # from now on the log has to be there
            events = self._events.read(log)
            if not events:
                raise SessionNotFoundError(f"{log} | the session was deleted while it was in use")
            end.position = events[0].position

    def read_multi_agent(self, session_id: str, multi_agent_id: str) -> dict[str, Any] | None:
        """Return the state of a graph or swarm, or None where there is none.

        Raises:
            SessionCorruptError: If it cannot be read.
            SessionUnavailableError: If the service does not answer.
        """
        log = Log(session_id, "multi_agent", multi_agent_id)
        self._ends[log] = end = _End()
        state = None
        for _, values in self._parse(log, self._events.read(log), end):
            state = values.get("state")
            if not isinstance(state, dict):
                raise SessionCorruptError(f"{log} | an event of the log holds no state")
        return state

    def _follow(self, log: Log, end: _End) -> Iterator[tuple[str, dict[str, Any]]]:
        """Iterate over the events that count, from where the log was known to its end."""
        for text, values in self._parse(log, self._events.read(log, end.position), end):
            if not _is_sound(values):
                raise SessionCorruptError(f"{log} | an event of the log is damaged")
            if end.goes_on_with(values, str(log)):
                yield text, values

    def _parse(self, log: Log, events: list[Event], end: _End) -> Iterator[tuple[str, dict[str, Any]]]:
        """Iterate over the events that can be read.

        One that cannot was cut off by a crash, and never acknowledged; or it was damaged later, which the event after
        it shows.
        """
        for event in events:
            try:
                values = decode(event.text, str(log))
            except SessionCorruptError:
                if event is events[-1]:
                    raise
                continue
            if values.get("format") != _FORMAT:
                found = values.get("format")
                raise SessionCorruptError(
                    f"{log}, format=<{found}> | an event is in a format that this version of the package cannot"
                    f" read (it reads {_FORMAT}); upgrade the package"
                )
            end.position = event.position
            yield event.text, values


def _is_sound(event: dict[str, Any]) -> bool:
    """Whether an event has the shape that `_event` gives it."""
    lists = [event.get(key) for key in ("create", "update")]
    if not all(isinstance(records, list) and all(isinstance(record, dict) for record in records) for records in lists):
        return False
    ids = [event.get("next_id"), *(record.get("message_id") for records in lists for record in records or [])]
    versions = event.get("version"), event.get("new_version")
    return (
        all(type(value) is int for value in ids)
        and isinstance(versions[0], (str, type(None)))
        and isinstance(versions[1], str)
        and isinstance(event.get("agent"), (dict, type(None)))
    )


def _is_among(event: str, counting: list[tuple[str, dict[str, Any]]], where: str) -> bool:
    """Whether an event is among those that count, as it was sent or as a service has it that keeps values, not text."""
    if any(text == event for text, _ in counting):
        return True
    return bool(counting) and decode(event, where) in [values for _, values in counting]


def _event(batch: Batch, where: str) -> str:
    """Return the event of a save: the same for the same batch, so that a repeated one is known again."""
    records = {
        "create": f"[{','.join([encode(message, where) for message in batch.create])}]",
        "update": f"[{','.join([encode(message, where) for message in batch.update])}]",
        "agent": "null" if batch.agent is None else encode(batch.agent, where),
    }
    known = {
        "format": _FORMAT,
        "version": batch.version,
        "new_version": batch.new_version,
        "next_id": batch.next_id,
    }
    begin = json.dumps(known, separators=(",", ":"))
    return f"{begin[:-1]},{','.join([f'{json.dumps(key)}:{value}' for key, value in records.items()])}}}"
