"""Group M, second part: Strands' unified Storage: values of bytes under keys of text."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
from strands.storage import Storage
from strands.storage.search import KeywordSearchStrategy
from strands.types.exceptions import StorageError

from . import cases, package
from .backend import Backend
from .cases import Cases, hint, lacks, quick, requires
from .records import EVERY_BYTE

NewStorage = Callable[..., Any]

MIB = 1024**2
LONGEST = 2048
"""Bytes of UTF-8 that a key may have."""


@cases.storage
class UnifiedStorage(Cases):
    """Group M, second part."""

    @quick
    @requires("storage")
    @hint("Subclass strands.storage.Storage: with it come the methods of later SDKs, such as `search`.")
    def test_is_a_storage(self, storage: Any) -> None:
        """M1: it is a Storage to the SDK, and so is a namespace of it."""
        assert isinstance(storage, Storage)
        assert isinstance(storage.namespace("a"), Storage)

    @quick
    @requires("storage")
    @pytest.mark.parametrize(
        "value", [b"", b"\x00", EVERY_BYTE, b"\xff\xfe\xc0\x80", "\u00e9\U0001f600".encode(), b"text\r\n"]
    )
    @hint("A value is bytes: neither text nor JSON. Where the client decodes what it receives, tell it not to.")
    def test_value(self, storage: Any, new_storage: NewStorage, value: bytes) -> None:
        """M2: a value is read back as it was, empty, binary or text, and as bytes."""
        for given in (value, bytearray(value), memoryview(value)):
            asyncio.run(storage.write("a/b", given))
            read = asyncio.run(new_storage().read("a/b"))
            assert type(read) is bytes
            assert read == value
        assert asyncio.run(new_storage().list("")) == ["a/b"]

    @requires("storage")
    @hint("Look for the limit of a field, of a request, and of the driver. Split what does not fit, or refuse it.")
    def test_large_value(self, storage: Any, new_storage: NewStorage) -> None:
        """M2: a value of 5 MiB is read back as it was."""
        value = os.urandom(5 * MIB)
        asyncio.run(storage.write("a", value))
        assert asyncio.run(new_storage().read("a")) == value

    @quick
    @requires("storage")
    @hint("What takes the place of a value leaves nothing of it: no version, no tail of a longer one.")
    def test_replaced_value(self, backend: Backend, storage: Any, new_storage: NewStorage) -> None:
        """M2, M10: a value is replaced as a whole; of the one before, and of a deleted one, nothing is at rest."""
        asyncio.run(storage.write("a", b"hunter2-hunter2"))
        assert b"hunter2-hunter2" in backend.dump(), "Backend.dump does not show what is stored"
        asyncio.run(storage.write("a", b"hunter3"))
        assert asyncio.run(new_storage().read("a")) == b"hunter3"
        assert b"hunter2" not in backend.dump()
        asyncio.run(storage.delete("a"))
        assert asyncio.run(new_storage().read("a")) is None
        assert asyncio.run(new_storage().list("")) == []
        assert b"hunter3" not in backend.dump()

    @quick
    @requires("storage")
    @hint("The SDK asks for what may not be there: that is no error.")
    def test_missing_key(self, storage: Any) -> None:
        """M3: a key without a value reads as None, can be deleted, and is not there afterwards."""
        for key in ("a", "a/b"):
            assert asyncio.run(storage.read(key)) is None
            asyncio.run(storage.delete(key))
        assert asyncio.run(storage.list("")) == []

    @quick
    @requires("storage")
    @pytest.mark.parametrize(
        ("prefix", "found"),
        [
            ("", ["Z", "a", "a-b", "a/b", "a/b/c/d", "a/b/cd", "a/bc", "ab", "\u00e9"]),
            ("a", ["a", "a-b", "a/b", "a/b/c/d", "a/b/cd", "a/bc", "ab"]),
            ("a/", ["a/b", "a/b/c/d", "a/b/cd", "a/bc"]),
            ("a/b", ["a/b", "a/b/c/d", "a/b/cd", "a/bc"]),
            ("a/b/", ["a/b/c/d", "a/b/cd"]),
            ("a/b/c", ["a/b/c/d", "a/b/cd"]),
            ("a/b/c/", ["a/b/c/d"]),
            ("/a//b/", ["a/b/c/d", "a/b/cd"]),
            ("\u00e9", ["\u00e9"]),
            ("zz", []),
            ("a/b/c/d/", []),
        ],
    )
    @hint("A prefix is text, of whole keys, and ends anywhere in a segment. Slashes are characters like others.")
    def test_listing(self, storage: Any, new_storage: NewStorage, prefix: str, found: list[str]) -> None:
        """M4: the keys that begin with a prefix are listed, whole, in order; all without one, none where none does."""
        write(storage, "a", "a/b", "a/bc", "ab", "a-b", "Z", "\u00e9", "a/b/c/d", "a/b/cd")
        assert asyncio.run(new_storage().list(prefix)) == found

    @quick
    @requires("storage")
    @hint("Order by code points, as UTF-8 does by its bytes: no language's rules, and not UTF-16's.")
    def test_order(self, storage: Any, new_storage: NewStorage) -> None:
        """M4: keys are in the order of their code points."""
        keys = ["!", "10", "9", "A", "B", "_", "a", "a!", "a0", "aa", "b", "\u00c4", "\u00e4", "\ufffd", "\U0001f600"]
        write(storage, *reversed(keys))
        assert asyncio.run(new_storage().list("")) == keys

    @quick
    @requires("storage")
    @hint("Escape what the store takes for a pattern, or compare instead: a range of keys needs no pattern.")
    def test_keys_like_patterns(self, storage: Any, new_storage: NewStorage) -> None:
        """M4, H1: what means something in a pattern or in SQL means itself in a key and in a prefix."""
        plain = ["a", "ab", "a/b", "abc"]
        odd = ["%", "*", "?", "_", "[a-z]", "{a}", "'", '"', "a:b", "^a", "a$", "a|b", "a b", "a\nb", "a\x7f", "."]
        below = [f"{key}/{key}" for key in odd]
        write(storage, *odd, *below, *plain)
        again = new_storage()
        for key in odd:
            assert asyncio.run(again.read(key)) == key.encode()
            assert asyncio.run(again.list(f"{key}/")) == [f"{key}/{key}"], f"with the prefix {key!r}"
            asyncio.run(again.delete(key))
        assert asyncio.run(new_storage().list("")) == sorted([*below, *plain])

    @quick
    @requires("storage")
    @pytest.mark.parametrize("last", ["\U0010ffff", "\U0010ffff\U0010ffff", "\ud7ff", "\uffff", "\x7f", "\u07ff"])
    @hint("The end of a range is the prefix with its last character's successor. `end_of` in _storage.py knows it.")
    def test_last_characters(self, storage: Any, new_storage: NewStorage, last: str) -> None:
        """M4: a prefix that ends in the last character there is, or before a gap in them, finds what begins with it."""
        for first in ("", "a", "a/b/"):
            prefix = f"{first}{last}"
            inside = [prefix, f"{prefix}!", f"{prefix}\U0010ffff"]
            write(storage, *inside, f"{first}!", f"{first}b", "b", "\ue000", "\uffff!", "\U00010000")
            outside = {key for key in asyncio.run(new_storage().list("")) if not key.startswith(prefix)}
            assert asyncio.run(new_storage().list(prefix)) == inside
            assert outside
            for key in asyncio.run(storage.list("")):
                asyncio.run(storage.delete(key))

    @requires("storage")
    @hint("Fetch page by page until nothing is left: the first page is not all.")
    def test_many_keys(self, backend: Backend, new_storage: NewStorage) -> None:
        """M5: 3,000 keys are all listed, once each, spread over segments or in one of them."""
        keys = sorted(f"session/s{number % 2}/{number:05}" for number in range(3000))
        options = backend.empty()  # which is thrown away as a whole, where a deletion of each key would take long
        storage, again = new_storage(**options), new_storage(**options)
        getattr(storage, "setup", lambda: None)()
        write(storage, *keys)
        assert asyncio.run(again.list("")) == keys
        assert asyncio.run(again.list("session/s0/")) == keys[:1500]

    @quick
    @requires("storage")
    @pytest.mark.parametrize(
        "bad", ["", "/", "//", "a\\b", "..", "../x", "a/..", "a/../b", "a\x00b", "\ud800", "a/\udfff", None, 7]
    )
    @hint("`normalize_key` in _storage.py refuses them. Everything that takes a key has to use it.")
    def test_malformed_key(self, backend: Backend, storage: Any, bad: Any) -> None:
        """M6: a key without text, with a `..` segment, a backslash, NUL or half a surrogate pair is a StorageError."""
        before = backend.dump()
        for call in (lambda: storage.read(bad), lambda: storage.delete(bad), lambda: storage.write(bad, b"1")):
            with pytest.raises(StorageError):
                asyncio.run(call())
        if bad not in ("", "/", "//"):
            for query in (lambda: storage.list(bad), lambda: storage.namespace(bad).list("")):
                with pytest.raises(StorageError):
                    asyncio.run(query())
        assert backend.dump() == before

    @quick
    @requires("storage")
    @hint("The SDK's own storages drop empty segments: keys that they take for the same must be the same here.")
    def test_normalized_key(self, storage: Any, new_storage: NewStorage) -> None:
        """M6: empty segments do not count, at both ends and within; dots that are no `..` segment do."""
        for number, key in enumerate(("a/b", "a//b", "/a/b", "a/b/", "///a///b///")):
            asyncio.run(storage.write(key, b"%d" % number))
            assert asyncio.run(new_storage().read("a/b")) == b"%d" % number
        write(storage, "a/...", "a/..b", "a.b", "./a")
        assert asyncio.run(new_storage().list("")) == ["./a", "a.b", "a/...", "a/..b", "a/b"]
        asyncio.run(storage.delete("//a/b"))
        assert asyncio.run(new_storage().read("a/b")) is None

    @quick
    @requires("storage")
    @pytest.mark.parametrize("longest", ["a" * LONGEST, "\u00e9" * (LONGEST // 2), "\U0001f600" * (LONGEST // 4)])
    @hint("Count bytes of UTF-8, a namespace's included. What the store would cut off must be refused.")
    def test_longest_key(self, storage: Any, new_storage: NewStorage, longest: str) -> None:
        """M6: a key has up to 2,048 bytes, with its namespace; one more is a StorageError that says so."""
        write(storage, longest)
        assert asyncio.run(new_storage().read(longest)) == longest.encode()
        assert asyncio.run(new_storage().list(longest)) == [longest]
        in_namespace = storage.namespace(longest[:100])
        for key, owner in ((longest + "a", storage), (longest[100:], in_namespace)):
            for call in (lambda: owner.read(key), lambda: owner.delete(key), lambda: owner.write(key, b"")):  # noqa: B023
                with pytest.raises(StorageError, match=str(LONGEST)):
                    asyncio.run(call())
        assert asyncio.run(new_storage().list("")) == [longest]

    @quick
    @requires("storage")
    @hint("Set `max_bytes` to what the store can hold, and check it before anything is sent.")
    def test_value_over_the_limit(self, storage: Any, new_storage: NewStorage) -> None:
        """M2: a value over the store's limit, and one that is not bytes, is a StorageError; the old value stays."""
        write(storage, "a")
        too_long = bytes(storage.max_bytes + 1)  # of pages that no memory is given to until somebody reads them
        with pytest.raises(StorageError, match=str(storage.max_bytes)):
            asyncio.run(storage.write("a", too_long))
        for value in ("text", None, ["a"]):
            with pytest.raises(StorageError, match="bytes"):
                asyncio.run(storage.write("a", value))
        assert asyncio.run(new_storage().read("a")) == b"a"

    @quick
    @requires("storage")
    @hint("A namespace is a prefix that ends in a slash. What it lists is without it, and can be read there.")
    def test_namespace(self, storage: Any, new_storage: NewStorage) -> None:
        """M: a namespace sees the keys in it, without its prefix, and no others; namespaces nest."""
        write(storage, "a", "ab/c", "a/b", "a/b/c", "a/bc", "b/a/b")
        view = new_storage().namespace("/a/")
        assert asyncio.run(view.list("")) == ["b", "b/c", "bc"]
        assert asyncio.run(view.list("b/")) == ["b/c"]
        assert asyncio.run(view.read("b")) == b"a/b"
        nested = view.namespace("b")
        assert asyncio.run(nested.list("")) == ["c"]
        asyncio.run(nested.write("new", b"1"))
        assert asyncio.run(storage.read("a/b/new")) == b"1"
        asyncio.run(nested.delete("c"))
        asyncio.run(view.delete("c"))
        assert asyncio.run(storage.list("")) == ["a", "a/b", "a/b/new", "a/bc", "ab/c", "b/a/b"]
        assert asyncio.run(storage.namespace("").list("a/b/")) == ["a/b/new"]
        for bad in ("..", "a/../b", "a\\b"):
            with pytest.raises(StorageError):
                storage.namespace(bad)
            with pytest.raises(StorageError):
                asyncio.run(view.read(f"{bad}/c"))

    @quick
    @requires("storage")
    @lacks("search")
    @hint("Do not override `search` with less than what the SDK does.")
    def test_default_search(self, storage: Any) -> None:
        """M14: without a search of its own it finds what the SDK's search by keywords finds, in a namespace as well."""
        texts = {"a/bicycle.md": b"red", "a/other": b"A Bicycle, red, and a red car.", "b/red": b"\xff\x00", "b/x": b""}
        for key, text in texts.items():
            asyncio.run(storage.write(key, text))
        for one in (storage, storage.namespace("a")):
            expected = asyncio.run(KeywordSearchStrategy().search(one, "the red bicycle"))
            found = asyncio.run(one.search("the red bicycle"))
            assert [(one.key, one.score, one.data) for one in found] == [(e.key, e.score, e.data) for e in expected]
            assert len(found) == (3 if one is storage else 2)

    @quick
    @requires("storage")
    @requires("search")
    @hint("What has more of the words, or is shorter, comes first. A question is words, of which any may be found.")
    def test_search(self, storage: Any, new_storage: NewStorage) -> None:
        """M14: a search finds keys and values with any of its words, the best first, and those of a namespace alone."""
        found = {
            "notes/cars.md": b"A bicycle is no car: it has two wheels, and no roof.",
            "notes/bicycles.md": "Ada rides a red bicycle through M\u00fcnchen.".encode(),
            "notes/weather.md": b"Rain.",
            "notes/bicycle/empty": b"",
            "other/bicycle.md": b"a bicycle elsewhere",
        }
        for key, value in found.items():
            asyncio.run(storage.write(key, value))
        notes = new_storage().namespace("notes")
        results = asyncio.run(notes.search("Who rides the RED bicycle?"))
        assert results[0].key == "bicycles.md"
        assert sorted(one.key for one in results) == ["bicycle/empty", "bicycles.md", "cars.md"]
        assert [one.score for one in results] == sorted((one.score for one in results), reverse=True)
        for one in results:
            assert one.data in (None, found[f"notes/{one.key}"])
        assert [one.key for one in asyncio.run(notes.search("m\u00fcnchen"))] == ["bicycles.md"]
        assert [one.key for one in asyncio.run(notes.search("weather"))] == ["weather.md"], "the key counts as well"
        assert asyncio.run(notes.search("notes")) == [], "the namespace does not"
        assert len(asyncio.run(new_storage().search("bicycle"))) == 4
        assert asyncio.run(new_storage().namespace("note").search("bicycle")) == []

    @quick
    @requires("storage")
    @requires("search")
    @hint("A query is text of a user's or of a model's: take the words out of it, and nothing else.")
    def test_search_for_operators(self, storage: Any) -> None:
        """M14: no query is an error: empty, of stop words, with operators, quotes, NUL or half a surrogate pair."""
        asyncio.run(storage.write("a", b"needle"))
        for query in ("", " ", "?!", "the", "&", "!", "a | !", "(", "'", "''", "\\", ":*", "%", "x" * 100_000):
            assert asyncio.run(storage.search(query)) == [], repr(query)
        for query in ("needle &", "\x00needle\x00", "\ud800 needle", "!needle", "needle:*", "'needle'", "hay|needle"):
            assert [one.key for one in asyncio.run(storage.search(query))] == ["a"], repr(query)

    @quick
    @requires("storage")
    @requires("search")
    @hint("One value that is no text must not make a search of the others fail. Convert each by itself.")
    def test_search_among_other_values(self, storage: Any) -> None:
        """M14: values that are no text, or very long, do not keep a search from finding others."""
        values = [EVERY_BYTE, b"\xff\xfe", b"\x00", b"", b"a\x00b", os.urandom(10_000), b"x" * 3 * MIB, b"\xed\xa0\x80"]
        values += [" ".join(f"w{number:x}" for number in range(300_000)).encode(), "\u4e2d\u00e9 ".encode() * 200_000]
        for number, value in enumerate(values):
            asyncio.run(storage.write(f"{number}", value))
        asyncio.run(storage.write("a", b"needle"))
        assert [one.key for one in asyncio.run(storage.search("needle"))] == ["a"]

    @quick
    @lacks("storage")
    @hint("Declare storage in tests/conftest.py, or remove the class and its export: silence would pass for success.")
    def test_no_storage(self, backend: Backend) -> None:
        """M1: a package that does not declare storage has none, or one that says so when it is used."""
        if getattr(package, "Storage", None) is None:
            return
        for call in (
            lambda one: one.write("a", b"1"),
            lambda one: one.read("a"),
            lambda one: one.delete("a"),
            lambda one: one.list(""),
        ):
            with pytest.raises(NotImplementedError):
                asyncio.run(call(backend.open_storage()))


def write(target: Any, *keys: str) -> None:
    """Write values under keys, many at once: each key is its own value."""

    async def run() -> None:
        await asyncio.gather(*(target.write(key, key.encode()) for key in keys))

    asyncio.run(run())
