"""Mistakes about passwords in Valkey's connection strings, and about ids that are patterns."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
SHOWN = "the password is shown"

MISTAKES = [
    Mistake(
        "a repository keeps its connection string where everybody sees it who looks at its attributes",
        ["Security.test_password_is_not_shown"],
        SHOWN,
        [Edit(f"{REPOSITORY}.__init__", "self._server = ", "self._where = connection_string\n    self._server = ")],
    ),
    Mistake(
        "the log says at DEBUG where the server is, with the password",
        ["Security.test_password_is_not_shown"],
        SHOWN,
        [
            Edit(
                "connection._connect",
                "options: dict",
                "__import__('logging').getLogger('valkey').debug('connecting to %s', url)\n    options: dict",
            )
        ],
    ),
    Mistake(
        "the error for a malformed connection string quotes it",
        ["Security.test_password_is_not_shown"],
        SHOWN,
        [Edit("connection._check_url", "must look like", "<{url}> must look like")],
    ),
    Mistake(
        "the prefix of a listing is a pattern to the server",
        ["Security.test_commands_as_ids"],
        "assert [] == [",
        [Edit(f"{REPOSITORY}._scan", ".translate(_GLOB)", "")],
    ),
]
