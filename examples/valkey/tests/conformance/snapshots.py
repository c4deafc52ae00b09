"""Group M, fourth part: what the SDK keeps in a storage: snapshots of agents, graphs and swarms, results, memory."""

import asyncio
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pytest
from strands import tool
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.multiagent.base import Status
from strands.session import SnapshotSessionManager
from strands.types.exceptions import StorageError
from strands.vended_memory_stores.file_memory_store import FileMemoryStore
from strands.vended_plugins.context_offloader import ContextOffloader

from . import cases, package
from .backend import Backend
from .cases import Cases, hint, lifecycle, quick, requires
from .graphs import chain, swarm
from .processes import OtherProcess
from .records import EVERY_BYTE, texts
from .redaction import REDACTED, SECRET, before_model
from .same import assert_same, assert_same_agent
from .scripted_model import Block, Call, Step, scripted_agent

NewStorage = Callable[..., Any]

each_strategy = pytest.mark.parametrize("strategy", ["invocation", "message", "trigger"])


@cases.storage
@lifecycle
@requires("storage")
class Snapshots(Cases):
    """Group M, fourth part."""

    @each_strategy
    @hint("Values are bytes, and are given back as they are; keys are read back under the same names.")
    def test_restore_in_another_process(self, backend: Backend, storage: Any, strategy: str) -> None:
        """M8: whenever snapshots are saved, an agent that is restored in another process equals the live one."""
        live = snapshot_agent(storage, "one", Call("look"), "two", strategy=strategy)
        live.state.set("plan", {"b": [1, 2.0, None], "a": "\u00e9\U0001f600"})
        live([{"text": "look"}, {"image": {"format": "png", "source": {"bytes": EVERY_BYTE}}}])
        for turn in range(4):
            live(f"turn {turn}")
        assert live.conversation_manager.removed_message_count > 0
        with OtherProcess(report_restored, backend.options(), strategy) as process:
            assert_same(process.report(), contents(live), "agent")

    @each_strategy
    @hint("A key that is written again has the new value: the latest snapshot is one key.")
    def test_killed_turn(self, backend: Backend, storage: Any, new_storage: NewStorage, strategy: str) -> None:
        """M8: of an agent that is killed while a tool runs, what its strategy promises is restored."""
        with OtherProcess(talk_until_killed, backend.options(), strategy) as process:
            assert process.report() == "in the tool"
        restored = snapshot_agent(new_storage(), strategy=strategy)
        assert texts(restored.messages)[:3] == ["one", "answer 1", *(["two"] if strategy == "message" else [])]
        restored("three")

    @quick
    @hint("A snapshot is stored after each message: the value is complete when `write` returns.")
    def test_interrupt(self, storage: Any, new_storage: NewStorage) -> None:
        """M8: an agent that waits for an answer is restored, and goes on when it gets one."""
        answers: list[str] = []

        @tool(context=True)
        def ask(tool_context: Any) -> str:
            """Ask."""
            answers.append(tool_context.interrupt("approval"))
            return "answered"

        live = snapshot_agent(storage, Call("ask"), strategy="message", tools=[ask])
        result = live("begin")
        assert result.stop_reason == "interrupt"
        restored = snapshot_agent(new_storage(), "done", strategy="message", tools=[ask])
        assert_same_agent(restored, live)
        restored([{"interruptResponse": {"interruptId": result.interrupts[0].id, "response": "yes"}}])
        assert answers == ["yes"]
        assert texts(restored.messages)[-1] == "done"

    @quick
    @hint("Keys of one prefix are listed in order: their ids are times.")
    def test_history(self, storage: Any, new_storage: NewStorage) -> None:
        """M8: each snapshot of a history is listed, in order, and can be restored."""
        live = snapshot_agent(storage, strategy="trigger", every_turn=True)
        for turn in range(5):
            live(f"turn {turn}")

        async def run() -> None:
            manager = SnapshotSessionManager("s", storage=new_storage())
            ids = await manager.list_snapshot_ids(live)
            assert len(ids) == 5
            assert await manager.list_snapshot_ids(live, limit=2, start_after=ids[1]) == ids[2:4]
            for turn, snapshot_id in enumerate(ids):
                assert await manager.restore_snapshot(live, snapshot_id=snapshot_id)
                assert texts(live.messages)[-2] == f"turn {turn}"
                assert len(live.messages) == 2 * turn + 2

        asyncio.run(run())

    @quick
    @hint("A prefix ends where it says: `s/` is not the beginning of `s2/`. Deletions of many keys come at once.")
    def test_delete_session(self, storage: Any, new_storage: NewStorage) -> None:
        """M9: of a deleted session nothing is left, with 40 snapshots; others whose ids begin alike stay whole."""
        others = ["s2", "s-1", "S", "s."]
        for session_id in ("s", *others):
            live = snapshot_agent(storage, session_id=session_id, strategy="trigger", every_turn=True)
            for _ in range(40 if session_id == "s" else 2):
                live("hi")
        before = {key for key in asyncio.run(new_storage().list("")) if "/s/" not in key}
        assert len(before) == 3 * len(others)
        asyncio.run(SnapshotSessionManager("s", storage=new_storage()).delete_session())
        assert set(asyncio.run(new_storage().list(""))) == before
        assert snapshot_agent(new_storage()).messages == []
        for session_id in others:
            assert len(snapshot_agent(new_storage(), session_id=session_id).messages) == 4

    @quick
    @each_strategy
    @hint("What takes the place of a value leaves nothing of it: look for old versions, logs and free pages.")
    def test_redaction(self, backend: Backend, storage: Any, new_storage: NewStorage, strategy: str) -> None:
        """M10: of a prompt that a guardrail redacts nothing is at rest after the turn, whenever snapshots are saved."""
        dumps: list[bytes] = []
        hook = before_model(lambda: dumps.append(backend.dump()))
        live = snapshot_agent(storage, "hello", Block(REDACTED), strategy=strategy, hooks=[hook])
        live("hi")
        live(SECRET)
        if strategy == "message":
            assert SECRET.encode() in dumps[1], "the prompt was not stored before the model was called"
        assert SECRET.encode() not in backend.dump()
        assert REDACTED in texts(snapshot_agent(new_storage()).messages)

    @quick
    @hint("A read that fails is an error. None says that there is nothing, and the next save would replace what is.")
    def test_failed_restore(self, storage: Any, new_storage: NewStorage, monkeypatch: pytest.MonkeyPatch) -> None:
        """M11: an agent whose snapshot cannot be read is an error, and the snapshot stays."""
        live = snapshot_agent(storage)
        live("one")
        broken = new_storage()

        def fail(key: str) -> bytes:
            raise package.SessionUnavailableError(f"key=<{key}> | the kit cut the connection")

        with monkeypatch.context() as patch:
            patch.setattr(broken, "read_object", fail)
            with pytest.raises(StorageError, match="the kit cut the connection"):
                snapshot_agent(broken)("two")
        assert_same_agent(snapshot_agent(broken), live)

    @quick
    @hint("Where the user chose a namespace, the SDK adds none. It knows that by a mark: `namespace` in _storage.py.")
    def test_namespaces(self, storage: Any, new_storage: NewStorage) -> None:
        """M: sessions in namespaces do not meet, and the SDK takes a namespace as it is; else it adds its own."""
        for turn, name in enumerate(("", "team", "team/a")):
            live = snapshot_agent(storage.namespace(name) if name else storage)
            live(f"turn {turn}")
        keys = asyncio.run(new_storage().list(""))
        assert [key.partition("s/scopes/")[0] for key in keys] == ["session/", "team/a/", "team/"]
        for turn, name in enumerate(("session", "team", "team/a")):
            assert texts(snapshot_agent(new_storage().namespace(name)).messages) == [f"turn {turn}", "answer 1"]
        asyncio.run(SnapshotSessionManager("s", storage=new_storage().namespace("team")).delete_session())
        assert asyncio.run(new_storage().list("team/")) == [keys[1]]

    @quick
    @hint("The methods of the storage are called on whichever event loop runs the agent.")
    def test_storage_of_an_agent(self, storage: Any, new_storage: NewStorage) -> None:
        """M12: the storage that an agent has serves its session, in synchronous calls and within an event loop."""

        def agent(storage: Any) -> Any:
            return scripted_agent(SnapshotSessionManager("s"), storage=storage, agent_id="a")

        live = agent(storage)
        live("one")

        async def run() -> None:
            await live.invoke_async("two")
            assert len(agent(new_storage()).messages) == 4

        asyncio.run(run())
        live("three")
        assert_same_agent(agent(new_storage()), live)

    @hint("The state of a graph is one value, which each node replaces.")
    def test_killed_graph(self, backend: Backend, new_storage: NewStorage) -> None:
        """M13: of a graph whose process is killed in its second of three nodes, the second and the third run again."""
        with OtherProcess(run_graph_until_killed, backend.options()) as process:
            assert process.report() == "in the second node"
        restored: Any = chain(SnapshotSessionManager("s", storage=new_storage()), [], [], [])
        result = restored("begin")
        assert result.status == Status.COMPLETED
        calls = [len(restored.nodes[name].executor.model.calls) for name in ("first", "second", "third")]
        assert calls == [0, 1, 1]

    @quick
    @hint("The state of a swarm is one value, which each node replaces.")
    def test_swarm(self, storage: Any, new_storage: NewStorage) -> None:
        """M13: an interrupted swarm is resumed where it was."""
        answers: list[str] = []
        hand_over = Call("handoff_to_agent", {"agent_name": "second", "message": "go on", "context": {"found": [1]}})
        live: Any = swarm(SnapshotSessionManager("s", storage=storage), answers, [hand_over], [Call("ask")])
        result = live("begin")
        assert result.status == Status.INTERRUPTED
        restored: Any = swarm(SnapshotSessionManager("s", storage=new_storage()), answers, [], ["done"])
        result = restored([{"interruptResponse": {"interruptId": result.interrupts[0].id, "response": "yes"}}])
        assert result.status == Status.COMPLETED
        assert [node.node_id for node in result.node_history] == ["first", "second"]
        assert answers == ["yes"]

    @quick
    @hint("Results are framed bytes, under keys that the plugin makes of the tool's.")
    def test_context_offloader(self, storage: Any, new_storage: NewStorage) -> None:
        """M: a tool result that the context offloader took out of the conversation is found by a restored agent."""
        text = "needle in a haystack. " * 5000

        @tool
        def search_hay() -> str:
            """Search."""
            return text

        def agent(storage: Any, *script: Step) -> Any:
            plugins = [ContextOffloader(storage=storage, max_result_tokens=100, preview_tokens=10)]
            return snapshot_agent(storage, *script, tools=[search_hay], plugins=plugins)

        agent(storage, Call("search_hay"), "found")("look")
        offloaded = [key for key in asyncio.run(new_storage().list("")) if not key.startswith("session/")]
        assert len(offloaded) == 1
        assert text.encode() in asyncio.run(new_storage().read(offloaded[0]))
        reference = offloaded[0].rpartition("/")[2]
        restored = agent(new_storage(), Call("retrieve_offloaded_content", {"reference": reference}), "read")
        assert text not in repr(restored.messages)
        restored("read it")
        assert "needle in a haystack" in repr(restored.messages[-2])

    @quick
    @hint("Memory is files of text, listed, read and searched in a namespace.")
    def test_file_memory(self, storage: Any, new_storage: NewStorage) -> None:
        """M: what a file memory notes is found by another one of the same name, and by none of another name."""

        async def run() -> None:
            memory = FileMemoryStore(name="notes", storage=storage)
            await memory.add("# Bicycles\nAda rides a red bicycle.")
            await memory.add("# Cars\nGrace drives.")
            await memory.add("# Bicycles\nIt has three gears.")
            found = await FileMemoryStore(name="notes", storage=new_storage()).search("Who rides a bicycle?")
            assert [entry.content for entry in found] == [
                "# Bicycles\nAda rides a red bicycle.\nIt has three gears.",
            ]
            assert await FileMemoryStore(name="other", storage=new_storage()).search("bicycle") == []

        asyncio.run(run())

    @quick
    @hint("The records of sessions and the values of the storage are apart: other tables, or keys that cannot meet.")
    def test_beside_the_session_manager(
        self, storage: Any, new_storage: NewStorage, new_manager: Callable[..., Any], session_id: str
    ) -> None:
        """M: a session of the package's own manager and snapshots with the same ids do not touch each other."""
        manager = new_manager()
        ours = scripted_agent(manager, agent_id="a")
        theirs = snapshot_agent(storage.namespace(session_id), session_id=session_id)
        asyncio.run(storage.write(session_id, b"1"))
        ours("ours")
        theirs("theirs")
        assert texts(scripted_agent(new_manager(), agent_id="a").messages) == ["ours", "answer 1"]
        manager.delete_session()
        assert_same_agent(snapshot_agent(new_storage().namespace(session_id), session_id=session_id), theirs)
        assert asyncio.run(new_storage().read(session_id)) == b"1"


