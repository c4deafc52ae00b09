"""The kit in a generated repository notices when a case is left out, overridden or excused, and reports what it ran."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Render, seem_installed

CASES = "tests/test_conformance.py"


@pytest.fixture
def repository(render: Render) -> Path:
    """A repository of one's own to change, as if its package were installed."""
    repository = render()
    seem_installed(repository)
    return repository


def run_pytest(repository: Path, *arguments: str) -> str:
    """Run pytest there, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=repository,
        env=environment | {"PYTHONPATH": str(repository / "src"), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout + ran.stderr


def append(file: Path, text: str) -> None:
    """Append text to a file."""
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(file: Path, old: str, new: str) -> None:
    """Replace text in a file, where it must be."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_what_is_left_out_is_refused(repository: Path) -> None:
    """A group that nobody inherits, cases overridden, replaced, removed or deselected, exemptions without a reason."""
    assert "conformance kit" not in run_pytest(repository, "--collect-only")
    replace(repository / CASES, "class TestDeletion(conformance.Deletion)", "class TestDeletion")
    replace(repository / CASES, "(conformance.Content)", "(Mine, conformance.Content)")
    replace(
        repository / CASES,
        "class TestLifecycle",
        "class Mine:\n    def test_nul(self):\n        pass\n\n\n"
        "del conformance.State.test_model_state\n"
        "conformance.Redaction.test_guardrail = lambda self: None\n\n\nclass TestLifecycle",
    )
    replace(repository / "pyproject.toml", '"-ra", ', '"-ra", "-k", "not test_second_agent_is_refused", ')
    append(
        repository / "tests/conftest.py",
        """
import pytest

CassandraBackend.exemptions = {"test_text": " ", "test_nobody_knows": "because"}


@pytest.fixture
def reopen(repository):
    return lambda **options: repository


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.name != "test_numeric_order"]
""",
    )
    printed = run_pytest(repository, "--collect-only")
    (left_out,) = re.findall("left out, or exempt it: (.+)", printed)
    assert set(left_out.split(", ")) == {
        "Deletion",
        "Content.test_nul",
        "State.test_model_state",
        "Redaction.test_guardrail",
        "Lifecycle.test_second_agent_is_refused",
        "Order.test_numeric_order",
    }
    assert re.findall("names no case of the kit: (.+)", printed) == ["test_nobody_knows"]
    assert re.findall("gives no reason for: (.+)", printed) == ["test_text"]
    assert re.findall("overriding a fixture of the kit: (.+)", printed) == ["reopen"]


def test_what_is_left_out_without_records_is_refused(render: Render) -> None:
    """The kit of a service without records guards its own groups."""
    repository = render(starting_point="lifecycle")
    seem_installed(repository)
    assert "conformance kit" not in run_pytest(repository, "--collect-only")
    replace(repository / CASES, "class TestHealing(conformance.Healing)", "class TestHealing")
    replace(repository / CASES, "class TestTurns", "del conformance.Sending.test_sync\n\n\nclass TestTurns")
    (left_out,) = re.findall("left out, or exempt it: (.+)", run_pytest(repository, "--collect-only"))
    assert set(left_out.split(", ")) == {"Healing", "Sending.test_sync"}


def test_a_kit_that_is_ignored_is_refused(repository: Path) -> None:
    """Without any case, all tests are not all; a file that somebody names is."""
    replace(repository / "pyproject.toml", '"-ra", ', f'"-ra", "--ignore={CASES}", ')
    assert "left out, or exempt it: " in run_pytest(repository, "--collect-only")
    assert "left out" not in run_pytest(repository, "--collect-only", "tests/test_repository.py")


def test_what_is_skipped_or_excused_fails(repository: Path) -> None:
    """A case cannot be skipped, nor marked as expected to fail, but by an exemption."""
    append(
        repository / "tests/conftest.py",
        """
import pytest

CassandraBackend.exemptions = {"test_limit_and_offset": "The store counts from one."}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "test_numeric_order":
            item.add_marker(pytest.mark.skip(reason="slow"))
        elif item.name in ("test_order_ignores_time", "test_limit_and_offset"):
            item.add_marker(pytest.mark.xfail(run=False))
""",
    )
    cases = ("test_numeric_order", "test_order_ignores_time", "test_limit_and_offset")
    printed = run_pytest(repository, *(f"{CASES}::TestOrder::{case}" for case in cases))
    assert "1 xfailed, 2 errors" in printed
    assert printed.count("A case of the kit cannot be skipped.") >= 2


def test_report(repository: Path) -> None:
    """A run ends with a table of the groups, also of several processes, and with what is not declared."""
    text = (repository / CASES).read_text(encoding="utf-8")
    only_one = re.sub(r"class Test(?!Content)(\w+)\(.+?\):", r"class \1:", text)  # the others would take longer
    (repository / CASES).write_text(only_one, encoding="utf-8")
    passes = 'CassandraBackend.exemptions = {"test_large_message": "It does not, and fails for that."}\n'
    append(repository / "tests/conftest.py", passes)

    printed = run_pytest(repository, "-n", "2", CASES, "--conformance-report", "report.md")

    assert re.search(r"^B Content +16 +1 +1 +1$", printed, re.M)
    assert re.search(r"^P Cost +0 +0 +0 +\d+$", printed, re.M)
    report = (repository / "report.md").read_text(encoding="utf-8").splitlines()
    assert "| B Content | 16 | 1 | 1 | 1 |" in report
    assert "- `ttl`: Sessions do not expire: they stay until they are deleted." in report
    assert [line for line in report if line.startswith("- `Content.test_dictionary_that_looks_like_bytes`: ")]
    part = run_pytest(repository, "-k", "test_nul", CASES, "--conformance-report", "report.md")
    assert "report.md is not written" in part


def test_seed_repeats_the_run(repository: Path) -> None:
    """One seed is for all processes of a run: it is said at its beginning, and with each failure how to repeat that."""
    test = "@pytest.mark.parametrize('number', range(4))\ndef test_seed(trials, number):\n    assert 0\n"
    (repository / "tests/test_ours.py").write_text(f"import pytest\n\n\n{test}")
    for form in ([], ["--thorough"]):
        printed = run_pytest(repository, "-v", "-n", "2", *form, "tests/test_ours.py")
        (seed,) = re.findall(r"^trials: --trials-seed (\d+)$", printed, flags=re.M)
        again = " ".join([*form, f"--trials-seed {seed}"])
        assert re.findall(r"^-+ To repeat it -+\n(.*)$", printed, flags=re.M) == [again] * 4
