"""Group H, with real agents: ids are data, which never meet, and those that are none are refused."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from .backend import Backend
from .cases import Cases, hint, lifecycle, quick
from .records import texts
from .scripted_model import scripted_agent

NewAgent = Callable[..., Any]
NewManager = Callable[..., Any]

ALIKE = [
    "{}a",
    "{}ab",
    "{}a:b",
    "{}a_",
    "{}a%",
    "{}A",
    "{}a*",
    "{}[a]",
    "{}?",
    "{}a ",
    " {}a",
    "{}\u00e4",
    "{}a\u0308",
    "{}{a}",
]
"""Ids that prefixes, wildcards, patterns, trimming and folding take for one another."""

HOSTILE = ["{}/a", "{}\\a", "{}/../a", "/{}", "{}\x00", "{}\na", "\t{}", "{}\x1f", "{}\x7f"]
EMPTY = ["", " ", "   ", "\u2003", ".", ".."]
NOT_TEXT = [None, 7, b"bytes"]
ODD = """a.b..c
'; DROP TABLE sessions; --
"quoted"
`tick`
$HOME
{tag}
%(name)s %s
a#b;c|d&e
-a
~
null
0
日本語
👩‍👩‍👧‍👦
<script>
${x}
a=b,c
agent:a:message:1""".splitlines()


@quick
@lifecycle
class IdentifiersOfAgents(Cases):
    """Group H, with real agents."""

    @pytest.mark.parametrize("bad", ["a/b", "..", "a\x00", "", " ", "a\n", "\u00e9" * 257])
    @hint("The manager refuses the id in its constructor, before it connects or creates anything.")
    def test_malformed_id_in_manager(self, backend: Backend, bad: str) -> None:
        """H2, H3: a manager of a malformed session id is a ValueError."""
        with pytest.raises(ValueError, match="session_id"):
            backend.manager(bad)

    @hint("The SDK refuses only path separators in an agent's id: the manager has to refuse the rest.")
    def test_malformed_agent_id_in_manager(self, new_agent: NewAgent, new_manager: NewManager) -> None:
        """H3: an agent with a malformed id is refused when it is built."""
        with pytest.raises(ValueError, match="agent_id"):
            new_agent(agent_id="a\nb", session_manager=new_manager())

    @hint("Compare ids whole and byte by byte: no pattern, no prefix, no trimming, nothing that folds case or accents.")
    def test_similar_sessions_of_agents(self, new_manager: NewManager, new_session_id: Callable[..., str]) -> None:
        """H1: of sessions with similar ids each has its own agent, with its own conversation and state."""
        token = new_session_id()
        talk_in_turns(new_manager, [(new_session_id(one.replace("{}", token)), "agent") for one in ALIKE])

    @hint("What joins ids with a separator needs it escaped within the ids.")
    def test_similar_agents_of_a_session(self, new_manager: NewManager, session_id: str) -> None:
        """H1, H6: agents with similar ids in one session each have their own conversation and state."""
        agent_ids = [one.replace("{}", "") for one in ALIKE] + ["a:message", "a:message:0", "agent:a"]
        talk_in_turns(new_manager, [(session_id, agent_id) for agent_id in agent_ids])

    @hint("What is made of a session's id and an agent's must tell where the one ends and the other begins.")
    def test_session_and_agent_run_together(self, new_manager: NewManager, new_session_id: Callable[..., str]) -> None:
        """H1, H6: session "x:a" with agent "b" is not session "x" with agent "a:b"; one agent id is in two sessions."""
        token = new_session_id()
        names = [("{}:a", "b"), ("{}", "a:b"), ("{}:agent", "a"), ("{}", "agent:a"), ("{}a", "b"), ("{}", "ab")]
        pairs = [(new_session_id(name.replace("{}", token)), agent_id) for name, agent_id in names]
        talk_in_turns(new_manager, pairs)

    @pytest.mark.parametrize("template", ["{}", "\u00e9{}", "\U0001f600{}"])
    @hint("512 bytes of UTF-8 are the limit: what is made of an id must not cut it off, nor be too long itself.")
    def test_longest_ids_of_agents(
        self, new_manager: NewManager, new_session_id: Callable[..., str], template: str
    ) -> None:
        """H3: ids of 512 bytes of UTF-8 work, for sessions and agents, and are told apart by the last one."""
        short = template.replace("{}", new_session_id())
        ids = [short + "x" * (511 - len(short.encode())) + last for last in "xy"]
        talk_in_turns(new_manager, [(new_session_id(session_id), agent_id) for session_id in ids for agent_id in ids])

    @pytest.mark.parametrize("odd", ODD)
    @hint("Pass ids as parameters, never as text of a query, a path, a format or a pattern.")
    def test_odd_ids_of_agents(self, new_manager: NewManager, new_session_id: Callable[..., str], odd: str) -> None:
        """H4: ids with quotes, braces, percent signs, code and any script are data, of sessions and agents."""
        talk_in_turns(new_manager, [(new_session_id(f"{odd} {uuid.uuid4().hex}"), odd)])


def talk_in_turns(new_manager: NewManager, pairs: list[tuple[str, str]]) -> None:
    """Let the agents of these sessions talk in turns, restored each time: fail where one finds what is not its own."""
    for turn in range(2):
        for number, (session_id, agent_id) in enumerate(pairs):
            with new_manager(session_id) as manager:
                live: Any = scripted_agent(manager, agent_id=agent_id)
                assert texts(live.messages) == ([f"{number} 0", "answer 1"] if turn else [])
                assert live.state.get() == ({"number": number} if turn else {})
                live.state.set("number", number)
                live(f"{number} {turn}")
