"""Faults around a real repository: watched calls, single methods in place of the batch, any call that fails."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any

import pytest

from . import package


@contextmanager
def watching(repository: Any) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """Collect the calls of a repository's methods: name and positional arguments."""
    calls: list[tuple[str, tuple[Any, ...]]] = []
    methods = [name for name, value in inspect.getmembers(package.LogRepository, callable) if name[0] != "_"]
    originals = {name: getattr(repository, name) for name in methods}

    def watched(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append((name, args))
            return originals[name](*args, **kwargs)

        return call

    for name in originals:
        setattr(repository, name, watched(name))
    try:
        yield calls
    finally:
        for name, original in originals.items():
            setattr(repository, name, original)


def use_single_methods(repository: Any) -> None:
    """Make a repository save and restore through its single methods, as one without a batch of its own does."""
    for name in ("write_log", "read_log"):
        setattr(repository, name, MethodType(getattr(package.LogRepository, name), repository))


@dataclass
class CallFault:
    """A fault at one call of a repository, whichever method it is.

    Attributes:
        left: How many calls are still made until then, and that one.
        executed: Whether the store executes the call, and only its reply is lost.
        for_good: Whether all later calls fail as well, unexecuted, until it is healed.
        is_hit: Whether the fault happened.
        is_over: Whether calls work again.
    """

    left: int
    executed: bool
    for_good: bool
    is_hit: bool = False
    is_over: bool = False

    def heal(self) -> None:
        """Let all calls work from now on."""
        self.is_over = True

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method, or fail."""
        is_first = not self.is_hit
        self.left -= 1
        if self.is_over or self.left > 0:
            return method(*args, **kwargs)
        self.is_hit, self.is_over = True, not self.for_good
        if self.executed and is_first:
            method(*args, **kwargs)
        raise package.SessionUnavailableError(
            f"{method.__name__} failed: the kit cut the connection"
        ) from ConnectionError("cut")


@contextmanager
def managers_with(fault: CallFault) -> Iterator[None]:
    """Give a fault to the repository of each manager that is made meanwhile, from its constructor on."""

    def failing_method(name: str) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            return fault.call(getattr(package.SessionRepository, name), self, *args, **kwargs)

        return call

    names = [name for name in dir(package.LogRepository) if not name.startswith("_") and name != "close"]
    faulty = type("Faulty", (package.SessionRepository,), {name: failing_method(name) for name in names})
    with pytest.MonkeyPatch.context() as patch:
        module = sys.modules[package.SessionManager.__module__]
        patch.setattr(module, package.SessionRepository.__name__, faulty)
        yield
