"""Two writers of one log, calls that fail in every way, and appends that are cut off, all at random.

Let your service take the place of the files, and let it fail as it does. This file is yours.
"""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conformance.package import SessionConflictError, SessionManager, SessionUnavailableError
from conformance.records import texts
from conformance.restore import user
from conformance.scripted_model import scripted_agent
from conformance.trials import Trials

from strands_session_{== slug ==} import _journal

STEPS = 60


@pytest.mark.faults
def test_random_faults(tmp_path: Path, trials: Trials) -> None:
    """What two writers were told is stored is there once, whatever failed on the way."""
    runs = trials.count(8, 500)
    outcomes = [History(tmp_path / str(number), trials.random(number)).outcome() for number in range(runs)]
    lost = sum(lost for _, lost in outcomes)
    trials.record(runs=runs, acknowledged=sum(acknowledged for acknowledged, _ in outcomes), lost=lost)
    assert lost == 0
    assert sum(acknowledged for acknowledged, _ in outcomes) > 5 * runs


@pytest.mark.faults
def test_random_faults_are_noticed(tmp_path: Path, trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same finds what is lost where every event counts, whoever was first."""

    def goes_on_with(end: Any, event: dict[str, Any], where: str) -> bool:
        end.version, end.next_id = event["new_version"], event["next_id"] + len(event["create"])
        return True

    monkeypatch.setattr(_journal._End, "goes_on_with", goes_on_with)
    outcomes = [History(tmp_path / str(number), trials.random(number)).outcome() for number in range(8)]
    lost = sum(lost for _, lost in outcomes)
    trials.record(runs=8, acknowledged=sum(one for one, _ in outcomes), lost=lost, what="control: no order")
    assert lost > 0


class History:
    """A session of two writers, each with an agent of the same id, that is restored where it was refused."""

    def __init__(self, folder: Path, numbers: random.Random) -> None:
        """Take an empty folder and random numbers."""
        self.folder, self.random = folder, numbers

    def outcome(self) -> tuple[int, int]:
        """Write, and return how many messages were acknowledged, and how many of them are not there once."""
        writers = [self.writer(), self.writer()]
        acknowledged = []
        for step in range(STEPS):
            which = self.random.randrange(2)
            manager, agent = writers[which]
            try:
                if self.random.random() < 0.6:
                    manager.append_message(user(f"message {step}"), agent)
                    acknowledged.append(f"message {step}")
                else:
                    self.random.choice([self.set_state, self.rewrite])(agent, step)
                    manager.sync_agent(agent)
            except SessionUnavailableError:
                pass
            except SessionConflictError:
                manager.close()
                writers[which] = self.writer()
        for manager, _ in writers:
            manager.close()
        with SessionManager("session", str(self.folder)) as manager:
            said = Counter(texts(scripted_agent(manager).messages))
        return len(acknowledged), sum(said[text] != 1 for text in acknowledged)

    def writer(self) -> tuple[Any, Any]:
        """Return a manager whose service fails now and then, and its agent."""
        manager = SessionManager("session", str(self.folder))
        events: Any = manager.events
        append, read = events.append, events.read

        def failing_append(*args: Any) -> None:
            fault = self.random.random()
            if fault < 0.05:
                self.cut_off()
            if fault < 0.1:
                raise SessionUnavailableError("nothing was written, or a part")
            append(*args)
            if fault < 0.2:
                raise SessionUnavailableError("it was written, and the reply was lost")

        def failing_read(*args: Any) -> Any:
            if self.random.random() < 0.1:
                raise SessionUnavailableError("nothing was read")
            return read(*args)

        events.append, events.read = failing_append, failing_read
        while True:
            try:
                return manager, scripted_agent(manager)
            except SessionUnavailableError:
                continue

    def cut_off(self) -> None:
        """Leave the beginning of an event, as a crash does."""
        for file in self.folder.rglob("*.jsonl"):
            event = self.random.choice(list(filter(None, file.read_bytes().split(b"\n"))))
            with file.open("ab") as opened:
                opened.write(b"\n" + event[: self.random.randint(0, len(event))])

    def set_state(self, agent: Any, step: int) -> None:
        """Change the state."""
        agent.state.set("step", step)

    def rewrite(self, agent: Any, step: int) -> None:
        """Change a message, but not its text."""
        if agent.messages:
            self.random.choice(agent.messages)["metadata"] = {"custom": {"step": step}}
