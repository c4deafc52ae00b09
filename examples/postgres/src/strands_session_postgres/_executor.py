# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""The threads that write beside the event loop, and the order in which one agent's writes happen."""

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import CodeType

Job = Callable[[], None]

_THREADS = 32
_users = 0
_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()

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


def _hide_loop(job: Job | None) -> Job | None:
    """Return a job that finds no event loop on its thread, as on ours: a store may use `asyncio.run`."""
    if job is None:
        return None

    def hidden() -> None:
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        try:
            job()
        finally:
            asyncio._set_running_loop(loop)

    return hidden


def _submit(flight: Future[None], job: Job) -> None:
    """Complete a flight on one of the threads."""
    global _pool
    try:
        with _lock:
            if _pool is None:
                _pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="strands-session")
            # The job sees the caller's context variables: tracing spans, request ids in log records.
            _pool.submit(contextvars.copy_context().run, _complete, flight, job)
    except BaseException:  # no thread can start any more, as when Python ends: whoever waits must not wait for ever
        flight.cancel()
        flight.set_running_or_notify_cancel()
        raise


def _complete(flight: Future[None], job: Job) -> None:
    """Do a job, and tell everyone who waits for its flight; unless it was cancelled before it began."""
    if not flight.set_running_or_notify_cancel():
        return
    try:
        job()
    except BaseException as error:
        flight.set_exception(error)
    else:
        flight.set_result(None)


def _after_fork_in_child() -> None:
    """Drop the threads, which stayed in the parent, and the lock, which one of them may have held."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Writer:
    """Runs the writes of one agent one after another, whichever thread or event loop they come from.

    What is to be written depends on what the write before it achieved. So a write is given as a function that is called
    when none is in flight, captures what to write, and returns the job that writes it, or None.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held while capturing, never while writing
        self._flight: Future[None] | None = None
        self._process = os.getpid()

    def run(self, capture: Callable[[], Job | None]) -> None:
        """Write, on this thread.

        Raises:
            Exception: What `capture` or its job raised.
        """
        while True:
            job, flight = self._start(capture)
            if flight is None:
                break
            if job is not None:
                _complete(flight, job)
                flight.result()
                break
            wait([flight])

    async def run_async(self, capture: Callable[[], Job | None]) -> None:
        """Write, on a thread beside the event loop, unless that loop is there for this call alone.

        A caller that is cancelled leaves its write in flight: the next one waits for it.

        Raises:
            Exception: What `capture` or its job raised.
        """
        if _is_sync_call():
            self.run(lambda: _hide_loop(capture()))
            return
        while True:
            job, flight = self._start(capture)
            if flight is None:
                break
            if job is not None:
                _submit(flight, job)
            waiting = asyncio.wrap_future(flight)
            # Its error belongs to whoever started it. Without this, asyncio reports one that nobody is left to see.
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            if job is not None:
                await waiting
                break
            await asyncio.wait([waiting])

    def settle(self) -> None:
        """Wait for a write in flight, whatever becomes of it."""
        flight = self._flight
        if flight is not None and self._process == os.getpid():
            wait([flight])

    def _start(self, capture: Callable[[], Job | None]) -> tuple[Job | None, Future[None] | None]:
        """Return a job that the caller has to complete, and its flight; or else the flight of another one."""
        with self._lock:
            flight = self._flight
            if flight is not None and not flight.done() and self._process == os.getpid():
                return None, flight
            job = capture()
            self._flight, self._process = None if job is None else Future(), os.getpid()
            return job, self._flight
