"""Write docs/kit.md: the groups of the conformance kit, what each backend runs of it, and the mistakes that it finds.

`nox -s render` runs it; with --check it fails where the file is not what it would write. Nothing in it is counted by
hand: pytest collects the kit in a repository of each starting point, and the mistakes are those of tests/proof.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import for_records
from render import render, seem_installed

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/kit.md"
KIT = ROOT / "template/tests/conformance"
PROOF = ROOT / "tests/proof"
BACKENDS = {"skeleton": "Skeleton", "valkey": "Valkey", "postgres": "PostgreSQL", "lifecycle": "Lifecycle"}

# Runs in a rendered repository: which tests of the kit there are for its backend, and what that declares.
COLLECT = """
import json, sys
import pytest

class Collector:
    def pytest_collection_finish(self, session):
        names = [item.function.__qualname__ for item in session.items if hasattr(item, "function")]
        backend = session.config.hook.pytest_conformance_backend()
        declared = {name: bool(getattr(backend, name, False)) for name in sys.argv[2:]}
        with open(sys.argv[1], "w") as file:
            json.dump({"tests": names, "declared": declared}, file)

sys.exit(pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", "tests/test_conformance.py"], [Collector()]))
"""

INTRODUCTION = """\
# The conformance kit

Written by `nox -s render`, which counts and lists what is there.

Every generated repository has the kit in `tests/conformance/`. It runs over a live store, and checks from outside
what the backend promises: what it has written it reads through another connection, what must be gone it looks for in
a dump of the store, what a turn costs it counts on the wire, and processes that are to die are killed. Each case
states one behaviour in its docstring, and says what to look at when it fails. An author describes the backend to it,
in `tests/conftest.py`: how the store is reached, and what the backend can do.

## Groups

The cases that apply to a backend, and the tests that they make with their parameters. The last column is that of a
repository for a service without records: it has the groups that look at a backend through agents alone.

"""

CAPABILITIES = """\

## Capabilities

What a backend declares. The cases of a declared capability run. Where it is not declared, others make sure that nobody
takes silence for success.

"""

MISTAKES = """\

## Mistakes that it finds

A kit is worth what it finds. `tests/proof/` makes {count} plausible mistakes, each in a few lines of the correct
code, and runs the cases that are there for it; {named} of the {all} cases are named by one. The tests of this
repository fail where such a case passes, where it fails for another reason than the mistake, or where it fails
without it.
"""


@dataclass(frozen=True)
class Group:
    """A group of cases.

    Attributes:
        name: Its class.
        about: What its module is about.
        cases: Its cases, by name, with the ids of their behaviours.
    """

    name: str
    about: str
    cases: dict[str, str]


def groups() -> list[Group]:
    """The groups of the kit, in the order of their letters."""
    found = []
    for path in KIT.glob("*.py"):
        module = ast.parse(re.sub("{==.+?==}", "Correct", for_records(path.read_text(encoding="utf-8"))))
        for part in module.body:
            if isinstance(part, ast.ClassDef) and [getattr(base, "id", "") for base in part.bases] == ["Cases"]:
                cases = {
                    case.name: (ast.get_docstring(case) or "").partition(":")[0]
                    for case in part.body
                    if isinstance(case, ast.FunctionDef) and case.name.startswith("test_")
                }
                own, whole = (" ".join((ast.get_docstring(one) or "").split()) for one in (part, module))
                about = own if ":" in own else whole.partition(". ")[0].removesuffix(".") + "."
                found.append((own.partition(".")[0], Group(part.name, about, cases)))
    return [group for _, group in sorted(found, key=lambda one: (one[0].replace("Groups", "Group"), one[1].about))]


def capabilities() -> dict[str, str]:
    """The capabilities of a backend, with what they mean."""
    module = ast.parse(for_records((KIT / "backend.py").read_text(encoding="utf-8")))
    (backend,) = [part for part in module.body if isinstance(part, ast.ClassDef)]
    found = {}
    for part, following in zip(backend.body, backend.body[1:], strict=False):
        is_flag = isinstance(part, ast.AnnAssign) and getattr(part.annotation, "id", "") in ("bool", "int")
        if is_flag and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            found[part.target.id] = " ".join(str(following.value.value).split())  # type: ignore[attr-defined]
    return {name: text for name, text in found.items() if name not in ("forks", "pool_size")}


def collect(starting_point: str) -> dict[str, Any]:
    """Return the tests of the kit that a backend runs, and what it declares."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        repository, result = Path(temporary) / "repository", Path(temporary) / "collected.json"
        render({"backend": "Correct", "starting_point": starting_point}, repository)
        seem_installed(repository)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        ran = subprocess.run(
            [sys.executable, "-c", COLLECT, str(result), *capabilities()],
            cwd=repository,
            env=environment | {"PYTHONPATH": str(repository / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise SystemExit(ran.stdout + ran.stderr)
        collected: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return collected


def table(*rows: list[str]) -> str:
    """Return a table, of which the first row is the head."""
    head, *body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body]) + "\n"


def document() -> str:
    """Return what the file is to hold."""
    kit, collected = groups(), {name: collect(starting_point) for starting_point, name in BACKENDS.items()}
    rows = [["Group", "What it is about", "Cases", *BACKENDS.values()]]
    totals: dict[str, Counter[str]] = {name: Counter() for name in BACKENDS.values()}
    for group in kit:
        row = [f"`{group.name}`", group.about, str(len(group.cases))]
        for name in BACKENDS.values():
            tests = [test for test in collected[name]["tests"] if test.partition(".")[0] == group.name]
            totals[name].update(cases=len(set(tests)), tests=len(tests))
            row.append(f"{len(set(tests))} ({len(tests)})" if tests else "none")
        rows.append(row)
    every = [f"{total['cases']} ({total['tests']})" for total in totals.values()]
    rows.append(["all", "", str(sum(len(group.cases) for group in kit)), *every])
    text = INTRODUCTION + table(*rows)
    text += CAPABILITIES + table(
        ["Capability", "What it means", *BACKENDS.values()],
        *[
            [f"`{name}`", means, *("yes" if collected[one]["declared"][name] else "no" for one in BACKENDS.values())]
            for name, means in capabilities().items()
        ],
    )
    return text + mistakes({f"{group.name}.{case}": ids for group in kit for case, ids in group.cases.items()})


def mistakes(ids: dict[str, str]) -> str:
    """Return the part about the mistakes, given the ids of the behaviours of each case."""
    sys.path.insert(0, str(PROOF))
    doubles = importlib.import_module("doubles")
    files = sorted(doubles.files(), key=lambda file: list(BACKENDS).index(file.split("_")[1]))
    by_file = {file: doubles.mistakes(file) for file in files}
    named = {case for made in by_file.values() for mistake in made for case in mistake.cases}
    text = MISTAKES.format(count=sum(len(made) for made in by_file.values()), named=len(named), all=len(ids))
    for file, made in by_file.items():
        over = BACKENDS[file.split("_")[1]]
        about = (importlib.import_module(file).__doc__ or "").strip().removesuffix(".").replace("\n", " ")
        text += f"\n### {about}\n\nMade over the code of the {over} repository.\n\n"
        found_by = [", ".join(f"`{case}` ({ids[case]})" for case in mistake.cases) for mistake in made]
        text += table(["Mistake", "Found by"], *[[one.name, cases] for one, cases in zip(made, found_by, strict=True)])
    return text


def main() -> None:
    """Write the file, or check it."""
    text = document()
    is_current = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == text
    if "--check" in sys.argv and not is_current:
        raise SystemExit("docs/kit.md is written, never edited: run nox -s render and commit the result.")
    DOCUMENT.write_text(text, encoding="utf-8", newline="\n")
    print("docs/kit.md is current.")


if __name__ == "__main__":
    main()
