"""PgBouncer in transaction mode, for `nox -s extras`: any statement may take any connection. This file is yours."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
import pytest
from conformance.concurrency import in_threads
from conformance.package import SessionManager, SessionRepository
from conformance.processes import CONTEXT, PATIENCE, OtherProcess
from conformance.records import ids, texts
from conformance.scripted_model import scripted_agent
from conformance.trials import Trials
from psycopg.conninfo import make_conninfo
from servers import HOST, Server, free_port, start, wait_for
from sources import SOURCES, session_state
from usage import use_everything

CONFIGURATION = """
[databases]
postgres = host={host} port={server_port} user=postgres
[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
max_client_conn = 200
"""


class PgBouncer:
    """A running PgBouncer.

    Attributes:
        url: The connection string that leads to a server through it.
    """

    def __init__(self, server: Server, connections: int) -> None:
        """Start it in front of a server.

        Args:
            server: The server.
            connections: How many connections to it all clients share.
        """
        # Debian's is in a folder that not everybody has on PATH.
        program = shutil.which("pgbouncer", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
        assert program, "These tests need PgBouncer: apt-get install pgbouncer"
        self._port, self._program, self._server, self._connections = free_port(), program, server, connections
        self.url = server.url.replace(str(server.port), str(self._port))
        self._start()

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
        settings = {"server_port": self._server.port, "port": self._port, "connections": self._connections}
        (folder / "pgbouncer.ini").write_text(CONFIGURATION.format(host=HOST, **settings))
        self._process = start(folder, self._program, str(folder / "pgbouncer.ini"))
        wait_for(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            assert self._process.poll() is None, "PgBouncer ended by itself"
            return False
        return True

    def stop(self) -> None:
        """Stop it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def restart(self) -> None:
        """Stop it, and start it again on the same port."""
        self.stop()
        self._start()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for the tests of this file."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=[1, 4], ids=["one connection", "several connections"])
def bouncer(request: pytest.FixtureRequest, server: Server) -> Iterator[PgBouncer]:
    """A PgBouncer in front of the server, on which the tables are set up by way of it."""
    bouncer = PgBouncer(server, request.param)
    with SessionRepository(bouncer.url) as repository:
        repository.setup()
        repository.setup()
    yield bouncer
    bouncer.stop()


@pytest.mark.parametrize("source", SOURCES)
def test_everything(bouncer: PgBouncer, source: str) -> None:
    """Everything works many times, by each way to the server, and leaves nothing behind on its connections."""
    look = make_conninfo(bouncer.url, application_name="look")  # which PgBouncer itself passes on
    with psycopg.connect(look) as connection:
        before = session_state(connection)
    with SOURCES[source](bouncer.url) as options:
        for _ in range(3):
            use_everything(**options)
        in_threads(8, lambda _: use_everything(**options))
    with psycopg.connect(look) as connection:
        assert session_state(connection) == before


@pytest.mark.parametrize("source", SOURCES)
def test_many_turns(bouncer: PgBouncer, source: str) -> None:
    """The same statement is executed often enough for psycopg to prepare it, which would fail here."""
    session_id = f"many turns by {source}"
    with SOURCES[source](bouncer.url) as options, SessionManager(session_id, **options) as manager:
        agents = [scripted_agent(manager, agent_id=f"agent-{number}") for number in range(8)]
        in_threads(8, lambda number: [agents[number](f"turn {turn}") for turn in range(10)])
        for one in agents:
            assert ids(manager.list_messages(agent_id=one.agent_id)) == list(range(20))
        manager.delete_session()


@pytest.mark.faults
def test_load(bouncer: PgBouncer, server: Server, trials: Trials) -> None:
    """8 processes with 4 agents each talk at once, on fewer connections: none fails, and every turn is there, once."""
    turns, begin = trials.count(5, 50), CONTEXT.Barrier(8)
    session_ids = [f"load {uuid.uuid4().hex}" for _ in range(8)]
    with ExitStack() as running:
        processes = [running.enter_context(OtherProcess(talk, bouncer.url, one, turns, begin)) for one in session_ids]
        failures = list(filter(None, (process.report() for process in processes)))
    with SessionRepository(server.url) as repository:
        stored = [repository.list_messages(one, f"agent-{number}") for one in session_ids for number in range(4)]
        for session_id in session_ids:
            repository.delete_session(session_id)
    said = [f"turn {turn}" for turn in range(turns)]
    lost = sum(turn not in texts(messages) for messages in stored for turn in said)
    trials.record(runs=len(stored), acknowledged=len(stored) * turns, lost=lost)
    assert failures == []
    assert [texts(messages)[::2] for messages in stored] == [said] * len(stored)
    assert [ids(messages) for messages in stored] == [list(range(2 * turns))] * len(stored)


def talk(url: str, session_id: str, turns: int, begin: Barrier, pipe: Connection) -> None:
    """Talk with 4 agents at once, when all processes are ready to, and report what failed, if anything did."""
    try:
        with SessionManager(session_id, url) as manager, ThreadPoolExecutor(4) as threads:
            agents = [scripted_agent(manager, agent_id=f"agent-{number}") for number in range(4)]
            begin.wait(PATIENCE)
            list(threads.map(lambda one: [one(f"turn {turn}") for turn in range(turns)], agents))
        pipe.send("")
    except BaseException as error:
        pipe.send(repr(error))


def test_prepared_statements_fail(server: Server) -> None:
    """What these tests look for does happen: psycopg's own default fails here."""
    bouncer = PgBouncer(server, 1)

    def talk() -> None:
        with psycopg.connect(bouncer.url, autocommit=True) as connection:
            for _ in range(10):
                connection.execute("SELECT %s::int", [1])

    talk()
    with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
        talk()
    bouncer.stop()


def test_restart_between_two_turns(bouncer: PgBouncer) -> None:
    """PgBouncer is restarted between two turns: the next turn succeeds."""
    with SessionManager("restart", bouncer.url) as manager:
        live = scripted_agent(manager)
        live("one")
        bouncer.restart()
        live("two")
        assert ids(manager.list_messages()) == [0, 1, 2, 3]
        manager.delete_session()
