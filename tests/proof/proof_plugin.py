"""Loaded into the pytest of a correct repository: runs the cases that mistakes name, over the mistakes and without.

A case with several parameters runs over a mistake until one of them finds it. Those that found one run over the correct
code afterwards.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles import PACKAGE, Code, mistakes

MISTAKES = {mistake.name: mistake for mistake in mistakes(os.environ["PROOF_MISTAKES"])}
CORRECT = "correct"
NOT_NEEDED = "not needed"
outcomes: list[dict[str, Any]] = []
found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
"""Of a case and a mistake the parameters with which the case found it."""


@pytest.fixture(autouse=True)
def code(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the mistake that the case is to find, also for the other processes of the case, which are forks here."""
    with monkeypatch.context() as changes:
        for name, module in [*sys.modules.items()]:
            if name.startswith("conformance.") and hasattr(module, "CONTEXT"):
                changes.setattr(module, "CONTEXT", multiprocessing.get_context("fork"))
        # A double may leave managers open: the next case counts anew.
        changes.setattr(f"{PACKAGE}._executor._users", 0)
        changes.setattr(f"{PACKAGE}._executor._pool", None)
        if request.param != CORRECT:
            wait = threading.Event.wait  # where a double blocks, nobody has to wait for long to know
            changes.setattr(
                threading.Event, "wait", lambda event, timeout=None: wait(event, timeout and min(timeout, 6))
            )
        code = Code(changes, lambda: request.getfixturevalue("backend"))
        for change in MISTAKES[request.param].changes if request.param != CORRECT else []:
            change(code)
        yield
        code.restore_definitions()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each case over the correct code and over every mistake that names it."""
    case = metafunc.function.__qualname__
    named = [name for name, mistake in MISTAKES.items() if case in mistake.cases]
    if named:
        metafunc.parametrize("code", [CORRECT, *named], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Leave out all cases that no mistake names. The kit objects to that, unless `-k` is on the command line."""
    yield
    items[:] = [item for item in items if hasattr(item, "callspec") and "code" in item.callspec.params]
    items.sort(key=lambda item: _mistake(item) == CORRECT)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what has nothing more to tell."""
    case = _case(item)
    if _mistake(item) == CORRECT:
        is_needed = _parameters(item) in [with_which for (of, _), with_which in found.items() if of == case]
    else:
        is_needed = (case, _mistake(item)) not in found
    if not is_needed:
        pytest.skip(NOT_NEEDED)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, Any, Any]:
    """Take note of how it went, and of what pytest marks as the reason."""
    report = yield
    is_left_out = report.skipped and NOT_NEEDED in report.longreprtext
    if not is_left_out and (report.when == "call" or not report.passed):
        reason = [line[1:].strip() for line in report.longreprtext.splitlines() if line.startswith("E ")]
        mistake, case = _mistake(item), _case(item)
        is_wrong = report.when == "call" and report.failed and mistake != CORRECT
        if is_wrong and MISTAKES[mistake].shows in "\n".join(reason):
            found[case, mistake] = _parameters(item)
        outcomes.append(
            {
                "file": os.environ["PROOF_MISTAKES"],
                "mistake": mistake,
                "case": case,
                "outcome": report.outcome if report.when == "call" else f"error in {report.when}",
                "reason": "\n".join(reason),
                "trials": [row for name, row in report.user_properties if name == "trials"],
            }
        )
    return report


def _mistake(item: Any) -> str:
    name: str = item.callspec.params["code"]
    return name


def _case(item: Any) -> str:
    name: str = item.function.__qualname__
    return name


def _parameters(item: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in item.callspec.params.items() if name != "code"))


def pytest_sessionfinish() -> None:
    """Hand over the outcomes."""
    Path(os.environ["PROOF_OUTCOMES"]).write_text(json.dumps(outcomes), encoding="utf-8")
