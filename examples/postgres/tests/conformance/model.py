"""What a repository has to hold, kept in memory, and the records and ids that random histories are made of."""

import math
import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any
from unicodedata import category

from hypothesis import strategies as st
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage

from . import package
from .backend import Backend
from .identifiers_of_agents import ALIKE, EMPTY, HOSTILE, NOT_TEXT, ODD
from .package import Batch
from .records import EARLY, LATER


@dataclass
class _Agent:
    """An agent with its messages, and a version that is new with every change but an append."""

    record: SessionAgent
    version: str = field(default_factory=lambda: uuid.uuid4().hex)
    messages: dict[int, SessionMessage] = field(default_factory=dict)

    @property
    def next_id(self) -> int:
        return max(self.messages, default=-1) + 1

    def in_order(self) -> list[SessionMessage]:
        return [self.messages[message_id] for message_id in sorted(self.messages)]


@dataclass
class _Session:
    record: Session
    agents: dict[str, _Agent] = field(default_factory=dict)
    multi_agents: dict[str, dict[str, Any]] = field(default_factory=dict)


class Model:
    """A repository in memory: its methods do what those of every repository have to do, errors included."""

    def __init__(self, backend: Backend) -> None:
        """Start with nothing.

        Args:
            backend: What it says that it cannot hold is refused.
        """
        self._backend = backend
        self.sessions: dict[str, _Session] = {}

    def create_session(self, session: Session) -> None:
        """Create a session."""
        if session.session_id in self.sessions:
            raise package.SessionConflictError("the session exists")
        self.sessions[session.session_id] = _Session(session)

    def read_session(self, session_id: str) -> Session | None:
        """Return a session."""
        found = self.sessions.get(session_id)
        return found.record if found else None

    def create_agent(self, session_id: str, session_agent: SessionAgent) -> None:
        """Create an agent."""
        self._check(vars(session_agent))
        agents = self._session(session_id).agents
        if session_agent.agent_id in agents:
            raise package.SessionConflictError("the agent exists")
        agents[session_agent.agent_id] = _Agent(session_agent)

    def read_agent(self, session_id: str, agent_id: str) -> SessionAgent | None:
        """Return an agent."""
        found = self._find(session_id, agent_id)
        return found.record if found else None

    def update_agent(self, session_id: str, session_agent: SessionAgent) -> None:
        """Replace an agent. When it was created stays."""
        self._check(vars(session_agent))
        stored = self._agent(session_id, session_agent.agent_id)
        stored.record = replace(session_agent, created_at=stored.record.created_at)
        stored.version = uuid.uuid4().hex

    def create_message(self, session_id: str, agent_id: str, session_message: SessionMessage) -> None:
        """Append a message. The same one again is success."""
        self._check(vars(session_message))
        messages, message_id = self._agent(session_id, agent_id).messages, session_message.message_id
        new = _as_stored(session_message)
        if repr(messages.setdefault(message_id, new)) != repr(new):
            raise package.SessionConflictError("the id is taken")

    def read_message(self, session_id: str, agent_id: str, message_id: int) -> SessionMessage | None:
        """Return a message."""
        found = self._find(session_id, agent_id)
        return found.messages.get(message_id) if found else None

    def update_message(self, session_id: str, agent_id: str, session_message: SessionMessage) -> None:
        """Replace a message. When it was created stays."""
        self._check(vars(session_message))
        stored = self._find(session_id, agent_id)
        if stored is None or session_message.message_id not in stored.messages:
            raise package.SessionNotFoundError("the message does not exist")
        created_at = stored.messages[session_message.message_id].created_at
        stored.messages[session_message.message_id] = replace(_as_stored(session_message), created_at=created_at)
        stored.version = uuid.uuid4().hex

    def list_messages(
        self, session_id: str, agent_id: str, limit: int | None = None, offset: int = 0
    ) -> list[SessionMessage]:
        """Return a page of the messages."""
        found = self._find(session_id, agent_id)
        if found is None and not self._backend.lists_unknown_agent:
            raise SessionException("the agent does not exist")
        messages = found.in_order() if found else []
        return messages[offset:][:limit]

    def delete_session(self, session_id: str) -> None:
        """Delete a session with everything in it."""
        self._session(session_id)
        del self.sessions[session_id]

    def list_sessions(self, prefix: str) -> list[Session]:
        """Return the sessions whose ids start with a prefix, by id."""
        return [self.sessions[name].record for name in sorted(self.sessions) if name.startswith(prefix)]

    def list_agents(self, session_id: str) -> list[str]:
        """Return the ids of the agents of a session."""
        found = self.sessions.get(session_id)
        return sorted(found.agents) if found else []

    def create_multi_agent(self, session_id: str, multi_agent: Any) -> None:
        """Store the state of a graph for the first time."""
        self._check(multi_agent.state)
        states = self._session(session_id).multi_agents
        if multi_agent.id in states:
            raise package.SessionConflictError("the graph exists")
        states[multi_agent.id] = multi_agent.state

    def read_multi_agent(self, session_id: str, multi_agent_id: str) -> dict[str, Any] | None:
        """Return the state of a graph."""
        found = self.sessions.get(session_id)
        return found.multi_agents.get(multi_agent_id) if found else None

    def update_multi_agent(self, session_id: str, multi_agent: Any) -> None:
        """Replace the state of a graph."""
        self._check(multi_agent.state)
        if self.read_multi_agent(session_id, multi_agent.id) is None:
            raise package.SessionNotFoundError("the graph does not exist")
        self.sessions[session_id].multi_agents[multi_agent.id] = multi_agent.state

    def read_log(self, session_id: str, agent_id: str) -> tuple[SessionAgent, list[SessionMessage], int] | None:
        """Return what a restore needs: the agent, the messages that it names, and the next id."""
        found = self._find(session_id, agent_id)
        if found is None:
            return None
        kept, messages = found.record._internal_state.get("strands_session"), found.in_order()
        if kept is None:
            trimmed = found.record.conversation_manager_state["removed_message_count"]
            return found.record, messages[trimmed:], found.next_id
        runs = [*kept["layout"], [kept["next"], math.inf]]
        named = [one for one in messages if any(first <= one.message_id <= last for first, last in runs)]
        return found.record, named, found.next_id

    def version(self, session_id: str, agent_id: str) -> str | None:
        """Return the version of an agent."""
        found = self._find(session_id, agent_id)
        return found.version if found else None

    def write_log(self, batch: Batch) -> None:
        """Write a batch, all of it or nothing. The same one again is success."""
        for record in [*batch.create, *batch.update, *filter(None, [batch.agent])]:
            self._check(vars(record))
        found = self._find(batch.session_id, batch.agent_id)
        if found is None:
            if batch.version is not None:
                raise package.SessionNotFoundError("the agent does not exist")
            assert batch.agent is not None
            found = self._session(batch.session_id).agents[batch.agent_id] = _Agent(batch.agent, batch.new_version)
            found.messages = {one.message_id: _as_stored(one) for one in batch.create}
            return
        if batch.new_version not in (batch.version, None) and batch.new_version == found.version:
            return
        if batch.version != found.version:
            raise package.SessionConflictError("another writer changed the agent")
        if batch.next_id != found.next_id:
            later = [one for one in found.in_order() if one.message_id >= batch.next_id]
            is_again = later and batch.new_version == batch.version
            if is_again and repr(later) == repr([_as_stored(one) for one in batch.create]):
                return
            raise package.SessionConflictError("another writer appended")
        if not {one.message_id for one in batch.update} <= found.messages.keys():
            raise package.SessionNotFoundError("a message to replace does not exist")
        found.messages |= {one.message_id: _as_stored(one) for one in [*batch.create, *batch.update]}
        found.record, found.version = batch.agent or found.record, batch.new_version

    def expire(self, session_id: str) -> None:
        """Forget a session."""
        self.sessions.pop(session_id, None)

    def _check(self, values: Any) -> None:
        if not is_storable(values, self._backend):
            raise SessionException("it cannot be stored")

    def _session(self, session_id: str) -> _Session:
        if session_id not in self.sessions:
            raise package.SessionNotFoundError("the session does not exist")
        return self.sessions[session_id]

    def _find(self, session_id: str, agent_id: str) -> _Agent | None:
        found = self.sessions.get(session_id)
        return found.agents.get(agent_id) if found else None

    def _agent(self, session_id: str, agent_id: str) -> _Agent:
        found = self._find(session_id, agent_id)
        if found is None:
            raise package.SessionNotFoundError("the agent does not exist")
        return found


