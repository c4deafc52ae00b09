# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""The errors that a session store raises, besides `ValueError` for a bad argument.

All of them are the SDK's `SessionException`, so `except SessionException` catches every one. They name the session, the
agent or the message, never a password, and carry the driver's error as `__cause__`.
"""

from strands.types.exceptions import SessionException


class SessionConflictError(SessionException):
    """The id is taken, or another writer changed the agent since it was read. Nothing was written."""


class SessionNotFoundError(SessionException):
    """The session, agent or message was never created, has expired, or was deleted. Nothing was written."""


class SessionCorruptError(SessionException):
    """The store holds something that this version of the package cannot read. It was left as it is."""


class SessionUnavailableError(SessionException):
    """The store did not answer, or refused to work. Whether a write took effect is unknown until it is repeated."""
