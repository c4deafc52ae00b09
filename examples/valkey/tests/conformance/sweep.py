"""Group R, first part: a fault at every place of a conversation, one after the other."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from strands import Agent, tool

from . import package
from .backend import Backend
from .cases import Cases, faults, hint, lifecycle, requires
from .faults_of_records import CallFault, managers_with, use_single_methods
from .outages import error_of
from .records import ids
from .restore import user
from .same import assert_same, assert_same_agent
from .scripted_model import Block, Call, ScriptedModel, Step, scripted_agent
from .trials import Trials
from .wire import HOST
from .wire_faults import FAULTS, FaultyWire

SECRET = "hunter2-hunter2"
TIMEOUT = 0.25  # where nothing can end the waiting but it
LATENESS = 0.4
"""Seconds by which a reply comes too late: within the time-out of whatever is asked on the same connection next."""

EVERY = 5
"""Which places to try in a short run: every so many there is a message to save, whichever is the first."""

each_length = pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])


class FaultSweep(Cases):
    """Group R, first part."""

    @faults
    @lifecycle
    @requires("round_trips")
    @pytest.mark.parametrize("fault", FAULTS)
    @each_length
    @hint(
        "After a fault the outcome of a write is unknown: the same again, to the byte, is recognised and stored once."
        " A connection on which something broke is never used again."
    )
    def test_every_place_on_the_wire(
        self,
        backend: Backend,
        trials: Trials,
        new_session_id: Callable[..., str],
        reopen: Callable[..., Any],
        fault: str,
        for_good: bool,
    ) -> None:
        """R11: a fault at any place on the wire: all acknowledged is stored once, in order; the next save heals."""
        waits = for_good or fault == "reply late"
        sweep = Sweep(trials, backend, new_session_id, reopen())

        def run(place: int) -> bool:
            address = backend.address()
            with FaultyWire(*address, fault, place, for_good=for_good, lateness=LATENESS) as wire:
                options = backend.through(HOST, wire.port) | ({"timeout": TIMEOUT} if waits else {})
                # A busy machine may be slower than so short a time-out, now and then.
                talk = sweep.talk(wire.heal, errors=1, slack=5 * waits)
                talk.hold(lambda: package.SessionManager(talk.session_id, **options))
                return wire.is_hit

        sweep.over(run, f"{fault}, {'for good' if for_good else 'once'}")

    @faults
    @lifecycle
    @pytest.mark.parametrize("over", ["batch", "single methods"])
    @pytest.mark.parametrize("executed", [False, True], ids=["not executed", "reply lost"])
    @each_length
    @hint("What is known as stored moves forward after a write, and an unsure write is repeated as it was.")
    def test_every_call(
        self,
        backend: Backend,
        trials: Trials,
        new_session_id: Callable[..., str],
        reopen: Callable[..., Any],
        over: str,
        executed: bool,
        for_good: bool,
    ) -> None:
        """R12: any call of the repository fails: all acknowledged is stored once, in order; the next save heals."""
        sweep = Sweep(trials, backend, new_session_id, reopen())
        options = backend.options()

        def run(place: int) -> bool:
            fault = CallFault(place, executed, for_good)
            talk = sweep.talk(fault.heal, errors=1 + for_good)

            def new_manager() -> Any:
                with managers_with(fault):
                    manager = package.SessionManager(talk.session_id, **options)
                if over == "single methods":
                    use_single_methods(manager.session_repository)
                return manager

            talk.hold(new_manager)
            return fault.is_hit

        sweep.over(run, f"{over}, {'reply lost' if executed else 'not executed'}, {'for good' if for_good else 'once'}")


@tool
def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word} is a word"


def say(prompt: str, *script: Step) -> Callable[[Any, Agent], object]:
    """A turn. The model gets its answers at the turn's beginning, as the one before may not have come to its end."""

    def turn(manager: Any, live: Agent) -> None:
        live.model = ScriptedModel(*script)
        live(prompt)

    return turn


def change_much(manager: Any, live: Agent) -> None:
    """A change of state and messages that the program adds, all in one save."""
    live.state.set("count", 1)
    asides: list[Any] = [user("By the way."), user("Noted.", role="assistant")]
    # With the ids that the SDK would add in the next turn: until then they are as they were acknowledged.
    for number, aside in enumerate(asides):
        aside["tracking_id"] = f"aside-{number}"
    live.messages += asides
    manager.sync_agent(live)


STEPS = [
    say("What is this?", Call("look_up", {"word": "this"}), "It is a word."),
    say(SECRET, Block("[redacted]")),
    change_much,
    say("And that?"),
]
END = say("The end.")


