"""Faults around a real store: calls that fail before or after they were executed, and calls that are watched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any

from . import package


@dataclass
class Fault:
    """A fault that is to happen.

    Attributes:
        left: How many calls are still to fail.
    """

    left: int


@contextmanager
def failing(
    repository: Any,
    method: str = "write_log",
    *,
    times: int = 1,
    executed: bool = False,
    after: int = 0,
    when: Callable[..., bool] = lambda *_, **__: True,
) -> Iterator[Fault]:
    """Make a method of a repository fail, as a broken connection does.

    Args:
        repository: The repository, which goes on working otherwise.
        method: The name of the method.
        times: How many calls fail.
        executed: Whether the store executes the call, and only its reply is lost.
        after: How many calls work before that.
        when: Which calls are meant, given their arguments; by default all.
    """
    original, fault, working = getattr(repository, method), Fault(times), iter(range(after))

    def call(*args: Any, **kwargs: Any) -> Any:
        if fault.left == 0 or not when(*args, **kwargs) or next(working, None) is not None:
            return original(*args, **kwargs)
        fault.left -= 1
        if executed:
            original(*args, **kwargs)
        raise package.SessionUnavailableError(f"{method} failed: the kit cut the connection") from ConnectionError(
            "cut"
        )

    setattr(repository, method, call)
    try:
        yield fault
    finally:
        setattr(repository, method, original)
    assert fault.left == 0, f"{method} was to fail {times} times, and was called too rarely for that"


@contextmanager
def watching(repository: Any) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """Collect the calls of a repository's methods: name and positional arguments."""
    calls: list[tuple[str, tuple[Any, ...]]] = []
    originals = {name: getattr(repository, name) for name in dir(package.LogRepository) if not name.startswith("_")}

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
