"""What the kit must know about a backend: how to reach a live store, and what it promises."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from . import package
from .wire import HOST, free_port

PASSWORD = "hunter2-hunter2"
"""A password that no store has: no error may show it."""


class Backend:
    """The description of a backend, which its author writes once, in tests/conftest.py.

    Capabilities are checked both ways: the cases of a declared one run; of one that is not declared, the method must
    raise NotImplementedError (or, where it has no method of its own, be absent) instead of succeeding silently.
    """

    # Capabilities: what a user of the backend may rely on beyond what every backend does.
    multi_agent: bool = False
    """Graphs and swarms can be stored."""
    list_sessions: bool = False
    """Sessions can be listed by id prefix, page by page, and the agents of a session."""
    atomic_batch: bool = False
    """`write_log` and `read_log` are the backend's own: all or nothing, in one step."""
    together: bool = False
    """New messages of several agents are written in one round trip: `shared` and `write_together` are there."""
    deletes: bool = True
    """Sessions can be deleted: every store of records can."""
    redacts: bool = False
    """What was redacted, or rewritten, is overwritten at rest."""
    conflict: bool = False
    """A second live writer is refused, of messages and of state."""
    connection_string: bool = False
    """The store is reached by a connection string, and shared by all managers that use the same one."""
    nonblocking: bool = False
    """A turn does not hold up the event loop while the store answers."""
    ttl: bool = False
    """Sessions expire as a whole, `ttl` seconds after they were last written."""
    ttl_on_read: bool = False
    """With `ttl_on_read=True` a read puts off the expiry, too."""
    prefix: bool = False
    """Several applications share a server without seeing each other's sessions."""
    round_trips: bool = False
    """A proxy can stand between the store and its clients, to count round trips and to cut connections."""
    restarts: bool = False
    """The store can be stopped and started again, with its data: nobody else uses it."""
    storage: bool = False
    """Strands' unified Storage on the same datastore, reached by the same `options`."""
    search: bool = False
    """The storage's `search` is the backend's own: in the store, not by the SDK's reading of every value."""

    # Exactness: False where the datastore cannot hold such a value. Then the write must be refused, never altered.
    stores_nul: bool = True
    stores_lone_surrogates: bool = True
    stores_every_number: bool = True
    large_messages: int = 0
    """How many bytes of text a message may hold; 0 where it is as many as an agent will ever say (20 MB)."""

    lists_unknown_agent: bool = False
    """What `list_messages` does for an agent that does not exist: True, an empty list; False, a SessionException."""

    forks: bool = hasattr(os, "fork")
    """Whether processes fork on this system. Not a matter of the backend."""

    pool_size: int = 1
    """How many connections the managers with one connection string open at most."""

    exemptions: Mapping[str, str] = {}
    """The cases that the backend is known to fail: name of the test, and why. They are run and expected to fail."""

    def start(self, folder: Path) -> None:
        """Reach a live store, once for each process that runs tests.

        Args:
            folder: An empty folder of this process, for a store that needs one.
        """

    def stop(self) -> None:
        """Leave nothing behind of what `start` made."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments for the repository and the manager of the package: how they reach the store.

        Each call leads to a connection of its own, so that what the kit writes through one object is read back from
        the store through another. They are handed to other processes, so they can be pickled.
        """
        raise NotImplementedError

    def repository(self, **options: Any) -> Any:
        """A repository with a connection of its own."""
        return package.SessionRepository(**{**self.options(), **options})

    def open_storage(self, **options: Any) -> Any:
        """A storage with a connection of its own (capability `storage`)."""
        return package.Storage(**{**self.options(), **options})

    def elsewhere(self) -> Any:
        """A repository of another application on the same server: of another prefix or schema (capability `prefix`)."""
        raise NotImplementedError

    def manager(self, session_id: str, **options: Any) -> Any:
        """A manager of the session with a connection of its own."""
        return package.SessionManager(session_id, **{**self.options(), **options})

    def writes(self, manager: Any) -> tuple[Any, str]:
        """The object, and the name of its method, by which a manager's saves reach the store: the kit lets it fail."""
        return manager.session_repository, "write_log"

    def reads(self, manager: Any) -> tuple[Any, str]:
        """The object, and the name of its method, by which a manager reads what it restores."""
        return manager.session_repository, "read_log"

    def writes_multi_agent(self, manager: Any) -> tuple[Any, str]:
        """The same for the state of a graph or swarm."""
        return manager.session_repository, "update_multi_agent"

    def reads_multi_agent(self, manager: Any) -> tuple[Any, str]:
        """The same for the state of a graph or swarm."""
        return manager.session_repository, "read_multi_agent"

    def forget(self, session_id: str) -> None:
        """Delete a session, by a connection of its own."""
        repository = self.repository()
        try:
            repository.delete_session(session_id)
        finally:
            getattr(repository, "close", lambda: None)()

    def address(self) -> tuple[str, int]:
        """Host and port of the store. With `round_trips` the kit puts a proxy in front of it."""
        raise NotImplementedError

    def through(self, host: str, port: int) -> dict[str, Any]:
        """`options` that lead to the store by way of such a proxy: for one address always the same."""
        raise NotImplementedError

    def limited(self, options: dict[str, Any], connections: int) -> dict[str, Any]:
        """These `options`, in a process that may open so many connections at most (capability `round_trips`).

        By default as they are, for a backend that never opens more than 10.
        """
        return options

    def unreachable(self) -> dict[str, Any]:
        """`options` that lead nowhere, with the login `ada` and PASSWORD, and wait for a second at most.

        By default a connection string that is a URL, with a port at which nobody listens.
        """
        options = self.through(HOST, port := free_port())
        url = urlsplit(options["connection_string"])
        nowhere = urlunsplit(url._replace(netloc=f"ada:{PASSWORD}@{HOST}:{port}"))
        return {**options, "connection_string": nowhere, "timeout": 1}

    def empty(self) -> dict[str, Any]:
        """`options` that lead to where nothing is yet: no tables, no file. `stop` removes what comes to be there.

        By default the same as ever, for a store in which nothing has to be made before the first record.
        """
        return self.options()

    def halt(self) -> None:
        """Stop the store, as a crash does (capability `restarts`)."""
        raise NotImplementedError

    def resume(self) -> None:
        """Start the store again after `halt`, at the same address and with its data, and wait until it answers."""
        raise NotImplementedError

    def dump(self) -> bytes:
        """All that is at rest, read by the datastore's own means, not through the repository."""
        raise NotImplementedError

    def rewrite(self, session_id: str, agent_id: str, message_id: int, change: Callable[[str], str]) -> None:
        """Change the stored text of a message by the datastore's own means, as a stray script would."""
        raise NotImplementedError
