# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""The threads that write beside the event loop, and the order in which one agent's writes happen."""

import asyncio
import contextvars
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import Any, Protocol, cast

Job = Callable[[], None]


class SharedJob(Protocol):
    """A job that may be done along with others, in one go.

    Attributes:
        is_done: Whether it was done along with others. To call it then is all that is left.
    """

    is_done: bool

    @property
    def kind(self) -> Hashable:
        """Equal for jobs that can be done together; None for one that is done alone."""

    def __call__(self) -> None:
        """Do the job, or what is left of it."""

    def do_together(self, jobs: Sequence[Any]) -> None:
        """Do as many of these jobs, which are of one kind, as can be done in one go."""


@dataclass(frozen=True)
class _Flight:
    """A job that somebody waits for, and the context variables that it sees: tracing spans, ids in log records."""

    future: Future[None]
    job: Job
    kind: Hashable  # of a `SharedJob`
    context: contextvars.Context

    def complete(self) -> None:
        """Do the job, and tell everyone who waits for it."""
        self.context.run(_complete, self.future, self.job)


_THREADS = 32
_TOGETHER = 50  # jobs at most, so that none waits for long for the others
_users = 0
_pool: ThreadPoolExecutor | None = None
_rounds: defaultdict[asyncio.AbstractEventLoop, list[_Flight]] = defaultdict(list)
_lock = threading.Lock()
_arrived = threading.local()  # while a thread completes flights: who waits for them, by event loop

try:
    from strands._async import run_async

    # The coroutine that a call such as `agent("...")` runs, in a thread and an event loop that are there for it alone.
    _SYNC_CALLS = frozenset(code for code in run_async.__code__.co_consts if isinstance(code, CodeType))
except (ImportError, AttributeError):  # it is private to the SDK: without it, all writes are made on our threads
    _SYNC_CALLS = frozenset()


def acquire() -> None:
    """Count one more manager that may write. The threads themselves start with the first write."""
    global _users
    with _lock:
        _users += 1


def release() -> None:
    """Count one manager less. The last one ends the threads."""
    global _users, _pool
    with _lock:
        _users -= 1
        pool, _pool = (_pool, None) if _users == 0 else (None, _pool)
    if pool is not None:
        pool.shutdown()


def _is_sync_call() -> bool:
    """Whether a write on this thread holds nobody up: the event loop is that of a sync call, with no task beside it.

    The call waits for its loop, and to wake another thread would cost it more than most writes do.
    """
    task = asyncio.current_task()
    is_sync = task is not None and getattr(task.get_coro(), "cr_code", None) in _SYNC_CALLS
    return is_sync and len(asyncio.all_tasks()) == 1


def _hide_loop(job: Job) -> None:
    """Do a job that finds no event loop on its thread, as on ours: a store may use `asyncio.run`."""
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        job()
    finally:
        asyncio._set_running_loop(loop)


def _submit(future: Future[None], job: Job) -> None:
    """Do a job on one of the threads, once the event loop has gone through all tasks that are ready now.

    So agents that write at the same time, as in a server, do it in one go where their store can.
    """
    loop, kind = asyncio.get_running_loop(), getattr(job, "kind", None)
    hash(kind)  # or what groups by it could not: better an error here
    with _lock:
        _rounds[loop].append(_Flight(future, job, kind, contextvars.copy_context()))
        is_first = len(_rounds[loop]) == 1
    if is_first:
        loop.call_soon(_start_round, loop)


def _start_round(*loops: asyncio.AbstractEventLoop) -> None:
    """Hand what was submitted in this round of these event loops to the threads; by default, of all of them."""
    groups: defaultdict[Hashable, list[_Flight]] = defaultdict(list)
    with _lock:
        for flight in [flight for loop in loops or [*_rounds] for flight in _rounds.pop(loop, [])]:
            groups[id(flight) if flight.kind is None else flight.kind].append(flight)
    for group in groups.values():
        for at in range(0, len(group), _TOGETHER):
            _start_thread(_fly, group[at : at + _TOGETHER])


def _start_thread(work: Callable[[list[_Flight]], None], flights: list[_Flight]) -> None:
    global _pool
    claim = threading.Lock()  # on the flights: whoever gets it completes them

    def start() -> None:
        if claim.acquire(blocking=False):
            work(flights)

    try:
        with _lock:
            if _pool is None:
                _pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="strands-session")
            _pool.submit(start)
    except RuntimeError as error:  # no thread can start any more, as when Python ends: nobody may wait for ever
        if not claim.acquire(blocking=False):  # one that was there has taken them all the same
            return
        for flight in flights:
            if flight.future.running() or flight.future.set_running_or_notify_cancel():
                flight.future.set_exception(error)


