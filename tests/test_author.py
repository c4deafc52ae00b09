"""The life of an author: another datastore, LMDB, in the place of the skeleton's, as CONTRIBUTING.md says.

tests/author/ has the files that such an author wrote.
"""

from __future__ import annotations

import ast
import difflib
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Render, commit
from test_sessions import nox

PACKAGE = "strands_session_lmdb"
YOURS = "    # The lines below are yours: the client of your datastore.\n"
DRIVER = '    "lmdb>=3,<4",\n'
TESTS = f"tests-{sys.version_info.major}.{sys.version_info.minor}"
BATCH = ("write_log", "read_log")
MULTI_AGENTS = ("create_multi_agent", "read_multi_agent", "update_multi_agent", *BATCH)
DELETION = ("delete_session", "list_sessions", "list_agents", *MULTI_AGENTS)
MESSAGES = ("create_message", "read_message", "update_message", "list_messages", *DELETION)
AGENTS = ("create_agent", "read_agent", "update_agent", *MESSAGES)
LATER = {"sessions": AGENTS, "agents": MESSAGES, "messages": DELETION, "deletion": MULTI_AGENTS, "multi_agents": BATCH}


@pytest.fixture(scope="module")
def finished(render: Render) -> Path:
    """A fresh skeleton, the author's files over it, and the driver among its dependencies."""
    repository = render(backend="LMDB")
    for file in sorted((ROOT / "tests/author").rglob("*.py")):
        kind = file.parent.name
        target = repository / (f"src/{PACKAGE}" if kind == "src" else kind) / file.name
        assert target.exists(), f"{file.name} takes the place of nothing"
        shutil.copy2(file, target)
    pyproject = repository / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    assert YOURS in text, "where does an author put the driver?"
    pyproject.write_text(text.replace(YOURS, YOURS + DRIVER), encoding="utf-8")
    commit(repository)
    return repository


def test_no_body_is_left(finished: Path) -> None:
    """What is listed as to be replaced is all that there is to replace."""
    result = nox(finished, "-s", "todo")
    assert result.returncode == 0, result.stdout
    assert "Every body is yours." in result.stdout


def test_bodies_are_few_lines(finished: Path, render: Render) -> None:
    """What an author writes in the place of the stand-in, without docstrings, is what one reads in one go."""
    skeleton, added = render(backend="LMDB"), 0
    for file in (finished / "src" / PACKAGE).iterdir():
        if (ROOT / "tests/author/src" / file.name).exists():
            old, new = code(skeleton / "src" / PACKAGE / file.name), code(file)
            added += sum(line.startswith("+ ") for line in difflib.ndiff(old, new))
    assert 100 < added <= 250


@pytest.mark.proof
def test_the_authors_repository_is_green(finished: Path) -> None:
    """Its own nox runs style, types, and every test: the kit, and those of LMDB."""
    result = nox(finished, "-s", "lint", "types", TESTS, "--", "tests")
    assert result.returncode == 0, result.stdout


@pytest.mark.proof
@pytest.mark.parametrize("kind", LATER)
def test_a_kind_needs_no_later_one(kind: str, finished: Path, render: Render) -> None:
    """What CONTRIBUTING.md promises: its part of the kit is green while the later bodies are not there yet."""
    halfway = render(backend="LMDB")
    shutil.copytree(finished, halfway, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git", ".nox"))
    file = halfway / "src" / PACKAGE / "repository.py"
    lines = file.read_text(encoding="utf-8").splitlines()
    for node in reversed(list(ast.walk(ast.parse("\n".join(lines))))):
        if isinstance(node, ast.FunctionDef) and node.name in LATER[kind]:
            lines[node.body[1].lineno - 1 : node.end_lineno] = ["        raise NotImplementedError"]
    file.write_text("\n".join(lines), encoding="utf-8")
    result = nox(halfway, "-s", TESTS, "--", "tests/test_conformance.py", "-m", kind)
    assert result.returncode == 0, result.stdout


def code(file: Path) -> list[str]:
    """The lines of a module but for docstrings, comments and blank ones."""
    text = file.read_text(encoding="utf-8")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented) and ast.get_docstring(node)]
    docstrings = {n for node in nodes for n in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)}
    numbered = enumerate(text.splitlines(), 1)
    return [line for number, line in numbered if number not in docstrings and line.strip() and line.lstrip()[0] != "#"]
