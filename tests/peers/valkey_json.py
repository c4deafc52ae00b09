"""Takes the place of conftest.py: strands-valkey-session-manager, on a server without the module that it needs."""

from pathlib import Path
from typing import Any

import pytest
import valkey
from conformance import Backend, identifiers
from servers import Server
from strands_valkey_session_manager import ValkeySessionManager

pytest_plugins = ["conformance.plugin"]


class JsonAsStrings(valkey.Valkey):
    """A client that keeps the documents of the module as strings, whole: the package asks for no part of them."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send SET and GET in place of JSON.SET and JSON.GET."""
        if args[0] == "JSON.SET":
            _, key, path, document = args
            assert path == "$"
            return super().execute_command("SET", key, document)
        if args[0] == "JSON.GET":
            return super().execute_command("GET", *args[1:])
        return super().execute_command(*args, **options)


class Repository(ValkeySessionManager):
    """The package's manager, which can be closed."""

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


class Valkey(Backend):
    """One server for all repositories, each with a client of its own."""

    stores_lone_surrogates = False
    lists_unknown_agent = True

    def start(self, folder: Path) -> None:
        """Start the server."""
        self.server = Server()
        self.client = self.server.client()

    def stop(self) -> None:
        """Stop the server."""
        self.client.close()
        self.server.stop()

    def repository(self, **options: Any) -> Repository:
        """Make a repository, which is a manager of a session of its own."""
        return Repository("adapter", JsonAsStrings(port=self.server.port), **options)

    def dump(self) -> bytes:
        """Write out all keys and values."""
        return b"\n".join(part for key in self.client.scan_iter() for part in (key, self.client.get(key) or b""))


@pytest.fixture(autouse=True)
def no_colons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave ids with a colon, which the package refuses, to the cases that are about them."""
    monkeypatch.setattr(identifiers, "ALIKE", [one for one in identifiers.ALIKE if ":" not in one])


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return Valkey()
