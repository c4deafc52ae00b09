"""The pytest side of the kit: fixtures, which cases run, and what is printed when one fails."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from .backend import Backend
from .cases import KINDS
from .faults_of_records import use_single_methods
from .guard import Refusal, is_case, is_declared, is_excused, is_narrowed, names_files, objections
from .records import ids
from .report import Report
from .same import assert_same_record
from .scripted_model import Step, scripted_agent
from .trials import TrialsReport, add_options
from .trials import trials as trials  # a fixture

MARKERS = {
    "hint(text)": "what to look at when the case fails",
    "requires(capability)": "runs where the backend declares the capability",
    "lacks(capability)": "runs where the backend does not declare it",
    "quick": "the subset that runs on every Python",
    "faults": "tries with random numbers what can go wrong: a little, and with --thorough in full",
    **KINDS,
}


class Hooks:
    """The hook by which tests/conftest.py describes its backend."""

    @pytest.hookspec(firstresult=True)
    def pytest_conformance_backend(self) -> Backend:
        """Return the description of the backend."""
        raise NotImplementedError


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hook known."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Make the options known."""
    add_options(parser)
    parser.addoption("--conformance-report", metavar="FILE", help="write how the kit went, as a section in Markdown")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known, and collect what is to be reported."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.pluginmanager.register(Report(config))
    config.pluginmanager.register(TrialsReport(config))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Leave out what the backend does not declare, expect what it exempts, and refuse what it does neither with."""
    yield  # to all others first: none of them takes away a case unseen
    cases: list[Any] = [item for item in items if is_case(item)]
    backend: Backend = config.hook.pytest_conformance_backend()
    for item in cases:
        for name in {item.name, item.originalname} & backend.exemptions.keys():
            item.add_marker(pytest.mark.xfail(reason=backend.exemptions[name], strict=True))
    absent = [item for item in cases if not is_declared(list(item.iter_markers()), backend)]
    items[:] = [item for item in items if item not in absent]
    config.hook.pytest_deselected(items=absent)
    if not is_narrowed(config) and (cases or not names_files(config)):
        items += [Refusal.from_parent(session, name=reason) for reason in objections(cases, backend)]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, Any, Any]:
    """Add the hint of a failed case to its report, and take one that was skipped or excused for a failed one."""
    report = yield
    if not is_case(item):
        return report
    report.conformance_case = item.function.__qualname__
    if report.skipped and not (hasattr(report, "wasxfail") and is_excused(item)):
        vars(report).pop("wasxfail", None)
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
    made: list[str] = []

    def new_session_id(template: str = "{}") -> str:
        made.append(template.replace("{}", uuid.uuid4().hex))
        return made[-1]

    yield new_session_id
    for session_id in made:
        # Some tests leave a session, some none, and an author may not have written the method yet.
        with contextlib.suppress(Exception):
            backend.forget(session_id)


@pytest.fixture
def session_id(new_session_id: Callable[..., str]) -> str:
    """The id of a session that does not exist yet."""
    return new_session_id()


@pytest.fixture
def reopen(backend: Backend) -> Iterator[Callable[..., Any]]:
    """Make repositories with connections of their own: what they read is in the store, not in a cache."""
    with contextlib.ExitStack() as opened:

        def reopen(**options: Any) -> Any:
            repository = backend.repository(**options)
            opened.callback(close, repository)
            return repository

        yield reopen


@pytest.fixture
def repository(reopen: Callable[..., Any]) -> Any:
    """The repository that writes."""
    return reopen()


@pytest.fixture
def new_manager(backend: Backend, session_id: str) -> Iterator[Callable[..., Any]]:
    """Make managers of the test's session, each with a connection of its own."""
    with contextlib.ExitStack() as opened:

        def new_manager(session_id: str = session_id, **options: Any) -> Any:
            manager = backend.manager(session_id, **options)
            opened.callback(close, manager)
            return manager

        yield new_manager


@pytest.fixture(params=["batch", "single methods"])
def manager(request: pytest.FixtureRequest, new_manager: Callable[..., Any]) -> Any:
    """A manager of the test's session: once over the backend's own batch, once over the single methods."""
    manager = new_manager()
    if request.param == "single methods":
        use_single_methods(manager.session_repository)
    return manager


@pytest.fixture
def new_agent(new_manager: Callable[..., Any]) -> Callable[..., Any]:
    """Make agents of the test's session, each in a manager of its own: the second is one that was restored."""

    def new_agent(*script: Step, session_manager: Any = None, **options: Any) -> Any:
        return scripted_agent(session_manager or new_manager(), *script, **options)

    return new_agent


@pytest.fixture
def stored(backend: Backend, reopen: Callable[..., Any], session_id: str) -> Callable[..., Any]:
    """Read what is stored of an agent of the test's session: all its messages, or None where there is no session.

    The records have the ids from 0 on, without a hole; of a session that is not there nothing is left at rest.
    """

    def stored(agent_id: str = "default") -> Any:
        repository = reopen()
        if repository.read_session(session_id) is None:
            assert session_id.encode() not in backend.dump(), "there is no session, but something of it is at rest"
            return None
        records = repository.list_messages(session_id, agent_id)
        assert ids(records) == list(range(len(records)))
        for record in records:
            assert_same_record(repository.read_message(session_id, agent_id, record.message_id), record)
        return [record.to_message() for record in records]

    return stored


@pytest.fixture
def new_storage(backend: Backend) -> Iterator[Callable[..., Any]]:
    """Make storages with connections of their own: what they read is in the store. Before and after it is empty."""
    with contextlib.ExitStack() as opened:

        def new_storage(**options: Any) -> Any:
            storage = backend.open_storage(**options)
            opened.callback(close, storage)
            return storage

        asyncio.run(delete_all(new_storage()))
        yield new_storage
        asyncio.run(delete_all(new_storage()))


@pytest.fixture
def storage(new_storage: Callable[..., Any]) -> Any:
    """The storage that writes."""
    return new_storage()


async def delete_all(storage: Any) -> None:
    """Delete all that a storage holds, as far as it can: what it cannot delete is for a test to find."""
    keys = await storage.list("")
    await asyncio.gather(*(storage.delete(key) for key in keys), return_exceptions=True)


def close(opened: Any) -> None:
    """Close what can be closed."""
    getattr(opened, "close", lambda: None)()
