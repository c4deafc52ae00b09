"""The tasks, for whatever is a session manager: each is timed above the same agent without sessions."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agents import AGENT_ID, make_agent
from strands import Agent
from strands.hooks import AfterInvocationEvent, MessageAddedEvent
from strands.types.session import SessionMessage
from texts import messages_of, text_of

Times = dict[str, list[float]]
SHORT = 10  # messages of the history that a long one is compared with
MESSAGES = 8  # of a turn that calls three tools: the question, three calls with their results, the answer


class Managed(ABC):
    """Something that keeps sessions, as the tasks see it.

    A place is an address of a store: the same session has others in the way, or a slower wire, at another.
    """

    @abstractmethod
    def connect(self, place: str, connections: int = 0) -> None:
        """Open what all managers of a place share, unless it is open.

        Args:
            place: The address.
            connections: How many agents have to be able to write at once; 0 for whatever is the default.
        """

    @abstractmethod
    def manager(self, place: str, session_id: str) -> Any:
        """Make a session manager."""

    def close(self, manager: Any) -> None:  # noqa: B027  most hold nothing
        """Give back what a session manager holds."""

    def repository(self, manager: Any) -> Any:
        """Return the repository of a session manager."""
        return manager.session_repository

    def erase(self, manager: Any) -> None:
        """Delete the session."""
        self.repository(manager).delete_session(manager.session_id)

    def store(self, manager: Any, agent: Agent, messages: list[Any]) -> None:
        """Store a conversation of the agent that is there already."""
        for number, message in enumerate(messages):
            record = SessionMessage.from_message(message, number)
            self.repository(manager).create_message(manager.session_id, AGENT_ID, record)

    # -- The tasks ---------------------------------------------------------------------------------------------------

    def fill(self, place: str, session_id: str, messages: int, size: int) -> Times:
        """Make a session, which is not timed."""
        self.connect(place)
        manager = self.manager(place, session_id)
        self.store(manager, make_agent(manager), messages_of(messages, size))
        self.close(manager)
        return {}

    def new(self, place: str, session_id: str) -> Times:
        """Open a session that does not exist, with an agent."""
        self.connect(place)
        make_agent()  # so that the next one is no first one

        def build() -> Any:
            manager = self.manager(place, session_id)
            make_agent(manager)
            return manager

        spent, manager = clocked(build)
        bare, _ = clocked(make_agent)
        self.close(manager)
        return {"seconds": [spent - bare]}

    def restore(self, place: str, session_id: str, messages: int) -> Times:
        """Build an agent on a session that exists."""
        self.connect(place)
        manager = self.manager(place, session_id)
        make_agent()  # so that the next one is no first one
        bare, _ = clocked(make_agent)
        spent, agent = clocked(lambda: make_agent(manager))
        assert len(agent.messages) == messages, f"{len(agent.messages)} messages were restored, not {messages}"
        self.close(manager)
        return {"seconds": [spent - bare]}

    def turns(
        self, place: str, session_id: str, count: int, calls_tool: bool = False, is_awaited: bool = False
    ) -> Times:
        """Take turns with a new agent: by synchronous calls, or awaited in one event loop, as in a server."""
        self.connect(place)
        manager = self.manager(place, session_id)
        agent, bare = make_agent(manager, calls_tool=calls_tool), make_agent(calls_tool=calls_tool)
        seconds = asyncio.run(take_turns(agent, bare, count, is_awaited=is_awaited))
        self.close(manager)
        return {"seconds": seconds}

    def sync(self, place: str, session_id: str, count: int) -> Times:
        """Store a state that changed."""
        self.connect(place)
        manager = self.manager(place, session_id)
        agent = make_agent(manager)
        agent("How much is it?")
        seconds = []
        for number in range(1 + count):
            agent.state.set("step", number)
            seconds.append(clocked(lambda: manager.sync_agent(agent))[0])
        self.close(manager)
        return {"seconds": seconds[1:]}

    def redact(self, place: str, session_id: str, count: int) -> Times:
        """Redact the latest message, as a guardrail does."""
        self.connect(place)
        manager = self.manager(place, session_id)
        agent = make_agent(manager)
        seconds = []
        for number in range(1 + count):
            message: Any = {"role": "user", "content": [{"text": f"{number} {text_of(500)}"}]}
            agent.messages.append(message)
            asyncio.run(agent.hooks.invoke_callbacks_async(MessageAddedEvent(agent=agent, message=message)))
            message["content"] = [{"text": "[redacted]"}]
            seconds.append(clocked(lambda: manager.redact_latest_message(agent.messages[-1], agent))[0])
        self.close(manager)
        return {"seconds": seconds[1:]}

    def delete(self, place: str, session_id: str) -> Times:
        """Delete a session."""
        self.connect(place)
        manager = self.manager(place, session_id)
        spent, _ = clocked(lambda: self.erase(manager))
        self.close(manager)
        return {"seconds": [spent]}

    def list_messages(self, place: str, session_id: str, messages: int) -> Times:
        """List the messages, with the repository alone."""
        self.connect(place)
        manager = self.manager(place, session_id)
        spent, found = clocked(lambda: self.repository(manager).list_messages(session_id, AGENT_ID))
        assert len(found) == messages
        self.close(manager)
        return {"seconds": [spent]}

    def create_message(self, place: str, session_id: str, count: int) -> Times:
        """Store messages one by one, with the repository alone."""
        self.connect(place)
        manager = self.manager(place, session_id)
        make_agent(manager)
        repository, seconds = self.repository(manager), []
        for number, message in enumerate(messages_of(1 + count, 500)):
            record = SessionMessage.from_message(message, number)  # type: ignore[arg-type]
            seconds.append(clocked(lambda record=record: repository.create_message(session_id, AGENT_ID, record))[0])  # type: ignore[misc]
        self.close(manager)
        return {"seconds": seconds[1:]}

    def append(self, place: str, session_id: str, history: int, count: int) -> Times:
        """Add messages to an agent with a long history: what MessageAdded costs, and apart what the turn's end does.

        An agent with a short history takes turns with it: what its messages cost is `beside`.
        """
        histories = {"": history, "-beside": SHORT}
        managers, agents = [], []
        for suffix, messages in histories.items():
            self.fill(place, session_id + suffix, messages, 500)
            managers.append(self.manager(place, session_id + suffix))
            agents.append(make_agent(managers[-1]))  # which knows by its restore where to go on
        times: Times = {"seconds": [], "end of turn": [], "turn": [], "beside": []}

        async def turn(agent: Agent, number: int, kinds: tuple[str, str, str]) -> None:
            begin = time.perf_counter()
            for message in messages_of(MESSAGES, 500):
                agent.messages.append({**message, "content": [{"text": f"{number} {message['content'][0]['text']}"}]})  # type: ignore[typeddict-item]
                before = time.perf_counter()
                event = MessageAddedEvent(agent=agent, message=agent.messages[-1])
                await agent.hooks.invoke_callbacks_async(event)
                times[kinds[0]].append(time.perf_counter() - before)
            before = time.perf_counter()
            await agent.hooks.invoke_callbacks_async(AfterInvocationEvent(agent=agent, invocation_state={}))
            times.setdefault(kinds[1], []).append(time.perf_counter() - before)
            times.setdefault(kinds[2], []).append(time.perf_counter() - begin)

        async def turns() -> None:
            for number in range(1 + count):
                await turn(agents[0], number, ("seconds", "end of turn", "turn"))
                await turn(agents[1], number, ("beside", "-", "-"))

        asyncio.run(turns())
        for manager in managers:
            self.close(manager)
        shown = {kind: measured for kind, measured in times.items() if kind != "-"}
        return {kind: one[MESSAGES if kind in ("seconds", "beside") else 1 :] for kind, one in shown.items()}

    def crowd(self, place: str, session_id: str, agents: int, connections: int) -> Times:
        """Have many agents take a turn in one event loop, with and without sessions."""
        self.connect(place, connections)
        with ThreadPoolExecutor(8) as threads:  # at 20 ms, one after another takes long
            managers = list(threads.map(lambda number: self.manager(place, f"{session_id}-{number}"), range(agents)))
            with_sessions = list(threads.map(make_agent, managers))
        times = crowd_of(with_sessions, [make_agent() for _ in range(agents)], threads=connections)
        for manager in managers:
            self.close(manager)
        return times

    def converse(self, place: str, session_id: str, turns: int, size: int) -> Times:
        """Take turns with long messages, going on where the last call ended, until `hang_up`."""
        if getattr(self, "_talk", None) is None:
            self.connect(place)
            manager = self.manager(place, session_id)
            self._talk: Any = manager, make_agent(manager, answer=text_of(size))
        for _ in range(turns):
            self._talk[1](text_of(size))
        return {}

    def hang_up(self) -> Times:
        """End the conversation."""
        self.close(self._talk[0])
        self._talk = None
        return {}


def clocked(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that something takes, and its result."""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


