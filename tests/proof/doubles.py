"""How a mistake is made: a few lines of correct code are changed while one case of the kit runs over it.

This module and the lists of mistakes import nothing of what they break: they get at it through `Code`.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "strands_session_correct"


@dataclass(frozen=True)
class Mistake:
    """A plausible mistake.

    Attributes:
        name: What is wrong, in words.
        cases: The cases of the kit that find it, as `Group.test_name`.
        shows: What the failure of these cases says. A double that fails for another reason proves nothing.
        changes: What makes the mistake.
    """

    name: str
    cases: list[str]
    shows: str
    changes: list[Callable[[Code], None]]


@dataclass(frozen=True)
class Edit:
    """Text that takes the place of another one.

    Attributes:
        target: A function, a script or a string, for example `repository.CorrectSessionRepository.delete_session`.
        old: The text, which must be there once: where the correct code has changed, the mistake must follow.
        new: What takes its place.
    """

    target: str
    old: str
    new: str

    def __call__(self, code: Code) -> None:
        """Make the change."""
        code.edit(self.target, self.old, self.new)


@dataclass(frozen=True)
class Body:
    """Text that takes the place of another one in a function of PostgreSQL's, as `Edit` does in Python.

    Attributes:
        function: The function's name.
        old: The text, which must be there once.
        new: What takes its place.
    """

    function: str
    old: str
    new: str

    def __call__(self, code: Code) -> None:
        """Make the change."""
        code.redefine(self.function, self.old, self.new)


class Code:
    """Correct code, changed until the case is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, backend: Callable[[], Any] | None = None) -> None:
        """Take what will undo the changes, and how to get at the live store."""
        self._monkeypatch = monkeypatch
        self._backend = backend
        self._sources: dict[str, str] = {}
        self._definitions: list[str] = []

    def get(self, target: str) -> Any:
        """Return a value."""
        owner, name = self._find(target)
        return getattr(owner, name)

    def set(self, target: str, value: Any) -> None:
        """Replace a value."""
        owner, name = self._find(target)
        self._monkeypatch.setattr(owner, name, value)

    def edit(self, target: str, old: str, new: str) -> None:
        """Replace text."""
        owner, name = self._find(target)
        found = inspect.getattr_static(owner, name)
        if isinstance(found, property):
            found = found.fget

        def replaced(text: str) -> str:
            assert text.count(old) == 1, f"{target}: {old!r} is there {text.count(old)} times"
            return text.replace(old, new)

        if isinstance(found, str):
            self._monkeypatch.setattr(owner, name, replaced(found))
        elif hasattr(found, "digest"):  # a script of Valkey's
            self._monkeypatch.setattr(owner, name, owner._script(replaced(found.text)))
        else:
            function: Any = inspect.unwrap(found)
            source = self._sources.get(target) or textwrap.dedent(inspect.getsource(function))
            self._sources[target] = replaced(source)
            made: dict[str, Any] = {}
            exec(self._sources[target], dict(function.__globals__), made)
            edited = inspect.unwrap(getattr(made[name], "fget", made[name]))
            # The code within the function: whoever imported it by name gets the change as well.
            for part in ("__code__", "__defaults__", "__kwdefaults__"):
                self._monkeypatch.setattr(function, part, getattr(edited, part))

    def redefine(self, function: str, old: str, new: str) -> None:
        """Replace text of a function in the database."""
        assert self._backend is not None
        backend = self._backend()
        find = f"SELECT pg_get_functiondef('{backend.schema}.{function}'::regproc)"
        ((definition,),) = backend.connection.execute(find.encode()).fetchall()
        assert definition.count(old) == 1, f"{function}: {old!r} is there {definition.count(old)} times"
        backend.connection.execute(definition.replace(old, new).encode())
        self._definitions.append(definition)

    def restore_definitions(self) -> None:
        """Undo what was done in the database."""
        for definition in reversed(self._definitions):
            assert self._backend is not None
            self._backend().connection.execute(definition.encode())

    def _find(self, target: str) -> tuple[Any, str]:
        module, *path, name = target.split(".")
        owner: Any = importlib.import_module(f"{PACKAGE}.{module}")
        for part in path:
            owner = getattr(owner, part)
        return owner, name


def files() -> list[str]:
    """The modules that list mistakes."""
    return sorted(path.stem for path in Path(__file__).parent.glob("mistakes_*.py"))


def mistakes(file: str) -> list[Mistake]:
    """The mistakes of one of them."""
    found: list[Mistake] = importlib.import_module(file).MISTAKES
    return found
