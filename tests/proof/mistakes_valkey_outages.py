"""Mistakes about a server that is down or comes back, about expiry on reads, and about what is sent."""

from __future__ import annotations

from typing import Any

from doubles import Code, Edit, Mistake

REPOSITORY = "repository.CorrectSessionRepository"
SERVER = "connection.Server"


def one_by_one(code: Code) -> None:
    """List messages by a command for each, all in one pipeline."""

    def list_messages(self: Any, session_id: str, agent_id: str, limit: Any = None, offset: int = 0, **_: Any) -> Any:
        key = self._key(session_id)
        field = f"agent:{agent_id}"
        last = int(self._server.client.hget(key, f"{field}:next") or 0)
        pipeline = self._server.client.pipeline(transaction=False)
        for number in range(last):
            pipeline.hget(key, f"{field}:message:{number}")
        found = [(number, text) for number, text in enumerate(pipeline.execute()) if text is not None]
        decode = code.get("fields.decode_messages")
        return decode(found, session_id, agent_id)[offset:][:limit]

    code.set(f"{REPOSITORY}.list_messages", list_messages)


def page_by_page(code: Code) -> None:
    """List messages by pages of 100."""
    listing = code.get(f"{REPOSITORY}.list_messages")

    def list_messages(self: Any, session_id: str, agent_id: str, limit: Any = None, offset: int = 0, **_: Any) -> Any:
        found: list[Any] = []
        while page := listing(self, session_id, agent_id, 100, offset + len(found)):
            found += page
        return found[:limit]

    code.set(f"{REPOSITORY}.list_messages", list_messages)


def looks_first(code: Code) -> None:
    """Ask the server whether there is such a session before the id is checked."""
    read_agent = code.get(f"{REPOSITORY}.read_agent")

    def read(self: Any, session_id: str, agent_id: str, **kwargs: Any) -> Any:
        self._server.client.exists(self._key(session_id))
        return read_agent(self, session_id, agent_id, **kwargs)

    code.set(f"{REPOSITORY}.read_agent", read)


def quotes_the_url(code: Code) -> None:
    """Say where the server was looked for, word for word."""
    init = code.get(f"{SERVER}.__init__")
    call = code.get(f"{SERVER}.call")
    error = code.get("errors.SessionUnavailableError")

    def remember(self: Any, connection_string: Any, client: Any, timeout: Any) -> None:
        self.url = connection_string
        init(self, connection_string, client, timeout)

    def quote(self: Any, name: str, *args: Any) -> Any:
        try:
            return call(self, name, *args)
        except error as caught:
            raise error(f"{name} | {self.url} cannot be reached") from caught

    code.set(f"{SERVER}.__init__", remember)
    code.set(f"{SERVER}.call", quote)


def logs_the_url(code: Code) -> None:
    """Log where the client connects to."""
    connect = code.get("connection._connect")

    def logged(url: str, timeout: float) -> Any:
        __import__("logging").getLogger("strands_session_correct").warning("connecting to %s", url)
        return connect(url, timeout)

    code.set("connection._connect", logged)


def shows_the_url(code: Code) -> None:
    """Show the connection string in a repr."""
    init = code.get(f"{REPOSITORY}.__init__")

    def remember(self: Any, connection_string: Any = None, **options: Any) -> None:
        self.url = connection_string
        init(self, connection_string, **options)

    code.set(f"{REPOSITORY}.__init__", remember)
    code._monkeypatch.setattr(
        code.get(REPOSITORY), "__repr__", lambda self: f"SessionRepository({self.url})", raising=False
    )