def _as_stored(message: SessionMessage) -> SessionMessage:
    """Return a message as it comes back: of a redacted one only the replacement."""
    return message if message.redact_message is None else replace(message, message=message.redact_message)


def is_storable(value: Any, backend: Backend) -> bool:
    """Whether JSON and the backend can hold a value."""
    if isinstance(value, dict):
        return all(is_storable(one, backend) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return all(is_storable(one, backend) for one in value)
    if isinstance(value, str):
        return (backend.stores_nul or "\0" not in value) and (backend.stores_lone_surrogates or not _HALF.search(value))
    if isinstance(value, float):
        return backend.stores_every_number or math.isfinite(value)
    return value is None or isinstance(value, (int, bytes))


_HALF = re.compile("[\ud800-\udfff]")
_TWO_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")

# Without st.text and st.characters: what they know about Unicode goes into a folder in the author's repository.
_characters = st.integers(0x20, 0x10FFFF).map(chr)
# Two halves side by side are one character to everything that speaks JSON, a model's provider as well.
_parts = st.sampled_from([*ODD, "\0", "\ud800", "\udfff", "\\u0000", "NaN", "\U0001f600", "é", " \n"]) | _characters
texts = st.lists(_parts, max_size=3).map(lambda parts: _TWO_HALVES.sub("", "".join(parts)))
numbers = st.integers() | st.floats() | st.sampled_from([2**70, -0.0, 1e16, 1.0, True])
leaves = st.none() | st.booleans() | numbers | texts


def _documents(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(texts, st.recursive(leaves, _nested, max_leaves=4), max_size=3)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)


plain_documents = _documents(leaves)
documents = _documents(leaves | st.binary(max_size=4))
blocks = st.one_of(
    st.builds(lambda text: {"text": text}, texts),
    st.builds(lambda given: {"toolUse": {"toolUseId": "1", "name": "t", "input": given}}, documents),
    st.builds(lambda data: {"image": {"format": "png", "source": {"bytes": data}}}, st.binary(max_size=4)),
    st.builds(lambda text, given: {text: given}, texts, documents),
)
bodies = st.builds(
    lambda role, content, more: {"role": role, "content": content, **more},
    st.sampled_from(["user", "assistant"]),
    st.lists(blocks, max_size=2),
    st.just({}) | st.builds(lambda given: {"tracking_id": "0", "metadata": {"custom": given}}, documents),
)
"""Messages as they stand in a conversation."""

times = st.sampled_from([EARLY, LATER, "2024-03-01T00:00:01Z", "2024-03-01T00:00:01.5-03:30"]) | st.datetimes(
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(hours=14))])
).map(datetime.isoformat)
unstorable = st.sampled_from([{1, 2}, object(), 1j])
"""What no JSON can express."""

_names = st.lists(_characters.filter(lambda one: one not in "/\\" and category(one) not in ("Cc", "Cs")), max_size=6)
agent_ids = st.one_of(
    st.sampled_from(ALIKE).map(lambda alike: alike.replace("{}", "")), st.sampled_from(ODD), _names.map("".join)
).filter(lambda name: name.strip() and name not in (".", ".."))
session_ids = st.sampled_from([*ALIKE, "{}" + "x" * 480, "é{}"]) | agent_ids.map(lambda name: "{}" + name)
"""`{}` is where the part goes that makes them unique."""
malformed_ids = st.sampled_from([*HOSTILE, *EMPTY, *NOT_TEXT])
