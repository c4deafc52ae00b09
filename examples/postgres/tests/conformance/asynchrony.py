"""Group L: event loops, threads, forks, and the end of a connection."""

import asyncio
import gc
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from strands import tool
from strands.hooks import MessageAddedEvent
from strands.types.exceptions import SessionException

from .backend import Backend
from .cases import Cases, hint, lifecycle, quick, requires
from .records import texts
from .same import assert_same_agent
from .scripted_model import Call, scripted_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Stored = Callable[..., Any]

REQUEST: ContextVar[str] = ContextVar("request", default="none")


class Asynchrony(Cases):
    """Group L."""

    @quick
    @lifecycle
    @requires("nonblocking")
    @hint("Hooks are async methods (a lambda that returns a coroutine is never awaited) and write on another thread.")
    def test_event_loop_goes_on(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """L1: while a save is being written, the event loop goes on, at each message and at the end of a turn."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        owner, method = backend.writes(manager)
        write = getattr(owner, method)
        writes: list[Any] = []

        async def run() -> None:
            loop = asyncio.get_running_loop()

            def slow_write(*args: Any, **kwargs: Any) -> Any:
                ticked = threading.Event()
                loop.call_soon_threadsafe(ticked.set)
                assert ticked.wait(10), "the event loop stood still"
                writes.append(args[0])
                return write(*args, **kwargs)

            monkeypatch.setattr(owner, method, slow_write)
            await live.invoke_async("hi")
            live.messages[0]["content"][0]["text"] = "rewritten"
            live.state.set("a", 1)
            await live.invoke_async("there")

        asyncio.run(run())
        assert len(writes) >= 4
        monkeypatch.undo()
        assert_same_agent(new_agent(), live)

    @quick
    @lifecycle
    @requires("nonblocking")
    @hint("The event loop of a synchronous call has nothing else to do, and another thread takes long to wake.")
    def test_sync_call(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """L: a synchronous call writes on the thread that it runs on."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        owner, method = backend.writes(manager)
        write = getattr(owner, method)
        runs, writes = set(), set()

        def watched_write(*args: Any, **kwargs: Any) -> Any:
            writes.add(threading.get_ident())
            return write(*args, **kwargs)

        monkeypatch.setattr(owner, method, watched_write)
        live.hooks.add_callback(MessageAddedEvent, lambda event: runs.add(threading.get_ident()))
        live("hi")
        assert writes == runs

    @quick
    @lifecycle
    @requires("nonblocking")
    @hint("What writes may use `asyncio.run`, which a thread refuses on which an event loop runs.")
    def test_no_event_loop_while_writing(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """L: a write finds no event loop on its thread, be the turn awaited or called."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        owner, method = backend.writes(manager)
        write, writes = getattr(owner, method), []

        def watched_write(*args: Any, **kwargs: Any) -> Any:
            writes.append(asyncio._get_running_loop())
            return write(*args, **kwargs)

        monkeypatch.setattr(owner, method, watched_write)
        live("hi")
        asyncio.run(live.invoke_async("there"))
        assert len(writes) >= 4
        assert set(writes) == {None}
        monkeypatch.undo()
        assert_same_agent(new_agent(), live)

    @quick
    @lifecycle
    @requires("nonblocking")
    @hint("Not every task of a synchronous call may wait for a write: agents that are tools run side by side in it.")
    def test_tasks_in_a_sync_call(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """L1: while a synchronous call writes, whatever else its tools have started goes on."""
        manager = new_manager()
        inner = new_agent(session_manager=manager, agent_id="inner")
        tasks: list[asyncio.Task[Any]] = []
        writes: list[Any] = []

        @tool
        async def ask() -> str:
            """Ask the other agent."""
            tasks.append(asyncio.create_task(asyncio.sleep(60)))
            return str(await inner.invoke_async("hi"))

        live = new_agent(Call("ask"), session_manager=manager, agent_id="outer", tools=[ask])
        owner, method = backend.writes(manager)
        write = getattr(owner, method)

        def slow_write(*args: Any, **kwargs: Any) -> Any:
            if tasks:
                ticked = threading.Event()
                tasks[0].get_loop().call_soon_threadsafe(ticked.set)
                assert ticked.wait(10), "the event loop stood still"
                writes.append(args[0])
            return write(*args, **kwargs)

        monkeypatch.setattr(owner, method, slow_write)
        live("what does it say?")
        assert len(writes) >= 4

    @quick
    @lifecycle
    @hint("Nothing that is kept may belong to an event loop: the SDK makes a new one for each synchronous call.")
    def test_many_event_loops(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """L2: one agent is called synchronously, under several event loops, and from a thread."""
        live = new_agent(session_manager=new_manager())
        for turn in range(3):
            live(f"sync {turn}")
        for turn in range(2):
            asyncio.run(live.invoke_async(f"async {turn}"))
        thread = threading.Thread(target=live, args=("from a thread",))
        thread.start()
        thread.join()
        live("sync again")
        assert len(live.messages) == 14
        assert_same_agent(new_agent(), live)

    @quick
    @lifecycle
    @hint(
        "Each agent's writes are in order by themselves; those of different agents must not wait for each other's turn."
    )
    def test_agents_side_by_side(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """L2: agents of one manager that talk at the same time, on one event loop, each have their own conversation."""
        manager = new_manager()
        agents = [new_agent(agent_id=f"agent-{number}", session_manager=manager) for number in range(5)]

        async def run() -> None:
            for turn in range(3):
                await asyncio.gather(*(agent.invoke_async(f"{agent.agent_id} {turn}") for agent in agents))

        asyncio.run(run())
        for agent in agents:
            assert len(agent.messages) == 6
            assert_same_agent(new_agent(agent_id=agent.agent_id), agent)

    @quick
    @lifecycle
    @hint("The constructors are synchronous: they must neither need a running loop nor trip over one.")
    def test_made_within_a_loop(self, new_agent: NewAgent) -> None:
        """L3: manager and agent are made within a running event loop as well as without one."""
        first = new_agent()
        first("outside")

        async def run() -> Any:
            agent = new_agent()
            await agent.invoke_async("inside")
            return agent

        second = asyncio.run(run())
        assert_same_agent(new_agent(), second)

    @quick
    @lifecycle
    @hint("Run the write in a copy of the caller's context: tracing and log records depend on it.")
    def test_context_variables(
        self, backend: Backend, new_agent: NewAgent, new_manager: NewManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """L: a write beside the loop sees the context variables of its caller."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        owner, method = backend.writes(manager)
        write, seen = getattr(owner, method), set()

        def watched_write(*args: Any, **kwargs: Any) -> Any:
            seen.add(REQUEST.get())
            return write(*args, **kwargs)

        monkeypatch.setattr(owner, method, watched_write)

        async def run() -> None:
            REQUEST.set("request 7")
            await live.invoke_async("hi")

        asyncio.run(run())
        assert seen == {"request 7"}

    @quick
    @lifecycle
    @hint("An agent that outlives its manager must not believe that it is saved.")
    def test_closed_manager(self, new_agent: NewAgent, new_manager: NewManager, stored: Stored) -> None:
        """L4: a manager that was closed twice says so to its agent, and to a new one; one that `with` closed, too."""
        manager: Any = new_manager()
        live = new_agent(session_manager=manager)
        live("hi")
        manager.close()
        manager.close()
        with pytest.raises(SessionException, match="closed"):
            live("there")
        with pytest.raises(SessionException, match="closed"):
            new_agent(session_manager=manager, agent_id="later")
        with new_manager() as manager:
            live = new_agent(session_manager=manager)
        with pytest.raises(SessionException, match="closed"):
            live("there")
        assert texts(stored()) == ["hi", "answer 1"]

    @quick
    @lifecycle
    @requires("nonblocking")
    @hint("close() waits for what a cancelled turn left in flight, also while other managers use the same threads.")
    def test_closed_with_a_write_in_flight(
        self,
        backend: Backend,
        new_agent: NewAgent,
        new_manager: NewManager,
        stored: Stored,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """L4: a manager that is closed waits for the write that a cancelled turn left in flight."""
        another, manager = new_manager(), new_manager()
        live = new_agent(session_manager=manager)
        new_agent(session_manager=another, agent_id="another")
        owner, method = backend.writes(manager)
        write = getattr(owner, method)
        started, go_on = threading.Event(), threading.Event()

        def slow_write(*args: Any, **kwargs: Any) -> Any:
            started.set()
            assert go_on.wait(10)
            return write(*args, **kwargs)

        async def run() -> None:
            turn = asyncio.ensure_future(live.invoke_async("hi"))
            await asyncio.to_thread(started.wait, 10)
            while not turn.done():
                turn.cancel()
                await asyncio.sleep(0.01)

        monkeypatch.setattr(owner, method, slow_write)
        asyncio.run(run())
        threading.Timer(0.3, go_on.set).start()
        manager.close()
        assert texts(stored()) == ["hi"]

    @quick
    @lifecycle
    @hint("Close what was opened: connections, files, threads.")
    def test_nothing_is_left_open(self, backend: Backend, session_id: str) -> None:
        """L4, P6: managers that were used and closed leave no thread and no open resource behind."""
        before = set(threading.enumerate())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            for turn in range(5):
                with backend.manager(session_id) as manager:
                    live = scripted_agent(manager)
                    live(f"turn {turn}")
                    asyncio.run(live.invoke_async("beside the event loop"))
            gc.collect()
        assert [str(warning.message) for warning in caught if warning.category is ResourceWarning] == []
        assert {thread.name for thread in set(threading.enumerate()) - before} == set()

    @lifecycle
    @requires("connection_string")
    @requires("forks")
    @hint("After a fork the child opens a connection and threads of its own: the parent's are not there, or shared.")
    def test_fork(self, backend: Backend, new_agent: NewAgent, session_id: str) -> None:
        """L: a manager that was used before a fork works in parent and child at once, as under a web server."""
        command = [sys.executable, "-c", FORK, str(Path(__file__).parents[1]), repr(backend.options()), session_id]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (result.returncode, result.stdout) == (0, "child 0\n"), result.stderr
        assert len(new_agent(agent_id="parent").messages) == 42
        assert len(new_agent(agent_id="child").messages) == 40


FORK = """
import asyncio, os, sys
from ast import literal_eval
sys.path.insert(0, sys.argv[1])
from conformance.package import SessionManager
from conformance.scripted_model import scripted_agent
manager = SessionManager(sys.argv[3], **literal_eval(sys.argv[2]))
def talk(agent, turns):
    for turn in range(turns):
        asyncio.run(agent.invoke_async(f"turn {turn}"))
parent = scripted_agent(manager, agent_id="parent")
talk(parent, 1)
pid = os.fork()
if pid == 0:
    talk(scripted_agent(manager, agent_id="child"), 20)
    os._exit(0)
talk(parent, 20)
print("child", os.waitpid(pid, 0)[1])
manager.close()
"""
