"""Other processes: some talk, some are killed."""

import multiprocessing
from collections.abc import Callable
from typing import Any

from strands.types.exceptions import SessionException

CONTEXT = multiprocessing.get_context("spawn")
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
        self._process.start()
        there.close()

    def report(self) -> Any:
        """Return what the process reports."""
        assert self._pipe.poll(PATIENCE), "the other process does not answer"
        try:
            return self._pipe.recv()
        except EOFError as error:
            raise SessionException("the other process ended without a report: see its output") from error

    def __enter__(self) -> "OtherProcess":
        """Use it in a `with` statement, which kills it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Kill it, as nothing else is killed: without a chance to clean up."""
        self._process.kill()
        self._process.join()
        self._pipe.close()
