"""Group R, fourth part: many agents at once, in one event loop and in several processes."""

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

from strands import Agent

from . import package
from .backend import Backend
from .cases import Cases, faults, hint, lifecycle, requires
from .crowds import crowd, reporting, reports_of
from .processes import PATIENCE
from .records import AGENT_ID, texts
from .scripted_model import scripted_agent
from .trials import Trials
from .wire import HOST, Wire

NewSessionId = Callable[[], str]
Reopen = Callable[..., Any]

LATENCY = 0.02
"""Seconds that the store takes longer to answer."""
TIMEOUT = 30
"""The time-out of the packages, which also limits how long to wait for a connection."""
TURNS = 3
TICK = 0.001


class Talk(NamedTuple):
    """How it went when many agents talked at once.

    Attributes:
        failures: What the turns raised.
        seconds: How long it took.
        stall: For how many seconds the event loop stood still at most.
    """

    failures: list[str]
    seconds: float
    stall: float


@faults
@lifecycle
@requires("nonblocking")
class Load(Cases):
    """Group R, fourth part."""

    @hint("A pool that has lent all its connections lets the next one wait. A hook hands over its write.")
    def test_agents_in_one_loop(
        self, backend: Backend, new_session_id: NewSessionId, reopen: Reopen, trials: Trials
    ) -> None:
        """R41: 200 agents talk in one event loop, the store is slow, connections are few: all wait, and none fails."""
        sessions = [new_session_id() for _ in range(trials.count(40, 200))]
        without = talk([scripted_agent(None, agent_id=AGENT_ID) for _ in sessions])
        with slow_store(backend, 1) as [(options, wire)], agents_of(options, sessions) as built:
            saves = Saves([manager for manager, _ in built], 0.0 if wire else LATENCY)
            went = talk([agent for _, agent in built])
            most = wire.most if wire else 0
        lost = lost_turns(reopen(), sessions)
        trials.record(
            runs=len(sessions),
            acknowledged=TURNS * len(sessions) - len(went.failures),
            lost=lost,
            connections=most,
            saves_at_once=saves.at_once,
            seconds=round(went.seconds, 3),
            turns_per_second=round(TURNS * len(sessions) / went.seconds, 1),
            stall=round(went.stall, 4),
            seconds_without=round(without.seconds, 3),
            stall_without=round(without.stall, 4),
        )
        assert went.failures == []
        assert lost == 0, f"{lost} acknowledged turns are not there"
        assert most <= backend.pool_size
        assert saves.at_once > 1, "while one agent saves, no other one gets to it: a hook holds up the event loop"

    @hint("What a process may open is limited by an option or the connection string: whoever finds none free waits.")
    def test_agents_in_several_processes(
        self, backend: Backend, new_session_id: NewSessionId, reopen: Reopen, trials: Trials
    ) -> None:
        """R42: 8 processes with 25 agents and 10 connections each, and a slow store: none fails, and all is there."""
        size, count = trials.count(2, 8), 25
        connections = 10  # a server may allow 100 in all
        sessions = [[new_session_id() for _ in range(count)] for _ in range(size)]
        with slow_store(backend, size) as reached:
            limited = [backend.limited(options, connections) if wire else options for options, wire in reached]
            with crowd(size, talk_elsewhere, lambda number: (limited[number], sessions[number])) as running:
                went = [Talk(*report) for report in reports_of(running)]
            most = [wire.most for _, wire in reached if wire]
        failures = [failure for one in went for failure in one.failures]
        lost = sum(lost_turns(reopen(), some) for some in sessions)
        turns = TURNS * size * count
        seconds = max(one.seconds for one in went)
        trials.record(
            runs=size * count,
            acknowledged=turns - len(failures),
            lost=lost,
            connections=most,
            seconds=round(seconds, 3),
            turns_per_second=round(turns / seconds, 1),
            stall=round(max(one.stall for one in went), 4),
        )
        assert failures == []
        assert lost == 0, f"{lost} acknowledged turns are not there"
        assert max(most, default=0) <= connections


