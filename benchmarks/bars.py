# ruff: noqa: RUF001  the multiplication sign is meant
"""What a run has to show: ratios of medians within it, each with the bar that it has to reach."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from plan import AWAITED, CONTENDERS, STORES, rows
from texts import messages_of

TITLES = {
    "end of turn": ": the end of the turn alone",
    "turn": ": eight of them and the end of the turn",
    "wall with": ": wall",
    "stall with": ": longest stall",
}
PUBLISHED = {
    "valkey": ["valkey-peer"],
    "postgres": ["postgres-peer", "postgres-sql"],
    "local": ["local-files", "local-sql"],
}


@dataclass(frozen=True)
class Figure:
    """A measured time or size.

    Attributes:
        median: The median.
        low: The first quartile.
        high: The third.
        count: How many measurements there are.
    """

    median: float
    low: float
    high: float
    count: int


def figure(results: dict[str, Any], row: str, name: str, kind: str = "seconds") -> Figure | None:
    """Return a result in milliseconds, None where there is none."""
    samples = results["times"].get(row, {}).get(name, {}).get(kind)
    if not samples:
        return None
    spread = quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else samples * 3
    return Figure(1000 * median(samples), 1000 * spread[0], 1000 * spread[2], len(samples))


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        about: What is measured.
        store: On which store.
        measured: What was.
        limit: What it may be at most; None where it is only reported.
        unit: Of what.
        remark: What to know about it.
    """

    about: str
    store: str
    measured: float
    limit: float | None
    unit: str
    remark: str = ""

    def verdict(self, *, is_quick: bool) -> str:
        """Say whether it is reached; of a quick run, which has few rounds, only that it was not this time."""
        if self.limit is None:
            return "reported"
        if self.measured <= self.limit:
            return "reached"
        return "not in this run" if is_quick else "**missed**"


def bars(results: dict[str, Any]) -> list[Bar]:
    """Return all bars that the run says something of."""
    found = [one for store in STORES for one in bars_of(results, store)]
    order = list(dict.fromkeys(one.about for one in found))
    return sorted(found, key=lambda one: order.index(one.about))


def bars_of(results: dict[str, Any], store: str) -> list[Bar]:
    """Return the bars of one store."""
    ours, floor, found = f"{store}-ours", f"{store}-floor", []

    def add(about: str, measured: float, limit: float | None, unit: str, remark: str = "") -> None:
        found.append(Bar(about, store, measured, limit, unit, remark))

    def value(row: str, name: str = ours, kind: str = "seconds") -> float | None:
        one = figure(results, row, name, kind)
        return one.median if one else None

    def ratio(
        about: str, over: float | None, under: float | None, limit: float | None, unit: str, remark: str = ""
    ) -> None:
        if over is not None and under:
            add(about, over / under, limit, unit, remark)

    for n in (1000, 5000):
        row = f"restore {n}"
        ratio(f"restore of {n:,} messages", value(row), value(row, floor), 1.5, "× the floor")
    among = value("restore among 1,000,000"), value("restore among none")
    ratio("restore among 1,000,000 others", *among, 1.1, "× with nothing else there")
    for row, about, limit in (("turn", "a text turn", 0.5), ("turn awaited", AWAITED, None)):
        turn, writes = value(row), value(row, floor)
        if turn is not None and writes is not None:
            remark = "" if limit else "two saves on a thread beside the loop"
            add(f"{about}: above the floor of its writes", turn - writes, limit, "ms", remark)
    row = "turn at 1 ms"
    ratio("a text turn at 1 ms", value(row), value(row, floor), 1.2, "× the floor")
    short = value("append 10000", kind="beside")
    ratio("one message more after 10,000", value("append 10000"), short, 1.2, "× after 10, beside it")
    for each, most, slack in ((", a connection each", 2.5, 10.0), ("", None, None)):
        walls = [value(f"crowd {n}{each}", kind="wall with") for n in (50, 1)]
        bare = value(f"crowd 50{each}", floor, "wall with"), value(f"crowd 1{each}", floor, "wall with")
        remark = f"the bare driver on threads {bare[0] / bare[1]:.2f}" if bare[0] and bare[1] else ""
        ratio(f"50 agents at 20 ms{each}", *walls, most, "× one agent's", remark)
        stall, without = (value(f"crowd 50{each}", kind=f"stall {how}") for how in ("with", "without"))
        if stall is not None and without is not None:
            about = f"50 agents at 20 ms{each}: the longest stall, above that without sessions"
            add(about, stall - without, slack, "ms")
    series = results["written"].get(ours, {}).get("series")
    if series and store != "local":  # of files, what is counted are the pages of SQLite, the bare one's, too
        content = content_size(2 * results["turns"])
        ratio(f"bytes written by {2 * results['turns']:,} messages", series[-1], content, 1.3, "× their JSON")
    return found


def content_size(count: int) -> int:
    """Return how long the JSON of messages of 2 kB is."""
    return sum(len(json.dumps(message, ensure_ascii=False).encode()) for message in messages_of(count, 2000))


def kinds(row: str) -> list[str]:
    """Return what is measured in a row."""
    if row.startswith("crowd"):
        return ["wall with", "stall with"]
    return ["seconds", "end of turn", "turn"] if row.startswith("append") else ["seconds"]


def behind(results: dict[str, Any]) -> list[str]:
    """Say in which rows a published package is ahead of ours."""
    found = []
    for row in rows():
        for store, names in PUBLISHED.items():
            for kind in kinds(row.key):
                ours = figure(results, row.key, f"{store}-ours", kind)
                for name in names:
                    theirs = figure(results, row.key, name, kind)
                    if ours and theirs and theirs.median < ours.median:
                        what = row.title + TITLES.get(kind, "")
                        within = ", within the spread" if theirs.high > ours.low else ""
                        found.append(
                            f"{what}, on {STORES[store]}: {CONTENDERS[name][1]}"
                            f" {theirs.median:.2f} ms, ours {ours.median:.2f} ms{within}"
                        )
    return found
