# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""What an id may be, and how the SDK's records become JSON text and come back unchanged."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast

from strands.types.content import Message
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage, decode_bytes_values

from .errors import SessionCorruptError

MAX_ID_BYTES = 512

_BYTES = "__bytes_encoded__"  # what the SDK marks base64 with
_CHUNK = 500
# What no id may hold: separators of paths, control characters, lone surrogates.
_FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FORBIDDEN_IN_PREFIX = re.compile(r"[\x00\ud800-\udfff]")

_Record = TypeVar("_Record", Session, SessionAgent, SessionMessage)
_FIELDS = {kind: frozenset(field.name for field in fields(kind)) for kind in (Session, SessionAgent, SessionMessage)}


def check_ids(**ids: str | int) -> str:
    """Refuse ids that not every store can hold, or that would mean something else to one.

    The limits are the same for every backend, so that data can move between them.

    Args:
        **ids: Ids by name. `message_id` is a position in the log; any other is 1 to 512 bytes of UTF-8 without `/`,
            backslash and control characters.

    Returns:
        What the ids name, for errors: `session_id=<s>, agent_id=<a>, message_id=<4>`.

    Raises:
        ValueError: If one of them is malformed.
    """
    named = []
    for name, value in ids.items():
        problem = _position_problem(value) if name == "message_id" else _name_problem(value)
        if problem is not None:
            shown = repr(value)
            raise ValueError(f"{name}=<{shown if len(shown) < 60 else shown[:57] + '...'}> | {problem}")
        named.append(f"{name}=<{value}>")
    return ", ".join(named)


def _position_problem(value: object) -> str | None:
    is_position = isinstance(value, int) and _is_whole(value) and 0 <= value < 2**53
    return None if is_position else "must be a whole number from 0 to 2^53 - 1"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _name_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    if not value.strip() or value in (".", ".."):
        return "must not be empty, blank, '.' or '..'"
    if _FORBIDDEN.search(value):
        return "must not contain '/', a backslash, a control character or a lone surrogate"
    length = len(value.encode())
    return None if length <= MAX_ID_BYTES else f"must be at most {MAX_ID_BYTES} bytes of UTF-8, is {length}"


def check_count(value: int | None, name: str, *, least: int = 0) -> int | None:
    """Return a limit, an offset or a page size.

    Raises:
        ValueError: If it is no whole number, or less than `least`, or more than any store can count.
    """
    if value is not None and (not _is_whole(value) or not least <= value < 2**63):
        raise ValueError(f"{name}=<{value!r}> | must be a whole number from {least} to 2^63 - 1")
    return value


def check_prefix(prefix: str) -> str:
    """Return what the ids to list begin with.

    Raises:
        ValueError: If it is no text that an id can begin with: it has NUL or a lone surrogate.
    """
    if not isinstance(prefix, str) or _FORBIDDEN_IN_PREFIX.search(prefix):
        raise ValueError(f"prefix=<{prefix!r}> | must be text without NUL and lone surrogates")
    return prefix


def encode(record: Session | SessionAgent | SessionMessage | dict[str, Any], name: str) -> str:
    r"""Return a record as JSON text from which `decode` makes an equal one.

    The order of keys stays, `bytes` become the SDK's `__bytes_encoded__` objects, and NaN and Infinity are written as
    Python writes them. Text stays readable UTF-8, unless it holds a lone surrogate: then everything beyond ASCII is
    escaped. Of a redacted message only the replacement is kept.

    Args:
        record: The record, or the state of a multi-agent orchestrator.
        name: What the record is called in the error, for example `session_id=<s>, message_id=<4>`.

    Raises:
        SessionException: If the record holds something that JSON cannot express.
    """
    try:
        values = dict(record if isinstance(record, dict) else vars(record))
        if isinstance(record, SessionMessage) and record.redact_message is not None:
            values["message"] = record.redact_message
        text = _JSON.encode(values)
        # "surrogates not allowed" is what a datastore would answer. Only str.encode finds out, at memory speed.
        text.encode()
    except UnicodeEncodeError:
        text = _ASCII_JSON.encode(values)
    except (TypeError, ValueError, RecursionError) as error:
        raise SessionException(f"{name} | cannot be stored as JSON: {error}") from error
    return text


def decode_session(text: str | bytes, session_id: str) -> Session:
    """Return the session that `encode` made this text of.

    Raises:
        SessionCorruptError: If the text is not a session's.
    """
    name = f"session_id=<{session_id}>"
    return build(Session, decode(text, name), name, session_id=session_id)


def decode_agent(text: str | bytes, session_id: str, agent_id: str) -> SessionAgent:
    """Return the agent that `encode` made this text of.

    Raises:
        SessionCorruptError: If the text is not an agent's.
    """
    name = f"session_id=<{session_id}>, agent_id=<{agent_id}>"
    return build(SessionAgent, decode(text, name), name, agent_id=agent_id)


def decode_message(text: str | bytes, session_id: str, agent_id: str, message_id: int) -> SessionMessage:
    """Return the message that `encode` made this text of.

    Raises:
        SessionCorruptError: If the text is not a message's.
    """
    return decode_messages([(message_id, text)], session_id, agent_id)[0]