def _fly(flights: list[_Flight]) -> None:
    """Complete flights, in one go where there are several; what that leaves is done side by side."""
    flights = [flight for flight in flights if flight.future.set_running_or_notify_cancel()]
    if len(flights) > 1:
        jobs = [cast("SharedJob", flight.job) for flight in flights]
        jobs[0].do_together(jobs)
        for flight, job in zip(flights, jobs, strict=True):
            if not job.is_done:
                _start_thread(_land, [flight])
        flights = [flight for flight, job in zip(flights, jobs, strict=True) if job.is_done]
    _land(flights)


def _land(flights: list[_Flight]) -> None:
    """Complete flights, and then wake each event loop on which they are waited for, once for all of them."""
    waiting: defaultdict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
    _arrived.waiting = waiting
    try:
        for flight in flights:
            flight.complete()
    finally:
        del _arrived.waiting
    for loop, arrivals in waiting.items():
        _wake(loop, arrivals)


async def _arrival(future: Future[None]) -> None:
    """Wait for a flight, whatever becomes of it."""
    loop = asyncio.get_running_loop()
    arrival: asyncio.Future[None] = loop.create_future()

    def arrive(_: Future[None]) -> None:
        waiting = getattr(_arrived, "waiting", None)
        if waiting is None:
            _wake(loop, [arrival])
        else:
            waiting[loop].append(arrival)

    future.add_done_callback(arrive)
    await arrival


def _wake(loop: asyncio.AbstractEventLoop, arrivals: list["asyncio.Future[None]"]) -> None:
    def wake() -> None:
        for arrival in arrivals:
            if not arrival.done():  # it is where the turn was cancelled
                arrival.set_result(None)

    with suppress(RuntimeError):  # the loop was closed: nobody waits there
        loop.call_soon_threadsafe(wake)


def _wait(flight: Future[None]) -> None:
    """Wait for a flight, whatever becomes of it: the event loop that it was to start from may not go on."""
    _start_round()
    wait([flight])


def _complete(future: Future[None], job: Job) -> None:
    try:
        job()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(None)


def _after_fork_in_child() -> None:
    """Drop the threads, which stayed in the parent, and the lock, which one of them may have held."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()
    _rounds.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Writer:
    """Runs the writes of one agent one after another, whichever thread or event loop they come from.

    What is to be written depends on what the write before it achieved. So a write is given as a function that is called
    when none is in flight, captures what to write, and returns the job that writes it, or None.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held while capturing, never while writing
        self._is_writing = False
        self._end: Future[None] | None = None  # of that write; who waits for it makes it
        self._process = os.getpid()

    def run(self, capture: Callable[[], Job | None]) -> None:
        """Write, on this thread.

        Raises:
            Exception: What `capture` or its job raised.
        """
        while True:
            job, end = self._start(capture)
            if end is None:
                break
            _wait(end)
        if job is not None:
            self._write(job)

    async def run_async(self, capture: Callable[[], Job | None]) -> None:
        """Write, on a thread beside the event loop, unless that loop is there for this call alone.

        A caller that is cancelled leaves its write in flight: the next one waits for it.

        Raises:
            Exception: What `capture` or its job raised.
        """
        while True:
            job, end = self._start(capture)
            if end is None:
                break
            _start_round()  # it may have been submitted on an event loop that does not go on
            await _arrival(end)  # its error belongs to whoever started it
        if job is None:
            return
        if _is_sync_call():
            self._write(partial(_hide_loop, job))
            return
        flight: Future[None] = Future()
        flight.add_done_callback(self._finish)
        try:
            _submit(flight, job)
            await _arrival(flight)
        except BaseException:  # the caller is cancelled, or nothing was submitted
            flight.cancel()  # unless it has begun
            raise
        flight.result()

    def settle(self) -> None:
        """Wait for a write in flight, whatever becomes of it."""
        if self._process != os.getpid():  # the lock may be held by a thread that stayed in the parent
            return
        with self._lock:
            end = self._find_end()
        if end is not None:
            _wait(end)

    def _start(self, capture: Callable[[], Job | None]) -> tuple[Job | None, Future[None] | None]:
        """Return a job that the caller has to do, and to `_finish`; or else what ends with the job of another one."""
        with self._lock:
            end = self._find_end()
            job = capture() if end is None else None
            if job is not None:
                self._is_writing, self._end, self._process = True, None, os.getpid()
            return job, end

    def _find_end(self) -> Future[None] | None:
        if not self._is_writing or self._process != os.getpid():
            return None
        self._end = self._end or Future()
        return self._end

    def _write(self, job: Job) -> None:
        try:
            job()
        finally:
            self._finish()

    def _finish(self, _: object = None) -> None:
        with self._lock:
            self._is_writing, end = False, self._end
        if end is not None:
            end.set_result(None)
