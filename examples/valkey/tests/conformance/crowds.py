"""Group R, third part: many processes that write to one agent, or begin with it, at the same moment."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import accumulate, pairwise
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from typing import Any, NamedTuple

from strands import Agent
from strands.types.exceptions import EventLoopException

from . import package, processes
from .backend import Backend
from .cases import Cases, faults, hint, lifecycle, requires
from .processes import PATIENCE, OtherProcess
from .records import AGENT_ID, ids, texts
from .restore import user
from .scripted_model import scripted_agent
from .trials import Trials

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]
Reopen = Callable[..., Any]

NOT_READY = "another process was not ready"


class Save(NamedTuple):
    """A save that was acknowledged: what it held, and when it began and ended, by the clock of all processes."""

    texts: list[str]
    began: int
    ended: int


class Crowds(Cases):
    """Group R, third part."""

    @faults
    @lifecycle
    @hint("An append takes the id after the last one that it knows of, or is refused: no free id, and no taken one.")
    def test_crowd_of_writers(
        self, backend: Backend, new_agent: NewAgent, reopen: Reopen, session_id: str, trials: Trials
    ) -> None:
        """R31: 8 processes append to one agent, anew after each conflict: each acknowledged message is there, once."""
        new_agent(agent_id=AGENT_ID)
        saves, refused = write_in_crowd(backend, session_id, 8, trials, trials.count(6, 60))
        records = reopen().list_messages(session_id, AGENT_ID)
        said = texts(records)
        acknowledged = [text for save in saves for text in save.texts]
        lost = sum(said.count(text) != 1 for text in acknowledged)
        trials.record(runs=8, acknowledged=len(acknowledged), lost=lost, conflicts=refused)
        assert lost == 0, f"{lost} acknowledged messages are not there once"
        assert ids(records) == list(range(len(said)))
        assert refused >= 7, "of 8 agents that were restored before the first append, not just one was let through"
        assert texts(new_agent(agent_id=AGENT_ID).messages) == said
        assert_in_order(saves, said)
        if backend.atomic_batch:
            assert len(said) == len(acknowledged), "a refused message is there"

    @faults
    @lifecycle
    @hint("Whoever finds the session, or the agent, just created restores it. Whoever lost the race says so.")
    def test_crowd_at_a_cold_start(
        self, backend: Backend, new_session_id: Callable[[], str], reopen: Reopen, trials: Trials
    ) -> None:
        """R32: 16 processes begin one session at once: each talks or meets a conflict; what was said is one history."""
        sessions = [new_session_id() for _ in range(trials.count(2, 20))]
        with crowd(16, start, lambda number: (backend.options(), sessions, number)) as running:
            outcomes = reports_of(running)
        lost, histories = 0, []
        for session, answers in zip(sessions, zip(*outcomes, strict=True), strict=True):
            records = reopen().list_messages(session, AGENT_ID)
            said = texts(records)
            histories.append((ids(records), said, answers))
            turns = set(pairwise(said))
            lost += sum((f"from {number}", answer) not in turns for number, answer in enumerate(answers) if answer)
        talked = [answer for one in outcomes for answer in one if answer]
        trials.record(runs=16 * len(sessions), acknowledged=len(talked), lost=lost)
        assert lost == 0, f"{lost} acknowledged turns are not in one piece in the history"
        for numbers, said, answers in histories:
            assert any(answers), "no process got through"
            assert numbers == list(range(len(said)))
            # One that was refused its answer has asked: of two that ask at once, both with an id that was free.
            possible = {f"from {number}" for number in range(16)} | {answer for answer in answers if answer}
            assert set(said) <= possible, "the answer of a turn that was refused is there"
            assert len(set(said)) == len(said)

    @faults
    @lifecycle
    @hint("A read is of one moment: two must not be put together, nor a cache be asked. A save is seen whole or not.")
    def test_reader_beside_writers(
        self, backend: Backend, new_agent: NewAgent, reopen: Reopen, session_id: str, trials: Trials
    ) -> None:
        """R33: who lists and restores while others append sees the beginning of the history, and never less again."""
        new_agent(agent_id=AGENT_ID)
        stop = processes.CONTEXT.Event()
        with OtherProcess(read, backend.options(), session_id, stop) as reader:
            assert reader.report() == "reading"
            saves, _ = write_in_crowd(backend, session_id, 3, trials, trials.count(10, 150))
            stop.set()
            ((lengths, seen, wrong),) = reports_of([reader])
        said = texts(reopen().list_messages(session_id, AGENT_ID))
        trials.record(runs=len(lengths), acknowledged=sum(len(save.texts) for save in saves), lost=len(wrong))
        assert not wrong, f"{len(wrong)} of {len(lengths)} reads do not go on from the one before: {wrong[:3]}"
        assert seen == said[: len(seen)], "what was read is no beginning of the history"
        if backend.atomic_batch:
            sizes = {save.texts[0]: len(save.texts) for save in saves}
            whole = {0, *accumulate(sizes[text] for text in said if text in sizes)}
            assert set(lengths) <= whole, "a part of a save was read"

    @faults
    @lifecycle
    @requires("conflict")
    @hint("State is read, changed and written: the write holds only if nobody wrote in between. It carries a version.")
    def test_crowd_that_counts(self, backend: Backend, new_agent: NewAgent, session_id: str, trials: Trials) -> None:
        """R34: 8 processes count in the state of one agent, anew after each conflict: no acknowledged step is lost."""
        new_agent(agent_id=AGENT_ID)
        steps = trials.count(6, 60)
        with crowd(8, count, lambda number: (backend.options(), session_id, steps, trials.random(number))) as running:
            refused = sum(reports_of(running))
        counted = new_agent(agent_id=AGENT_ID).state.get("count")
        lost = 8 * steps - counted
        trials.record(runs=8, acknowledged=8 * steps, lost=lost, conflicts=refused)
        assert lost == 0, f"{lost} acknowledged steps are lost"
        assert refused >= 7, "of 8 agents that were restored before the first step, not just one was let through"


@contextmanager
def crowd(
    size: int, function: Callable[..., None], arguments: Callable[[int], tuple[Any, ...]]
) -> Iterator[list[OtherProcess]]:
    """Run processes, each with arguments of its own, and a barrier for all of them before the pipe."""
    barrier = processes.CONTEXT.Barrier(size)
    with ExitStack() as running:
        yield [running.enter_context(OtherProcess(function, *arguments(number), barrier)) for number in range(size)]


def reports_of(running: list[OtherProcess]) -> list[Any]:
    """Return what processes report, and fail if one of them is an error."""
    reports = [process.report() for process in running]
    errors = {report for report in reports if isinstance(report, str)}
    assert not errors, "\n".join(sorted(errors - {NOT_READY}))
    return reports


def write_in_crowd(backend: Backend, session_id: str, size: int, trials: Trials, count: int) -> tuple[list[Save], int]:
    """Let processes save until each was acknowledged so often; return these saves, and how many were refused."""

    def arguments(number: int) -> tuple[Any, ...]:
        return backend.options(), session_id, number, count, trials.random(number)

    with crowd(size, write, arguments) as running:
        reports = reports_of(running)
    return [Save(*save) for saves, _ in reports for save in saves], sum(refused for _, refused in reports)


def assert_in_order(saves: list[Save], said: list[str]) -> None:
    """Fail unless each save is in one piece, and behind all that were acknowledged before it began."""
    where = {text: position for position, text in enumerate(said)}
    latest: Save | None = None
    for save in sorted(saves, key=lambda save: where[save.texts[0]]):
        first = where[save.texts[0]]
        assert said[first : first + len(save.texts)] == save.texts, "a save is not in one piece"
        # Not <: to a coarse clock they may be the same moment.
        assert latest is None or latest.began <= save.ended, f"{save} was acknowledged before {latest} began"
        latest = save if latest is None else max(latest, save, key=lambda save: save.began)


class Member:
    """One of a crowd: it has an agent, and builds a new one after each conflict, in its manager or in a new one.

    Attributes:
        manager: The manager.
        agent: The agent.
        refused: How many conflicts it met.
    """

    def __init__(self, options: dict[str, Any], session_id: str, chance: random.Random) -> None:
        """Restore the agent."""
        self._options, self._session_id, self._chance = options, session_id, chance
        self.refused = 0
        self.manager = package.SessionManager(session_id, **options)
        self.agent = scripted_agent(self.manager, agent_id=AGENT_ID)

    def save(self, change: Callable[[Agent], None]) -> bool:
        """Change the agent and save it; return whether that was acknowledged. Then others have a chance, by chance."""
        change(self.agent)
        try:
            self.manager.sync_agent(self.agent)
        except package.SessionConflictError:
            self.refused += 1
            if self._chance.random() < 0.5:
                self.manager.close()
                self.manager = package.SessionManager(self._session_id, **self._options)
            self.agent = scripted_agent(self.manager, agent_id=AGENT_ID)
            return False
        if self._chance.random() < 0.5:
            time.sleep(self._chance.random() * 0.01)
        return True


@contextmanager
def reporting(pipe: Connection, barrier: Barrier | None = None) -> Iterator[None]:
    """Report an error as text, and let nobody wait for this process."""
    try:
        yield
    except threading.BrokenBarrierError:
        pipe.send(NOT_READY)
    except BaseException as error:
        if barrier is not None:
            barrier.abort()
        pipe.send(f"{type(error).__name__}: {error}")


def write(
    options: dict[str, Any],
    session_id: str,
    number: int,
    count: int,
    chance: random.Random,
    barrier: Barrier,
    pipe: Connection,
) -> None:
    """Save messages of its own, one to three at once, until so many saves are acknowledged."""
    with reporting(pipe, barrier):
        member = Member(options, session_id, chance)
        saves: list[tuple[list[str], int, int]] = []
        barrier.wait(PATIENCE)
        attempt = 0
        while len(saves) < count:
            attempt += 1
            said = [f"{number}, {attempt}, {part}" for part in range(chance.randint(1, 3))]
            began = time.monotonic_ns()
            if member.save(lambda agent, said=said: agent.messages.extend(map(user, said))):
                saves.append((said, began, time.monotonic_ns()))
        member.manager.close()
        pipe.send((saves, member.refused))


def start(options: dict[str, Any], sessions: list[str], number: int, barrier: Barrier, pipe: Connection) -> None:
    """Open each of the sessions when all are ready to, and talk; report the answers, None after a conflict."""
    with reporting(pipe, barrier):
        answers: list[str | None] = []
        for session_id in sessions:
            barrier.wait(PATIENCE)
            try:
                with package.SessionManager(session_id, **options) as manager:
                    scripted_agent(manager, f"answer to {number}", agent_id=AGENT_ID)(f"from {number}")
                answers.append(f"answer to {number}")
            except package.SessionConflictError:
                answers.append(None)
            except EventLoopException as error:
                if not isinstance(error.__cause__, package.SessionConflictError):
                    raise
                answers.append(None)
        pipe.send(answers)


def read(options: dict[str, Any], session_id: str, stop: Event, pipe: Connection) -> None:
    """List and restore until told to stop; report how much at a time, what last, and what did not fit."""
    with reporting(pipe):
        pipe.send("reading")
        lengths: list[int] = []
        seen: list[str] = []
        wrong: list[str] = []
        while not stop.is_set():
            with package.SessionManager(session_id, **options) as manager:
                records = manager.list_messages(agent_id=AGENT_ID)
                restored = scripted_agent(manager, agent_id=AGENT_ID).messages
            for said in (texts(records), texts(restored)):
                lengths.append(len(said))
                if said[: len(seen)] != seen:
                    wrong.append(f"after {len(seen)} messages {len(said)}, from {said[:1]} to {said[-1:]}")
                seen = said
            if ids(records) != list(range(len(records))):
                wrong.append(f"ids {ids(records)}")
        pipe.send((lengths, seen, wrong))


def count(
    options: dict[str, Any], session_id: str, steps: int, chance: random.Random, barrier: Barrier, pipe: Connection
) -> None:
    """Count in the agent's state, until so many steps are acknowledged."""
    with reporting(pipe, barrier):
        member, acknowledged = Member(options, session_id, chance), 0
        barrier.wait(PATIENCE)
        while acknowledged < steps:
            acknowledged += member.save(lambda agent: agent.state.set("count", (agent.state.get("count") or 0) + 1))
        member.manager.close()
        pipe.send(member.refused)
