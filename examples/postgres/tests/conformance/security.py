"""Group R, sixth part: ids that look like commands, records that harm, and what an error may not show."""

import asyncio
import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from strands.types.exceptions import SessionException, StorageError

from . import cases, multi_agents, package
from .backend import PASSWORD, Backend
from .cases import Cases, deletion, faults, hint, lifecycle, requires
from .concurrency import in_threads
from .faults_of_records import use_single_methods
from .hostile import COMMANDS, LAYOUTS, NOT_OBJECTS, PARTS, REFUSED
from .multi_agents import Orchestrator
from .records import AGENT_ID, agent, create, ids, message, session, texts
from .same import assert_same_record
from .trials import Trials

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
NewStorage = Callable[..., Any]
Reopen = Callable[..., Any]

PATIENCE = 5.0
"""Seconds in which a record that harms is an error, and another session answers."""

FIRST_BLOCK = '{"text":"text 0"}'
"""How the content of the first message is stored, with which the cases begin that change it in the store."""


class Security(Cases):
    """Group R, sixth part."""

    @faults
    @lifecycle
    @hint("Raise `from` the driver's error only if that does not quote the connection string; give objects no repr.")
    def test_password_is_not_shown(
        self, backend: Backend, session_id: str, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
    ) -> None:
        """R61: neither an error with all that led to it, its traceback, a log line nor a repr shows the password."""
        caplog.set_level(logging.DEBUG)
        options, shown = backend.unreachable(), []
        string = options.get("connection_string", "")
        is_url, is_list = "://" in string, "password=" in string  # a file's path has no password to show
        mangled = [f"nosuch+{string}", f"{string}?colour=blue"] if is_url else [f"{string} colour=blue"] * is_list
        for attempt in (options, *({**options, "connection_string": one} for one in mangled)):
            for use in uses(backend, session_id, shown):
                with pytest.raises((ValueError, SessionException, StorageError)) as raised:
                    use(attempt)
                shown += all_that_shows(raised.value)
        shown += [caplog.text, *(f"{one.message}" for one in recwarn.list)]
        leaks = [text for text in shown if PASSWORD in text]
        assert not leaks, f"the password is shown: {leaks[0][:500]}"

    @faults
    @cases.multi_agents
    @hint("Pass ids as parameters of a statement, an argument of a script, a value: never as a part of its text.")
    def test_commands_as_ids(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """R62: ids that are commands are read back as they are, listed and deleted, and harm no other session."""
        with unharmed(backend, repository, reopen, session_id):
            again = reopen()
            for command in COMMANDS:
                for inside, agent_id in ((f"{session_id}{command}", command), (session_id, f"{session_id}{command}")):
                    store(backend, repository, inside, agent_id, command)
                    assert again.read_agent(inside, agent_id).agent_id == agent_id
                    assert texts(again.list_messages(inside, agent_id)) == [command, "text 1"]
                    if backend.multi_agent:
                        assert again.read_multi_agent(inside, agent_id) == {command: command}
                    if backend.list_sessions:
                        assert agent_id in again.list_agents(inside)
                        found = [one.session_id for one in again.list_sessions(f"{session_id}{command}")]
                        assert found == [f"{session_id}{command}"]
                repository.delete_session(f"{session_id}{command}")
                assert repository.read_session(f"{session_id}{command}") is None

    @faults
    @cases.multi_agents
    @hint("`_records.check_ids` comes before anything is sent, in every method, for every id.")
    def test_refused_ids(self, backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> None:
        """R62: an id with a line of a protocol, NUL, a path or half a character is a ValueError, and does nothing."""
        with unharmed(backend, repository, reopen, session_id):
            for bad in REFUSED:
                for call in calls_with(backend, repository, bad, session_id):
                    with pytest.raises(ValueError, match=r"_id=<|prefix=<"):
                        call()

    @faults
    @cases.storage
    @requires("storage")
    @hint("A key, a namespace and what is searched for are data: parameters, and no part of a pattern or a query.")
    def test_commands_as_keys(self, storage: Any, new_storage: NewStorage) -> None:
        """R62: keys, namespaces, prefixes and queries that are commands are text, and harm no other key."""
        asyncio.run(storage.write("canary", b"alive"))
        for command in COMMANDS:
            view = storage.namespace(command)
            asyncio.run(view.write(command, command.encode()))
            again = new_storage()
            assert asyncio.run(again.read(f"{command}/{command}")) == command.encode()
            assert asyncio.run(again.list(f"{command}/")) == [f"{command}/{command}"]
            assert asyncio.run(again.namespace(command).list(command)) == [command]
            asyncio.run(view.search(command))
            asyncio.run(view.delete(command))
            assert asyncio.run(again.list("")) == ["canary"]
        assert asyncio.run(new_storage().read("canary")) == b"alive"

    @faults
    @cases.multi_agents
    @pytest.mark.parametrize("text", NOT_OBJECTS)
    @hint("Check what the parser returns: JSON is more than objects. `_records.decode_messages` does.")
    def test_record_of_another_type(
        self, backend: Backend, repository: Any, reopen: Reopen, session_id: str, text: str
    ) -> None:
        """R63: a stored message that is no object is an error that names it; others are read, and it is left alone."""
        create(repository, session_id, message(0), message(1))
        with unharmed(backend, repository, reopen, session_id):
            backend.rewrite(session_id, AGENT_ID, 0, lambda _: text)
            again, before = reopen(), backend.dump()
            for call in (again.read_message, lambda s, a, _: again.list_messages(s, a)):
                assert_corrupt(lambda call=call: call(session_id, AGENT_ID, 0), text, f"{session_id}.*message_id=<0>")
            assert_same_record(again.read_message(session_id, AGENT_ID, 1), message(1))
            assert backend.dump() == before

    @faults
    @lifecycle
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"content":', '"contents":'),
            ('"role":', '"rule":'),
            ('"role":"user"', '"role":["user"]'),
            (f"[{FIRST_BLOCK}]", '"text 0"'),
            (f"[{FIRST_BLOCK}]", "null"),
            (f"[{FIRST_BLOCK}]", '["text 0"]'),
        ],
    )
    @hint("An agent goes by every message's role and content: check both before it is restored.")
    def test_message_of_another_type(
        self, backend: Backend, new_agent: NewAgent, repository: Any, session_id: str, old: str, new: str
    ) -> None:
        """R63: an agent is not restored from a message without role or content, or with those of another type."""
        create(repository, session_id, message(0), message(1, role="assistant"))

        backend.rewrite(session_id, AGENT_ID, 0, instead_of(old, new))
        assert_corrupt(lambda: new_agent(agent_id=AGENT_ID), new, "message_id=<0>")

    @faults
    @lifecycle
    @pytest.mark.parametrize("depth", [5_000, 100_000])
    @pytest.mark.parametrize("kind", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
    @hint("RecursionError comes from the parser, or from what walks through what it read: turn both into the error.")
    def test_deep_record(
        self, backend: Backend, new_agent: NewAgent, repository: Any, reopen: Reopen, session_id: str,
        kind: tuple[str, str], depth: int,
    ) -> None:  # fmt: skip
        """R64: a message of JSON within JSON, 100,000 levels deep, is an error in time, and harms no other session."""
        create(repository, session_id, message(0), message(1, role="assistant"))
        with unharmed(backend, repository, reopen, session_id):
            deep = kind[0] * depth + "1" + kind[1] * depth
            block = f'{{"toolUse":{{"toolUseId":"1","name":"n","input":{{"a":{deep}}}}}}}'
            backend.rewrite(session_id, AGENT_ID, 0, instead_of(FIRST_BLOCK, block))
            assert_corrupt(lambda: new_agent(agent_id=AGENT_ID), f"{depth} levels", session_id)
            assert_same_record(reopen().read_message(session_id, AGENT_ID, 1), message(1, role="assistant"))

    @faults
    @cases.multi_agents
    @hint(
        "One large record must not hold up the others: no lock, and no thread of the store's, for as long as it lasts."
    )
    def test_large_record(
        self, backend: Backend, repository: Any, reopen: Reopen, session_id: str, trials: Trials
    ) -> None:
        """R65: while a message of 100 MB is written and read, other sessions are read, and it comes back whole."""
        size = trials.count(8_000_000, 100_000_000)
        size = min(size, backend.large_messages - 1024) if backend.large_messages else size
        large, reader = message(1, "x" * size), reopen(timeout=300)
        create(repository, session_id, message(0))
        with unharmed(backend, repository, reopen, session_id) as canary:
            is_over = threading.Event()

            def work(number: int) -> Any:
                while number and canary() and not is_over.wait(0.01):
                    pass
                try:
                    return number or write_and_read()
                finally:
                    is_over.set()

            def write_and_read() -> list[int]:
                reader.create_message(session_id, AGENT_ID, large)
                return [len(text) for text in texts(reader.list_messages(session_id, AGENT_ID))]

            lengths, *others = in_threads(4, work)
        trials.record(runs=1, acknowledged=1, lost=int(lengths != [6, size]), what=f"{size:,} bytes")
        assert lengths == [6, size]
        assert others == [1, 2, 3], "another session was harmed, or had to wait"

    @faults
    @lifecycle
    @pytest.mark.parametrize("damage", LAYOUTS)
    @hint("The layout comes from the store: `_layout.read` checks all of it, and no query or script counts by it.")
    def test_layout_of_nonsense(
        self, backend: Backend, new_manager: NewManager, new_agent: NewAgent, repository: Any, reopen: Reopen,
        session_id: str, damage: str,
    ) -> None:  # fmt: skip
        """R66: a layout with negative, huge, repeated or other nonsense is an error in time, and harms no session."""
        create(repository, session_id, message(0), message(1, role="assistant"))
        with unharmed(backend, repository, reopen, session_id):
            damaged = agent(_internal_state={"strands_session": LAYOUTS[damage]})
            repository.update_agent(session_id, damaged)
            before = backend.dump()
            assert_not_restored(new_manager, new_agent, damage)
            assert backend.dump() == before
            assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0, 1]

    @faults
    @lifecycle
    @pytest.mark.parametrize(("part", "value"), [(part, value) for part, values in PARTS.items() for value in values])
    @hint("The parts of an agent record are objects, and `removed_message_count` is a position: check what was read.")
    def test_agent_of_another_type(
        self, new_manager: NewManager, new_agent: NewAgent, repository: Any, session_id: str, part: str, value: Any
    ) -> None:
        """R67: an agent record of which a part is of another type is an error: when it is written, or restored from."""
        create(repository, session_id, message(0), message(1, role="assistant"))
        try:
            repository.update_agent(session_id, agent(**{part: value}))
        except SessionException:
            return  # it is not even stored
        assert_not_restored(new_manager, new_agent, f"{part} {value}")

    @faults
    @lifecycle
    @requires("multi_agent")
    @pytest.mark.parametrize(
        "state",
        [
            {"_internal_state": 7},
            {"_internal_state": {"interrupt_state": {}}},
            {"next_nodes_to_execute": ["first"], "status": "nonsense"},
            {"next_nodes_to_execute": ["first"], "node_results": 7, "completed_nodes": 7},
        ],
    )
    @hint("A graph may raise anything while it reads its state: turn it into the error, with both ids.")
    def test_graph_of_another_type(self, new_manager: NewManager, repository: Any, session_id: str, state: Any) -> None:
        """R67: the state of a graph that cannot be restored is an error that names it."""
        repository.create_session(session(session_id))
        repository.create_multi_agent(session_id, Orchestrator("chain", state))
        assert_corrupt(lambda: multi_agents.chain(new_manager(), [], [], []), f"{state}", f"{session_id}.*<chain>")

    @faults
    @deletion
    @pytest.mark.parametrize("text", NOT_OBJECTS)
    @hint("Deletion goes by the key: it reads no record.")
    def test_harmful_session_is_deleted(
        self, backend: Backend, repository: Any, reopen: Reopen, session_id: str, text: str
    ) -> None:
        """R68: a session with a record that cannot be read can be deleted, and is gone."""
        create(repository, session_id, message(0))
        backend.rewrite(session_id, AGENT_ID, 0, lambda _: text)
        reopen().delete_session(session_id)
        assert session_id.encode() not in backend.dump()


