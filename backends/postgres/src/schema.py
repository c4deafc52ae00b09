"""The schema: numbered migrations, applied once each, safely from many processes at once.

`python -m {== 'strands_session_' ~ slug ==} setup` applies them and `... sql` prints them, for a database to which the
application itself may not add tables.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg

DEFAULT = "strands_sessions"

_NAME = re.compile(r"(?P<version>\d{4})_\w+\.sql")
_LOCK = 0x7374726E  # any number, but the same everywhere
_TABLE = """
-- Whoever may create a function in a schema that is searched could have the tables call it.
SET LOCAL search_path = pg_catalog, pg_temp;
-- CREATE ... IF NOT EXISTS would demand the right to create also what is there.
DO $$ BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'the database must have the encoding UTF8, and has ' || current_setting('server_encoding');
    END IF;
    IF to_regnamespace('{schema}') IS NULL THEN
        CREATE SCHEMA {schema};
    END IF;
    IF to_regclass('{schema}.migrations') IS NULL THEN
        CREATE TABLE {schema}.migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
    END IF;
END $$;
"""
_VERSION = "SELECT coalesce(max(version), 0) FROM {schema}.migrations"
_RECORD = "INSERT INTO {schema}.migrations (version) VALUES ({version})"


def check_name(schema: str) -> str:
    """Return a schema's name as it stands in SQL.

    Raises:
        ValueError: If it is not a plain name: letters, digits and underscores, 63 at most, no digit first.
    """
    if not isinstance(schema, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", schema):
        raise ValueError(
            f"schema=<{schema!r}> | must be a name of at most 63 letters, digits and underscores, no digit first"
        )
    return f'"{schema}"'


def migrations(schema: str) -> list[tuple[int, str]]:
    """Return the number and the SQL of each migration, in order.

    Args:
        schema: The name of the schema, as `check_name` returns it.
    """
    found = []
    for resource in files(__package__).joinpath("migrations").iterdir():
        if match := _NAME.fullmatch(resource.name):
            text = resource.read_text(encoding="utf-8").replace("{schema}", schema)
            found.append((int(match["version"]), text))
    return sorted(found)


@cache
def latest() -> int:
    """Return the number of the newest migration that this version of the package knows."""
    return migrations("")[-1][0]


def script(schema: str, after: int = 0) -> str:
    """Return the migrations as one script, for somebody who may change the database to run.

    Args:
        schema: The name of the schema, as `check_name` returns it.
        after: The newest migration that the database has; 0 for none.
    """
    steps = [_TABLE.replace("{schema}", schema)]
    for version, text in migrations(schema):
        if version > after:
            steps += [text, _RECORD.replace("{schema}", schema).replace("{version}", str(version)) + ";\n"]
    return "BEGIN;\n" + "\n".join(steps) + "COMMIT;\n"


def apply(cursor: "psycopg.Cursor[tuple[Any, ...]]", schema: str) -> tuple[list[int], int]:
    """Apply the migrations that the database lacks, all of them or none.

    Args:
        cursor: A cursor of a connection in autocommit mode.
        schema: The name of the schema, as `check_name` returns it.

    Returns:
        The numbers of those that were applied, and the newest that the database has.
    """
    applied = []
    with cursor.connection.transaction():
        # To look first whether it is there is not safe against another process that does the same at the same moment.
        # Another level would go on seeing what there was before the lock.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", prepare=False)
        cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", prepare=False)
        cursor.execute(_TABLE.replace("{schema}", schema), prepare=False)
        ((newest,),) = cursor.execute(_VERSION.replace("{schema}", schema), prepare=False).fetchall()
        for version, text in migrations(schema):
            if version > newest:
                cursor.execute(text, prepare=False)
                cursor.execute(_RECORD.replace("{schema}", schema).replace("{version}", str(version)), prepare=False)
                applied.append(version)
    return applied, max([newest, *applied])
