"""Group F, with real graphs and swarms: they go on where they were, in another process as well."""

import asyncio
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pytest
from strands import Agent, tool
from strands.multiagent import GraphBuilder, Swarm
from strands.multiagent.base import Status
from strands.multiagent.graph import Graph

from . import package
from .backend import Backend
from .cases import Cases, hint, lifecycle, quick, requires
from .faults import failing, watched
from .processes import OtherProcess
from .same import assert_same
from .scripted_model import Call, ScriptedModel, Step

NewManager = Callable[..., Any]


@lifecycle
@requires("multi_agent")
class Graphs(Cases):
    """Group F, with real graphs and swarms."""

    @quick
    @hint("A swarm's state is stored after each node, and loaded when it is built.")
    def test_swarm(self, new_manager: NewManager) -> None:
        """F4: an interrupted swarm is restored with its shared context and the history of its nodes."""
        answers: list[str] = []
        hand_over = Call(
            "handoff_to_agent", {"agent_name": "second", "message": "go on", "context": {"found": [1, "x"]}}
        )
        live: Any = swarm(new_manager(), answers, [hand_over], [Call("ask")])
        result = live("begin")
        assert result.status == Status.INTERRUPTED
        restored: Any = swarm(new_manager(), answers, [], ["done"])
        assert_same(restored.serialize_state(), live.serialize_state())
        result = restored([{"interruptResponse": {"interruptId": result.interrupts[0].id, "response": "yes"}}])
        assert result.status == Status.COMPLETED
        assert [node.node_id for node in result.node_history] == ["first", "second"]
        assert answers == ["yes"]
        assert restored.state.shared_context.context == {"first": {"found": [1, "x"]}}

    @hint("The state is stored when a node is done, not only at the end of the graph.")
    def test_killed_graph(self, backend: Backend, new_manager: NewManager, session_id: str) -> None:
        """F5: of a graph whose process is killed in its second of three nodes, the second and the third run again."""
        new_manager().close()
        with OtherProcess(run_until_killed, backend.options(), session_id) as process:
            assert process.report() == "in the second node"
        restored: Any = chain(new_manager(), [], [], [])
        result = restored("begin")
        assert result.status == Status.COMPLETED
        assert [node.node_id for node in result.execution_order] == ["first", "second", "third"]
        calls = [len(restored.nodes[name].executor.model.calls) for name in ("first", "second", "third")]
        assert calls == [0, 1, 1]

    @quick
    @hint("A read that fails is not a graph that is new: raise, and write nothing over what could not be read.")
    def test_failed_restore(self, backend: Backend, new_manager: NewManager) -> None:
        """F6: a graph whose state cannot be read is an error, and the state stays."""
        live: Any = swarm(new_manager(), [], [Call("ask")], [])
        assert live("begin").status == Status.INTERRUPTED
        manager = new_manager()
        with (
            failing(*backend.reads_multi_agent(manager)),
            watched(*backend.writes_multi_agent(manager)) as writes,
            pytest.raises(package.SessionUnavailableError),
        ):
            swarm(manager, [], [], [])
        assert writes == []
        restored: Any = swarm(new_manager(), [], [], [])
        assert_same(restored.serialize_state(), live.serialize_state())

    @quick
    @hint("That a session is new says nothing about what another process put into it since: attach to what is there.")
    def test_graph_of_another_process(self, new_manager: NewManager) -> None:
        """J4: a graph that another process began in a session that this one created is continued, not an error."""
        managers = [new_manager(), new_manager()]
        answers: list[str] = []
        live: Any = swarm(managers[1], answers, [Call("ask")], [])
        interrupts = live("begin").interrupts
        restored: Any = swarm(managers[0], answers, ["done"], [])
        restored([{"interruptResponse": {"interruptId": interrupts[0].id, "response": "yes"}}])
        assert answers == ["yes"]

    @quick
    @requires("nonblocking")
    @hint("Hooks of graphs are async methods, too, and write beside the loop.")
    def test_graph_does_not_block(
        self, backend: Backend, new_manager: NewManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """L1: while the state of a graph is written, the event loop goes on."""
        manager = new_manager()
        live = chain(manager, [], [], [])
        writing, going_on = threading.Event(), threading.Event()
        owner, method = backend.writes_multi_agent(manager)
        write = getattr(owner, method)

        def slow_write(*args: Any, **kwargs: Any) -> Any:
            writing.set()
            assert going_on.wait(10), "the event loop stood still"
            return write(*args, **kwargs)

        async def run() -> None:
            running = asyncio.create_task(live.invoke_async("begin"))
            await asyncio.to_thread(writing.wait, 10)
            going_on.set()
            assert (await running).status == Status.COMPLETED

        monkeypatch.setattr(owner, method, slow_write)
        asyncio.run(run())


def scripted(name: str, script: list[Step], **options: Any) -> Agent:
    """Make an agent that is to be part of a graph or a swarm."""
    return Agent(model=ScriptedModel(*script), name=name, callback_handler=None, **options)


def chain(manager: Any, *scripts: list[Step], tools: list[Any] | None = None) -> Graph:
    """Make a graph of three agents, one after another."""
    builder = GraphBuilder()
    builder.set_graph_id("chain")
    builder.set_session_manager(manager)
    builder.set_max_node_executions(10)
    for name, script in zip(("first", "second", "third"), scripts, strict=True):
        builder.add_node(scripted(name, script, tools=tools), name)
    builder.add_edge("first", "second")
    builder.add_edge("second", "third")
    return builder.build()


def swarm(manager: Any, answers: list[str], *scripts: list[Step]) -> Swarm:
    """Make a swarm of two agents, which can ask."""

    @tool(context=True)
    def ask(tool_context: Any) -> str:
        """Ask."""
        answers.append(tool_context.interrupt("approval"))
        return "answered"

    nodes = [scripted(name, script, tools=[ask]) for name, script in zip(("first", "second"), scripts, strict=True)]
    return Swarm(nodes, session_manager=manager, id="swarm")


def run_until_killed(options: dict[str, Any], session_id: str, pipe: Connection) -> None:
    """Run a graph, and wait in the middle of its second node: this process will be killed."""

    @tool
    def wait() -> str:
        """Wait."""
        pipe.send("in the second node")
        pipe.recv()
        return "never"

    chain(package.SessionManager(session_id, **options), [], [Call("wait")], [], tools=[wait])("begin")
