"""Mistakes about a connection that fails somewhere in a conversation."""

from __future__ import annotations

from doubles import Edit, Mistake

WIRE = "FaultSweep.test_every_place_on_the_wire"
CALLS = "FaultSweep.test_every_call"
UNAVAILABLE = "except SessionUnavailableError:"
LOST = "acknowledged, and stored are"
SERVER = "connection.Server"
STALE = "is_broken = connection is not None and connection.broken"

MISTAKES = [
    Mistake(
        "an append that was committed before its reply was lost is not recognised",
        [WIRE, CALLS],
        "SessionConflictError",
        [Edit("repository.CorrectSessionRepository._check_written", "if _are_same(stored, batch.create)", "if False")],
    ),
    Mistake(
        "after a lost reply the messages are inserted with new ids",
        [WIRE],
        "SessionConflictError",
        [
            Edit(
                "_saver.AgentSaver._write",
                UNAVAILABLE,
                f"{UNAVAILABLE}\n        self._unsure = None\n        self.log._next_id += len(batch.create)",
            )
        ],
    ),
    Mistake(
        "a batch that was not committed is dropped",
        [WIRE],
        "the store fell back to an earlier state",
        [Edit("_saver.AgentSaver._write", UNAVAILABLE, f"{UNAVAILABLE}\n        self.log.saved(save)")],
    ),
    Mistake(
        "a batch that was not committed is logged, and the turn goes on",
        [WIRE],
        LOST,
        [
            Edit(
                "_saver.AgentSaver._write",
                f"{UNAVAILABLE}\n        raise",
                f"{UNAVAILABLE}\n        self._unsure = None\n        return",
            )
        ],
    ),
    Mistake(
        "a broken connection goes back to the pool",
        [WIRE],
        "the fault is over, and still",
        [
            Edit(f"{SERVER}.run", STALE, "is_broken = False"),
            Edit(
                f"{SERVER}._take_from_pool",
                "connection = pool.getconn(",
                "connection = self.__dict__.pop('_kept', None) or pool.getconn(",
            ),
            Edit(
                f"{SERVER}._take_from_pool",
                "partial(pool.putconn, connection)",
                "lambda: vars(self).update(_kept=connection) if connection.broken else pool.putconn(connection)",
            ),
        ],
    ),
    Mistake(
        "a statement whose connection ends without a reply is taken for committed",
        [WIRE],
        "not a SessionUnavailableError",  # but the next save finds that the one before is not there
        [Edit(f"{SERVER}.run", STALE, f"{STALE}\n            if is_broken:\n                return [(1, 1)], False")],
    ),
]