@dataclass
class Sweep:
    """The same conversation many times, with a fault at another place each time.

    Attributes:
        trials: How many places to try, and where to begin.
        backend: The backend.
        new_session_id: Makes ids of sessions.
        stored: A repository that no fault reaches.
        runs: How many conversations there were.
        acknowledged: How many messages were acknowledged in them.
        lost: How many of these were not stored, or not as they were.
    """

    trials: Trials
    backend: Backend
    new_session_id: Callable[..., str]
    stored: Any
    runs: int = 0
    acknowledged: int = 0
    lost: int = 0

    def talk(self, heal: Callable[[], None], *, errors: int, slack: int = 0) -> "Talk":
        """Begin a conversation.

        Args:
            heal: Ends the fault.
            errors: How many errors come of it, at most. Then it is healed.
            slack: How many may come of something else.
        """
        return Talk(self, self.new_session_id(), heal, errors, slack)

    def over(self, run: Callable[[int], bool], what: str) -> None:
        """Hold the conversation with a fault at the first place, the second, ... until it comes to none.

        Args:
            run: Holds the conversation, with a fault at a place, and returns whether there was one.
            what: What is swept over.
        """
        step = self.trials.count(EVERY, 1)
        place = self.trials.random().randint(1, step)
        try:
            while self._is_hit(run, place):
                place += step
                assert place < 10_000, "the conversation has no end"
        finally:
            self.trials.record(runs=self.runs, acknowledged=self.acknowledged, lost=self.lost, what=what)
        assert self.runs > 1, "no place was hit"

    def _is_hit(self, run: Callable[[int], bool], place: int) -> bool:
        self.runs += 1
        try:
            return run(place)
        except AssertionError as error:
            raise AssertionError(f"with a fault at place {place}: {error}") from error


@dataclass
class Talk:
    """A conversation that goes on whatever fails, with a tool, a redaction and a change of state in it."""

    sweep: Sweep
    session_id: str
    heal: Callable[[], None]
    errors: int
    slack: int
    acknowledged: list[Any] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)

    def hold(self, new_manager: Callable[[], Any]) -> None:
        """Hold it, and compare what is stored with what was acknowledged, and at the end with what was said."""
        manager = self._insist(new_manager)
        try:
            live = self._insist(lambda: scripted_agent(manager, tools=[look_up]))
            for step in STEPS:
                if self._succeeds(partial(step, manager, live)):
                    self._acknowledge(live)
                self._compare(live)
            self.heal()
            self._insist(partial(END, manager, live))
            self._acknowledge(live)
            self._compare(live)
            self._compare_whole(live)
        finally:
            self.heal()
            manager.close()

    def _insist(self, step: Callable[[], Any]) -> Any:
        """Try until it succeeds, and return what came of it."""
        made: list[Any] = []
        while not self._succeeds(lambda: made.append(step())):
            pass
        return made[0]

    def _succeeds(self, step: Callable[[], Any]) -> bool:
        error = error_of(step)
        if error is None:
            return True
        assert isinstance(error, package.SessionUnavailableError), f"not a SessionUnavailableError: {error!r}"
        self.errors -= 1
        assert self.errors + self.slack >= 0, f"the fault is over, and still: {error!r}"
        if self.errors <= 0:
            self.heal()
        return False

    def _acknowledge(self, live: Agent) -> None:
        self.sweep.acknowledged += len(live.messages) - len(self.acknowledged)
        self.acknowledged = deepcopy(live.messages)
        self.states = [live.state.get()]

    def _compare(self, live: Agent) -> None:
        """Compare what is stored with what was acknowledged. What was not may be stored, where it belongs."""
        stored = self.sweep.stored.list_messages(self.session_id, live.agent_id)
        messages = [record.to_message() for record in stored]
        kept = sum(one == other for one, other in zip(messages, self.acknowledged, strict=False))
        self.sweep.lost += len(self.acknowledged) - kept
        assert kept == len(self.acknowledged), f"{len(self.acknowledged)} acknowledged, and stored are {messages}"
        assert ids(stored) == list(range(len(stored))), f"stored under the ids {ids(stored)}"
        assert len(stored) <= len(live.messages), f"said were {len(live.messages)}, stored are {len(stored)} messages"
        state = self.sweep.stored.read_agent(self.session_id, live.agent_id).state
        assert state in [*self.states, live.state.get()], f"the stored state is {state}"

    def _compare_whole(self, live: Agent) -> None:
        """Compare what is stored with what was said: it is healed."""
        stored = self.sweep.stored.list_messages(self.session_id, live.agent_id)
        assert_same([record.to_message() for record in stored], live.messages)
        assert (SECRET in repr(stored)) == (SECRET in repr(live.messages)), "what was redacted is stored"
        restoring = self.sweep.backend.manager(self.session_id)
        try:
            assert_same_agent(scripted_agent(restoring, tools=[look_up]), live)
        finally:
            restoring.close()
