"""Every combination of answers gives a repository that is whole and tidy."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import AUTHOR, ROOT, Render

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

QUESTIONS = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
CHOICES = itertools.product(
    QUESTIONS["starting_point"]["choices"].values(),
    QUESTIONS["license"]["choices"],
    QUESTIONS["python_min"]["choices"],
)
COMBINATIONS: list[dict[str, Any]] = [  # of the choices; who the author is, which is no choice, takes turns
    {"starting_point": starting_point, "license": licence, "python_min": python_min, **author}
    for (starting_point, licence, python_min), author in zip(CHOICES, itertools.cycle([{}, AUTHOR]), strict=False)
]
# Code is wrapped and sorted by what stands in it, so names at both ends of both orders are tried.
NAMES = ["A", "Zz", "2 of the longest names a"]
WINDOWS_RESERVED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


@pytest.fixture(scope="module", params=COMBINATIONS, ids=lambda answers: "-".join([*answers.values()][:4]))
def answers(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One combination of answers."""
    combination: dict[str, Any] = request.param
    return combination


@pytest.fixture(scope="module")
def repository(answers: dict[str, Any], render: Render) -> Path:
    """What it renders to."""
    return render(**answers)


def files(repository: Path) -> list[Path]:
    """All files of a repository."""
    return sorted(path for path in repository.rglob("*") if path.is_file() and ".git" not in path.parts)


def ruff(repository: Path) -> None:
    """Check style and formatting as the repository's own configuration wants it."""
    for command in (["check", "--no-cache"], ["format", "--no-cache", "--diff"]):
        result = subprocess.run(["ruff", *command], cwd=repository, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_no_template_syntax_is_left(repository: Path) -> None:
    """No delimiter of the template stands in a file or in a name."""
    for path in files(repository):
        text = str(path.relative_to(repository)) + path.read_text(encoding="utf-8")
        assert not re.search(r"\{%%|%%\}|\{==|==\}|\{##|##\}", text), path


def test_text_is_tidy(repository: Path) -> None:
    """No trailing white space, no rows of blank lines, no blank first line, one newline at the end of each file."""
    for path in files(repository):
        text = path.read_bytes().decode("utf-8")
        assert not re.search(r"[ \t\r]$", text, re.MULTILINE), path
        assert "\n\n\n\n" not in text, path
        assert path.suffix in (".py", ".md") or "\n\n\n" not in text, path
        assert not text or re.fullmatch(r"[^\n].*[^\n]\n", text, re.DOTALL), path


def test_python_is_formatted_and_clean(repository: Path) -> None:
    """Ruff has nothing to say."""
    ruff(repository)


def test_data_files_are_valid(repository: Path) -> None:
    """TOML and YAML parse; the answers are recorded."""
    for path in files(repository):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            tomllib.loads(text)
        elif path.suffix in (".yml", ".yaml"):
            assert yaml.safe_load(text), path
    recorded = yaml.safe_load((repository / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert recorded["slug"] == "cassandra"
    assert recorded["_commit"] == "v1.0.0"
    assert "words" not in recorded


def test_windows_takes_the_file_names(repository: Path) -> None:
    """No name in the repository is one that Windows refuses."""
    for path in files(repository):
        assert not any(WINDOWS_RESERVED.search(part) for part in path.relative_to(repository).parts), path


def test_metadata_says_what_was_answered(repository: Path, answers: dict[str, Any]) -> None:
    """Licence, Python, author and links are those of the answers, and nothing is invented."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={answers['python_min']}"
    assert f"Programming Language :: Python :: {answers['python_min']}" in project["classifiers"]
    assert project.get("license") == (answers["license"] if answers["license"] != "none" else None)
    licence = repository / "LICENSE"
    assert licence.exists() == (answers["license"] != "none")
    assert not licence.exists() or answers["license"].split("-")[0] + " License" in licence.read_text(encoding="utf-8")
    if "user_name" in answers:
        assert project["authors"] == [{"name": AUTHOR["user_name"], "email": AUTHOR["user_email"]}]
        assert all(url.startswith("https://github.com/ada-example/") for url in project["urls"].values())
    else:
        assert "authors" not in project
        assert "urls" not in project
        assert not [path for path in files(repository) if "github.com//" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("starting_point", ["skeleton", "lifecycle"])
def test_code_is_formatted_whatever_the_name(starting_point: str, backend: str, render: Render) -> None:
    """A name that is short, long or late in the alphabet changes neither wrapping nor order."""
    ruff(render(backend=backend, starting_point=starting_point))


@pytest.mark.parametrize("description", ["Sessions", "A description of the greatest length: " + "word " * 24 + "at"])
def test_code_is_formatted_whatever_the_description(description: str, render: Render) -> None:
    """One word without a full stop will do, and 160 characters as well."""
    ruff(render(description=description))


def test_template_file_names_are_windows_names() -> None:
    """The template itself can be checked out on Windows."""
    for path in [*(ROOT / "template").rglob("*"), *(ROOT / "backends").rglob("*")]:
        assert not WINDOWS_RESERVED.search(path.name), path


def test_rendering_twice_gives_the_same(render: Render) -> None:
    """No clock and no chance: the same answers give the same bytes."""
    first, second = render(), render()
    assert [path.relative_to(first) for path in files(first)] == [path.relative_to(second) for path in files(second)]
    for path in files(first):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes(), path
