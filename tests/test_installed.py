"""A rendered repository works as a project does: installed, tested, checked, built."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import AUTHOR, Render, commit, git

PACKAGE = "strands_session_my_store_2"


def run(folder: Path, *command: str) -> str:
    """Run a program in a folder; what it prints is the reason when it fails."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def installed(render: Render) -> Path:
    """A repository and `pip install -e ".[dev]"` into an environment of its own."""
    repository = render(backend="My Store 2", **AUTHOR)
    run(repository, "uv", "venv", "--quiet", "--python", sys.executable)
    run(repository, "uv", "pip", "install", "--quiet", "--editable", ".[dev]")
    return repository


# Not all tests: `nox -s generated` runs these.
QUICK = ["pytest", "-m", "quick"]
BUILD = [sys.executable, "-m", "build", "--no-isolation"]


@pytest.mark.parametrize("command", [QUICK, ["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "src"]])
def test_plain_commands_pass(command: list[str], installed: Path) -> None:
    """Without nox, the tools work as they are and are green before the first edit."""
    program, *arguments = command
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    run(installed, str(installed / ".venv" / scripts / program), *arguments)


def test_distributions_hold_what_they_should(render: Render) -> None:
    """The wheel has the package, all of it and nothing else; the source distribution what it takes to test it."""
    repository = render(backend="My Store 2", **AUTHOR)
    run(repository, *BUILD)
    (wheel,) = (repository / "dist").glob("*.whl")
    (sdist,) = (repository / "dist").glob("*.tar.gz")
    assert wheel.name == f"{PACKAGE}-0.0.0-py3-none-any.whl"  # without git nobody knows better
    info = f"{PACKAGE}-0.0.0.dist-info"
    sources = {path.relative_to(repository / "src").as_posix() for path in (repository / "src").rglob("*.*")}
    assert f"{PACKAGE}/py.typed" in sources
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"{info}/METADATA").decode("utf-8")
    assert names == sources | {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE")}
    for line in (
        "Name: strands-session-my-store-2",
        "Author-email: Ada O'Neil-Ünal <ada@example.com>",
        "License-Expression: Apache-2.0",
        "Requires-Python: >=3.10",
        "Requires-Dist: strands-agents<2,>=1.58",
        "Project-URL: Repository, https://github.com/ada-example/strands-session-my-store-2",
    ):
        assert line in metadata.splitlines()
    links = re.findall(r"\]\(([^)]+)\)", metadata.replace("\n", " "))
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []  # PyPI has no files beside the README
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "tests/conftest.py", "examples/chat.py"} <= inside


def test_the_tag_is_the_version(render: Render) -> None:
    """Between two tags, and before the first, it is one that no index takes, so nobody publishes it by mistake."""
    repository = render(backend="My Store 2")

    def built() -> str:
        run(repository, *BUILD)
        (wheel,) = (repository / "dist").glob("*.whl")
        version = wheel.name.split("-")[1]
        for file in (repository / "dist").iterdir():
            file.unlink()
        return version

    commit(repository)
    assert re.fullmatch(r"0\.0\.1\.dev1\+g\w+", built())
    git(repository, "tag", "v0.1.0")
    assert built() == "0.1.0"
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "later")
    assert re.fullmatch(r"0\.1\.1\.dev1\+g\w+", built())


def test_a_repository_in_another_one_has_not_its_version(render: Render, tmp_path: Path) -> None:
    """An example of the template is built in a folder of it, and the template's tag is none of it."""
    repository = render(tmp_path / "examples/ours", backend="My Store 2")
    commit(tmp_path, tag="v9.9.9")
    run(repository, *BUILD, "--wheel")
    assert (repository / f"dist/{PACKAGE}-0.0.0-py3-none-any.whl").exists()
