"""Group M, third part: a storage in use: by many at once, from event loops and threads, and when the store fails."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from strands.types.exceptions import StorageError

from . import cases
from .backend import PASSWORD, Backend
from .cases import Cases, hint, quick, requires
from .concurrency import in_threads
from .outages import chain, halted
from .storages import write
from .wire import HOST, Wire

NewStorage = Callable[..., Any]
Call = Callable[[Any], Coroutine[Any, Any, Any]]

REQUEST: ContextVar[str] = ContextVar("request", default="none")

CALLS: dict[str, Call] = {
    "write": lambda storage: storage.write("a/b", b"1"),
    "read": lambda storage: storage.read("a/b"),
    "list": lambda storage: storage.list(""),
    "delete": lambda storage: storage.delete("a/b"),
}


@cases.storage
@requires("storage")
class StorageInUse(Cases):
    """Group M, third part."""

    @quick
    @hint("Nothing that is kept may belong to an event loop: `agent()` makes a new one for each call.")
    def test_event_loops(self, storage: Any, new_storage: NewStorage) -> None:
        """M12: one storage is used under one event loop after another, and under several in threads at once."""

        async def use(loop: int, number: int) -> None:
            key = f"{loop}/{number}"
            await storage.write(key, key.encode())
            assert await storage.read(key) == key.encode()
            assert key in await storage.list(f"{loop}/")

        async def use_often(loop: int) -> None:
            await asyncio.gather(*(use(loop, number) for number in range(10)))

        for loop in range(2):
            asyncio.run(use_often(loop))
        in_threads(4, lambda number: asyncio.run(use_often(number + 2)))
        assert len(asyncio.run(new_storage().list(""))) == 60

    @quick
    @hint("What finds no connection waits for one: neither an error, nor a connection for each of them.")
    def test_100_at_once(self, storage: Any, new_storage: NewStorage) -> None:
        """M12: 100 operations at once are all done, of each kind, on one storage and on 100."""
        keys = [f"{number:03}" for number in range(100)]

        async def run(storages: list[Any]) -> None:
            pairs = list(zip(storages, keys, strict=True))
            await asyncio.gather(*(one.write(key, key.encode()) for one, key in pairs))
            assert await asyncio.gather(*(one.read(key) for one, key in pairs)) == [key.encode() for key in keys]
            assert await asyncio.gather(*(one.list("") for one in storages)) == [keys] * 100
            await asyncio.gather(*(one.delete(key) for one, key in pairs))
            assert await storage.list("") == []

        asyncio.run(run([storage] * 100))
        asyncio.run(run([storage.namespace("") for _ in keys]))

    @quick
    @requires("nonblocking")
    @hint("Run what waits for the store in a thread, in a copy of the caller's context: tracing depends on it.")
    def test_event_loop_goes_on(self, storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """L1: while a value is written, the event loop goes on, and the thread sees its context variables."""
        write_object, seen = storage.write_object, []

        def slow_write(*args: Any) -> None:
            ticked = threading.Event()
            loop.call_soon_threadsafe(ticked.set)
            assert ticked.wait(10), "the event loop stood still"
            seen.append(REQUEST.get())
            write_object(*args)

        async def run() -> None:
            nonlocal loop
            loop = asyncio.get_running_loop()
            REQUEST.set("request 7")
            await storage.write("a", b"1")
            assert await storage.read("a") == b"1"

        loop: Any = None
        monkeypatch.setattr(storage, "write_object", slow_write)
        asyncio.run(run())
        assert seen == ["request 7"]

    @quick
    @pytest.mark.parametrize("later", ["write", "delete", "list"])
    @hint("A thread cannot be cancelled: what is done with the same key next has to wait for its end.")
    def test_cancelled_write(
        self, storage: Any, new_storage: NewStorage, monkeypatch: pytest.MonkeyPatch, later: str
    ) -> None:
        """M12: a write that was cancelled while it was under way is over before the next use of its key."""
        write_object, started, proceed = storage.write_object, threading.Event(), threading.Event()

        def slow_write(*args: Any) -> None:
            started.set()
            assert proceed.wait(30)
            write_object(*args)

        async def run() -> Any:
            writing = asyncio.create_task(storage.write("a/b", b"old"))
            await asyncio.to_thread(started.wait, 30)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(writing, 5)
            monkeypatch.setattr(storage, "write_object", write_object)
            view = storage.namespace("a")
            calls = {"write": lambda: view.write("b", b"new"), "delete": lambda: view.delete("b"), "list": view.list}
            call = asyncio.create_task(calls[later]())
            await asyncio.wait({call}, timeout=0.2)
            await asyncio.wait_for(storage.write("another", b"does not wait"), 5)
            proceed.set()
            return await call

        monkeypatch.setattr(storage, "write_object", slow_write)
        answer = asyncio.run(run())
        expected = {"write": b"new", "delete": None, "list": b"old"}
        assert asyncio.run(new_storage().read("a/b")) == expected[later]
        assert answer == (["b"] if later == "list" else None)

    @quick
    @hint("Turn whatever the driver raises into StorageError, `from` it, and without the connection string.")
    def test_unreachable(self, backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
        """M7: where no store is, every method is a StorageError, with its cause, and without the password."""
        options = backend.unreachable()

        def attempt(call: Call) -> None:
            with backend.open_storage(**options) as storage:
                asyncio.run(call(storage))

        for call in CALLS.values():
            assert_storage_error(lambda call=call: attempt(call))
        assert PASSWORD not in caplog.text

    @requires("round_trips")
    @hint("A connection breaks in the middle of a call as well, and a store may fall silent: set time-outs.")
    def test_store_goes_down(self, backend: Backend, new_storage: NewStorage) -> None:
        """M7: when the store goes down or falls silent, every method is a StorageError, with its cause, in time."""
        for end in ("close", "fall_silent"):
            with Wire(*backend.address()) as wire:
                storage = new_storage(**{**backend.through(HOST, wire.port), "timeout": 0.4})
                asyncio.run(storage.list(""))
                getattr(wire, end)()
                for call in CALLS.values():
                    assert_storage_error(lambda one=storage, call=call: asyncio.run(asyncio.wait_for(call(one), 10)))

    @quick
    @requires("round_trips")
    @hint("An idle connection may be broken: notice it, and repeat the call on a fresh one.")
    def test_connection_drops(self, backend: Backend, new_storage: NewStorage) -> None:
        """Q5: whichever method is called after the connection dropped, it succeeds."""
        with Wire(*backend.address()) as wire:
            storage = new_storage(**backend.through(HOST, wire.port))
            answers = []
            for call in CALLS.values():
                asyncio.run(storage.read("other"))
                wire.cut()
                answers.append(asyncio.run(call(storage)))
            assert answers == [None, b"1", ["a/b"], None]
            assert asyncio.run(storage.list("")) == []

    @quick
    @requires("round_trips")
    @hint("A write can be repeated: it has the same value. Only make sure that it is.")
    def test_lost_reply(self, backend: Backend, new_storage: NewStorage) -> None:
        """Q7: the reply to a write or a deletion is lost after the store has executed it: it succeeds."""
        with Wire(*backend.address()) as wire:
            storage = new_storage(**backend.through(HOST, wire.port))
            use_each(storage)
            for name, listed in (("write", ["a/b"]), ("delete", [])):
                wire.lose_reply()
                asyncio.run(CALLS[name](storage))
                assert not wire.loses_reply, "no reply was lost"
                assert asyncio.run(new_storage().list("")) == listed

    @requires("restarts")
    @hint("Every connection that a pool still has is broken: throw them away as they are found, and connect anew.")
    def test_restart(self, backend: Backend, storage: Any, new_storage: NewStorage) -> None:
        """K2: when the store restarts, what was written is there, and the storage goes on; meanwhile it is an error."""
        write(storage, *[f"a/{number}" for number in range(40)])
        impatient = new_storage(timeout=2)
        with halted(backend):
            assert_storage_error(lambda: asyncio.run(impatient.write("a/0", b"2")))
        write(storage, "b")
        for one in (storage, impatient, new_storage()):
            assert len(asyncio.run(one.list(""))) == 41
            assert asyncio.run(one.read("a/0")) == b"a/0"

    @quick
    @hint("close() may be called twice, and every method says afterwards that the storage is closed.")
    def test_closed(self, storage: Any, new_storage: NewStorage) -> None:
        """L4: a storage that was closed twice says so, whichever method is used; `with` closes it, too."""
        with new_storage() as closed:
            write(closed, "a/b")
            view = closed.namespace("a")
        closed.close()
        for call in CALLS.values():
            for one in (closed, view):
                with pytest.raises(StorageError, match="closed"):
                    asyncio.run(call(one))
        assert asyncio.run(storage.read("a/b")) == b"a/b"

    @quick
    @requires("connection_string")
    @hint("Storages and repositories with one connection string share what they opened: see _sharing.py.")
    def test_shared_connection(self, backend: Backend, new_storage: NewStorage) -> None:
        """P6: of storages with the same connection string one is closed, and the others go on, as does a repository."""
        options = backend.options()
        storages = [new_storage(**options) for _ in range(3)]
        with backend.repository(**options) as repository:
            for storage in storages:
                asyncio.run(storage.write("a", b"1"))
                storage.close()
            assert repository.read_session("nobody") is None
        assert asyncio.run(new_storage(**options).read("a")) == b"1"

    @requires("connection_string")
    @requires("forks")
    @hint("After a fork the child opens a connection and threads of its own: the parent's are not there, or shared.")
    def test_fork(self, backend: Backend, new_storage: NewStorage) -> None:
        """L: a storage that was used before a fork works in parent and child at once, as under a web server."""
        command = [sys.executable, "-c", FORK, str(Path(__file__).parents[1]), repr(backend.options())]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (result.returncode, result.stdout) == (0, "child 0\n"), result.stderr
        assert len(asyncio.run(new_storage().list(""))) == 1 + 2 * 50

    @requires("round_trips")
    @hint("One request each. A listing is as many as there are pages of at least 1,000 keys.")
    def test_cost(self, backend: Backend, new_storage: NewStorage) -> None:
        """P1: a write, a read and a deletion take 1 round trip each, and so does a listing of 1,000 keys."""
        keys = [f"session/s/{number:04}" for number in range(1000)]
        write(new_storage(), *keys)
        with Wire(*backend.address()) as wire:
            storage = new_storage(**backend.through(HOST, wire.port))
            use_each(storage)
            for call in (
                lambda: storage.write(keys[0], b"new"),
                lambda: storage.write("session/new", b"x" * 10_000),
                lambda: storage.read(keys[0]),
                lambda: storage.read("nothing"),
                lambda: storage.delete("session/new"),
                lambda: storage.delete("nothing"),
            ):
                with wire.counting() as cost:
                    asyncio.run(call())
                assert cost.round_trips == 1
            for prefix in ("", "session/", "session/s/"):
                with wire.counting() as cost:
                    assert asyncio.run(storage.list(prefix)) == keys
                assert cost.round_trips == 1, f"a listing of {prefix!r}"
            with wire.counting() as cost:
                for bad in ("", "a/../b", "a" * 3000):
                    with pytest.raises(StorageError):
                        asyncio.run(storage.write(bad, b"1"))
            assert (cost.round_trips, cost.sent) == (0, 0), "of keys that are refused nothing is sent"

    @requires("round_trips")
    @hint("Let the store find the keys: what it sends is what begins with the prefix, without the values.")
    def test_listing_fetches_what_it_returns(self, backend: Backend, new_storage: NewStorage) -> None:
        """P4: listing 40 of 2,000 keys fetches hardly more than listing 40 of 40, however long the values are."""
        received = []
        for others in (0, 1960):
            keys = [f"session/a/{number:04}" for number in range(40)]
            write(new_storage(), *keys, *[f"session/{'ab'[n % 2]}{n:04}/1" for n in range(others)])
            with Wire(*backend.address()) as wire:
                storage = new_storage(**backend.through(HOST, wire.port))
                use_each(storage)
                asyncio.run(storage.write(keys[0], b"x" * 100_000))
                with wire.counting() as cost:
                    assert asyncio.run(storage.list("session/a/")) == keys
                received.append(cost.received)
        assert received[1] <= 1.2 * received[0]
        assert received[1] < 10_000


FORK = """
import asyncio, os, sys
from ast import literal_eval
sys.path.insert(0, sys.argv[1])
from conformance.package import Storage
storage = Storage(**literal_eval(sys.argv[2]))
async def use(name, count):
    for number in range(count):
        await storage.write(f"{name}/{number}", b"1")
        assert await storage.read(f"{name}/{number}") == b"1"
asyncio.run(use("before", 1))
pid = os.fork()
if pid == 0:
    asyncio.run(use("child", 50))
    os._exit(0)
asyncio.run(use("parent", 50))
print("child", os.waitpid(pid, 0)[1])
storage.close()
"""


def use_each(storage: Any) -> None:
    """Call each method once: a store may have to be told something first, on each connection or once."""
    for call in CALLS.values():
        asyncio.run(call(storage))


def assert_storage_error(attempt: Callable[[], Any]) -> None:
    """Fail unless an attempt is a StorageError that says why, and shows no password."""
    with pytest.raises(StorageError) as raised:
        attempt()
    assert raised.value.__cause__ is not None, f"no __cause__: raise {raised.value!r} from what was the reason"
    for error in chain(raised.value):
        assert PASSWORD not in f"{error} {error!r}", f"the password is shown by a {type(error).__name__}"
