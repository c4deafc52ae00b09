"""Takes the place of conftest.py: strands-postgresql-session-manager.

Its timestamps, its order of keys and its errors are not those of the SDK's own repositories. So that each case is
judged by what it is about, only the cases about timestamps and about the order of keys see these as they are.
"""

import functools
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from conformance import Backend, same
from servers import Server
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel, create_engine
from strands.types.exceptions import SessionException
from strands_postgresql_session_manager import PostgresSessionManager

pytest_plugins = ["conformance.plugin"]

TIMESTAMPS = ("test_session_is_read_back", "test_agent_is_read_back", "test_message_is_read_back")
TIMESTAMPS += ("test_records_are_json",)
ORDER = ("test_order_of_keys",)
METHODS = [f"{verb}_{kind}" for verb in ("create", "read", "update") for kind in ("agent", "message", "multi_agent")]
METHODS += ["create_session", "read_session", "list_messages", "delete_session"]


class Repository(PostgresSessionManager):
    """The package's manager, which can be closed."""

    has_datetimes = True

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def adapted(name: str) -> Callable[..., Any]:
    """Make a method of the package raise SessionException where SQLAlchemy raises, and return timestamps as strings."""
    original = getattr(PostgresSessionManager, name)

    @functools.wraps(original)
    def method(self: Repository, *args: Any, **kwargs: Any) -> Any:
        try:
            result = original(self, *args, **kwargs)
        except SQLAlchemyError as error:
            raise SessionException(str(error)) from error
        for record in result if isinstance(result, list) else [result]:
            for field in ("created_at", "updated_at"):
                if isinstance(getattr(record, field, None), datetime) and not Repository.has_datetimes:
                    setattr(record, field, getattr(record, field).replace(tzinfo=timezone.utc).isoformat())
        return result

    return method


for name in METHODS:
    setattr(Repository, name, adapted(name))


class Postgresql(Backend):
    """One database for all repositories, each with an engine of its own."""

    multi_agent = True
    stores_nul = False
    stores_lone_surrogates = False
    stores_every_number = False
    lists_unknown_agent = True

    def start(self, folder: Path) -> None:
        """Start the server, and make the tables as the package's README does."""
        self.server = Server()
        self.engine = self.new_engine()
        SQLModel.metadata.create_all(self.engine)

    def stop(self) -> None:
        """Stop the server."""
        self.engine.dispose()
        self.server.stop()

    def new_engine(self) -> Engine:
        """Make an engine."""
        return create_engine(self.server.url)

    def repository(self, **options: Any) -> Repository:
        """Make a repository, which is a manager of a session of its own."""
        return Repository("adapter", self.new_engine(), **options)

    def dump(self) -> bytes:
        """Write out all rows."""
        tables = ("sessions", "agents", "messages", "multi_agents")
        with self.engine.connect() as connection:
            rows = [connection.execute(text(f"SELECT row_to_json({table})::text FROM {table}")) for table in tables]
            return "\n".join(row for table in rows for (row,) in table).encode()


@pytest.fixture(autouse=True)
def one_thing_at_a_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show timestamps and the order of keys as they are to the cases about them, and to no others."""
    case, exact = request.node.originalname, same.assert_same
    monkeypatch.setattr(Repository, "has_datetimes", case in TIMESTAMPS)
    if case in ORDER:
        return

    def in_any_order(actual: Any, expected: Any, where: str = "value") -> None:
        exact(*(dict(sorted(one.items())) if isinstance(one, dict) else one for one in (actual, expected)), where)

    for name, module in list(sys.modules.items()):
        if name.startswith("conformance.") and hasattr(module, "assert_same"):
            monkeypatch.setattr(module, "assert_same", in_any_order)


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return Postgresql()
