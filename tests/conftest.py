"""The template as a person finds it: a git repository with a release, at an absolute path."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from render import seem_installed as seem_installed

ROOT = Path(__file__).resolve().parent.parent
AUTHOR = {"user_name": "Ada O'Neil-Ünal", "user_email": "ada@example.com", "github_user": "ada-example"}

Render = Callable[..., Path]


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as somebody who has set up nothing."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(folder: Path, *, tag: str | None = None) -> None:
    """Commit all that there is in a folder, which becomes a repository if it is none, and tag it."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", tag or "work")
    if tag:
        git(folder, "tag", tag)


@pytest.fixture(autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a person's own answers to Copier's well-known questions out of the tests."""
    settings = tmp_path_factory.mktemp("settings") / "settings.yml"
    settings.write_text("{}")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the working tree, committed and tagged v1.0.0, whatever this repository's own history is."""
    copy = tmp_path_factory.mktemp("template")
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    commit(copy, tag="v1.0.0")
    return copy


@pytest.fixture(scope="session")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Render a repository; what is not answered takes its default. Copier refuses whatever needs --trust."""

    def render(folder: Path | None = None, **answers: Any) -> Path:
        folder = folder or tmp_path_factory.mktemp("rendered")
        copier.run_copy(str(template), folder, {"backend": "Cassandra"} | answers, defaults=True, quiet=True)
        return folder

    return render
