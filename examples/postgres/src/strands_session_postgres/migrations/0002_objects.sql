-- The values of Strands' unified Storage. Keys sort by their code points.

CREATE TABLE {schema}.objects (
    key text COLLATE "C" PRIMARY KEY,
    data bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
