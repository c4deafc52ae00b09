"""What is tried many times, with random numbers: how often, from which seed, and what came of it.

The cases that ask for the fixture `trials` are marked `faults`. They try a little in every run, and in full with
--thorough, as `nox -s faults` does.
"""

import json
import random
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "trials"
COLUMNS = ("runs", "acknowledged", "lost")


@dataclass(frozen=True)
class Trials:
    """What a case of this kind needs.

    Attributes:
        seed: What the random numbers of the whole run come from: `--trials-seed` repeats it.
        thorough: Whether to try in full.
    """

    seed: int
    thorough: bool
    _item: Any

    def count(self, few: int, many: int) -> int:
        """Return how often to try: a few times in a run of all tests, many times in a thorough one."""
        return many if self.thorough else few

    def random(self, *of: object) -> random.Random:
        """Return random numbers of this test's own, which depend on the seed and the test alone.

        Args:
            *of: What else they depend on, for example the number of the trial.
        """
        return random.Random(f"{self.seed} {self._item.name} {of}")

    def record(self, *, runs: int, acknowledged: int, lost: int, what: str = "", **figures: Any) -> None:
        """Take note of what came of it, for the table at the end: before it is asserted, so that failures are in it.

        Args:
            runs: How often it was tried.
            acknowledged: How many writes were acknowledged, in all runs.
            lost: How many of these were not there afterwards, or not as they were acknowledged.
            what: What was tried, where a test tries several things.
            **figures: What else was counted or measured: it is written to the report, and shown in no table.
        """
        behaviour = " ".join((self._item.function.__doc__ or "").split())
        row: dict[str, Any] = {"test": self._item.nodeid.rpartition("/")[2], "behaviour": behaviour, "what": what}
        row |= {"runs": runs, "acknowledged": acknowledged, "lost": lost, **figures}
        self._item.user_properties.append((PROPERTY, row))


class TrialsReport:
    """Collects what came of the trials, in this process and in those of xdist."""

    def __init__(self, config: pytest.Config) -> None:
        """Take the configuration, and choose a seed where none was given."""
        self._config = config
        self._rows: list[dict[str, Any]] = []
        if config.option.trials_seed is None:
            handed = getattr(config, "workerinput", {})  # where this is a process of xdist's
            config.option.trials_seed = handed.get("trials_seed", random.SystemRandom().randrange(2**32))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the seed to a process of xdist's, which gets nothing else but what is on the command line."""
        node.workerinput["trials_seed"] = self._config.option.trials_seed

    def pytest_report_header(self) -> str:
        """Say which seed repeats the run."""
        return f"trials: --trials-seed {self._config.option.trials_seed}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: Any) -> Generator[None, Any, Any]:
        """Say how to repeat a test that failed, also one that is not of the kit."""
        report = yield
        if report.failed and "trials" in getattr(item, "fixturenames", ()):
            options = self._config.option
            form = ["--thorough"] if options.thorough else []
            report.sections.append(("To repeat it", " ".join([*form, f"--trials-seed {options.trials_seed}"])))
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take the rows of a test that ended."""
        if report.when == "call":
            rows = [row for name, row in report.user_properties if name == PROPERTY]
            self._rows += [{**row, "outcome": report.outcome} for row in rows]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of a thorough run, and write the rows where that was asked for."""
        options, rows = self._config.option, sorted(self._rows, key=lambda row: (row["test"], row["what"]))
        if rows and options.thorough:
            terminalreporter.section("trials")
            names = [" ".join(filter(None, (row["test"].rpartition("::")[2], row["what"]))) for row in rows]
            width = max(map(len, names)) + 2
            terminalreporter.write_line(" " * width + "".join(f"{column:>14}" for column in COLUMNS))
            for name, row in zip(names, rows, strict=True):
                terminalreporter.write_line(f"{name:{width}}" + "".join(f"{row[column]:>14}" for column in COLUMNS))
            terminalreporter.write_line(f"The same again: --thorough --trials-seed {options.trials_seed}")
        if options.trials_report:
            written = {"seed": options.trials_seed, "thorough": options.thorough, "rows": rows}
            Path(options.trials_report).write_text(json.dumps(written, indent=1), encoding="utf-8")


def add_options(parser: pytest.Parser) -> None:
    """Make the options known."""
    group = parser.getgroup("trials", "what is tried with random numbers (-m faults)")
    group.addoption("--thorough", action="store_true", help="try in full: minutes instead of seconds")
    group.addoption("--trials-seed", type=int, metavar="N", help="use the random numbers of an earlier run")
    group.addoption("--trials-report", metavar="FILE", help="write what came of it, as JSON")


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Trials:
    """How often to try, and with which random numbers."""
    return Trials(request.config.option.trials_seed, request.config.option.thorough, request.node)
