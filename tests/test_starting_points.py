"""The two kinds of starting point, with records and without: each gets what it needs, and nothing of the other's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import copier
import pytest
from conftest import Render, commit, seem_installed
from render import contents

WITH_RECORDS, WITHOUT = ["skeleton", "valkey", "postgres"], ["lifecycle"]
# Prints what it has imported.
IMPORT = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            print(importlib.import_module(module.name).__name__)
"""


def rendered_name(path: Path, template: Path) -> str:
    """The name that a file of the template has in a repository, if it is rendered at all."""
    name = path.relative_to(template / "template").as_posix().replace("{== slug ==}", "cassandra")
    return re.sub(r"\{%% if .*? %%\}(.*)\{%% endif %%\}", r"\1", name)


def rendered(folder: Path) -> dict[str, bytes]:
    """The files of a repository, but for the one that says what it was rendered from."""
    return {name: text for name, text in contents(folder, committed=False).items() if name != ".copier-answers.yml"}


@pytest.mark.parametrize(("mine", "others"), [(WITHOUT, WITH_RECORDS), (WITH_RECORDS, WITHOUT)])
def test_neither_kind_needs_the_other(
    mine: list[str], others: list[str], template: Path, render: Render, tmp_path: Path
) -> None:
    """Without any file that only the others get, a repository is the same to the byte."""
    whole = {point: rendered(render(starting_point=point)) for point in [*mine, *others]}
    only_others = {name for point in others for name in whole[point]} - {
        name for point in mine for name in whole[point]
    }
    copy = tmp_path / "template"
    shutil.copytree(template, copy, ignore=shutil.ignore_patterns(".git"))
    for point in others:
        shutil.rmtree(copy / "backends" / point)
    condition = f"starting_point {'!=' if mine == WITHOUT else '=='} 'lifecycle'"
    gone = [
        path
        for path in (copy / "template").rglob("*")
        if path.is_file() and (rendered_name(path, copy) in only_others or condition in path.name)
    ]
    for path in gone:
        path.unlink()
    assert "sending.py" in str(gone) or "_log_repository.py" in str(gone)
    commit(copy, tag="v1.0.0")

    for point in mine:
        folder = tmp_path / point
        copier.run_copy(str(copy), folder, {"backend": "Cassandra", "starting_point": point}, defaults=True, quiet=True)
        assert rendered(folder) == whole[point]


@pytest.mark.parametrize("starting_point", [*WITHOUT, *WITH_RECORDS])
def test_every_module_can_be_imported(starting_point: str, render: Render) -> None:
    """No module of the package and of the kit imports one that only the other kind has."""
    repository = render(starting_point=starting_point)
    seem_installed(repository)
    path = os.pathsep.join(str(repository / folder) for folder in ("src", "tests"))
    command = [sys.executable, "-c", IMPORT, "strands_session_cassandra", "conformance"]
    ran = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    imported = ran.stdout.split()
    assert len(imported) > 30
    assert ("conformance.sending" in imported) == (starting_point in WITHOUT)
    assert ("conformance.batches" in imported) == (starting_point in WITH_RECORDS)
