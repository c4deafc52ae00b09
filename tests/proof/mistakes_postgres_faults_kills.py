"""Mistakes that show when the server crashes under writers, or when a writer is killed."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"

MISTAKES = [
    Mistake(
        "the server need not wait for its disk, which is faster: it forgets what was acknowledged last",
        ["KillLedger.test_store_is_killed"],
        "lost, ",
        [
            Edit(
                "connection._work_on",
                "    if connection.autocommit:\n",
                "    if connection.autocommit:\n        connection.execute('SET synchronous_commit = off')\n",
            )
        ],
    ),
    Mistake(
        "a save is two statements: the messages, and then the agent's record",
        ["KillLedger.test_writers_are_killed"],
        "a save is there in part",
        [
            Edit(
                f"{REPOSITORY}.write_log",
                "self._write_batch(batch)",
                "if batch.version and batch.agent and batch.create:\n"
                "        replace = __import__('dataclasses').replace\n"
                "        self.write_log(replace(batch, agent=None, update=[], new_version=batch.version))\n"
                "        __import__('time').sleep(0.05)\n"
                "        batch = replace(batch, create=[], next_id=batch.create[-1].message_id + 1)\n"
                "    self._write_batch(batch)",
            )
        ],
    ),
]
