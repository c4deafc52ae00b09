"""Pin each action alike everywhere, by the newest version that is pinned anywhere; with --check see whether it is.

Dependabot updates the workflows in .github/ and in examples/, which hold every action there is. It cannot read those
of template/ and backends/, which are templates. So after it: `python scripts/pin_actions.py`, then `nox -s render`.
Nothing is fetched: a version and its commit are taken from where Dependabot wrote them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# examples/ is read and not written: it is rendered.
READ = [".github/**/*.yml", "backends/*/ci/*.yml", "template/.github/**/*.yml", "examples/*/.github/**/*.yml"]
WRITTEN = READ[:3]
USE = re.compile(r"\b(?P<action>[\w.-]+/[\w./-]+)@(?P<commit>\S+)(?: # v(?P<version>\d[\d.]*))?")

Pins = dict[
    str, tuple[list[int], str, str]
]  # of each action the version, to compare, then as it is written; the commit


def files(root: Path, patterns: list[str]) -> list[Path]:
    """Return the files that hold actions."""
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def uses(text: str) -> list[re.Match[str]]:
    """Return where a workflow uses an action of somebody else."""
    lines = re.finditer(r"^ *(?:- )?uses: (?!\./).+$", text, flags=re.MULTILINE)
    return [found for line in lines if (found := USE.search(text, line.start(), line.end()))]


def newest(root: Path) -> Pins:
    """Return the newest pin of each action, or refuse what cannot be told apart."""
    pins: Pins = {}
    for path in files(root, READ):
        for use in uses(path.read_text(encoding="utf-8")):
            action, commit, version = use["action"], use["commit"], use["version"]
            if not version or not re.fullmatch("[0-9a-f]{40}", commit):
                raise SystemExit(f"{path.relative_to(root)}: {use[0]} is not pinned: <action>@<commit> # v<version>")
            pin = [int(part) for part in version.split(".")], version, commit
            known = pins.setdefault(action, pin)
            if known[0] == pin[0] and known[2] != commit:
                raise SystemExit(f"{path.relative_to(root)}: another file has another commit for {action} v{version}")
            pins[action] = max(known, pin)
    return pins


def pinned(text: str, pins: Pins) -> str:
    """Return a workflow with these pins."""
    for use in reversed(uses(text)):
        _, version, commit = pins[use["action"]]
        text = f"{text[: use.start()]}{use['action']}@{commit} # v{version}{text[use.end() :]}"
    return text


def main(root: Path = ROOT, *arguments: str) -> None:
    """Pin them, or check that nothing is left to do."""
    pins, changed = newest(root), []
    for path in files(root, WRITTEN):
        old = path.read_text(encoding="utf-8")
        if (new := pinned(old, pins)) != old:
            changed.append(path.relative_to(root).as_posix())
            if "--check" not in arguments:
                path.write_text(new, encoding="utf-8", newline="\n")
    print(*changed, f"{len(pins)} actions, {len(changed)} files pin an older version.", sep="\n")
    if changed and "--check" in arguments:
        raise SystemExit("Run python scripts/pin_actions.py, then nox -s render, and commit the result.")


if __name__ == "__main__":
    main(ROOT, *sys.argv[1:])
