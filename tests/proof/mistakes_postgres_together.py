"""Mistakes of saves that travel in one statement: what belongs into it, and whose row is whose."""

from __future__ import annotations

from doubles import Edit, Mistake

WRITE = "repository.CorrectSessionRepository.write_together"

MISTAKES = [
    Mistake(
        "a batch with more than a message is written together, without the rest",
        ["Together.test_batches_are_written"],
        "has the keys [], not ['number']",
        [
            Edit(
                "documents.append_columns",
                "if batch.agent is not None or batch.update or batch.version != batch.new_version or",
                "if not batch.version or",
            )
        ],
    ),
    Mistake(
        "answers are counted in the order of the sessions, and given in that of the batches",
        ["Together.test_some_are_refused"],
        "==",
        [
            Edit(
                WRITE,
                "place for place, is_written in answers if is_written",
                "place for place, (_, is_written) in enumerate(answers) if is_written",
            ),
            Edit(WRITE, 'key=itemgetter("session_id", "agent_id")', 'key=itemgetter("agent_id")'),
        ],
    ),
    Mistake(
        "a batch that a statement refuses among others is taken for written",
        ["Together.test_some_are_refused", "Together.test_one_of_many_is_refused"],
        "==",
        [Edit(WRITE, "for place, is_written in answers if is_written", "for place, is_written in answers")],
    ),
    Mistake(
        "messages that are written together are one statement each",
        ["Together.test_round_trips"],
        "<= 20",
        [
            Edit(
                WRITE,
                'answers = self._tables.fetch(f"{len(rows)} messages", statements.APPEND_MESSAGES, columns)',
                'answers = [self._tables.fetch("", statements.APPEND_MESSAGES, '
                "{name: [row[name]] for name in columns})[0] for row in rows]",
            )
        ],
    ),
]
