"""Group R, second part: what was acknowledged is there after a kill, of the store or of a writer."""

import contextlib
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from strands.hooks import MessageAddedEvent
from strands.types.exceptions import EventLoopException

from . import package
from .backend import Backend
from .cases import Cases, faults, hint, lifecycle, requires
from .processes import OtherProcess
from .records import ids, texts
from .restore import user
from .scripted_model import Block, ScriptedModel, scripted_agent
from .trials import Trials

WRITERS = 3
ROUNDS_OF_A_SESSION = 10
"""How often the writers of a session are killed. A long history would make each round slower than the one before."""
FORGOTTEN = "forgotten"
"""What the messages begin with that are said in a session that is deleted."""


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


class Ledger:
    """What a writer tried and what was acknowledged, in a file. The file outlives the writer, and the next one goes on.

    Attributes:
        tried: The texts of messages that may be stored.
        replacements: Of these, the ones that are to take the place of others.
        saves: The messages that were acknowledged, each with its position, and some again when they were redacted.
        messages: How the last of these left each position.
        step: The number of the last step that was tried.
        starts: The numbers of the steps that say something in this session.
        states: The numbers of the steps whose state was acknowledged.
        gone: Texts whose redaction or deletion was acknowledged.
        is_deleted: Whether the deletion of the other session was acknowledged, and it was not begun anew.
        acknowledged: How many writes were acknowledged.
    """

    def __init__(self, path: Path) -> None:
        """Read it."""
        self._path = path
        self.tried: list[str] = []
        self.replacements: dict[str, str] = {}
        self.saves: list[tuple[int, str]] = []
        self.messages: dict[int, str] = {}
        self.states: list[int] = []
        self.gone: list[str] = []
        self.starts: set[int] = set()
        self.step = self.acknowledged = 0
        self.is_deleted = False
        for line in path.read_bytes().splitlines() if path.exists() else []:
            with contextlib.suppress(ValueError):  # the writer was killed before the line was whole
                self._take(*json.loads(line))

    def note(self, kind: str, *values: Any) -> None:
        """Write a line. It is in the file before the writer goes on: the writer may be killed, but not the machine."""
        with self._path.open("ab", buffering=0) as file:
            file.write(b"\n%s\n" % json.dumps([kind, *values]).encode())
        self._take(kind, *values)

    def _take(self, kind: str, *values: Any) -> None:
        self.acknowledged += kind in ("message", "state", "gone", "deleted")
        if kind == "message":
            self.saves.append((values[0], values[1]))
            self.messages[values[0]] = values[1]
        elif kind == "state":
            self.states.append(values[0])
        elif kind == "gone":
            self.gone.append(values[0])
        elif kind in ("deleted", "begun"):
            self.is_deleted = kind == "deleted"
        elif kind == "redact":
            self.replacements[values[0]] = values[1]
        elif kind == "try":
            self.step = values[0]
            self.tried += values[1:]
            self.starts |= {self.step} if not values[1].startswith(FORGOTTEN) else set()

    def lost(self, messages: list[str], state: dict[str, Any]) -> list[str]:
        """Name the acknowledged writes that an agent was restored without."""
        found = dict(enumerate(messages))
        missing = {
            position
            for position, text in self.messages.items()
            if found.get(position) not in (text, self.replacements.get(text, text))
        }
        lost = [f"message {position}: {text:.30}" for position, text in self.saves if position in missing]
        return lost + [f"the state of step {step}" for step in self.states if step > state.get("step", 0)]

    def wrong(self, messages: list[str], state: dict[str, Any], *, atomic: bool) -> list[str]:
        """Name what is wrong with the rest of a restored agent: what was not acknowledged is there whole or not."""
        wrong = [f"{text:.30} is there {count} times" for text, count in Counter(messages).items() if count > 1]
        rest = messages[len(self.messages) :]
        wrong += [f"{text:.30} was never said" for text in rest if text not in self.tried]
        said, step = {number_of(text) for text in messages}, state.get("step", 0)
        if atomic and (max(said, default=0) > step or step in self.starts - said):
            # What a step says first is saved together with the number of the step.
            wrong.append(f"a save is there in part: the state is of step {step}, messages are of {sorted(said)[-3:]}")
        if step > self.step:
            wrong.append(f"the state is of step {step}, which nobody took")
        return wrong


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


