"""Mistakes about a connection that fails somewhere in a conversation."""

from __future__ import annotations

from doubles import Edit, Mistake

WIRE = "FaultSweep.test_every_place_on_the_wire"
CALLS = "FaultSweep.test_every_call"
UNAVAILABLE = "except SessionUnavailableError:"
LOST = "acknowledged, and stored are"

MISTAKES = [
    Mistake(
        "a script does not recognise the append that it ran before its reply was lost",
        [WIRE, CALLS],
        "SessionConflictError",
        [Edit("scripts.SAVE", "if version ~= new_version or next ~= first + count then return", "do return")],
    ),
    Mistake(
        "after a lost reply the messages are sent with new ids",
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
        "a batch that did not reach the server is dropped",
        [WIRE],
        "the store fell back to an earlier state",
        [Edit("_saver.AgentSaver._write", UNAVAILABLE, f"{UNAVAILABLE}\n        self.log.saved(save)")],
    ),
    Mistake(
        "a batch that did not reach the server is logged, and the turn goes on",
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
        "a connection that ends in the middle of a reply, or before it, has answered",
        [WIRE],
        LOST,
        [Edit("connection.Server.call", "return (repeated or command)(client)", "return b'done'")],
    ),
    Mistake(
        "a server that does not answer in time has done it",
        [WIRE],
        LOST,
        [
            Edit(
                "connection.Server.call",
                "except (exceptions.ConnectionError, exceptions.ClusterError) as error:",
                "except exceptions.TimeoutError:\n                return b'done'\n"
                "            except (exceptions.ConnectionError, exceptions.ClusterError) as error:",
            )
        ],
    ),
]
