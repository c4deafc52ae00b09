"""Group F: the records of graphs and swarms."""

from collections.abc import Callable
from typing import Any

import pytest
from strands.multiagent.base import MultiAgentBase

from . import package
from .backend import Backend
from .cases import Cases, hint, lacks, lifecycle, multi_agents, quick, requires
from .faults import failing
from .graphs import chain
from .records import AGENT_ID, EVERY_BYTE, create, ids, message, session
from .same import assert_same

NewManager = Callable[..., Any]
Reopen = Callable[..., Any]

STATE = {
    "type": "graph",
    "zebra": 1,
    "apple": {"nested": [{"blob": EVERY_BYTE}, None, 1.0]},
    "current_task": [{"text": "look"}, {"image": {"format": "png", "source": {"bytes": EVERY_BYTE}}}],
}
PLAIN = {"type": "graph", "nodes": [1, 2]}


class Orchestrator(MultiAgentBase):
    """All that a repository reads of a graph or swarm: its id and its state."""

    def __init__(self, multi_agent_id: str, state: dict[str, Any] | None = None) -> None:
        """Take both."""
        self.id = multi_agent_id
        self.state = state or {}

    async def invoke_async(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: nothing is run."""
        raise NotImplementedError

    def serialize_state(self) -> dict[str, Any]:
        """Return the state."""
        return self.state


class MultiAgents(Cases):
    """Group F."""

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint(
        "The state is a dictionary of the SDK's own, with bytes anywhere: encode them before JSON, decode them after."
    )
    def test_state_is_read_back(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """F1: the state of a graph is read back as it was, in the order of its keys, bytes included."""
        repository.create_session(session(session_id))
        repository.create_multi_agent(session_id, Orchestrator("graph", STATE))
        repository.create_multi_agent(session_id, Orchestrator("other", {"other": True}))
        assert_same(reopen().read_multi_agent(session_id, "graph"), STATE)
        repository.update_multi_agent(session_id, Orchestrator("graph", {"type": "graph", "blob": b""}))
        assert_same(reopen().read_multi_agent(session_id, "graph"), {"type": "graph", "blob": b""})
        assert_same(reopen().read_multi_agent(session_id, "other"), {"other": True})

    @quick
    @multi_agents
    @requires("multi_agent")
    @requires("stores_nul")
    @requires("stores_lone_surrogates")
    @hint("A task is a user's text, with whatever it holds: store it as a message's text is stored.")
    def test_odd_text_in_state(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """F1: a NUL character and half a surrogate pair in the state of a graph stay."""
        repository.create_session(session(session_id))
        repository.create_multi_agent(session_id, Orchestrator("graph", {"current_task": "a\x00b \ud800"}))
        assert_same(reopen().read_multi_agent(session_id, "graph"), {"current_task": "a\x00b \ud800"})

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint("A read must not create what it looks for, and a state that is not there is None, not an empty one.")
    def test_missing_graph_reads_as_none(
        self, backend: Backend, repository: Any, reopen: Reopen, session_id: str
    ) -> None:
        """A1: a graph that does not exist reads as None, in a session and without one, and leaves nothing behind."""
        assert repository.read_multi_agent(session_id, "graph") is None
        assert session_id.encode() not in backend.dump()
        repository.create_session(session(session_id))
        assert repository.read_multi_agent(session_id, "graph") is None
        assert reopen().read_multi_agent(session_id, "graph") is None

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint("An update of what is not there is an error, as it is for agents.")
    def test_update_of_missing_graph(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """F2: a graph that does not exist, or whose session does not, cannot be updated, and is not created by it."""
        for _ in range(2):
            with pytest.raises(package.SessionNotFoundError):
                repository.update_multi_agent(session_id, Orchestrator("graph", PLAIN))
            assert reopen().read_multi_agent(session_id, "graph") is None
            if repository.read_session(session_id) is None:
                repository.create_session(session(session_id))

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint("A graph belongs to a session: look for it in the same step that inserts, or use a foreign key.")
    def test_graph_without_session(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """Q3: a graph of a session that does not exist is refused, and nothing is left of the attempt."""
        with pytest.raises(package.SessionNotFoundError):
            repository.create_multi_agent(session_id, Orchestrator("graph", PLAIN))
        repository.create_session(session(session_id))
        assert reopen().read_multi_agent(session_id, "graph") is None

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint("create_multi_agent is an insert, not an upsert.")
    def test_second_graph_is_refused(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """A3: a graph that exists is not created again, and stays as it was."""
        repository.create_session(session(session_id))
        repository.create_multi_agent(session_id, Orchestrator("graph", PLAIN))
        with pytest.raises(package.SessionConflictError):
            reopen().create_multi_agent(session_id, Orchestrator("graph"))
        assert_same(reopen().read_multi_agent(session_id, "graph"), PLAIN)

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint("Name the parameters as strands' SessionRepository does, and take **kwargs: the SDK calls by keyword.")
    def test_methods_take_keywords(self, repository: Any, session_id: str) -> None:
        """A6: the methods for graphs take the interface's keywords, and keywords of a later SDK."""
        repository.create_session(session(session_id))
        repository.create_multi_agent(session_id=session_id, multi_agent=Orchestrator("graph"), later=1)
        repository.update_multi_agent(session_id=session_id, multi_agent=Orchestrator("graph", {"a": 1}), later=1)
        assert repository.read_multi_agent(session_id=session_id, multi_agent_id="graph", later=1) == {"a": 1}

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint("A graph belongs to its session: its id alone does not name it.")
    def test_graphs_are_independent(self, repository: Any, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """H6: graphs with one id in two sessions are two graphs, and a session without one stays without."""
        one, two, three = session_ids = [new_session_id() for _ in range(3)]
        for session_id in session_ids:
            repository.create_session(session(session_id))
        repository.create_multi_agent(one, Orchestrator("graph", {"session": 1}))
        repository.create_multi_agent(two, Orchestrator("graph", {"session": 2}))
        repository.update_multi_agent(two, Orchestrator("graph", {"session": 2, "step": 1}))
        again = reopen()
        assert again.read_multi_agent(one, "graph") == {"session": 1}
        assert again.read_multi_agent(two, "graph") == {"session": 2, "step": 1}
        assert again.read_multi_agent(three, "graph") is None

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint("Records of graphs and swarms must not be counted.")
    def test_orchestrators_do_not_count(
        self, backend: Backend, repository: Any, reopen: Reopen, session_id: str
    ) -> None:
        """G6: the session's graphs and swarms do not count towards the limit, and are no agents."""
        create(repository, session_id, message(0), message(1))
        repository.create_multi_agent(session_id, Orchestrator(AGENT_ID))
        assert ids(reopen().list_messages(session_id, AGENT_ID, limit=2)) == [0, 1]
        if backend.list_sessions:
            assert reopen().list_agents(session_id) == [AGENT_ID]

    @quick
    @multi_agents
    @requires("multi_agent")
    @hint("Graphs and swarms go with the session, too.")
    def test_no_orchestrator_is_left(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """F7, I1: the graphs and swarms of a deleted session are gone."""
        repository.create_session(session(session_id))
        repository.create_multi_agent(session_id, Orchestrator("graph", {"task": session_id}))
        repository.delete_session(session_id)
        assert reopen().read_multi_agent(session_id, "graph") is None
        assert session_id.encode() not in backend.dump()

    @quick
    @lifecycle
    @requires("multi_agent")
    @hint("A read that fails is not a graph that is new: raise, and write nothing over what could not be read.")
    def test_state_after_a_failed_restore(self, new_manager: NewManager, reopen: Reopen, session_id: str) -> None:
        """F6: a graph whose state cannot be read is an error, and the stored state stays."""
        chain(new_manager(), [], [], [])("begin")
        before = reopen().read_multi_agent(session_id, "chain")
        manager: Any = new_manager()
        with failing(manager.session_repository, "read_multi_agent"), pytest.raises(package.SessionUnavailableError):
            chain(manager, [], [], [])
        assert_same(reopen().read_multi_agent(session_id, "chain"), before)

    @quick
    @multi_agents
    @lacks("multi_agent")
    @hint("Declare multi_agent in tests/conftest.py, or remove the methods: silence would be taken for success.")
    def test_no_multi_agents(self, repository: Any, session_id: str) -> None:
        """F8: a backend that does not declare multi_agent says so when it is used."""
        repository.create_session(session(session_id))
        for call in (
            lambda: repository.create_multi_agent(session_id, Orchestrator("graph")),
            lambda: repository.read_multi_agent(session_id, "graph"),
            lambda: repository.update_multi_agent(session_id, Orchestrator("graph")),
        ):
            with pytest.raises(NotImplementedError):
                call()