class Writer:
    """An agent that writes one thing after the other, and keeps its ledger."""

    def __init__(self, manager: Any, agent_id: str, ledger: Ledger, options: dict[str, Any], seed: float) -> None:
        """Restore the agent."""

        def on_message(event: MessageAddedEvent) -> None:
            self._note_messages()

        # The SDK calls it after the session manager: the message is stored.
        self._live = scripted_agent(manager, agent_id=agent_id, hooks=[on_message])
        self._manager, self._ledger, self._options = manager, ledger, options
        self._random = random.Random(seed)
        self._secrets: list[str] = []

    def report(self) -> dict[str, Any]:
        """What the agent has."""
        return {"messages": texts(self._live.messages), "state": self._live.state.get()}

    def step(self) -> None:
        """Write something, and take note that it is stored when the call has returned."""
        steps = [self.talk, self.talk, self.save, self.save, self.redact, self.forget]
        try:
            self._random.choice(steps)()
        except Exception as error:
            cause = error.__cause__ if isinstance(error, EventLoopException) else error
            if not isinstance(cause, package.SessionUnavailableError):
                raise
            time.sleep(0.01)  # what was not stored now is stored with the next step

    def talk(self) -> None:
        """Take a turn."""
        prompt, answer = self._texts("prompt", "answer")
        self._live.model = ScriptedModel(answer)
        self._live(prompt)
        self._note_everything()

    def save(self) -> None:
        """Save a message together with a state."""
        (text,) = self._texts("note")
        self._live.messages.append(user(text))
        self._manager.sync_agent(self._live)
        self._note_everything()

    def redact(self) -> None:
        """Take a turn whose prompt a guardrail redacts."""
        secret, replacement, answer = self._texts("secret", "redacted", "answer")
        self._ledger.note("redact", secret, replacement)
        self._secrets.append(secret)
        self._live.model = ScriptedModel(Block(replacement, answer))
        self._live(secret)
        self._note_everything()

    def forget(self) -> None:
        """Talk in another session, and delete it."""
        (text,) = self._texts(FORGOTTEN)
        self._ledger.note("begun")
        with package.SessionManager(other(self._manager.session_id, self._live.agent_id), **self._options) as manager:
            live = scripted_agent(manager)
            live(text)
            manager.session_repository.delete_session(manager.session_id)
            self._ledger.note("deleted")
            for prompt in texts(live.messages):
                if prompt.startswith(FORGOTTEN):
                    self._ledger.note("gone", prompt)

    def _texts(self, *kinds: str) -> list[str]:
        """Begin a step: make texts that nobody has said before, and set the state of the step."""
        number = self._ledger.step + 1
        made = [f"{kind} {number} {self._random.randbytes(self._random.randrange(10, 700)).hex()}" for kind in kinds]
        self._ledger.note("try", number, *made)
        self._live.state.set("step", number)
        return made

    def _note_messages(self) -> None:
        """Take note that all messages are stored, as far as they are new."""
        said = texts(self._live.messages)
        for position in range(len(self._ledger.messages), len(said)):
            self._ledger.note("message", position, said[position])

    def _note_everything(self) -> None:
        """Take note that all of the agent is stored."""
        said = texts(self._live.messages)
        for position, text in enumerate(said):
            if self._ledger.messages.get(position) != text:
                self._ledger.note("message", position, text)
        self._ledger.note("state", self._live.state.get("step"))
        for secret in self._secrets:
            if secret not in said:
                self._ledger.note("gone", secret)
        self._secrets.clear()


def write(options: dict[str, Any], session_id: str, agent_id: str, path: Path, seed: float, pipe: Connection) -> None:
    """Restore an agent, report it, and write until the process is killed, or told to come to an end."""
    try:
        with package.SessionManager(session_id, **options) as manager:
            writer = Writer(manager, agent_id, Ledger(path), options, seed)
            pipe.send(writer.report())
            while not pipe.poll():
                writer.step()
            writer.talk()  # this time without an excuse
            pipe.send(writer.report())
    except BaseException as error:
        pipe.send(repr(error))


def number_of(text: str) -> int:
    """The number of the step in which a text was said."""
    return int(text.split()[1])


def other(session_id: str, agent_id: str) -> str:
    """The id of the session that an agent begins and deletes, again and again."""
    return f"{session_id}-{agent_id}"


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
    crews = []
    for number, count in enumerate(rounds):
        crews.append(crew := Crew(store, f"crew-{uuid.uuid4().hex}", folder / str(number), trials.random(number)))
        for _ in range(count):
            kill(crew)
        crew.end()
    lost, wrong = [one for crew in crews for one in crew.lost], [one for crew in crews for one in crew.wrong]
    outcome = Outcome(sum(crew.kills for crew in crews), sum(crew.acknowledged for crew in crews), lost, wrong)
    trials.record(runs=outcome.kills, acknowledged=outcome.acknowledged, lost=len(lost), what=what)
    return outcome
