"""Groups J, L and P, where several agents save at the same moment: their batches travel in one round trip."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from strands.types.exceptions import SessionException

from . import package
from .backend import Backend
from .batches import batch
from .cases import Cases, hint, lacks, lifecycle, quick, requires
from .faults import failing
from .package import Batch
from .records import agent, message, session, texts
from .same import assert_same_agent, assert_same_record
from .wire import HOST, Wire

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
NewSessionId = Callable[..., str]
Reopen = Callable[..., Any]


@quick
@lifecycle
class Together(Cases):
    """Groups J, L and P, where several agents save at the same moment."""

    @requires("together")
    @hint("What a batch holds beyond one message is left out, and answered with False: `write_log` writes it then.")
    def test_batches_are_written(self, repository: Any, reopen: Reopen, new_session_id: NewSessionId) -> None:
        """P1: batches of several agents and sessions are written together; the rest of them one by one."""
        sessions = [new_session_id() for _ in range(3)]
        agents = [(session_id, name) for name in ("a", "b") for session_id in sessions]
        for session_id in sessions:
            repository.create_session(session(session_id))
        first = [batch(session_id, agent_id=name, agent=agent(name), new_version="1") for session_id, name in agents]
        write(repository, first)
        appends = [append(one, message(0, f"of {number}")) for number, one in enumerate(first)]
        assert write(repository, appends) == [True] * len(agents)
        changed = [agent(name, state={"number": number}) for number, (_, name) in enumerate(agents)]
        values = {"version": "1", "new_version": "2", "next_id": 1}
        rest = [
            batch(session_id, agent_id=one.agent_id, create=[message(1, "more")], agent=one, **values)
            for (session_id, _), one in zip(agents, changed, strict=True)
        ]
        write(repository, rest)
        again = reopen()
        for number, (session_id, name) in enumerate(agents):
            assert texts(again.list_messages(session_id, name)) == [f"of {number}", "more"]
            assert_same_record(again.read_agent(session_id, name), changed[number])
            assert again.read_log(session_id, name).version == "2"

    @requires("together")
    @hint("Each batch is written or refused by itself, and has an answer of its own, in the order of the batches.")
    def test_some_are_refused(self, repository: Any, reopen: Reopen, new_session_id: NewSessionId) -> None:
        """J2: of batches that are written together some are refused, and the others are written."""
        session_id, gone = new_session_id(), new_session_id()
        names = [f"agent-{number}" for number in range(6)]
        for each in (session_id, gone):
            repository.create_session(session(each))
        first = [batch(session_id, agent_id=name, agent=agent(name), new_version="1") for name in names]
        lost = batch(gone, agent=agent(), new_version="1")
        for one in [*first, lost]:
            repository.write_log(one)
        repository.write_log(append(first[1], message(0, "another writer's")))
        repository.update_agent(session_id, agent(names[3], state={"who": "another writer"}))
        repository.delete_session(gone)
        new = [append(one, message(0, f"of {one.agent_id}")) for one in [*first, lost]]
        written = repository.write_together([(repository, one) for one in new])
        assert written == [True, False, True, False, True, True, False]
        for number, error in ((1, "Conflict"), (3, "Conflict"), (6, "NotFound")):
            with pytest.raises(getattr(package, f"Session{error}Error")):
                repository.write_log(new[number])
        stored = [texts(reopen().list_messages(session_id, name)) for name in names]
        said = [[f"of {name}"] for name in names]
        assert stored == [said[0], ["another writer's"], said[2], [], said[4], said[5]]

    @requires("together")
    @hint("Batches whose reply was lost come again, one by one: `write_log` recognises them.")
    def test_repeated(self, repository: Any, reopen: Reopen, new_session_id: NewSessionId) -> None:
        """P3: batches that were written together, and come again in every way, are stored once."""
        session_id, names = new_session_id(), ["a", "b", "c"]
        repository.create_session(session(session_id))
        first = [batch(session_id, agent_id=name, agent=agent(name), new_version="1") for name in names]
        write(repository, first)
        new = [append(one, message(0)) for one in first]
        write(repository, new)
        write(repository, new)
        for one in new:
            repository.write_log(one)
        for name in names:
            assert texts(reopen().list_messages(session_id, name)) == ["text 0"]

    @requires("together")
    @hint("The agents' own errors: whoever writes with a refused one must not be refused as well.")
    def test_one_of_many_is_refused(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """J2: of agents that save at the same moment one has a second writer: it is refused, the others are saved."""
        manager = new_manager()
        agents = [new_agent(agent_id=f"agent-{number}", session_manager=manager) for number in range(5)]
        another = new_agent(agent_id="agent-2")
        another("first")
        outcomes = asyncio.run(talk(agents, "hi"))
        refused = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, BaseException)]
        assert refused == [2]
        assert isinstance(outcomes[2], package.SessionConflictError)
        for number, live in enumerate(agents):
            assert_same_agent(new_agent(agent_id=f"agent-{number}"), another if number == 2 else live)

    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @requires("together")
    @hint("What fails for all is tried for each: the error of one of them, or a broken connection, is not theirs.")
    def test_failure(self, new_agent: NewAgent, new_manager: NewManager, executed: bool) -> None:
        """N11: writing together fails, executed or not: each agent is saved all the same, once."""
        manager: Any = new_manager()
        agents = [new_agent(agent_id=f"agent-{number}", session_manager=manager) for number in range(5)]
        with failing(manager.session_repository, "write_together", executed=executed):
            outcomes = asyncio.run(talk(agents, "hi"))
        assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
        for number, live in enumerate(agents):
            assert len(live.messages) == 2
            assert_same_agent(new_agent(agent_id=f"agent-{number}"), live)

    @requires("together")
    @hint("A value that cannot be stored is found before anything is sent, and is the fault of its own agent alone.")
    def test_one_of_many_cannot_be_stored(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """N11: of agents that save at the same moment one holds what JSON cannot express: the others are saved."""
        manager = new_manager()
        agents = [new_agent(agent_id=f"agent-{number}", session_manager=manager) for number in range(5)]
        agents[3].state._data["set"] = {1, 2}
        agents[3].state.set("count", 1)
        outcomes = asyncio.run(talk(agents, "hi"))
        refused = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, SessionException)]
        conflicts = [outcome for outcome in outcomes if isinstance(outcome, package.SessionConflictError)]
        assert (refused, conflicts) == ([3], [])
        for number in (0, 1, 2, 4):
            assert_same_agent(new_agent(agent_id=f"agent-{number}"), agents[number])

    @requires("together")
    @hint("Whoever overrides `write_log` alone, to encrypt or to count, is not passed by: see `_writes_together`.")
    def test_own_write_log(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """N11: a subclass of the repository writes batches in a way of its own: it gets every one of them."""
        manager: Any = new_manager()
        agents = [new_agent(agent_id=f"agent-{number}", session_manager=manager) for number in range(5)]
        written: list[tuple[str, int]] = []

        class Own(type(manager.session_repository)):  # type: ignore[misc]
            def write_log(self, one: Batch, **kwargs: Any) -> None:
                written.extend((one.agent_id, created.message_id) for created in one.create)
                super().write_log(one, **kwargs)

        manager.session_repository.__class__ = Own
        asyncio.run(talk(agents, "hi"))
        assert sorted(written) == [(f"agent-{number}", message_id) for number in range(5) for message_id in (0, 1)]

    @requires("together")
    @requires("round_trips")
    @hint("The manager hands over what several agents write in one round of their event loop: send it at once.")
    def test_round_trips(self, backend: Backend, new_agent: NewAgent, session_id: str) -> None:
        """P1: 20 agents that take a turn at the same moment need at most 20 round trips for their 40 messages."""
        with (
            Wire(*backend.address()) as wire,
            backend.manager(session_id, **backend.through(HOST, wire.port)) as manager,
        ):
            agents = [new_agent(agent_id=f"agent-{number}", session_manager=manager) for number in range(20)]
            asyncio.run(talk(agents, "one"))
            with wire.counting() as cost:
                asyncio.run(talk(agents, "two"))
        assert cost.round_trips <= 20
        assert_same_agent(new_agent(agent_id="agent-7"), agents[7])

    @lacks("together")
    @hint("Declare `together` in tests/conftest.py, or let `shared` be None: the manager then writes each batch alone.")
    def test_not_together(self, repository: Any) -> None:
        """A backend that does not declare `together` shares nothing, so each batch is written alone."""
        assert getattr(repository, "shared", None) is None


async def talk(agents: list[Any], prompt: str) -> list[Any]:
    """Let all agents take a turn at the same moment, and return the results and the errors."""
    return await asyncio.gather(*(agent.invoke_async(prompt) for agent in agents), return_exceptions=True)


def append(to: Batch, *messages: Any) -> Batch:
    """The batch that appends messages after one that created the agent."""
    version = to.new_version
    return batch(to.session_id, agent_id=to.agent_id, create=[*messages], version=version, new_version=version)


def write(repository: Any, batches: list[Batch]) -> list[bool]:
    """Write batches as the manager does, and return which of them were written together."""
    written: list[bool] = repository.write_together([(repository, one) for one in batches])
    for one, is_written in zip(batches, written, strict=True):
        if not is_written:
            repository.write_log(one)
    return written
