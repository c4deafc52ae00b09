# ruff: noqa: RUF001  the multiplication sign and the dash are meant
"""The document of a run: tables and plots, made of its numbers alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import fill
from typing import Any

from bars import TITLES, Figure, bars, behind, content_size, figure, kinds
from plan import AGENTS, CONTENDERS, LENGTHS, STORES, Row, rows
from plots import Line, chart

PLOTS = {
    "restore-length": "The time to restore grows with the conversation.",
    "restore-others": "It does not grow with what else is in the store, unless somebody searches for the messages.",
    "bytes": "A log writes what is new. A snapshot writes everything, at each turn.",
    "stall": "Who writes on the event loop holds up every other agent.",
}
ON_THE_LOOP = """it writes without a look at whether another writer was there, and at the end of a turn it does not
  compare the messages with what is stored, though anything may have changed them. Where turns are awaited, it writes on
  the event loop, which stands still meanwhile; ours writes beside it, which takes two hand-overs between threads"""
# Why a contender can be faster. The remarks of the tables say where one is.
REASONS = {
    "snapshots": """a snapshot is one value, stored whole at the end of a turn, and nothing is written before: a process
  that is killed within a turn loses it, and a long conversation shows what a turn's end costs""",
    "files": f"""files are written without a wait for the disk, so what was acknowledged may be lost, and what is
  redacted or deleted is not overwritten; {ON_THE_LOOP}""",
    "peer": ON_THE_LOOP,
    "sql": ON_THE_LOOP,
}
INTRODUCTION = """\
# Benchmarks

What a session costs, measured side by side: our two instances and the skeleton, packages that others published, the
SDK's own managers, and the **floor**, which is the bare driver doing the least that a task needs. Written by
`nox -s bench` on {date}{quick}, on {machine}.
The contenders took turns, on the same servers, each in a process of its own; who needed more than some seconds for a
row took part in fewer rounds. Look at the ratios: the times are those of this machine on that day.

- A time is the median of {least:,} to {most:,} measurements, with the quartiles in brackets, in milliseconds, followed
  by its ratio to the floor. That of a new session, a restore or a turn is what it takes **above the same agent without
  sessions**, which was timed in the same round. *Within the spread*: the quartiles overlap, and another run may show
  the opposite. "–": not measured, since the task is not there, or nothing is done, or it takes too long for a quick
  run.
- Python's garbage collector runs before each task and is off within it, as `timeit` has it: what collections cost is in
  no figure.
- *Restore* is `Agent(session_manager=...)` on an open manager; *new session* is the manager and its first agent. The
  floor of a restore is one fetch of the texts, `json.loads` of each, and `SessionMessage` records. Ours parses several
  texts at a time, and may be below it, as a repository that lists its messages is, and as a deletion is that finds
  everything of a session under one key. The floor of a turn is its writes, each made on the event loop by a hook of the
  same agent; that of *one message more* is the driver's call alone, without an agent or a loop. Messages that were
  stored beforehand, and those of that row, have 500 characters, those of a turn a dozen.
- *One message more* is one of the eight that a turn has which calls three tools; the comparison at the end of a turn is
  a row of its own. In the same process an agent with ten messages takes turns with that of the row: *beside it*.
- The servers are those of our tests: PostgreSQL with `fsync=off`, Valkey without persistence. A slow disk would hide
  the differences.
- `strands-valkey-session-manager` needs the JSON module. It was run on plain strings in its place, which flatters it:
  the server has no documents to parse.
- `strands-postgresql-session-manager` does not work with the newest versions that its dependencies allow. It was run
  with `sqlmodel<0.0.31` and `sqlalchemy<2.1`.
- *{wire}* A proxy delays each answer by so much: a round trip takes that much longer.
- Servers, proxies and contenders share the cores of this machine.
"""


def write(results: dict[str, Any], folder: Path) -> None:
    """Write the document and its plots into a folder."""
    (folder / "benchmarks").mkdir(exist_ok=True)
    for name, svg in plots(results).items():
        (folder / f"benchmarks/{name}.svg").write_text(svg, encoding="utf-8", newline="\n")
    (folder / "benchmarks.md").write_text(document(results), encoding="utf-8", newline="\n")