def decode_messages(records: Sequence[tuple[int, str | bytes]], session_id: str, agent_id: str) -> list[SessionMessage]:
    """Return the messages that `encode` made these texts of, in order.

    Args:
        records: The id and the text of each message.
        session_id: Their session.
        agent_id: Their agent.

    Raises:
        SessionCorruptError: If a text is not a message's.
    """
    ids = [message_id for message_id, _ in records]
    documents = decode_all([text for _, text in records], lambda index: message_name(session_id, agent_id, ids[index]))
    return _messages(ids, documents, session_id, agent_id)


def decode_joined(
    texts: Sequence[str | bytes], ids: Sequence[int], session_id: str, agent_id: str
) -> list[SessionMessage]:
    """Return messages, in order, given texts that each hold those of several messages, with commas between.

    Args:
        texts: Texts that `encode` made, joined.
        ids: The ids of all these messages.
        session_id: Their session.
        agent_id: Their agent.

    Raises:
        ValueError, TypeError, RecursionError: If a message cannot be read. `decode_messages` says which.
        SessionCorruptError: If a message is incomplete.
    """
    documents: list[dict[str, Any]] = []
    step = max(1, _CHUNK * len(texts) // max(1, len(ids)))
    for start in range(0, len(texts), step):
        documents += _decode_chunk(texts[start : start + step])
    if len(documents) != len(ids):
        raise ValueError(f"{len(documents)} objects are no {len(ids)} messages")
    return _messages(ids, documents, session_id, agent_id)


def _messages(
    ids: Sequence[int], documents: list[dict[str, Any]], session_id: str, agent_id: str
) -> list[SessionMessage]:
    messages = []
    for message_id, values in zip(ids, documents, strict=True):
        message = values.get("message")
        if not isinstance(message, dict):
            name = message_name(session_id, agent_id, message_id)
            raise SessionCorruptError(f"{name} | the stored record holds no message")
        try:  # without the detour of `build`, which takes as long as parsing
            times = (values["created_at"], values["updated_at"])
            messages.append(SessionMessage(cast("Message", message), message_id, values["redact_message"], *times))
        except KeyError:
            name = message_name(session_id, agent_id, message_id)
            messages.append(build(SessionMessage, values, name, message_id=message_id))
    return messages


def message_name(session_id: str, agent_id: str, message_id: int) -> str:
    """Return what a message is called in errors."""
    return f"session_id=<{session_id}>, agent_id=<{agent_id}>, message_id=<{message_id}>"


def decode_all(texts: Sequence[str | bytes], name: Callable[[int], str]) -> list[dict[str, Any]]:
    """Return the JSON objects that `encode` wrote: many at once, in a third of the time that one by one takes.

    Args:
        texts: What the store holds.
        name: What the record of an index is called in the error.

    Raises:
        SessionCorruptError: If a text is not a JSON object.
    """
    documents: list[dict[str, Any]] = []
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        try:
            parsed = _decode_chunk(chunk)
            if len(parsed) != len(chunk):
                raise ValueError("not an object each")
            documents += parsed
        except (ValueError, TypeError, RecursionError):  # to read around it, or to say which
            documents += [decode(text, name(index)) for index, text in enumerate(chunk, start)]
    return documents


def _decode_chunk(texts: Sequence[str | bytes]) -> list[dict[str, Any]]:
    """Parse JSON objects at once.

    Raises:
        ValueError, TypeError, RecursionError: If one of the texts is no object, or objects with commas between.
    """
    joined = f"[{','.join([text.decode() if isinstance(text, bytes) else text for text in texts])}]"
    documents: list[Any] = json.loads(joined)
    if _BYTES in joined:
        documents = decode_bytes_values(documents)
    if any(type(document) is not dict for document in documents):
        raise TypeError("not only objects")
    return documents


def decode(text: str | bytes, name: str) -> dict[str, Any]:
    """Return the JSON object that `encode` wrote, with its bytes.

    Args:
        text: What the store holds.
        name: What the record is called in the error.

    Raises:
        SessionCorruptError: If the text is not a JSON object.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        values = json.loads(text)
        # Looking for the marker is a hundred times cheaper than walking through every record that has none.
        if _BYTES in text:
            values = decode_bytes_values(values)
    except (ValueError, TypeError, RecursionError) as error:
        raise SessionCorruptError(f"{name} | the stored record cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise SessionCorruptError(f"{name} | the stored record is not a JSON object")
    return values


def build(kind: type[_Record], values: dict[str, Any], name: str, **key: Any) -> _Record:
    """Return the record that values make, without those that a later SDK may have added.

    It is built directly: the SDK's `from_dict` inspects its signature for each one, at 70 µs a message.

    Args:
        kind: The record's class.
        values: Its fields.
        name: What the record is called in the error.
        **key: Fields that the store knows better.

    Raises:
        SessionCorruptError: If a field is missing.
    """
    known = {field: value for field, value in values.items() if field in _FIELDS[kind]}
    try:
        return kind(**known | key)
    except TypeError as error:
        raise SessionCorruptError(f"{name} | the stored record is incomplete: {error}") from error


def _encode_bytes(value: object) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {_BYTES: True, "data": base64.b64encode(value).decode()}
    raise TypeError(f"a {type(value).__name__} is not JSON")


# Made once: `json.dumps` makes one for each call that has options.
_JSON = json.JSONEncoder(default=_encode_bytes, ensure_ascii=False, separators=(",", ":"))
_ASCII_JSON = json.JSONEncoder(default=_encode_bytes, separators=(",", ":"))
