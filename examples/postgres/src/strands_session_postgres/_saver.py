# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""Saving one agent: captured where it runs, written off the event loop, in order, and healed after a failure."""

import logging
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Protocol

from strands.types.agent import LocalAgent
from strands.types.content import Message
from strands.types.exceptions import SessionException

from ._batch import Batch
from ._executor import Job, Writer
from ._log import AgentLog, Save
from .errors import SessionConflictError, SessionUnavailableError

logger = logging.getLogger(__name__)


class LogWriter(Protocol):
    """What takes the batches."""

    def write_log(self, batch: Batch, /) -> None:
        """Write all of a batch, or raise a `SessionException`; `SessionUnavailableError` says that it may be stored."""


class SaveJob:
    """The job that writes a save: alone, or in one round trip with those of other agents, where the store can do that.

    Attributes:
        is_done: Whether the save was written with others, and only has to be taken note of.
    """

    def __init__(self, store: Any, save: Save, write: Callable[[Save, bool], None]) -> None:
        self.is_done = False
        self._store, self._save, self._write = store, save, write

    @property
    def kind(self) -> Hashable:
        """What the store shares with others whose saves it can write as well; None for one that cannot."""
        kind: Hashable = self._store.shared if _writes_together(self._store.__class__) else None
        return kind

    def __call__(self) -> None:
        """Write the save, or take note that it was written."""
        self._write(self._save, self.is_done)

    def do_together(self, jobs: "Sequence[SaveJob]") -> None:
        """Write as many of these saves as can be written in one round trip."""
        try:
            written = self._store.write_together([(job._store, job._save.batch) for job in jobs])
            answers = list(zip(jobs, written, strict=True))
        except BaseException as error:  # whose fault it is shows when each is written alone
            logger.debug("%d saves could not be written together: %r", len(jobs), error)
            return
        for job, is_written in answers:
            job.is_done = is_written


@lru_cache
def _writes_together(kind: type) -> bool:
    """Whether `write_together` does what `write_log` does: not if a subclass or a wrapper replaces only the latter."""
    for each in kind.__mro__:
        if "write_together" in vars(each):
            return True
        if "write_log" in vars(each):
            break
    return False


class AgentSaver:
    """Keeps the store equal to one agent, and refuses once somebody else writes to it.

    Attributes:
        agent: The agent, as a weak reference.
        log: What is known to be stored of the agent.
    """

    def __init__(self, writer: LogWriter, session_id: str, agent: LocalAgent) -> None:
        agent_id = agent.agent_id
        self.agent = weakref.ref(agent)
        self.log = AgentLog(session_id, agent_id)
        self._name = f"session_id=<{session_id}>, agent_id=<{agent_id}>"
        self._store = writer
        self._writer = Writer()
        self._unsure: Save | None = None  # a save whose reply was lost, or never came
        self._refused: SessionConflictError | None = None

    @property
    def is_refused(self) -> bool:
        """Whether another writer changed the agent, so that nothing is written any more."""
        return self._refused is not None

    def save(self, agent: LocalAgent, *, everything: bool, redacted: Message | None = None) -> None:
        """Write what changed, and wait for it.

        Args:
            agent: The agent.
            everything: Whether to look at all messages, or only at those of the current turn.
            redacted: The agent's message that was redacted just now.

        Raises:
            SessionException: If it could not be stored. The next save that succeeds writes what is missing. After a
                conflict with another writer none does: every save is refused.
        """
        for capture in self._captures(agent, everything, redacted):
            self._writer.run(capture)

    async def save_async(self, agent: LocalAgent, *, everything: bool) -> None:
        """Write what changed, as `save` does, without blocking the event loop."""
        for capture in self._captures(agent, everything):
            await self._writer.run_async(capture)

    def settle(self) -> None:
        """Wait for a write that a cancelled turn left in flight."""
        self._writer.settle()

    def _captures(
        self, agent: LocalAgent, everything: bool, redacted: Message | None = None
    ) -> Iterator[Callable[[], Job | None]]:
        """Give what the writer has to run: the capture of the agent, and before it whatever is unsure by then."""
        captured = False

        def capture() -> Job | None:
            nonlocal captured
            if self._unsure is not None:
                return self._repeat(self._unsure)
            captured = True
            return self._capture(agent, everything, redacted)

        while not captured:
            yield capture

    def _repeat(self, save: Save) -> Job:
        """Return the job that settles what became of a write without a reply: the same write again, to the byte."""
        logger.warning("%s | repeating a save whose outcome is unknown", self._name)
        return partial(self._write, save)

    def _capture(self, agent: LocalAgent, everything: bool, redacted: Message | None = None) -> Job | None:
        """Return the job that writes what changed in the agent; None when nothing did."""
        if self._refused is not None:
            raise SessionConflictError(f"{self._refused} | build a new agent to go on") from self._refused
        try:
            save = self.log.changes(agent, everything=everything, redacted=redacted)
        except RecursionError as error:
            raise SessionException(f"{self._name} | messages or state are nested too deeply to be stored") from error
        return None if save is None else SaveJob(self._store, save, self._write)

    def _write(self, save: Save, is_written: bool = False) -> None:
        batch, self._unsure = save.batch, save
        try:
            if not is_written:
                self._store.write_log(batch)
        except SessionConflictError as error:
            self._unsure, self._refused = None, error
            if batch.version is not None:  # else the agent is just being created, by two at once
                logger.warning("save refused: %s", error)
            raise
        except SessionUnavailableError:
            raise
        except SessionException:
            self._unsure = None  # nothing was written, and the same again would fail the same way
            raise
        self._unsure = None
        self.log.saved(save)
        logger.debug(
            "%s, created=<%d>, updated=<%d>, agent=<%s> | saved",
            self._name,
            len(batch.create),
            len(batch.update),
            batch.agent is not None,
        )
