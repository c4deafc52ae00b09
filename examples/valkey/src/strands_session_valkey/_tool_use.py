# From strands-session-template. `copier update` keeps this file current, with its fixes: better not to edit it.
"""Repair of conversations that a crash, or a trimmed log, left with half a tool call."""

import logging
from itertools import chain
from typing import cast

from strands.types.content import ContentBlock, Message, Messages

logger = logging.getLogger(__name__)


def repair_tool_use(messages: Messages) -> bool:
    """Make every tool call in a restored conversation answered, and every answer one to a call, in place.

    Model providers refuse a conversation in which a `toolUse` is not followed by its `toolResult`, or the other way
    round. A call in the last message stays: the agent itself answers it when the next prompt arrives, and an
    interrupted call is still to be resumed.

    Args:
        messages: The conversation, oldest first. A message that needs repair gets new `content`; one that holds nothing
            but answers to no call is removed; one is inserted where a call has no answer at all.

    Returns:
        Whether anything needed repair.
    """
    blocks = chain.from_iterable(message["content"] for message in messages)
    if not any("toolUse" in block or "toolResult" in block for block in blocks):
        return False
    position, is_sound = 0, True
    while position < len(messages):
        called = _ids(messages[position - 1], "toolUse") if position else []
        message = messages[position]
        answered = _ids(message, "toolResult")
        if called == answered or set(called) == set(answered):
            position += 1
            continue
        is_sound = False
        logger.warning(
            "message_index=<%d>, tool_use_ids=<%s>, tool_result_ids=<%s> | repairing unpaired tool calls and results",
            position,
            called,
            answered,
        )
        if called and not answered:
            messages.insert(position, {"role": "user", "content": [_failed(tool_use_id) for tool_use_id in called]})
            continue
        results = {block["toolResult"]["toolUseId"]: block for block in message["content"] if "toolResult" in block}
        others = [block for block in message["content"] if "toolResult" not in block]
        content = [results.get(tool_use_id) or _failed(tool_use_id) for tool_use_id in called] + others
        if content:
            message["content"] = content
            position += 1
        else:
            del messages[position]
    return not is_sound


def _ids(message: Message, kind: str) -> list[str]:
    blocks = cast("list[dict[str, dict[str, str]]]", message["content"])
    return [block[kind]["toolUseId"] for block in blocks if kind in block]


def _failed(tool_use_id: str) -> ContentBlock:
    text = "The tool was interrupted before it returned a result."
    return {"toolResult": {"toolUseId": tool_use_id, "status": "error", "content": [{"text": text}]}}
