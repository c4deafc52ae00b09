@nox.session
def extras(session: nox.Session) -> None:
    """Test what needs programs that no wheel has: PgBouncer, and a PostgreSQL that knows TLS."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    folder = os.environ.get("PG_BIN") or str(debian[-1] if debian else "")
    if not folder or not shutil.which("pgbouncer", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"])):
        session.error("this needs `apt-get install pgbouncer postgresql`, or both elsewhere: PG_BIN names a folder")
    session.install("-e", ".[dev]")
    files = ["tests/extras_pgbouncer.py", "tests/extras_tls.py"]
    session.run("pytest", *(session.posargs or files), env={"PG_BIN": folder})


