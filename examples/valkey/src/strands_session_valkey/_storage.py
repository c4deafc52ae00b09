# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""Strands' unified Storage over a synchronous client: what a key may be, threads, and errors."""

import asyncio
import builtins
import copy
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from strands.storage import InMemoryStorage, Storage
from strands.types.exceptions import SessionException, StorageError
from typing_extensions import Self

MAX_KEY_BYTES = 2048

_LAST = chr(0x10FFFF)

Answer = TypeVar("Answer")


class ThreadedStorage(Storage):
    """A Storage of four synchronous bodies, which run in threads beside whichever event loop awaits them.

    A backend implements `write_object`, `read_object`, `delete_object` and `list_objects`. They are called from many
    threads at once, with keys that are checked, and raise the errors of the package: users get `StorageError`, with
    that error as its cause.

    Attributes:
        max_bytes: How long a value may be that the store can hold.
    """

    max_bytes: ClassVar[int]

    _scope = ""  # what the keys of a namespace begin with

    def __init__(self) -> None:
        """Take note that nothing is under way."""
        self._abandoned: set[tuple[str, Future[None]]] = set()

    @abstractmethod
    def write_object(self, key: str, data: bytes) -> None:
        """Store a value, in place of any that is there."""

    @abstractmethod
    def read_object(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""

    @abstractmethod
    def delete_object(self, key: str) -> None:
        """Delete a value, if there is one."""

    @abstractmethod
    def list_objects(self, prefix: str) -> builtins.list[str]:
        """Return the keys that begin with a prefix, which is plain text, in the order of their code points."""

    @abstractmethod
    def close(self) -> None:
        """Give the connection back. The last one that shares it closes it; what was passed in stays open."""

    async def write(self, key: str, data: bytes) -> None:
        """Store a value under a key, in place of any that is there.

        Args:
            key: 1 to 2,048 bytes of UTF-8, a namespace's prefix included. Slashes separate segments: several count as
                one, and those at both ends do not count.
            data: The value, which comes back as it is.

        Raises:
            StorageError: If the key or the value cannot be stored, or the store does not answer or refuses.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise StorageError(f"key=<{key}> | a value must be bytes, not {type(data).__name__}")
        size = memoryview(data).nbytes
        if size > self.max_bytes:
            raise StorageError(f"key=<{key}> | a value has at most {self.max_bytes} bytes here, this one has {size}")
        await self._run(self.write_object, self._scope + normalize_key(key, self._scope), bytes(data))

    async def read(self, key: str) -> bytes | None:
        """Return the value under a key, None where there is none.

        Raises:
            StorageError: If the key is malformed, or the store does not answer or refuses.
        """
        return await self._run(self.read_object, self._scope + normalize_key(key, self._scope))

    async def delete(self, key: str) -> None:
        """Delete the value under a key, if there is one.

        Raises:
            StorageError: If the key is malformed, or the store does not answer or refuses.
        """
        await self._run(self.delete_object, self._scope + normalize_key(key, self._scope))

    async def list(self, query: str = "") -> builtins.list[str]:
        """Return the keys that begin with a prefix, in the order of their code points; without one, all keys.

        Raises:
            StorageError: If the prefix is malformed, or the store does not answer or refuses.
        """
        keys = await self._run(self.list_objects, self._scope + normalize_prefix(query))
        return [key[len(self._scope) :] for key in keys]

    def namespace(self, prefix: str) -> Self:
        """Return a view of the keys that begin with a prefix and a slash, without these. It shares the connection.

        Raises:
            StorageError: If the prefix is malformed.
        """
        scope = normalize_prefix(prefix).rstrip("/")
        view = copy.copy(self)
        view._scope = f"{self._scope}{scope}/" if scope else self._scope
        # By this mark the SDK knows that the user chose the namespace, and adds none of its own.
        mark = getattr(InMemoryStorage().namespace("any"), "_namespaced", None)
        if mark is not None:
            view._namespaced = mark  # type: ignore[attr-defined]
        return view

    def __enter__(self) -> Self:
        """Use it in a `with` statement, which closes it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    async def _run(self, body: Callable[..., Answer], key: str, *arguments: Any) -> Answer:
        for earlier, unfinished in tuple(self._abandoned):
            if earlier.startswith(key):
                await asyncio.wrap_future(unfinished)
        done: Future[None] = Future()

        def work() -> Answer:
            if not done.set_running_or_notify_cancel():
                raise asyncio.CancelledError
            try:
                return body(key, *arguments)
            finally:
                done.set_result(None)

        try:
            with storage_errors():
                return await asyncio.to_thread(work)
        except asyncio.CancelledError:
            # A thread cannot be stopped. What is done with the key next has to wait for it: a write that was cancelled
            # must not take the place of a later one.
            if not done.cancel():
                self._abandoned.add(entry := (key, done))
                done.add_done_callback(lambda _: self._abandoned.discard(entry))
            raise


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the errors of the package into StorageError."""
    try:
        yield
    except SessionException as error:
        raise StorageError(str(error)) from error


def normalize_key(key: str, scope: str = "") -> str:
    """Return a key as it is stored: without empty segments.

    Args:
        key: The key.
        scope: What is stored before it.

    Raises:
        StorageError: If it is empty or too long, or has a `..` segment, a backslash, NUL or a lone surrogate.
    """
    normalized = normalize_prefix(key).rstrip("/")
    if not normalized:
        raise StorageError(f"key=<{key}> | must not be empty")
    if (size := len((scope + normalized).encode())) > MAX_KEY_BYTES:
        raise StorageError(f"key=<{normalized[:60]}...> | has at most {MAX_KEY_BYTES} bytes of UTF-8, this one {size}")
    return normalized


def normalize_prefix(prefix: str) -> str:
    """Return a prefix of keys as they are stored. A slash at its end stays: it means that a segment ends there.

    Raises:
        StorageError: If it has a `..` segment, a backslash, NUL or a lone surrogate.
    """
    if not isinstance(prefix, str):
        raise StorageError(f"key=<{prefix!r}> | must be text, not {type(prefix).__name__}")
    normalized = re.sub("/+", "/", prefix).lstrip("/")
    if ".." in normalized.split("/") or re.search("[\\\\\0\ud800-\udfff]", normalized):
        raise StorageError(f"key=<{prefix!r}> | must not have '..' segments, backslashes, NUL or lone surrogates")
    return normalized


def end_of(prefix: str) -> str | None:
    """Return the first text after all that begin with a prefix, in the order of code points; None if there is none.

    With it `list_objects` is a range: from the prefix on, up to here.
    """
    stem = prefix.rstrip(_LAST)
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)  # surrogates are no characters
