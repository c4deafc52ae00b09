"""Faults around a real store: calls that fail before or after they were executed, and calls that are watched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

from . import package


@contextmanager
def failing(
    repository: Any, method: str, *, times: int = 1, executed: bool = False, when: Callable[..., bool] | None = None
) -> Iterator[None]:
    """Make a method of a repository fail, as a broken connection does.

    Args:
        repository: The repository, which goes on working otherwise.
        method: The name of the method.
        times: How many calls fail.
        executed: Whether the store executes the call, and only its reply is lost.
        when: Which calls fail, given their arguments; by default all.
    """
    original, left = getattr(repository, method), times

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        if left == 0 or (when is not None and not when(*args, **kwargs)):
            return original(*args, **kwargs)
        left -= 1
        if executed:
            original(*args, **kwargs)
        raise package.SessionUnavailableError(f"{method} failed: the kit cut the connection") from ConnectionError(
            "cut"
        )

    setattr(repository, method, call)
    try:
        yield
    finally:
        setattr(repository, method, original)
    assert left == 0, f"{method} was to fail {times} times, and was called too rarely for that"


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