def uses(backend: Backend, session_id: str, shown: list[str]) -> Iterator[Callable[[dict[str, Any]], Any]]:
    """What a user does with a package first. What shows of the objects is collected."""

    def look(opened: Any) -> Any:
        shown.extend([repr(opened), str(opened), repr(vars(opened)), repr(list(vars(opened).values()))])
        return opened

    yield lambda options: package.SessionManager(session_id, **options)
    yield lambda options: look(package.SessionRepository(**options)).read_session(session_id)
    yield lambda options: list(look(package.SessionRepository(**options)).list_messages(session_id, AGENT_ID))
    if backend.storage:
        yield lambda options: asyncio.run(look(package.Storage(**options)).read("key"))


def all_that_shows(error: BaseException) -> list[str]:
    """Return everything that a log or a debugger shows of an error, and of those that led to it."""
    shown, left = ["".join(traceback.format_exception(type(error), error, error.__traceback__))], [error]
    while left:
        one = left.pop()
        shown += [str(one), repr(one), repr(one.args), *getattr(one, "__notes__", [])]
        left += [other for other in (one.__cause__, one.__context__) if other is not None]
    return shown


def store(backend: Backend, repository: Any, session_id: str, agent_id: str, text: str) -> None:
    """Store a session with an agent, its messages, and a graph of the same id, and write each of them again."""
    create(repository, session_id, message(0, "old"), message(1), agent_id=agent_id)
    repository.update_message(session_id, agent_id, message(0, text))
    repository.update_agent(session_id, agent(agent_id, state={text: text}))
    if backend.multi_agent:
        repository.create_multi_agent(session_id, Orchestrator(agent_id))
        repository.update_multi_agent(session_id, Orchestrator(agent_id, {text: text}))


