"""Servers that die, fall behind and hand over their sessions while agents talk. This file is yours.

What an agent was told to be stored may be lost where a replica takes over, since replication is asynchronous. Nobody
may be fooled about it: what is stored has no hole and nothing twice, and whoever knows more is told so.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import valkey
from conformance.package import SessionConflictError, SessionManager, SessionUnavailableError
from conformance.records import ids
from conformance.scripted_model import scripted_agent
from conformance.trials import Trials
from servers import HOST, Server, move, moving, port_of, start_cluster, wait_for
from strands.types.exceptions import EventLoopException, SessionException
from usage import assert_restored
from valkey.sentinel import Sentinel

NewServer = Callable[..., Server]

pytestmark = pytest.mark.faults

PROMPT = "repl-diskless-sync-delay 0"  # replicas do not wait for others, as if nobody else came
NODE = (PROMPT, "cluster-node-timeout 1000", "cluster-replica-validity-factor 0", "cluster-allow-replica-migration no")


class Talker:
    """A user, whose agent talks whatever happens to the servers. Where it is refused, a new one goes on.

    Attributes:
        acknowledged: How many turns were acknowledged.
        lost: How many of these a new agent did not find any more.
        errors: What the other turns raised.
    """

    def __init__(self, session_id: str, client: Any) -> None:
        """Begin a session."""
        self.session_id, self.client = session_id, client
        self.acknowledged = self.lost = 0
        self.errors: list[BaseException | None] = []
        self._ends: list[int] = []  # how many messages there were after each acknowledged turn
        self._is_refused = False
        self.live = self._new_agent()

    def talk(self, stop: threading.Event) -> None:
        """Talk until it is time to stop."""
        while not stop.is_set():
            time.sleep(0.005 if self.turn() else 0.02)

    def turn(self) -> bool:
        """Say something, and return whether that was acknowledged."""
        try:
            if self._is_refused:
                self._start_anew()
            self.live(f"turn {self.acknowledged + len(self.errors)}")
        except (SessionException, EventLoopException) as error:
            self.errors.append(error.__cause__ if isinstance(error, EventLoopException) else error)
            self._is_refused = self._is_refused or isinstance(self.errors[-1], SessionConflictError)
            return False
        self.acknowledged += 1
        self._ends.append(len(self.live.messages))
        return True

    def check(self) -> None:
        """Fail unless what is stored is what the agent knows, in order and once, and what was raised is clear."""
        assert {type(error) for error in self.errors} <= {SessionUnavailableError, SessionConflictError}, self.errors
        assert all(self.session_id in str(error) for error in self.errors), self.errors
        assert_restored(self.live, self.session_id, client=self.client)
        with SessionManager(self.session_id, client=self.client) as manager:
            assert ids(manager.list_messages()) == list(range(len(self.live.messages)))
        said = [text for text in texts_of(self.live) if text.startswith("turn")]
        assert len(set(said)) == len(said)
        assert len(said) >= self.acknowledged - self.lost
        if not self._has_conflicts():
            assert len(said) == self.acknowledged + len(self.errors), "what was raised is not healed"

    def _has_conflicts(self) -> bool:
        return any(isinstance(error, SessionConflictError) for error in self.errors)

    def _new_agent(self) -> Any:
        return scripted_agent(SessionManager(self.session_id, client=self.client))

    def _start_anew(self) -> None:
        before, self.live, self._is_refused = texts_of(self.live), self._new_agent(), False
        now = texts_of(self.live)
        assert now == before[: len(now)], "what is left is not the beginning of what there was"
        self.lost += sum(end > len(now) for end in self._ends)
        self._ends = [end for end in self._ends if end <= len(now)]


def texts_of(agent: Any) -> list[str]:
    """What was said in a conversation."""
    return [block["text"] for message in agent.messages for block in message["content"]]


@contextmanager
def talking(talkers: list[Talker]) -> Iterator[None]:
    """Let all talk at once, each in a thread, and in the end check what is stored."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(talkers)) as threads:
        running = [threads.submit(talker.talk, stop) for talker in talkers]
        try:
            wait_for_turns(talkers, 5)
            yield
            wait_for_turns(talkers, 5)
        finally:
            stop.set()
            for talk in running:
                talk.result()  # why somebody fell silent comes before that somebody did
    for talker in talkers:
        wait_for(talker.turn)  # which saves what the last failure left unsaved
        talker.check()


