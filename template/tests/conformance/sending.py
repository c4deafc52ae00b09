"""Group P, with real agents: what a session sends and reads, counted in calls. Nothing here is timed.

The calls are those that `Backend.writes` and `Backend.reads` name. A save may read once, to see whether it was first.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from strands.types.content import Message

from .backend import Backend
from .cases import Cases, hint, lifecycle, quick, requires
from .faults import watched
from .graphs import chain
from .same import assert_same_agent
from .scripted_model import Block, ScriptedModel

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]

TEXT = "x" * 500


class Cost(NamedTuple):
    """The calls of a manager: their arguments, as they are made."""

    writes: list[tuple[Any, ...]]
    reads: list[tuple[Any, ...]]

    @property
    def sent(self) -> int:
        """How many bytes the writes have sent."""
        return sum(map(size, self.writes))


@quick
@lifecycle
class Sending(Cases):
    """Group P, with real agents."""

    @hint("What a new agent has from the start is one save; whether it is new takes one read.")
    def test_new_agent(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """P1: a new agent takes 1 write and at most 2 reads, however many messages it is given."""
        manager = new_manager()
        messages: list[Message] = [{"role": "user", "content": [{"text": TEXT}]} for _ in range(5)]
        with counting(backend, manager) as cost:
            new_agent(session_manager=manager, messages=messages, state={"a": 1})
        assert len(cost.writes) == 1
        assert len(cost.reads) <= 2

    @hint("A save is one write, with all that changed: the message, and the state if that did.")
    def test_turn(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """P1: a message takes 1 write and at most 1 read, in each turn alike."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        for _ in range(3):
            with counting(backend, manager) as cost:
                live(TEXT)
            assert len(cost.writes) == 2, "a turn of two messages"
            assert len(cost.reads) <= 2

    @hint("Compare with what was stored: where nothing changed, nothing is called.")
    def test_sync(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """P1: an unchanged sync takes no call, one of a changed state or a rewritten message 1 write."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        live(TEXT)
        with counting(backend, manager) as cost:
            manager.sync_agent(live)
        assert (cost.writes, cost.reads) == ([], []), "an unchanged sync"
        changes: list[Callable[[], Any]] = [lambda: live.state.set("a", 1)]
        changes.append(lambda: live.messages[0].update(content=[{"text": "new"}]))
        for change in changes:
            change()
            with counting(backend, manager) as cost:
                manager.sync_agent(live)
            assert len(cost.writes) == 1
            assert len(cost.reads) <= 1

    @hint("A redaction is a save of its own, and one write.")
    def test_redaction(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """P1: a redaction takes 1 write, of what takes the message's place and not of the message."""
        manager = new_manager()
        live = new_agent(session_manager=manager, model=ScriptedModel("fine", Block("[redacted]")))
        live("hi")
        with counting(backend, manager) as cost:
            live("secret")
        assert len(cost.writes) == 3, "a prompt, its redaction, and an answer"
        assert ["secret" in repr(one) for one in cost.writes] == [True, False, False]
        assert ["[redacted]" in repr(one) for one in cost.writes] == [False, True, False]

    @hint("What was read is what is stored: one read gives all of it, and nothing is written before something changes.")
    def test_restore(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """P1, A10: a restore takes 1 read and no write, however long the conversation is; nor does a sync after it."""
        live = new_agent(state={"large": "x" * 100_000})
        for _ in range(30):
            live(TEXT)
        manager = new_manager()
        with counting(backend, manager) as cost:
            restored = new_agent(session_manager=manager)
            manager.sync_agent(restored)
        assert len(restored.messages) == 60
        assert cost.writes == []
        assert len(cost.reads) <= 1

    @hint("A save holds what is new, not the conversation: neither its messages nor their ids.")
    def test_long_conversation(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """P2: turn 100 sends at most 1.2 times as much as turn 2."""
        manager = new_manager()
        live = new_agent(session_manager=manager, model=ScriptedModel(*[TEXT] * 100))
        sent = []
        for _ in range(100):
            with counting(backend, manager) as cost:
                live(TEXT)
            sent.append(cost.sent)
        assert sent[1] > 2 * len(TEXT), "the saves do not go through what Backend.writes names"
        assert sent[99] <= 1.2 * sent[1]

    @hint("A service answers page by page: ask for the next one until there is none.")
    def test_long_log(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """P1: of more saves than a service gives back at once all are restored, and the agent goes on."""
        manager = new_manager()
        live = new_agent(session_manager=manager)
        for number in range(1200):
            message: Message = {"role": "assistant" if number % 2 else "user", "content": [{"text": str(number)}]}
            manager.append_message(message, live)
        restored = new_agent()
        assert_same_agent(restored, live)
        restored("Is that all?")
        assert_same_agent(new_agent(), restored)

    @hint("Send the state where it changed, and not with each message.")
    def test_unchanged_state(self, backend: Backend, new_agent: NewAgent, new_manager: NewManager) -> None:
        """P5: with 100 kB of unchanged state a turn sends less than 10 kB, after a restore as well."""
        for options in ({"state": {"large": "x" * 100_000}}, {}):
            manager = new_manager()
            live = new_agent(session_manager=manager, **options)
            live(TEXT)
            with counting(backend, manager) as cost:
                live(TEXT)
            assert len(TEXT) < cost.sent < 10_000

    @requires("multi_agent")
    @hint("The state of a graph is stored after each node, and once at its beginning and end.")
    def test_graph(self, backend: Backend, new_manager: NewManager) -> None:
        """P1: a graph of three nodes takes at most 5 writes."""
        manager = new_manager()
        live: Any = chain(manager, [], [], [])
        with watched(*backend.writes_multi_agent(manager)) as writes:
            live("begin")
        assert 3 <= len(writes) <= 5


@contextmanager
def counting(backend: Backend, manager: Any) -> Iterator[Cost]:
    """Collect the calls of a manager."""
    with ExitStack() as watching:
        reads = watching.enter_context(watched(*backend.reads(manager)))
        yield Cost(watching.enter_context(watched(*backend.writes(manager))), reads)


def size(value: Any) -> int:
    """How many bytes of text and bytes there are in a value."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes | bytearray):
        return len(value)
    if isinstance(value, dict):
        return size([*value, *value.values()])
    return sum(map(size, value)) if isinstance(value, list | tuple) else 0
