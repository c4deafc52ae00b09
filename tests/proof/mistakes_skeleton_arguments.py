"""Mistakes about arguments, missing records, and a store that cannot be reached."""

from __future__ import annotations

from doubles import Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
NO_FOREIGN_KEYS = Edit("connection.Database._open", "foreign_keys = ON", "foreign_keys = OFF")

MISTAKES = [
    Mistake(
        "a negative limit is taken for none",
        ["Order.test_malformed_limit_and_offset"],
        "DID NOT RAISE ValueError",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                '(check_count(limit, "limit"), check_count(offset, "offset"))',
                '(limit, check_count(offset, "offset"))',
            )
        ],
    ),
    Mistake(
        "a negative offset is taken for none",
        ["Order.test_malformed_limit_and_offset"],
        "DID NOT RAISE ValueError",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                '(check_count(limit, "limit"), check_count(offset, "offset"))',
                '(check_count(limit, "limit"), offset)',
            )
        ],
    ),
    Mistake(
        "a message id has 32 bits",
        ["Order.test_largest_message_id"],
        "must be a whole number",
        [Edit("_records._position_problem", "2**53", "2**31")],
    ),
    Mistake(
        "a message id is stored as a float",
        ["Order.test_largest_message_id"],
        "DID NOT RAISE ValueError",
        [Edit("_records._position_problem", "< 2**53", "< 2.0**63")],
    ),
    Mistake(
        "a page of no session is an empty listing",
        ["Deletion.test_malformed_page_size"],
        "DID NOT RAISE ValueError",
        [Edit(f"{REPOSITORY}.list_sessions", ", least=1", "")],
    ),
    Mistake(
        "list_agents does not check its argument",
        ["Deletion.test_malformed_id_lists_nothing"],
        "DID NOT RAISE ValueError",
        [Edit(f"{REPOSITORY}.list_agents", "check_ids(session_id=session_id)", 'f"session_id=<{session_id}>"')],
    ),
    Mistake(
        "delete_session takes no further keywords",
        ["Deletion.test_deletion_takes_keywords"],
        "unexpected keyword argument 'later'",
        [Edit(f"{REPOSITORY}.delete_session", ", **kwargs: Any", "")],
    ),
    Mistake(
        "an agent without a session is stored, and can never be deleted",
        ["Deletion.test_agent_without_session"],
        "the session does not exist",
        [NO_FOREIGN_KEYS],
    ),
    Mistake(
        "an agent without a session is the driver's own error",
        ["Lifecycle.test_agent_without_session"],
        "IntegrityError",
        [
            Edit(
                "connection.Database._errors",
                'raise SessionNotFoundError(f"{name} | what the record belongs to does not exist") from error',
                "raise",
            )
        ],
    ),
    Mistake(
        "an agent without a session is silently dropped",
        ["Lifecycle.test_agent_without_session"],
        "None",
        [
            Edit(
                "connection.Database._errors",
                'raise SessionNotFoundError(f"{name} | what the record belongs to does not exist") from error',
                "return",
            )
        ],
    ),
    Mistake(
        "a graph that does not exist has an empty state",
        ["MultiAgents.test_missing_graph_reads_as_none"],
        "assert {} is None",
        [Edit(f"{REPOSITORY}.read_multi_agent", "None if row is None", "{} if row is None")],
    ),
    Mistake(
        "a document has an undeclared limit of 16 MiB",
        ["Content.test_no_limit_of_a_message"],
        "document too large",
        [
            Edit(
                "_records.encode",
                "    return text",
                '    if len(text) > 2**24:\n        raise SessionException("document too large")\n    return text',
            )
        ],
    ),
    Mistake(
        "records without a message_id are left out",
        ["Failures.test_message_without_its_id"],
        "[0, 2, 1] == [0, 1, 2, 1]",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                "[row[2:] for row in rows]",
                "[row[2:] for row in rows if '\"message_id\"' in row[3]]",
            )
        ],
    ),
    Mistake(
        "a closed repository opens the store again",
        ["AsynchronyOfRecords.test_closed_repository"],
        "DID NOT RAISE",
        [Edit("_sharing.SharedConnection.get", "if self._closed:", "if False:")],
    ),
    Mistake(
        "the driver's own error says that the store cannot be reached",
        ["Outages.test_unreachable", "Outages.test_unreachable_for_a_manager"],
        "not a SessionUnavailableError: OperationalError",
        [
            Edit(
                "connection.Database._errors",
                'raise SessionUnavailableError(f"{name}, {self._name}'
                ' | the database cannot be used: {error}") from error',
                "raise",
            ),
        ],
    ),
    Mistake(
        "why the store cannot be reached is dropped",
        ["Outages.test_unreachable", "Outages.test_unreachable_for_a_manager"],
        "no __cause__",
        [
            Edit(
                "connection.Database._errors",
                'the database cannot be used: {error}") from error',
                'the database cannot be used: {error}") from None',
            ),
        ],
    ),
    Mistake(
        "the tables are made by whoever finds none",
        ["Concurrency.test_processes_on_an_empty_store"],
        "already exists",
        [
            Edit(
                "connection.Database._open",
                "if not self._is_ours():  # else another process was faster\n                raise",
                "raise",
            ),
            Edit(
                "connection.Database._open",
                "self._sql.executescript(_SCHEMA)",
                "__import__('time').sleep(0.1)\n            self._sql.executescript(_SCHEMA)",
            ),
        ],
    ),
    Mistake(
        "a ttl is taken, and means nothing",
        ["Expiry.test_no_expiry"],
        "DID NOT RAISE TypeError",
        [
            Edit(
                f"{REPOSITORY}.__init__",
                "timeout: float | None = None",
                "timeout: float | None = None, ttl: float | None = None",
            )
        ],
    ),
]
