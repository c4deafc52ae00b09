"""Group J: threads and processes that use one store at the same time."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from strands.types.exceptions import SessionException

from . import package
from .backend import Backend
from .cases import Cases, hint, lifecycle, messages, quick, sessions
from .processes import CONTEXT, PATIENCE, OtherProcess
from .records import AGENT_ID, create, ids, message, session
from .same import assert_same_record
from .scripted_model import scripted_agent

Reopen = Callable[..., Any]
NewAgent = Callable[..., Any]


class Concurrency(Cases):
    """Group J."""

    @quick
    @messages
    @hint("A repository is used from many threads: take turns with a connection, or use one for each.")
    def test_threads(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """J1: 16 threads append messages of their own through one repository: all are there, each intact."""
        create(repository, session_id)
        written = {number: message(number, f"thread {number % 16} " * 50) for number in range(160)}

        def write(thread: int) -> None:
            for number in range(thread, 160, 16):
                repository.create_message(session_id, AGENT_ID, written[number])

        in_threads(16, write)
        stored = reopen().list_messages(session_id, AGENT_ID)
        assert ids(stored) == list(range(160))
        for record in stored:
            assert_same_record(record, written[record.message_id])

    @quick
    @sessions
    @hint("One insert decides: look first and insert then, and two of them find nothing.")
    def test_session_is_created_once(self, reopen: Reopen, new_session_id: Callable[..., str]) -> None:
        """J4: of 8 threads with connections of their own that create one session, one succeeds, 20 times over."""
        repositories = [reopen() for _ in range(8)]
        for _ in range(20):
            session_id = new_session_id()
            outcomes = in_threads(
                8,
                lambda thread, one=session_id: outcome(lambda: repositories[thread].create_session(session(one))),
            )
            assert sorted(outcomes) == ["conflict"] * 7 + ["success"]

    @quick
    @messages
    @hint("The insert itself must find the id taken, in whichever process it was taken.")
    def test_message_is_created_once(self, reopen: Reopen, session_id: str) -> None:
        """J2: of 8 threads with connections of their own that append different messages with one id, one succeeds."""
        create(reopen(), session_id)
        repositories = [reopen() for _ in range(8)]
        for number in range(5):
            outcomes = in_threads(
                8,
                lambda thread, n=number: outcome(
                    lambda: repositories[thread].create_message(session_id, AGENT_ID, message(n, f"by {thread}"))
                ),
            )
            assert sorted(outcomes) == ["conflict"] * 7 + ["success"]
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == list(range(5))

    @lifecycle
    @hint("Of several processes that make tables at once, all but one find them half made: take a lock, or try again.")
    def test_processes_on_an_empty_store(self, backend: Backend, session_id: str) -> None:
        """J5: of 8 processes that start at once where nothing is yet, no table and no file, none fails."""
        options, barrier = backend.empty(), CONTEXT.Barrier(8)
        with ExitStack() as running:
            processes = [
                running.enter_context(OtherProcess(start_on_nothing, options, session_id, number, barrier))
                for number in range(8)
            ]
            assert [process.report() for process in processes] == ["fine"] * 8
        with package.SessionManager(session_id, **options) as manager:
            assert [len(manager.list_messages(agent_id=f"agent-{number}")) for number in range(8)] == [2] * 8
            manager.delete_session()

    @quick
    @messages
    @hint("Read from where was written: no replica, no cache, no index that follows later.")
    def test_reads_follow_writes(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """K6: what one connection has written the other one reads at once, 200 times."""
        create(repository, session_id)
        again = reopen()
        for number in range(200):
            repository.create_message(session_id, AGENT_ID, message(number))
            assert again.read_message(session_id, AGENT_ID, number) is not None


def in_threads(count: int, action: Callable[[int], Any]) -> list[Any]:
    """Run an action in several threads that begin at once, and return what each returned."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(thread: int) -> None:
        barrier.wait()
        results[thread] = action(thread)

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def outcome(action: Callable[[], Any]) -> str:
    """Say whether an action succeeded, met a conflict, or failed otherwise."""
    try:
        action()
    except package.SessionConflictError:
        return "conflict"
    except SessionException as error:
        return f"failure: {error}"
    return "success"


def start_on_nothing(options: dict[str, Any], session_id: str, number: int, barrier: Barrier, pipe: Connection) -> None:
    """Set the store up when all processes are ready to, where that is a step of its own, and talk."""
    try:
        barrier.wait(PATIENCE)
        with package.SessionRepository(**options) as repository:
            getattr(repository, "setup", lambda: None)()
        with package.SessionManager(session_id, **options) as manager:
            scripted_agent(manager, agent_id=f"agent-{number}")("hi")
        pipe.send("fine")
    except BaseException as error:
        pipe.send(repr(error))
