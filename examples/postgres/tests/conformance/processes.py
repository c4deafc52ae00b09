"""Other processes: some talk, some are killed."""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from strands.types.exceptions import SessionException

CONTEXT: Any = multiprocessing.get_context("spawn")
if sys.platform == "linux":
    # They are as new as spawned ones, but the SDK, which takes more than a second, is imported once for all of them.
    CONTEXT = multiprocessing.get_context("forkserver")
    CONTEXT.set_forkserver_preload([__package__])
PATIENCE = 60.0
"""Seconds that another process may take, on a slow machine, before a test gives up."""


class OtherProcess:
    """A process that runs a function, to which it gives a pipe to report by. It is killed at the end, if not before."""

    def __init__(self, function: Callable[..., None], *arguments: Any) -> None:
        """Start it.

        Args:
            function: The function, of a module that another process can import.
            *arguments: Its arguments. The last one that it gets is the pipe.
        """
        self._pipe, there = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=function, args=(*arguments, there))
        with pytest.MonkeyPatch.context() as patch:
            # What the processes are forked from does not know where the tests are, before Python 3.14.
            patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
            self._process.start()
        there.close()

    def report(self) -> Any:
        """Return what the process reports."""
        assert self._pipe.poll(PATIENCE), "the other process does not answer"
        try:
            return self._pipe.recv()
        except EOFError as error:
            raise SessionException("the other process ended without a report: see its output") from error

    def tell(self, what: Any = None) -> None:
        """Send the process something by its pipe, unless it has ended."""
        with contextlib.suppress(OSError):
            self._pipe.send(what)

    def kill(self) -> None:
        """Kill it, as kill -9 does: without a chance to clean up. It is gone afterwards."""
        self._process.kill()
        self._process.join()

    def rest(self) -> list[Any]:
        """Return what a process that has ended reported, as far as nobody took it."""
        reports: list[Any] = []
        with contextlib.suppress(EOFError, OSError):  # there is no more, or only a part of it
            while self._pipe.poll():
                reports.append(self._pipe.recv())
        return reports

    def __enter__(self) -> "OtherProcess":
        """Use it in a `with` statement, which kills it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Kill it."""
        self.kill()
        self._pipe.close()
