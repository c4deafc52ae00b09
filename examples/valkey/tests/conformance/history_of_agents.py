"""One random history of a live agent: whoever restores it gets the agent as it was when it was last saved."""

import contextlib
import uuid
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from strands import tool
from strands.agent.conversation_manager import NullConversationManager, SlidingWindowConversationManager
from strands.types.exceptions import SessionException

from . import package
from .compared import Stores, Tally, close, outcome
from .faults import failing
from .model import agent_ids, is_storable, plain_documents, session_ids, texts
from .same import assert_same
from .scripted_model import Block, Call, ScriptedModel, scripted_agent

one_place = st.integers(0, 5)
said = texts.map(lambda text: f"said {text}")
windows = st.none() | st.just(4)


@tool
def look_up(what: Any) -> dict[str, Any]:
    """Give back what it is given.

    Args:
        what: Anything.
    """
    return {"status": "success", "content": [{"json": {"found": what}}]}


class HistoryOfAgents(RuleBasedStateMachine):
    """One history of an agent.

    Attributes:
        saved: What a restore must give: the agent when it was last saved. None while a save has failed.
        log: The messages that were saved behind all others, each as it was saved last: they stay in the store.
    """

    live: Any
    manager: Any

    def __init__(self, stores: Stores, tally: Tally) -> None:
        """Start with nothing stored."""
        super().__init__()
        self.stores, self.backend, self.tally = stores, stores.backend, tally
        self.token = uuid.uuid4().hex
        self.session_id = self.agent_id = ""
        self.window: int | None = None
        self.saved: Any = None
        self.log: dict[int, tuple[Any, Any]] = {}
        self.inserted: dict[int, Any] = {}
        self.secrets: set[str] = set()
        self.opened: list[Any] = []

    @initialize(session=session_ids, agent=agent_ids, window=windows)
    def start(self, session: str, agent: str, window: int | None) -> None:
        """Choose ids, and build an agent."""
        self.tally.runs += 1
        self.session_id = session.replace("{}", self.token)
        self.agent_id, self.window = agent, window
        self.begin()

    # -- What an agent does

    @rule(prompt=said, answer=said)
    def talk(self, prompt: str, answer: str) -> None:
        """Ask, and get an answer."""
        self.turn(prompt, answer)

    @rule(prompt=said, given=plain_documents)
    def call_a_tool(self, prompt: str, given: Any) -> None:
        """Ask something that takes a tool."""
        if is_storable(given, self.backend):
            self.turn(prompt, Call("look_up", {"what": given}), "found it")

    @rule()
    def be_blocked(self) -> None:
        """Say something that a guardrail redacts."""
        self.turn(self.secret(), Block("redacted by the guardrail"))

    @rule(said=said)
    def redact(self, said: str) -> None:
        """Redact the last message, after the turn."""
        if self.live.messages and is_text(self.live.messages[-1]):
            latest = self.live.messages[-1]
            latest["content"] = [{"text": self.secret()}]
            self.sync()
            self.manager.redact_latest_message({"role": latest["role"], "content": [{"text": said}]}, self.live)
            self.acknowledge()

    @rule(state=plain_documents)
    def change_state(self, state: dict[str, Any]) -> None:
        """Change the agent's state, without saving it."""
        if is_storable(state, self.backend):
            for key, value in state.items():
                self.live.state.set(f"key {key}", value)

    @rule(place=one_place, said=said)
    def insert(self, place: int, said: str) -> None:
        """Put a message somewhere, without saving it."""
        message = {"role": "user", "content": [{"text": said}]}
        self.live.messages.insert(self.seam(place), message)
        if self.live.messages[-1] is not message:
            self.inserted[id(message)] = message

    @rule(place=one_place, said=said)
    def rewrite(self, place: int, said: str) -> None:
        """Rewrite a message in place, without saving it."""
        for message in self.live.messages[place : place + 1]:
            if is_text(message):
                message["content"][0]["text"] = said
                self.log.pop(id(message), None)  # it may be saved on the way, and leave the window within one turn

    @rule(place=one_place, more=st.integers(1, 3))
    def delete(self, place: int, more: int) -> None:
        """Delete messages, without saving it."""
        first, last = sorted((self.seam(place), self.seam(place + more)))
        del self.live.messages[first:last]

    @rule()
    def sync(self) -> None:
        """Save what changed."""
        self.manager.sync_agent(self.live)
        self.acknowledge()

    # -- Who else there is

    @rule(go_on=st.booleans())
    def restore(self, go_on: bool) -> None:
        """Restore the agent elsewhere, as it was last saved; sometimes go on there, after the last save."""
        if self.saved is None or go_on:
            self.sync()
        manager, restored = self.build()
        assert_same(snapshot(restored), self.saved, "the restored agent")
        if go_on:
            places = {id(old): new for old, new in zip(self.live.messages, restored.messages, strict=True)}
            for numbered in (self.log, self.inserted):
                for number in places.keys() & numbered.keys():
                    copy = numbered.pop(number)
                    new = places[number]
                    numbered[id(new)] = (new, copy[1]) if numbered is self.log else new
            self.manager, self.live = manager, restored

    @precondition(lambda self: self.backend.conflict)
    @rule(prompt=said)
    def second_writer(self, prompt: str) -> None:
        """Restore the agent elsewhere and go on there: the first one is refused from then on."""
        first = self.live, self.manager
        self.restore(True)
        self.turn(prompt, "answered by the second one")
        first[0].state.set("who", "the first one")
        error = outcome(lambda: first[1].sync_agent(first[0]))
        assert isinstance(error, package.SessionConflictError), f"the first writer is not refused: {error!r}"

    @rule(prompt=said)
    def delete_session(self, prompt: str) -> None:
        """Delete the session under the agent: its next turn is refused, nothing is created again. Begin anew."""
        self.stores.reader.delete_session(self.session_id)
        error = outcome(lambda: self.live(prompt))
        assert isinstance(error, package.SessionNotFoundError), f"a turn in a deleted session: {error!r}"
        assert self.stores.reader.read_session(self.session_id) is None, "the session was created again"
        self.begin()

    # -- What goes wrong

    @rule(prompt=said, executed=st.booleans(), after=st.integers(0, 1))
    def fail(self, prompt: str, executed: bool, after: int) -> None:
        """Talk while a save fails, before the store executes it or after that."""
        self.sync()
        with failing(self.manager.session_repository, "write_log", executed=executed, after=after):
            error = outcome(lambda: self.turn(prompt, "an answer"))
        assert isinstance(error, package.SessionUnavailableError), f"a save failed, and the turn: {error!r}"
        self.saved = None

    @precondition(lambda self: self.stores.wire)
    @rule(reply=st.booleans())
    def cut(self, reply: bool) -> None:
        """Cut the connections: now, or in place of the reply to what comes next."""
        assert self.stores.wire
        if reply:
            self.manager.session_repository.read_session(self.session_id)
            self.stores.wire.lose_reply()
            self.live.state.set("reply", uuid.uuid4().hex)
            self.sync()
        else:
            self.stores.wire.cut()

    # -- The end

    def teardown(self) -> None:
        """Restore it once more, look at all that was said, and delete it."""
        try:
            if self.session_id:
                self.restore(False)
                self.check_log()
        finally:
            for manager in self.opened:
                close(manager)
            with contextlib.suppress(SessionException):  # a start that failed
                self.stores.reader.delete_session(self.session_id)

    def check_log(self) -> None:
        """Fail unless all that was said is in the store, in order, and nothing of what was redacted."""
        stored = self.stores.reader.list_messages(self.session_id, self.agent_id)
        found = [said_in(record.to_message()) for record in stored]
        assert [record.message_id for record in stored] == list(range(len(stored))), "the ids of messages have gaps"
        lost = [copy for _, copy in self.log.values() if said_in(copy) not in found]
        assert not lost, f"saved, and no longer in the store: {lost}"
        self.stores.check_redacted(self.secrets)

    # -- How a step is done

    def begin(self) -> None:
        """Build an agent in a session that is not there yet."""
        self.log, self.inserted = {}, {}
        self.manager, self.live = self.build()
        self.acknowledge()

    def build(self) -> tuple[Any, Any]:
        """Build an agent with a manager of its own: new, or restored."""
        manager = self.backend.manager(self.session_id, **self.stores.options)
        self.opened.append(manager)
        window = NullConversationManager() if self.window is None else SlidingWindowConversationManager(self.window)
        return manager, scripted_agent(manager, agent_id=self.agent_id, conversation_manager=window, tools=[look_up])

    def turn(self, prompt: str, *script: Any) -> None:
        """Take a turn, in which everything is saved."""
        self.live.model = ScriptedModel(*script)
        self.live(prompt)
        self.acknowledge()

    def acknowledge(self) -> None:
        """Take note of what was saved."""
        self.tally.acknowledged += 1
        self.saved = deepcopy(snapshot(self.live))
        for message in self.live.messages:
            if id(message) not in self.inserted:
                self.log[id(message)] = message, deepcopy(message)

    def secret(self) -> str:
        """Return a text that is redacted soon."""
        secret = f"secret {uuid.uuid4().hex}"
        self.secrets.add(secret)
        return secret

    def seam(self, place: int) -> int:
        """Return a position at which no tool call is parted from its result."""
        messages = self.live.messages
        seams = [at for at in range(len(messages) + 1) if at == 0 or not calls(messages[at - 1])]
        return seams[place % len(seams)]


def snapshot(agent: Any) -> Any:
    """Return all of an agent that a restore gives back."""
    return agent.take_snapshot(preset="session", include=["system_prompt"]).data


def is_text(message: Any) -> bool:
    """Whether a message is nothing but a text."""
    return [list(block) for block in message["content"]] == [["text"]]


def calls(message: Any) -> bool:
    """Whether a message calls a tool."""
    return any("toolUse" in block for block in message["content"])


def said_in(message: Any) -> str:
    """Return what a message says: the SDK gives it a tracking id later on, maybe on the way out of a window."""
    return repr((message["role"], message["content"]))
