"""SQLite gives up in the middle of what it does, at every step. Replace it by what your datastore fails with.

This file is yours.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from conformance.package import SessionManager, SessionRepository, SessionUnavailableError
from conformance.records import ids, texts
from conformance.restore import rewrite, user
from conformance.same import assert_same_agent
from conformance.scripted_model import scripted_agent
from conformance.trials import Trials
from strands import Agent

SAVES = 3
LONG = "x" * 9000  # two pages of the file, and something
UNLIMITED = 2**31

Fault = Callable[[Any, int], Any]


@contextmanager
def interrupted(sql: Any, place: int, *, for_good: bool = False) -> Iterator[Callable[[], bool]]:
    """Interrupt what SQLite does, when it has taken so many steps, once or for good; say whether it has."""
    steps = 0

    def is_interrupted() -> bool:
        nonlocal steps
        steps += 1
        return steps >= place if for_good else steps == place

    sql.set_progress_handler(is_interrupted, 1)
    try:
        yield lambda: steps >= place
    finally:
        sql.set_progress_handler(None, 0)


@contextmanager
def interrupted_for_good(sql: Any, place: int) -> Iterator[Callable[[], bool]]:
    """Interrupt what SQLite does, also when it takes back what it did."""
    with interrupted(sql, place, for_good=True) as is_hit:
        yield is_hit


@contextmanager
def full(sql: Any, place: int) -> Iterator[Callable[[], bool]]:
    """Let the file grow by so many pages and no further, as a full disk does. A save that it fails raises."""
    pages = sql.execute("PRAGMA page_count").fetchone()[0] + place - 1
    sql.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield lambda: False
    finally:
        sql.execute(f"PRAGMA max_page_count = {UNLIMITED}")


@pytest.mark.faults
@pytest.mark.parametrize(("fault", "few", "many"), [(interrupted, 97, 1), (interrupted_for_good, 97, 3), (full, 3, 1)])
def test_fault_within_sqlite(tmp_path: Path, trials: Trials, fault: Fault, few: int, many: int) -> None:
    """Wherever SQLite gives up, a save is stored as a whole or not at all; one that was acknowledged is, for good."""
    try_places(tmp_path, trials, fault, trials.count(few, many), fault.__name__)


@pytest.mark.faults
def test_fault_that_nobody_hears_of(tmp_path: Path, trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: a save that SQLite gave up is acknowledged all the same, and found to be lost."""
    write_log = SessionRepository.write_log

    def forgiving(*args: Any) -> None:
        with suppress(SessionUnavailableError):
            write_log(*args)

    monkeypatch.setattr(SessionRepository, "write_log", forgiving)
    with pytest.raises(AssertionError, match="was acknowledged"):
        try_places(tmp_path, trials, interrupted_for_good, 97, "control: no error is raised")


def try_places(folder: Path, trials: Trials, fault: Fault, step: int, what: str) -> None:
    """Have a fault at one place after the other, so many steps apart, and take note of what came of it."""
    path, runs, acknowledged, lost = str(folder / "sessions.db"), 0, 0, 0
    place = trials.random().randint(1, step)
    # The first one shares its connection with the managers, the second one looks at what is stored.
    with SessionRepository(path) as shared, SessionRepository(path, timeout=7) as looking:
        sql, is_hit = shared._database.get()._sql, True
        try:
            while is_hit:
                session_id, done, failed = f"session-{place}", 0, 0
                with fault(sql, place) as ask:
                    manager, live = build(path, session_id)
                    for number in range(1, SAVES + 1):
                        if live is not None and succeeds(manager, live, number):
                            acknowledged, done = acknowledged + 1, number
                        else:
                            failed += 1
                    is_hit = ask() or failed > 0
                runs += 1
                if live is None:
                    manager, live = build(path, session_id)
                assert live is not None, f"place {place}: the fault is over, and still there is no agent"
                stored = saves_stored(looking, session_id)
                lost += max(0, done - stored)
                assert stored >= done, f"place {place}: save {done} was acknowledged, {stored} is stored"
                assert succeeds(manager, live, SAVES + 1), f"place {place}: the fault is over, and still a save fails"
                assert saves_stored(looking, session_id) == SAVES + 1
                with SessionManager(session_id, path) as restoring:
                    assert_same_agent(scripted_agent(restoring), live)
                manager.close()
                place += step
        finally:
            trials.record(runs=runs, acknowledged=acknowledged, lost=lost, what=what)
    assert runs > 1


def build(path: str, session_id: str) -> tuple[Any, Agent | None]:
    """Make a manager and an agent, in two attempts. The agent is None where both fail."""
    for _ in range(2):
        try:
            manager = SessionManager(session_id, path)
        except SessionUnavailableError:
            continue
        try:
            return manager, scripted_agent(manager)
        except SessionUnavailableError:
            manager.close()
    return None, None


def succeeds(manager: Any, live: Agent, number: int) -> bool:
    """Save messages, a rewritten one and state, all at once; return whether that succeeded."""
    while len(live.messages) < 2 * number:
        live.messages += [user(LONG), user("an answer", role="assistant")]
    rewrite(live.messages[0], f"{number} {LONG}")
    live.state.set("number", number)
    try:
        manager.sync_agent(live)
    except SessionUnavailableError:
        return False
    return True


def saves_stored(looking: Any, session_id: str) -> int:
    """The number of the last save that is stored, about which no two parts of it may disagree."""
    stored = looking.list_messages(session_id, "default")
    live = looking.read_agent(session_id, "default")
    number: int = live.state.get("number", 0) if live else 0
    assert ids(stored) == list(range(2 * number)), f"the state is that of save {number}, stored are {ids(stored)}"
    assert [text.split()[0] for text in texts(stored)[:1]] == [f"{number}"][: len(stored)], "rewritten in another save"
    return number
