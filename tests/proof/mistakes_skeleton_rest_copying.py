"""Mistakes about copying a session from one repository to another."""

from __future__ import annotations

from doubles import Edit, Mistake

NEW = "new = [_plain(message) for message in page if message.message_id > last_id]"
REFUSED_FIRST = "target.refuse_multi_agents(multi_agents)\n    target.put_session(_plain(session))"

MISTAKES = [
    Mistake(
        "a copy leaves out the internal state of an agent, and with it the layout",
        ["Copying.test_session_of_the_sdk", "Copying.test_out_and_back"],
        "not []",
        [Edit("_copy._plain", "internal = record._internal_state or {}", "internal = {}")],
    ),
    Mistake(
        "a copy takes agents that are listed for records",
        ["Copying.test_agents_are_listed", "Copying.test_listings_of_other_packages"],
        "'str' object has no attribute 'agent_id'",
        [Edit("_copy._find_agents", 'getattr(agent, "agent_id", agent)', "agent.agent_id")],
    ),
    Mistake(
        "a copy takes agents that are listed for ids",
        ["Copying.test_listings_of_other_packages"],
        "must be text, not SessionAgent",
        [Edit("_copy._find_agents", 'getattr(agent, "agent_id", agent)', "agent")],
    ),
    Mistake(
        "a copy quotes the session id as in a URL",
        ["Copying.test_odd_ids"],
        "it was written to the target, and is not there",
        [
            Edit(
                "_copy._Target.__init__",
                "self._session_id = session_id",
                "self._session_id = __import__('urllib.parse').parse.quote(session_id)",
            )
        ],
    ),
    Mistake(
        "a copy counts the records that were there as written",
        ["Copying.test_second_copy"],
        "(5, 2) == (5, 0)",
        [
            Edit("_copy._Target._put", "        self.written += 1\n", ""),
            Edit("_copy._Target._put", "return is_new", "self.written += 1\n    return is_new"),
        ],
    ),
    Mistake(
        "a second copy writes all messages again",
        ["Copying.test_second_copy", "Copying.test_copy_that_broke_off"],
        "another writer appended to the conversation",
        [Edit("_copy._Target.put_messages", "0, not is_new", "0, False")],
    ),
    Mistake(
        "a copy is compared by ==, for which 1 and 1.0 are the same",
        ["Copying.test_target_that_differs"],
        "DID NOT RAISE",
        [Edit("_copy._fields", '{field: encode({"": value}, name) for field, value in values.items()}', "values")],
    ),
    Mistake(
        "a copy does not look for what only the target has",
        ["Copying.test_target_that_differs"],
        "DID NOT RAISE",
        [Edit("_copy._Target.put_messages", "self._compare(agent_id, self._list(agent_id, count, 1), [])", "pass")],
    ),
    Mistake(
        "a copy compares no timestamps",
        ["Copying.test_target_that_differs"],
        "DID NOT RAISE",
        [
            Edit(
                "_copy._compare",
                "for field in {**other, **one} if",
                "for field in {**other, **one} if '_at' not in field and",
            )
        ],
    ),
    Mistake(
        "copied messages are not read back",
        ["Copying.test_target_that_alters"],
        "DID NOT RAISE",
        [
            Edit(
                "_copy._Target.put_messages",
                "self._compare(agent_id, self._list(agent_id, count + len(stored), len(missing)), missing)",
                "pass",
            )
        ],
    ),
    Mistake(
        "the error of a copy shows the values that differ",
        ["Copying.test_target_that_alters"],
        "'precious' is contained here",
        [Edit("_copy._compare", "    if different:\n", "    if different:\n        name += f', wanted=<{other}>'\n")],
    ),
    Mistake(
        "a copy closes the gaps between message ids",
        ["Copying.test_gaps"],
        "At index 0 diff: 0 != 2",
        [
            Edit(
                "_copy._pages",
                NEW,
                f"""{NEW}
        for number, message in enumerate(new, offset - len(page)):
            message.message_id = number""",
            )
        ],
    ),
    Mistake(
        "a copy takes messages twice from pages that overlap",
        ["Copying.test_gaps"],
        "target's message, message_id is not",
        [Edit("_copy._pages", NEW, "new = [_plain(message) for message in page]")],
    ),
    Mistake(
        "a copy writes one batch across a gap",
        ["Copying.test_gaps"],
        "where False = all(",
        [Edit("_copy._runs", "message.message_id != run[-1].message_id + 1 or ", "")],
    ),
    Mistake(
        "a source that lists no messages is taken for an agent without any",
        ["Copying.test_source_without_pages"],
        "DID NOT RAISE",
        [Edit("_copy._pages", "if last_id < 0 and", "if False and")],
    ),
    Mistake(
        "a redacted message of the source is compared with its original",
        ["Copying.test_redacted_message"],
        "target's message is not the source's",
        [
            Edit(
                "_copy._plain",
                "record.message if record.redact_message is None else record.redact_message",
                "record.message",
            )
        ],
    ),
    Mistake(
        "timestamps of a source stay without a zone",
        ["Copying.test_records_of_another_shape"],
        "+00:00",
        [
            Edit(
                "_copy._timestamp",
                "(value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()",
                "value.isoformat()",
            )
        ],
    ),
    Mistake(
        "an empty state of a source is copied as None",
        ["Copying.test_records_of_another_shape"],
        "a part of the stored agent is of a wrong type",
        [Edit("_copy._plain", "record._internal_state or {}", "record._internal_state")],
    ),
    Mistake(
        "a copy looks in files for graphs with the SDK's own ids only",
        ["Copying.test_graph"],
        "((), 1) == (('chain',), 2)",
        [Edit("_copy._read_multi_agents", "if isinstance(source, FileSessionManager):", "if False:")],
    ),
    Mistake(
        "a copy looks for graphs and not for swarms",
        ["Copying.test_graphs_are_named"],
        "Right contains one more item: 'default_swarm'",
        [Edit("_copy._read_multi_agents", "= _USUAL_MULTI_AGENTS", "= _USUAL_MULTI_AGENTS[:1]")],
    ),
    Mistake(
        "a copy writes the session before it asks whether the target stores graphs",
        ["Copying.test_target_without_graphs"],
        ") is None",
        [Edit("_copy.copy_session", REFUSED_FIRST, "\n    ".join(reversed(REFUSED_FIRST.split("\n    "))))],
    ),
    Mistake(
        "one agent's id is taken for a list of letters",
        ["Copying.test_arguments"],
        "the source has no such agent",
        [Edit("_copy._check_named", "if isinstance(ids, str):", "if False:")],
    ),
    Mistake(
        "a copy leaves out named agents that the source does not have",
        ["Copying.test_arguments"],
        "DID NOT RAISE",
        [
            Edit(
                "_copy._read_agents",
                'raise SessionNotFoundError(f"{name} | the source has no such agent")',
                "continue",
            )
        ],
    ),
    Mistake(
        "a copy that found nothing in the session does not say so",
        ["Copying.test_empty_session"],
        "session_id=<",
        [Edit("_copy.copy_session", "if not agents and not multi_agents:", "if False:")],
    ),
    Mistake(
        "a copy does not expect that the target's agent may be gone",
        ["Copying.test_target_is_deleted"],
        "'NoneType' object has no attribute 'version'",
        [Edit("_copy._Target._append_run", "if log is None:", "if False:")],
    ),
    Mistake(
        "a copy writes message by message",
        ["Copying.test_large_session"],
        "(0, 1000) == (10, 0)",
        [Edit("_copy._Target._append", "if isinstance(self._repository, LogRepository):", "if False:")],
    ),
    Mistake(
        "a copy writes a page at once, however large it is",
        ["Copying.test_large_session"],
        "== (4, 204, 1)",
        [Edit("_copy._runs", " or size + length > _BATCH_SIZE", "")],
    ),
]
