"""The sessions of a rendered repository's noxfile that guard a release."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Render, commit, git

MISSPELT = "".join(["recie", "ve"])  # in two, or it is found here
PLACE = """
from pathlib import Path
from conformance.package import package
def test_place():
    raise AssertionError(f"in {Path(package.__file__).parent.parent.name}")
"""


@pytest.fixture
def repository(render: Render) -> Path:
    """A repository of one's own to change."""
    return render()


@pytest.fixture
def finished(repository: Path) -> Path:
    """One in which every body was replaced, and every text rewritten; and committed."""
    rewrite(repository, "TODO(backend):")
    rewrite(repository, "TODO(text):")
    commit(repository)
    return repository


def add_to_changelog(repository: Path, heading: str, text: str = "- Ours.") -> None:
    """Put an entry before all others, and commit it."""
    changelog = repository / "CHANGELOG.md"
    before, first, after = changelog.read_text(encoding="utf-8").partition("## 0.1.0")
    changelog.write_text(f"{before}## {heading}\n\n{text}\n\n{first}{after}", encoding="utf-8")
    commit(repository)


def rewrite(repository: Path, mark: str) -> None:
    """Replace all that carries a mark."""
    for path in [*repository.glob("src/*/*.py"), *repository.glob("tests/*.py"), *repository.glob("*.md")]:
        path.write_text(path.read_text(encoding="utf-8").replace(mark, "Done:"), encoding="utf-8")


