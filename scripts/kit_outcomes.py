"""Loaded into the pytest that scripts/kit.py starts: notes how each case went."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

outcomes: dict[str, dict[str, Any]] = {}


def note(item: Any, result: str, reason: str = "") -> None:
    """Note how a case went. Whatever fails in its setup, its call or its end, counts; the first one is the reason."""
    if not getattr(item, "cls", None):
        return  # an objection of the kit, which fails the run
    group = item.cls.__mro__[1]
    noted = {
        "group": group.__name__,
        "letter": ", ".join(re.findall(r"\b[A-Z]\b", (group.__doc__ or "").partition(".")[0])),
        "case": item.originalname,
        "name": item.name,
        "behaviour": " ".join((item.function.__doc__ or "").split()),
        "result": result,
        "reason": reason,
    }
    if outcomes.get(item.nodeid, noted)["result"] in ("passed", result):
        outcomes.setdefault(item.nodeid, noted)
        if result != "passed":
            outcomes[item.nodeid] = noted


def pytest_deselected(items: list[Any]) -> None:
    """Note what the backend does not declare."""
    for item in items:
        note(item, "not declared")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    """Note how it went."""
    report = yield
    if hasattr(report, "wasxfail"):
        note(item, "exempted" if report.skipped else "failed", report.wasxfail.removeprefix("reason: "))
    elif report.failed:
        note(item, "failed", first_line(call.excinfo) or "passes, though it is exempted")
    elif report.when == "call":
        note(item, "passed")
    return report


def first_line(excinfo: Any) -> str:
    """The error and the first line of what it says, shortened."""
    if excinfo is None:
        return ""
    text = (str(excinfo.value).strip() or "no message").splitlines()[0]
    name = excinfo.type.__name__
    return text[:200] if name == "Failed" else f"{name}: {text[:200]}"


def pytest_sessionfinish() -> None:
    """Write it all down."""
    Path(os.environ["KIT_OUTCOMES"]).write_text(json.dumps(list(outcomes.values())), encoding="utf-8")
