# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""What the manager asks of a repository beyond the SDK's interface: one atomic write and one read of an agent's log."""

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from strands.session import SessionRepository
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionMessage
from typing_extensions import Self

from ._batch import Batch, StoredLog
from ._layout import wanted
from ._records import encode
from .errors import SessionConflictError, SessionNotFoundError, SessionUnavailableError


class LogRepository(SessionRepository):
    """The SDK's `SessionRepository`, with deletion, listing, and the batch that the manager saves with."""

    @abstractmethod
    def delete_session(self, session_id: str, **kwargs: Any) -> None:
        """Delete a session with everything in it.

        Raises:
            SessionNotFoundError: If there is no such session.
        """

    def list_sessions(self, prefix: str = "", *, page_size: int = 100, **kwargs: Any) -> Iterator[Session]:
        """Iterate over the sessions whose ids start with a prefix, each once, while others come and go.

        Args:
            prefix: What the ids start with, character by character.
            page_size: How many sessions to fetch at once.
            **kwargs: For future extensibility.
        """
        raise NotImplementedError(f"{type(self).__name__} does not list sessions")

    def list_agents(self, session_id: str, **kwargs: Any) -> list[str]:
        """Return the ids of the agents of a session, sorted."""
        raise NotImplementedError(f"{type(self).__name__} does not list agents")

    def write_log(self, batch: Batch, **kwargs: Any) -> None:
        """Write a batch. A backend that can write it atomically, in one round trip, overrides this.

        Over the single methods the messages are written before the agent record, so that a crash in between leaves a
        conversation that is complete, with the state of one save ago. Only clashing message ids are detected.

        Raises:
            SessionConflictError: If another writer was faster. Nothing was written.
            SessionNotFoundError: If the session or the agent is gone. Nothing was written.
            SessionUnavailableError: If the outcome is unknown. The same batch again is recognised.
        """
        # What cannot be stored is found out before anything is written.
        name = f"session_id=<{batch.session_id}>, agent_id=<{batch.agent_id}>"
        for message in [*batch.create, *batch.update]:
            encode(message, f"{name}, message_id=<{message.message_id}>")
        if batch.agent is not None:
            encode(batch.agent, name)
        try:
            if batch.version is None and batch.agent is not None:
                self.create_agent(batch.session_id, batch.agent)
            for message in batch.create:
                self._create_once(batch, message)
            for message in batch.update:
                self.update_message(batch.session_id, batch.agent_id, message)
            if batch.version is not None and batch.agent is not None:
                self.update_agent(batch.session_id, batch.agent)
        except (SessionConflictError, SessionNotFoundError, SessionUnavailableError):
            raise
        except SessionException as error:
            raise SessionUnavailableError(f"{name} | a save was written in part: {error}") from error

    @property
    def shared(self) -> Hashable | None:
        """What this repository shares with all whose batches it can write as well: a pool, a client.

        None, unless a backend overrides it, and `write_together` with it.
        """
        return None

    def write_together(self, writes: Sequence[tuple["LogRepository", Batch]], **kwargs: Any) -> list[bool]:
        """Write batches of several agents in one round trip, each of them whole or not at all.

        Agents that save at the same time, in one event loop, come together here. A batch that is not written, or of
        which that is not known, goes through `write_log` then: it says what is wrong, and recognises one that was.

        Args:
            writes: The batches, each with its repository, which has the same `shared` as this one.
            **kwargs: For future extensibility.

        Returns:
            Of each whether it was written, for sure.

        Raises:
            SessionException: If it is not known of any.
        """
        raise NotImplementedError

    def read_log(self, session_id: str, agent_id: str, **kwargs: Any) -> StoredLog | None:
        """Read what a restore needs, or None where there is no such agent.

        Raises:
            SessionCorruptError: If a record cannot be read.
            SessionUnavailableError: If the store does not answer.
        """
        agent = self.read_agent(session_id, agent_id)
        if agent is None:
            return None
        runs, offset = wanted(agent)
        messages = self.list_messages(session_id, agent_id)
        next_id = messages[-1].message_id + 1 if messages else 0
        needed = [message for message in messages if any(first <= message.message_id <= last for first, last in runs)]
        return StoredLog(agent, "", needed[offset:], next_id)

    def _create_once(self, batch: Batch, message: SessionMessage) -> None:
        try:
            self.create_message(batch.session_id, batch.agent_id, message)
        except SessionException as error:
            stored = self.read_message(batch.session_id, batch.agent_id, message.message_id)
            if stored is None:
                raise
            if stored != message:
                raise batch.taken() from error

    def close(self) -> None:
        """Give back what the repository opened."""

    def __enter__(self) -> Self:
        """Use the repository in a `with` statement, which closes it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the repository."""
        self.close()
