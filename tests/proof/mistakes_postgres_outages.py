"""Mistakes about connections that break, about expiry, and about tables that several processes make at once."""

from __future__ import annotations

from doubles import Code, Edit, Mistake

SERVER = "connection.Server"
STALE = "is_broken = connection is not None and connection.broken"


def takes_ttl_on_read(code: Code) -> None:
    """Take an argument that means nothing."""
    init = code.get("repository.CorrectSessionRepository.__init__")
    code.set(
        "repository.CorrectSessionRepository.__init__",
        lambda self, *args, ttl_on_read=False, **options: init(self, *args, **options),
    )


def once_only(code: Code) -> None:
    """Repeat a statement once, whatever the number of idle connections that are broken."""
    code.edit(f"{SERVER}.run", "deadline = time.monotonic() + self._seconds", "tries = 0")
    code.edit(
        f"{SERVER}.run",
        "if not (is_broken or isinstance(error, _TAKEN_BACK)) or time.monotonic() > deadline:",
        "tries += 1\n            if not is_broken or tries > 1:",
    )


MISTAKES = [
    Mistake(
        "a broken connection is an error of the next turn",
        [
            "Outages.test_connections_drop_between_two_turns",
            "Outages.test_connection_drops_before_a_call",
            "Outages.test_restart_between_two_turns",
        ],
        "SessionUnavailableError",
        [Edit(f"{SERVER}.run", STALE, "is_broken = False")],
    ),
    Mistake(
        "a call is repeated once, though all idle connections are broken",
        ["Outages.test_connections_drop_between_two_turns", "Outages.test_restart_between_two_turns"],
        "SessionUnavailableError",
        [once_only],
    ),
    Mistake(
        "the messages of an expired session are still listed",
        ["Expiry.test_expiry"],
        "is gone, and",
        [Edit("statements.LIST_MESSAGES", " AND (s.expires_at > now()) IS NOT FALSE", "")],
    ),
    Mistake(
        "the agent of an expired session is still there",
        ["Expiry.test_expiry"],
        "is gone, and",
        [Edit("statements.READ_AGENT", " AND (s.expires_at > now()) IS NOT FALSE", "")],
    ),
    Mistake(
        "ttl_on_read is taken, and means nothing",
        ["Expiry.test_no_expiry_on_read"],
        "DID NOT RAISE TypeError",
        [takes_ttl_on_read],
    ),
    Mistake(
        "the tables are made without a lock",
        ["Concurrency.test_processes_on_an_empty_store"],
        "duplicate key value violates unique constraint",
        [Edit("schema.apply", 'cursor.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", prepare=False)', "pass")],
    ),
]
