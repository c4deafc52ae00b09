"""What survives `kill -9` of the server, by its configuration, measured by the kit's ledger. This file is yours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conformance.kills import Crew, Outcome, run_crews
from conformance.trials import Trials
from servers import Server

pytestmark = pytest.mark.faults
NewServer = Callable[..., Server]


class Store:
    """A server that is killed."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def options(self) -> dict[str, Any]:
        """Reach it."""
        return {"connection_string": self._server.url, "timeout": 20}

    def halt(self) -> None:
        """Kill it, as kill -9 does, and keep its folder."""
        self._server.stop(keep=True)

    def resume(self) -> None:
        """Start it again, with what is in its folder."""
        self._server.restart()

    def dump(self) -> bytes:
        """All that is under the package's keys."""
        client = self._server.client()
        return b"".join(value for key in client.keys("session:*") for value in client.hvals(key))


@pytest.mark.parametrize("fsync", ["always", "no"])
def test_append_only_file(new_server: NewServer, trials: Trials, tmp_path: Path, fsync: str) -> None:
    """What is written to a file before the answer is not lost, synced or not: the machine goes on, and has it."""
    lines = ("appendonly yes", f"appendfsync {fsync}")
    kill_servers(Store(new_server(*lines)), trials, tmp_path, ", ".join(lines)).check()


def test_append_only_file_in_the_background(new_server: NewServer, trials: Trials, tmp_path: Path) -> None:
    """With `everysec` the end may be lost, while a slow disk holds up the writing to the file; what is there is whole.

    How much it is depends on the disk, and mostly it is nothing. So only the table says it.
    """
    lines = ("appendonly yes", "appendfsync everysec")
    outcome = kill_servers(Store(new_server(*lines)), trials, tmp_path, ", ".join(lines))
    assert outcome.wrong == []
    assert outcome.acknowledged > outcome.kills


def test_no_append_only_file(new_server: NewServer, trials: Trials, tmp_path: Path) -> None:
    """A control: with `appendonly no`, which is the default, acknowledged writes are lost, and the ledger shows it."""
    outcome = kill_servers(Store(new_server("appendonly no")), trials, tmp_path, "control: appendonly no")
    assert len(outcome.lost) > 0


def kill_servers(store: Store, trials: Trials, folder: Path, what: str) -> Outcome:
    """Kill the server under several crews, each of which began anew."""
    return run_crews(store, trials, folder, [1] * trials.count(1, 5), Crew.kill_all, what)
