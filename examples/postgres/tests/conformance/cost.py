"""Group P: what a session costs, counted on the wire. Nothing here is timed."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from strands import Agent
from strands.agent.conversation_manager import SlidingWindowConversationManager

from . import package, records
from .backend import Backend
from .batches import batch
from .calls import declared
from .cases import Cases, hint, lifecycle, quick, requires
from .concurrency import in_threads
from .restore import user
from .scripted_model import scripted_agent
from .wire import HOST, Wire

NewManager = Callable[..., Any]
TEXT = "x" * 500


@lifecycle
@requires("round_trips")
class Cost(Cases):
    """Group P."""

    @pytest.fixture
    def wire(self, backend: Backend) -> Iterator[Wire]:
        """A proxy in front of the store."""
        with Wire(*backend.address()) as wire:
            yield wire

    @pytest.fixture
    def new_manager(self, backend: Backend, wire: Wire, new_session_id: Callable[..., str]) -> Iterator[NewManager]:
        """Make managers that reach the store by way of the proxy, on a connection that all of this was done on."""
        with ExitStack() as opened:

            def new_manager(session_id: str) -> Any:
                manager: Any = backend.manager(session_id, **backend.through(HOST, wire.port))
                return opened.enter_context(manager)

            session_id = new_session_id()
            for _ in range(2):
                manager = new_manager(session_id)
                live = scripted_agent(manager)
                change_everything(live, manager)
            manager.list_messages()
            manager.delete_session()
            yield new_manager

    @hint("One request that creates the session and says whether it is new, and one that stores the agent.")
    def test_new_session(self, wire: Wire, new_manager: NewManager, session_id: str) -> None:
        """P1: a new session with a new agent takes 2 round trips."""
        with wire.counting() as cost:
            scripted_agent(new_manager(session_id))
        assert cost.round_trips <= 2

    @hint("One request that finds the session, one that finds no agent, and one that stores it.")
    def test_new_agent(self, wire: Wire, new_manager: NewManager, session_id: str) -> None:
        """P1: a new agent in a session that exists takes 3 round trips."""
        scripted_agent(new_manager(session_id))
        with wire.counting() as cost:
            scripted_agent(new_manager(session_id), agent_id="second")
        assert cost.round_trips <= 3

    @quick
    @hint("Check all arguments before the first request, in every method: `_records.check_ids` does.")
    def test_malformed_ids_send_nothing(
        self, backend: Backend, wire: Wire, new_manager: NewManager, session_id: str
    ) -> None:
        """H2, H3: whatever method is given a malformed session id, nothing is sent."""
        repository = new_manager(session_id).session_repository
        calls = declared(backend)
        calls.pop("list_sessions", None)  # takes a prefix, which may be anything
        with wire.counting() as cost:
            for bad in ("a/b", "..", "", "a\n"):
                for call in calls.values():
                    with pytest.raises(ValueError, match="session_id"):
                        call(repository, bad)
        assert (cost.round_trips, cost.sent) == (0, 0)

    @pytest.mark.parametrize("length", [10, 1000, 5000])
    @hint("Fetch the agent and its messages in one request: not message by message, and not page by page.")
    def test_restore(self, wire: Wire, new_manager: NewManager, session_id: str, length: int) -> None:
        """P1: a restore takes 2 round trips, however long the conversation is."""
        fill(new_manager(session_id), length)
        with wire.counting() as cost:
            restored = scripted_agent(new_manager(session_id), agent_id=records.AGENT_ID)
        assert len(restored.messages) == length
        assert cost.round_trips <= 2

    @hint("A save is one request, with all that is to be written, and none when nothing changed.")
    def test_turn(self, wire: Wire, new_manager: NewManager, session_id: str) -> None:
        """P1: a message takes 1 round trip, an unchanged sync none, a changed one 1, a redaction 1."""
        manager = new_manager(session_id)
        live = scripted_agent(manager)
        for _ in range(3):
            with wire.counting() as cost:
                live(TEXT)
            assert cost.round_trips <= 2, "a turn of two messages"
        with wire.counting() as cost:
            manager.sync_agent(live)
        assert cost.round_trips == 0, "an unchanged sync"
        live.state.set("changed", True)
        with wire.counting() as cost:
            manager.sync_agent(live)
        assert cost.round_trips <= 1, "a changed sync"
        live.messages[-1]["content"] = [{"text": "[redacted]"}]
        with wire.counting() as cost:
            manager.redact_latest_message(live.messages[-1], live)
        assert cost.round_trips <= 1, "a redaction"

    @hint("A deletion is one request, whatever the session holds; a listing is one, with limit and offset in it.")
    def test_list_and_delete(self, wire: Wire, new_manager: NewManager, session_id: str) -> None:
        """P1, I3: list_messages takes 1 round trip, and delete_session 1."""
        manager = new_manager(session_id)
        fill(manager, 1000)
        for limit in (None, 40):
            with wire.counting() as cost:
                listed = manager.list_messages(session_id, records.AGENT_ID, limit=limit)
            assert len(listed) == (limit or 1000)
            assert cost.round_trips <= 1
        with wire.counting() as cost:
            manager.delete_session()
        assert cost.round_trips <= 1

    @hint("Find a session by its key or an index. Nothing that an agent waits for may look through the others.")
    def test_among_other_sessions(
        self, repository: Any, wire: Wire, new_manager: NewManager, new_session_id: Callable[..., str]
    ) -> None:
        """P3: none of this takes more with 1,000 other sessions in the store."""
        for _ in range(1000):
            repository.create_session(records.session(new_session_id()))
        for case in (self.test_new_session, self.test_new_agent, self.test_turn, self.test_list_and_delete):
            case(wire, new_manager, new_session_id())
        for length in (10, 1000, 5000):
            self.test_restore(wire, new_manager, new_session_id(), length)

    @hint("A turn writes what is new. What it writes must not grow with the conversation.")
    def test_long_conversation(self, wire: Wire, new_manager: NewManager, new_session_id: Callable[..., str]) -> None:
        """P2: the 500th turn sends hardly more than the second one, and at most 5,000 bytes for 1,000 of text."""
        sent = []
        for length in (0, 996):
            manager = new_manager(new_session_id())
            fill(manager, length)
            live = scripted_agent(manager, TEXT, TEXT, agent_id=records.AGENT_ID)
            live(TEXT)
            with wire.counting() as cost:
                live(TEXT)
            sent.append(cost.sent)
        assert len(live.messages) == 1000
        assert sent[1] <= 1.2 * sent[0]
        assert sent[1] <= 5000

    @hint("A turn that trims writes the agent record. That must not grow with what was trimmed, turn by turn.")
    def test_long_conversation_with_a_window(self, wire: Wire, new_manager: NewManager, session_id: str) -> None:
        """P2: turn 500 with a window of 40 sends hardly more than the first one that trims, and at most 5,000 bytes."""
        manager, window = new_manager(session_id), SlidingWindowConversationManager(40)
        live = scripted_agent(manager, *[TEXT] * 500, conversation_manager=window)
        sent = []
        for _ in range(500):
            with wire.counting() as cost:
                live(TEXT)
            if window.removed_message_count:
                sent.append(cost.sent)
        assert len(sent) == 480
        assert sent[-1] <= 1.1 * sent[0]
        assert max(sent) <= 5000

    @hint("Let the store apply limit and offset: fetching all and dropping most is what this finds.")
    def test_listing_fetches_what_it_returns(
        self, wire: Wire, new_manager: NewManager, new_session_id: Callable[..., str]
    ) -> None:
        """P4: listing 40 of 5,000 messages, the first or the last ones, fetches hardly more than listing 40 of 40."""
        short, long = (new_manager(new_session_id()) for _ in range(2))
        fill(short, 40)
        fill(long, 5000)
        with wire.counting() as least:
            short.list_messages(limit=40)
        for offset in (0, 4960):
            with wire.counting() as cost:
                assert len(long.list_messages(limit=40, offset=offset)) == 40
            assert cost.received <= 1.2 * least.received

    @hint("The agent's layout names the records in its window: `wanted` says which. Fetch no others.")
    def test_restore_fetches_the_window(
        self, wire: Wire, new_manager: NewManager, new_session_id: Callable[..., str]
    ) -> None:
        """P4: restoring a window of 40 after 5,000 messages fetches hardly more than one after 40."""
        received = []
        for length in (40, 5000):
            session_id = new_session_id()
            window = {"conversation_manager": SlidingWindowConversationManager(40)}
            messages = [user(TEXT, role="assistant" if number % 2 else "user") for number in range(length)]
            scripted_agent(new_manager(session_id), TEXT, messages=messages, **window)(TEXT)
            with wire.counting() as cost:
                restored = scripted_agent(
                    new_manager(session_id), conversation_manager=SlidingWindowConversationManager(40)
                )
            assert len(restored.messages) == 40
            received.append(cost.received)
        assert received[1] <= 1.2 * received[0]

    @quick
    @hint("The agent record holds the state. A turn that does not change it must not write it.")
    def test_unchanged_state(self, wire: Wire, new_manager: NewManager, session_id: str) -> None:
        """P5: a turn of an agent with 100 kB of unchanged state sends less than 10 kB."""
        live = scripted_agent(new_manager(session_id), state={"notes": "x" * 100_000})
        for _ in range(3):
            with wire.counting() as cost:
                live("hi")
            assert cost.sent < 10_000

    @requires("connection_string")
    @hint("Managers with one connection string share a pool, which has a limit, and waits where that is reached.")
    def test_many_managers(self, backend: Backend, session_id: str) -> None:
        """P6: 1,000 managers, 100 of them at once, open no more connections than a pool has, and leave none behind."""
        with Wire(*backend.address()) as wire:
            before = set(threading.enumerate())

            def talk(number: int) -> Any:
                manager = backend.manager(session_id, **backend.through(HOST, wire.port))
                asyncio.run(scripted_agent(manager, agent_id=f"agent-{number}").invoke_async("hi"))
                return manager

            managers = in_threads(100, talk) + [talk(number) for number in range(100, 1000)]
            assert wire.most <= backend.pool_size
            assert len(set(threading.enumerate()) - before) <= backend.pool_size
            for manager in managers:
                manager.close()
            assert {thread.name for thread in set(threading.enumerate()) - before} == set()
            wire.wait_until_open(0)


def change_everything(live: Agent, manager: Any) -> None:
    """Do with an agent whatever it is that takes round trips."""
    live(TEXT)
    live.state.set("count", 1)
    manager.sync_agent(live)
    manager.redact_latest_message({"role": "assistant", "content": [{"text": "[redacted]"}]}, live)


def fill(manager: Any, length: int) -> None:
    """Store a conversation of 500-byte messages in a session without agents."""
    messages = [records.message(n, TEXT, role="assistant" if n % 2 else "user") for n in range(length)]
    repository: package.LogRepository = manager.session_repository
    repository.write_log(batch(manager.session_id, agent=records.agent(), create=messages))