def document(results: dict[str, Any]) -> str:
    """Return the document."""
    quick = ", as `-- --quick` does, with few rounds" if results["quick"] else ""
    taken = [one for row in results["times"].values() for one in row.values() if "error" not in one]
    samples = [len(times) for one in taken for times in one.values()] or [0]
    about = {**results, "quick": quick, "least": min(samples), "most": max(samples), "wire": "At 1 ms, at 20 ms."}
    lines = [INTRODUCTION.format(**about)]
    absent = sorted({title for name, (_, title) in CONTENDERS.items() if name not in results["versions"]})
    if absent:
        lines += [f"**Left out**, since they could not be installed: {', '.join(absent)}.", ""]
    lines += ["## What it has to show", "", *bar_table(results), ""]
    for store, title in STORES.items():
        lines += [f"## {title}", "", *table(results, store), ""]
    lines += ["## Many agents in one event loop", "", CROWDS, "", *crowd_table(results), ""]
    lines += ["## Bytes", "", *bytes_table(results), ""]
    if not results["quick"]:
        lines += ["## Plots", ""]
        drawn = plots(results)
        for name, caption in PLOTS.items():
            lines += [f"![{caption}](benchmarks/{name}.svg)", ""] if name in drawn else []
    lines += ["## Versions", "", *version_table(results)]
    return "\n".join(lines) + "\n"


LIMITS = """\
The limits are this project's own, and mean: close to the bare driver. Where one is missed by little, another run or
another machine may reach it; the tables below say how much the times spread."""
AHEAD = """\
Ours are ahead of every published package, and of the SDK's files, in every row but these; the reasons are said below
the tables. The SDK's snapshots, on our own storage, are compared in the tables alone."""
CROWDS = """\
The agents were built before the clock started. They take a turn at the same time, with 20 ms on the wire; in
milliseconds the wall-clock time and the longest stall of the event loop, by default, and where every agent may have a
connection and a thread of its own: ours has the caller's pool then, and as many threads as agents where those are more
than its 32; the loop's own executor is as large. A bare driver is called by a hook, on a thread for each agent, either
way. A published package writes on the event loop, so it uses one connection at a time, and is measured with its
defaults alone. What agents of ours write in the same round of the event loop travels in one round trip."""


def names_of(results: dict[str, Any], store: str) -> list[str]:
    """Return the contenders of a store that took part, the floor first."""
    return [name for name in CONTENDERS if name.startswith(f"{store}-") and name in results["versions"]]


def number(milliseconds: float) -> str:
    """Write a time, with three digits that mean something."""
    return f"{milliseconds:,.0f}" if abs(milliseconds) >= 100 else f"{milliseconds:.3g}"


def cell(one: Figure | None, floor: Figure | None, *, is_floor: bool) -> str:
    """Write a result."""
    if one is None:
        return "–"
    spread = f" ({number(one.low)}–{number(one.high)})" if one.count > 1 else ""
    ratio = "" if is_floor or floor is None or floor.median <= 0 else f" · {one.median / floor.median:.1f}×"
    return f"{number(one.median)}{spread}{ratio}"


def remark(results: dict[str, Any], row: Row, store: str, kind: str) -> str:
    """Say who is ahead of ours, and why."""
    ours, said = figure(results, row.key, f"{store}-ours", kind), []
    for name in names_of(results, store):
        if name.endswith(("-ours", "-floor")) or is_idle(name, row, kind):
            continue
        taken = results["times"][row.key].get(name, {})
        if "error" in taken:
            said.append(f"{CONTENDERS[name][1]} failed: {taken['error'].strip().splitlines()[-1][:100]}")
        theirs = figure(results, row.key, name, kind)
        if ours and theirs and theirs.median < ours.median:
            within = ", within the spread" if theirs.high > ours.low else ""
            said.append(f"ahead: {CONTENDERS[name][1]}{within}")
    return "; ".join(said)


