"""Takes the place of conftest.py: strands-agents-session, with its own storage in memory."""

from pathlib import Path
from typing import Any

from conformance import Backend
from strands_agents_session import InMemorySessionStorage, KeyValueSessionManager

pytest_plugins = ["conformance.plugin"]


class Memory(Backend):
    """One storage for all repositories."""

    lists_unknown_agent = True

    def start(self, folder: Path) -> None:
        """Make the storage."""
        self.storage = InMemorySessionStorage()

    def repository(self, **options: Any) -> KeyValueSessionManager:
        """Make a repository, which is a manager of a session of its own."""
        return KeyValueSessionManager("adapter", self.storage, **options)

    def dump(self) -> bytes:
        """Write out what is in memory."""
        return repr(self.storage._data).encode()


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return Memory()
