"""LMDB fails in the middle of a save: the file is full, at any place.

This file is yours.
"""

import os
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
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
UNLIMITED = 2**40


@pytest.mark.faults
def test_full_file(tmp_path: Path, trials: Trials) -> None:
    """Wherever the file is full, a save is stored as a whole or not at all; one that was acknowledged is, for good."""
    path, runs, acknowledged, lost = str(tmp_path / "sessions.mdb"), trials.count(10, 60), 0, 0
    with SessionRepository(path) as repository:
        environment = repository._client._shared.get().lmdb
        failures = 0
        for pages in range(runs):
            session_id, done = f"session-{pages}", 0
            manager = SessionManager(session_id, path)
            live = scripted_agent(manager)
            environment.set_mapsize((environment.info()["last_pgno"] + 1 + pages) * PAGE)
            for number in range(1, SAVES + 1):
                if succeeds(manager, live, number):
                    acknowledged, done = acknowledged + 1, number
                else:
                    failures += 1
            environment.set_mapsize(UNLIMITED)
            stored = saves_stored(repository, session_id)
            lost += max(0, done - stored)
            assert stored >= done, f"{pages} pages: save {done} was acknowledged, {stored} is stored"
            assert succeeds(manager, live, SAVES + 1), f"{pages} pages: there is room again, and still a save fails"
            assert saves_stored(repository, session_id) == SAVES + 1
            with SessionManager(session_id, path) as restoring:
                assert_same_agent(scripted_agent(restoring), live)
            manager.close()
        trials.record(runs=runs, acknowledged=acknowledged, lost=lost, what="a full file")
    assert 0 < failures < runs * SAVES


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
    number: int = looking.read_agent(session_id, "default").state.get("number", 0)
    assert ids(stored) == list(range(2 * number)), f"the state is that of save {number}, stored are {ids(stored)}"
    assert [text.split()[0] for text in texts(stored)[:1]] == [f"{number}"][: len(stored)], "rewritten in another save"
    return number
