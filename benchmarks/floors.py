"""The floor: the bare driver, doing the least that a task needs, and nothing beside it."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from agents import AGENT_ID, make_agent
from managed import MESSAGES, Times, clocked, crowd_of, take_turns
from strands import Agent
from strands.hooks import MessageAddedEvent
from strands.types.session import SessionMessage
from texts import messages_of, text_of


def record_of(message: Any, number: int) -> str:
    """Return a message as text, with what a record of the SDK has."""
    now = datetime.now(timezone.utc).isoformat()
    record = {"message": message, "message_id": number, "redact_message": None, "created_at": now, "updated_at": now}
    return json.dumps(record, ensure_ascii=False)


def agent_of(step: int) -> str:
    """Return an agent's record as text."""
    record = {"agent_id": AGENT_ID, "state": {"step": step}, "conversation_manager_state": {}, "_internal_state": {}}
    return json.dumps(record)


class Floor(ABC):
    """The tasks with a bare driver: it knows what to do beforehand, checks nothing and waits for each answer."""

    @abstractmethod
    def connect(self, place: str) -> None:
        """Connect to a store, unless that was done, and use it from now on."""

    @abstractmethod
    def write_agent(self, session_id: str, text: str) -> None:
        """Store the agent's record."""

    @abstractmethod
    def write(self, session_id: str, number: int, text: str) -> None:
        """Store a new message."""

    @abstractmethod
    def write_all(self, session_id: str, texts: list[str]) -> None:
        """Store many new messages at once."""

    @abstractmethod
    def read(self, session_id: str) -> list[Any]:
        """Return the texts of all messages."""

    @abstractmethod
    def replace(self, session_id: str, number: int, text: str) -> None:
        """Replace the latest message."""

    @abstractmethod
    def erase(self, session_id: str) -> None:
        """Delete the session."""

    # -- The tasks ---------------------------------------------------------------------------------------------------

    def fill(self, place: str, session_id: str, messages: int, size: int) -> Times:
        """Make a session, which is not timed."""
        self.connect(place)
        texts = [record_of(message, number) for number, message in enumerate(messages_of(messages, size))]
        self.write_agent(session_id, agent_of(0))
        self.write_all(session_id, texts)
        return {}

    def new(self, place: str, session_id: str) -> Times:
        """Open a session, and store its agent: two writes."""
        self.connect(place)

        def build() -> None:
            self.write_agent(f"{session_id}-itself", agent_of(0))
            self.write_agent(session_id, agent_of(0))

        return {"seconds": [clocked(build)[0]]}

    def restore(self, place: str, session_id: str, messages: int) -> Times:
        """Restore: one fetch of the texts, each parsed, and a record built of it."""
        self.connect(place)

        def build() -> list[SessionMessage]:
            records = []
            for text in self.read(session_id):
                fields = json.loads(text)
                records.append(
                    SessionMessage(
                        message=fields["message"],
                        message_id=fields["message_id"],
                        redact_message=fields["redact_message"],
                        created_at=fields["created_at"],
                        updated_at=fields["updated_at"],
                    )
                )
            return records

        spent, records = clocked(build)
        assert len(records) == messages, f"{len(records)} messages were restored, not {messages}"
        return {"seconds": [spent]}

    list_messages = restore

    def turns(
        self, place: str, session_id: str, count: int, calls_tool: bool = False, is_awaited: bool = False
    ) -> Times:
        """Take turns whose messages a hook writes: the same agent, and the code is as cold as it is in a turn."""
        self.connect(place)
        agent, bare, numbers = make_agent(calls_tool=calls_tool), make_agent(calls_tool=calls_tool), itertools.count()

        def write(event: MessageAddedEvent) -> None:
            number = next(numbers)
            self.write(session_id, number, record_of(event.message, number))

        agent.hooks.add_callback(MessageAddedEvent, write)
        return {"seconds": asyncio.run(take_turns(agent, bare, count, is_awaited=is_awaited))}

    def crowd(self, place: str, session_id: str, agents: int, connections: int) -> Times:
        """Have many agents take a turn in one event loop, with a hook that writes on a thread."""
        self.connect(place)
        with ThreadPoolExecutor(max(agents, 1)) as threads:

            def agent(number: int) -> Agent:
                numbers = itertools.count()

                async def write(event: MessageAddedEvent) -> None:
                    at = next(numbers)
                    record = record_of(event.message, at)
                    loop = asyncio.get_running_loop()
                    await loop.run_in_executor(threads, self.write, f"{session_id}-{number}", at, record)

                made = make_agent()
                made.hooks.add_callback(MessageAddedEvent, write)
                return made

            return crowd_of([agent(number) for number in range(agents)], [make_agent() for _ in range(agents)])

    def create_message(self, place: str, session_id: str, count: int) -> Times:
        """Store messages one by one."""
        return self._write_each(place, session_id, count, messages_of(1, 500))

    def append(self, place: str, session_id: str, history: int, count: int) -> Times:
        """Add messages to a long history."""
        self.fill(place, session_id, history, 500)
        each = self._write_each(place, session_id, MESSAGES * count, messages_of(1, 500), first=history)
        seconds = each["seconds"]
        return {**each, "turn": [sum(seconds[at : at + MESSAGES]) for at in range(0, len(seconds), MESSAGES)]}

    def sync(self, place: str, session_id: str, count: int) -> Times:
        """Store a state that changed."""
        self.connect(place)
        seconds = []
        for number in range(1 + count):
            seconds.append(clocked(lambda step=number: self.write_agent(session_id, agent_of(step)))[0])  # type: ignore[misc]
        return {"seconds": seconds[1:]}

    def redact(self, place: str, session_id: str, count: int) -> Times:
        """Replace the latest message."""
        self.connect(place)
        message = {"role": "user", "content": [{"text": "[redacted]"}]}
        seconds = []
        for number in range(1 + count):
            self.write(session_id, number, record_of(message, number))
            seconds.append(clocked(lambda at=number: self.replace(session_id, at, record_of(message, at)))[0])  # type: ignore[misc]
        return {"seconds": seconds[1:]}

    def delete(self, place: str, session_id: str) -> Times:
        """Delete a session."""
        self.connect(place)
        return {"seconds": [clocked(lambda: self.erase(session_id))[0]]}

    def converse(self, place: str, session_id: str, turns: int, size: int) -> Times:
        """Store long messages, going on where the last call ended, until `hang_up`."""
        self.connect(place)
        if getattr(self, "_said", None) is None:
            self._said: int | None = 0
            self.write_agent(session_id, agent_of(0))
        for _ in range(2 * turns):
            message = {"role": "user", "content": [{"text": text_of(size)}]}
            self.write(session_id, self._said, record_of(message, self._said))
            self._said += 1
        return {}

    def hang_up(self) -> Times:
        """End the conversation."""
        self._said = None
        return {}

    def _write_each(self, place: str, session_id: str, count: int, messages: list[Any], first: int = 0) -> Times:
        self.connect(place)
        seconds, number = [], first
        for _ in range(2 + count):
            begin = time.perf_counter()
            for message in messages:
                self.write(session_id, number, record_of(message, number))
                number += 1
            seconds.append(time.perf_counter() - begin)
        return {"seconds": seconds[2:]}


