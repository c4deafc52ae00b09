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

    Raises:
        SessionCorruptError: If a newer version of this package wrote it, or it is damaged.
    """
    kept = agent._internal_state.get(KEY)
    if kept is None:
        return None
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        found = kept.get("format") if isinstance(kept, dict) else kept
        raise SessionCorruptError(
            f"agent_id=<{agent.agent_id}>, format=<{found}> | the agent was stored in a format that this version of the"
            f" package cannot read (it reads {FORMAT}); upgrade the package"
        )
    if not isinstance(kept.get("layout"), list) or not isinstance(kept.get("next"), int):
        raise SessionCorruptError(f"agent_id=<{agent.agent_id}> | the layout of the conversation is damaged")
    return kept


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
        SessionCorruptError: If one that the layout names is missing.
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
            if message_id not in records:
                raise SessionCorruptError(
                    f"agent_id=<{agent.agent_id}>, message_id=<{message_id}> | a message of the conversation is missing"
                )
            conversation.append(records[message_id])
    return conversation + [record for record in messages if record.message_id >= kept["next"]]
