"""The sessions of a rendered repository's noxfile that guard a release."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Render


@pytest.fixture
def repository(render: Render) -> Path:
    """A repository of one's own to change."""
    return render()


@pytest.fixture
def finished(repository: Path) -> Path:
    """One in which every body was replaced, and every text rewritten."""
    rewrite(repository, "TODO(backend):")
    rewrite(repository, "TODO(text):")
    return repository


def rewrite(repository: Path, mark: str) -> None:
    """Replace all that carries a mark."""
    for path in [*repository.glob("src/*/*.py"), *repository.glob("tests/*.py"), *repository.glob("*.md")]:
        path.write_text(path.read_text(encoding="utf-8").replace(mark, "Done:"), encoding="utf-8")


def nox(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run nox there; what it logs is in stdout as well."""
    command = [sys.executable, "-m", "nox", *arguments]
    return subprocess.run(
        command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def test_todo_lists_the_bodies_to_replace(repository: Path) -> None:
    """At most 24, each with its place and what to do in a few words."""
    result = nox(repository, "-s", "todo")
    assert result.returncode == 0
    listed = re.findall(r"^(\S+\.py):(\d+): (.+)$", result.stdout, re.M)
    assert 0 < len(listed) <= 24
    for file, line, task in listed:
        assert task in (repository / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert task.endswith(".")
    assert f"{len(listed)} bodies left to replace." in result.stdout
    assert re.search(r"^SECURITY\.md:\d+: what your datastore keeps", result.stdout, re.M)


def test_todo_ends(finished: Path) -> None:
    """When all is done, it says so."""
    result = nox(finished, "-s", "todo")
    assert "Every body is yours." in result.stdout
    assert "Every text is yours." in result.stdout


def test_release_is_refused_while_a_body_is_the_templates(repository: Path) -> None:
    """One is enough, and the reason says how to see which."""
    result = nox(repository, "-s", "release_check")
    assert result.returncode != 0
    assert re.search(r"\d+ bodies or texts are still the template's: `nox -s todo` lists them", result.stdout)


def test_release_is_refused_while_a_text_is_the_templates(repository: Path) -> None:
    """What the README and SECURITY.md say of SQLite is false for another datastore."""
    rewrite(repository, "TODO(backend):")
    result = nox(repository, "-s", "release_check")
    assert result.returncode != 0
    assert "texts are still the template's" in result.stdout


def test_release_is_refused_for_another_tag(finished: Path) -> None:
    """The tag and the version must agree."""
    result = nox(finished, "-s", "release_check", "--", "v0.2.0")
    assert result.returncode != 0
    assert "the tag is v0.2.0, the version in pyproject.toml 0.1.0" in result.stdout


def test_release_is_refused_without_an_entry_in_the_changelog(finished: Path) -> None:
    """Users learn what a release brings."""
    changelog = finished / "CHANGELOG.md"
    changelog.write_text(changelog.read_text(encoding="utf-8").replace("## 0.1.0", "## 0.0.9"), encoding="utf-8")
    result = nox(finished, "-s", "release_check")
    assert result.returncode != 0
    assert "CHANGELOG.md has no entry for 0.1.0" in result.stdout


def test_release_is_allowed_when_all_is_done(finished: Path) -> None:
    """With the version's tag, as the release workflow calls it."""
    result = nox(finished, "-s", "release_check", "--", "v0.1.0")
    assert result.returncode == 0, result.stdout
    assert "0.1.0 is ready to release" in result.stdout
