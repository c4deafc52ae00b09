"""Group R, second part: what was acknowledged is there after a kill, of the store or of a writer."""

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from . import package
from .backend import Backend
from .cases import Cases, faults, hint, lifecycle, requires
from .ledger import Ledger, other, write
from .processes import OtherProcess
from .records import ids, texts
from .scripted_model import scripted_agent
from .trials import Trials

WRITERS = 3
ROUNDS_OF_A_SESSION = 10
"""How often the writers of a session are killed. A long history would make each round slower than the one before."""


@faults
@lifecycle
class KillLedger(Cases):
    """Group R, second part."""

    @requires("restarts")
    @hint("Acknowledge what the store has committed, no earlier. After a lost connection repeat the same save.")
    def test_store_is_killed(self, backend: Backend, trials: Trials, tmp_path: Path) -> None:
        """R21: the store is killed while agents write: all that was acknowledged is there, once, and they go on."""
        outcome = run_crews(backend, trials, tmp_path, in_sessions(trials.count(2, 12)), Crew.kill_store)
        outcome.check()

    @hint("A hook that returned has written: no queue, no buffer, no open transaction. One save is one step.")
    def test_writers_are_killed(self, backend: Backend, trials: Trials, tmp_path: Path) -> None:
        """R22: writers are killed at any moment, and new processes go on: a save is there once, or not at all."""
        outcome = run_crews(backend, trials, tmp_path, in_sessions(trials.count(4, 50)), Crew.kill_writers)
        outcome.check()


class Store(Protocol):
    """What is killed: a Backend, or a server that a test started for itself."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments for a manager."""

    def halt(self) -> None:
        """Kill it."""

    def resume(self) -> None:
        """Start it again."""

    def dump(self) -> bytes:
        """All that is at rest."""


class Crew:
    """Agents of one session, each in a process and with a ledger of its own, which are killed and go on in new ones.

    Attributes:
        kills: How often something was killed.
        lost: What was acknowledged and not there afterwards.
        wrong: What else was not as it should be.
    """

    def __init__(self, store: Store, session_id: str, folder: Path, numbers: random.Random) -> None:
        """Begin, with empty ledgers.

        Args:
            store: Where they write.
            session_id: Their session, in which nobody else writes. Sessions whose ids begin with it are theirs, too.
            folder: For the ledgers. It does not exist yet.
            numbers: Decides what they do, and when they are killed.
        """
        self._store, self._session_id, self._numbers = store, session_id, numbers
        folder.mkdir()
        self._atomic = getattr(store, "atomic_batch", True)
        self._paths = {f"agent-{number}": folder / f"{number}" for number in range(WRITERS)}
        self.kills = 0
        self.lost: set[str] = set()
        self.wrong: list[str] = []

    @property
    def acknowledged(self) -> int:
        """How many writes were acknowledged."""
        return sum(Ledger(path).acknowledged for path in self._paths.values())

    def kill_writers(self) -> None:
        """Let writers go on in new processes, and kill each of them at a moment of its own."""
        with self._running() as (ledgers, writers):
            writing = self._numbers.random() < 0.7  # else they are killed while they restore, or soon after
            if writing:
                self._look(ledgers, writers)
            for agent_id in self._numbers.sample(sorted(writers), len(writers)):
                self._wait(agent_id if writing else None)
                self._kill(agent_id, ledgers, writers)
                self.kills += 1

    def kill_store(self, *, survivors: bool = True) -> None:
        """Let writers go on in new processes, kill the store while they write, and start it again.

        Args:
            survivors: Whether some of the writers survive that, and have to go on with the same agent.
        """
        with self._running() as (ledgers, writers):
            self._look(ledgers, writers)
            self._wait(*writers, longer=1 if survivors else 6)
            self._store.halt()
            self.kills += 1
            try:
                killed = self._numbers.randrange(WRITERS) if survivors else WRITERS
                for agent_id in self._numbers.sample(sorted(writers), killed):
                    self._kill(agent_id, ledgers, writers)
            finally:
                self._store.resume()  # others need it
            for agent_id, one in writers.items():
                one.tell("come to an end")
                report = one.report()
                self._compare(Ledger(self._paths[agent_id]), agent_id, report)

    def kill_all(self) -> None:
        """Kill the store and all writers."""
        self.kill_store(survivors=False)

    def end(self) -> None:
        """Look what is stored: restore the agents here, and let each of them go on. Delete it then."""
        dump = self._store.dump()
        for agent_id, path in self._paths.items():
            ledger = Ledger(path)
            self.lost |= {f"{agent_id}: {text:.30} is back" for text in ledger.gone if text.encode() in dump}
            try:
                with package.SessionManager(self._session_id, **self._store.options()) as manager:
                    self._end(agent_id, ledger, manager)
            except Exception as error:  # it cannot be restored, or not go on
                self.wrong.append(f"{agent_id}: {error!r}")
        with package.SessionRepository(**self._store.options()) as repository:
            for session_id in [self._session_id, *(other(self._session_id, agent_id) for agent_id in self._paths)]:
                with contextlib.suppress(package.SessionNotFoundError):
                    repository.delete_session(session_id)

    def _end(self, agent_id: str, ledger: Ledger, manager: Any) -> None:
        live = scripted_agent(manager, agent_id=agent_id)
        self._compare(ledger, agent_id, {"messages": texts(live.messages), "state": live.state.get()})
        deleted = manager.session_repository.read_session(other(self._session_id, agent_id)) is None
        if ledger.is_deleted and not deleted:
            self.lost.add(f"{agent_id}: the session that it deleted is back")
        live("go on")
        stored = manager.session_repository.list_messages(self._session_id, agent_id)
        if ids(stored) != list(range(len(live.messages))) or texts(stored) != texts(live.messages):
            self.wrong.append(f"{agent_id}: {len(stored)} messages are stored, of {len(live.messages)}")

    @contextlib.contextmanager
    def _running(self) -> Iterator[tuple[dict[str, Ledger], dict[str, OtherProcess]]]:
        """Start writers. Yield their ledgers, as they are before that, and their processes."""
        ledgers = {agent_id: Ledger(path) for agent_id, path in self._paths.items()}
        with ExitStack() as running:
            writers = {}
            for agent_id, path in self._paths.items():
                arguments = (self._store.options(), self._session_id, agent_id, path, self._numbers.random())
                writers[agent_id] = running.enter_context(OtherProcess(write, *arguments))
            yield ledgers, writers

    def _wait(self, *agent_ids: str | None, longer: int = 1) -> None:
        """Let some time pass, as long as these writers need for a random number of writes."""
        paths = [self._paths[agent_id] for agent_id in agent_ids if agent_id is not None]
        more = self._numbers.randrange(10_000) * longer
        sizes = {path: path.stat().st_size + more for path in paths if path.exists()}
        end = time.monotonic() + 1  # one that failed writes no more
        while time.monotonic() < end and any(path.stat().st_size < size for path, size in sizes.items()):
            time.sleep(0.001)
        time.sleep(self._numbers.uniform(0, 0.01 if paths else 0.15))

    def _kill(self, agent_id: str, ledgers: dict[str, Ledger], writers: dict[str, OtherProcess]) -> None:
        """Kill a writer. It did not report that something failed: an error that nobody has asked for."""
        one = writers.pop(agent_id)
        one.kill()
        for report in one.rest():
            self._compare(ledgers[agent_id], agent_id, report)

    def _look(self, ledgers: dict[str, Ledger], writers: dict[str, OtherProcess]) -> None:
        """Compare what writers have restored with what they should have."""
        for agent_id, one in writers.items():
            self._compare(ledgers[agent_id], agent_id, one.report())

    def _compare(self, ledger: Ledger, agent_id: str, report: Any) -> None:
        if not isinstance(report, dict):
            self.wrong.append(f"{agent_id}: {report}")
            return
        self.lost |= {f"{agent_id}: {one}" for one in ledger.lost(**report)}
        self.wrong += [f"{agent_id}: {one}" for one in ledger.wrong(**report, atomic=self._atomic)]