def calls_with(backend: Backend, repository: Any, bad: str, session_id: str) -> Iterator[Callable[[], Any]]:
    """A call with a malformed id in each of its places."""
    yield lambda: repository.create_session(session(bad))
    yield lambda: repository.delete_session(bad)
    yield lambda: repository.list_messages(bad, AGENT_ID)
    yield lambda: repository.create_agent(session_id, agent(bad))
    yield lambda: repository.update_agent(session_id, agent(bad))
    yield lambda: repository.read_message(session_id, bad, 0)
    yield lambda: repository.create_message(session_id, bad, message(0))
    if backend.multi_agent:
        yield lambda: repository.create_multi_agent(session_id, Orchestrator(bad))
        yield lambda: repository.read_multi_agent(session_id, bad)
    if backend.list_sessions:
        yield lambda: repository.list_agents(bad)


@contextmanager
def unharmed(backend: Backend, repository: Any, reopen: Reopen, session_id: str) -> Iterator[Callable[[], bool]]:
    """Keep another session beside, and fail unless it is as it was in the end: read, listed and written to."""
    canary = f"{session_id}-canary"
    store(backend, repository, canary, "bird", "alive")
    other = reopen()

    def is_alive() -> bool:
        start = time.monotonic()
        said, state = texts(other.list_messages(canary, "bird")), other.read_agent(canary, "bird").state
        assert (said, state) == (["alive", "text 1"], {"alive": "alive"}), "another session was harmed"
        assert not backend.multi_agent or other.read_multi_agent(canary, "bird") == {"alive": "alive"}
        assert time.monotonic() - start < PATIENCE, "another session had to wait"
        return True

    try:
        yield is_alive
        is_alive()
        if backend.list_sessions:
            assert [one.session_id for one in other.list_sessions(canary)] == [canary]
            assert other.list_agents(canary) == ["bird"]
        other.create_message(canary, "bird", message(2))
    finally:
        other.delete_session(canary)


