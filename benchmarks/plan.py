"""What is measured: who takes part, and each row of the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STORES = {"valkey": "Valkey", "postgres": "PostgreSQL", "local": "Files on this machine"}

# Each contender: its environment, and what the tables call it.
CONTENDERS = {
    "valkey-floor": ("ours", "bare valkey-py"),
    "valkey-ours": ("ours", "ours"),
    "valkey-snapshots": ("ours", "SDK's snapshots on our Storage"),
    "valkey-peer": ("valkey-peer", "strands-valkey-session-manager"),
    "postgres-floor": ("ours", "bare psycopg"),
    "postgres-ours": ("ours", "ours"),
    "postgres-snapshots": ("ours", "SDK's snapshots on our Storage"),
    "postgres-peer": ("postgres-peer", "strands-postgresql-session-manager"),
    "postgres-sql": ("sql-peer", "strands-session-sql"),
    "local-floor": ("ours", "bare sqlite3"),
    "local-ours": ("ours", "ours (skeleton)"),
    "local-snapshots": ("ours", "SDK's snapshots on our Storage"),
    "local-files": ("ours", "SDK's FileSessionManager"),
    "local-sql": ("sql-peer", "strands-session-sql"),
}
PEERS = [name for name, (environment, _) in CONTENDERS.items() if environment != "ours"] + ["local-files"]
SNAPSHOTS = [name for name in CONTENDERS if name.endswith("-snapshots")]
FLOORS = [name for name in CONTENDERS if name.endswith("-floor")]
LOCAL = [name for name in CONTENDERS if name.startswith("local-")]


@dataclass(frozen=True)
class Row:
    """Something that is measured.

    Attributes:
        key: Its name in the results.
        title: What the tables call it.
        task: The task of the contenders.
        place: Where, as `stores` names places.
        arguments: What else the task takes.
        messages: How many messages are in the session beforehand.
        size: How long each of them is.
        is_used_up: Whether each measurement needs a session of its own.
        without: Who does not take part.
        slow: Who takes so long that the quick run leaves it out.
        rounds: How many rounds there are at most.
        is_quick: Whether it belongs to the quick run.
    """

    key: str
    title: str
    task: str
    place: str = "none"
    arguments: dict[str, Any] = field(default_factory=dict)
    messages: int = 0
    size: int = 500
    is_used_up: bool = False
    without: tuple[str, ...] = ()
    slow: tuple[str, ...] = ()
    rounds: int = 25
    is_quick: bool = True


AWAITED = "a text turn, awaited in a running event loop"
AGENTS = (1, 5, 10, 25, 50)
HISTORIES = (10, 1000, 10_000)
LENGTHS = (10, 100, 1000, 5000)


def rows() -> list[Row]:
    """Return all rows."""
    repository = tuple(SNAPSHOTS)
    remote, slow = tuple(LOCAL), tuple(PEERS)
    listed = [
        Row("new", "new session, with its agent", "new"),
        Row("turn", "a text turn", "turns", arguments={"count": 20}),
        Row("turn awaited", AWAITED, "turns", arguments={"count": 20, "is_awaited": True}),
        Row("tool turn", "a turn with a tool", "turns", arguments={"count": 10, "calls_tool": True}),
        Row("sync", "a changed state", "sync", arguments={"count": 10}),
        Row("redact", "a redaction", "redact", arguments={"count": 5}),
    ]
    # Long conversations later, since they leave the memory of a process scattered, which short tasks feel most.
    listed += [
        Row(f"restore {n}", f"restore {n:,} messages", "restore", messages=n, is_quick=n < 5000) for n in LENGTHS
    ]
    listed += [
        Row("delete", "delete a session of 100 messages", "delete", messages=100, is_used_up=True),
        Row("list", "repository: list 1,000 messages", "list_messages", messages=1000, without=repository),
        Row("create", "repository: store a message", "create_message", arguments={"count": 10}, without=repository),
    ]
    for n in HISTORIES:
        arguments = {"history": n, "count": 10}
        title = f"one message more, after {n:,}"
        listed.append(
            Row(f"append {n}", title, "append", arguments=arguments, rounds=10, slow=slow if n > 1000 else ())
        )
    for others in ("none", "10,000", "1,000,000"):
        without = (*SNAPSHOTS, "local-files")
        quick = others != "1,000,000"
        title = f"among {others} others" if others != "none" else "with nothing else there"
        about = {"place": others, "without": without, "is_quick": quick}
        listed.append(
            Row(f"restore among {others}", f"restore 1,000 messages, {title}", "restore", messages=1000, **about)
        )
        listed.append(
            Row(
                f"delete among {others}",
                f"delete 100 messages, {title}",
                "delete",
                messages=100,
                is_used_up=True,
                **about,
            )
        )
    wire: dict[str, Any] = {"place": "1 ms", "without": remote}
    listed += [
        Row("restore 1000 at 1 ms", "restore 1,000 messages, at 1 ms", "restore", messages=1000, **wire),
        Row("turn at 1 ms", "a text turn, at 1 ms", "turns", arguments={"count": 10}, **wire),
        Row(
            "tool turn at 1 ms",
            "a turn with a tool, at 1 ms",
            "turns",
            arguments={"count": 5, "calls_tool": True},
            **wire,
        ),
    ]
    for agents in AGENTS:
        for name, connections in (("", 0), (", a connection each", agents)):
            about = {"place": "20 ms", "without": remote, "slow": slow, "rounds": 9}
            about["is_quick"] = agents in (1, 50) and bool(connections)
            if connections:  # who writes on the event loop uses one connection at a time
                about["without"] = (*remote, *PEERS)
            arguments = {"agents": agents, "connections": connections}
            key = f"crowd {agents}{name}"
            listed.append(
                Row(key, f"{agents} agent{'s' * (agents > 1)} at 20 ms{name}", "crowd", arguments=arguments, **about)
            )
    return listed


def interleaved(row: Row) -> str:
    """Return what a row is measured in the same rounds with: the ratios within it are those that matter."""
    for start in ("restore among", "delete among", "append", "crowd"):
        if row.key.startswith(start):
            return start
    return "turn" if row.key == "turn awaited" else row.key
