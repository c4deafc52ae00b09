"""`copier update` brings what the template changed, to each file as its owner expects it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import copier
import pytest
from conftest import Render, commit, git

PACKAGE = "src/strands_session_cassandra"
AUTHORS_FILES = [
    f"{PACKAGE}/connection.py",
    f"{PACKAGE}/repository.py",
    "tests/conftest.py",
    "tests/test_conformance.py",
    "tests/test_repository.py",
    "tests/test_ours.py",
]
CHANGED_LINE = '    "strands-agents>=1.58,<2",\n'


def change(path: Path, old: str, new: str) -> None:
    """Replace a piece of text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} no longer has {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def append(path: Path, text: str) -> None:
    """Add to the end of a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def sources(template: Path, name: str) -> Path:
    """The file that renders to a file of a repository: one of the template, or else of the starting point."""
    common = template / "template" / name.replace("cassandra", "{== slug ==}")
    own = template / "backends/skeleton" / name.replace(PACKAGE, "src")
    return own if name in AUTHORS_FILES else common


@pytest.fixture(scope="module")
def evolved(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with two releases; in the second, it changed or lost files of every owner."""
    evolved = tmp_path_factory.mktemp("evolved") / "template"
    shutil.copytree(template, evolved)
    append(sources(evolved, f"{PACKAGE}/_executor.py"), "# mended in v2\n")
    sources(evolved, f"{PACKAGE}/_new.py").write_text('"""New in v2."""\n')
    change(sources(evolved, "pyproject.toml"), CHANGED_LINE, CHANGED_LINE.replace("1.58", "1.61"))
    change(sources(evolved, "noxfile.py"), '"""Check style and formatting', '"""Check in v2 style and formatting')
    append(sources(evolved, "README.md"), "\nNew in v2.\n")
    # Of its own versions of the author's files it changes some, renames one and deletes the others.
    append(sources(evolved, f"{PACKAGE}/repository.py"), "V2 = True\n")
    append(sources(evolved, "tests/conftest.py"), "V2 = True\n")
    conformance = sources(evolved, "tests/test_conformance.py")
    conformance.rename(conformance.with_name("test_kit.py"))
    conformance.with_name("test_ours.py").write_text('"""The template takes a name that the author has taken."""\n')
    sources(evolved, "tests/test_repository.py").unlink()
    sources(evolved, f"{PACKAGE}/connection.py").unlink()
    commit(evolved, tag="v2.0.0")
    return evolved


@pytest.fixture(scope="module")
def updated(evolved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that was rendered from the first release, lived, and was updated to the second."""
    folder = tmp_path_factory.mktemp("life") / "strands-session-cassandra"
    copier.run_copy(str(evolved), folder, {"backend": "Cassandra"}, defaults=True, quiet=True, vcs_ref="v1.0.0")
    commit(folder)
    for name in AUTHORS_FILES:  # of which they wrote one themselves
        append(folder / name, "\nOURS = True\n")
    yours = "    # The lines below are yours: the client of your datastore.\n"
    change(folder / "pyproject.toml", yours, yours + '    "cassandra-driver>=3.29,<4",\n')
    change(folder / "pyproject.toml", "4 - Beta", "5 - Production/Stable")
    change(folder / "CHANGELOG.md", "## 0.1.0", "## 1.3.0\n\n- Ours.\n\n## 0.1.0")
    change(folder / "README.md", "\n## Install\n", "\nOurs.\n\n## Install\n")
    change(folder / f"{PACKAGE}/__init__.py", "__all__", "OURS = True\n\n__all__")
    commit(folder)
    copier.run_update(folder, defaults=True, overwrite=True, quiet=True)
    return folder


def read(repository: Path, name: str) -> str:
    """The text of a file."""
    return (repository / name).read_text(encoding="utf-8")


def test_no_conflict_is_left(updated: Path) -> None:
    """Git knows of no conflict, and no file holds a trace of one."""
    assert git(updated, "ls-files", "--unmerged") == ""
    for path in updated.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            assert path.suffix != ".rej"
            assert not re.search(r"^(<{7}|>{7}) ", path.read_text(encoding="utf-8"), re.MULTILINE), path


def test_the_templates_files_are_replaced(updated: Path) -> None:
    """A file that the author left alone is the new one; new files come."""
    assert read(updated, f"{PACKAGE}/_executor.py").endswith("# mended in v2\n")
    assert (updated / PACKAGE / "_new.py").exists()


def test_shared_files_are_merged(updated: Path) -> None:
    """Both sides' changes are in the file."""
    pyproject, readme = read(updated, "pyproject.toml"), read(updated, "README.md")
    assert '"strands-agents>=1.61,<2"' in pyproject
    assert "5 - Production/Stable" in pyproject
    assert readme.endswith("\nNew in v2.\n")
    assert "\nOurs.\n" in readme
    assert "in v2" in read(updated, "noxfile.py")
    assert "- Ours." in read(updated, "CHANGELOG.md")
    assert "OURS = True" in read(updated, f"{PACKAGE}/__init__.py")


def test_the_authors_dependency_survives(updated: Path) -> None:
    """The template raised a bound in the list that the author added to; both lines are there, once."""
    assert read(updated, "pyproject.toml").count('"cassandra-driver>=3.29,<4",\n') == 1
    assert read(updated, "pyproject.toml").count('"strands-agents>=') == 1


@pytest.mark.parametrize("name", AUTHORS_FILES)
def test_the_authors_files_stay(name: str, updated: Path) -> None:
    """Whether the template changed, renamed or deleted its own: not one byte differs from what was committed."""
    assert git(updated, "status", "--porcelain", "--", name) == ""
    assert read(updated, name).endswith("\nOURS = True\n")


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
