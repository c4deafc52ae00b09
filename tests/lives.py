"""A repository's life: what its author does to it, what the template does meanwhile, and what an update leaves."""

from __future__ import annotations

import glob
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import copier
from conftest import ROOT, commit, git

PACKAGE = "src/strands_session_cassandra"
CI = ".github/workflows/ci.yml"
FORMS = ".github/ISSUE_TEMPLATE"
AUTHORS_FILES = [  # the template has another version of all but the last two
    f"{PACKAGE}/connection.py",
    f"{PACKAGE}/repository.py",
    "tests/conftest.py",
    "tests/test_conformance.py",
    "tests/test_repository.py",
    "tests/test_ours.py",
    f"{PACKAGE}/_ours.py",
    "examples/ours.py",  # in a folder of which the template deletes all that it had there
]
DELETED_BY_AUTHOR = [f"{FORMS}/bug.yml", f"{FORMS}/idea.yml", "tests/test_faults.py"]
OURS = "\n\nOURS = True\n"


@dataclass(frozen=True)
class Edit:
    """A change of a piece of text that must be there.

    Attributes:
        file: The file, as it is named in a repository.
        old: The text.
        new: What takes its place.
        mark: The part of it that nothing else in the file says: it must be there for ever.
    """

    file: str
    old: str
    new: str
    mark: str = ""

    def make(self, path: Path) -> None:
        """Make the change."""
        text = path.read_text(encoding="utf-8")
        assert self.old in text, f"{path} no longer has {self.old!r}"
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


# What an author changes in files that are not theirs alone, where nobody else has a reason to.
AUTHORS_EDITS = [
    Edit(
        "pyproject.toml",
        "\n]\n\n[project.optional-dependencies]",
        '\n    "httpx>=0.27,<1",\n]\n\n[project.optional-dependencies]',
        '"httpx>=0.27,<1",\n',
    ),
    Edit("pyproject.toml", "4 - Beta", "5 - Production/Stable", "5 - Production/Stable"),
    Edit(
        "pyproject.toml",
        '    "Topic :: Database",\n',
        '    "Topic :: Database",\n    "Topic :: Database :: Front-Ends",\n',
        '"Topic :: Database :: Front-Ends"',
    ),
    Edit(
        "pyproject.toml",
        "]\n\n[tool.hatch.version]",
        ']\nhandbook = ["mkdocs>=1.6,<2"]\n\n[tool.hatch.version]',
        'handbook = ["mkdocs',
    ),
    Edit("CHANGELOG.md", "## 0.1.0", "## 1.3.0\n\n- Ours.\n\n## 0.1.0", "- Ours."),
    Edit("README.md", "\n## Install\n", "\nOurs.\n\n## Install\n", "\nOurs.\n"),
    Edit(f"{PACKAGE}/__init__.py", "__all__", "OURS = True\n\n__all__", "OURS = True"),
    Edit(
        f"{PACKAGE}/session_manager.py",
        "        self._saver(agent).save(agent, everything=True)\n\n    def initialize_multi_agent",
        '        logger.debug("agent_id=<%s> | ours", agent.agent_id)\n'
        "        self._saver(agent).save(agent, everything=True)\n\n    def initialize_multi_agent",
        "| ours",
    ),
    Edit(  # beside a pin that the template changes
        CI,
        "          fetch-depth: 0 # the version is that of the last tag\n          persist-credentials: false\n",
        "          fetch-depth: 0 # the version is that of the last tag\n          persist-credentials: false\n"
        "      - run: git log -1 # ours\n",
        "      - run: git log -1 # ours\n",
    ),
]
# Lines that the template changes as well, and otherwise.
CONTESTED_EDITS = [
    Edit(
        f"{PACKAGE}/session_manager.py",
        '"""Return whether the session',
        '"""Return, we say, whether the session',
        "we say",
    ),
    Edit("noxfile.py", '"""Check style and formatting', '"""Check ours, style and formatting', "Check ours"),
]


def new_pin(path: Path, action: str, version: int) -> None:
    """Give an action another pin wherever a workflow uses it."""
    text = path.read_text(encoding="utf-8")
    pinned, count = re.subn(rf"({action})@\S+ # \S+", rf"\1@{str(version) * 40} # v{version}.0.0", text)
    assert count, f"{path} no longer uses {action}"
    path.write_text(pinned, encoding="utf-8")


