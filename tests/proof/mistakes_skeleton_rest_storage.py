"""More mistakes of a unified Storage: what the SDK keeps in it, and its use by many at once."""

from __future__ import annotations

from typing import Any

from doubles import Code, Edit, Mistake

STORAGE = "storage.CorrectStorage"
THREADED = "_storage.ThreadedStorage"
REPOSITORY = "repository.CorrectSessionRepository"
CLOSES = """
import pytest
from doubles import Code, Edit
Edit("_sharing._after_fork_in_child", "_lock, _entries = threading.Lock(), {}",
     "_lock = threading.Lock()\\n    [entry.close(entry.connection) for entry in _entries.values()]")(
     Code(pytest.MonkeyPatch()))
"""
LATE = """held, self.held = getattr(self, "held", None), (key, data)
    if held is None:
        return
    key, data = held
    database, name ="""


def closes_the_connections(code: Code) -> None:
    """Change the program that forks, which is a process of its own."""
    imports, start, rest = __import__("conformance.storage_use").storage_use.FORK.partition("storage = ")
    code._monkeypatch.setattr("conformance.storage_use.FORK", imports + CLOSES + start + rest)


def search_keys(code: Code) -> None:
    """Look for the whole query in the keys."""

    async def search(self: Any, query: str) -> list[Any]:
        from strands.storage.search import StorageSearchResult

        return [StorageSearchResult(key=key, score=1.0, data=None) for key in await self.list() if query in key]

    code._monkeypatch.setattr(code.get(THREADED), "search", search, raising=False)


MISTAKES = [
    # What the SDK keeps.
    Mistake(
        "a value is stored with the next one",
        ["Snapshots.test_interrupt", "Snapshots.test_restore_in_another_process"],
        "agent[",
        [Edit(f"{STORAGE}.write_object", "database, name =", LATE)],
    ),
    Mistake(
        "the state of a graph is stored with that of the next node",
        ["Snapshots.test_killed_graph"],
        "== [0, 1, 1]",
        [Edit(f"{STORAGE}.write_object", "database, name =", LATE)],
    ),
    Mistake(
        "what a swarm stored first is not replaced",
        ["Snapshots.test_swarm"],
        "[] == ['yes']",
        [
            Edit(
                f"{STORAGE}.write_object",
                "database, name =",
                "if self.read_object(key) is not None:\n        return\n    database, name =",
            )
        ],
    ),
    Mistake(
        "a listing is a page of four",
        ["Snapshots.test_history"],
        "4 == 5",
        [Edit(f"{STORAGE}.list_objects", "ORDER BY key", "ORDER BY key LIMIT 4")],
    ),
    Mistake(
        "a storage keeps to the first event loop that it meets",
        ["Snapshots.test_storage_of_an_agent", "StorageInUse.test_event_loops"],
        "loop",
        [
            Edit(
                f"{THREADED}._run",
                "await asyncio.to_thread(work)",
                "await self.__dict__.setdefault('loop', asyncio.get_running_loop()).run_in_executor(None, work)",
            )
        ],
    ),
    Mistake(
        "a value is cut off at 64 KiB",
        ["Snapshots.test_context_offloader"],
        "needle",
        [Edit(f"{STORAGE}.write_object", "(key, data)", "(key, data[: 2**16])")],
    ),
    Mistake(
        "all namespaces are one",
        ["Snapshots.test_file_memory"],
        "== []",
        [Edit(f"{THREADED}.namespace", 'f"{self._scope}{scope}/" if scope else self._scope', "self._scope")],
    ),
    Mistake(
        "a session that is deleted takes the values with it whose keys begin with its id",
        ["Snapshots.test_beside_the_session_manager"],
        "agent['messages']",
        [
            Edit(
                f"{REPOSITORY}.delete_session",
                "if not sql.execute(",
                "sql.execute(\"DELETE FROM objects WHERE key = ?1 OR key LIKE ?1 || '/%'\", (session_id,))\n"
                "        if not sql.execute(",
            )
        ],
    ),
    # In use.
    Mistake(
        "what finds the connection in use is an error",
        ["StorageInUse.test_100_at_once"],
        "is in use",
        [
            Edit(
                "connection.Database._transaction",
                "with self._lock, self._errors(name):",
                "if not self._lock.acquire(blocking=False):\n"
                "        raise SessionUnavailableError('the connection is in use')\n"
                "    self._lock.release()\n    with self._lock, self._errors(name):\n"
                "        __import__('time').sleep(0.01)",
            )
        ],
    ),
    Mistake(
        "after a fork the child closes the connections of its parent, and goes on with them",
        ["StorageInUse.test_fork"],
        "the database was closed",
        [closes_the_connections],
    ),
    # What it is.
    Mistake(
        "a namespace is no Storage",
        ["UnifiedStorage.test_is_a_storage"],
        "where False = isinstance",
        [
            Edit(
                f"{THREADED}.namespace",
                "return view",
                "return type('View', (), {n: getattr(view, n) for n in ('write', 'read', 'delete', 'list')})()",
            )
        ],
    ),
    Mistake(
        "a search finds only keys in which the query stands, word for word",
        ["UnifiedStorage.test_default_search"],
        "== [('a/bicycle",
        [search_keys],
    ),
]