def wait_for_turns(talkers: list[Talker], turns: int) -> None:
    """Wait until each had so many more turns acknowledged."""
    ends = [talker.acknowledged + turns for talker in talkers]
    wait_for(lambda: all(talker.acknowledged >= end for talker, end in zip(talkers, ends, strict=True)))


def summed(talkers: list[Talker]) -> dict[str, int]:
    """What to record of a trial."""
    return {"acknowledged": sum(one.acknowledged for one in talkers), "lost": sum(one.lost for one in talkers)}


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Server]]:
    """A cluster of three primaries, with a replica each."""
    nodes = start_cluster(*NODE, replicas=1)
    yield nodes
    for node in nodes:
        node.stop()


@pytest.fixture
def new_client(nodes: list[Server]) -> Iterator[Callable[[], Any]]:
    """Make clients of the cluster, which know all of its nodes."""
    clients: list[Any] = []

    def new_client() -> Any:
        known = [valkey.cluster.ClusterNode(HOST, node.port) for node in nodes]
        clients.append(valkey.ValkeyCluster(startup_nodes=known, socket_timeout=5))
        return clients[-1]

    yield new_client
    for client in clients:
        client.close()


def primary_of(nodes: list[Server], client: Any, session_id: str) -> Server:
    """The node that a session is on."""
    port = client.get_node_from_key(f"session:{session_id}").port
    (primary,) = [node for node in nodes if node.port == port]
    return primary


def replica_of(nodes: list[Server], primary: Server) -> Server:
    """The node that follows another one."""
    (replica,) = [node for node in nodes if node.client().info("replication").get("master_port") == primary.port]
    return replica


def is_in_step(node: Server) -> bool:
    """Whether a replica follows its primary."""
    return bool(node.client().info("replication").get("master_link_status") == "up")


def is_primary(node: Server) -> bool:
    """Whether a node is a primary, or has taken over."""
    try:
        return bool(node.client().info("replication")["role"] == "master")
    except valkey.ConnectionError:  # a Sentinel has it drop its clients then
        return False


def test_node_dies_under_load(nodes: list[Server], new_client: Callable[[], Any], trials: Trials) -> None:
    """A primary of a cluster is killed while agents talk: they go on with its replica, and none is fooled."""
    runs = trials.count(1, 10)
    talkers = []
    for run in range(runs):
        clients = [new_client(), new_client()]
        new = [Talker(f"cluster {run} {number}", clients[number % 2]) for number in range(6)]
        talkers += new
        primary = primary_of(nodes, clients[0], new[0].session_id)
        replica = replica_of(nodes, primary)
        with talking(new):
            time.sleep(trials.random(run).random() / 5)
            primary.stop(keep=True)
            wait_for(lambda replica=replica: is_primary(replica))
        primary.restart()
        wait_for(lambda node=primary: is_in_step(node))
    trials.record(runs=runs, **summed(talkers))


def test_sentinel_under_load(new_server: NewServer, trials: Trials) -> None:
    """Sentinel's primary is killed while agents talk: they go on with the replica, and none is fooled."""
    runs = trials.count(1, 10)
    talkers = []
    for run in range(runs):
        primary = new_server(PROMPT)
        replica = new_server(f"replicaof {HOST} {primary.port}")
        watch = (f"monitor primary {HOST} {primary.port} 1", "down-after-milliseconds primary 500")
        sentinel = new_server(*(f"sentinel {line}" for line in watch), sentinel=True)
        wait_for(lambda node=sentinel: node.client().info("sentinel")["master0"]["slaves"] == 1)
        wait_for(lambda node=replica: is_in_step(node))
        client = Sentinel([(HOST, sentinel.port)], socket_timeout=5).master_for("primary", socket_timeout=5)
        new = [Talker(f"Sentinel {number}", client) for number in range(6)]
        talkers += new
        with talking(new):
            time.sleep(trials.random(run).random() / 5)
            primary.stop()
            wait_for(lambda node=replica: is_primary(node))
        for server in (replica, sentinel):
            server.stop()
    trials.record(runs=runs, **summed(talkers))


