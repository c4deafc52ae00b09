"""Mistakes about what a call of the repository leaves behind that fails somewhere in a conversation."""

from __future__ import annotations

from doubles import Edit, Mistake

CASES = ["FaultSweep.test_every_call"]
UNAVAILABLE = "except SessionUnavailableError:"

MISTAKES = [
    Mistake(
        "a save that failed is taken for stored, and never comes to be",
        CASES,
        "acknowledged, and stored are",
        [
            Edit(
                "_saver.AgentSaver._write",
                f"{UNAVAILABLE}\n        raise",
                f"{UNAVAILABLE}\n        self._unsure = None\n        return self.log.saved(save)",
            )
        ],
    ),
    Mistake(
        "what a save could not write is left out of the next one",
        CASES,
        "the store fell back to an earlier state",
        [Edit("_saver.AgentSaver._write", UNAVAILABLE, f"{UNAVAILABLE}\n        self.log.saved(save)")],
    ),
    Mistake(
        "messages whose save failed come with new ids the next time",
        CASES,
        "SessionConflictError",
        [
            Edit(
                "_saver.AgentSaver._write",
                UNAVAILABLE,
                f"{UNAVAILABLE}\n        self._unsure = None\n        self.log._next_id += len(batch.create)",
            )
        ],
    ),
    Mistake(
        "a save of unknown outcome is composed anew in place of being repeated",
        CASES,
        "SessionConflictError",
        [Edit("_saver.AgentSaver._write", UNAVAILABLE, f"{UNAVAILABLE}\n        self._unsure = None")],
    ),
    Mistake(
        "an append that is stored already is another writer's",
        CASES,
        "SessionConflictError",
        [Edit("repository._is_written", "found != create", "found")],
    ),
]
