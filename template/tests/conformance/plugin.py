"""The pytest side of the kit: fixtures, which cases run, and what is printed when one fails."""

import contextlib
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from strands import Agent
from strands.session.session_manager import SessionManager
from strands.session.session_repository import SessionRepository

from .backend import Backend
from .cases import KINDS, Cases
from .scripted_model import Step, scripted_agent

MARKERS = {
    "hint(text)": "what to look at when the case fails",
    "requires(capability)": "runs where the backend declares the capability",
    "lacks(capability)": "runs where the backend does not declare it",
    "quick": "the subset that runs on every Python",
    **KINDS,
}
NARROWING = ("-k", "-m", "--deselect", "--ignore", "--lf", "--last-failed", "--sw", "--stepwise", "--ff")


class Hooks:
    """The hook by which tests/conftest.py describes its backend."""

    @pytest.hookspec(firstresult=True)
    def pytest_conformance_backend(self) -> Backend:
        """Return the description of the backend."""
        raise NotImplementedError


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hook known."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the backend does not declare, and expect the failures that it names with a reason."""
    cases = [item for item in items if is_case(item)]
    if not cases:
        return
    backend: Backend = config.hook.pytest_conformance_backend()
    unused = set(backend.exemptions)
    for item in cases:
        for name in {item.name, item.originalname} & backend.exemptions.keys():
            item.add_marker(pytest.mark.xfail(reason=backend.exemptions[name], strict=True))
            unused.discard(name)
    absent = [item for item in cases if not is_declared(item, backend)]
    if absent:
        items[:] = [item for item in items if item not in absent]
        config.hook.pytest_deselected(items=absent)
    if not is_narrowed(config) and unused:
        raise pytest.UsageError(f"Backend.exemptions names no case of the kit: {', '.join(sorted(unused))}")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a run that claims to be whole and is not: a class that nobody inherits, a case taken out by an option."""
    if is_narrowed(session.config) or session.testsfailed:
        return
    backend: Backend = session.config.hook.pytest_conformance_backend()
    run = Counter(item.originalname for item in session.items if is_case(item))
    missing = [
        f"{group.__name__}.{name}"
        for group in Cases.__subclasses__()
        for name, case in vars(group).items()
        if name.startswith("test_") and name not in run and is_declared_by([group, case], backend)
    ]
    if missing:
        raise pytest.UsageError(
            "Cases of the conformance kit are left out without a reason. Inherit their group in test_conformance.py;"
            f" name those that fail in Backend.exemptions: {', '.join(missing)}"
        )


def is_case(item: pytest.Item) -> bool:
    """Whether a test is a case of the kit."""
    return isinstance(item, pytest.Function) and item.cls is not None and issubclass(item.cls, Cases)


def is_declared(item: pytest.Item, backend: Backend) -> bool:
    """Whether a case applies to the backend, given what it declares."""
    return all(getattr(backend, mark.args[0]) for mark in item.iter_markers("requires")) and not any(
        getattr(backend, mark.args[0]) for mark in item.iter_markers("lacks")
    )


def is_declared_by(marked: list[Any], backend: Backend) -> bool:
    """The same for a group and a case in it that was not collected."""
    marks = [mark for thing in marked for mark in getattr(thing, "pytestmark", [])]
    return all(
        bool(getattr(backend, mark.args[0])) == (mark.name == "requires")
        for mark in marks
        if mark.name in ("requires", "lacks")
    )


def is_narrowed(config: pytest.Config) -> bool:
    """Whether a person asked on the command line for a part of the tests, which is nobody else's business."""
    workerinput: dict[str, Any] = getattr(config, "workerinput", {})
    arguments = workerinput.get("mainargv", sys.argv)[1:]
    return any("::" in argument or argument.endswith(".py") or argument.startswith(NARROWING) for argument in arguments)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the hint of a failed case to its report, and take a skipped case for a failed one."""
    report = yield
    if not is_case(item):
        return report
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = "A case of the kit cannot be skipped. Name it in Backend.exemptions, with the reason."
    if report.failed:
        case = item.function.__doc__
        report.sections += [
            ("What failed", case),
            *(("What to look at", mark.args[0]) for mark in item.iter_markers("hint")),
        ]
    return report


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """The backend under test, with its store running."""
    described: Backend = request.config.hook.pytest_conformance_backend()
    described.start(tmp_path_factory.mktemp("store"))
    yield described
    described.stop()


@pytest.fixture
def new_session_id(backend: Backend) -> Iterator[Callable[..., str]]:
    """Make ids of sessions that nobody else uses, so that tests can share a server; the sessions are deleted."""
    ids: list[str] = []

    def new_session_id(template: str = "{}") -> str:
        ids.append(template.replace("{}", uuid.uuid4().hex))
        return ids[-1]

    yield new_session_id
    repository = backend.repository()
    for session_id in ids:
        # Some tests leave a session, some none, and an author may not have written the method yet: group I tests it.
        with contextlib.suppress(Exception):
            repository.delete_session(session_id)
    close(repository)


@pytest.fixture
def session_id(new_session_id: Callable[..., str]) -> str:
    """The id of a session that does not exist yet."""
    return new_session_id()


@pytest.fixture
def reopen(backend: Backend) -> Iterator[Callable[[], SessionRepository]]:
    """Make repositories with connections of their own: what they read is in the store, not in a cache."""
    with contextlib.ExitStack() as opened:

        def reopen() -> SessionRepository:
            repository = backend.repository()
            opened.callback(close, repository)
            return repository

        yield reopen


@pytest.fixture
def repository(reopen: Callable[[], SessionRepository]) -> SessionRepository:
    """The repository that writes."""
    return reopen()


@pytest.fixture
def new_manager(backend: Backend, session_id: str) -> Iterator[Callable[..., SessionManager[Any]]]:
    """Make managers of the test's session, each with a connection of its own."""
    with contextlib.ExitStack() as opened:

        def new_manager(session_id: str = session_id, **options: Any) -> SessionManager[Any]:
            manager = backend.manager(session_id, **options)
            opened.callback(close, manager)
            return manager

        yield new_manager


@pytest.fixture
def new_agent(new_manager: Callable[..., SessionManager[Any]]) -> Callable[..., Agent]:
    """Make agents of the test's session, each in a manager of its own: the second is one that was restored."""

    def new_agent(*script: Step, session_manager: SessionManager[Any] | None = None, **options: Any) -> Agent:
        return scripted_agent(session_manager or new_manager(), *script, **options)

    return new_agent


def close(opened: Any) -> None:
    """Close a repository or a manager that can be closed."""
    getattr(opened, "close", lambda: None)()
