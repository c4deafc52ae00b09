"""The fields of a session's hash, and what of them a script is asked for and answers.

The key is `session:<session_id>`. One key lets a session expire and be deleted as a whole, keeps it in one slot of a
cluster, and needs no index that could go stale. Its fields are:

    session                         the session record
    session:version                 a random text: a request to create it that is repeated is known by it
    format                          1
    agent:<agent_id>                the agent record: state, conversation manager, interrupts
    agent:<agent_id>:version        a random text, new with every change but an append
    agent:<agent_id>:next           the id of the next message
    agent:<agent_id>:window         which messages a restore needs: runs of ids, or + and how many to leave out
    agent:<agent_id>:message:<id>   a message record
    multi_agent:<id>                the state of a graph or swarm
    multi_agent:<id>:version        a random text

All records are JSON. In ids, the characters `%`, `:`, `{` and `}` are percent-encoded, so that no id is mistaken for
structure.
"""

from strands.types.session import SessionAgent, SessionMessage

from ._layout import LAST_ID, wanted
from ._records import decode_joined, decode_messages
from .connection import text
from .errors import SessionCorruptError

_ESCAPES = str.maketrans({"%": "%25", ":": "%3A", "{": "%7B", "}": "%7D"})


def escaped(name: str) -> str:
    """Return an id, or what it begins with, as it stands in keys and fields."""
    return name.translate(_ESCAPES)


def agent_field(agent_id: str) -> str:
    """Return the field of an agent's record; those of all else about the agent begin with it."""
    return f"agent:{escaped(agent_id)}"


def multi_agent_field(multi_agent_id: str) -> str:
    """Return the field of the state of a graph or swarm."""
    return f"multi_agent:{escaped(multi_agent_id)}"


def window_of(agent: SessionAgent) -> str:
    """Return which messages a restore of this agent needs, as `scripts.RESTORE` reads it."""
    try:
        runs, offset = wanted(agent)
    except SessionCorruptError:  # it is stored as it is: who restores it is told what is wrong
        return ""
    if offset:
        return f"+{offset}"
    return ",".join(f"{first}-{'' if last == LAST_ID else last}" for first, last in runs)


def messages_named(
    session_id: str, agent_id: str, named: bytes | str, texts: list[bytes | str]
) -> list[SessionMessage]:
    """Return the messages that a script fetched.

    Args:
        session_id: Their session.
        agent_id: Their agent.
        named: Their ids, as the script names them: single ones and runs, such as `0-41 43`.
        texts: Their records, or several of them joined in each text.

    Raises:
        SessionCorruptError: If one cannot be read. Of joined ones a ValueError may say so, without saying which it is.
    """
    ids: list[int] = []
    for name in text(named).split():
        first, _, last = name.partition("-")
        ids += range(int(first), int(last or first) + 1)
    if len(texts) == len(ids):
        return decode_messages(list(zip(ids, texts, strict=True)), session_id, agent_id)
    return decode_joined(texts, ids, session_id, agent_id)
