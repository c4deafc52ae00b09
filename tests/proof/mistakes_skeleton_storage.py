"""Mistakes of a unified Storage: its keys, its values, its listing, its errors, and event loops."""

from __future__ import annotations

from doubles import Edit, Mistake

STORAGE = "storage.CorrectStorage"
THREADED = "_storage.ThreadedStorage"
LISTING = f"{STORAGE}.list_objects"
RANGE = "key >= :first AND (:end IS NULL OR key < :end)"
RUN = f"{THREADED}._run"

MISTAKES = [
    # Values.
    Mistake(
        "a value is decoded as text",
        ["UnifiedStorage.test_value"],
        "UnicodeDecodeError",
        [Edit(f"{STORAGE}.read_object", "bytes(row[0])", "bytes(row[0]).decode().encode()")],
    ),
    Mistake(
        "an empty value is taken for none",
        ["UnifiedStorage.test_value"],
        "NoneType",
        [Edit(f"{STORAGE}.read_object", "None if row is None", "None if row is None or not row[0]")],
    ),
    Mistake(
        "a value ends at the first NUL",
        ["UnifiedStorage.test_value"],
        "assert b'' == b'\\x00'",
        [Edit(f"{STORAGE}.read_object", "bytes(row[0])", "bytes(row[0]).partition(b'\\0')[0]")],
    ),
    Mistake(
        "a value is cut off at 1 MiB",
        ["UnifiedStorage.test_large_value"],
        "assert b",
        [Edit(f"{STORAGE}.write_object", "(key, data)", "(key, data[:2**20])")],
    ),
    Mistake(
        "a value is written once, and stays",
        ["UnifiedStorage.test_replaced_value"],
        "b'hunter2-hunter2' == b'hunter3'",
        [
            Edit(
                f"{STORAGE}.write_object", 'sql.execute("DELETE FROM objects WHERE key = ?", (key,)).rowcount', "False"
            ),
            Edit(f"{STORAGE}.write_object", "INSERT INTO", "INSERT OR IGNORE INTO"),
        ],
    ),
    Mistake(
        "the value before stays in the write-ahead log",
        ["UnifiedStorage.test_replaced_value", "Snapshots.test_redaction"],
        "hunter2",
        [Edit(f"{STORAGE}.write_object", "if replaced:", "if False:")],
    ),
    Mistake(
        "a deleted value stays in the write-ahead log",
        ["UnifiedStorage.test_replaced_value"],
        "hunter3",
        [Edit(f"{STORAGE}.delete_object", "erase=True", "erase=False")],
    ),
    Mistake(
        "what is over the limit of a value is refused without naming it",
        ["UnifiedStorage.test_value_over_the_limit"],
        "did not match",
        [Edit(f"{THREADED}.write", "at most {self.max_bytes} bytes here", "fewer bytes")],
    ),
    # Keys.
    Mistake(
        "reading what is not there is an error",
        ["UnifiedStorage.test_missing_key"],
        "not subscriptable",
        [Edit(f"{STORAGE}.read_object", "None if row is None else bytes(row[0])", "bytes(row[0])")],
    ),
    Mistake(
        "keys are stored as they are given",
        ["UnifiedStorage.test_normalized_key"],
        "assert b'0' == b'1'",
        [Edit("_storage.normalize_prefix", 're.sub("/+", "/", prefix).lstrip("/")', "prefix")],
    ),
    Mistake(
        "a key may climb out of its namespace",
        ["UnifiedStorage.test_malformed_key", "UnifiedStorage.test_namespace"],
        "DID NOT RAISE",
        [Edit("_storage.normalize_prefix", '".." in normalized.split("/")', "False")],
    ),
    Mistake(
        "an empty key is a key",
        ["UnifiedStorage.test_malformed_key"],
        "DID NOT RAISE",
        [Edit("_storage.normalize_key", "if not normalized:", "if False:")],
    ),
    Mistake(
        "the length of a key is counted in characters",
        ["UnifiedStorage.test_longest_key"],
        "DID NOT RAISE",
        [Edit("_storage.normalize_key", "(scope + normalized).encode()", "scope + normalized")],
    ),
    Mistake(
        "a namespace does not count towards the length of a key",
        ["UnifiedStorage.test_longest_key"],
        "DID NOT RAISE",
        [Edit("_storage.normalize_key", "(scope + normalized).encode()", "normalized.encode()")],
    ),
    Mistake(
        "keys are compared without regard to case",
        ["UnifiedStorage.test_order"],
        "At index 3 diff: '_' != 'A'",
        [Edit(LISTING, "ORDER BY key", "ORDER BY key COLLATE NOCASE")],
    ),
    # Listings.
    Mistake(
        "a prefix is a pattern",
        ["UnifiedStorage.test_keys_like_patterns"],
        "with the prefix '%'",
        [Edit(LISTING, RANGE, "key LIKE :first || '%' AND (:end IS NULL OR 1)")],
    ),
    Mistake(
        "a prefix ends where a segment ends",
        ["UnifiedStorage.test_listing"],
        "Right contains one more item: 'a/bc'",
        [
            Edit(
                LISTING,
                RANGE,
                "(key = :first OR :first = '' OR key LIKE rtrim(:first, '/') || '/%') AND (:end IS NULL OR 1)",
            )
        ],
    ),
    Mistake(
        "keys are listed without their prefix",
        ["UnifiedStorage.test_listing"],
        "At index 0 diff: '' != 'a'",
        [Edit(LISTING, "[key for", "[key[len(prefix):] for")],
    ),
    Mistake(
        "a deleted session keeps its snapshots, since keys are listed without their prefix",
        ["Snapshots.test_delete_session"],
        "Extra items in the left set",
        [Edit(LISTING, "[key for", "[key[len(prefix):] for")],
    ),
    Mistake(
        "a snapshot is stored once",
        ["Snapshots.test_killed_turn"],
        "more items",
        [
            Edit(
                f"{STORAGE}.write_object", 'sql.execute("DELETE FROM objects WHERE key = ?", (key,)).rowcount', "False"
            ),
            Edit(f"{STORAGE}.write_object", "INSERT INTO", "INSERT OR IGNORE INTO"),
        ],
    ),
    Mistake(
        "a listing is one page",
        ["UnifiedStorage.test_many_keys"],
        "Right contains 2000 more items",
        [Edit(LISTING, "ORDER BY key", "ORDER BY key LIMIT 1000")],
    ),
    Mistake(
        "the last character of a prefix has no successor",
        ["UnifiedStorage.test_last_characters"],
        "chr() arg not in range",
        [Edit("_storage.end_of", "prefix.rstrip(_LAST)", "prefix.rstrip('')")],
    ),
    Mistake(
        "the successor of a character is half a surrogate pair",
        ["UnifiedStorage.test_last_characters"],
        "surrogates not allowed",
        [Edit("_storage.end_of", "0xE000 if following == 0xD800 else following", "following")],
    ),
    Mistake(
        "the end of a prefix is the prefix with the letter z",
        ["UnifiedStorage.test_listing", "UnifiedStorage.test_last_characters"],
        "Right contains one more item",
        [Edit(LISTING, "end_of(prefix)", "f'{prefix}z'")],
    ),
    Mistake(
        "keys are listed in the order in which they were written",
        ["UnifiedStorage.test_order"],
        "!= '!'",
        [Edit(LISTING, "ORDER BY key", "ORDER BY rowid")],
    ),
    # Namespaces.
    Mistake(
        "a namespace is a prefix without a slash",
        ["UnifiedStorage.test_namespace"],
        "At index 0 diff: '' != 'b'",
        [Edit(f"{THREADED}.namespace", '{scope}/"', '{scope}"')],
    ),
    Mistake(
        "a namespace within a namespace begins at the top",
        ["UnifiedStorage.test_namespace"],
        "assert ['a/b'] == ['c']",
        [Edit(f"{THREADED}.namespace", 'f"{self._scope}{scope}/"', 'f"{scope}/"')],
    ),
    Mistake(
        "a namespace lists keys with its prefix",
        ["UnifiedStorage.test_namespace"],
        "At index 0 diff: 'a/b' != 'b'",
        [Edit(f"{THREADED}.list", "key[len(self._scope) :]", "key")],
    ),
    Mistake(
        "the SDK does not know that the user chose a namespace",
        ["Snapshots.test_namespaces"],
        "'team/a/session/' != 'team/a/'",
        [Edit(f"{THREADED}.namespace", "if mark is not None:", "if False:")],
    ),
    Mistake(
        "snapshots of the user's choice are not apart from those of the SDK",
        ["Snapshots.test_namespaces"],
        "Right contains one more item: 'team/'",
        [Edit(f"{THREADED}.namespace", 'f"{self._scope}{scope}/" if scope else self._scope', "self._scope")],
    ),
    # Errors.
    Mistake(
        "the package's own errors are not StorageErrors",
        ["StorageInUse.test_unreachable", "StorageInUse.test_closed"],
        "Session",
        [Edit("_storage.storage_errors", "raise StorageError(str(error)) from error", "raise")],
    ),
    Mistake(
        "the reason of a StorageError is dropped",
        ["StorageInUse.test_unreachable"],
        "no __cause__",
        [Edit("_storage.storage_errors", "from error", "from None")],
    ),
    Mistake(
        "a failed read is taken for a missing key, and the next save overwrites the snapshot",
        ["Snapshots.test_failed_restore"],
        "DID NOT RAISE",
        [
            Edit(
                f"{THREADED}.read",
                "return await self._run(self.read_object, self._scope + normalize_key(key, self._scope))",
                "try:\n        return await self._run(self.read_object, self._scope + normalize_key(key, self._scope))"
                "\n    except StorageError:\n        return None",
            ),
        ],
    ),
    # Event loops.
    Mistake(
        "the event loop waits for the store",
        ["StorageInUse.test_event_loop_goes_on"],
        "the event loop stood still",
        [Edit(RUN, "await asyncio.to_thread(work)", "work()")],
    ),
    Mistake(
        "a thread does not see the context of its caller",
        ["StorageInUse.test_event_loop_goes_on"],
        "assert ['none'] == ['request 7']",
        [
            Edit(
                RUN,
                "await asyncio.to_thread(work)",
                "await asyncio.get_running_loop().run_in_executor(None, work)",
            )
        ],
    ),
    Mistake(
        "a cancelled write overtakes the next one",
        ["StorageInUse.test_cancelled_write"],
        "assert b'old' == b'new'",
        [Edit(RUN, "if earlier.startswith(key):", "if False:")],
    ),
    Mistake(
        "a cancelled write is waited for by everybody",
        ["StorageInUse.test_cancelled_write"],
        "TimeoutError",
        [Edit(RUN, "if earlier.startswith(key):", "if True:")],
    ),
    Mistake(
        "closing does not close",
        ["StorageInUse.test_closed"],
        "DID NOT RAISE",
        [Edit(f"{STORAGE}.close", "self._database.close()", "pass")],
    ),
    Mistake(
        "closing one storage closes the connection that others share",
        ["StorageInUse.test_shared_connection"],
        "Cannot operate on a closed database",
        [Edit(f"{STORAGE}.close", "self._database.close()", "self._database.get().close()")],
    ),
]
