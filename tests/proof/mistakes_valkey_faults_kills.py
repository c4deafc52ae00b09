"""Mistakes that show when the server is killed under writers, or when a writer is."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"

MISTAKES = [
    Mistake(
        "a save without an answer is taken for done",
        ["KillLedger.test_store_is_killed"],
        "lost, ",
        [
            Edit(
                "_saver.AgentSaver._write",
                "except SessionUnavailableError:\n        raise",
                "except SessionUnavailableError:\n        pass",
            )
        ],
    ),
    Mistake(
        "a save that failed is not made up for: what it held is forgotten",
        ["KillLedger.test_store_is_killed"],
        "SessionConflictError",
        [
            Edit(
                "_saver.AgentSaver._write",
                "except SessionUnavailableError:\n        raise",
                "except SessionUnavailableError:\n"
                "        self._unsure = None\n"
                "        self.log.saved(save)\n"
                "        raise",
            )
        ],
    ),
    Mistake(
        "a save is two scripts: the messages, and then the agent's record",
        ["KillLedger.test_writers_are_killed"],
        "a save is there in part",
        [
            Edit(
                f"{REPOSITORY}.write_log",
                "name, key, arguments = self._save(batch)",
                "if batch.version and batch.agent and batch.create:\n"
                "        replace = __import__('dataclasses').replace\n"
                "        self.write_log(replace(batch, agent=None, update=[], new_version=batch.version))\n"
                "        __import__('time').sleep(0.05)\n"
                "        batch = replace(batch, create=[], next_id=batch.create[-1].message_id + 1)\n"
                "    name, key, arguments = self._save(batch)",
            )
        ],
    ),
]
