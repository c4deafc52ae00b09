"""Mistakes about passwords in PostgreSQL's connection strings, and about agents that cannot be restored."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
SHOWN = "the password is shown"

MISTAKES = [
    Mistake(
        "a repository of PostgreSQL keeps its connection string in an attribute",
        ["Security.test_password_is_not_shown"],
        SHOWN,
        [Edit(f"{REPOSITORY}.__init__", "self._tables = ", "self._where = connection_string\n    self._tables = ")],
    ),
    Mistake(
        "the log says at DEBUG where the database is, with the password",
        ["Security.test_password_is_not_shown"],
        SHOWN,
        [
            Edit(
                "connection._open_pool",
                "class Patient",
                "__import__('logging').getLogger('pool').debug('connecting to %s', url)\n\n    class Patient",
            )
        ],
    ),
    Mistake(
        "an agent whose layout cannot be read is not even stored",
        ["Security.test_layout_of_nonsense"],
        "SessionCorruptError",
        [Edit("documents._restores", "except SessionCorruptError:", "except ZeroDivisionError:")],
    ),
]