class Saves:
    """Counts how many saves of agents are in flight at once."""

    def __init__(self, managers: list[Any], seconds: float) -> None:
        """Watch them.

        Args:
            managers: The managers of the agents.
            seconds: How much longer each save is to take.
        """
        self._now = 0
        self._counts: list[int] = []
        self._lock = threading.Lock()
        for manager in managers:
            repository = manager.session_repository
            repository.write_log = self._watched(repository.write_log, seconds, lambda batch: 1)
            repository.write_together = self._watched(repository.write_together, seconds, len)

    @property
    def at_once(self) -> float:
        """How many are in flight when one begins, with that one: as many or more, half of the time."""
        return statistics.median(self._counts)

    def _watched(self, write: Callable[..., Any], seconds: float, size: Callable[[Any], int]) -> Callable[..., Any]:
        def watched(saves: Any, **kwargs: Any) -> Any:
            count = size(saves)
            with self._lock:
                self._counts += range(self._now + 1, self._now + count + 1)
                self._now += count
            try:
                time.sleep(seconds)
                return write(saves, **kwargs)
            finally:
                with self._lock:
                    self._now -= count

        return watched


@contextmanager
def slow_store(backend: Backend, count: int) -> Iterator[list[tuple[dict[str, Any], Wire | None]]]:
    """Lead to the store by so many ways, each over a slow wire where one can be laid."""
    with ExitStack() as opened:
        reached: list[tuple[dict[str, Any], Wire | None]] = []
        for _ in range(count):
            if backend.round_trips:
                wire = opened.enter_context(Wire(*backend.address(), latency=LATENCY))
                reached.append(({**backend.through(HOST, wire.port), "timeout": TIMEOUT}, wire))
            else:
                reached.append((backend.options(), None))
        yield reached


@contextmanager
def agents_of(options: dict[str, Any], sessions: list[str]) -> Iterator[list[tuple[Any, Agent]]]:
    """Build a manager and an agent for each session, in threads, as an application does: it waits for the store."""
    with ExitStack() as opened:

        def build(session_id: str) -> tuple[Any, Agent]:
            manager = opened.enter_context(package.SessionManager(session_id, **options))
            return manager, scripted_agent(manager, agent_id=AGENT_ID)

        with ThreadPoolExecutor(16) as threads:
            built = list(threads.map(build, sessions))
        yield built


def talk(agents: list[Agent]) -> Talk:
    """Let all agents talk at once, on one event loop, and watch that."""

    async def run() -> Talk:
        stall, start = 0.0, time.monotonic()

        async def tick() -> None:
            nonlocal stall
            while True:
                before = time.monotonic()
                await asyncio.sleep(TICK)
                stall = max(stall, time.monotonic() - before - TICK)

        async def turns(agent: Agent) -> list[str]:
            failures = []
            for turn in range(TURNS):
                try:
                    await agent.invoke_async(f"turn {turn}")
                except Exception as error:
                    failures.append(f"{type(error).__name__}: {error.__cause__ or error}")
            return failures

        ticking = asyncio.create_task(tick())
        failures = await asyncio.gather(*map(turns, agents))
        seconds = time.monotonic() - start
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        return Talk([failure for some in failures for failure in some], seconds, stall)

    return asyncio.run(run())


def talk_elsewhere(options: dict[str, Any], sessions: list[str], barrier: Barrier, pipe: Connection) -> None:
    """Build agents in another process, and let them talk when all processes are ready to."""
    with reporting(pipe, barrier), agents_of(options, sessions) as built:
        barrier.wait(PATIENCE)
        pipe.send(tuple(talk([agent for _, agent in built])))


def lost_turns(repository: Any, sessions: list[str]) -> int:
    """How many turns are not in the store."""
    stored = [texts(repository.list_messages(session_id, AGENT_ID)) for session_id in sessions]
    said = [[f"turn {turn}", f"answer {turn + 1}"] for turn in range(TURNS)]
    return sum(some[2 * turn : 2 * turn + 2] != said[turn] for some in stored for turn in range(TURNS))
