"""What survives `kill -9` of the server, by its configuration, measured by the kit's ledger. This file is yours."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conformance.kills import Crew, Outcome, run_crews
from conformance.package import SessionRepository
from conformance.trials import Trials
from servers import Server

pytestmark = pytest.mark.faults


class Store:
    """A server that is killed, with the tables of the package."""

    def __init__(self, **settings: str) -> None:
        """Start it, and make the tables."""
        self.server = Server(**settings)
        with SessionRepository(self.server.url) as repository:
            repository.setup()
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")  # the tables shall be there in any case

    def options(self) -> dict[str, Any]:
        """Reach it."""
        return {"connection_string": self.server.url, "timeout": 20}

    def halt(self) -> None:
        """Let it crash, with all its processes, and keep its folder."""
        self.server.stop(keep=True)

    def resume(self) -> None:
        """Start it again, which recovers."""
        self.server.restart()

    def dump(self) -> bytes:
        """All agents and messages."""
        query = "SELECT a::text FROM agents a UNION ALL SELECT m::text FROM messages m"
        with psycopg.connect(self.server.url, options="-c search_path=strands_sessions") as connection:
            return "".join(text for (text,) in connection.execute(query)).encode()


NewStore = Callable[..., Store]


@pytest.fixture
def new_store() -> Iterator[NewStore]:
    """Start servers for one test."""
    with ExitStack() as started:

        def new_store(**settings: str) -> Store:
            store = Store(**settings)
            started.callback(store.server.stop)
            return store

        yield new_store


def test_defaults(new_store: NewStore, trials: Trials, tmp_path: Path) -> None:
    """With the defaults nothing is lost: `synchronous_commit=on`, and `fsync=on`, which this cannot tell from `off`."""
    kill_servers(new_store(fsync="on"), trials, tmp_path, "synchronous_commit=on, fsync=on").check()


def test_asynchronous_commit(new_store: NewStore, trials: Trials, tmp_path: Path) -> None:
    """A control: with `synchronous_commit=off` the end of what was acknowledged is lost, and the ledger shows it."""
    store = new_store(synchronous_commit="off", wal_writer_delay="10s")  # seldom, so that something is lost for sure
    for number in range(5):  # how much one kill loses is a matter of luck
        (folder := tmp_path / f"attempt {number}").mkdir()
        outcome = kill_servers(store, trials, folder, "control: synchronous_commit=off")
        assert outcome.wrong == []  # what is there is whole
        if outcome.lost:
            break
    assert len(outcome.lost) > 0


def kill_servers(store: Store, trials: Trials, folder: Path, what: str) -> Outcome:
    """Kill the server under several crews, each of which began anew."""
    return run_crews(store, trials, folder, [1] * trials.count(1, 3), Crew.kill_all, what)
