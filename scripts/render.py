"""Render the committed examples anew, or with --check see whether they are what the template renders.

`nox -s render` runs it, in an environment that has Copier. A rendered example is never edited by hand: change the
template or its folder of backends/, and render.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Folder in examples/: the answers that it is rendered with.
EXAMPLES: dict[str, dict[str, str]] = {
    "valkey": {
        "backend": "Valkey",
        "starting_point": "valkey",
        "description": "Keeps the sessions of Strands Agents in Valkey or Redis.",
        "user_name": "Strands Session Template contributors",
    },
    "postgres": {
        "backend": "PostgreSQL",
        "slug": "postgres",
        "class_prefix": "Postgres",
        "starting_point": "postgres",
        "description": "Keeps the sessions of Strands Agents in PostgreSQL.",
        "user_name": "Strands Session Template contributors",
    },
}


def render(answers: dict[str, str], folder: Path) -> None:
    """Render a repository from the working tree, with nothing in it that depends on where and when that was."""
    data = [argument for key, value in answers.items() for argument in ("-d", f"{key}={value}")]
    copier = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", "--vcs-ref", "HEAD"]
    subprocess.run([*copier, *data, str(ROOT), str(folder)], check=True)
    recorded = folder / ".copier-answers.yml"
    lines = []
    for line in recorded.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("_src_path:"):
            lines.append("_src_path: strands-session-template\n")
        elif not line.startswith("_commit:"):
            lines.append(line)
    recorded.write_text("".join(lines), encoding="utf-8", newline="\n")


def seem_installed(repository: Path) -> None:
    """Add what lets a rendered package find its own version, although only its files are on the path."""
    (package,) = [folder.name for folder in (repository / "src").iterdir()]
    metadata = repository / f"src/{package}-0.1.0.dist-info/METADATA"
    metadata.parent.mkdir()
    name = package.replace("_", "-")
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n", encoding="utf-8")


def contents(folder: Path, *, committed: bool) -> dict[str, bytes]:
    """Return the files of a folder; of a committed one without what tools and tests left there."""
    if committed:
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."]
        names = subprocess.run(listing, cwd=folder, check=True, capture_output=True, text=True).stdout.split("\0")
        paths = [folder / name for name in names if name]
    else:
        paths = list(folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def main() -> None:
    """Render all examples, or check all."""
    differences = []
    for name, answers in EXAMPLES.items():
        example = ROOT / "examples" / name
        example.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            rendered = Path(temporary) / name
            render(answers, rendered)
            old, new = contents(example, committed=True), contents(rendered, committed=False)
            changed = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
            differences += [f"examples/{name}/{path}" for path in changed]
            if "--check" not in sys.argv:
                for path in changed:
                    (example / path).unlink(missing_ok=True)
                    if path in new:
                        (example / path).parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy2(rendered / path, example / path)
    for path in differences:
        print(path)
    print(f"{len(EXAMPLES)} examples rendered, {len(differences)} files differ from what was there.")
    if differences and "--check" in sys.argv:
        raise SystemExit("Examples are rendered, never edited: run nox -s render and commit the result.")


if __name__ == "__main__":
    main()
