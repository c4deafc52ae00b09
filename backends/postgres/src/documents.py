"""How records become columns that SQL can look into, and come back as they were.

A document goes into a json column, unless json or one of its operators would refuse it: then into the text column
beside it. A time goes into a timestamptz column, and into the text column beside it where that would change how it is
written.
"""

import json
import re
from datetime import datetime, timezone
from typing import Any, cast

from strands.types.session import Session, SessionAgent, SessionMessage

from ._batch import Batch
from ._layout import LAST_ID, wanted
from ._records import check_ids, decode, decode_agent, decode_all, encode, message_name
from .errors import SessionCorruptError

# What may need the text column. A closer look tells: somebody may just write about NaN.
_SUSPECT = re.compile(r"\\u0000|\\ud[89a-f]|NaN|Infinity")
_MESSAGE_COLUMNS = (
    "message_id",
    "message",
    "message_raw",
    "redacted",
    "redacted_raw",
    "created_at",
    "created_at_raw",
    "updated_at",
    "updated_at_raw",
)
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def to_columns(document: dict[str, Any], name: str) -> tuple[str | None, str | None]:
    """Return a document for its json column and for the text column beside it; one of them is None.

    Raises:
        SessionException: If it cannot be stored as JSON.
    """
    text = encode(document, name)
    return (text, None) if _fits_json(text) else (None, text)


