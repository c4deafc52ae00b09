# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""What changed in an agent since it was last saved, and what a restore makes of what was saved. No I/O."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, cast

from strands import Snapshot
from strands.types.agent import LocalAgent
from strands.types.content import Message
from strands.types.session import SessionAgent, SessionMessage

from . import _layout
from ._batch import Batch, StoredLog
from ._layout import INTERNAL as _INTERNAL
from ._tool_use import repair_tool_use
from .errors import SessionCorruptError

_LEAVES = frozenset([str, int, float, bool, bytes, type(None)])


@dataclass
class _Conversation:
    """The messages of `agent.messages`, in order, as they are stored.

    Attributes:
        live: The agent's own dictionaries: their identity finds a message again that was rewritten in place.
        copies: What was stored of each: comparing by value notices a change in place, which identity does not.
        records: The record of each; None for a message without one, which stands in the layout.
    """

    live: list[Message] = field(default_factory=list)
    copies: list[Message] = field(default_factory=list)
    records: list[SessionMessage | None] = field(default_factory=list)

    def add(self, message: Message, stored: Message, record: SessionMessage | None) -> None:
        self.live.append(message)
        self.copies.append(stored)
        self.records.append(record)

    def extend(self, other: "_Conversation") -> None:
        self.live += other.live
        self.copies += other.copies
        self.records += other.records


@dataclass
class _Head:
    """The agent record without its messages.

    Attributes:
        values: What `take_snapshot` gives beside messages and state.
        state: The agent's state.
        state_at: The state object and its version when `state` was copied. A copy of 1 MB takes 150 ms, so only then.
        layout: The layout in the record; None where there is none yet.
        next_id: The id from which records follow the layout implicitly.
        created_at: When the agent was first stored.
    """

    values: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    state_at: tuple[object, object] = (None, None)
    layout: _layout.Layout | None = None
    next_id: int = 0
    created_at: str | None = None


@dataclass(frozen=True)
class Save:
    """A batch to write, and what is known to be stored once it is written."""

    batch: Batch
    kept: _Conversation | None  # None: the conversation stands as it was, but for what `added` holds
    added: _Conversation
    head: _Head