def is_idle(name: str, row: Row, kind: str) -> bool:
    """Whether a contender does nothing then: a snapshot is stored at the end of a turn, not with each message."""
    return kind == "seconds" and row.key.startswith("append") and name.endswith("-snapshots")


def table(results: dict[str, Any], store: str) -> list[str]:
    """Return the table of a store."""
    names = names_of(results, store)
    lines = ["| | " + " | ".join(CONTENDERS[name][1] for name in names) + " | remark |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for row in rows():
        if row.key not in results["times"] or row.key.startswith("crowd"):
            continue
        for kind in kinds(row.key):
            floor = figure(results, row.key, f"{store}-floor", kind)
            found = {n: None if is_idle(n, row, kind) else figure(results, row.key, n, kind) for n in names}
            if any(found.values()):
                cells = [cell(one, floor, is_floor=name.endswith("-floor")) for name, one in found.items()]
                title = row.title + TITLES.get(kind, "")
                lines.append(f"| {title} | {' | '.join(cells)} | {remark(results, row, store, kind)} |")
    ahead = [name for name in names if any(f"ahead: {CONTENDERS[name][1]}" in line for line in lines)]
    if not ahead:
        return lines
    whose: defaultdict[str, list[str]] = defaultdict(list)
    for name in ahead:
        whose[REASONS[name.rpartition("-")[2]]].append(CONTENDERS[name][1])
    reasons = [f"{', '.join(titles)}: {' '.join(reason.split())}." for reason, titles in whose.items()]
    wrapped = [fill(one, 120, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False) for one in reasons]
    return [*lines, "", "Why somebody can be ahead of ours:", "", *wrapped]


def crowd_table(results: dict[str, Any]) -> list[str]:
    """Return the table of many agents."""
    names = [name for store in STORES for name in names_of(results, store) if not name.startswith("local")]
    heads = [f"{STORES[name.partition('-')[0]]}: {CONTENDERS[name][1]}" for name in names]
    lines = ["| wall / stall, ms | without sessions | " + " | ".join(heads) + " |", "|---" * (len(names) + 2) + "|"]
    for row in rows():
        if not row.key.startswith("crowd") or row.key not in results["times"]:
            continue
        cells = []
        for name, how in [(names[0], "without"), *((name, "with") for name in names)]:
            wall, stall = (figure(results, row.key, name, f"{kind} {how}") for kind in ("wall", "stall"))
            cells.append(f"{wall.median:,.0f} / {stall.median:,.0f}" if wall and stall else "–")
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return lines


def bytes_table(results: dict[str, Any]) -> list[str]:
    """Return the table of what a long conversation writes."""
    if not results["written"]:
        return ["Not measured in this run."]
    turns = results["turns"]
    content = content_size(2 * turns)
    lines = [
        f"A conversation of {2 * turns:,} messages of 2,000 characters, whose own JSON has {content:,} bytes.",
        "Written is what went over the wire to the server, or, of files, what the process wrote as Linux counts it.",
        "Stored is what the server says its keys or tables take, or the length of the files.",
        "",
        "| | written | × content | in the last turns, each | stored | × content |",
        "|---|---|---|---|---|---|",
    ]
    for name in [name for name in CONTENDERS if name in results["written"]]:
        one = results["written"][name]
        title = f"{STORES[name.partition('-')[0]]}: {CONTENDERS[name][1]}"
        if "error" in one:
            lines.append(f"| {title} | failed | | | | |")
            continue
        series = one["series"]
        each = (series[-1] - series[-2]) / (turns / len(series))
        cells = [f"{series[-1]:,}", f"{series[-1] / content:.2f}", f"{each:,.0f}"]
        cells += [f"{one['stored']:,}", f"{one['stored'] / content:.2f}"]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def bar_table(results: dict[str, Any]) -> list[str]:
    """Return the table of the bars."""
    lines = ["| | on | measured | at most | | |", "|---|---|---|---|---|---|"]
    for bar in bars(results):
        measured = f"{bar.measured:.2f} {bar.unit}"
        limit = "–" if bar.limit is None else f"{bar.limit:g}"
        verdict = bar.verdict(is_quick=results["quick"])
        lines.append(f"| {bar.about} | {STORES[bar.store]} | {measured} | {limit} | {verdict} | {bar.remark} |")
    lines += ["", LIMITS]
    lost = behind(results)
    if not lost:
        return [*lines, "", "Ours are ahead of every published package in every row."]
    return [*lines, "", AHEAD, "", *(f"- {one}" for one in lost)]


def version_table(results: dict[str, Any]) -> list[str]:
    """Return the versions: of the servers, and in each environment."""
    lines = ["| | |", "|---|---|"]
    lines.append("| servers | " + ", ".join(f"{name} {one}" for name, one in results["servers"].items()) + " |")
    environments: dict[str, str] = {}
    for name, found in results["versions"].items():
        environment = CONTENDERS[name][0]
        title = "ours, the SDK's, the drivers" if environment == "ours" else CONTENDERS[name][1]
        environments.setdefault(title, ", ".join(f"{package} {version}" for package, version in found.items()))
    return lines + [f"| {title} | {found} |" for title, found in environments.items()]


def plots(results: dict[str, Any]) -> dict[str, str]:
    """Draw the plots that the run has numbers for."""
    everybody = [name for name in CONTENDERS if not name.startswith("local") and name in results["versions"]]

    def lines(xs: Iterable[float], key: Callable[[float], str], kind: str = "seconds") -> list[Line]:
        drawn = []
        for name in everybody:
            found = [(x, figure(results, key(x), name, kind)) for x in xs]
            points = [(x, one.median) for x, one in found if one and one.median > 0]
            if len(points) > 1:
                drawn.append(line_of(name, points))
        return drawn

    others = {1.0: "none", 2.0: "10,000", 4.0: "1,000,000"}
    turns = results["turns"]
    written = [
        line_of(name, [(turns * (n + 1) / len(one["series"]), size) for n, size in enumerate(one["series"])])
        for name, one in results["written"].items()
        if name in everybody and "series" in one
    ]
    stalls = lines(AGENTS, lambda x: f"crowd {x:g}", "stall with")
    bare = [(n, figure(results, f"crowd {n}", "valkey-ours", "stall without")) for n in AGENTS]
    stalls += [Line("without sessions", [(n, one.median) for n, one in bare if one], 0)] * bool(stalls)
    drawn = {
        "restore-length": (
            "Restore, by the length of the conversation",
            "messages",
            "ms",
            lines(LENGTHS, lambda x: f"restore {x:g}"),
            {x: f"{x:,}" for x in LENGTHS},
        ),
        "restore-others": (
            "Restore of 1,000 messages, by what else is in the store",
            "other keys or rows",
            "ms",
            lines(others, lambda x: f"restore among {others[x]}"),
            others,
        ),
        "bytes": ("Bytes written by a conversation, messages of 2 kB", "turns", "bytes", written, None),
        "stall": (
            "Longest stall of the event loop, 20 ms on the wire",
            "agents at once",
            "ms",
            stalls,
            {x: str(x) for x in AGENTS},
        ),
    }
    return {name: chart(*about) for name, about in drawn.items() if about[3]}  # type: ignore[arg-type]


def line_of(name: str, points: list[tuple[float, float]]) -> Line:
    """Return the line of a contender: its colour says what it is, its marks where."""
    store, _, kind = name.partition("-")
    colour = ["floor", "ours", "snapshots", "peer", "sql"].index(kind)
    return Line(title_of(name), points, colour, is_square=store == "postgres", is_floor=kind == "floor")


def title_of(name: str) -> str:
    """Return what the legends call a contender."""
    store, _, kind = name.partition("-")
    short = {"peer": CONTENDERS[name][1].removesuffix("-session-manager"), "sql": CONTENDERS[name][1]}
    title = short.get(kind, {"floor": "floor", "ours": "ours", "snapshots": "snapshots"}.get(kind, kind))
    return title if kind in short else f"{STORES[store]}: {title}"
