"""Mistakes that many agents at once meet."""

from __future__ import annotations

from doubles import Edit, Mistake

MANAGER = "session_manager.CorrectSessionManager"
AWAIT = "await self._saver(event.agent).save_async"

MISTAKES = [
    Mistake(
        "a hook saves on the event loop",
        ["Load.test_agents_in_one_loop"],
        "a hook holds up the event loop",
        [Edit(f"{MANAGER}._on_message", AWAIT, "self._saver(event.agent).save")],
    ),
    Mistake(
        "all agents share one thread",
        ["Load.test_agents_in_one_loop"],
        "a hook holds up the event loop",
        [lambda code: code.set("_executor._THREADS", 1)],
    ),
    Mistake(
        "a file that another process writes to is an error, and not waited for",
        ["Load.test_agents_in_several_processes"],
        "database is locked",
        [Edit("connection.Database.__init__", "path, timeout=timeout", "path, timeout=0")],
    ),
]
