"""Mistakes about several writers, lost replies, failures, and the end of a connection."""

from __future__ import annotations

from doubles import Edit, Mistake

MANAGER = "session_manager.CorrectSessionManager"
REPOSITORY = "repository.CorrectSessionRepository"
WAIT = '__import__("time").sleep(0.5)'  # for the others, so that it does not depend on luck whether they meet
PAUSE = '__import__("time").sleep(0.01)'
LOOK_FIRST = f"""if self.read_session(session.session_id) is not None:
        raise SessionConflictError(name)
    {WAIT}
    with self"""
SKIP = """found = []
    for row in rows:
        try:
            found += decode_messages([row[-2:]], {key})
        except Exception:
            continue
    return """
RECREATE = """except SessionException:
        from strands.types.session import Session
        self._store.create_session(Session(batch.session_id, "AGENT"))
"""

MISTAKES = [
    # Several writers.
    Mistake(
        "create_session looks first and writes then, so that two may find nothing",
        ["Concurrency.test_session_is_created_once"],
        "'success' != 'conflict'",
        [
            Edit(f"{REPOSITORY}.create_session", "with self", LOOK_FIRST),
            Edit(f"{REPOSITORY}.create_session", "INSERT OR IGNORE", "INSERT OR REPLACE"),
        ],
    ),
    Mistake(
        "the second message with an id is dropped without a word",
        ["Lifecycle.test_second_message_is_refused"],
        "DID NOT RAISE",
        [Edit(f"{REPOSITORY}.create_message", "if sql.execute(_MESSAGE, row[:3]).fetchone() != row:", "if False:")],
    ),
    Mistake(
        "threads share a connection without taking turns",
        ["Concurrency.test_threads"],
        "== [0, 1, 2",
        [
            Edit("connection.Database.__init__", "threading.RLock()", "__import__('contextlib').nullcontext()"),
            Edit("connection.Database._transaction", "self._sql.execute(begin)", f"self._sql.execute(begin); {PAUSE}"),
        ],
    ),
    Mistake(
        "an agent that another process is just creating is an error",
        ["Survival.test_processes_start_at_once"],
        "SessionConflictError",
        [
            Edit(f"{MANAGER}.initialize", "except SessionConflictError:", "except ZeroDivisionError:"),
            Edit(f"{MANAGER}.initialize", "if stored is None:", f"if stored is None:\n        {WAIT}"),
        ],
    ),
    Mistake(
        "a save does not look whether another writer changed the agent: the last one wins",
        ["Survival.test_second_writer", "Batches.test_all_or_nothing"],
        "DID NOT RAISE",
        [
            Edit(
                "_batch.Batch.check_version",
                "if stored_version == self.version",
                "if stored_version == self.version or (stored_version and self.version)",
            )
        ],
    ),
    Mistake(
        "a save without new messages does not look whether another writer appended",
        ["Batches.test_message_of_another_writer", "Survival.test_second_writer"],
        "DID NOT RAISE",
        [Edit("repository._is_written", "found = sql", "if not create:\n        return False\n    found = sql")],
    ),
    Mistake(
        "a store that lost its last messages is not noticed, and gets a gap",
        ["Batches.test_store_that_fell_back"],
        "DID NOT RAISE",
        [Edit("_batch.Batch.check_next_id", "if stored_next_id < self.next_id:", "if False:")],
    ),
    Mistake(
        "an update by the SDK's own manager does not change the version of the agent",
        ["Batches.test_version_of_single_methods"],
        "DID NOT RAISE",
        [
            Edit(f"{REPOSITORY}.update_agent", "(uuid4().hex, text, *key)", "(row[1], text, *key)"),
            Edit(
                f"{REPOSITORY}.update_message",
                "sql.execute(_REPLACE_AGENT, (uuid4().hex, None, session_id, agent_id))",
                "pass",
            ),
        ],
    ),
    Mistake(
        "the batch is not atomic: what was written before the refusal stays",
        ["Batches.test_all_or_nothing"],
        "==",
        [
            Edit(
                "connection.Database._transaction",
                'self._sql.execute("ROLLBACK")\n            raise',
                'self._sql.execute("COMMIT")\n            raise',
            )
        ],
    ),
    Mistake(
        "a batch that replaces a message that is gone passes",
        ["Batches.test_all_or_nothing"],
        "DID NOT RAISE",
        [Edit(f"{REPOSITORY}.write_log", "if update and replaced < len(update)", "if False")],
    ),
    Mistake(
        "a batch that is repeated after a lost reply is a conflict",
        ["Batches.test_repeated_batch", "Healing.test_failed_saves"],
        "SessionConflictError",
        [Edit("_batch.Batch.is_done", "return self.new_version", "return False and self.new_version")],
    ),
    Mistake(
        "other messages under the same ids are taken for a repetition",
        ["Batches.test_append_that_is_not_the_same"],
        "DID NOT RAISE",
        [Edit("repository._is_written", "found != create", "found[:1] != create[:1]")],
    ),
    Mistake(
        "a conflict is not remembered: the refused agent writes again",
        ["Survival.test_after_a_conflict"],
        "DID NOT RAISE",
        [Edit("_saver.AgentSaver._write", "self._unsure, self._refused = None, error", "self._unsure = None")],
    ),
    # Failed saves.
    Mistake(
        "messages are taken for stored before they are",
        ["Healing.test_failed_saves", "Healing.test_failed_answer"],
        "agent['messages']",
        [
            Edit("_saver.AgentSaver._write", "self._unsure = None\n    self.log.saved(save)", "self._unsure = None"),
            Edit(
                "_saver.AgentSaver._write",
                "batch, self._unsure = save.batch, save",
                "batch = save.batch\n    self.log.saved(save)",
            ),
        ],
    ),
    Mistake(
        "a save whose reply was lost is forgotten, and its messages take new ids: they are stored twice",
        ["Healing.test_failed_saves"],
        "agent['messages']",
        [
            Edit(
                "_saver.AgentSaver._write",
                "except SessionUnavailableError:",
                "except SessionUnavailableError:\n        self._unsure = None\n"
                "        self.log._next_id += len(batch.create)",
            )
        ],
    ),
    Mistake(
        "a save whose reply was lost is not repeated as it was: its own messages look like another writer's",
        ["Healing.test_failed_saves", "Survival.test_lost_reply_then_redaction"],
        "SessionConflictError",
        [
            Edit(
                "_saver.AgentSaver._write",
                "except SessionUnavailableError:",
                "except SessionUnavailableError:\n        self._unsure = None",
            )
        ],
    ),
    Mistake(
        "a save that waited for another one does not repeat it, whose reply was lost",
        ["Healing.test_lost_reply_while_a_save_waits"],
        "SessionConflictError",
        [
            Edit(
                "_saver.AgentSaver._captures",
                "captured = False",
                "waited, captured = self._writer._is_writing, False",
            ),
            Edit("_saver.AgentSaver._captures", "if self._unsure is not None:", "if self._unsure and not waited:"),
        ],
    ),
    Mistake(
        "a save does not wait for the one that a cancelled turn left in flight",
        ["Survival.test_cancelled_turn"],
        "SessionConflictError",
        [Edit("_executor.Writer._find_end", "not self._is_writing", "True")],
    ),
    Mistake(
        "a write into a session that is gone creates it again",
        ["Survival.test_session_lost_under_an_agent"],
        "is None",
        [Edit("_saver.AgentSaver._write", "except SessionException:\n", RECREATE)],
    ),
    Mistake(
        "a save that cannot be written is repeated for ever, so that no other is",
        ["Healing.test_unstorable"],
        "cannot be stored as JSON",
        [Edit("_saver.AgentSaver._write", "self._unsure = None  # nothing was written", "pass  # nothing was written")],
    ),
    # What cannot be read or written.
    Mistake(
        "a record that is no JSON fails with a JSONDecodeError",
        ["Failures.test_truncated_message"],
        "JSONDecodeError",
        [
            Edit(
                "_records.decode",
                "except (ValueError, TypeError, RecursionError) as error:",
                "except ZeroDivisionError as error:",
            )
        ],
    ),
    Mistake(
        "a message that cannot be read is left out of the list",
        ["Failures.test_truncated_message"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                "return decode_messages([row[2:] for row in rows], session_id, agent_id)",
                SKIP.replace("{key}", "session_id, agent_id") + "found",
            )
        ],
    ),
    Mistake(
        "an agent is restored without the message that cannot be read",
        ["Failures.test_truncated_conversation"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.read_log",
                "return StoredLog(agent, row[1], decode_messages(rows, *key), last + 1)",
                "version = row[1]\n    " + SKIP.replace("{key}", "*key") + "StoredLog(agent, version, found, last + 1)",
            ),
            Edit(
                "_layout.assemble",
                "if record is None:",
                "if record is None:\n                continue",
            ),
        ],
    ),
    Mistake(
        "a message that the layout names and that is gone is left out",
        ["Failures.test_other_layout"],
        "DID NOT RAISE",
        [
            Edit(
                "_layout.assemble",
                "if record is None:",
                "if record is None:\n                continue",
            )
        ],
    ),
    Mistake(
        "a layout of a later version is read as if it were this one's",
        ["Failures.test_other_layout"],
        "DID NOT RAISE",
        [Edit("_layout.read", "type(found) is not int or found != FORMAT", "False")],
    ),
    Mistake(
        "what JSON cannot express is stored as its repr",
        ["Failures.test_unstorable", "Healing.test_unstorable"],
        "DID NOT RAISE",
        [
            Edit(
                "_records._encode_bytes",
                'raise TypeError(f"a {type(value).__name__} is not JSON")',
                "return repr(value)",
            )
        ],
    ),
    Mistake(
        "what JSON cannot express fails with a TypeError",
        ["Failures.test_unstorable"],
        "TypeError: a set is not JSON",
        [
            Edit(
                "_records.encode",
                "except (TypeError, ValueError, RecursionError) as error:",
                "except ZeroDivisionError as error:",
            )
        ],
    ),
    # Event loops, threads, connections.
    Mistake(
        "the hook for messages writes on the event loop's own thread",
        ["Asynchrony.test_event_loop_goes_on"],
        "the event loop stood still",
        [Edit(f"{MANAGER}._on_message", "await self._saver(event.agent).save_async", "self._saver(event.agent).save")],
    ),
    Mistake(
        "a synchronous call wakes a thread for each save",
        ["Asynchrony.test_sync_call"],
        "assert {",
        [Edit("_executor._is_sync_call", "return is_sync and", "return False and")],
    ),
    Mistake(
        "a synchronous call writes where its event loop can be seen",
        ["Asynchrony.test_no_event_loop_while_writing"],
        "== {None}",
        [Edit("_executor.Writer.run_async", "partial(_hide_loop, job)", "job")],
    ),
    Mistake(
        "what a tool started waits for the saves of the synchronous call",
        ["Asynchrony.test_tasks_in_a_sync_call"],
        "the event loop stood still",
        [Edit("_executor._is_sync_call", "return is_sync and len(asyncio.all_tasks()) == 1", "return is_sync")],
    ),
    Mistake(
        "an event loop with a single task is taken for that of a synchronous call",
        ["Asynchrony.test_event_loop_goes_on"],
        "the event loop stood still",
        [Edit("_executor._is_sync_call", "return is_sync and len", "return len")],
    ),
    Mistake(
        "the manager keeps to the first event loop that it meets",
        ["Asynchrony.test_many_event_loops"],
        "Event loop is closed",
        [
            Edit(
                "_executor.Writer.run_async",
                "await _arrival(flight)",
                "loop = self.__dict__.setdefault('loop', asyncio.get_running_loop())\n"
                "        await loop.run_in_executor(None, flight.result)",
            )
        ],
    ),
    Mistake(
        "a write beside the event loop loses the context variables of its caller",
        ["Asynchrony.test_context_variables"],
        "'none'",
        [Edit("_executor._Flight.complete", "self.context.run(_complete, ", "_complete(")],
    ),
    Mistake(
        "a repository that was closed goes on working",
        ["AsynchronyOfRecords.test_closed_repository"],
        "DID NOT RAISE",
        [Edit("_sharing.SharedConnection.get", "if self._closed:", "if False:")],
    ),
    Mistake(
        "closing one repository closes the connection of the others",
        ["AsynchronyOfRecords.test_shared_connection"],
        "closed",
        [
            Edit("_sharing.SharedConnection.close", "if self._entry.users > 0:", "if False:"),
            Edit("_sharing.SharedConnection.close", "del _entries[self._key]", "pass"),
        ],
    ),
    Mistake(
        "a manager that is closed leaves its threads behind",
        ["Asynchrony.test_nothing_is_left_open"],
        "strands-session",
        [Edit("_executor.release", "(_pool, None) if _users == 0 else (None, _pool)", "None, _pool")],
    ),
    Mistake(
        "batches are handed over together to a repository that writes them one by one",
        ["Together.test_not_together"],
        "is None",
        [Edit("_log_repository.LogRepository.shared", "return None", "return id(self)")],
    ),
]