class AgentLog:
    """What is known to be stored of one agent.

    It moves forward only after a write succeeded, so the save after a failed one finds everything that is missing.
    """

    def __init__(self, session_id: str, agent_id: str) -> None:
        self.session_id = session_id
        self.agent_id = agent_id
        self._version: str | None = None
        self._next_id = 0
        self._head = _Head()
        self._conversation = _Conversation()
        self._turn = 0  # the first message since everything was compared

    def changes(self, agent: LocalAgent, *, everything: bool, redacted: Message | None = None) -> Save | None:
        """Return what has to be written for the store to equal the agent; None when it does already.

        Args:
            agent: The agent. Everything that is to be written is copied: the agent may go on.
            everything: Whether to compare all messages, as once per turn, or only those of the current turn: the cost
                of a message must not grow with the conversation.
            redacted: The message of the agent that a guardrail redacted just now.
        """
        now = datetime.now(timezone.utc).isoformat()
        messages = agent.messages
        update: list[SessionMessage] = []
        if redacted is None and self._stands(messages, everything):
            kept, rest = None, messages[len(self._conversation.live) :]
        else:
            kept, rest, update = self._match(messages, redacted, now)
            self._turn = 0  # until it is saved, a change may be anywhere
        added = _Conversation()
        for message in rest:
            stored = clone(message)
            replacement = stored if message is redacted else None
            added.add(message, stored, SessionMessage(stored, self._next_id + len(added.live), replacement, now, now))
        create = cast("list[SessionMessage]", added.records)
        head = self._capture_head(agent, kept, added, self._next_id + len(create))
        if head is self._head and not create and not update:
            return None
        record = None if head is self._head else self._agent_record(head, now)
        batch = Batch(
            session_id=self.session_id,
            agent_id=self.agent_id,
            create=create,
            update=update,
            agent=record,
            next_id=self._next_id,
            version=self._version,
            new_version=uuid.uuid4().hex if record or update or self._version is None else self._version,
        )
        return Save(batch, kept, added, head)

    def saved(self, save: Save) -> None:
        """Take note that a save was written."""
        if save.kept is not None:
            self._conversation, self._turn = save.kept, len(save.kept.live)
        self._conversation.extend(save.added)
        self._head = save.head
        self._next_id += len(save.added.live)
        self._version = save.batch.new_version

    def restore(self, agent: LocalAgent, stored: StoredLog) -> None:
        """Make a new agent equal to the stored one.

        Raises:
            SessionCorruptError: If the stored agent cannot be understood.
            ValueError: If the agent has another conversation manager than the stored one.
        """
        record = stored.agent
        kept = _layout.read(record)
        values: dict[str, Any] = {name: value for name, value in record._internal_state.items() if name in _INTERNAL}
        if record.conversation_manager_state:
            values["conversation_manager_state"] = record.conversation_manager_state
        if kept is not None:
            values["system_prompt"] = kept.get("system_prompt")
        conversation = _layout.assemble(record, stored.messages)
        prepended = _load(agent, record, values)
        if kept is None:
            conversation = [*prepended, *conversation]
        self._version, self._next_id = stored.version, max(stored.next_id, kept["next"] if kept else 0)
        self._head = _Head(clone(values), record.state, _state_at(agent), created_at=record.created_at)
        if kept is not None:
            # A copy: the agent goes on with the messages that stand in the layout, and may rewrite them in place.
            self._head.layout, self._head.next_id = clone(kept["layout"]), kept["next"]
        if getattr(agent.model, "stateful", False):
            return  # the model's provider keeps the conversation
        for entry in conversation:
            message = entry.to_message() if isinstance(entry, SessionMessage) else entry
            if not _layout.is_message(message):
                where = f", message_id=<{entry.message_id}>" if isinstance(entry, SessionMessage) else ""
                raise SessionCorruptError(f"agent_id=<{record.agent_id}>{where} | what is stored is no message")
            self._conversation.add(message, clone(message), entry if isinstance(entry, SessionMessage) else None)
        agent.messages = list(self._conversation.live)
        if not repair_tool_use(agent.messages):
            self._turn = len(agent.messages)

    def _stands(self, messages: list[Message], everything: bool) -> bool:
        """Whether the agent's messages begin with the stored ones, unchanged."""
        known, count = self._conversation, len(self._conversation.live)
        if len(messages) < count:
            return False
        if everything:
            if messages[:count] != known.copies:
                return False
            known.live = messages[:count]  # equal messages may have taken the place of the stored ones
            self._turn = count
            return True
        if count and (messages[0] is not known.live[0] or messages[count - 1] is not known.live[-1]):
            return False
        return messages[self._turn : count] == known.copies[self._turn :]

    def _match(
        self, messages: list[Message], redacted: Message | None, now: str
    ) -> tuple[_Conversation, list[Message], list[SessionMessage]]:
        """Find the stored message that each of the agent's messages is, by identity or else by tracking id.

        Returns:
            The conversation up to the last message that has a record, the messages after it, which are new, and the
            records that changed. Messages without a record before it were inserted: a summary, a repair.
        """
        known = self._conversation
        places: defaultdict[int | str | None, list[int]] = defaultdict(list)
        for place in reversed(range(len(known.live))):
            for key in _keys(known.live[place], known.copies[place]):
                places[key].append(place)
        matches: list[int | None] = []
        for message in messages:
            found = places[id(message)] or places[message.get("tracking_id")]
            matches.append(found[-1] if found else None)
            for place in found[-1:]:
                for key in _keys(known.live[place], known.copies[place]):
                    places[key].remove(place)
        end = max((position + 1 for position, match in enumerate(matches) if match is not None), default=0)
        kept, update = _Conversation(), []
        for message, match in zip(messages[:end], matches[:end], strict=True):
            record = None if match is None else known.records[match]
            if match is not None and message == known.copies[match] and message is not redacted:
                kept.add(message, known.copies[match], record)
                continue
            stored = clone(message)
            if record is not None:
                replacement = stored if message is redacted or record.redact_message is not None else None
                record = SessionMessage(stored, record.message_id, replacement, record.created_at, now)
                update.append(record)
            kept.add(message, stored, record)
        return kept, messages[end:], update

    def _capture_head(self, agent: LocalAgent, kept: _Conversation | None, added: _Conversation, next_id: int) -> _Head:
        """Return the agent record's content, which is the known one itself where nothing of it changed."""
        known = self._head
        values = agent.take_snapshot(preset="session", include=["system_prompt"], exclude=["messages", "state"]).data
        state_at = _state_at(agent)
        implied = layout = None if known.layout is None else _layout.append(known.layout, known.next_id, next_id)
        if kept is not None or layout is None:
            whole = _Conversation()
            whole.extend(kept or self._conversation)
            whole.extend(added)
            ids = [None if record is None else record.message_id for record in whole.records]
            layout = _layout.describe(whole.copies, ids)
        same_state = state_at[0] is known.state_at[0] and state_at[1] == known.state_at[1]
        if self._version is not None and values == known.values and same_state and layout == implied:
            return known
        state = known.state if same_state else agent.state.get()
        if self._version is None:
            layout, next_id = [], 0  # all messages follow: an agent record alone never names one that is not there yet
        return _Head(clone(values), state, state_at, layout, next_id, known.created_at)

    def _agent_record(self, head: _Head, now: str) -> SessionAgent:
        internal: dict[str, Any] = {name: value for name, value in head.values.items() if name in _INTERNAL}
        internal[_layout.KEY] = {
            "format": _layout.FORMAT,
            "layout": head.layout,
            "next": head.next_id,
            "system_prompt": head.values.get("system_prompt"),
        }
        head.created_at = head.created_at or now
        return SessionAgent(
            agent_id=self.agent_id,
            state=head.state,
            conversation_manager_state=head.values.get("conversation_manager_state", {}),
            _internal_state=internal,
            created_at=head.created_at,
            updated_at=now,
        )


