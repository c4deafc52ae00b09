"""The files that stand in for {== backend ==}. Replace these cases by those of your service.

This file is yours.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conformance.package import (
    SessionConflictError,
    SessionCorruptError,
    SessionManager,
    SessionNotFoundError,
    SessionUnavailableError,
)
from conformance.records import texts
from conformance.same import assert_same_agent
from conformance.scripted_model import scripted_agent

from strands_session_{== slug ==}._journal import Log
from strands_session_{== slug ==}.events import {== class_prefix ==}Events

LOG = Log("session", "agent", "a")
# Says what it has appended, for as long as it lives.
WRITER = """
import sys
from itertools import count
from strands_session_{== slug ==}._journal import Log
from strands_session_{== slug ==}.events import {== class_prefix ==}Events

events = {== class_prefix ==}Events(sys.argv[1])
for number in count():
    events.append(Log("session", "agent", "a"), f"event {number}", None)
    print(number, flush=True)
"""


@pytest.fixture
def events(tmp_path: Path) -> {== class_prefix ==}Events:
    """A service of its own."""
    return {== class_prefix ==}Events(str(tmp_path))


@pytest.fixture
def new_agent(tmp_path: Path) -> Callable[[], Any]:
    """Make agents of one session, each in a manager of its own."""
    return lambda: scripted_agent(SessionManager("session", str(tmp_path)))


def log_file(folder: Path) -> Path:
    """Return the only file that there is."""
    (file,) = folder.rglob("*.jsonl")
    return file


def read(events: {== class_prefix ==}Events, log: Log = LOG) -> list[str]:
    """Return the texts of a log."""
    return [event.text for event in events.read(log)]


@pytest.mark.quick
@pytest.mark.parametrize("part", ['{"format": 1, "ver', '{"format": 1}', "", "\n", '\n{"format', '\n{"a": 1}\n{"b'])
def test_cut_off(part: str, tmp_path: Path, new_agent: Callable[[], Any]) -> None:
    """What appends left that a crash cut off is passed over, by a restore, by the same agent, and by the next one."""
    live = new_agent()
    live("one")
    with log_file(tmp_path).open("a", encoding="utf-8") as file:
        file.write(f"\n{part}")
    assert_same_agent(new_agent(), live)
    live("two")
    restored = new_agent()
    assert_same_agent(restored, live)
    restored("three")
    assert_same_agent(new_agent(), restored)


@pytest.mark.quick
@pytest.mark.parametrize("damage", ["", "#", "{}", "[]", "null", '"', '{"format": 1}', '{"format": 2}', "half"])
@pytest.mark.parametrize("number", [0, 1, 3, -1])
def test_damage(number: int, damage: str, tmp_path: Path, new_agent: Callable[[], Any]) -> None:
    """An acknowledged event that is damaged, or missing before another one, is an error, and nothing is restored."""
    live = new_agent()
    live("one")
    live("two")
    lines = log_file(tmp_path).read_text(encoding="utf-8").split("\n")
    places = [place for place, line in enumerate(lines) if line]
    assert len(places) == 5
    if damage == "" and number == -1:
        return  # nobody can tell that there was an event after the last one
    line = lines[places[number]]
    lines[places[number]] = line[: len(line) // 2] if damage == "half" else damage
    log_file(tmp_path).write_text("\n".join(lines), encoding="utf-8", newline="\n")
    with pytest.raises(SessionCorruptError, match="session_id=<session>"):
        new_agent()


@pytest.mark.quick
@pytest.mark.parametrize("number", [0, -1])
def test_damaged_byte(number: int, tmp_path: Path, new_agent: Callable[[], Any]) -> None:
    """A byte that is no text is not restored as another character."""
    new_agent()("one")
    lines = log_file(tmp_path).read_bytes().split(b"\n")
    place = [place for place, line in enumerate(lines) if line][number]
    lines[place] = lines[place][:-20] + b"\xff" + lines[place][-19:]
    log_file(tmp_path).write_bytes(b"\n".join(lines))
    with pytest.raises(SessionCorruptError, match="session_id=<session>"):
        new_agent()


@pytest.mark.quick
def test_appended_at_once(events: {== class_prefix ==}Events) -> None:
    """Events that are appended at the same moment are whole, there once, and in one order for everybody."""
    start = threading.Barrier(8)

    def append(writer: int) -> None:
        start.wait(30)
        for number in range(20):
            events.append(LOG, f"{writer} {number} {'x' * 10_000}", None)

    threads = [threading.Thread(target=append, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [text.split()[:2] for text in read(events)]
    assert len(found) == 160
    for writer in range(8):
        assert [number for name, number in found if name == str(writer)] == [str(number) for number in range(20)]
    assert [text.split()[:2] for text in read(events)] == found


@pytest.mark.quick
def test_the_second_of_two(new_agent: Callable[[], Any]) -> None:
    """Of agents that are saved at the same moment one is first, and the others are refused: all see that one."""
    new_agent()
    agents, start, won = [new_agent() for _ in range(4)], threading.Barrier(4), []

    def save(number: int) -> None:
        agent = agents[number]
        agent.messages.append({"role": "user", "content": [{"text": f"from {number}"}]})
        start.wait(30)
        try:
            agent._session_manager.sync_agent(agent)
            won.append(f"from {number}")
        except SessionConflictError:
            pass

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert texts(new_agent().messages) == won


def test_killed_writer(events: {== class_prefix ==}Events, tmp_path: Path) -> None:
    """What `append` returned from is there when the process is killed."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in range(20):
            process.stdout.readline()
        process.kill()
        rest = process.stdout.read().split("\n")
    last = max([19, *(int(line) for line in rest[:-1] if line)])
    assert read(events)[: last + 1] == [f"event {number}" for number in range(last + 1)]


