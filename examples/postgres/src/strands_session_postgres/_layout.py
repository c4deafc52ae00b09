# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""The layout: which stored messages make up `agent.messages`, kept in the agent record beside its state.

A conversation manager trims, pins, summarizes and inserts, so `agent.messages` is rarely "all records". The layout
lists what it is, in order: `[first, last]` for a run of records, or a message itself where it has no record. Every
record from `next` on follows, which is why an append leaves the agent record alone.

Agent records without a layout were written by the SDK's own `RepositorySessionManager`. They follow its rule: all
records but the first `removed_message_count`, after the messages that the conversation manager prepends.
"""

from typing import Any, TypeAlias, cast

from strands.types.content import Message
from strands.types.session import SessionAgent, SessionMessage

from .errors import SessionCorruptError

KEY = "strands_session"
FORMAT = 1
LAST_ID = 2**53 - 1
INTERNAL = ("interrupt_state", "model_state")  # where `SessionAgent` keeps what a snapshot calls so

_ONLY_OBJECTS = frozenset([dict])

Layout: TypeAlias = list[list[int] | Message]


def describe(messages: list[Message], ids: list[int | None]) -> Layout:
    """Return the layout of a conversation, given the record id of each message, or None where it has no record."""
    layout: Layout = []
    for message, message_id in zip(messages, ids, strict=True):
        last = layout[-1] if layout else None
        if message_id is None:
            layout.append(message)
        elif isinstance(last, list) and last[1] == message_id - 1:
            last[1] = message_id
        else:
            layout.append([message_id, message_id])
    return layout


def append(layout: Layout, first: int, end: int) -> Layout:
    """Return the layout that a reader derives when the records from `first` up to, not including, `end` follow it."""
    if first == end:
        return layout
    last = layout[-1] if layout else None
    if isinstance(last, list) and last[1] == first - 1:
        return [*layout[:-1], [last[0], end - 1]]
    return [*layout, [first, end - 1]]


def read(agent: SessionAgent) -> dict[str, Any] | None:
    """Return what the manager keeps in an agent record, None where the SDK's own manager wrote it.

    It is checked as strictly as what a stranger sends: whoever may write to the store may have written anything.

    Raises:
        SessionCorruptError: If a newer version of this package wrote it, or it is damaged.
    """
    _check_types(agent)
    kept = agent._internal_state.get(KEY)
    if kept is None:
        return None
    found = kept.get("format") if isinstance(kept, dict) else kept
    if not isinstance(kept, dict) or type(found) is not int or found != FORMAT:
        raise SessionCorruptError(
            f"agent_id=<{agent.agent_id}>, format=<{found}> | the agent was stored in a format that this version of the"
            f" package cannot read (it reads {FORMAT}); upgrade the package"
        )
    is_prompt = isinstance(kept.get("system_prompt"), (str, list, type(None)))
    if not is_prompt or not _is_sound(kept.get("layout"), kept.get("next")):
        raise SessionCorruptError(f"agent_id=<{agent.agent_id}> | the layout of the conversation is damaged")
    return kept


def is_message(value: object) -> bool:
    """Whether something is a message, as far as everything takes for granted that handles one."""
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        return False
    content = value.get("content")
    return isinstance(content, list) and _ONLY_OBJECTS.issuperset(map(type, content))


def _check_types(agent: SessionAgent) -> None:
    manager, internal = agent.conversation_manager_state, agent._internal_state
    is_sound = all(isinstance(value, dict) for value in (agent.state, manager, internal))
    if is_sound:
        removed = manager.get("removed_message_count")
        is_sound = removed is None or _is_position(removed)
        is_sound &= all(isinstance(internal.get(name, {}), dict) for name in INTERNAL)
    if not is_sound:
        raise SessionCorruptError(f"agent_id=<{agent.agent_id}> | a part of the stored agent is of a wrong type")


def _is_position(value: object) -> bool:
    return type(value) is int and 0 <= value <= LAST_ID


def _is_sound(layout: object, next_id: Any) -> bool:
    """Whether a layout consists of messages and of runs of records before `next_id`."""
    if not isinstance(layout, list) or not _is_position(next_id):
        return False
    return all(_is_run(entry, next_id) for entry in layout if not is_message(entry))


def _is_run(entry: object, next_id: int) -> bool:
    if not isinstance(entry, list) or len(entry) != 2 or not all(map(_is_position, entry)):
        return False
    return bool(entry[0] <= entry[1] < next_id)


def wanted(agent: SessionAgent) -> tuple[list[tuple[int, int]], int]:
    """Return which messages a restore of this agent needs.

    Returns:
        The first and last id of each run, sorted and without overlap, and how many of these messages to leave out at
        the beginning.

    Raises:
        SessionCorruptError: If the layout cannot be read.
    """
    kept = read(agent)
    if kept is None:
        return [(0, LAST_ID)], int(agent.conversation_manager_state.get("removed_message_count") or 0)
    runs: list[tuple[int, int]] = []
    named = [(entry[0], entry[1]) for entry in kept["layout"] if isinstance(entry, list)]
    for first, last in sorted([*named, (kept["next"], LAST_ID)]):
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    return runs, 0


def assemble(agent: SessionAgent, messages: list[SessionMessage]) -> list[SessionMessage | Message]:
    """Return the conversation that an agent record describes: a record, or a message without one, for each message.

    Args:
        agent: The agent record.
        messages: The messages that `wanted` names, by id.

    Raises:
        SessionCorruptError: If one that the layout names is missing, or named twice.
    """
    kept = read(agent)
    if kept is None:
        return list(messages)
    records = {record.message_id: record for record in messages}
    conversation: list[SessionMessage | Message] = []
    for entry in kept["layout"]:
        if isinstance(entry, dict):
            conversation.append(cast("Message", entry))
            continue
        for message_id in range(entry[0], entry[1] + 1):
            record = records.pop(message_id, None)  # so that a record of two runs is not repeated without end
            if record is None:
                name = f"agent_id=<{agent.agent_id}>, message_id=<{message_id}>"
                raise SessionCorruptError(f"{name} | a message of the conversation is missing, or is in it twice")
            conversation.append(record)
    return conversation + [record for record in messages if record.message_id >= kept["next"]]
