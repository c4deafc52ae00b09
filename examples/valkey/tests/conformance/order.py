"""Group G: messages come back by number, from the oldest, in the slice that was asked for."""

from collections.abc import Callable
from typing import Any

import pytest
from strands.types.exceptions import SessionException

from .backend import Backend
from .cases import Cases, hint, lacks, messages, quick, requires
from .records import AGENT_ID, agent, create, ids, message
from .same import assert_same_record
from .wire import HOST, Traffic, Wire

Reopen = Callable[..., Any]


@messages
class Order(Cases):
    """Group G."""

    @quick
    @hint("Ids are numbers: as text, 10 comes before 9.")
    def test_numeric_order(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G1: messages are listed by number, also past 9 and 99, and whatever the order in which they were written."""
        numbers = [*range(12), 99, 100, 101, 1000]
        create(repository, session_id, *(message(number) for number in reversed(numbers)))
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == numbers

    @quick
    @hint("An id of 32 bits is too small, and one that became a float loses its last digits: use 64 bits, or text.")
    def test_largest_message_id(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G1, H5: messages with ids of up to 2^53 - 1 are stored, in order; a larger one is a ValueError."""
        numbers = [2**31 - 1, 2**31, 2**32, 2**53 - 2, 2**53 - 1]
        create(repository, session_id, message(2**40), agent_id="other")  # an id as long as the next one
        create(repository, session_id, *(message(number) for number in numbers))
        again = reopen()
        assert ids(again.list_messages(session_id, AGENT_ID)) == numbers
        assert ids(again.list_messages(session_id, AGENT_ID, limit=4)) == numbers[:4]
        assert_same_record(again.read_message(session_id, AGENT_ID, 2**53 - 1), message(2**53 - 1))
        for number in (2**53, 2**63, 2**64):
            with pytest.raises(ValueError, match="message_id"):
                repository.create_message(session_id, AGENT_ID, message(number))

    @quick
    @hint("Order by message_id: clocks of several machines stand still, and go back.")
    def test_order_ignores_time(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G2: equal and decreasing timestamps do not change the order."""
        times = [
            "2024-01-03T00:00:00+00:00",
            "2024-01-02T00:00:00+00:00",
            "2024-01-02T00:00:00+00:00",
            "2024-01-01T00:00:00+00:00",
        ]
        create(repository, session_id, *(message(n, created_at=time, updated_at=time) for n, time in enumerate(times)))
        assert ids(reopen().list_messages(session_id, AGENT_ID)) == [0, 1, 2, 3]

    @quick
    @hint(
        "limit=0 is no message, not all of them (`if limit:`). An offset past the end is an empty list, not an error."
    )
    def test_limit_and_offset(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G3: limit and offset are those of a slice of all messages, also at their edges."""
        create(repository, session_id, *(message(number) for number in range(7)))
        again = reopen()
        everything = ids(again.list_messages(session_id, AGENT_ID))
        for limit in (None, 0, 1, 3, 7, 100):
            for offset in (0, 1, 5, 7, 100):
                expected = everything[offset:] if limit is None else everything[offset : offset + limit]
                listed = ids(again.list_messages(session_id, AGENT_ID, limit=limit, offset=offset))
                assert listed == expected, f"limit={limit}, offset={offset}"
        assert ids(again.list_messages(session_id, AGENT_ID, 2, 1)) == [1, 2], "limit and offset by position"

    @quick
    @pytest.mark.parametrize("bad", [-1, 1.5, "1"])
    @hint("Check both first: `_records.check_count` does. What a store makes of -1 is anybody's guess.")
    def test_malformed_limit_and_offset(self, repository: Any, session_id: str, bad: Any) -> None:
        """G3: a limit or an offset that is negative, or no whole number, is a ValueError."""
        create(repository, session_id, message(0), message(1))
        with pytest.raises(ValueError, match="limit"):
            repository.list_messages(session_id, AGENT_ID, limit=bad)
        with pytest.raises(ValueError, match="offset"):
            repository.list_messages(session_id, AGENT_ID, offset=bad)

    @quick
    @hint("offset counts messages, not ids: after a gap they differ.")
    def test_offset_counts_messages(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G3: limit and offset count the messages that there are, where ids have gaps."""
        create(repository, session_id, *(message(number) for number in (3, 5, 8, 13)))
        assert ids(reopen().list_messages(session_id, AGENT_ID, limit=2, offset=1)) == [5, 8]

    @hint("A page of the datastore's own (100 keys, 1 MB, 1,000 rows) is not the end of the list.")
    def test_many_messages(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G4: 2,500 messages are listed, in order, each once."""
        create(repository, session_id, *(message(number) for number in range(2500)))
        again = reopen()
        assert ids(again.list_messages(session_id, AGENT_ID)) == list(range(2500))
        assert ids(again.list_messages(session_id, AGENT_ID, limit=3, offset=2400)) == [2400, 2401, 2402]

    @quick
    @hint("The interface's limit counts from the offset on, as a slice does. The newest messages are not asked for.")
    def test_limit_gives_the_oldest(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G5: a limit gives the oldest messages after the offset, not the newest."""
        create(repository, session_id, *(message(number) for number in range(5)))
        assert ids(reopen().list_messages(session_id, AGENT_ID, limit=2)) == [0, 1]

    @quick
    @hint("Records of other kinds and of other agents must not be counted, or filtered only after the limit.")
    def test_only_messages_count(self, repository: Any, reopen: Reopen, session_id: str) -> None:
        """G6: the session's record and its agents' do not count towards the limit or the offset."""
        create(repository, session_id)
        for number in range(3):
            repository.create_agent(session_id, agent(f"other-{number}"))
            repository.create_message(session_id, f"other-{number}", message(0, "other"))
            repository.create_message(session_id, AGENT_ID, message(number))
        assert ids(reopen().list_messages(session_id, AGENT_ID, limit=3)) == [0, 1, 2]
        assert ids(reopen().list_messages(session_id, AGENT_ID, limit=3, offset=1)) == [1, 2]

    @requires("round_trips")
    @hint("Fetch messages in bulk. One request for each, even if many are sent at once, is what this finds.")
    def test_commands_of_a_listing(self, backend: Backend, reopen: Reopen, session_id: str) -> None:
        """G7: listing 1,000 messages takes 4 commands at most, and not one for each."""
        with Wire(*backend.address()) as wire:
            repository = reopen(**backend.through(HOST, wire.port))
            costs: list[Traffic] = []
            for length in (10, 1000):
                create(reopen(), session_id, *(message(n) for n in range(length)), agent_id=f"agent-{length:04}")
                for _ in range(2):  # the second time everything is prepared
                    with wire.counting() as cost:
                        assert len(repository.list_messages(session_id, f"agent-{length:04}")) == length
                costs.append(cost)
            few, many = costs
            assert many.round_trips <= 4
            assert many.sent <= 4 * few.sent, "so many commands were sent at once"

    @quick
    @requires("lists_unknown_agent")
    @hint("The backend declares lists_unknown_agent.")
    def test_unknown_agent_has_no_messages(self, repository: Any, session_id: str) -> None:
        """G8: an agent that does not exist has no messages, least of all another one's."""
        create(repository, session_id, message(0))
        assert repository.list_messages(session_id, "nobody") == []
        assert repository.list_messages(f"{session_id}-other", AGENT_ID) == []

    @quick
    @lacks("lists_unknown_agent")
    @hint("The backend does not declare lists_unknown_agent.")
    def test_unknown_agent_is_refused(self, repository: Any, session_id: str) -> None:
        """G8: listing the messages of an agent that does not exist is an error."""
        create(repository, session_id, message(0))
        for place in ((session_id, "nobody"), (f"{session_id}-other", AGENT_ID)):
            with pytest.raises(SessionException):
                repository.list_messages(*place)