def _fits_json(text: str) -> bool:
    if not _SUSPECT.search(text):
        return True
    if _NUL.search(text):
        return False
    try:
        json.dumps(json.loads(text), ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # NaN, Infinity, or a lone surrogate
        return False
    return True


def time_to_columns(text: str) -> tuple[datetime | None, str | None]:
    """Return an ISO time for its timestamptz column, and its text where that does not come back the same."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None, text
    if time.tzinfo is None or not 1 < time.year < 9999:  # another time zone may lead out of the calendar
        return None, text
    in_utc = time.astimezone(timezone.utc).replace(tzinfo=None)
    return time, None if time_from_columns(in_utc, None) == text else text


def time_from_columns(in_utc: datetime | None, text: str | None) -> str:
    """Return the ISO time that `time_to_columns` took apart. UTC as such a column has no zone: that reads faster."""
    if text is not None or in_utc is None:
        return text or ""
    return f"{in_utc.isoformat()}+00:00"


def session_columns(session: Session) -> dict[str, Any]:
    """Return a session record as the parameters of a statement."""
    columns: dict[str, Any] = {"session_type": str(getattr(session.session_type, "value", session.session_type))}
    columns["created_at"], columns["created_at_raw"] = time_to_columns(session.created_at)
    columns["updated_at"], columns["updated_at_raw"] = time_to_columns(session.updated_at)
    return columns


def session_from_columns(row: tuple[Any, ...], session_id: str) -> Session:
    """Return the session record of a row: type and times."""
    kind, created, created_raw, updated, updated_raw = row
    times = time_from_columns(created, created_raw), time_from_columns(updated, updated_raw)
    return Session(session_id, kind, *times)


def agent_columns(agent: SessionAgent, name: str) -> dict[str, Any]:
    """Return an agent record as the parameters of a statement.

    Raises:
        SessionException: If it cannot be stored as JSON.
    """
    ranges, after = _restores(agent)
    columns: dict[str, Any] = {"restores": ranges, "restores_after": after}
    columns["state"], columns["state_raw"] = to_columns(agent.state, name)
    columns["manager"], columns["manager_raw"] = to_columns(agent.conversation_manager_state, name)
    columns["internal"], columns["internal_raw"] = to_columns(agent._internal_state, name)
    columns["agent_created_at"], columns["agent_created_at_raw"] = time_to_columns(agent.created_at)
    columns["agent_updated_at"], columns["agent_updated_at_raw"] = time_to_columns(agent.updated_at)
    return columns


def _restores(agent: SessionAgent) -> tuple[str, int]:
    try:
        runs, after = wanted(agent)
    except SessionCorruptError:  # it is stored as it is: who restores it is told what is wrong
        return "{}", 0
    ranges = ",".join(f"[{first},{')' if last == LAST_ID else f'{last + 1})'}" for first, last in runs)
    return f"{{{ranges}}}", after


def agent_from_columns(row: tuple[Any, ...], session_id: str, agent_id: str) -> SessionAgent:
    """Return the agent record of a row: state, conversation manager, internal state, and times.

    Raises:
        SessionCorruptError: If it cannot be read.
    """
    state, manager, internal, created, created_raw, updated, updated_raw = row
    text = f'{{"state":{state},"conversation_manager_state":{manager},"_internal_state":{internal},'
    text += _times(created, created_raw, updated, updated_raw)
    return decode_agent(text, session_id, agent_id)


def message_columns(message: SessionMessage, session_id: str, agent_id: str) -> dict[str, Any]:
    """Return a message record as the parameters of a statement. Its id is checked.

    Raises:
        ValueError: If the id is malformed.
        SessionException: If the message cannot be stored as JSON.
    """
    check_ids(message_id=message.message_id)
    name = message_name(session_id, agent_id, message.message_id)
    redacted = message.redact_message
    # Of a redacted message only the replacement is kept.
    content = to_columns(cast("dict[str, Any]", message.message if redacted is None else redacted), name)
    values: list[Any] = [message.message_id, *content, *((None, None) if redacted is None else content)]
    created = updated = time_to_columns(message.created_at)
    if message.updated_at != message.created_at:
        updated = time_to_columns(message.updated_at)
    values += [*created, *updated]
    return dict(zip(_MESSAGE_COLUMNS, values, strict=True))


def messages_columns(messages: list[SessionMessage], session_id: str, agent_id: str) -> dict[str, list[Any]]:
    """Return several messages as the parameters of a statement: an array for each column.

    Raises:
        ValueError: If an id is malformed.
        SessionException: If a message cannot be stored as JSON.
    """
    columns = [message_columns(message, session_id, agent_id) for message in messages]
    return {name: [one[name] for one in columns] for name in _MESSAGE_COLUMNS}


def messages_from_columns(rows: list[tuple[Any, ...]], session_id: str, agent_id: str) -> list[SessionMessage]:
    """Return the messages of rows: id, message, whether it is redacted, times, and what does not matter here.

    Raises:
        SessionCorruptError: If one cannot be read.
    """
    if not rows:
        return []
    # By columns: a loop over the rows takes twice as long.
    message_ids, texts, redacted, *times = zip(*rows, strict=True)
    documents: list[Any] = decode_all(texts, lambda index: message_name(session_id, agent_id, message_ids[index]))
    created_at = list(map(time_from_columns, *times[:2]))
    updated_at = created_at if times[:2] == times[2:4] else map(time_from_columns, *times[2:4])
    # A redacted message is its replacement: two objects, as the SDK makes them.
    replacements: Any = [decode(text, "") if one else None for one, text in zip(redacted, texts, strict=True)]
    return list(map(SessionMessage, documents, message_ids, replacements, created_at, updated_at))


def append_columns(batch: Batch) -> dict[str, Any] | None:
    """Return a batch as the parameters of the statement that appends a message.

    Args:
        batch: What to write.

    Returns:
        The parameters; None if there is more to write than one message, or this one needs a column that is seldom used.

    Raises:
        ValueError: If the id of the message is malformed.
        SessionException: If it cannot be stored as JSON.
    """
    if batch.agent is not None or batch.update or batch.version != batch.new_version or len(batch.create) != 1:
        return None
    message = batch.create[0]
    if message.message_id != batch.next_id or message.redact_message is not None:
        return None
    check_ids(message_id=message.message_id)
    name = message_name(batch.session_id, batch.agent_id, message.message_id)
    document, raw_document = to_columns(cast("dict[str, Any]", message.message), name)
    created_at, raw_time = time_to_columns(message.created_at)
    if raw_document is not None or raw_time is not None or message.updated_at != message.created_at:
        return None
    key = {"session_id": batch.session_id, "agent_id": batch.agent_id, "version": batch.version}
    return {**key, "next_id": batch.next_id, "message": document, "created_at": created_at}


def batch_columns(batch: Batch, name: str) -> dict[str, Any]:
    """Return a batch as the parameters of the statement that writes it.

    Args:
        batch: What to write.
        name: What it is, for errors.

    Raises:
        ValueError: If the id of a message is malformed.
        SessionException: If something cannot be stored as JSON.
    """
    key = (batch.session_id, batch.agent_id)
    values: dict[str, Any] = {"session_id": batch.session_id, "agent_id": batch.agent_id}
    values |= {"version": batch.version, "new_version": batch.new_version, "next_id": batch.next_id}
    values["after"] = batch.create[-1].message_id + 1 if batch.create else batch.next_id
    values |= message_columns(batch.create[0], *key) if len(batch.create) == 1 else messages_columns(batch.create, *key)
    if batch.update:
        values |= {f"r_{column}": array for column, array in messages_columns(batch.update, *key).items()}
    return values if batch.agent is None else values | agent_columns(batch.agent, name)


def _times(created: datetime | None, created_raw: str | None, updated: datetime | None, updated_raw: str | None) -> str:
    created_at, updated_at = time_from_columns(created, created_raw), time_from_columns(updated, updated_raw)
    return f'"created_at":{json.dumps(created_at)},"updated_at":{json.dumps(updated_at)}}}'
