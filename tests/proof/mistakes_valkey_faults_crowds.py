"""Mistakes that many processes on one agent meet, on Valkey."""

from __future__ import annotations

from doubles import Edit, Mistake

STALE = "if (stored or '') ~= version then return stored and 'stale' or 'absent' end"
NO_VERSION = Edit("scripts.SAVE", STALE, "if version == '' and stored then return 'stale' end")
LIST = "return _read_joined(read)"
LIST_TWICE = """known = len(read(1))
    __import__("time").sleep(0.05)
    found = read(1)
    return found[len(found) - known :]"""

MISTAKES = [
    Mistake(
        "a script writes over the messages of another writer",
        ["Crowds.test_crowd_of_writers"],
        "acknowledged messages are not there once",
        [Edit("scripts.SAVE", "if next > first then", "if false then")],
    ),
    Mistake(
        "a script appends behind what another writer appended, in place of a refusal",
        ["Crowds.test_crowd_of_writers"],
        "not just one was let through",
        [Edit("scripts.SAVE", "if next > first then", "if next > first then first = next end if false then")],
    ),
    Mistake(
        "a script does not compare the versions of the agent, so the last state wins",
        ["Crowds.test_crowd_that_counts"],
        "acknowledged steps are lost",
        [NO_VERSION],
    ),
    Mistake(
        "messages are counted by one script, and so many of the newest are read by another one",
        ["Crowds.test_reader_beside_writers"],
        "do not go on from the one before",
        [Edit("repository.CorrectSessionRepository.list_messages", LIST, LIST_TWICE)],
    ),
]
