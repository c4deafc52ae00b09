"""What may be answered, what comes of it, and what to type instead of what may not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from conftest import Render


@pytest.mark.parametrize(
    ("backend", "slug", "class_prefix"),
    [
        ("Cassandra", "cassandra", "Cassandra"),
        ("MongoDB", "mongodb", "MongoDB"),
        ("PostgreSQL", "postgresql", "PostgreSQL"),
        ("My Store 2", "my_store_2", "MyStore2"),
        ("mongo-db", "mongo_db", "MongoDb"),
        ("Cloud.Store_X - v2", "cloud_store_x_v2", "CloudStoreXV2"),
        ("C++", "c", "C"),
        ("Émeraude Über", "emeraude_uber", "EmeraudeUber"),
        ("Straße 5", "strase_5", "Strase5"),
        ("X", "x", "X"),
        ("2 Fast", "store_2_fast", "Store2Fast"),
        ("class", "class_store", "Class"),
        ("None", "none_store", "None"),
        ("2 of the longest names a", "store_2_of_the_longest_names_a", "Store2OfTheLongestNamesA"),
    ],
)
def test_names_derive_from_the_backend(backend: str, slug: str, class_prefix: str, render: Render) -> None:
    """The package, the distribution and the classes are named after the datastore."""
    repository = render(backend=backend)
    answers = yaml.safe_load((repository / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert (answers["backend"], answers["slug"], answers["class_prefix"]) == (backend, slug, class_prefix)
    assert [folder.name for folder in (repository / "src").iterdir()] == [f"strands_session_{slug}"]
    assert f'name = "strands-session-{slug.replace("_", "-")}"' in (repository / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"backend": ""}, "Type a name, such as Cassandra."),
        ({"backend": "  "}, "Type a name, such as Cassandra."),
        ({"backend": " Cassandra"}, "At most 24 letters (a-z, also with accents)"),
        ({"backend": "Cassandra\n"}, "At most 24 letters (a-z, also with accents)"),
        ({"backend": 'My "Store"'}, "At most 24 letters (a-z, also with accents)"),
        ({"backend": "a/b"}, "At most 24 letters (a-z, also with accents)"),
        ({"backend": "<%s>"}, "At most 24 letters (a-z, also with accents)"),
        ({"backend": "x" * 25}, "At most 24 letters (a-z, also with accents)"),
        ({"backend": "_"}, "At most 24 letters (a-z, also with accents)"),
        ({"backend": "東京"}, "At most 24 letters (a-z, also with accents)"),
        ({"slug": ""}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"slug": "MyStore"}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"slug": "my-store"}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"slug": "my__store"}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"slug": "_store"}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"slug": "größe"}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"slug": "2fast"}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"slug": "import"}, "A keyword of Python. Type another name, such as import_store"),
        ({"slug": "x" * 31}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"slug": "../evil"}, "Only a-z, 0-9 and single _ between, a letter first"),
        ({"class_prefix": ""}, "A capital first, then letters and digits"),
        ({"class_prefix": "mongo"}, "A capital first, then letters and digits"),
        ({"class_prefix": "My Store"}, "A capital first, then letters and digits"),
        ({"class_prefix": "Größe"}, "A capital first, then letters and digits"),
        ({"class_prefix": "2Fast"}, "A capital first, then letters and digits"),
        ({"starting_point": "oracle"}, "'oracle' is not in ["),
        ({"description": ""}, "Type one line of at most 160 characters"),
        ({"description": 'a "b"'}, "Type one line of at most 160 characters"),
        ({"description": "a\\b"}, "Type one line of at most 160 characters"),
        ({"description": "a\nb"}, "Type one line of at most 160 characters"),
        ({"description": "x" * 161}, "Type one line of at most 160 characters"),
        ({"user_name": 'Ada "x"'}, "Type a name such as Ada Lovelace"),
        ({"user_name": "Ada\n"}, "Type a name such as Ada Lovelace"),
        ({"user_name": "Ada <ada@example.com>"}, "Type a name such as Ada Lovelace"),
        ({"user_email": "ada"}, "Type an address such as"),
        ({"user_email": "ada@example"}, "Type an address such as"),
        ({"user_email": "ada@example.com\n"}, "Type an address such as"),
        ({"github_user": "https://github.com/ada"}, "Type the bare name, such as octocat"),
        ({"github_user": "ada_l"}, "Type the bare name, such as octocat"),
        ({"license": "GPL-3.0"}, "is not in ['Apache-2.0', 'MIT', 'none']"),
        ({"python_min": "3.9"}, "is not in ['3.10', '3.11', '3.12', '3.13']"),
    ],
    ids=lambda value: "-".join(map(str, value.items())) if isinstance(value, dict) else "",
)
def test_what_would_not_work_is_refused(answers: dict[str, Any], sentence: str, render: Render, tmp_path: Path) -> None:
    """The sentence says what to type instead, and nothing is written."""
    with pytest.raises(ValueError, match=re.escape(sentence)):
        render(tmp_path / "refused", **answers)
    assert not (tmp_path / "refused").exists()


def test_backend_is_required(template: Path, tmp_path: Path) -> None:
    """Without the one answer that has no default, the error names it."""
    with pytest.raises(ValueError, match='"backend" is required'):
        copier.run_copy(str(template), tmp_path, defaults=True, quiet=True)


@pytest.mark.parametrize("name", ["README.md", "setup.cfg", "src/main.py"])
def test_a_folder_in_use_is_refused(name: str, render: Render, tmp_path: Path) -> None:
    """Files that are there stay as they are, unless --overwrite says that they may go."""
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(ValueError, match=r"Folder not empty: add --overwrite, or take another"):
        render(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "mine"


def test_overwrite_goes_into_a_folder_in_use(template: Path, tmp_path: Path) -> None:
    """With --overwrite, files of other names stay."""
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    copier.run_copy(str(template), tmp_path, {"backend": "Cassandra"}, defaults=True, quiet=True, overwrite=True)
    assert (tmp_path / "README.md").read_text() != "mine"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_fresh_clone_is_an_empty_folder(render: Render, tmp_path: Path) -> None:
    """A folder with nothing but .git can be rendered into: `git init` may come first."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    render(tmp_path)
    assert (tmp_path / "pyproject.toml").exists()


def test_the_documented_command_works(template: Path, tmp_path: Path) -> None:
    """`copier copy --defaults -d backend=Cassandra` asks nothing, needs no --trust, and says what to do next."""
    folder = tmp_path / "strands-session-cassandra"
    command = [sys.executable, "-m", "copier", "copy", "--defaults", "-d", "backend=Cassandra"]
    command += [str(template), str(folder)]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    first = "git init -b main && git add . && git commit"
    for line in (f"cd {folder}", first, "uvx nox", "check on PyPI that the name"):
        assert line in result.stderr
