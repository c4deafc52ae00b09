"""The command line: `python -m strands_session_postgres setup` makes the tables, `... sql` prints how.

`... prune` deletes the sessions that have expired.
"""

import argparse
import logging
import sys

from strands.types.exceptions import SessionException

from . import PostgresSessionRepository, schema


def main() -> int:
    """Run the command line, and return the exit status."""
    about = "Makes the tables of strands-session-postgres, and keeps them small."
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=about)
    about_schema = f"the schema that the tables are in ({schema.DEFAULT})"
    parser.add_argument("--schema", default=schema.DEFAULT, help=about_schema)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (("setup", "make or update the tables"), ("prune", "delete the sessions that have expired")):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("connection_string", nargs="?", help="by default POSTGRES_SESSION_CONNECTION")
    sql = commands.add_parser("sql", help="print the SQL, for somebody who may make tables")
    sql.add_argument("--after", type=int, default=0, metavar="MIGRATION", help="the newest that the database has")
    for command in commands.choices.values():  # before or after the command, as one likes
        command.add_argument("--schema", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # its warnings say what the error will say
    try:
        if arguments.command == "sql":
            sys.stdout.write(schema.script(schema.check_name(arguments.schema), arguments.after))
            return 0
        with PostgresSessionRepository(arguments.connection_string, schema=arguments.schema) as repository:
            done = _setup(repository) if arguments.command == "setup" else _prune(repository)
    except (SessionException, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"schema {arguments.schema}: {done}\n")
    return 0


def _setup(repository: PostgresSessionRepository) -> str:
    applied = repository.setup()
    done = f"applied migrations {', '.join(map(str, applied))}" if applied else "nothing to do"
    return f"{done}; the tables are up to date"


def _prune(repository: PostgresSessionRepository) -> str:
    return f"{repository.prune_expired()} expired sessions deleted"


if __name__ == "__main__":
    sys.exit(main())
