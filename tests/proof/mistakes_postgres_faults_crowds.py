"""Mistakes that many processes on one agent meet, on PostgreSQL."""

from __future__ import annotations

from doubles import Edit, Mistake

NO_NEXT_ID = Edit("statements._UNCHANGED", " AND next_id = %(next_id)s", "")
WITHOUT_FUNCTION = Edit("repository.CorrectSessionRepository._write_batch", "append_columns(batch)", "None")
OVER = """FROM written
  ON CONFLICT (session_id, agent_id, message_id)
  DO UPDATE SET message = excluded.message, message_raw = excluded.message_raw"""
LIST = "return self._list(session_id, agent_id, limit"
LIST_TWICE = f"""known = len(self._list(session_id, agent_id))
    __import__("time").sleep(0.05)
    found = self._list(session_id, agent_id)
    return found[len(found) - known :]
    {LIST}"""

MISTAKES = [
    Mistake(
        "a statement writes over the messages of another writer",
        ["Crowds.test_crowd_of_writers"],
        "acknowledged messages are not there once",
        [WITHOUT_FUNCTION, NO_NEXT_ID, Edit("statements._INSERT_MESSAGE", "FROM written", OVER)],
    ),
    Mistake(
        "a statement does not compare the versions of the agent, so the last state wins",
        ["Crowds.test_crowd_that_counts"],
        "acknowledged steps are lost",
        [Edit("statements._UNCHANGED", " AND version = %(version)s", "")],
    ),
    Mistake(
        "messages are counted by one statement, and so many of the newest are read by another one",
        ["Crowds.test_reader_beside_writers"],
        "do not go on from the one before",
        [Edit("repository.CorrectSessionRepository.list_messages", LIST, LIST_TWICE)],
    ),
]
