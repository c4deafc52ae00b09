"""Group M, case M15: sessions move from one store to another with everything in them, and nothing twice."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.session import FileSessionManager
from strands.types.session import SessionAgent, SessionMessage

from . import package
from .another_package import AnotherPackage
from .cases import Cases, hint, lifecycle, quick, requires
from .faults import failing
from .faults_of_records import use_single_methods, watching
from .graphs import chain
from .multi_agents import PLAIN, STATE, Orchestrator
from .package import copy_session
from .records import AGENT_ID, EARLY, EVERY_BYTE, LATER, agent, create, ids, message, session, texts
from .restore_agents import look_up
from .same import assert_same, assert_same_agent, assert_same_contents
from .scripted_model import Call, scripted_agent

NewAgent = Callable[..., Any]
Reopen = Callable[..., Any]

WRITES = {"create_session", "create_agent", "create_message", "create_multi_agent", "write_log"}
WRITES |= {"update_agent", "update_message", "update_multi_agent", "delete_session"}


@quick
@lifecycle
class Copying(Cases):
    """Group M, case M15."""

    @pytest.fixture
    def files(self, tmp_path: Path, session_id: str) -> FileSessionManager:
        """The SDK's own manager of files, with the test's session."""
        return FileSessionManager(session_id, storage_dir=str(tmp_path / "files"))

    @pytest.fixture(params=["batch", "single methods"])
    def target(self, request: pytest.FixtureRequest, reopen: Reopen) -> Any:
        """The repository that is copied to: once it takes batches, once it has only the single methods."""
        repository = reopen()
        if request.param == "single methods":
            use_single_methods(repository)
        return repository

    @hint("Records are copied as they are, with their ids and timestamps: the manager reads what the SDK's wrote.")
    def test_session_of_the_sdk(
        self, files: FileSessionManager, target: Any, new_agent: NewAgent, reopen: Reopen, session_id: str
    ) -> None:
        """M15: what the SDK's manager kept in files is restored here, messages and state equal, and goes on."""
        live = scripted_agent(files, ["Let me look.", Call("look_up")], "seen", agent_id="one", tools=[look_up])
        picture: Any = {"image": {"format": "png", "source": {"bytes": EVERY_BYTE}}}
        live([{"text": "look at this"}, picture])
        live.state.set("plan", {"z": 1, "a": [1.0, None]})
        live("thank you")
        other = scripted_agent(files, agent_id="two")
        other("hi")
        copied = copy_session(files, target, session_id)
        assert (copied.agents, copied.messages, copied.written) == (("one", "two"), 8, 11)
        assert_same_contents(files, reopen(), session_id, ["one", "two"])
        restored = new_agent(agent_id="one", tools=[look_up])
        assert_same_agent(restored, live)
        restored("and now?")
        assert_same_agent(new_agent(agent_id="one", tools=[look_up]), restored)
        assert_same_agent(new_agent(agent_id="two"), other)

    @hint("The layout of the conversation is in the agent record, and names messages by their ids.")
    def test_out_and_back(
        self, files: FileSessionManager, target: Any, new_agent: NewAgent, reopen: Reopen, session_id: str
    ) -> None:
        """M15: a session of the manager, copied into files, deleted and copied back, restores the same agent."""
        window: Any = {"conversation_manager": SlidingWindowConversationManager(4, pin_first=1)}
        live = new_agent(agent_id="one", **window)
        live.messages.append({"role": "user", "content": [{"text": "before"}]})
        for turn in range(4):
            live(f"question {turn}")
        new_agent(agent_id="two", **window)("hi")
        files.delete_session(session_id)
        there = copy_session(reopen(), files, session_id, agent_ids=["one", "two"], page_size=3)
        assert_same_contents(reopen(), files, session_id, ["one", "two"])
        target.delete_session(session_id)
        back = copy_session(files, target, session_id, page_size=2)
        assert back == there
        assert_same_contents(files, reopen(), session_id, ["one", "two"])
        window["conversation_manager"] = SlidingWindowConversationManager(4, pin_first=1)
        assert_same_agent(new_agent(agent_id="one", **window), live)

    @requires("prefix")
    @hint("Source and target may be two repositories of this package, on one server.")
    def test_between_two_prefixes(self, backend: Any, repository: Any, reopen: Reopen, session_id: str) -> None:
        """M15: a session is copied to another prefix of the same server, and does not change where it was."""
        create(repository, session_id, message(0), message(1))
        elsewhere = backend.elsewhere()
        copy_session(repository, elsewhere, session_id, agent_ids=[AGENT_ID])
        assert_same_contents(reopen(), elsewhere, session_id, [AGENT_ID])
        reopen().delete_session(session_id)
        assert len(elsewhere.list_messages(session_id, AGENT_ID)) == 2
        elsewhere.delete_session(session_id)

    @requires("list_sessions")
    @hint("A repository that lists its agents need not be told which there are.")
    def test_agents_are_listed(self, files: FileSessionManager, repository: Any, session_id: str) -> None:
        """M15: all agents of a repository that lists them are copied, with ids of any kind."""
        files.delete_session(session_id)
        odd = ["a'b%", "u-1", "u-10", "{x} é"]
        for agent_id in odd:
            create(repository, session_id, message(0, agent_id), agent_id=agent_id)
        assert copy_session(repository, files, session_id).agents == tuple(odd)
        assert [texts(files.list_messages(session_id, agent_id)) for agent_id in odd] == [[name] for name in odd]

    @pytest.mark.parametrize("template", ["{}-a*", "{}-a:b", "{}-'%\";--", "{}-{x}-[a]", "{}-é 💥"])
    @hint("Ids are data, to the source and to the target.")
    def test_odd_ids(self, reopen: Reopen, new_session_id: Callable[..., str], template: str) -> None:
        """M15: a session is copied under its id, whatever characters it has, with agents of the same kind."""
        session_id, source = new_session_id(template), AnotherPackage()
        odd = ["a*", "a:b", "é'%", "{x}[a]"]
        for agent_id in odd:
            create(source, session_id, message(0, agent_id), message(1), agent_id=agent_id)
        copy_session(source, reopen(), session_id, agent_ids=odd)
        assert_same_contents(source, reopen(), session_id, odd)

    @hint("What is there is compared and left alone; only what is missing is written.")
    def test_second_copy(self, files: FileSessionManager, target: Any, reopen: Reopen, session_id: str) -> None:
        """M15: a second copy of a session writes nothing, and says so."""
        files.create_agent(session_id, agent())
        for number in range(5):
            files.create_message(session_id, AGENT_ID, message(number))
        first = copy_session(files, target, session_id, page_size=2)
        assert (first.messages, first.written) == (5, 7)
        again = reopen()
        with watching(again) as calls:
            second = copy_session(files, again, session_id, page_size=2)
        assert (second.messages, second.written) == (5, 0)
        assert WRITES.isdisjoint(name for name, _ in calls)

    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @pytest.mark.parametrize("after", range(4))
    @hint("The second call finds what the first one wrote, and goes on behind it.")
    def test_copy_that_broke_off(
        self, files: FileSessionManager, target: Any, reopen: Reopen, session_id: str, after: int, executed: bool
    ) -> None:
        """M15: a copy that failed in the middle, its last write executed or not, is completed by another one."""
        files.create_agent(session_id, agent())
        for number in range(10):
            files.create_message(session_id, AGENT_ID, message(number))
        broken = failing(target, "write_log", after=after, executed=executed)
        with broken, pytest.raises(package.SessionUnavailableError):
            copy_session(files, target, session_id, page_size=2)
        messages = 2 * (after + executed)
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == list(range(messages))
        completed = copy_session(files, reopen(), session_id, page_size=3)
        assert (completed.messages, completed.written) == (10, 10 - messages)
        assert_same_contents(files, reopen(), session_id, [AGENT_ID])

    @pytest.mark.parametrize("where", ["session", "agent", "message", "timestamp", "type", "behind", "gap"])
    @hint("Compare what is there with the source, to the type and the timestamp, and refuse to write over it.")
    def test_target_that_differs(self, repository: Any, reopen: Reopen, session_id: str, where: str) -> None:
        """M15: where the target holds something else, the copy is refused with a name for it, and changes nothing."""
        source = AnotherPackage()
        create(source, session_id, message(0), message(1, extra={"n": 1}), message(4), message(5))
        target = {
            "message": [message(0), message(1, "another text")],
            "timestamp": [message(0, updated_at=LATER)],
            "type": [message(0), message(1, extra={"n": 1.0})],
            "behind": [message(0), message(1, extra={"n": 1}), message(4), message(5), message(6)],
            "gap": [message(0), message(1, extra={"n": 1}), message(2)],
        }.get(where, [])
        repository.create_session(session(session_id, created_at=LATER if where == "session" else EARLY))
        if where != "session":
            repository.create_agent(session_id, agent(state={"a": 1} if where == "agent" else {}))
        for one in target:
            repository.create_message(session_id, AGENT_ID, one)
        named = {
            "session": "target's created_at is",
            "agent": f"agent_id=<{AGENT_ID}> .* target's state is",
            "timestamp": "message_id=<0> .* target's updated_at is",
            "behind": "message_id=<6> ",
            "gap": "message_id=<2> ",
        }
        with pytest.raises(package.SessionConflictError, match=named.get(where, "message_id=<1> .* target's message")):
            copy_session(source, repository, session_id, agent_ids=[AGENT_ID])
        if where != "session":
            stored = reopen().list_messages(session_id, AGENT_ID)
            assert_same([record.to_dict() for record in stored], [record.to_dict() for record in target])

    @pytest.mark.parametrize("lost", ["record", "message", "state"])
    @hint("Read back what was written, and compare: a copy is there only when the target says so.")
    def test_target_that_alters(
        self, repository: Any, session_id: str, lost: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """M15: a target that does not give back what it was given is noticed, and what differs is named."""
        source = AnotherPackage()
        create(source, session_id, message(0), message(1, "precious"))
        source.update_agent(session_id, agent(state={"precious": 1}))

        def losing(method: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                found = method(*args, **kwargs)
                if lost == "record" and isinstance(found, list):
                    return found[:1]
                for record in found if isinstance(found, list) else [found] if found else []:
                    if lost == "state" and isinstance(record, SessionAgent):
                        record.state = {}
                    if lost == "message" and isinstance(record, SessionMessage) and record.message_id == 1:
                        record.message["content"] = [{"text": ""}]
                return found

            return call

        for method in ("read_agent", "list_messages"):
            monkeypatch.setattr(repository, method, losing(getattr(repository, method)))
        with pytest.raises(package.SessionConflictError, match=f"{lost} is not|message_id=<1> .* not there") as raised:
            copy_session(source, repository, session_id, agent_ids=[AGENT_ID])
        assert "precious" not in str(raised.value)

    @pytest.mark.parametrize("offsets", ["positions", "ids"])
    @hint("Ids may have gaps, which stay. To some packages an offset is an id: read on until nothing is left.")
    def test_gaps(self, target: Any, reopen: Reopen, session_id: str, offsets: str) -> None:
        """M15: gaps in the ids are copied as they are, also from a source whose pages overlap after a gap."""
        source, numbers = AnotherPackage(offset_is_id=offsets == "ids"), [1, 2, 3, 7, 8, 20, 21, 22, 23, 40]
        create(source, session_id, *(message(number) for number in numbers))
        with watching(target) as calls:
            copied = copy_session(source, target, session_id, agent_ids=[AGENT_ID], page_size=3)
        assert (copied.messages, copied.written) == (10, 12)
        batches = [ids(batch.create) for name, (batch, *_) in calls if name == "write_log"]
        assert batches[0] == [2, 3]
        assert all(batch == list(range(batch[0], batch[-1] + 1)) for batch in batches)
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == numbers
        copy_session(source, elsewhere := AnotherPackage(), session_id, agent_ids=[AGENT_ID])
        for there in (reopen(), elsewhere):
            assert copy_session(source, there, session_id, agent_ids=[AGENT_ID], page_size=1).written == 0

    @pytest.mark.parametrize("habit", ["ignores_offset", "newest_first", "lists_nothing"])
    @hint("A source that does not count as agreed could hide messages: better an error than a part of them.")
    def test_source_without_pages(self, repository: Any, session_id: str, habit: str) -> None:
        """M15: a source that gives the same messages whatever the offset, the newest first, or none is refused."""
        source = AnotherPackage()
        setattr(source, habit, True)
        create(source, session_id, *(message(number) for number in range(5)))
        with pytest.raises(package.SessionCorruptError, match=r"offset=<[02]>|lists no messages"):
            copy_session(source, repository, session_id, agent_ids=[AGENT_ID], page_size=2)

    @hint("Copy what replaced the original, in both places of the record.")
    def test_redacted_message(self, backend: Any, target: Any, reopen: Reopen, session_id: str) -> None:
        """M15, C2: the original of a redacted message is not copied, though the source still has it."""
        source, replacement = AnotherPackage(), message(0, "[redacted]").message
        create(source, session_id, message(0, "my secret", redact_message=replacement), message(1))
        for _ in range(2):
            copy_session(source, target, session_id, agent_ids=[AGENT_ID])
        (stored, _) = reopen().list_messages(session_id, AGENT_ID)
        assert_same([stored.message, stored.redact_message], [replacement, replacement])
        assert b"my secret" not in backend.dump()

    @hint("Some packages hand timestamps back as datetime, without a zone: the SDK made them in UTC.")
    def test_records_of_another_shape(self, reopen: Reopen, session_id: str) -> None:
        """M15, Q9: timestamps given as datetime become the ISO strings that they were, and None an empty state."""
        source = AnotherPackage()
        create(source, session_id, message(0, updated_at=LATER), message(1))
        without: Any = None
        source.update_agent(session_id, agent(_internal_state=without))
        source.timestamp = lambda text: datetime.fromisoformat(text).replace(tzinfo=None)
        for _ in range(2):
            copy_session(source, reopen(), session_id, agent_ids=[AGENT_ID])
        source.timestamp = str
        source.update_agent(session_id, agent())
        assert_same_contents(source, reopen(), session_id, [AGENT_ID])

    @requires("multi_agent")
    @hint("A repository reads nothing of a graph but its id and its state.")
    def test_graph(
        self, files: FileSessionManager, new_manager: Callable[..., Any], reopen: Reopen, session_id: str
    ) -> None:
        """M15: a graph that stopped between two nodes goes on here. A source of files need not be told its id."""
        live = chain(files, ["one"], [RuntimeError("stopped")], [])
        with pytest.raises(RuntimeError, match="stopped"):
            live("go")
        copied = copy_session(files, reopen(), session_id)
        assert (copied.multi_agents, copied.written) == (("chain",), 2)
        assert copy_session(files, reopen(), session_id, multi_agent_ids=["chain"]).written == 0
        restored: Any = chain(new_manager(), [], [], [])
        restored("go on")
        assert [len(node.executor.model.calls) for node in restored.nodes.values()] == [0, 1, 1]

    @requires("multi_agent")
    @hint("No repository lists its graphs and swarms: those with the SDK's own ids are found, others are named.")
    def test_graphs_are_named(self, files: FileSessionManager, repository: Any, session_id: str) -> None:
        """M15: of a repository, graphs and swarms with the SDK's ids are copied, others when they are named."""
        files.delete_session(session_id)
        create(repository, session_id)
        for name, state in (("default_graph", STATE), ("default_swarm", PLAIN), ("other", PLAIN)):
            repository.create_multi_agent(session_id, Orchestrator(name, state))
        target = AnotherPackage()
        first = copy_session(repository, target, session_id, agent_ids=[AGENT_ID])
        assert first.multi_agents == ("default_graph", "default_swarm")
        assert_same(target.read_multi_agent(session_id, "default_graph"), STATE)
        second = copy_session(repository, target, session_id, agent_ids=[], multi_agent_ids=["other"])
        assert (second.multi_agents, second.written) == (("other",), 1)
        target.create_multi_agent(session_id, Orchestrator("other", {**PLAIN, "nodes": [], "more": 1}))
        with pytest.raises(package.SessionConflictError, match=r"multi_agent_id=<other> .* target's nodes, more is"):
            copy_session(repository, target, session_id, agent_ids=[], multi_agent_ids=["other"])

    @hint("Ask the target before the first record is written.")
    def test_target_without_graphs(self, files: FileSessionManager, session_id: str) -> None:
        """M15: a session with a graph is refused where none can be stored, before anything is, and says what to do."""
        files.create_multi_agent(session_id, Orchestrator("graph", PLAIN))
        target = AnotherPackage(multi_agents=False)
        with pytest.raises(NotImplementedError, match="multi_agent_ids="):
            copy_session(files, target, session_id)
        assert target.read_session(session_id) is None
        assert copy_session(files, target, session_id, multi_agent_ids=()).written == 1

    @hint("Read everything that the source must have before the first write; say which argument is missing.")
    def test_arguments(self, reopen: Reopen, session_id: str) -> None:
        """M15: what is missing, unknown or malformed is refused before anything is written."""
        source = AnotherPackage()
        with pytest.raises(package.SessionNotFoundError, match=session_id):
            copy_session(source, reopen(), session_id, agent_ids=[])
        create(source, session_id, message(0))
        refused: list[tuple[type[Exception], dict[str, Any]]] = [
            (ValueError, {}),
            (ValueError, {"agent_ids": AGENT_ID}),
            (ValueError, {"agent_ids": ["a/b"]}),
            (ValueError, {"agent_ids": [AGENT_ID], "page_size": 0}),
            (package.SessionNotFoundError, {"agent_ids": [AGENT_ID, "nobody"]}),
            (package.SessionNotFoundError, {"agent_ids": [AGENT_ID], "multi_agent_ids": ["nothing"]}),
        ]
        for error, arguments in refused:
            with pytest.raises(error, match=r"agent_ids|nobody|nothing|a/b|page_size"):
                copy_session(source, reopen(), session_id, **arguments)
        with pytest.raises(ValueError, match="a/b"):
            copy_session(source, reopen(), "a/b", agent_ids=[])
        assert reopen().read_session(session_id) is None

    @hint("Name what was not found, where nobody asked for it: a graph with an id of its own may be missing.")
    def test_empty_session(
        self, files: FileSessionManager, reopen: Reopen, session_id: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """M15: a session without agents and graphs is copied as one, and a warning says what may have been missed."""
        copied = copy_session(files, reopen(), session_id)
        assert (copied.agents, copied.multi_agents, copied.written) == ((), (), 1)
        assert f"session_id=<{session_id}>" in caplog.text
        assert "multi_agent_ids" in caplog.text

    @hint("Some packages list the ids of agents, some their records, some say that they do not.")
    def test_listings_of_other_packages(self, repository: Any, session_id: str) -> None:
        """M15: the agents are found where a source lists them, be it as ids or as records."""
        source: Any = AnotherPackage(multi_agents=False)
        create(source, session_id, message(0))
        for listed in (AGENT_ID, agent()):
            source.list_agents = lambda _, listed=listed: [listed]
            assert copy_session(source, repository, session_id).agents == (AGENT_ID,)
        source.list_agents = lambda _: package.LogRepository.list_agents(source, session_id)  # as it is not overridden
        with pytest.raises(ValueError, match="agent_ids"):
            copy_session(source, repository, session_id)

    @requires("atomic_batch")
    @hint("Between two pages the session may be deleted: nothing of it is created anew.")
    def test_target_is_deleted(
        self, repository: Any, reopen: Reopen, session_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """M15, Q3: a session that is deleted in the target while it is copied there is an error, and stays deleted."""
        source = AnotherPackage()
        create(source, session_id, message(0))
        listing = source.list_messages

        def delete_first(*args: Any, **kwargs: Any) -> Any:
            reopen().delete_session(session_id)
            return listing(*args, **kwargs)

        monkeypatch.setattr(source, "list_messages", delete_first)
        with pytest.raises(package.SessionNotFoundError, match=session_id):
            copy_session(source, repository, session_id, agent_ids=[AGENT_ID])
        assert reopen().read_session(session_id) is None

    @requires("atomic_batch")
    @hint("Read page by page, and write a page as one batch.")
    def test_large_session(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """M15: 1,000 messages are read in pages and written in as many batches; 3 of 3 MB not in one write."""
        source = AnotherPackage()
        create(source, session_id, *(message(number) for number in range(1000)))
        with watching(repository) as writes:
            copy_session(source, repository, session_id, agent_ids=[AGENT_ID], page_size=100)
        assert source.pages == [100] * 11
        calls = Counter(name for name, _ in writes)
        assert (calls["write_log"], calls["create_message"]) == (10, 0)
        assert (calls["list_messages"], calls["read_log"]) == (11, 1)
        for number in range(1000, 1010):
            source.create_message(session_id, AGENT_ID, message(number, "x" * (3_000_000 if number < 1003 else 1)))
        with watching(repository) as writes:
            copy_session(source, repository, session_id, agent_ids=[AGENT_ID], page_size=5)
        calls = Counter(name for name, _ in writes)
        assert (calls["write_log"], calls["list_messages"], calls["read_log"]) == (4, 204, 1)
        assert len(reopen().list_messages(session_id, AGENT_ID)) == 1010
