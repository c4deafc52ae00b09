"""What writers that are killed tried and what was acknowledged, in files that outlive them."""

import contextlib
import json
import random
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from strands.hooks import MessageAddedEvent
from strands.types.exceptions import EventLoopException

from . import package
from .records import texts
from .restore import user
from .scripted_model import Block, ScriptedModel, scripted_agent

FORGOTTEN = "forgotten"
"""What the messages begin with that are said in a session that is deleted."""


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
