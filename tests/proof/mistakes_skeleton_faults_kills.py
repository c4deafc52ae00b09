"""Mistakes that show when a writer is killed: what was acknowledged was not stored, or only a part of it."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
SURVIVES = "KillLedger.test_writers_are_killed"

MISTAKES = [
    Mistake(
        "saves are collected, and the last ones wait in memory for more of them",
        [SURVIVES],
        "lost, ",
        [
            Edit(
                "_saver.AgentSaver._write",
                "self._store.write_log(batch)",
                "waiting = self.__dict__.setdefault('_waiting', [])\n"
                "        waiting.append(batch)\n"
                "        while len(waiting) > 4:\n"
                "            self._store.write_log(waiting.pop(0))",
            )
        ],
    ),
    Mistake(
        "a save is two transactions: the messages, and then the agent's record",
        [SURVIVES],
        "a save is there in part",
        [
            Edit(
                f"{REPOSITORY}.write_log",
                "key = (batch.session_id, batch.agent_id)",
                "if batch.version and batch.agent and batch.create:\n"
                "        replace = __import__('dataclasses').replace\n"
                "        self.write_log(replace(batch, agent=None, update=[], new_version=batch.version))\n"
                "        __import__('time').sleep(0.05)\n"
                "        batch = replace(batch, create=[], next_id=batch.create[-1].message_id + 1)\n"
                "    key = (batch.session_id, batch.agent_id)",
            )
        ],
    ),
    Mistake(
        "a message that was redacted is so in memory only",
        [SURVIVES],
        "lost, ",
        [
            Edit(
                f"{REPOSITORY}.write_log",
                "sql.executemany(_REPLACE_MESSAGE, [(text, *message) for *message, text in update]).rowcount",
                "len(update)",
            )
        ],
    ),
    Mistake(
        "a session that was deleted is so for this process only",
        [SURVIVES],
        "is back",
        [
            Edit(
                f"{REPOSITORY}.delete_session",
                "if not sql.execute(",
                "return\n        if not sql.execute(",
            )
        ],
    ),
]
