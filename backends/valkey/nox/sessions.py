nox.options.sessions = [*nox.options.sessions, "cluster"]


@nox.session
def cluster(session: nox.Session) -> None:
    """Run the conformance kit on a cluster of three primaries, with a replica each."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/test_conformance.py", *session.posargs, env={"VALKEY_TEST_TOPOLOGY": "cluster"})