@dataclass(frozen=True)
class Outcome:
    """What came of the kills of several crews.

    Attributes:
        kills: How many there were.
        acknowledged: How many writes were acknowledged.
        lost: What was acknowledged and not there afterwards.
        wrong: What else was not as it should be.
    """

    kills: int
    acknowledged: int
    lost: list[str]
    wrong: list[str]

    def check(self) -> None:
        """Fail unless all that was acknowledged is there, and nothing but that and what was tried last."""
        assert not self.lost, f"lost, {len(self.lost)} writes: {self.lost[:5]}"
        assert not self.wrong, f"wrong, {len(self.wrong)} times: {self.wrong[:5]}"
        assert self.acknowledged > self.kills, "hardly a write got through"


def in_sessions(rounds: int) -> list[int]:
    """Divide rounds into those of one session each."""
    return [min(ROUNDS_OF_A_SESSION, rounds - done) for done in range(0, rounds, ROUNDS_OF_A_SESSION)]


def run_crews(
    store: Store, trials: Trials, folder: Path, rounds: list[int], kill: Callable[[Crew], None], what: str = ""
) -> Outcome:
    """Let crews write and be killed, one crew after the other, and take note of what came of it.

    Args:
        store: Where they write.
        trials: Where it is noted.
        folder: For the ledgers.
        rounds: How often each crew is killed.
        kill: How it is killed.
        what: What is tried, for the table.
    """
    crews: list[Crew] = []
    try:
        for number, count in enumerate(rounds):
            crews.append(crew := Crew(store, f"crew-{uuid.uuid4().hex}", folder / str(number), trials.random(number)))
            for _ in range(count):
                kill(crew)
            crew.end()
    finally:
        lost, wrong = [one for crew in crews for one in crew.lost], [one for crew in crews for one in crew.wrong]
        outcome = Outcome(sum(crew.kills for crew in crews), sum(crew.acknowledged for crew in crews), lost, wrong)
        trials.record(runs=outcome.kills, acknowledged=outcome.acknowledged, lost=len(lost), what=what)
    return outcome