MISTAKES = [
    Mistake(
        "messages are listed by a command each, all sent at once",
        ["Order.test_commands_of_a_listing"],
        "Traffic(round_trips=",
        [one_by_one],
    ),
    Mistake(
        "messages are listed by small pages",
        ["Order.test_commands_of_a_listing"],
        "Traffic(round_trips=",
        [page_by_page],
    ),
    Mistake(
        "sessions are listed whatever the prefix of their keys",
        ["Identifiers.test_listing_of_two_applications"],
        "==",
        [
            Edit(f"{REPOSITORY}._scan", 'start = f"{self._prefix}:"', 'start = f"{self._prefix.split(chr(58))[0]}:"'),
            Edit(f"{REPOSITORY}._scan", 'if ":" not in key[len(start) :]', ""),
        ],
    ),
    Mistake(
        "an id is checked after the first command", ["Cost.test_malformed_ids_send_nothing"], "== (0, 0)", [looks_first]
    ),
    Mistake(
        "an error quotes the connection string",
        ["Outages.test_unreachable", "Outages.test_unreachable_for_a_manager"],
        "the password is shown",
        [quotes_the_url],
    ),
    Mistake(
        "the connection string is logged",
        ["Outages.test_unreachable", "Outages.test_unreachable_for_a_manager"],
        "hunter2",
        [logs_the_url],
    ),
    Mistake("a repr shows the connection string", ["Outages.test_unreachable"], "hunter2", [shows_the_url]),
    Mistake(
        "the driver's own error is raised where a script fails",
        ["Outages.test_store_goes_down"],
        "not a SessionUnavailableError",
        [Edit(f"{SERVER}.call", "with _errors(name):", "if True:")],
    ),
    Mistake(
        "the driver's own error is raised where a scan fails",
        ["Outages.test_store_goes_down", "Outages.test_unreachable"],
        "not a SessionUnavailableError",
        [Edit(f"{SERVER}.scan", "with _errors(name):\n            page", "if True:\n            page")],
    ),
    Mistake(
        "an error does not say which session",
        ["Outages.test_store_goes_down"],
        "in 'the server",
        [
            Edit(
                "connection._errors",
                '"{name} | the server cannot be used: {error}"',
                '"the server cannot be used: {error}"',
            )
        ],
    ),
    Mistake(
        "there is no time-out for an answer",
        ["Outages.test_store_falls_silent"],
        "the error came too late",
        [Edit("connection._connect", '{"socket_timeout": timeout, ', '{"socket_timeout": 8.0, ')],
    ),
    Mistake(
        "what a failed save left unsaved is forgotten",
        ["Outages.test_turn_while_the_store_is_down"],
        "the store fell back to an earlier state",
        [
            Edit(
                "_saver.AgentSaver._write",
                "except SessionUnavailableError:\n        raise",
                "except SessionUnavailableError:\n"
                "        self._unsure = None\n        self.log.saved(save)\n        raise",
            )
        ],
    ),
    Mistake(
        "a single method does not put the expiry off",
        ["Expiry.test_writes_put_expiry_off"],
        "in spite of update_agent",
        [Edit(f"{REPOSITORY}._replace", "(self._ttl,", '("",')],
    ),
    Mistake(
        "only the first write sets an expiry",
        ["Expiry.test_writes_put_expiry_off"],
        "in spite of",
        [
            Edit(f"scripts.{name}", "KEYS[1], ARGV[1])", "KEYS[1], ARGV[1], 'NX')")
            for name in ("INSERT", "REPLACE", "APPEND", "SAVE")
        ],
    ),
    Mistake(
        "a restore does not put the expiry off",
        ["Expiry.test_reads_put_expiry_off"],
        "['read_log'] == []",
        [Edit(f"{REPOSITORY}.read_log", "(self._read_ttl, ", '("", ')],
    ),
    Mistake(
        "a save brings an expired session back in part",
        ["Expiry.test_expired_under_an_agent"],
        "DID NOT RAISE",
        [
            Edit("scripts.SAVE", "if not known[1] then return 'absent' end", ""),
            Edit("scripts.SAVE", "if known[1] ~= '1' then return 'format' end", ""),
            Edit("scripts.SAVE", "if (stored or '') ~= version then return stored and 'stale' or 'absent' end", ""),
            Edit("scripts.SAVE", "if next < first then return 'behind ' .. string.format('%.0f', next) end", ""),
        ],
    ),
]
