"""More mistakes that show on the wire: round trips, bytes, and a server that is away, of sessions and storages."""

from __future__ import annotations

from typing import Any

from doubles import Code, Edit, Mistake

MANAGER = "session_manager.CorrectSessionManager"
REPOSITORY = "repository.CorrectSessionRepository"
STORAGE = "storage.CorrectStorage"
CALL = "connection.Server.call"


def looks_through_all(code: Code) -> None:
    """Look for a session among all, before it is created."""
    create = code.get(f"{REPOSITORY}.create_session")
    conflict = code.get("errors.SessionConflictError")

    def create_session(self: Any, session: Any, **kwargs: Any) -> Any:
        if any(one.session_id == session.session_id for one in self.list_sessions()):
            raise conflict("the session exists already")
        return create(self, session, **kwargs)

    code.set(f"{REPOSITORY}.create_session", create_session)


MISTAKES = [
    Mistake(
        "the session is looked for again with each agent",
        ["Cost.test_new_agent"],
        "4 <= 3",
        [
            Edit(
                f"{MANAGER}.initialize",
                "\n    stored = None if",
                "\n    self.session_repository.read_session(self.session_id)\n    stored = None if",
            )
        ],
    ),
    Mistake(
        "a session is looked for among all of them",
        ["Cost.test_among_other_sessions"],
        "<= 2",
        [looks_through_all],
    ),
    Mistake(
        "the agent record names each message, and is written with each",
        ["Cost.test_long_conversation"],
        "<= (1.2 *",
        [
            Edit("_log.AgentLog._capture_head", "and same_state and layout == implied", "and False"),
            Edit(
                "_log.AgentLog._agent_record",
                '"next": head.next_id,',
                '"next": head.next_id,\n        "ids": list(range(head.next_id)),',
            ),
        ],
    ),
    Mistake(
        "the agent record names each message that was ever removed",
        ["Cost.test_long_conversation_with_a_window"],
        "<= (1.1 *",
        [
            Edit(
                "_log.AgentLog._agent_record",
                '"next": head.next_id,',
                '"next": head.next_id,\n        "removed": list(range(head.next_id)),',
            )
        ],
    ),
    # A storage.
    Mistake(
        "a storage waits for a silent server for as long as it likes",
        ["StorageInUse.test_store_goes_down"],
        "TimeoutError",
        [Edit("connection._connect", '"socket_timeout": timeout', '"socket_timeout": 12')],
    ),
    Mistake(
        "a broken connection is an error, and not tried again",
        ["StorageInUse.test_lost_reply"],
        "the server cannot be used",
        [Edit(CALL, "return (repeated or command)(client)", "raise")],
    ),
    Mistake(
        "one connection is kept, and not opened again when it breaks",
        ["StorageInUse.test_connection_drops"],
        "the server cannot be used",
        [
            Edit(
                "connection._connect",
                "Valkey.from_pool(pool)",
                "Valkey(connection_pool=pool, single_connection_client=True)",
            ),
            Edit(CALL, "return (repeated or command)(client)", "raise"),
        ],
    ),
    Mistake(
        "a client that lost its server gives up for good",
        ["StorageInUse.test_restart"],
        "gave up",
        [
            Edit(
                CALL,
                "deadline = time.monotonic() + self._seconds",
                "deadline = time.monotonic() + self._seconds\n"
                "    if self.__dict__.get('lost'):\n        raise SessionUnavailableError('gave up')",
            ),
            Edit(
                CALL,
                "return (repeated or command)(client)",
                "self.lost = True\n                    answer = (repeated or command)(client)\n"
                "                    self.lost = False\n                    return answer",
            ),
        ],
    ),
    Mistake(
        "a write of a storage looks first for what is there",
        ["StorageInUse.test_cost"],
        "2 == 1",
        [Edit(f"{STORAGE}.write_object", "self._server.run", "self.read_object(key)\n    self._server.run")],
    ),
    Mistake(
        "a listing fetches all keys of a storage, and drops those with another prefix",
        ["StorageInUse.test_listing_fetches_what_it_returns"],
        "<= (1.2 *",
        [
            Edit(f"{STORAGE}.list_objects", 'b"[" + prefix.encode(), b"(" + prefix.encode() + _END', 'b"-", b"+"'),
            Edit(
                f"{STORAGE}.list_objects",
                "[key.decode() for key in merge(*found.values())]",
                "[key.decode() for key in merge(*found.values()) if key.startswith(prefix.encode())]",
            ),
        ],
    ),
]
