"""One call of every method of a repository, by kind of record: what is true of all of them is tested on these.

The calls succeed on a session as `fill` stores it, also several times, apart from those that create or delete it.
"""

import itertools
import uuid
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from . import cases
from .backend import Backend
from .batches import batch
from .multi_agents import Orchestrator
from .records import AGENT_ID, agent, create, message, session

Call: TypeAlias = Callable[[Any, str], Any]
Calls: TypeAlias = dict[str, Call]

_message_ids = itertools.count(1)


def new_id() -> str:
    """Make an id that nothing has yet."""
    return uuid.uuid4().hex


SESSIONS: Calls = {
    "create_session": lambda repository, s: repository.create_session(session(s)),
    "read_session": lambda repository, s: repository.read_session(s),
}
AGENTS: Calls = {
    "create_agent": lambda repository, s: repository.create_agent(s, agent(new_id())),
    "read_agent": lambda repository, s: repository.read_agent(s, AGENT_ID),
    "update_agent": lambda repository, s: repository.update_agent(s, agent()),
}
MESSAGES: Calls = {
    "create_message": lambda repository, s: repository.create_message(s, AGENT_ID, message(next(_message_ids))),
    "read_message": lambda repository, s: repository.read_message(s, AGENT_ID, 0),
    "update_message": lambda repository, s: repository.update_message(s, AGENT_ID, message(0)),
    "list_messages": lambda repository, s: repository.list_messages(s, AGENT_ID),
}
DELETION: Calls = {"delete_session": lambda repository, s: repository.delete_session(s)}
LISTING: Calls = {
    "list_sessions": lambda repository, s: list(repository.list_sessions(s)),
    "list_agents": lambda repository, s: repository.list_agents(s),
}
MULTI_AGENTS: Calls = {
    "create_multi_agent": lambda repository, s: repository.create_multi_agent(s, Orchestrator(new_id())),
    "read_multi_agent": lambda repository, s: repository.read_multi_agent(s, "graph"),
    "update_multi_agent": lambda repository, s: repository.update_multi_agent(s, Orchestrator("graph", {"step": 1})),
}
LOGS: Calls = {
    "write_log": lambda repository, s: repository.write_log(
        batch(s, agent_id=(agent_id := new_id()), agent=agent(agent_id))
    ),
    "read_log": lambda repository, s: repository.read_log(s, AGENT_ID),
}

each_kind = pytest.mark.parametrize(
    "calls",
    [
        pytest.param(SESSIONS, marks=cases.sessions, id="sessions"),
        pytest.param(AGENTS, marks=cases.agents, id="agents"),
        pytest.param(MESSAGES, marks=cases.messages, id="messages"),
        pytest.param(DELETION, marks=cases.deletion, id="deletion"),
        pytest.param(LISTING, marks=[cases.deletion, cases.requires("list_sessions")], id="listing"),
        pytest.param(MULTI_AGENTS, marks=[cases.multi_agents, cases.requires("multi_agent")], id="multi_agents"),
        pytest.param(LOGS, marks=[cases.lifecycle, cases.requires("atomic_batch")], id="logs"),
    ],
)
"""Runs a case with the calls of each kind of record, as far as the backend declares it."""


def declared(backend: Backend) -> Calls:
    """Return all calls that a backend declares."""
    return {
        **SESSIONS,
        **AGENTS,
        **MESSAGES,
        **DELETION,
        **(LISTING if backend.list_sessions else {}),
        **(MULTI_AGENTS if backend.multi_agent else {}),
        **(LOGS if backend.atomic_batch else {}),
    }


def reads(backend: Backend) -> Calls:
    """Return those that only read."""
    return {name: call for name, call in declared(backend).items() if name.startswith(("read_", "list_"))}


def writes(backend: Backend) -> Calls:
    """Return those that change a session, without those that create or delete it."""
    others = {"create_session", "delete_session", *reads(backend)}
    return {name: call for name, call in declared(backend).items() if name not in others} | {"an append": append}


def append(repository: Any, session_id: str) -> None:
    """Append a message as a manager does: the version of the agent stays. It may be gone."""
    stored = repository.read_log(session_id, AGENT_ID)
    version, next_id = ("gone", 0) if stored is None else (stored.version, stored.next_id)
    new = {"create": [message(next_id)], "next_id": next_id}
    repository.write_log(batch(session_id, version=version, new_version=version, **new))


def fill(backend: Backend, repository: Any, session_id: str) -> None:
    """Store a session with one record of each kind."""
    create(repository, session_id, message(0))
    if backend.multi_agent:
        repository.create_multi_agent(session_id, Orchestrator("graph", {"step": 1}))
