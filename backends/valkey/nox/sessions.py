nox.options.sessions = [*nox.options.sessions, "cluster"]


@nox.session
def cluster(session: nox.Session) -> None:
    """Run the conformance kit on a cluster of three primaries, with a replica each."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/test_conformance.py", *session.posargs, env={"VALKEY_TEST_TOPOLOGY": "cluster"})


@nox.session
def extras(session: nox.Session) -> None:
    """Test what needs a server that knows TLS, which no wheel has."""
    names = [os.environ.get("VALKEY_SERVER"), "valkey-server", "redis-server"]
    server = next((found for name in names if name and (found := shutil.which(name))), None)
    if not server or not shutil.which("openssl"):
        session.error("this needs openssl and redis-server, or a server with TLS that VALKEY_SERVER names")
    session.install("-e", ".[dev]")
    session.run("pytest", *(session.posargs or ["tests/extras_tls.py"]), env={"VALKEY_SERVER": server})


