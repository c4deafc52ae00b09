"""The report at the end of a run: what the backend has shown, group by group, and what it does not promise."""

import platform
import re
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from .backend import Backend
from .cases import CASES, Cases
from .guard import is_declared, is_narrowed, marks_of

COLUMNS = ("passed", "failed", "expected to fail", "not declared")
ABSENT = {
    "multi_agent": "Graphs and swarms cannot be stored: the attempt is a `NotImplementedError`.",
    "list_sessions": "Sessions cannot be listed, nor the agents of a session: the attempt is a `NotImplementedError`.",
    "redacts": "What was redacted, or rewritten, is no longer restored, but may stay at rest.",
    "atomic_batch": "A save is several writes. A crash in between leaves all messages, and the state of one save ago.",
    "together": "Agents that save at the same moment write one by one, each on a thread of its own.",
    "conflict": "Of two live agents with one id the second is refused only where both add a message. Where they change"
    " nothing but state, the last one wins.",
    "connection_string": "Nothing is promised about how many connections many managers open, and about forks.",
    "nonblocking": "A turn may hold up the event loop while the store answers.",
    "ttl": "Sessions do not expire: they stay until they are deleted.",
    "ttl_on_read": "Reading a session does not put off its expiry.",
    "prefix": "Applications that share a store see each other's sessions.",
    "round_trips": "What a turn costs on the wire was not measured, and no connection was cut.",
    "restarts": "A restart of the store was not tried.",
    "storage": "Strands' unified Storage, and what is built on it, cannot be kept in this store.",
    "search": "The storage has no search of its own.",
    "lists_unknown_agent": "Listing the messages of an agent that does not exist is an error.",
    "stores_nul": "Text with a NUL character is refused.",
    "stores_lone_surrogates": "Text with half a surrogate pair, as a tool may cut it, is refused.",
    "stores_every_number": "NaN, Infinity and some other numbers are refused.",
}
"""What it means to users when a capability is not declared."""


class Report:
    """Collects how the cases went, in this process and in those of xdist."""

    def __init__(self, config: pytest.Config) -> None:
        """Take the configuration."""
        self._config = config
        self._outcomes: dict[str, set[str]] = defaultdict(set)
        self._reasons: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how a part of a test went."""
        case = getattr(report, "conformance_case", None)
        if case is None:
            return
        if hasattr(report, "wasxfail") and report.skipped:
            self._outcomes[case].add("expected to fail")
            self._reasons[case] = report.wasxfail.removeprefix("reason: ")
        elif report.failed:
            self._outcomes[case].add("failed")
        elif report.when == "call":
            self._outcomes[case].add("passed")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, unless only a part of the kit was asked for, and write it where that was asked for."""
        file = self._config.getoption("--conformance-report")
        if not self._outcomes or is_narrowed(self._config):
            if file:
                terminalreporter.write_line(f"{file} is not written: only a part of the kit was asked for.")
            return
        backend: Backend = self._config.hook.pytest_conformance_backend()
        rows, absent = self._rows(backend), undeclared(backend)
        terminalreporter.section("conformance")
        terminalreporter.write_line(f"{'cases':22}" + "".join(f"{column:>18}" for column in COLUMNS))
        for name, counts in rows.items():
            terminalreporter.write_line(f"{name:22}" + "".join(f"{count:>18}" for count in counts))
        for capability in absent:
            terminalreporter.write_line(f"not declared: {capability}: {ABSENT[capability]}")
        for case, reason in sorted(self._reasons.items()):
            terminalreporter.write_line(f"expected to fail: {case}: {reason}")
        if file:
            Path(file).write_text(self._markdown(rows, absent), encoding="utf-8")
            terminalreporter.write_line(f"Written to {file}.")

    def _rows(self, backend: Backend) -> dict[str, list[int]]:
        """How many cases of each group went how, and of all."""
        rows = {}
        for title, group in sorted((f"{letters(group)} {group.__name__}", group) for group in CASES):
            cases = CASES[group]
            results = [self._result(f"{group.__name__}.{name}") for name in cases]
            promises = [[mark for mark in marks_of(group, case) if mark.name == "requires"] for case in cases.values()]
            results += ["not declared" for promise in promises if not is_declared(promise, backend)]
            rows[title] = [results.count(column) for column in COLUMNS]
        return {**rows, "all": [sum(column) for column in zip(*rows.values(), strict=True)]}

    def _result(self, case: str) -> str | None:
        """How a case went, with all of its parameters; None if it did not run."""
        return next((one for one in ("failed", "expected to fail", "passed") if one in self._outcomes[case]), None)

    def _markdown(self, rows: dict[str, list[int]], absent: list[str]) -> str:
        """The same as a section of a document."""
        passed, failed = rows["all"][:2]
        python, sdk = platform.python_version(), version("strands-agents")
        lines = [
            "## Conformance",
            "",
            f"Of the conformance kit of strands-session-template, on Python {python} with strands-agents {sdk},"
            f" {passed} cases passed and {failed} failed.",
            "",
            "| Group | " + " | ".join(column.capitalize() for column in COLUMNS) + " |",
            "|---|" + "---|" * len(COLUMNS),
            *(f"| {name} | " + " | ".join(map(str, counts)) + " |" for name, counts in rows.items()),
        ]
        if absent:
            lines += ["", "Not declared, and what that means:", ""]
            lines += [f"- `{capability}`: {ABSENT[capability]}" for capability in absent]
        if self._reasons:
            lines += ["", "Expected to fail:", ""]
            lines += [f"- `{case}`: {reason}" for case, reason in sorted(self._reasons.items())]
        return "\n".join(lines) + "\n"


def undeclared(backend: Backend) -> list[str]:
    """The capabilities that a backend does not declare, as far as there are cases for them."""
    marks = [mark for group, cases in CASES.items() for case in cases.values() for mark in marks_of(group, case)]
    asked = {mark.args[0] for mark in marks if mark.name in ("requires", "lacks")}
    return [name for name in ABSENT if name in asked and not getattr(backend, name)]


def letters(group: type[Cases]) -> str:
    """The letters of a group, as its docstring begins with them."""
    return " and ".join(re.findall(r"\b[A-Z]\b", (group.__doc__ or "").partition(",")[0].partition(".")[0]))
