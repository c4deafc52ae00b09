"""What the groups of the kit are made of: a base class that guards the cases, and the marks that they carry."""

from typing import Any

import pytest

KINDS = {
    "sessions": "needs only the methods for sessions",
    "agents": "needs the methods for agents, too",
    "messages": "needs the methods for messages, too",
    "deletion": "needs deletion and listing, too",
    "multi_agents": "needs the methods for graphs and swarms, too",
    "lifecycle": "runs real agents through the manager, over the whole repository",
    "storage": "needs the methods of the storage, and none of the repository",
}
"""Kinds of record, in the order in which an author replaces their methods: `pytest -m sessions` runs the first."""

hint = pytest.mark.hint
requires = pytest.mark.requires
lacks = pytest.mark.lacks
quick = pytest.mark.quick
faults = pytest.mark.faults
sessions, agents, messages = pytest.mark.sessions, pytest.mark.agents, pytest.mark.messages
deletion, multi_agents, lifecycle = pytest.mark.deletion, pytest.mark.multi_agents, pytest.mark.lifecycle
storage = pytest.mark.storage


CASES: dict[type["Cases"], dict[str, Any]] = {}
"""The cases of each group, as they were when it was defined: what replaces or removes one later is noticed."""


class Cases:
    """A group of cases. A backend inherits it and adds nothing: the cases are the same for every backend."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take note of a group, and refuse a subclass that replaces a case of it."""
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith(f"{__package__}."):
            CASES[cls] = {name: case for name, case in vars(cls).items() if name.startswith("test_")}
        inherited = {name for base in cls.__mro__[1:] for name in vars(base) if name.startswith("test_")}
        replaced = sorted(inherited & vars(cls).keys())
        if replaced:
            msg = (
                f"{cls.__name__} replaces {', '.join(replaced)}. A case that the backend cannot pass is named in"
                " Backend.exemptions, with the reason."
            )
            raise TypeError(msg)