async def take_turns(agent: Agent, bare: Agent, count: int, *, is_awaited: bool) -> list[float]:
    """Return the seconds that the turns of an agent take, above those of the same one without sessions."""
    seconds = []
    for number in range(2 + count):
        spent = {}
        for one in [agent, bare] if number % 2 else [bare, agent]:
            begin = time.perf_counter()
            if is_awaited:
                await one.invoke_async("How much is it?")
            else:
                one("How much is it?")
            spent[id(one)] = time.perf_counter() - begin
        seconds.append(spent[id(agent)] - spent[id(bare)])
    return seconds[2:]


def crowd_of(with_sessions: list[Agent], without: list[Agent], *, threads: int = 0) -> Times:
    """Return how long a turn of all agents takes, and how long the event loop stands still then.

    Args:
        with_sessions: The agents.
        without: As many without sessions.
        threads: How many the event loop has for what it does beside it, at least; 0 for its default.
    """
    times: Times = {}

    async def turns(crowd: list[Agent]) -> tuple[float, float]:
        if threads:
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max(threads, 8)))
        await turn_of(crowd)  # connections and threads are there afterwards, as in a server that runs
        return await turn_of(crowd)

    for name, crowd in (("without", without), ("with", with_sessions)):
        wall, stall = asyncio.run(turns(crowd))
        times[f"wall {name}"], times[f"stall {name}"] = [wall], [stall]
    return times


async def turn_of(crowd: list[Agent]) -> tuple[float, float]:
    """Let all agents take a turn at once: how long it took, and the longest time that the event loop was held up."""
    longest, is_over = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not is_over:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    watcher = asyncio.ensure_future(watch())
    await asyncio.sleep(0.01)
    begin = time.perf_counter()
    await asyncio.gather(*(agent.invoke_async("How much is it?") for agent in crowd))
    wall = time.perf_counter() - begin
    is_over = True
    await watcher
    return wall, longest
