"""Faults around a real store: calls that fail before or after they were executed, and calls that are watched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    owner: Any,
    method: str,
    *,
    times: int = 1,
    executed: bool = False,
    after: int = 0,
    when: Callable[..., bool] = lambda *_, **__: True,
) -> Iterator[Fault]:
    """Make a method fail, as a broken connection does. Where it is that of a save, see `Backend.writes`.

    Args:
        owner: The object, which goes on working otherwise.
        method: The name of the method.
        times: How many calls fail.
        executed: Whether the store executes the call, and only its reply is lost.
        after: How many calls work before that.
        when: Which calls are meant, given their arguments; by default all.
    """
    original, fault, working = getattr(owner, method), Fault(times), iter(range(after))

    def call(*args: Any, **kwargs: Any) -> Any:
        if fault.left == 0 or not when(*args, **kwargs) or next(working, None) is not None:
            return original(*args, **kwargs)
        fault.left -= 1
        if executed:
            original(*args, **kwargs)
        raise package.SessionUnavailableError(f"{method} failed: the kit cut the connection") from ConnectionError(
            "cut"
        )

    setattr(owner, method, call)
    try:
        yield fault
    finally:
        setattr(owner, method, original)
    assert fault.left == 0, f"{method} was to fail {times} times, and was called too rarely for that"


@contextmanager
def watched(owner: Any, method: str) -> Iterator[list[tuple[Any, ...]]]:
    """Collect the arguments of the calls of a method."""
    original, calls = getattr(owner, method), []

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append((*args, *kwargs.values()))
        return original(*args, **kwargs)

    setattr(owner, method, call)
    try:
        yield calls
    finally:
        setattr(owner, method, original)


def mentions(text: str) -> Callable[..., bool]:
    """Choose the calls in whose arguments a text is."""
    return lambda *args, **kwargs: text in repr((args, kwargs))
