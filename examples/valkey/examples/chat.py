# Shared: `copier update` merges what the template changes here into what you changed.
"""A conversation that outlives its process: end it with Ctrl-D, Ctrl-C or kill -9, run it again, and it goes on.

For example:
    python examples/chat.py                      # a stand-in for a model: no network, no key
    python examples/chat.py --model bedrock      # the SDK's default model; a Bedrock model id works, too
    python examples/chat.py --session other      # another conversation
    python examples/chat.py --show               # what is stored of it
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from strands import Agent
from strands.models import Model
from strands.types.content import Message, Messages
from strands.types.exceptions import SessionException
from strands.types.streaming import StreamEvent

from strands_session_valkey import ValkeySessionManager


class EchoModel(Model):
    """Stands in for a model. Its answers show how much of the conversation it was given."""

    def __init__(self, turn_delay: float) -> None:
        """Take `turn_delay` seconds for each answer, word by word."""
        self.turn_delay = turn_delay

    async def stream(self, messages: Messages, *args: Any, **kwargs: Any) -> AsyncIterator[StreamEvent]:
        """Count the user's messages and repeat the first."""
        heard = [text_of(message) for message in messages if message["role"] == "user"]
        words = f"That was message {len(heard)}. The first was: {heard[0]}".split(" ")
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": {}}}
        for index, word in enumerate(words):
            yield {"contentBlockDelta": {"delta": {"text": f" {word}" if index else word}}}
            await asyncio.sleep(self.turn_delay / len(words))
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}

    def get_config(self) -> dict[str, Any]:
        """Return what there is to configure: nothing."""
        return {}

    def update_config(self, **model_config: Any) -> None:
        """Ignore all configuration."""

    def structured_output(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: an echo has no structure."""
        raise NotImplementedError


def text_of(message: Message) -> str:
    """Return the text of a message, and for other content what kind it is."""
    return " ".join(block.get("text", f"[{next(iter(block))}]") for block in message["content"])


def print_words(data: str = "", **kwargs: Any) -> None:
    """Print an answer while it arrives (the agent's callback handler)."""
    print(data, end="", flush=True)


def prompts() -> Iterator[str]:
    """Yield the lines that the user types or pipes in, until the end of input."""
    while True:
        try:
            line = input("you:   ")
        except EOFError:
            print()
            return
        if not sys.stdin.isatty():
            print(line)  # Typed lines are on the screen already.
        if line.strip():
            yield line


def chat(sessions: ValkeySessionManager, model: Model | str | None) -> None:
    """Go on with the session's conversation, or begin it."""
    agent = Agent(model=model, agent_id="chat", session_manager=sessions, callback_handler=print_words)
    print(f"Session {sessions.session_id}: {len(agent.messages)} messages restored.")
    for message in agent.messages:
        print(f"{'you:' if message['role'] == 'user' else 'agent:':6} {text_of(message)}")
    if agent.messages and agent.messages[-1]["role"] == "user":
        print("(The last message has no answer yet: the process ended before it came. Here it is.)\nagent: ", end="")
        agent()
        print()
    for prompt in prompts():
        print("agent: ", end="", flush=True)
        agent(prompt)
        print()


def show(sessions: ValkeySessionManager) -> None:
    """Print the records of the session."""
    print(f"Session {sessions.session_id}:")
    for msg in sessions.list_messages(agent_id="chat"):
        print(f"  {msg.message_id:3}  {msg.created_at}  {msg.message['role']:9}  {text_of(msg.message)}")


def main() -> None:
    """Read the arguments and chat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--session", default="chat", help="id of the conversation (default: %(default)s)")
    parser.add_argument("--connection", help="by default $VALKEY_SESSION_CONNECTION")
    parser.add_argument("--model", default="echo", help="echo (default), bedrock, or a Bedrock model id")
    parser.add_argument("--turn-delay", type=float, default=0.5, help="seconds that echo takes (default: %(default)s)")
    parser.add_argument("--show", action="store_true", help="print what is stored, and change nothing")
    args = parser.parse_args()
    model = {"echo": EchoModel(args.turn_delay), "bedrock": None}.get(args.model, args.model)
    try:
        with ValkeySessionManager(args.session, args.connection, auto_create=not args.show) as opened:
            if args.show:
                show(opened)
                return
            chat(opened, model)
    except (SessionException, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print()
    print(f"Run the same command again to go on with session {args.session}.")


if __name__ == "__main__":
    main()
