"""Mistakes that many processes on one agent meet: who is refused, what is overwritten, what is read in between."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
PAUSE = '__import__("time").sleep(0.05)'  # for the others, so that it does not depend on luck whether they meet
INSERT = 'sql.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", create)'
NO_CHECK = Edit(
    f"{REPOSITORY}.write_log",
    "if _is_written(sql, batch, create):",
    "if not batch.version and _is_written(sql, batch, create):",
)
OVER = Edit(f"{REPOSITORY}.write_log", INSERT, INSERT.replace("INSERT", "INSERT OR REPLACE"))
FREE_ID = """first = sql.execute(_LAST_MESSAGE, key).fetchone()[0] + 1
        create = [(*key, first + i, row[3]) for i, row in enumerate(create)]
        sql.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", create)"""
PIECEMEAL = f"""for row in {{rows}}:
            if not sql.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)", row).rowcount:
                raise batch.taken()
            sql.execute("COMMIT")
            {PAUSE}
            sql.execute("BEGIN IMMEDIATE")"""
READ = "rows = sql.execute(_MESSAGES, (session_id, agent_id, 0, *page)).fetchall()"
READ_TWICE = f"""{READ}
    {PAUSE}
    with self._database.get().read(name) as sql:
        known = len(rows)
        {READ}
    rows = rows[len(rows) - known :]"""

MISTAKES = [
    Mistake(
        "messages of two writers: the last one wins",
        ["Crowds.test_crowd_of_writers"],
        "acknowledged messages are not there once",
        [NO_CHECK, OVER],
    ),
    Mistake(
        "turns of two writers: the last one wins",
        ["Crowds.test_crowd_at_a_cold_start"],
        "acknowledged turns are not in one piece",
        [
            NO_CHECK,
            OVER,
            Edit(f"{REPOSITORY}.write_log", "key = (batch.session_id", f"{PAUSE}\n    key = (batch.session_id"),
        ],
    ),
    Mistake(
        "an append takes the next id that is free, in place of a refusal",
        ["Crowds.test_crowd_of_writers"],
        "not just one was let through",
        [NO_CHECK, Edit(f"{REPOSITORY}.write_log", INSERT, FREE_ID)],
    ),
    Mistake(
        "the state of two writers: the last one wins",
        ["Crowds.test_crowd_that_counts"],
        "acknowledged steps are lost",
        [
            Edit(
                "_batch.Batch.check_version",
                "if stored_version == self.version",
                "if stored_version == self.version or (stored_version and self.version)",
            )
        ],
    ),
    Mistake(
        "a save is written message by message, the newest one first",
        ["Crowds.test_reader_beside_writers"],
        "do not go on from the one before",
        [Edit(f"{REPOSITORY}.write_log", INSERT, PIECEMEAL.format(rows="reversed(create)"))],
    ),
    Mistake(
        "a save is written message by message",
        ["Crowds.test_reader_beside_writers"],
        "a part of a save was read",
        [Edit(f"{REPOSITORY}.write_log", INSERT, PIECEMEAL.format(rows="create"))],
    ),
    Mistake(
        "messages are counted first, and then so many of the newest are read",
        ["Crowds.test_reader_beside_writers"],
        "do not go on from the one before",
        [Edit(f"{REPOSITORY}.list_messages", READ, READ_TWICE)],
    ),
]
