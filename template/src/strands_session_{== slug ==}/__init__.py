# Shared: `copier update` merges what the template changes here into what you changed.
"""Sessions of Strands Agents in {== backend ==}."""

from importlib.metadata import version

{%% if starting_point == "lifecycle" %%}
from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError, SessionUnavailableError
from .session_manager import {== class_prefix ==}SessionManager
{%% else %%}
from ._copy import SessionCopy, copy_session
from .errors import SessionConflictError, SessionCorruptError, SessionNotFoundError, SessionUnavailableError
from .repository import {== class_prefix ==}SessionRepository
from .session_manager import {== class_prefix ==}SessionManager
from .storage import {== class_prefix ==}Storage
{%% endif %%}

__version__ = version("strands-session-{== slug | replace('_', '-') ==}")

__all__ = [
    "{== class_prefix ==}SessionManager",
{%% if starting_point == "lifecycle" %%}
    "SessionConflictError",
    "SessionCorruptError",
    "SessionNotFoundError",
    "SessionUnavailableError",
    "__version__",
{%% else %%}
    "{== class_prefix ==}SessionRepository",
    "{== class_prefix ==}Storage",
    "SessionConflictError",
    "SessionCopy",
    "SessionCorruptError",
    "SessionNotFoundError",
    "SessionUnavailableError",
    "__version__",
    "copy_session",
{%% endif %%}
]
