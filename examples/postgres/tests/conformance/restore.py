"""Group N, first half: `agent.messages` is restored exactly, whoever changed it, and however."""

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from strands import Agent, tool
from strands.agent import _continuation
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.hooks import AfterInvocationEvent, BeforeModelCallEvent, MessageAddedEvent
from strands.storage import LocalFileStorage
from strands.types.content import Message

from .backend import Backend
from .cases import Cases, hint, lifecycle, quick
from .conversation import OVERFLOW, summarizing
from .records import texts
from .same import assert_same_agent
from .scripted_model import Call, ScriptedModel

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Stored = Callable[..., Any]

SECRET = "hunter2-hunter2"
WAYS = ["in place", "new content", "anew"]


@quick
@lifecycle
class ExactRestore(Cases):
    """Group N, first half."""

    @hint("The layout in the agent record names the runs of records that are in the window, pins among them.")
    def test_pins_and_window(self, new_agent: NewAgent, manager: Any) -> None:
        """N1: two pinned messages and a window of 4 over 12 messages: pins stay, trimmed messages stay away."""
        live = new_agent(session_manager=manager, conversation_manager=SlidingWindowConversationManager(4, pin_first=2))
        for turn in range(6):
            live(f"question {turn}")
            assert_same_agent(new_agent(conversation_manager=SlidingWindowConversationManager(4, pin_first=2)), live)
        assert texts(live.messages)[:2] == ["question 0", "answer 1"]
        assert "question 1" not in texts(live.messages)

    @hint("Messages that nobody announced are found by comparing the list with what was stored.")
    def test_direct_appends(self, new_agent: NewAgent, manager: Any) -> None:
        """N2: messages appended to agent.messages before, between and after turns are restored, also after a trim."""
        window = SlidingWindowConversationManager
        live = new_agent(session_manager=manager, messages=[user("given")], conversation_manager=window(6))
        live.messages.append(user("before", role="assistant"))
        live("one")
        live.messages += [user("between"), user("and", role="assistant")]
        live("two")
        assert_same_agent(new_agent(conversation_manager=window(6)), live)
        live.messages += [user("after"), user("all", role="assistant")]
        manager.sync_agent(live)
        assert_same_agent(new_agent(conversation_manager=window(6)), live)
        live("three")
        assert len(live.messages) == 6
        assert_same_agent(new_agent(conversation_manager=window(6)), live)

    @hint("Copies that are equal are the same messages: their records are found again, and nothing is stored twice.")
    def test_copied_messages(self, new_agent: NewAgent, manager: Any, stored: Stored) -> None:
        """N2: messages that are replaced by equal copies, and rewritten then, are stored once."""
        live = new_agent(session_manager=manager, messages=[user("one"), user("two"), user("three")])
        live.messages = copy.deepcopy(live.messages)
        manager.sync_agent(live)
        rewrite(live.messages[1], "rewritten")
        manager.sync_agent(live)
        assert_same_agent(new_agent(), live)
        assert texts(stored()) == ["one", "rewritten", "three"]

    @pytest.mark.parametrize("seed", range(6))
    @hint("Any list can become any other: inserted, removed, moved, doubled, rewritten. Try the seed alone.")
    def test_arbitrary_edits(self, new_agent: NewAgent, manager: Any, seed: int) -> None:
        """N2: whatever is done to agent.messages, in place or by another list, is restored after each step."""
        live = new_agent(session_manager=manager, messages=[user(f"given {number}") for number in range(6)])
        edits = Edits(random.Random(seed))
        for _ in range(12):
            done = [edits.apply(live) for _ in range(edits.random.choice([1, 1, 1, 3]))]
            manager.sync_agent(live)
            restored = new_agent()
            try:
                assert_same_agent(restored, live)
            except AssertionError as error:
                raise AssertionError(f"after {', '.join(done)}: {error}") from error

    @pytest.mark.parametrize("how", WAYS)
    @hint("Compare with a copy of what was stored: identity does not notice a change within the message.")
    def test_rewritten_by_a_hook(self, backend: Backend, new_agent: NewAgent, manager: Any, how: str) -> None:
        """N4: a prompt that a hook scrubs after it was stored is restored scrubbed, and is at rest scrubbed."""
        dumps: list[bytes] = []

        def scrub(event: MessageAddedEvent) -> None:
            if SECRET in repr(event.message):
                if backend.redacts:
                    dumps.append(backend.dump())
                rewrite(event.message, "[scrubbed]", how)

        live = new_agent(session_manager=manager, hooks=[scrub])
        live("hi")
        live(SECRET)
        assert texts(live.messages)[2] == "[scrubbed]"
        assert_same_agent(new_agent(), live)
        if backend.redacts:
            assert SECRET.encode() in dumps[0], "the message was not stored before the hook rewrote it"
            assert SECRET.encode() not in backend.dump()

    @hint("At each message those of the turn are compared, too: the process may not see the end of a long turn.")
    def test_rewritten_within_a_turn(self, backend: Backend, new_agent: NewAgent, manager: Any) -> None:
        """N4: a prompt that a hook scrubs is stored scrubbed before the turn ends: with its next message."""
        dumps: list[bytes] = []
        restored: list[Any] = []

        @tool
        def look() -> str:
            """Look."""
            restored.append(new_agent().messages[0])
            dumps.append(backend.dump() if backend.redacts else b"")
            return "seen"

        def scrub(event: MessageAddedEvent) -> None:
            if SECRET in repr(event.message):
                rewrite(event.message, "[scrubbed]")

        live = new_agent(Call("look"), "done", session_manager=manager, hooks=[scrub], tools=[look])
        live(SECRET)
        assert texts(restored) == ["[scrubbed]"]
        assert not backend.redacts or b"[scrubbed]" in dumps[0]
        assert SECRET.encode() not in dumps[0]

    @pytest.mark.parametrize("how", WAYS)
    @hint("Once per turn all messages are compared, not only those of the turn, and after all other hooks.")
    def test_rewritten_later(self, backend: Backend, new_agent: NewAgent, manager: Any, how: str) -> None:
        """N4: a message of an earlier turn that is rewritten at the end of a later one is restored rewritten."""

        def scrub(event: AfterInvocationEvent) -> None:
            if len(event.agent.messages) > 6:
                rewrite(event.agent.messages[0], "[scrubbed]", how)

        live = new_agent(session_manager=manager)
        live.add_hook(scrub, order=99)
        live(SECRET)
        for prompt in ("one", "two", "three"):
            live(prompt)
        assert texts(live.messages)[0] == "[scrubbed]"
        assert_same_agent(new_agent(), live)
        assert not backend.redacts or SECRET.encode() not in backend.dump()

    @pytest.mark.parametrize("place", [0, -1], ids=["oldest", "latest"])
    @hint("A restored agent's messages are compared with what was read, from its first turn on.")
    def test_rewritten_after_restore(self, backend: Backend, new_agent: NewAgent, manager: Any, place: int) -> None:
        """N4: a message that is rewritten in a restored agent, before it says anything new, is stored rewritten."""
        first = new_agent(SECRET, session_manager=manager)
        first(SECRET)
        second = new_agent()
        rewrite(second.messages[place], "[scrubbed]", "in place")
        second("go on")
        assert_same_agent(new_agent(), second)
        assert texts(second.messages).count("[scrubbed]") == 1

    @hint("A message without a record stands in the layout: the agent's own must not be the one that is compared with.")
    def test_inserted_and_rewritten_after_restore(self, new_agent: NewAgent, manager: Any) -> None:
        """N4: a message that was inserted before others is rewritten after a restore: the next restore has it so."""
        live = new_agent(session_manager=manager)
        live("one")
        live.messages.insert(1, user("inserted"))
        manager.sync_agent(live)
        restored = new_agent()
        restored.messages[1]["content"][0]["text"] = "rewritten"
        restored("two")
        assert_same_agent(new_agent(), restored)

    @hint("The context manager rewrites messages that are stored already: compare them at the end of the turn.")
    def test_offloaded_result(self, backend: Backend, new_agent: NewAgent, manager: Any) -> None:
        """N5: a large tool result that the context manager offloads is restored as its reference, at rest as well."""

        @tool
        def read_file() -> str:
            """Read it."""
            return f"begin {'filler ' * 10_000} {SECRET} {'filler ' * 10_000} end"

        model = ScriptedModel(Call("read_file"), "read", context_window_limit=200_000)
        options: dict[str, Any] = {"tools": [read_file], "context_manager": "auto"}
        live = new_agent(session_manager=manager, model=model, **options)
        live("read it")
        assert len(repr(live.messages)) < 20_000, "the SDK did not offload the result"
        assert_same_agent(new_agent(**options), live)
        assert not backend.redacts or SECRET.encode() not in backend.dump()

    @hint("ContextManager.stash_is_durable tells. A restored agent cannot look up what was kept in memory.")
    def test_volatile_stash(self, new_agent: NewAgent, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
        """N5: where the context manager keeps what it takes out in memory, a warning says so, elsewhere none."""
        new_agent(agent_id="durable", context_manager="auto", storage=LocalFileStorage(str(tmp_path)))
        new_agent(agent_id="without", context_manager={"stash": False})
        assert "storage" not in caplog.text
        new_agent(agent_id="volatile", context_manager="auto")
        assert "volatile" in caplog.text
        assert "storage" in caplog.text

    @hint("A direct tool call appends its messages from another thread and event loop.")
    def test_direct_tool_call(self, new_agent: NewAgent, manager: Any) -> None:
        """N2: what `agent.tool.x()` records in the conversation is restored."""

        @tool
        def look_up(key: str) -> str:
            """Look it up."""
            return key * 2

        live = new_agent(session_manager=manager, tools=[look_up])
        live.tool.look_up(key="a")
        live("one")
        live.tool.look_up(key="b")
        assert len(live.messages) == 10
        assert_same_agent(new_agent(tools=[look_up]), live)

    @hint("A turn that is cancelled ends with AfterInvocationEvent, too: what it left in memory is stored then.")
    def test_cancelled_by_the_user(self, new_agent: NewAgent, manager: Any) -> None:
        """N2: a turn that the user cancels leaves the same messages in memory and in the store."""

        def cancel(event: BeforeModelCallEvent) -> None:
            if len(event.agent.messages) == 3:
                event.agent.cancel()

        live = new_agent(session_manager=manager, hooks=[cancel])
        for prompt in ("one", "two", "three"):
            live(prompt)
        assert_same_agent(new_agent(), live)

    @hint("The agent may have fewer messages than are stored when the next one is added: look at both lengths first.")
    def test_dropped_within_a_turn(self, new_agent: NewAgent, manager: Any) -> None:
        """N2: messages that a hook drops in the middle of a turn are not restored."""

        def drop(event: BeforeModelCallEvent) -> None:
            if len(event.agent.messages) == 5:
                del event.agent.messages[1:-1]

        live = new_agent(session_manager=manager, hooks=[drop])
        for prompt in ("one", "two", "three"):
            live(prompt)
        assert len(live.messages) == 3
        assert_same_agent(new_agent(), live)

    @hint("The merged message has the tracking id of the one that it replaces, and its record.")
    def test_merged_continuation(self, new_agent: NewAgent, manager: Any, stored: Stored) -> None:
        """N6: input that is merged into the last user message is restored, and stored, as one message."""

        def add_input(event: BeforeModelCallEvent) -> None:
            if len(event.agent.messages) == 3:
                _continuation.add_input(event, _continuation._ContinuationInput(args="and this"))

        live = new_agent(session_manager=manager, hooks=[add_input])
        live("one")
        live("two")
        assert [block["text"] for block in live.messages[2]["content"]] == ["two", "and this"]
        assert_same_agent(new_agent(), live)
        assert len(stored()) == 4

    @hint("A summary that stands behind pinned messages stays there: it has a place in the layout.")
    def test_summary_in_its_place(self, new_agent: NewAgent, manager: Any) -> None:
        """N8: a summary is restored where it stood, a second one replaces it, and none is made again."""
        script = ["1", "2", "3", OVERFLOW, "the summary", "4", "5", OVERFLOW, "the second summary", "6"]
        live = new_agent(*script, session_manager=manager, conversation_manager=summarizing(1))
        for turn in range(6):
            live(f"question {turn}")
            restored = new_agent(conversation_manager=summarizing(1))
            assert_same_agent(restored, live)
        assert [text for text in texts(live.messages) if "summary" in text] == ["the second summary"]
        assert "summary" in texts(live.messages)[1]
        restored("question 6")
        assert len(restored.model.calls) == 1


class Edits:
    """Random edits of a list of messages."""

    def __init__(self, source: random.Random) -> None:
        """Take the source of randomness."""
        self.random = source
        self.made = 0

    def apply(self, agent: Agent) -> str:
        """Make one edit, and return its name."""
        edits = [
            self.append,
            self.insert,
            self.remove,
            self.move,
            self.double,
            self.rewrite,
            self.replace,
            self.copy_list,
            self.clear,
        ]
        edit = self.random.choices(edits, weights=[6, 4, 4, 3, 2, 4, 3, 1, 0.3])[0]
        edit(agent)
        return edit.__name__

    def new(self) -> Message:
        """A message that there was not before, with a tracking id or, as when a program made it, without."""
        self.made += 1
        message = user(f"new {self.made}", role=self.random.choice(["user", "assistant"]))
        if self.random.random() < 0.5:
            message["tracking_id"] = f"tracking-{self.made}"
        return message

    def place(self, agent: Agent) -> int:
        """A place in the list."""
        return self.random.randrange(len(agent.messages) + 1)

    def append(self, agent: Agent) -> None:
        """Append a message."""
        agent.messages.append(self.new())

    def insert(self, agent: Agent) -> None:
        """Insert a message anywhere."""
        agent.messages.insert(self.place(agent), self.new())

    def remove(self, agent: Agent) -> None:
        """Remove some messages that stand together."""
        place = self.place(agent)
        del agent.messages[place : place + self.random.randint(1, 3)]

    def move(self, agent: Agent) -> None:
        """Move a message elsewhere."""
        if agent.messages:
            moved = agent.messages.pop(self.random.randrange(len(agent.messages)))
            agent.messages.insert(self.place(agent), moved)

    def double(self, agent: Agent) -> None:
        """Put a message into the list a second time, the very same object."""
        if agent.messages:
            agent.messages.insert(self.place(agent), self.random.choice(agent.messages))

    def rewrite(self, agent: Agent) -> None:
        """Rewrite a message in place."""
        if agent.messages:
            self.made += 1
            rewrite(self.random.choice(agent.messages), f"rewritten {self.made}", self.random.choice(WAYS))

    def replace(self, agent: Agent) -> None:
        """Replace a message by another object, which may be equal to it."""
        if agent.messages:
            place = self.random.randrange(len(agent.messages))
            message: Any = dict(agent.messages[place])
            if self.random.random() < 0.5:
                message["content"] = [{"text": f"replaced {self.made}"}]
            agent.messages[place] = message

    def copy_list(self, agent: Agent) -> None:
        """Give the agent another list of the same messages."""
        agent.messages = list(agent.messages)

    def clear(self, agent: Agent) -> None:
        """Remove all messages."""
        agent.messages.clear()


def user(text: Any, role: Any = "user") -> Message:
    """A message as a program makes it: without a tracking id."""
    return {"role": role, "content": [{"text": text}]}


def rewrite(message: Message, text: str, how: str = "in place") -> None:
    """Rewrite a message: the text within it, its content as a whole, or all of it, its tracking id included."""
    if how == "in place":
        message["content"][0]["text"] = text
    elif how == "new content":
        message["content"] = [{"text": text}]
    else:
        role, fields = message["role"], cast("dict[str, Any]", message)
        fields.clear()
        fields.update(user(text, role))
