-- The values of Strands' unified Storage. Keys sort by their code points.

CREATE TABLE {schema}.objects (
    key text COLLATE "C" PRIMARY KEY,
    data bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- As with documents: ANALYZE would keep samples of values in pg_stats.
ALTER TABLE {schema}.objects ALTER COLUMN data SET STATISTICS 0;

-- The words of a key and its value, for a search. Of what is no UTF-8, or holds NUL, those in ASCII are found; of a text
-- with more words than a tsvector takes, those at its beginning.
CREATE FUNCTION {schema}.object_words(key text, data bytea) RETURNS tsvector LANGUAGE plpgsql STABLE AS $$
DECLARE
    words text;
BEGIN
    BEGIN
        words := convert_from(data, 'UTF8');
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
        words := encode(substr(data, 1, 1000000), 'escape');
    END;
    RETURN to_tsvector(key || ' ' || words);
EXCEPTION WHEN program_limit_exceeded THEN
    RETURN to_tsvector(key || ' ' || left(words, 100000));
END $$;
