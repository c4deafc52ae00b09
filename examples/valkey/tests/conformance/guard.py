"""What a run of the kit must not leave out without a written reason."""

from pathlib import Path
from typing import Any

import pytest

from .backend import Backend
from .cases import CASES, Cases

HERE = Path(__file__).parent
NARROWING = ("-k", "-m", "--deselect", "--ignore", "--lf", "--last-failed", "--sw", "--stepwise", "--ff")


class Refusal(pytest.Item):
    """A test that fails, because the run would claim more than it shows. (An error here would be lost under xdist.)"""

    def runtest(self) -> None:
        """Fail."""
        pytest.fail(self.name, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Say whose test it is."""
        return self.path, None, "conformance kit"


def is_case(item: pytest.Item) -> bool:
    """Whether a test is a case of the kit."""
    return isinstance(item, pytest.Function) and item.cls is not None and issubclass(item.cls, Cases)


def is_declared(marks: list[pytest.Mark], backend: Backend) -> bool:
    """Whether a case with these marks applies to the backend, given what it declares."""
    return all(
        bool(getattr(backend, mark.args[0])) == (mark.name == "requires")
        for mark in marks
        if mark.name in ("requires", "lacks")
    )


def is_excused(item: Any) -> bool:
    """Whether a case may fail: its exemption is written down, or the kit itself expects it to fail."""
    exemptions = item.config.hook.pytest_conformance_backend().exemptions
    own = [mark.name for mark in getattr(item.function, "pytestmark", [])]
    return "xfail" in own or bool({item.name, item.originalname} & exemptions.keys())


def marks_of(group: type[Cases], case: Any) -> list[pytest.Mark]:
    """The marks of a case, those of its group among them."""
    return [*getattr(group, "pytestmark", []), *getattr(case, "pytestmark", [])]


def is_narrowed(config: pytest.Config) -> bool:
    """Whether a person asked on the command line for a part of the tests, which is nobody else's business."""
    return any("::" in argument or argument.startswith(NARROWING) for argument in command_line(config))


def names_files(config: pytest.Config) -> bool:
    """Whether a person named files on the command line."""
    return any(Path(argument).exists() for argument in command_line(config))


def command_line(config: pytest.Config) -> list[str]:
    """What was typed, without what a configuration file adds, also in a process of xdist's."""
    xdist: dict[str, Any] = getattr(config, "workerinput", {})
    return [str(argument) for argument in (xdist["mainargv"][1:] if xdist else config.invocation_params.args)]


def objections(items: list[Any], backend: Backend) -> list[str]:
    """What is left out, or overridden.

    Args:
        items: The cases that were collected.
        backend: What is under test.
    """
    functions = {item.function for item in items}
    missing: list[str] = []
    for group, cases in CASES.items():
        apply = {name: case for name, case in cases.items() if is_declared(marks_of(group, case), backend)}
        absent = [f"{group.__name__}.{name}" for name, case in apply.items() if case not in functions]
        missing += [group.__name__] if absent and len(absent) == len(apply) else absent
    known = {name for item in items for name in (item.name, item.originalname)}
    found = {
        "inherit in test_conformance.py what is left out, or exempt it": missing,
        "Backend.exemptions names no case of the kit": sorted(set(backend.exemptions) - known),
        "Backend.exemptions gives no reason for": [
            name for name, reason in backend.exemptions.items() if not str(reason or "").strip()
        ],
        "describe the backend in Backend, instead of overriding a fixture of the kit": sorted(
            {name for item in items for name in overridden_fixtures(item)}
        ),
    }
    return [f"{problem}: {', '.join(names)}" for problem, names in found.items() if names]


def overridden_fixtures(item: Any) -> list[str]:
    """The fixtures of the kit in whose place a case gets another one."""
    return [
        name
        for name, definitions in item._fixtureinfo.name2fixturedefs.items()
        if any(is_ours(one.func) for one in definitions) and not is_ours(definitions[-1].func)
    ]


def is_ours(function: Any) -> bool:
    """Whether a function is in a file of the kit."""
    code = getattr(function, "__code__", None)
    return code is not None and Path(code.co_filename).parent == HERE
