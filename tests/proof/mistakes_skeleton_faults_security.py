"""Mistakes about ids that are commands, and about records that harm."""

from __future__ import annotations

from doubles import Edit, Mistake

MANAGER = "session_manager.CorrectSessionManager"
REPOSITORY = "repository.CorrectSessionRepository"
LET_THROUGH = "not a SessionCorruptError"
QUERY = '"SELECT key FROM objects WHERE key >= :first AND (:end IS NULL OR key < :end) ORDER BY key"'

MISTAKES = [
    # Ids that are commands.
    Mistake(
        "an id is a part of a statement's text",
        ["Security.test_commands_as_ids"],
        "Error",
        [
            Edit(
                f"{REPOSITORY}.delete_session",
                '"DELETE FROM sessions WHERE session_id = ?", (session_id,)',
                '"DELETE FROM sessions WHERE session_id = \'" + session_id + "\'"',
            )
        ],
    ),
    Mistake(
        "an id is a pattern for the statement that deletes",
        ["Security.test_commands_as_ids"],
        "the session does not exist",
        [Edit(f"{REPOSITORY}.delete_session", "WHERE session_id = ?", "WHERE session_id GLOB ?")],
    ),
    Mistake(
        "an id may hold lines and paths",
        ["Security.test_refused_ids"],
        "DID NOT RAISE",
        [Edit("_records._name_problem", "_FORBIDDEN.search(value)", "False")],
    ),
    Mistake(
        "a prefix of keys is a pattern to the store",
        ["Security.test_commands_as_keys"],
        "assert [] == [",
        [
            Edit(
                "storage.CorrectStorage.list_objects",
                QUERY,
                "\"SELECT key FROM objects WHERE key GLOB :first || '*' AND (1 OR :end) ORDER BY key\"",
            )
        ],
    ),
    # Records that harm.
    Mistake(
        "whatever is JSON is taken for a record",
        ["Security.test_record_of_another_type"],
        LET_THROUGH,
        [Edit("_records.decode", "if not isinstance(values, dict):", "if False:")],
    ),
    Mistake(
        "an object is taken for a message",
        ["Security.test_message_of_another_type"],
        LET_THROUGH,
        [Edit("_layout.is_message", "content = ", "return True\n    content = ")],
    ),
    Mistake(
        "what is nested too deeply for the parser is Python's error",
        ["Security.test_deep_record"],
        "RecursionError",
        [Edit("_records.decode", "except (ValueError, TypeError, RecursionError)", "except (ValueError, TypeError)")],
    ),
    Mistake(
        "what is nested too deeply to be copied is Python's error",
        ["Security.test_deep_record"],
        "RecursionError",
        [Edit(f"{MANAGER}.initialize", "except RecursionError", "except ZeroDivisionError")],
    ),
    Mistake(
        "a large message is written under a lock that all sessions of the process wait for",
        ["Security.test_large_record"],
        "another session was harmed, or had to wait",
        [
            Edit(
                "connection.Database.__init__",
                "threading.RLock()",
                "threading.__dict__.setdefault('_one_for_all', threading.RLock())",
            ),
            Edit(
                f"{REPOSITORY}.create_message",
                "with self",
                "with self._database.get()._lock:\n"
                "        __import__('time').sleep(7 if len(str(session_message.message)) > 10**6 else 0)\n"
                "    with self",
            ),
        ],
    ),
    Mistake(
        "where a run of the layout begins and ends is not looked at",
        ["Security.test_layout_of_nonsense"],
        LET_THROUGH,
        [Edit("_layout._is_run", "return bool(entry[0] <= entry[1] < next_id)", "return True")],
    ),
    Mistake(
        "what is in a run of the layout is not looked at",
        ["Security.test_layout_of_nonsense"],
        LET_THROUGH,
        [Edit("_layout._is_sound", "return all(", "return True or all(")],
    ),
    Mistake(
        "a layout may repeat a record as often as it likes",
        ["Security.test_layout_of_nonsense"],
        LET_THROUGH,
        [Edit("_layout.assemble", "records.pop(message_id, None)", "records.get(message_id)")],
    ),
    Mistake(
        "a later format is read as if it were this one",
        ["Security.test_layout_of_nonsense"],
        LET_THROUGH,
        [Edit("_layout.read", "or type(found) is not int or found != FORMAT", "or not found")],
    ),
    Mistake(
        "the parts of an agent's record are taken as they are",
        ["Security.test_agent_of_another_type"],
        LET_THROUGH,
        [Edit("_layout._check_types", "if not is_sound:", "if False:")],
    ),
    Mistake(
        "what a conversation manager raises over its state is let through",
        ["Security.test_agent_of_another_type"],
        "KeyError",
        [
            Edit(
                "_log._load",
                "except Exception as error:\n            raise SessionCorruptError(\n",
                "except ZeroDivisionError as error:\n            raise SessionCorruptError(\n",
            )
        ],
    ),
    Mistake(
        "what a graph raises over its state is let through",
        ["Security.test_graph_of_another_type"],
        LET_THROUGH,
        [Edit(f"{MANAGER}._open_multi_agent", "except Exception as error", "except ZeroDivisionError as error")],
    ),
    Mistake(
        "a session is read before it is deleted",
        ["Security.test_harmful_session_is_deleted"],
        "SessionCorruptError",
        [
            Edit(
                f"{REPOSITORY}.delete_session",
                "with self",
                "for agent_id in self.list_agents(session_id):\n"
                "        self.list_messages(session_id, agent_id)\n"
                "    with self",
            )
        ],
    ),
]
