"""A proxy in front of the store: it counts what passes, and breaks connections when a test asks it to."""

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from typing_extensions import Self

HOST = "127.0.0.1"
Result = TypeVar("Result")


def free_port() -> int:
    """Choose a port of HOST at which nobody listens."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Traffic:
    """What passed.

    Attributes:
        round_trips: How often something was sent to the store after its last answer. A pipeline is one round trip.
        sent: Bytes to the store.
        received: Bytes from the store.
    """

    round_trips: int = 0
    sent: int = 0
    received: int = 0


class Wire:
    """A TCP proxy on loopback, on a thread of its own.

    Attributes:
        port: Where it listens, on HOST.
        open: How many connections are open.
        most: How many were open at once at most.
        latency: How many seconds longer an answer takes. It holds up no other one: a pipeline is late as a whole.
    """

    def __init__(self, host: str, port: int, *, latency: float = 0.0) -> None:
        """Listen, and pass everything on to the store.

        Args:
            host: The store's host.
            port: The store's port.
            latency: How many seconds longer an answer takes.
        """
        self._store = host, port
        self._total = Traffic()
        self._connections: set[asyncio.Task[Any]] = set()
        self._replies: int | None = None  # how many are passed on until one is lost
        self._is_silent = False
        self.most = 0
        self.latency = latency
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._connect, HOST, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @contextmanager
    def counting(self) -> Iterator[Traffic]:
        """Count what passes within the block; the numbers are there when it ends."""
        counted, total = Traffic(), self._total
        round_trips, sent, received = total.round_trips, total.sent, total.received
        yield counted
        counted.round_trips = total.round_trips - round_trips
        counted.sent = total.sent - sent
        counted.received = total.received - received

    @property
    def loses_reply(self) -> bool:
        """Whether a reply is still to be lost."""
        return self._replies is not None

    def lose_reply(self, *, after: int = 0) -> None:
        """Let the store execute the next request, and cut the connection in place of its reply.

        Args:
            after: How many requests are answered before that.
        """
        self._replies = after

    def fall_silent(self) -> None:
        """Accept connections and requests from now on, and answer none of them."""
        self._is_silent = True

    def cut(self) -> None:
        """Cut all connections. New ones work."""
        self._run(self._cut())

    def wait_until_open(self, count: int) -> None:
        """Wait until so many connections are open: a closed one is noticed with a delay."""
        end = time.monotonic() + 10
        while self.open != count:
            assert time.monotonic() < end, f"{self.open} connections are open, not {count}"
            time.sleep(0.01)

    def close(self) -> None:
        """Cut all connections and listen no more: for its clients the store is down."""
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._server.close)
            self.cut()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connect(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        connection: Any = asyncio.current_task()
        self._connections.add(connection)
        self.most = max(self.most, self.open)
        to_store = None
        try:
            await self._interfere("connection", b"", to_client)
            store, to_store = await asyncio.open_connection(*self._store)
            await self._pass_on(client, to_client, store, to_store)
        except (OSError, asyncio.CancelledError):
            pass  # an end like any other
        finally:
            for writer in (to_client, to_store):
                if writer is not None:
                    writer.transport.abort()
            self._connections.discard(connection)

    async def _interfere(self, what: str, data: bytes, to_client: asyncio.StreamWriter) -> None:
        """Do nothing before a connection is made, a request or a reply is passed on. An OSError would end it."""

    async def _pass_on(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        store: asyncio.StreamReader,
        to_store: asyncio.StreamWriter,
    ) -> None:
        answered = True
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()  # what the store answered, and when it is due

        async def requests() -> None:
            nonlocal answered
            while data := await client.read(65536):
                self._total.round_trips += answered
                answered = False
                self._total.sent += len(data)
                await self._interfere("request", data, to_client)
                if not self._is_silent:
                    to_store.write(data)
                    await to_store.drain()

        async def delay() -> None:
            try:
                while data := await store.read(65536):
                    under_way.put_nowait((loop.time() + self.latency, data))
            finally:
                under_way.put_nowait((loop.time() + self.latency, b""))

        async def answers() -> None:
            nonlocal answered
            while True:
                due, data = await under_way.get()
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                if not data:
                    break
                if self._replies is not None and not answered:
                    self._replies -= 1
                    if self._replies < 0:
                        self._replies = None
                        break
                await self._interfere("reply", data, to_client)
                answered = True
                self._total.received += len(data)
                to_client.write(data)
                await to_client.drain()

        directions = [asyncio.ensure_future(requests()), asyncio.ensure_future(answers())]
        tasks = [*directions, asyncio.ensure_future(delay())]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
