"""`copier update` brings what the template changed, to each file as its owner expects it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import copier
import pytest
from conftest import ROOT, Render, commit, git
from lives import (
    AUTHORS_FILES,
    CI,
    CONTESTED_EDITS,
    DELETED_BY_AUTHOR,
    PACKAGE,
    Edit,
    append,
    conflicts,
    evolve,
    go_back,
    live,
    lost,
    new_pin,
    sources,
    start,
    update,
)

Spoil = Callable[[Path], None]
# The newest ones; none before the first.
RELEASES = git(ROOT, "tag", "--list", "v*", "--sort=-version:refname").split()[:3]


def read(repository: Path, name: str) -> str:
    """The text of a file."""
    return (repository / name).read_text(encoding="utf-8")


def run_nox(repository: Path) -> None:
    """Run a fast part of a repository's own nox."""
    no_environment = {"UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "VIRTUAL_ENV", "NOXSESSION", "NOXPYTHON"}
    environment = {name: value for name, value in os.environ.items() if name not in no_environment}
    sessions = ["lint", "types", f"tests-{sys.version_info.major}.{sys.version_info.minor}"]
    command = [sys.executable, "-m", "nox", "-s", *sessions, "--", "-n", "0", "-m", "sessions"]
    ran = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def evolved(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with two releases; in the second, it changed or lost files of every owner."""
    evolved = tmp_path_factory.mktemp("evolved") / "template"
    shutil.copytree(template, evolved)
    evolve(evolved)
    commit(evolved, tag="v2.0.0")
    return evolved


@pytest.fixture(scope="module")
def updated(evolved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that was rendered from the first release, lived, and was updated to the second."""
    folder = start(evolved, tmp_path_factory.mktemp("life"), "v1.0.0")
    live(folder)
    new_pin(folder / CI, "actions/upload-artifact", 8)  # as the template does
    commit(folder)
    update(folder)
    return folder


@pytest.fixture(scope="module")
def contested(evolved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of which the author also changed lines that the template changed, and took the name of its new file."""
    folder = start(evolved, tmp_path_factory.mktemp("contested"), "v1.0.0")
    live(folder, CONTESTED_EDITS)
    new_pin(folder / CI, "actions/upload-artifact", 9)
    append(folder / PACKAGE / "_new.py", '"""Ours, before there was another."""\n')
    commit(folder)
    update(folder)
    return folder


def test_nothing_is_lost(updated: Path) -> None:
    """All that the author did is there, once, and not one byte of their own files differs from what they committed."""
    assert lost(updated) == []


def test_no_conflict_is_left(updated: Path) -> None:
    """Git knows of no conflict, and no file holds a trace of one."""
    assert conflicts(updated) == set()


def test_the_templates_files_are_replaced(updated: Path) -> None:
    """A file that the author left alone is the new one; new files come, and those that the template deleted go."""
    assert read(updated, f"{PACKAGE}/_executor.py").endswith("\nMENDED_IN_V2 = True\n")
    assert (updated / PACKAGE / "_new.py").exists()
    assert not (updated / "examples/chat.py").exists()


def test_shared_files_are_merged(updated: Path) -> None:
    """The template's changes are in the files that the author changed, too."""
    pyproject = read(updated, "pyproject.toml")
    for line in ("strands-agents>=1.61,<2", "typing-extensions>=4.13,<5", "zizmor>=1.20,<2", "Python :: 3.15"):
        assert pyproject.count(line) == 1
    assert pyproject.count('"strands-agents>=') == 1
    assert read(updated, "README.md").endswith("\nNew in v2.\n")
    assert "in v2" in read(updated, "noxfile.py")
    assert '"""Return, in v2, whether the session' in read(updated, f"{PACKAGE}/session_manager.py")


def test_actions_are_pinned_anew(updated: Path) -> None:
    """Beside the author's step, and where the author had pinned the same version already."""
    ci = read(updated, CI)
    assert set(re.findall(r"actions/checkout@(\S+ # \S+)", ci)) == {f"{'8' * 40} # v8.0.0"}
    assert re.findall(r"actions/upload-artifact@(\S+ # \S+)", ci) == [f"{'8' * 40} # v8.0.0"]


@pytest.mark.parametrize("name", AUTHORS_FILES)
def test_the_authors_files_stay(name: str, updated: Path) -> None:
    """Whether the template changed, renamed or deleted its own: not one byte differs from what was committed."""
    assert git(updated, "status", "--porcelain", "--", name) == ""
    assert read(updated, name).endswith("OURS = True\n")


@pytest.mark.parametrize("name", DELETED_BY_AUTHOR)
def test_what_the_author_deleted_stays_deleted(name: str, updated: Path) -> None:
    """Whether the template changed it meanwhile or not."""
    assert not (updated / name).exists()


@pytest.mark.proof
def test_its_own_nox_is_green(updated: Path) -> None:
    """Style, types and a part of the tests of the updated repository."""
    run_nox(updated)


def test_a_service_without_records(template: Path, tmp_path: Path) -> None:
    """There the session manager is the author's as well. What surrounds it is the template's, and is replaced."""
    evolved = tmp_path / "template"
    shutil.copytree(template, evolved)
    own, package = evolved / "backends/lifecycle", evolved / "template/src/strands_session_{== slug ==}"
    theirs = ["session_manager.py", "events.py"]
    for path in [*(own / "src" / name for name in [*theirs, "_journal.py"]), package / "_hooks.py"]:
        append(path, "\n\nV2 = True\n")
    append(own / "tests/conftest.py", "\n\nV2 = True\n")
    (own / "tests/test_events.py").unlink()
    commit(evolved, tag="v2.0.0")
    folder = start(evolved, tmp_path, "v1.0.0", starting_point="lifecycle")
    authors = [*(f"{PACKAGE}/{name}" for name in theirs), "tests/conftest.py", "tests/test_events.py"]
    for name in authors:
        append(folder / name, "\n\nOURS = True\n")
    (folder / DELETED_BY_AUTHOR[0]).unlink()
    commit(folder)

    update(folder)

    assert conflicts(folder) == set()
    assert git(folder, "status", "--porcelain", "--", *authors) == ""
    assert [name for name in authors if not read(folder, name).endswith("OURS = True\n")] == []
    for name in ("_journal.py", "_hooks.py"):
        assert read(folder, f"{PACKAGE}/{name}").endswith("V2 = True\n")
    assert not (folder / DELETED_BY_AUTHOR[0]).exists()
    copier.run_recopy(folder, defaults=True, overwrite=True, quiet=True)
    assert git(folder, "status", "--porcelain", "--", *authors) == ""


def test_what_both_changed_is_a_conflict(contested: Path) -> None:
    """Each of these files has one conflict, with both sides in it, and no other file has any."""
    both = {
        CI: (f"upload-artifact@{'9' * 40}", f"upload-artifact@{'8' * 40}"),
        "noxfile.py": ("Check ours", "Check in v2"),
        f"{PACKAGE}/session_manager.py": ("we say", "in v2"),
        f"{PACKAGE}/_new.py": ("Ours, before", "New in v2"),
    }
    assert conflicts(contested) == set(both)
    for name, (ours, theirs) in both.items():
        found = re.findall(r"^<{7} .*?\n(.*?)^={7}\n(.*?)^>{7} ", read(contested, name), re.DOTALL | re.MULTILINE)
        assert len(found) == 1, name
        assert ours in found[0][0], name
        assert theirs in found[0][1], name


def test_a_conflict_loses_nothing(contested: Path) -> None:
    """What the author did is there, in the files with a conflict as well."""
    assert lost(contested, CONTESTED_EDITS) == []


def spoil_the_list(template: Path) -> None:
    """Let updates see repository.py."""
    Edit("", "    !/src/*/session_manager.py\n", "    !/src/*/session_manager.py\n    !/src/*/repository.py\n").make(
        template / "copier.yml"
    )
    Edit("", '  - "!/src/*/errors.py"\n', '  - "!/src/*/errors.py"\n  - "!/src/*/repository.py"\n').make(
        template / "copier.yml"
    )


def spoil_the_comments(template: Path) -> None:
    """Let the template's dependencies and the author's stand side by side."""
    path = sources(template, "pyproject.toml")
    path.write_text(re.sub(r"    # The lines (above|below) are .*\n", "", path.read_text()))


def spoil_a_name(template: Path) -> None:
    """Rename a file that an author may have changed."""
    path = sources(template, f"{PACKAGE}/session_manager.py")
    path.rename(path.with_name("_manager.py"))


def spoil_nothing(template: Path) -> None:
    """Leave the template as it is: the tests above show that then nothing is lost or torn."""


@pytest.mark.proof
@pytest.mark.parametrize(
    ("before", "later", "is_lost", "torn"),
    [
        pytest.param(spoil_the_list, spoil_nothing, True, {f"{PACKAGE}/repository.py"}, id="repository.py unprotected"),
        pytest.param(spoil_nothing, spoil_a_name, True, set(), id="a file renamed"),
        pytest.param(spoil_the_comments, spoil_nothing, False, {"pyproject.toml"}, id="no comment lines"),
    ],
)
def test_a_careless_template_is_noticed(
    before: Spoil, later: Spoil, is_lost: bool, torn: set[str], template: Path, tmp_path: Path
) -> None:
    """Each of these mistakes makes an update lose something or tear a file, as the tests above look for it."""
    careless = tmp_path / "template"
    shutil.copytree(template, careless)
    before(careless)
    commit(careless, tag="v1.1.0")
    evolve(careless)
    later(careless)
    commit(careless, tag="v2.0.0")
    folder = start(careless, tmp_path, "v1.1.0")
    live(folder)
    update(folder)
    assert (bool(lost(folder)), conflicts(folder)) == (is_lost, torn)


@pytest.mark.parametrize("tag", RELEASES)
def test_from_a_release(tag: str, template: Path, tmp_path: Path) -> None:
    """A repository of a release of this template comes to what it is now.

    A conflict can be only where the author changed what the template is the owner of.
    """
    folder = start(go_back(template, tag, tmp_path / "template"), tmp_path, tag)
    live(folder)
    update(folder)
    assert lost(folder) == []
    assert conflicts(folder) <= {f"{PACKAGE}/session_manager.py"}
    if tag == RELEASES[0] and not conflicts(folder):
        run_nox(folder)


def test_the_answers_name_the_new_release(updated: Path) -> None:
    """The next update starts from here."""
    assert "_commit: v2.0.0" in read(updated, ".copier-answers.yml")


def test_an_update_cannot_rename_the_package(render: Render) -> None:
    """The author's files stand under the old name, so another slug is refused and nothing changes."""
    folder = render()
    commit(folder)
    with pytest.raises(ValueError, match="A repository keeps its name"):
        copier.run_update(folder, {"slug": "scylla"}, defaults=True, overwrite=True, quiet=True)
    assert git(folder, "status", "--porcelain") == ""


def test_a_new_display_name_renames_nothing(render: Render) -> None:
    """The names in code derive from the datastore's name once, at the copy."""
    folder = render()
    commit(folder)
    copier.run_update(folder, {"backend": "ScyllaDB"}, defaults=True, overwrite=True, quiet=True)
    assert "slug: cassandra\n" in read(folder, ".copier-answers.yml")
    assert "class_prefix: Cassandra\n" in read(folder, ".copier-answers.yml")
    assert [path.name for path in (folder / "src").iterdir()] == ["strands_session_cassandra"]


def test_recopy_leaves_the_authors_files(render: Render) -> None:
    """`copier recopy` renders everything anew but them."""
    folder = render()
    for name in [*AUTHORS_FILES, "README.md"]:
        (folder / name).write_text("ours")
    copier.run_recopy(folder, defaults=True, overwrite=True, quiet=True)
    assert [read(folder, name) for name in AUTHORS_FILES] == ["ours"] * len(AUTHORS_FILES)
    assert read(folder, "README.md") != "ours"
