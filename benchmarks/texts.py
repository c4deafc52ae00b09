"""What the agents talk about."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

SYLLABLES = ["ka", "lo", "mi", "ren", "tu", "sha", "vel", "nor", "pi", "dé", "su", "ga", "tor", "lim", "ba", "che"]


@cache
def text_of(size: int) -> str:
    """Return a text of so many characters, which compresses about as well as a real one; always the same."""
    chance = random.Random(size)
    words: list[str] = []
    while sum(map(len, words)) + len(words) <= size:
        words.append("".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))))
    return " ".join(words)[:size]


def messages_of(count: int, size: int) -> list[dict[str, Any]]:
    """Return a conversation: user and assistant by turns, each with a text of its own."""
    body = text_of(size)
    return [
        {"role": "assistant" if number % 2 else "user", "content": [{"text": f"{number:06d} {body}"[:size]}]}
        for number in range(count)
    ]
