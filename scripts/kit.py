"""Run the conformance kit of the template over repositories that know nothing of the template.

The kit names the package under test in one file, package.py. Here another file takes its place, and a Backend describes
how to reach the repository: both are in the folders of tests/ that the scripts calibrate.py and peers.py name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KIT = ROOT / "template/tests/conformance"
GROUPS = """
from conformance.cases import CASES, Cases

LEFT_OUT = {left_out!r}
for group in Cases.__subclasses__():
    LEFT_OUT |= {{group.__name__}} - {only!r} if {only!r} else set()
    for name, case in list(vars(group).items()):
        marks = {{mark.name for one in (group, case) for mark in getattr(one, "pytestmark", [])}}
        if name.startswith("test_") and {{f"{{group.__name__}}.{{name}}", group.__name__, *marks}} & LEFT_OUT:
            delattr(group, name)
            del CASES[group][name]  # else the kit objects
    globals()[f"Test{{group.__name__}}"] = type(f"Test{{group.__name__}}", (group,), {{}})
"""
TAG = re.compile(
    r"{%% (?:if starting_point (?:== \"lifecycle\"|(?P<records>!= \"lifecycle\"))|(?P<other>else)|(?P<end>endif)) %%}"
)
"""The branches of the kit, which are not nested."""
PATIENCE = 900
"""Seconds that a run may take. A repository that hangs is one that fails."""


@dataclass(frozen=True)
class Outcome:
    """How a case went, with one of its parameters if it has any.

    Attributes:
        group: The group of the kit, such as "Lifecycle".
        letter: Its letter, or letters.
        case: The name of the test.
        name: The same with the parameter.
        behaviour: What it states, with the id of the behaviour.
        result: "passed", "failed", "exempted" or "not declared".
        reason: Why it failed, or why it is exempted.
    """

    group: str
    letter: str
    case: str
    name: str
    behaviour: str
    result: str
    reason: str


@dataclass(frozen=True)
class Run:
    """A run of the kit.

    Attributes:
        outcomes: How each case went, in the order of the kit.
        status: The exit status of pytest.
        output: What it printed.
    """

    outcomes: list[Outcome]
    status: int
    output: str


def for_records(text: str) -> str:
    """Return a module of the kit as it is for a record store: without what is only for the lifecycle skeleton."""
    kept, is_kept = [], True
    for line in text.splitlines(keepends=True):
        if tag := TAG.match(line):
            is_kept = tag["records"] is not None or (tag["other"] is not None and not is_kept) or tag["end"] is not None
        elif is_kept:
            kept.append(line)
    return "".join(kept)


def run(
    python: str, package: Path, backend: Path, *beside: Path, left_out: Iterable[str] = (), only: Iterable[str] = ()
) -> Run:
    """Run the kit in a process of its own.

    Args:
        python: The Python that has pytest and what the backend imports.
        package: What takes the place of package.py.
        backend: What takes the place of conftest.py.
        *beside: Modules that the backend imports.
        left_out: What is not run: groups such as "Batches", cases such as "Turns.test_append_message", marks.
        only: Groups; if there are any, no others are run.
    """
    with tempfile.TemporaryDirectory(prefix="kit-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary).resolve()
        shutil.copytree(KIT, folder / "conformance", ignore=shutil.ignore_patterns("__pycache__"))
        for module in (folder / "conformance").glob("*.py"):
            module.write_text(for_records(module.read_text(encoding="utf-8")), encoding="utf-8")
        shutil.copyfile(package, folder / "conformance/package.py")
        shutil.copyfile(backend, folder / "conftest.py")
        for module in (ROOT / "scripts/kit_outcomes.py", *beside):
            shutil.copyfile(module, folder / module.name)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # no other settings are looked for
        (folder / "test_kit.py").write_text(GROUPS.format(left_out=set(left_out), only=set(only)), encoding="utf-8")
        plugins = ["-p", "kit_outcomes", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        result = subprocess.run(
            [python, "-m", "pytest", "-q", "--tb=short", *plugins, "test_kit.py"],
            cwd=folder,
            env=environment | {"PYTHONPATH": str(folder), "KIT_OUTCOMES": str(folder / "outcomes.json")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if not (folder / "outcomes.json").exists():
            raise SystemExit(f"the kit did not run:\n{result.stdout}")
        found = json.loads((folder / "outcomes.json").read_text(encoding="utf-8"))
    return Run([Outcome(**one) for one in found], result.returncode, result.stdout)