class FloorOnValkey(Floor):
    """A list of texts for each session."""

    def connect(self, place: str) -> None:
        """Connect."""
        import valkey

        self._clients = getattr(self, "_clients", {})
        self._client = self._clients.setdefault(place, valkey.Valkey.from_url(place))

    def write_agent(self, session_id: str, text: str) -> None:
        """Store the agent's record."""
        self._client.set(f"floor:{session_id}:agent", text)

    def write(self, session_id: str, number: int, text: str) -> None:
        """Store a new message."""
        self._client.rpush(f"floor:{session_id}", text)

    def write_all(self, session_id: str, texts: list[str]) -> None:
        """Store many new messages at once."""
        self._client.rpush(f"floor:{session_id}", *texts)

    def read(self, session_id: str) -> list[Any]:
        """Return the texts of all messages."""
        texts: list[Any] = self._client.lrange(f"floor:{session_id}", 0, -1)
        return texts

    def replace(self, session_id: str, number: int, text: str) -> None:
        """Replace the latest message."""
        self._client.lset(f"floor:{session_id}", -1, text)

    def erase(self, session_id: str) -> None:
        """Delete the session."""
        self._client.delete(f"floor:{session_id}", f"floor:{session_id}:agent")


class FloorOnSql(Floor):
    """A row for each message."""

    mark = "%s"
    tables = (
        "CREATE TABLE IF NOT EXISTS floor_agents (session_id text PRIMARY KEY, record text NOT NULL)",
        "CREATE TABLE IF NOT EXISTS floor_messages (session_id text, message_id bigint, record text NOT NULL,"
        " PRIMARY KEY (session_id, message_id))",
    )

    def __init__(self) -> None:
        """Begin without connections."""
        self._connections: dict[str, list[Any]] = {}

    @abstractmethod
    def open(self, place: str) -> Any:
        """Open a connection that commits each statement."""

    def connect(self, place: str) -> None:
        """Connect."""
        self._place = place
        if place not in self._connections:
            self._connections[place] = []
            for table in self.tables:
                self.execute(table)

    def execute(self, statement: str, *values: Any) -> Any:
        """Execute a statement, on a connection that no other thread uses."""
        place, free = self._place, self._connections[self._place]
        try:
            connection = free.pop()
        except IndexError:
            connection = self.open(place)
        try:
            return connection.execute(statement.replace("?", self.mark), values)
        finally:
            free.append(connection)

    def write_agent(self, session_id: str, text: str) -> None:
        """Store the agent's record."""
        upsert = (
            "INSERT INTO floor_agents VALUES (?, ?) ON CONFLICT (session_id) DO UPDATE SET record = excluded.record"
        )
        self.execute(upsert, session_id, text)

    def write(self, session_id: str, number: int, text: str) -> None:
        """Store a new message."""
        self.execute("INSERT INTO floor_messages VALUES (?, ?, ?)", session_id, number, text)

    def write_all(self, session_id: str, texts: list[str]) -> None:
        """Store many new messages at once."""
        self.execute("BEGIN")
        for number, text in enumerate(texts):
            self.write(session_id, number, text)
        self.execute("COMMIT")

    def read(self, session_id: str) -> list[Any]:
        """Return the texts of all messages."""
        select = "SELECT record FROM floor_messages WHERE session_id = ? ORDER BY message_id"
        return [text for (text,) in self.execute(select, session_id)]

    def replace(self, session_id: str, number: int, text: str) -> None:
        """Replace the latest message."""
        update = "UPDATE floor_messages SET record = ? WHERE session_id = ? AND message_id = ?"
        self.execute(update, text, session_id, number)

    def erase(self, session_id: str) -> None:
        """Delete the session, in one transaction."""
        self.execute("BEGIN")
        self.execute("DELETE FROM floor_messages WHERE session_id = ?", session_id)
        self.execute("DELETE FROM floor_agents WHERE session_id = ?", session_id)
        self.execute("COMMIT")


class FloorOnPostgres(FloorOnSql):
    """PostgreSQL with psycopg, which prepares what it executes often."""

    def open(self, place: str) -> Any:
        """Open a connection that commits each statement."""
        import psycopg

        return psycopg.connect(place, autocommit=True)

    def erase(self, session_id: str) -> None:
        """Delete the session in one round trip."""
        agents = "WITH gone AS (DELETE FROM floor_agents WHERE session_id = ?)"
        self.execute(f"{agents} DELETE FROM floor_messages WHERE session_id = ?", session_id, session_id)


class FloorOnSqlite(FloorOnSql):
    """SQLite, as the standard library has it, with the settings of the skeleton's that make writes durable."""

    mark = "?"

    def open(self, place: str) -> Any:
        """Open a connection that commits each statement."""
        Path(place).mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(Path(place) / "floor.db", isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection
