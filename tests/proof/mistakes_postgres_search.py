"""Mistakes of a search in the store."""

from __future__ import annotations

from doubles import Edit, Mistake

SEARCH = "storage.CorrectStorage.search"
QUERY = "statements.SEARCH_OBJECTS"
WORDS = 'words = " ".join(re.findall(r"\\w+", query))'

MISTAKES = [
    Mistake(
        "a search wants all of the words",
        ["UnifiedStorage.test_search"],
        "At index 0 diff",
        [Edit(QUERY, "replace(plainto_tsquery(%(words)s)::text, '&', '|')::tsquery", "plainto_tsquery(%(words)s)")],
    ),
    Mistake(
        "what a search finds comes in the order of the keys",
        ["UnifiedStorage.test_search"],
        "== 'bicycles.md'",
        [Edit(QUERY, "ORDER BY score DESC, key", "ORDER BY key")],
    ),
    Mistake(
        "a search in a namespace finds what is outside of it",
        ["UnifiedStorage.test_search"],
        "AssertionError",
        [Edit(QUERY, "key >= %(first)s AND (%(end)s::text IS NULL OR key < %(end)s) AND ", "")],
    ),
    Mistake(
        "the words of a namespace count",
        ["UnifiedStorage.test_search"],
        "the namespace does not",
        [Edit(QUERY, "substr(o.key, %(start)s)", "o.key")],
    ),
    Mistake(
        "keys are not searched",
        ["UnifiedStorage.test_search"],
        "AssertionError",
        [Edit(QUERY, "substr(o.key, %(start)s)", "''")],
    ),
    Mistake(
        "a query is written in the language of tsquery",
        ["UnifiedStorage.test_search_for_operators"],
        "syntax error in tsquery",
        [
            Edit(QUERY, "plainto_tsquery(%(words)s)::text", "%(words)s"),
            Edit(SEARCH, WORDS, "words = query"),
        ],
    ),
    Mistake(
        "a query is sent as it is",
        ["UnifiedStorage.test_search_for_operators"],
        "NUL",
        [Edit(SEARCH, WORDS, "words = query")],
    ),
    Mistake(
        "every value is taken for text",
        ["UnifiedStorage.test_search_among_other_values"],
        "invalid byte sequence",
        [
            Edit(
                QUERY,
                "{schema}.object_words(\n"
                "      translate(regexp_replace(substr(o.key, %(start)s), '[.][^./]*$', ''), '/._-', '    '), o.data)",
                "to_tsvector(convert_from(o.data, 'UTF8'))",
            )
        ],
    ),
]
