"""How the tests reach a live {== backend ==}, and what the session manager promises. This file is yours."""

import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from conformance import Backend

pytest_plugins = ["conformance.plugin"]


class {== class_prefix ==}Backend(Backend):
    """A service for the tests alone: each process that runs tests has one of its own."""

    # TODO(backend): reach a live service of yours in the methods below, and declare here what it can do.
    multi_agent = True
    deletes = True
    conflict = True
    connection_string = True
    nonblocking = True

    def start(self, folder: Path) -> None:
        """Choose the folder."""
        self.folder = folder / "events"

    def options(self) -> dict[str, Any]:
        """Reach the folder."""
        return {"connection_string": str(self.folder)}

    def forget(self, session_id: str) -> None:
        """Delete the files of a session."""
        shutil.rmtree(self.folder / sha256(session_id.encode()).hexdigest(), ignore_errors=True)


def pytest_conformance_backend() -> Backend:
    """Tell the kit which backend it tests."""
    return {== class_prefix ==}Backend()