def append(path: Path, text: str) -> None:
    """Add to the end of a file, which may be new."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def start(template: Path, folder: Path, ref: str, **answers: str) -> Path:
    """Render a repository as of a release, and commit it."""
    repository = folder / "strands-session-cassandra"
    data = {"backend": "Cassandra"} | answers
    copier.run_copy(str(template), repository, data, defaults=True, quiet=True, vcs_ref=ref)
    commit(repository)
    return repository


def live(repository: Path, edits: Iterable[Edit] = ()) -> None:
    """Do to a repository what an author does to theirs, and commit it."""
    for name in AUTHORS_FILES:  # of which they wrote some themselves
        append(repository / name, OURS if (repository / name).exists() else f'"""Ours."""{OURS}')
    for name in DELETED_BY_AUTHOR:
        (repository / name).unlink()
    for edit in [*AUTHORS_EDITS, *edits]:
        edit.make(repository / edit.file)
    commit(repository)


def update(repository: Path) -> None:
    """Update a repository to the newest release, as `copier update --defaults` does."""
    copier.run_update(repository, defaults=True, overwrite=True, quiet=True)


def lost(repository: Path, edits: Iterable[Edit] = ()) -> list[str]:
    """Tell what is no longer there of that which an author did to a repository."""
    changed = [name for name in AUTHORS_FILES if git(repository, "status", "--porcelain", "--", name)]
    changed += [name for name in DELETED_BY_AUTHOR if (repository / name).exists()]
    for edit in [*AUTHORS_EDITS, *edits]:
        path = repository / edit.file
        if not path.exists() or path.read_text(encoding="utf-8").count(edit.mark) != 1:
            changed.append(f"{edit.file}: {edit.mark!r}")
    return changed


def conflicts(repository: Path) -> set[str]:
    """Name the files that Git holds for unmerged, that have the marks of a conflict, or that are the rest of one."""
    found = {line.split("\t")[1] for line in git(repository, "ls-files", "--unmerged").splitlines()}
    for path in repository.rglob("*"):
        if path.is_file() and not {".git", ".nox"}.intersection(path.parts):
            text = path.read_text(encoding="utf-8", errors="replace")
            if path.suffix == ".rej" or re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE):
                found.add(path.relative_to(repository).as_posix())
    return found


def sources(template: Path, name: str) -> Path:
    """The file that renders to a file of a repository: one of the template, or else of the starting point."""
    common = template / "template" / name.replace("cassandra", "{== slug ==}")
    if not common.exists():  # some repositories do not get it
        common = next(common.parent.glob(f"{{%% if *%%}}{glob.escape(common.name)}{{%% endif %%}}"), common)
    own = template / "backends/skeleton" / name.replace(PACKAGE, "src")
    return own if name in AUTHORS_FILES[:-2] else common


def evolve(template: Path) -> None:
    """Make a later version of the template: it changes, renames or deletes files of every owner."""

    def source(name: str) -> Path:
        return sources(template, name)

    append(source(f"{PACKAGE}/_executor.py"), "\n\nMENDED_IN_V2 = True\n")
    source(f"{PACKAGE}/_new.py").write_text('"""New in v2."""\n')
    append(source("README.md"), "\nNew in v2.\n")
    append(source(f"{FORMS}/bug.yml"), "# changed in v2\n")
    source("examples/chat.py").unlink()
    for edit in [
        Edit("pyproject.toml", '"strands-agents>=1.58,<2"', '"strands-agents>=1.61,<2"'),
        Edit("pyproject.toml", '"typing-extensions>=4.12,<5"', '"typing-extensions>=4.13,<5"'),
        Edit("pyproject.toml", '"zizmor>=1.16,<2"', '"zizmor>=1.20,<2"'),
        Edit("pyproject.toml", "| int, 15) %%}", "| int, 16) %%}"),
        Edit("noxfile.py", '"""Check style and formatting', '"""Check in v2 style and formatting'),
        Edit(f"{PACKAGE}/session_manager.py", '"""Return whether the session', '"""Return, in v2, whether the session'),
    ]:
        edit.make(source(edit.file))
    new_pin(source(CI), "actions/checkout", 8)
    new_pin(source(CI), "actions/upload-artifact", 8)
    # Of its own versions of the author's files it changes some, renames one and deletes the others.
    append(source(f"{PACKAGE}/repository.py"), "\n\nV2 = True\n")
    append(source("tests/conftest.py"), "\n\nV2 = True\n")
    conformance = source("tests/test_conformance.py")
    conformance.rename(conformance.with_name("test_kit.py"))
    conformance.with_name("test_ours.py").write_text('"""The template takes a name that the author has taken."""\n')
    source("tests/test_repository.py").unlink()
    source(f"{PACKAGE}/connection.py").unlink()


def go_back(template: Path, tag: str, folder: Path) -> Path:
    """Return a template with two releases: one of this repository's, and the template that is given."""
    folder.mkdir()
    archive = folder.with_suffix(".tar")
    git(ROOT, "archive", "--output", str(archive), tag)
    shutil.unpack_archive(archive, folder, filter="data")
    commit(folder, tag=tag)
    for path in folder.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(template, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    commit(folder, tag="v999.0.0")
    return folder
