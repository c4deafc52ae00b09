"""Mistakes that many agents at once meet, on Valkey."""

from __future__ import annotations

from doubles import Edit, Mistake

MISTAKES = [
    Mistake(
        "each manager opens connections of its own",
        ["Load.test_agents_in_one_loop"],
        "<= 32",
        [Edit("connection.Server.__init__", "SharedConnection((url, seconds)", "SharedConnection((url, id(self))")],
    ),
    Mistake(
        "that all connections of a client are in use is an error",
        ["Load.test_agents_in_several_processes"],
        "Too many connections",
        [
            Edit("connection._connect", "valkey.BlockingConnectionPool", "valkey.ConnectionPool"),
            Edit("connection._connect", "timeout=timeout, **options", "**options"),
            Edit("connection._is_passing", '"Too many connections"', '"nothing like that"'),
        ],
    ),
]
