"""Mistakes of saves that travel together: who is answered what, and what is done where that fails."""

from __future__ import annotations

from doubles import Edit, Mistake

WRITE = "repository.CorrectSessionRepository.write_together"
DONE = 'if answer in (b"done", "done")'
ANSWERS = "place in done for place in range(len(writes))"

MISTAKES = [
    Mistake(
        "a batch that is refused among others is taken for written",
        ["Together.test_some_are_refused", "Together.test_one_of_many_is_refused"],
        "==",
        [Edit(WRITE, DONE, "")],
    ),
    Mistake(
        "the answers are given to the batches in another order",
        ["Together.test_some_are_refused"],
        "==",
        [Edit(WRITE, ANSWERS, "place in done for place in reversed(range(len(writes)))")],
    ),
    Mistake(
        "batches that are written together are sent one by one",
        ["Together.test_round_trips"],
        "<= 20",
        [
            Edit(
                "connection.Server.run_each",
                "pipeline.execute(raise_on_error=False)",
                "[self.client.evalsha(script.digest, 1, *_encode(*run)) for run in runs]",
            )
        ],
    ),
    Mistake(
        "agents that save at the same moment save one by one",
        ["Together.test_round_trips"],
        "<= 20",
        [Edit("_executor._submit", 'getattr(job, "kind", None)', "None")],
    ),
    Mistake(
        "what was written together is written once more by each",
        ["Together.test_round_trips"],
        "<= 20",
        [Edit("_saver.AgentSaver._write", "if not is_written:", "if True:")],
    ),
    Mistake(
        "what could not be written together is taken for written",
        ["Together.test_failure"],
        "==",
        [
            Edit(
                "_saver.SaveJob.do_together",
                "        return\n",
                "        answers = [(job, True) for job in jobs]\n",
            )
        ],
    ),
    Mistake(
        "what cannot be stored is taken for written among others",
        ["Together.test_one_of_many_cannot_be_stored"],
        "==",
        [Edit(WRITE, ANSWERS, "place in done or place not in runs for place in range(len(writes))")],
    ),
    Mistake(
        "a subclass that writes batches in its own way is passed by where several are written",
        ["Together.test_own_write_log"],
        "==",
        [Edit("_saver._writes_together", "return False", "return True")],
    ),
    Mistake(
        "the promise is made, and nothing is written together",
        ["Together.test_batches_are_written"],
        "==",
        [Edit(WRITE, ANSWERS, "False for place in range(len(writes))")],
    ),
    Mistake(
        "a batch that was written together, and comes again, is taken for another writer's",
        ["Together.test_repeated"],
        "SessionConflictError",
        [Edit("scripts.SAVE", "if version ~= new_version or next ~= first + count then return", "if true then return")],
    ),
]