def clone(value: Any) -> Any:
    """Return a copy that shares only what cannot change. `copy.deepcopy` takes ten times as long."""
    if isinstance(value, dict):
        return {key: item if item.__class__ in _LEAVES else clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [item if item.__class__ in _LEAVES else clone(item) for item in value]
    return value


def _keys(live: Message, stored: Message) -> set[int | str]:
    """Return what a stored message is found by."""
    tracking_id = stored.get("tracking_id")
    return {id(live), tracking_id} if tracking_id else {id(live)}


def _state_at(agent: LocalAgent) -> tuple[object, object]:
    """Return the agent's state object and its version; where the SDK has no version, a copy to compare by value."""
    version = getattr(agent.state, "_get_version", agent.state.get)
    return agent.state, version()


def _load(agent: LocalAgent, record: SessionAgent, values: dict[str, Any]) -> list[Message]:
    """Load all but the messages, and return those that the conversation manager puts before them."""
    data = {"state": record.state} | values
    if agent.system_prompt_content is not None or data.get("system_prompt") is None:
        data.pop("system_prompt", None)  # a prompt is code: only an agent built without one takes the stored one
    name = f"agent_id=<{record.agent_id}>"
    prepended = None
    if "conversation_manager_state" in data:
        # Not through the snapshot, which drops the messages that the conversation manager prepends.
        manager, manager_state = getattr(agent, "conversation_manager", None), data.pop("conversation_manager_state")
        try:
            prepended = manager.restore_from_session(manager_state) if manager is not None else None
        except ValueError as error:
            raise ValueError(
                f"{name} | the stored conversation was kept by {manager_state.get('__name__')}, this agent has"
                f" {type(manager).__name__}; build the agent with the same conversation manager"
            ) from error
        except Exception as error:
            raise SessionCorruptError(
                f"{name} | the stored state of the conversation manager cannot be restored: {error!r}"
            ) from error
    try:
        agent.load_snapshot(Snapshot(scope="agent", schema_version="1.0", data=data, app_data={}))
    except Exception as error:
        raise SessionCorruptError(f"{name} | the stored state of the agent cannot be restored: {error}") from error
    return prepended or []
