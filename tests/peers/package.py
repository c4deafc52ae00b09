"""Takes the place of the kit's package.py: the SDK's interface, and nothing of a package that we generate."""

from strands.session.session_repository import SessionRepository as LogRepository

# The interface does not say which errors there are.
SessionConflictError = SessionCorruptError = SessionNotFoundError = SessionUnavailableError = Exception
# Only cases that are not run here use them.
Batch = Storage = copy_session = None

__all__ = [
    "Batch",
    "LogRepository",
    "SessionConflictError",
    "SessionCorruptError",
    "SessionNotFoundError",
    "SessionUnavailableError",
    "Storage",
    "copy_session",
]
