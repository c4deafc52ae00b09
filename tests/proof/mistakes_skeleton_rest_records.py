"""Mistakes about records, batches, deletion, layouts and redaction that the other lists leave out."""

from __future__ import annotations

from doubles import Edit, Mistake

VALUES = "values = dict(record if isinstance(record, dict) else vars(record))\n"
TRY = f"try:\n        {VALUES}"
REPOSITORY = "repository.CorrectSessionRepository"
TOOL_USE = """if "message" in values:
        known = ("toolUseId", "name", "input")
        blocks = values["message"]["content"]
        blocks = [{"toolUse": {k: b["toolUse"][k] for k in known}} if "toolUse" in b else b for b in blocks]
        values["message"] = {**values["message"], "content": blocks}
    try:
"""
EMPTY_RESULT = """stored = clone(message)
        for block in stored["content"]:
            block.get("toolResult", {}).update(content=[])"""

MISTAKES = [
    # Batches.
    Mistake(
        "a batch leaves out the messages that it replaces",
        ["Batches.test_batch_is_written"],
        "'text 0'",
        [
            Edit(
                f"{REPOSITORY}.write_log",
                "sql.executemany(_REPLACE_MESSAGE, [(text, *message) for *message, text in update]).rowcount",
                "len(update)",
            )
        ],
    ),
    Mistake(
        "a batch that creates an agent replaces the one that is there",
        ["Batches.test_agent_created_twice"],
        "DID NOT RAISE",
        [
            Edit(
                "repository._is_written",
                "batch.check_version(version)",
                "if batch.version is None:\n        return False\n    batch.check_version(version)",
            ),
            Edit(f"{REPOSITORY}.write_log", "INSERT INTO agents", "INSERT OR REPLACE INTO agents"),
        ],
    ),
    Mistake(
        "a batch creates the session that it belongs to",
        ["Batches.test_session_is_gone"],
        "DID NOT RAISE",
        [
            Edit(
                f"{REPOSITORY}.write_log",
                "if batch.version is None:\n",
                "if batch.version is None:\n"
                '            sql.execute("INSERT OR IGNORE INTO sessions VALUES (?, ?)", (batch.session_id, "{}"))\n',
            )
        ],
    ),
    Mistake(
        "the log of an agent that does not exist is an error",
        ["Batches.test_log_of_nobody"],
        "the agent does not exist",
        [
            Edit(
                f"{REPOSITORY}.read_log",
                "return None",
                'raise SessionNotFoundError(f"{name} | the agent does not exist")',
            )
        ],
    ),
    # Records.
    Mistake(
        "a call of a tool is stored by the fields that are known",
        ["Content.test_tool_use_and_result"],
        "reasoningSignature",
        [Edit("_records.encode", TRY, f"{VALUES}    " + TOOL_USE)],
    ),
    Mistake(
        "a message without a block is not listed",
        ["Content.test_no_block_and_many_blocks"],
        "has 200 items, not 0",
        [
            Edit(
                f"{REPOSITORY}.list_messages",
                "[row[2:] for row in rows]",
                "[row[2:] for row in rows if '\"content\":[]' not in row[3]]",
            )
        ],
    ),
    Mistake(
        "a message that does not exist is an error",
        ["Lifecycle.test_missing_message_reads_as_none"],
        "the message does not exist",
        [
            Edit(
                f"{REPOSITORY}.read_message",
                "return None if row is None else",
                'if row is None:\n        raise SessionNotFoundError(f"{name} | the message does not exist")\n'
                "    return",
            )
        ],
    ),
    Mistake(
        "a message comes back with one timestamp",
        ["Lifecycle.test_message_is_read_back"],
        "updated_at",
        [Edit("_records._messages", 'values["updated_at"]', 'values["created_at"]')],
    ),
    Mistake(
        "a message that was read is handed out again, with what its reader did to it",
        ["Lifecycle.test_message_is_a_copy"],
        "has 0 items, not 1",
        [
            Edit(
                "_records.decode_message",
                "return decode_messages([(message_id, text)], session_id, agent_id)[0]",
                "known = decode_message.__dict__  # lasts as long as the process\n"
                "    read = decode_messages([(message_id, text)], session_id, agent_id)[0]\n"
                '    return known.setdefault(f"{session_id} {agent_id} {text}", read)',
            )
        ],
    ),
    # Ids.
    Mistake(
        "messages are found by the ids of session and agent in one string",
        ["Identifiers.test_ids_that_run_together"],
        "Left contains one more item",
        [
            Edit(
                "repository._MESSAGES",
                "session_id = ? AND agent_id = ?",
                "session_id || ':' || agent_id = ? || ':' || ?",
            )
        ],
    ),
    Mistake(
        "an agent id may hold control characters",
        ["IdentifiersOfAgents.test_malformed_agent_id_in_manager"],
        "DID NOT RAISE ValueError",
        [Edit("_records._name_problem", "_FORBIDDEN.search(value)", r're.search(r"[/\\\ud800-\udfff]", value)')],
    ),
    # Deletion.
    Mistake(
        "messages outlive their session",
        ["Deletion.test_session_starts_anew"],
        "[0, 1] == []",
        [
            Edit("connection.Database._open", "foreign_keys = ON", "foreign_keys = OFF"),
            Edit(
                f"{REPOSITORY}.delete_session",
                "        if not sql",
                '        sql.execute("DELETE FROM agents WHERE session_id = ?", (session_id,))\n        if not sql',
            ),
        ],
    ),
    # Layouts.
    Mistake(
        "the next id is the number of messages",
        ["Failures.test_gap_of_the_stock_manager"],
        "another writer appended to the conversation",
        [Edit(f"{REPOSITORY}.read_log", "last + 1", "len(rows)")],
    ),
    Mistake(
        "a later version of the layout insists on a field of its own",
        ["Failures.test_first_layout"],
        "the layout of the conversation is damaged",
        [
            Edit(
                "_layout.read",
                "is_prompt = ",
                'is_prompt = "written_by" in kept and ',
            ),
            Edit("_log.AgentLog._agent_record", '"next": head.next_id,', '"next": head.next_id, "written_by": "1.1",'),
        ],
    ),
    # Redaction and state.
    Mistake(
        "a redaction writes all earlier messages anew",
        ["RedactionOfRecords.test_older_records"],
        "updated_at",
        [
            Edit(
                "_log.AgentLog._match",
                "if match is not None and message == known.copies[match] and message is not redacted:",
                "if False:",
            )
        ],
    ),
    Mistake(
        "a redacted tool result is stored without what replaced it",
        ["Redaction.test_redacted_tool_result"],
        "has 0 items, not 1",
        [Edit("_log.AgentLog._match", "stored = clone(message)", EMPTY_RESULT)],
    ),
    Mistake(
        "the state of a stateful model is not restored",
        ["State.test_stateful_model"],
        "response-1",
        [Edit("_log.AgentLog.restore", "if name in _INTERNAL}", 'if name == "interrupt_state"}')],
    ),
]
