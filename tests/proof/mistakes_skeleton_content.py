"""Mistakes about what a message or a state may hold, about redaction, and about state."""

from __future__ import annotations

from doubles import Edit, Mistake

VALUES = "values = dict(record if isinstance(record, dict) else vars(record))\n"
TRY = f"try:\n        {VALUES}"
REPOSITORY = "repository.CorrectSessionRepository"
ENCODED = "text.encode()"  # where the text of a record is complete
REDACTED = 'values["message"] = record.redact_message'
UNKNOWN_BLOCKS = """if "message" in values:
        kinds = {"text", "image", "document", "video", "toolUse", "toolResult", "reasoningContent"}
        blocks = [block for block in values["message"]["content"] if kinds & block.keys()]
        values["message"] = {**values["message"], "content": blocks}
    try:
"""
OUTER_BYTES = """for block in values.get("message", {}).get("content", []):
                block.update({k: v if k == "toolResult" else decode_bytes_values(v) for k, v in block.items()})"""
# Messages are parsed many at once, unless that fails.
ONE_BY_ONE = Edit("_records._decode_chunk", "documents: list[Any] = json.loads(joined)", "raise ValueError")

MISTAKES = [
    Mistake(
        "Unicode is normalised",
        ["Content.test_text"],
        "[5]['text'] is",
        [Edit("_records.encode", ENCODED, "text = __import__('unicodedata').normalize('NFC', text)")],
    ),
    Mistake(
        "texts are trimmed",
        ["Content.test_text", "Content.test_reasoning"],
        "not ' ",
        [
            ONE_BY_ONE,
            Edit(
                "_records.decode",
                "json.loads(text)",
                "json.loads(text, object_pairs_hook=lambda pairs: {\n"
                "            k: v.strip() if k == 'text' else v for k, v in pairs})",
            ),
        ],
    ),
    Mistake(
        "NUL is left out",
        ["Content.test_nul", "Content.test_nul_in_state"],
        "'ab'",
        [Edit("_records.encode", ENCODED, "text = text.replace('\\\\u0000', '')")],
    ),
    Mistake(
        "text is cut at NUL",
        ["Content.test_nul"],
        "'a'",
        [
            ONE_BY_ONE,
            Edit(
                "_records.decode",
                "json.loads(text)",
                "json.loads(text, object_pairs_hook=lambda pairs: {\n"
                "            k: v.partition('\\0')[0] if isinstance(v, str) else v for k, v in pairs})",
            ),
        ],
    ),
    Mistake(
        "a lone surrogate is replaced by a question mark",
        ["Content.test_lone_surrogate", "Content.test_lone_surrogate_in_state"],
        "?",
        [Edit("_records.encode", ENCODED, "text = text.encode(errors='replace').decode()")],
    ),
    Mistake(
        "text that UTF-8 cannot hold fails with a UnicodeEncodeError",
        ["Content.test_lone_surrogate"],
        "surrogates not allowed",
        [Edit("_records.encode", "except UnicodeEncodeError:", "except ZeroDivisionError:")],
    ),
    Mistake(
        "NaN becomes null",
        ["Content.test_numbers", "Content.test_numbers_in_state"],
        "is None (NoneType), not nan",
        [Edit("_records.encode", ENCODED, "text = text.replace('NaN', 'null')")],
    ),
    Mistake(
        "whole floats come back as integers, as from a numeric type",
        ["Content.test_numbers", "Content.test_numbers_in_state"],
        "(int), not ",
        [
            ONE_BY_ONE,
            Edit(
                "_records.decode",
                "json.loads(text)",
                "json.loads(text, parse_float=lambda n: int(float(n)) if float(n).is_integer() else float(n))",
            ),
        ],
    ),
    Mistake(
        "large integers come back as floats",
        ["Content.test_numbers", "Content.test_numbers_in_state"],
        "(float), not ",
        [
            ONE_BY_ONE,
            Edit(
                "_records.decode",
                "json.loads(text)",
                "json.loads(text, parse_int=lambda n: int(n) if abs(int(n)) < 2**53 else float(n))",
            ),
        ],
    ),
    Mistake(
        "minus zero loses its sign",
        ["Content.test_numbers", "Content.test_numbers_in_state"],
        "is 0.0, not -0.0",
        [
            ONE_BY_ONE,
            Edit("_records.decode", "json.loads(text)", "json.loads(text, parse_float=lambda n: float(n) + 0.0)"),
        ],
    ),
    Mistake(
        "keys are sorted, as a JSON type of the store does",
        ["Content.test_order_of_keys"],
        "has the keys",
        [
            Edit(
                "_records.encode",
                "text = _JSON.encode(values)",
                "text = json.dumps(values, default=_encode_bytes, ensure_ascii=False, sort_keys=True)",
            )
        ],
    ),
    Mistake(
        "bytes come back as base64 text",
        ["Content.test_bytes", "MultiAgents.test_state_is_read_back"],
        "(str), not b'",
        [
            Edit(
                "_records._encode_bytes",
                'return {_BYTES: True, "data": base64.b64encode(value).decode()}',
                "return base64.b64encode(value).decode()",
            )
        ],
    ),
    Mistake(
        "bytes are decoded at the first levels only, not within a tool's result",
        ["Content.test_bytes_in_tool_result"],
        "(dict), not b'",
        [ONE_BY_ONE, Edit("_records.decode", "values = decode_bytes_values(values)", OUTER_BYTES)],
    ),
    Mistake(
        "blocks of an unknown kind are dropped",
        ["Content.test_other_blocks"],
        "has 0 items, not 4",
        [Edit("_records.encode", TRY, f"{VALUES}    " + UNKNOWN_BLOCKS)],
    ),
    Mistake(
        "metadata is dropped",
        ["Content.test_metadata"],
        "has the keys ['role', 'content']",
        [
            Edit(
                "_records.encode",
                TRY,
                f"{VALUES}    " + "if 'message' in values:\n"
                "        values['message'] = {k: values['message'][k] for k in ('role', 'content')}\n    try:\n",
            )
        ],
    ),
    Mistake(
        "a long text is cut off, as in a column of limited length",
        ["Content.test_large_message"],
        "the stored record cannot be read",
        [Edit("_records.encode", "return text", "return text[:65535]")],
    ),
    # Redaction.
    Mistake(
        "a redaction keeps the original beside it",
        ["RedactionOfRecords.test_original_is_not_at_rest"],
        "hunter2-hunter2",
        [Edit("_records.encode", REDACTED, "pass")],
    ),
    Mistake(
        "a redacted message is stored as it was",
        ["RedactionOfRecords.test_redacted_message_is_read"],
        "hunter2-hunter2",
        [Edit("_records.encode", REDACTED, 'values["redact_message"] = None')],
    ),
    Mistake(
        "the original stays in free pages of the file",
        ["RedactionOfRecords.test_original_is_not_at_rest"],
        "hunter2-hunter2",
        [Edit("connection.Database._open", "secure_delete = ON", "secure_delete = OFF")],
    ),
    Mistake(
        "the original stays in the write-ahead log",
        ["RedactionOfRecords.test_original_is_not_at_rest"],
        "hunter2-hunter2",
        [Edit(f"{REPOSITORY}.update_message", "erase=True", "erase=False")],
    ),
    Mistake(
        "a redaction changes the later messages as well",
        ["RedactionOfRecords.test_earlier_message"],
        "At index 2 diff: '[redacted]' != 'text 2'",
        [Edit("repository._REPLACE_MESSAGE", "message_id = ?", "message_id >= ?")],
    ),
    Mistake(
        "update_message overwrites created_at",
        ["RedactionOfRecords.test_timestamps_of_an_update"],
        "2024-03-01T00:00:01+00:00",
        [
            Edit(
                f"{REPOSITORY}.update_message",
                "replace(session_message, created_at=decode_message(row[-1], *key).created_at)",
                "session_message",
            )
        ],
    ),
    Mistake(
        "redact_latest_message changes the message in memory only",
        ["Redaction.test_redaction_by_another_message"],
        "hunter2-hunter2",
        [
            Edit(
                "session_manager.CorrectSessionManager.redact_latest_message",
                "self._saver(agent).save(agent, everything=True, redacted=latest)",
                "pass",
            )
        ],
    ),
    Mistake(
        "redact_latest_message does nothing where there is nothing to redact",
        ["Redaction.test_nothing_to_redact"],
        "DID NOT RAISE",
        [
            Edit(
                "session_manager.CorrectSessionManager.redact_latest_message",
                'raise SessionException(f"agent_id=<{agent.agent_id}> | no message to redact")',
                "return",
            )
        ],
    ),
    Mistake(
        "a redacted message loses its mark when it is rewritten for another reason",
        ["RedactionOfRecords.test_mark_lasts"],
        "is None (NoneType)",
        [
            Edit(
                "_log.AgentLog._match",
                "message is redacted or record.redact_message is not None",
                "message is redacted",
            )
        ],
    ),
    # State.
    Mistake(
        "update_agent merges the state instead of replacing it",
        ["StateOfRecords.test_state_is_replaced"],
        "has the keys",
        [
            Edit(
                f"{REPOSITORY}.update_agent",
                "created_at=decode_agent(row[0], *key).created_at",
                "state=decode_agent(row[0], *key).state | session_agent.state",
            )
        ],
    ),
    Mistake(
        "the internal state of an agent is not stored",
        ["StateOfRecords.test_internal_state", "Lifecycle.test_agent_is_read_back"],
        "_internal_state'] has the keys []",
        [
            Edit(
                "_records.encode",
                TRY,
                f"{VALUES}    " + "if '_internal_state' in values:\n        values['_internal_state'] = {}\n    try:\n",
            )
        ],
    ),
    Mistake(
        "a record with a field of a newer SDK cannot be read",
        ["StateOfRecords.test_session_of_a_newer_sdk", "StateOfRecords.test_records_of_a_newer_sdk"],
        "unexpected keyword argument",
        [Edit("_records.build", " if field in _FIELDS[kind]", "")],
    ),
    Mistake(
        "state is compared by its version, without a look at whose version it is",
        ["State.test_replaced_state"],
        "has the keys ['a']",
        [Edit("_log.AgentLog._capture_head", "state_at[0] is known.state_at[0] and ", "")],
    ),
    Mistake(
        "state is compared by ==, for which 1, 1.0 and True are the same",
        ["State.test_state_alone"],
        "value['count'] is 1 (int), not 1.0",
        [Edit("_log._state_at", "return agent.state, version()", "return None, agent.state.get()")],
    ),
    Mistake(
        "the messages of a stateful model are replayed to it",
        ["StateOfRecords.test_messages_of_a_stateful_model"],
        "== []",
        [Edit("_log.AgentLog.restore", "        return  #", "        pass  #")],
    ),
    Mistake(
        "interrupts that cannot be read fail with an error of Python's own",
        ["StateOfRecords.test_malformed_interrupts"],
        "Error",
        [
            Edit(
                "_log._load",
                'raise SessionCorruptError(f"{name} | the stored state of the agent',
                'raise\n        raise SessionCorruptError(f"{name} | the stored state of the agent',
            )
        ],
    ),
]