@pytest.mark.quick
def test_names_do_not_clash(events: {== class_prefix ==}Events, tmp_path: Path) -> None:
    """Ids that differ in case alone, that look like paths, or that are longer than a file name, have their own logs."""
    ids = ["a", "A", "\u00e4", "a\u0308", "..", "../a", "/../../a", "a/../a", "x" * 500, "x" * 499 + "X", "CON", "a."]
    folder = events._folder / "nested"
    nested = {== class_prefix ==}Events(str(folder))
    logs = [Log(one, kind, other) for one in ids for other in ids for kind in ("agent", "multi_agent")]
    for log in logs:
        nested.append(log, repr(tuple(log)), None)
    assert [read(nested, log) for log in logs] == [[repr(tuple(log))] for log in logs]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.quick
def test_after(events: {== class_prefix ==}Events, tmp_path: Path) -> None:
    """Only what came later is read. A log that is gone, or begun anew, is an error, and nothing is added."""
    for text in ("one", "two", "three"):
        events.append(LOG, text, None)
    first, second, _ = events.read(LOG)
    assert [event.text for event in events.read(LOG, first.position)] == ["two", "three"]
    log_file(tmp_path).unlink()
    with pytest.raises(SessionNotFoundError):
        events.append(LOG, "four", second.position)
    with pytest.raises(SessionNotFoundError):
        events.read(LOG, second.position)
    assert read(events) == []
    for text in ("ONE", "TWO"):
        events.append(LOG, text, None)
    with pytest.raises(SessionConflictError):
        events.append(LOG, "four", second.position)
    with pytest.raises(SessionConflictError):
        events.read(LOG, second.position)
    assert read(events) == ["ONE", "TWO"]


@pytest.mark.quick
def test_no_folder(tmp_path: Path) -> None:
    """Where no files can be, the service is unavailable: nobody begins anew."""
    (tmp_path / "file").touch()
    events = {== class_prefix ==}Events(str(tmp_path / "file"))
    with pytest.raises(SessionUnavailableError):
        events.append(LOG, "one", None)
    with pytest.raises(SessionUnavailableError):
        events.read(LOG)


@pytest.mark.quick
@pytest.mark.parametrize("connection_string", ["", "  ", "a\x00b"])
def test_malformed_connection_string(connection_string: str) -> None:
    """What names no folder is refused."""
    with pytest.raises(ValueError, match="connection_string"):
        SessionManager("session", connection_string)


@pytest.mark.quick
@pytest.mark.parametrize("named", ["ours", ""])
def test_environment_variable(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the environment says where; else it is a folder in the one that the process began in."""
    monkeypatch.setenv("{== slug | upper ==}_SESSION_CONNECTION", named)
    monkeypatch.chdir(tmp_path)
    events = {== class_prefix ==}Events()
    (tmp_path / "elsewhere").mkdir()
    os.chdir("elsewhere")
    events.append(LOG, "one", None)
    assert log_file(tmp_path / (named or "strands-session-{== slug | replace("_", "-") ==}")).exists()