def instead_of(old: str, new: str) -> Callable[[str], str]:
    """Return what puts a piece of JSON in the place of another one that a record holds, however that is spaced."""
    spaced = re.compile(r"\s*".join(map(re.escape, re.findall(r'"[^"]*"|.', old))))

    def change(text: str) -> str:
        changed, count = spaced.subn(lambda _: new, text)
        assert count == 1, f"{old} is not in {text[:200]}: the kit cannot change the record"
        return changed

    return change


def assert_not_restored(new_manager: NewManager, new_agent: NewAgent, damage: str) -> None:
    """Fail unless no agent is restored: neither by the backend's own read of a log, nor over the single methods."""
    single = new_manager()
    use_single_methods(single.session_repository)
    for manager in (new_manager(), single):
        assert_corrupt(lambda manager=manager: new_agent(agent_id=AGENT_ID, session_manager=manager), damage, AGENT_ID)


def assert_corrupt(call: Callable[[], Any], damage: str, match: str) -> None:
    """Fail unless a call says in time that a record cannot be read, and which."""
    start, error = time.monotonic(), None
    try:
        call()
    except Exception as raised:
        error = raised
    assert isinstance(error, package.SessionCorruptError), f"{damage}: not a SessionCorruptError: {error!r}"
    assert re.search(match, str(error)), f"{damage}: the error does not say which record it is: {error}"
    assert time.monotonic() - start < PATIENCE, f"{damage}: the error came too late"