def test_replica_that_is_behind(nodes: list[Server], new_client: Callable[[], Any], trials: Trials) -> None:
    """A replica that lacks the last turn takes over: the agent that knows it is refused, and a new one goes on."""
    client = new_client()
    talker = Talker("behind", client)
    assert talker.turn()
    primary = primary_of(nodes, client, "behind")
    replica = replica_of(nodes, primary)
    wait_for(lambda: replica.client().info("replication")["slave_repl_offset"] == primary_offset(primary))
    primary.client().execute_command("ACL SETUSER default -psync -sync")
    primary.client().execute_command("CLIENT KILL TYPE replica")
    wait_for(lambda: not is_in_step(replica))
    assert talker.turn(), "acknowledged, although nobody else has it"
    primary.stop(keep=True)
    wait_for(lambda: is_primary(replica))
    wait_for(lambda: talker.turn() or any(isinstance(error, SessionConflictError) for error in talker.errors))
    assert talker.lost == 0, "who is refused has to be told before"
    wait_for(talker.turn)
    trials.record(runs=1, **summed([talker]), what="control: a replica that is cut off")
    assert (talker.lost, texts_of(talker.live)[:2]) == (1, ["turn 0", "answer 1"])
    talker.check()
    primary.restart()
    wait_for(lambda: is_in_step(primary))


def primary_offset(primary: Server) -> int:
    """How much a primary has written."""
    return int(primary.client().info("replication")["master_repl_offset"])


def test_primary_without_replica(new_server: NewServer) -> None:
    """With min-replicas-to-write a primary that lost its replica refuses a save, whole; the next with one heals."""
    primary = new_server(PROMPT, "min-replicas-to-write 1")
    replica = new_server(f"replicaof {HOST} {primary.port}")
    wait_for(lambda: is_in_step(replica))
    talker = Talker("alone", primary.client())
    assert talker.turn()
    before = primary.client().hgetall("session:alone")
    replica.stop(keep=True)
    wait_for(lambda: primary.client().info("replication")["connected_slaves"] == 0)
    assert not talker.turn()
    assert "NOREPLICAS" in str(talker.errors[0])
    assert primary.client().hgetall("session:alone") == before
    replica.restart()
    wait_for(talker.turn)
    talker.check()


def test_slots_move_under_load(nodes: list[Server], new_client: Callable[[], Any], trials: Trials) -> None:
    """Slots that hold sessions move from node to node while their agents talk: nothing is lost, and nothing raised."""
    moves = trials.count(15, 300)
    clients = [new_client(), new_client()]
    talkers = [Talker(f"moving {number}", clients[number % 2]) for number in range(4)]
    random = trials.random()
    primaries = [node.client() for node in nodes if is_primary(node)]
    owners = {talker.session_id: primary_of(nodes, clients[0], talker.session_id).client() for talker in talkers}
    with talking(talkers):
        for _ in range(moves):
            session_id = random.choice(list(owners))
            source, key = owners[session_id], f"session:{session_id}"
            target = random.choice([one for one in primaries if port_of(one) != port_of(source)])
            with moving(key, source, target):
                time.sleep(random.random() / 50)
                move(source, target, key)
                time.sleep(random.random() / 50)
            owners[session_id] = target
    trials.record(runs=moves, **summed(talkers))
    refusals = [primary.info("errorstats") for primary in primaries]
    for redirection in ("errorstat_ASK", "errorstat_MOVED"):
        assert any(redirection in one for one in refusals), "nobody met a slot that moves"
    assert [error for talker in talkers for error in talker.errors] == []
    assert sum(talker.lost for talker in talkers) == 0