@tool
def look() -> str:
    """Look."""
    return "seen"


def snapshot_agent(
    storage: Any,
    *script: Step,
    session_id: str = "s",
    strategy: Any = "invocation",
    every_turn: bool = False,
    **options: Any,
) -> Any:
    """Make an agent of a session of snapshots, with a window that trims.

    Under the strategy `trigger` it saves at the end of the first turn, and of those in which its window trimmed.
    """

    def trigger(*, agent_data: Any, **kwargs: Any) -> bool:
        trimmed = agent_data.conversation_manager.removed_message_count
        return bool(every_turn or len(agent_data.messages) == 2 or trimmed)

    manager = SnapshotSessionManager(
        session_id,
        storage=storage,
        save_latest_on=strategy,
        snapshot_trigger=trigger if strategy == "trigger" else None,
    )
    options.setdefault("conversation_manager", SlidingWindowConversationManager(100 if every_turn else 6))
    options.setdefault("tools", [look])
    return scripted_agent(manager, *script, agent_id="a", **options)


def contents(agent: Any) -> Any:
    """What a snapshot of an agent holds."""
    return agent.take_snapshot(preset="session", include=["system_prompt"]).data


def report_restored(options: dict[str, Any], strategy: str, pipe: Connection) -> None:
    """Report the contents of a restored agent."""
    with package.Storage(**options) as storage:
        pipe.send(contents(snapshot_agent(storage, strategy=strategy)))


def talk_until_killed(options: dict[str, Any], strategy: str, pipe: Connection) -> None:
    """Talk, and wait in a tool: this process will be killed."""

    @tool
    def wait() -> str:
        """Wait."""
        pipe.send("in the tool")
        pipe.recv()
        return "never"

    agent = snapshot_agent(package.Storage(**options), "answer 1", Call("wait"), strategy=strategy, tools=[wait])
    agent("one")
    agent("two")


def run_graph_until_killed(options: dict[str, Any], pipe: Connection) -> None:
    """Run a graph, and wait in the middle of its second node: this process will be killed."""

    @tool
    def wait() -> str:
        """Wait."""
        pipe.send("in the second node")
        pipe.recv()
        return "never"

    manager = SnapshotSessionManager("s", storage=package.Storage(**options))
    chain(manager, [], [Call("wait")], [], tools=[wait])("begin")
