# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""The threads that write off the event loop, and the order in which one agent's writes happen."""

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

Job = Callable[[], None]

_THREADS = 32
_users = 0
_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()


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


def _submit(job: Job) -> Future[None]:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="strands-session")
        # The job sees the caller's context variables: tracing spans, request ids in log records.
        return _pool.submit(contextvars.copy_context().run, job)


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
        """Write, and wait for it.

        Raises:
            Exception: What `capture` or its job raised.
        """
        while True:
            started, flight = self._start(capture)
            if flight is None:
                break
            if started:
                flight.result()
                break
            wait([flight])

    async def run_async(self, capture: Callable[[], Job | None]) -> None:
        """Write, and wait for it without blocking the event loop.

        A caller that is cancelled leaves its write in flight: the next one waits for it.

        Raises:
            Exception: What `capture` or its job raised.
        """
        while True:
            started, flight = self._start(capture)
            if flight is None:
                break
            waiting = asyncio.wrap_future(flight)
            # Its error belongs to whoever started it. Without this, asyncio reports one that nobody is left to see.
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            if started:
                await waiting
                break
            await asyncio.wait([waiting])

    def settle(self) -> None:
        """Wait for a write in flight, whatever becomes of it."""
        if self._flight is not None and self._process == os.getpid():
            wait([self._flight])

    def _start(self, capture: Callable[[], Job | None]) -> tuple[bool, Future[None] | None]:
        """Return whether the write was started, and the one in flight."""
        with self._lock:
            if self._flight is not None and not self._flight.done() and self._process == os.getpid():
                return False, self._flight
            job = capture()
            self._flight, self._process = None if job is None else _submit(job), os.getpid()
            return True, self._flight