def nox(repository: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run nox there; what it logs is in stdout as well."""
    return subprocess.run(
        [sys.executable, "-m", "nox", *arguments],
        cwd=repository,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
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
    assert f"Bodies left to replace: {len(listed)}." in result.stdout
    assert re.search(r"^SECURITY\.md:\d+: what your datastore keeps", result.stdout, re.M)


def test_todo_lists_the_bodies_of_a_service_without_records(render: Render) -> None:
    """At most 8 of the package, in the two files that are the author's."""
    result = nox(render(starting_point="lifecycle"), "-s", "todo")
    listed = re.findall(r"^src/\w+/(\w+\.py):\d+: .+$", result.stdout, re.M)
    assert {file: listed.count(file) for file in listed} == {"events.py": 2, "session_manager.py": 6}


def test_todo_ends(finished: Path) -> None:
    """When all is done, it says so."""
    result = nox(finished, "-s", "todo")
    assert "Every body is yours." in result.stdout
    assert "Every text is yours." in result.stdout


def test_release_is_refused_while_a_body_is_the_templates(repository: Path) -> None:
    """One is enough, and the reason says how to see which."""
    result = nox(repository, "-s", "release_check")
    assert result.returncode != 0
    assert re.search(r"\d+ bodies or texts are still the template's: `uvx nox -s todo` lists them", result.stdout)


def test_release_is_refused_while_a_text_is_the_templates(repository: Path) -> None:
    """What the README and SECURITY.md say of SQLite is false for another datastore."""
    rewrite(repository, "TODO(backend):")
    result = nox(repository, "-s", "release_check")
    assert result.returncode != 0
    assert "texts are still the template's" in result.stdout


@pytest.mark.parametrize("tag", ["0.1.0", "v0.1", "v0.1.0-rc1", "v0.1.0.dev1", "release-0.1.0", "v0.1.0+ours"])
def test_release_is_refused_for_an_odd_tag(tag: str, finished: Path) -> None:
    """A tag is v and a version of three numbers, and may say that it comes before the release."""
    add_to_changelog(finished, tag.removeprefix("v"))
    result = nox(finished, "-s", "release_check", "--", tag)
    assert result.returncode != 0
    assert f"the tag is {tag}: it has to look like v1.2.3, or v1.2.3rc1" in result.stdout


def test_release_is_refused_without_an_entry_in_the_changelog(finished: Path) -> None:
    """Users learn what a release brings."""
    result = nox(finished, "-s", "release_check", "--", "v0.2.0")
    assert result.returncode != 0
    assert "CHANGELOG.md has no entry for 0.2.0" in result.stdout
    add_to_changelog(finished, "0.2.0", text="")
    assert "CHANGELOG.md has no entry for 0.2.0" in nox(finished, "-s", "release_check", "--", "v0.2.0").stdout


def test_release_is_refused_while_something_is_not_committed(finished: Path) -> None:
    """The tag would not hold it. Nor is there a tag where there is no commit."""
    (finished / "src/strands_session_cassandra/ours.py").write_text('"""Ours."""\n', encoding="utf-8")
    result = nox(finished, "-s", "release_check", "--", "v0.1.0")
    assert result.returncode != 0
    assert "not all is committed" in result.stdout


def test_release_is_refused_where_there_is_no_git(repository: Path) -> None:
    """What was never committed has no tag."""
    assert "not all is committed" in nox(repository, "-s", "release_check", "--", "v0.1.0").stdout


def test_release_is_refused_for_a_version_that_was_released(finished: Path) -> None:
    """The tag is that of another commit; without an entry of its own, a release has no version."""
    git(finished, "tag", "v0.1.0")
    git(finished, "commit", "--quiet", "--allow-empty", "--message", "later")
    for arguments in ([], ["--", "v0.1.0"]):
        result = nox(finished, "-s", "release_check", *arguments)
        assert result.returncode != 0
        assert "v0.1.0 is the tag of another commit" in result.stdout


def test_release_is_allowed_when_all_is_done(finished: Path) -> None:
    """Before there is a tag, as the author asks, and with it, as the release workflow does. The tag is the version."""
    result = nox(finished, "-s", "release_check")
    assert result.returncode == 0, result.stdout
    assert "0.1.0 is ready to release" in result.stdout
    assert {path.name for path in (finished / "dist").iterdir()} == {
        "strands_session_cassandra-0.1.0-py3-none-any.whl",
        "strands_session_cassandra-0.1.0.tar.gz",
    }
    add_to_changelog(finished, "0.2.0rc1")
    git(finished, "tag", "v0.2.0rc1")
    result = nox(finished, "-s", "release_check", "--", "v0.2.0rc1")
    assert result.returncode == 0, result.stdout
    assert (finished / "dist/strands_session_cassandra-0.2.0rc1-py3-none-any.whl").exists()


def test_notes_are_the_entry(finished: Path) -> None:
    """Nothing but what stands under the version, on standard output, for the text of the release."""
    add_to_changelog(finished, "0.2.0", text="- One.\n\n### Changed\n\n- Two.")
    for tag in (["--", "v0.2.0"], []):
        command = [sys.executable, "-m", "nox", "-s", "notes", *tag]
        result = subprocess.run(command, cwd=finished, capture_output=True, text=True, check=True)
        assert result.stdout == "- One.\n\n### Changed\n\n- Two.\n"
    result = nox(finished, "-s", "notes", "--", "v0.3.0")
    assert result.returncode != 0
    assert "CHANGELOG.md says nothing of 0.3.0" in result.stdout


@pytest.mark.proof
def test_tests_run_on_the_wheel(repository: Path) -> None:
    """With TEST_DIST it is the wheel that is tested, whatever the files say; without a wheel there, it is an error."""
    python = f"tests-{sys.version_info.major}.{sys.version_info.minor}"
    (repository / "tests/test_place.py").write_text(PLACE, encoding="utf-8")
    run = functools.partial(nox, repository, "-s", python, "--", "-n0", "tests/test_place.py")
    assert "is no folder with one wheel" in run(TEST_DIST="dist").stdout
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--wheel"], cwd=repository, check=True)
    assert "in src" in run().stdout
    assert "in site-packages" in run(TEST_DIST="dist").stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("README.md", "# strands", f"# They {MISSPELT} strands", "==> receive"),
        ("pyproject.toml", "Topic :: Database", "Topic :: Databases", "trove-classifier"),
        (".github/workflows/weekly.yml", "persist-credentials: false", "fetch-depth: 0", "artipacked"),
        (".github/workflows/ci.yml", "timeout-minutes: 10", "time-out: 10", "time-out"),
        (".github/dependabot.yml", "interval: monthly", "interval: hourly", "interval"),
        (".github/ISSUE_TEMPLATE/bug.yml", "type: textarea", "type: text", "Schema validation errors"),
        (".github/ISSUE_TEMPLATE/config.yml", "blank_issues_enabled: true", "blank_issues_enabled: 1", "boolean"),
    ],
)
def test_checks_find_mistakes(file: str, old: str, new: str, found: str, repository: Path) -> None:
    """A word, a classifier, a workflow that is unsafe, and files in another form than GitHub reads."""
    path = repository / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    result = nox(repository, "-s", "checks")
    assert result.returncode != 0
    assert found in result.stdout
