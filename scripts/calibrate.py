"""Run the conformance kit over the SDK's own FileSessionManager, and write what it fails into docs/calibration.md.

`nox -s calibration` runs it; with --check it fails where that file is not what a run gives.
"""

from __future__ import annotations

import importlib.metadata
import sys

from kit import ROOT, Outcome, run

DOCUMENT = ROOT / "docs/calibration.md"
FOLDER = ROOT / "tests/calibration"

# Groups and cases about what only the generated package has, and two whose outcome is chance.
LEFT_OUT = {
    "the batch of a save, its faults, and calls that are watched": [
        "Batches",
        "Healing",
        "HealingOfRecords",
        "Asynchrony.test_context_variables",
        "Survival.test_after_a_conflict",
        "Survival.test_cancelled_turn",
        "Survival.test_lost_reply_then_redaction",
        "TurnsOfRecords.test_restored_agent_is_not_written",
        "TurnsOfRecords.test_unchanged_agent_is_not_written",
    ],
    "the layout of a conversation, kept in the agent record": [
        "Failures.test_first_layout",
        "Failures.test_other_layout",
        "Security.test_layout_of_nonsense",
    ],
    "the package's manager and the SDK's in turns, and copies between them": ["Copying", "Interoperability"],
    "a manager's methods without ids, and `auto_create`": [
        "Concurrency.test_processes_on_an_empty_store",
        "TurnsOfRecords.test_inspection",
        "TurnsOfRecords.test_missing_session",
    ],
    "`close()`": ["Asynchrony.test_closed_manager", "AsynchronyOfRecords.test_closed_repository"],
    "a server, and the wire to it": ["Cost", "Load", "Outages", "Security.test_password_is_not_shown"],
    "the unified Storage of the same package": ["Snapshots", "UnifiedStorage"],
    "what is tried at random, and expects of a manager what the package's own promises": [
        "Crowds",
        "FaultSweep",
        "KillLedger",
        "RandomHistories",
    ],
    "races for a new session, which the SDK's manager wins or loses by chance: it looks first and creates then": [
        "Survival.test_processes_start_at_once",
        "Concurrency.test_session_is_created_once",
    ],
}
KINDS = {
    "stricter than the SDK": (
        "Stricter than the SDK",
        "The SDK does not promise this. The kit asks it of every backend.",
    ),
    "defect": ("Defects", "With the number of the report upstream, where one was found."),
}
INTRODUCTION = """\
# The kit on the SDK's own FileSessionManager

Written by `nox -s calibration`. The tests run it again: a case of this list that passes fails them, and so does one
that fails and is not in it.

On `FileSessionManager` of strands-agents {version}, {cases} cases were run, of the repository and of the manager:
{passed} passed, {failed} did not. Cases of capabilities that it does not claim, such as expiry, were not run.
"""


def main() -> None:
    """Run the kit, then write or check the document."""
    ran = run(
        sys.executable,
        FOLDER / "package.py",
        FOLDER / "backend.py",
        left_out=[name for names in LEFT_OUT.values() for name in names],
    )
    if ran.status:
        raise SystemExit(f"{ran.output}\nFileSessionManager does not do what tests/calibration/backend.py says of it.")
    text = document(ran.outcomes)
    if "--check" not in sys.argv:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(text, encoding="utf-8", newline="\n")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
        raise SystemExit("docs/calibration.md is not what a run gives: run nox -s calibration and commit it.")
    print(ran.output.splitlines()[-1])


def document(outcomes: list[Outcome]) -> str:
    """Say what was run, and list what failed by its reason."""
    run_cases = {one.case for one in outcomes if one.result != "not declared"}
    known = [one for one in outcomes if one.reason.startswith(tuple(f"{kind}:" for kind in KINDS))]
    failed = {one.case for one in known}
    lines = INTRODUCTION.format(
        version=importlib.metadata.version("strands-agents"),
        cases=len(run_cases),
        passed=len(run_cases - failed),
        failed=len(failed),
    ).splitlines()
    for kind, (title, about) in KINDS.items():
        lines += ["", f"## {title}", "", about]
        for reason in sorted({one.reason for one in known if one.reason.startswith(f"{kind}:")}):
            text = reason.partition(": ")[2]
            lines += ["", f"**{text[0].upper()}{text[1:]}.**", ""]
            # A case with several parameters is named once.
            listed = {f"{one.group}.{one.case}": one.behaviour for one in known if one.reason == reason}
            lines += [f"- {behaviour} (`{case}`)" for case, behaviour in sorted(listed.items())]
    lines += ["", "## Not run", "", "Cases about what the SDK does not have, and two whose outcome is chance:", ""]
    lines += [f"- {about}: {', '.join(f'`{name}`' for name in names)}" for about, names in LEFT_OUT.items()]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
