-- Sessions, agents, messages, graphs and swarms.
--
-- A document is json, which keeps the order of keys and the spelling of numbers, unlike jsonb. What json or its operators
-- refuse (NaN, Infinity, \u0000, lone surrogates) stands in the text column beside it, and the json column is null: so
-- every document comes back as it was, and no query fails on one. Times beside a *_raw column are null only where the
-- original was no time; the original is then in the *_raw column. A table has one CHECK, without functions: the server
-- takes each apart for every row that changes.

CREATE TABLE {schema}.sessions (
    session_id text COLLATE "C" PRIMARY KEY,
    session_type text NOT NULL,
    created_at timestamptz,
    created_at_raw text,
    updated_at timestamptz,
    updated_at_raw text,
    expires_at timestamptz
);

CREATE INDEX sessions_expires_at ON {schema}.sessions (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE {schema}.agents (
    session_id text COLLATE "C" REFERENCES {schema}.sessions ON DELETE CASCADE,
    agent_id text COLLATE "C",
    next_id bigint NOT NULL,           -- the id of the next message: whoever takes it changes this row
    version text NOT NULL,
    restores int8multirange NOT NULL,  -- the ids of the messages that make up the conversation
    restores_after bigint NOT NULL,    -- how many of the first of these are left out
    state json,
    state_raw text,
    conversation_manager_state json,
    conversation_manager_state_raw text,
    internal_state json,
    internal_state_raw text,
    created_at timestamptz,
    created_at_raw text,
    updated_at timestamptz,
    updated_at_raw text,
    PRIMARY KEY (session_id, agent_id),
    CHECK (
        (state IS NULL) <> (state_raw IS NULL)
        AND (conversation_manager_state IS NULL) <> (conversation_manager_state_raw IS NULL)
        AND (internal_state IS NULL) <> (internal_state_raw IS NULL)
    )
) WITH (fillfactor = 70);  -- each message changes its agent's row: with room on the page no index has to change

CREATE TABLE {schema}.messages (
    session_id text COLLATE "C",
    agent_id text COLLATE "C",
    message_id bigint,
    message json,
    message_raw text,
    redact_message json,
    redact_message_raw text,
    created_at timestamptz,
    created_at_raw text,
    updated_at timestamptz,
    updated_at_raw text,
    PRIMARY KEY (session_id, agent_id, message_id),
    FOREIGN KEY (session_id, agent_id) REFERENCES {schema}.agents ON DELETE CASCADE,
    CHECK (
        (message IS NULL) <> (message_raw IS NULL) AND (redact_message IS NULL OR redact_message_raw IS NULL)
    )
);

CREATE TABLE {schema}.multi_agents (
    session_id text COLLATE "C" REFERENCES {schema}.sessions ON DELETE CASCADE,
    multi_agent_id text COLLATE "C",
    state json,
    state_raw text,
    PRIMARY KEY (session_id, multi_agent_id),
    CHECK ((state IS NULL) <> (state_raw IS NULL))
);

-- Without these, ANALYZE would keep samples of documents in pg_stats, also of those that were redacted since.
ALTER TABLE {schema}.agents
    ALTER COLUMN state_raw SET STATISTICS 0,
    ALTER COLUMN conversation_manager_state_raw SET STATISTICS 0,
    ALTER COLUMN internal_state_raw SET STATISTICS 0;
ALTER TABLE {schema}.messages
    ALTER COLUMN message_raw SET STATISTICS 0,
    ALTER COLUMN redact_message_raw SET STATISTICS 0;
ALTER TABLE {schema}.multi_agents ALTER COLUMN state_raw SET STATISTICS 0;

-- What nearly every save is: one message more, and nothing else. A function, since the server plans its statements once
-- for a connection, and their text does not travel. They are those of `statements.save`. $1 session_id, $2 agent_id,
-- $3 version, $4 message_id, $5 message, $6 created_at, $7 ttl. It answers 0 where nothing was written.
CREATE FUNCTION {schema}.append_message(text, text, text, bigint, json, timestamptz, double precision) RETURNS integer
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {schema}.agents SET next_id = $4 + 1
    WHERE session_id = $1 AND agent_id = $2 AND version = $3 AND next_id = $4 AND EXISTS (
        SELECT FROM {schema}.sessions s WHERE s.session_id = $1 AND (s.expires_at > now()) IS NOT FALSE);
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    INSERT INTO {schema}.messages VALUES ($1, $2, $4, $5, NULL, NULL, NULL, $6, NULL, $6);
    IF $7 IS NOT NULL THEN
        UPDATE {schema}.sessions SET expires_at = now() + $7 * interval '1s' WHERE session_id = $1;
    END IF;
    RETURN 1;
END $$;

-- For analysis: one row a message. What a message lacks, or cannot be looked into, is null.
CREATE VIEW {schema}.message_facts AS
SELECT
    session_id,
    agent_id,
    message_id,
    created_at,
    message ->> 'role' AS role,
    CASE WHEN message #>> '{metadata,usage,inputTokens}' ~ '^[0-9]{1,15}$'
        THEN (message #>> '{metadata,usage,inputTokens}')::bigint END AS input_tokens,
    CASE WHEN message #>> '{metadata,usage,outputTokens}' ~ '^[0-9]{1,15}$'
        THEN (message #>> '{metadata,usage,outputTokens}')::bigint END AS output_tokens,
    num_nonnulls(redact_message, redact_message_raw) = 1 AS redacted
FROM {schema}.messages;

-- One row for each tool that a message calls.
CREATE VIEW {schema}.tool_calls AS
SELECT
    session_id,
    agent_id,
    message_id,
    created_at,
    block #>> '{toolUse,name}' AS tool,
    block #>> '{toolUse,toolUseId}' AS tool_use_id,
    block #> '{toolUse,input}' AS input
FROM {schema}.messages,
    json_array_elements(CASE WHEN json_typeof(message -> 'content') = 'array' THEN message -> 'content' END) AS block
WHERE json_typeof(block -> 'toolUse') = 'object';
