"""A process with proxies in front of the servers: they delay answers, and count what passes.

Threads and not an event loop, whose clock is too coarse for a millisecond. Each argument is `host:port:milliseconds` of
one proxy. The ports come out in one line; then a line with the number of a proxy comes in, and what passed goes out.
"""

from __future__ import annotations

import json
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

HOST = "127.0.0.1"
CHUNK = 1 << 18


class Proxy:
    """A proxy in front of one server.

    Attributes:
        port: Where it listens.
        sent: Bytes that went to the server.
        received: Bytes that came from it.
    """

    def __init__(self, host: str, port: int, seconds: float) -> None:
        """Listen.

        Args:
            host: The server's host.
            port: The server's port.
            seconds: How late each answer arrives.
        """
        self._server, self._seconds = (host, port), seconds
        self.sent = self.received = 0
        self._listener = socket.create_server((HOST, 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(self._server)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            late: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            jobs: list[tuple[Callable[..., None], tuple[Any, ...]]] = [(self._requests, (client, server))]
            if self._seconds:
                jobs += [(self._answers, (server, late)), (self._deliver, (late, client))]
            else:
                jobs += [(self._pass_back, (server, client))]
            for job, arguments in jobs:
                threading.Thread(target=job, args=arguments, daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK):
                self.sent += len(data)
                server.sendall(data)
        close(server)

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                self.received += len(data)
                client.sendall(data)
        close(client)

    def _answers(self, server: socket.socket, late: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                late.put((time.perf_counter() + self._seconds, data))
                self.received += len(data)
        late.put((0, b""))

    def _deliver(self, late: queue.SimpleQueue[tuple[float, bytes]], client: socket.socket) -> None:
        with suppress(OSError):
            while True:
                due, data = late.get()
                if not data:
                    break
                time.sleep(max(0.0, due - time.perf_counter()))
                client.sendall(data)
        close(client)


def close(end: socket.socket) -> None:
    """End a connection in both directions, so that the thread that reads from it ends as well."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def main() -> None:
    """Run the proxies until the input ends."""
    proxies = []
    for argument in sys.argv[1:]:
        host, port, milliseconds = argument.split(":")
        proxies.append(Proxy(host, int(port), float(milliseconds) / 1000))
    sys.stdout.write(json.dumps([proxy.port for proxy in proxies]) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        proxy = proxies[int(line)]
        sys.stdout.write(json.dumps({"sent": proxy.sent, "received": proxy.received}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
