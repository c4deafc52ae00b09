"""The tables of a schema: statements on them, and what is said where they are missing or of another version."""

import functools
import itertools
from collections.abc import Callable, Hashable
from typing import Any

from psycopg import errors

from . import schema as schemas
from . import statements
from .connection import Answer, Connection, Errors, OwnCursor, Server, execute, execute_often
from .errors import SessionNotFoundError, SessionUnavailableError

_NO_TABLES = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction, errors.InvalidSchemaName)
_VERSION = "SELECT max(version) FROM {schema}.migrations"

Rows = list[tuple[Any, ...]]


class Tables:
    """The tables of a schema, on a server."""

    def __init__(self, server: Server, schema: str) -> None:
        """Take a server, and name the schema that the tables are in.

        Raises:
            ValueError: If the schema has no plain name.
        """
        self._server = server
        self._name = schema
        self._schema = schemas.check_name(schema)
        self._is_checked = False

    @property
    def shared(self) -> Hashable:
        """What they share with others to which one statement can write as well."""
        return self._server.source, self._schema

    def close(self) -> None:
        """Give back what connects to the server."""
        self._server.close()

    def setup(self) -> list[int]:
        """Make or update the tables, and return the numbers of the migrations that were applied.

        Raises:
            SessionUnavailableError: If the role may not create tables, or a newer version of the package made them.
        """
        name = f"schema=<{self._name}>"
        applied, version = self._server.run(name, lambda connection: schemas.apply(OwnCursor(connection), self._schema))
        self.check(name, version)
        return applied

    def check(self, name: str, version: int | None) -> None:
        """Refuse tables that are not of this version.

        Args:
            name: What is read or written, for errors.
            version: The newest migration that was applied to them; None for none.

        Raises:
            SessionUnavailableError: If they are older or newer.
        """
        latest = schemas.latest()
        if version is None or version < latest:
            raise self._missing(name)
        if version > latest:
            raise SessionUnavailableError(
                f"{name} | the tables in schema {self._name} are of version {version}, newer than this package, which"
                f" knows {latest}: upgrade the package"
            )
        self._is_checked = True

    def fetch(self, name: str, statement: str, values: dict[str, Any], expected: Errors = ()) -> Rows:
        """Run a statement, and return its rows.

        Args:
            name: What is read or written, for errors.
            statement: The statement, one of `statements`.
            values: Its parameters.
            expected: Errors that the caller understands.

        Raises:
            SessionUnavailableError: If the server does not answer or refuses, or the tables are of another version.
        """
        return self.run(name, statement, values, expected)[0]

    def run(self, name: str, statement: str, values: dict[str, Any], expected: Errors = ()) -> tuple[Rows, bool]:
        """Run a statement, and return its rows and whether it was repeated: then it may meet what it did before.

        The arguments and the errors are those of `fetch`.
        """
        # The first statement of a session manager asks for the version itself, and none is asked for twice.
        if not self._is_checked and "migrations" not in statement:
            self._find_version(name)
        return self._execute(name, statement, values, expected)

    def append(self, name: str, values: dict[str, Any], expected: Errors) -> int:
        """Store the message of `append_columns`, and return how many that is: 0 where the agent was changed.

        The arguments and the errors are those of `fetch`.
        """
        if not self._is_checked:
            self._find_version(name)
        prepared = statements.APPEND if values["ttl"] is None else statements.APPEND_AND_EXTEND
        queries = _query(statements.APPEND_MESSAGE, self._schema), _query(prepared, self._schema)
        return self._work(name, lambda connection: execute_often(connection, *queries, values), expected)

    def write(self, name: str, statement: str, values: dict[str, Any]) -> None:
        """Run a statement that answers with how many records it replaced.

        Raises:
            SessionNotFoundError: If there was none.
            SessionUnavailableError: If the server does not answer or refuses, or the tables are of another version.
        """
        ((written,),) = self.fetch(name, statement, values)
        if not written:
            raise SessionNotFoundError(f"{name} | it does not exist, or its session has expired")

    def _find_version(self, name: str) -> None:
        self.check(name, self._execute(name, _VERSION, {})[0][0][0])

    def _execute(self, name: str, statement: str, values: dict[str, Any], expected: Errors = ()) -> tuple[Rows, bool]:
        query, attempts = _query(statement, self._schema), itertools.count()

        def work(connection: Connection) -> tuple[Rows, bool]:
            repeated = next(attempts) > 0
            return execute(connection, query, values), repeated

        return self._work(name, work, expected)

    def _work(self, name: str, work: Callable[[Connection], Answer], expected: Errors) -> Answer:
        try:
            return self._server.run(name, work, (*expected, *_NO_TABLES))
        except _NO_TABLES as error:
            raise self._missing(name) from error

    def _missing(self, name: str) -> SessionUnavailableError:
        option = "" if self._name == schemas.DEFAULT else f" --schema {self._name}"
        return SessionUnavailableError(
            f"{name} | the tables in schema {self._name} are missing or old; run"
            f" `python -m {__package__}{option} setup` with a role that may create them"
        )


@functools.lru_cache(256)  # the package's statements, in a handful of schemas
def _query(statement: str, schema: str) -> bytes:
    """Return a statement as it is sent."""
    return " ".join(statement.split()).replace("{schema}", schema).encode()
