"""Mistakes in Lua: each removes or changes a line of a script, and with it a promise."""

from __future__ import annotations

from doubles import Edit, Mistake

MISTAKES = [
    # INSERT and REPLACE
    Mistake(
        "a record is inserted without a look for what it belongs to",
        ["SurvivalOfRecords.test_deleted_session", "MultiAgents.test_graph_without_session"],
        "DID NOT RAISE",
        [
            Edit(
                "scripts.INSERT",
                "if ARGV[4] ~= '' and redis.call('HEXISTS', KEYS[1], ARGV[4]) == 0 then return 'absent' end",
                "",
            )
        ],
    ),
    Mistake(
        "an insert replaces what is there",
        [
            "Lifecycle.test_second_session_is_refused",
            "Lifecycle.test_second_agent_is_refused",
            "MultiAgents.test_second_graph_is_refused",
        ],
        "DID NOT RAISE",
        [Edit("scripts.INSERT", "if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then", "if false then")],
    ),
    Mistake(
        "an insert that meets another record takes it for its own, whose reply was lost",
        ["Lifecycle.test_second_session_is_refused"],
        "DID NOT RAISE",
        [Edit("scripts.INSERT", "== ARGV[5] and 'done' or 'taken'", "and 'done'")],
    ),
    Mistake(
        "a replacement inserts what is missing",
        ["MultiAgents.test_update_of_missing_graph"],
        "DID NOT RAISE",
        [Edit("scripts.REPLACE", "if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then return 'absent' end", "")],
    ),
    Mistake(
        "a replacement leaves the agent's version as it was",
        ["Batches.test_version_of_single_methods"],
        "DID NOT RAISE",
        [Edit("scripts.REPLACE", "unpack(ARGV, 2)", "ARGV[2], ARGV[3]")],
    ),
    # APPEND
    Mistake(
        "the next id is that of the last message that was appended, plus one",
        ["Order.test_numeric_order"],
        "==",
        [Edit("scripts.APPEND", "if id >= next then", "if true then")],
    ),
    Mistake(
        "the next id goes up by one with each message, whatever its id",
        ["Order.test_offset_counts_messages", "Order.test_largest_message_id"],
        "==",
        [Edit("scripts.APPEND", "':next', id + 1)", "':next', next + 1)")],
    ),
    Mistake(
        "a message that is appended again is another message with its id",
        ["Lifecycle.test_message_created_twice_is_stored_once"],
        "SessionConflictError",
        [Edit("scripts.APPEND", "if stored and stored ~= text then", "if stored then")],
    ),
    # SAVE
    Mistake(
        "a save that is repeated, as its version tells, is another writer's",
        ["Batches.test_repeated_batch"],
        "SessionConflictError",
        [Edit("scripts.SAVE", "if stored == new_version and version ~= new_version then return 'done' end", "")],
    ),
    Mistake(
        "an append is taken for a repetition because the version is the same",
        ["Survival.test_second_writer"],
        "DID NOT RAISE",
        [
            Edit(
                "scripts.SAVE",
                "if stored == new_version and version ~= new_version then",
                "if stored == new_version then",
            )
        ],
    ),
    Mistake(
        "an append that is repeated is another writer's",
        ["Batches.test_repeated_batch"],
        "SessionConflictError",
        [
            Edit(
                "scripts.SAVE",
                "if version ~= new_version or next ~= first + count then return 'taken' end",
                "do return 'taken' end",
            )
        ],
    ),
    Mistake(
        "an append whose messages have other texts is a repetition",
        ["Batches.test_append_that_is_not_the_same"],
        "DID NOT RAISE",
        [Edit("scripts.SAVE", "if redis.call('HGET', KEYS[1], field) ~= ARGV[8 + i] then return 'taken' end", "")],
    ),
    Mistake(
        "an append of fewer messages than there are is a repetition",
        ["Batches.test_append_that_is_not_the_same"],
        "DID NOT RAISE",
        [Edit("scripts.SAVE", "or next ~= first + count then", "or next < first + count then")],
    ),
    Mistake(
        "a save does not look whether another writer took an id",
        ["Batches.test_message_of_another_writer", "Batches.test_all_or_nothing"],
        "DID NOT RAISE",
        [Edit("scripts.SAVE", "if next > first then", "if false then")],
    ),
    Mistake(
        "a save does not look whether the store has all earlier messages",
        ["Batches.test_store_that_fell_back"],
        "DID NOT RAISE",
        [Edit("scripts.SAVE", "if next < first then return 'behind ' .. string.format('%.0f', next) end", "")],
    ),
    Mistake(
        "a save replaces messages that are not there",
        ["Batches.test_all_or_nothing"],
        "DID NOT RAISE",
        [
            Edit(
                "scripts.SAVE",
                "if redis.call('HEXISTS', KEYS[1], message .. ARGV[i]) == 0 then return 'absent' end",
                "",
            )
        ],
    ),
    Mistake(
        "which messages a restore needs is written once, and stays",
        ["Cost.test_restore_fetches_the_window"],
        "<=",
        [
            Edit(
                "scripts.SAVE",
                "agent, record, agent .. ':window', window)",
                "agent, record) redis.call('HSETNX', KEYS[1], agent .. ':window', window)",
            )
        ],
    ),
    # Reading
    Mistake(
        "a search among all fields takes another agent's messages",
        ["Order.test_largest_message_id"],
        "==",
        [Edit("scripts.LIST", "string.sub(name, 1, #message) == message and ", "")],
    ),
    Mistake(
        "a search among all fields finds ids in any order",
        ["Order.test_largest_message_id"],
        "==",
        [Edit("scripts.LIST", "table.sort(ids)", "")],
    ),
    Mistake(
        "a page ends after as many ids as it may have, counted from the first of all",
        ["Order.test_limit_and_offset"],
        "limit=1, offset=1",
        [Edit("scripts.LIST", "math.min(#ids, offset + limit)", "math.min(#ids, limit)")],
    ),
    Mistake(
        "a restore leaves out none of the oldest messages",
        ["Interoperability.test_stock_manager_and_window"],
        "agent['messages']",
        [Edit("scripts.RESTORE", "skip + 1, #ids", "1, #ids")],
    ),
    Mistake(
        "a restore fetches all messages by one command",
        ["Batches.test_long_conversation"],
        "unpack",
        [Edit("scripts.RESTORE", "math.min(stop, from + 999)", "stop")],
    ),
    Mistake(
        "fields that begin like an agent's are agents",
        ["Deletion.test_list_agents"],
        "==",
        [Edit("scripts.AGENTS", "'^agent:([^:]*)$'", "'^agent:([^:]*)'")],
    ),
    Mistake(
        "orchestrators are agents",
        ["MultiAgents.test_orchestrators_do_not_count"],
        "==",
        [Edit("scripts.AGENTS", "'^agent:([^:]*)$'", "'agent:([^:]*)$'")],
    ),
    Mistake(
        "a session that is not there is deleted all the same",
        ["Deletion.test_missing_session"],
        "DID NOT RAISE",
        [Edit("scripts.DELETE", "if redis.call('HEXISTS', KEYS[1], 'session') == 0 then return 'absent' end", "")],
    ),
]
