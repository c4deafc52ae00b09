"""Mistakes that many agents at once meet, on PostgreSQL."""

from __future__ import annotations

from doubles import Edit, Mistake

MISTAKES = [
    Mistake(
        "each manager opens a pool of its own",
        ["Load.test_agents_in_one_loop"],
        "<= 34",
        [Edit("connection.Server.__init__", "SharedConnection((url, seconds)", "SharedConnection((url, id(self))")],
    ),
    Mistake(
        "that all connections of a pool are in use is an error",
        ["Load.test_agents_in_several_processes"],
        "no connection came free",
        [
            Edit("connection.Server._take_from_pool", "min(_PATIENCE, pool.timeout / 2)", "0.001"),
            Edit("connection.Server._take_from_pool", "if left <= 0:", "if True:"),
        ],
    ),
]
