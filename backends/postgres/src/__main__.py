"""Makes the tables: `python -m {== 'strands_session_' ~ slug ==} setup`, or prints how: `... sql`."""

import argparse
import logging
import sys

from strands.types.exceptions import SessionException

from . import {== class_prefix ==}SessionRepository, schema


def main() -> int:
    """Run the command line, and return the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__)
    parser.add_argument("--schema", default="strands_sessions", help="the schema that the tables are in (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="make or update the tables")
    setup.add_argument("connection_string", nargs="?", help="by default {== slug | upper ==}_SESSION_CONNECTION")
    sql = commands.add_parser("sql", help="print the SQL, for somebody who may make tables")
    sql.add_argument("--after", type=int, default=0, metavar="MIGRATION", help="the newest that the database has")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)  # the warnings of psycopg_pool say what the error will say
    try:
        if arguments.command == "sql":
            sys.stdout.write(schema.script(schema.check_name(arguments.schema), arguments.after))
            return 0
        with {== class_prefix ==}SessionRepository(arguments.connection_string, schema=arguments.schema) as repository:
            applied = repository.setup()
    except (SessionException, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    done = f"applied migrations {', '.join(map(str, applied))}" if applied else "nothing to do"
    sys.stdout.write(f"schema {arguments.schema}: {done}; the tables are up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
