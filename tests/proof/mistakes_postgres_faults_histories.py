"""Mistakes in SQL and in its columns that show after some steps only, in an order that nobody thought of."""

from __future__ import annotations

from doubles import Edit, Mistake

RECORDS = ["RandomHistories.test_records"]

MISTAKES = [
    Mistake(
        "what has expired is in the way of a new session until it is pruned",
        RECORDS,
        "the session exists already",
        [Edit("statements.CREATE_SESSION", "AND expires_at <= now()", "AND false")],
    ),
    Mistake(
        "a time comes back in the time zone of the column",
        RECORDS,
        "_at'] is",
        [
            Edit(
                "documents.time_to_columns",
                "None if time_from_columns(in_utc, None) == text else text",
                "None",
            )
        ],
    ),
    Mistake(
        "a change of a message leaves its agent's version",
        RECORDS,
        "write_log in session",
        [Edit("statements.UPDATE_MESSAGE", "version = %(new_version)s", "version = version")],
    ),
]
