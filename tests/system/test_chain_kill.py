"""SIGKILL of any process between two regions under load, again and again: region B's replicas end
byte-identical with the master, and nobody is given a full copy.

    region A (side a)                       |  region B (side b)
    master -> keeper A <- relay A (TLS)  == ocean ==  relay B <- keeper B -> two replicas

SLUICE_KILLS=100 makes the run long; SLUICE_SEED repeats one's choices. The master is no victim: a
stock master that was killed comes back with another replid, also with its AOF, so that a full copy
is what is right then; what its failover costs is test_failover.py's.
"""

import os
import random
import re
import time

from harness.certificates import Certificates
from harness.redis_server import wait_in_sync
from harness.waiting import eventually

KILLS = int(os.environ.get('SLUICE_KILLS', 12))
SEED = int(os.environ.get('SLUICE_SEED', random.randrange(1 << 32)))
KILLS_BETWEEN_COMPARISONS = 10
RECOVERS_WITHIN = 30.0  # seconds, on a machine that does other things too
FULL_RESYNC = re.compile(r'full resync (?!goes on)')
OCEAN = {'delay': '60ms', 'loss': '0.5%', 'rate': '200mbit'}


class Chain:
    """All processes, in the order of the stream; region B's victims are told apart by their name."""

    def __init__(self, wan, redis_server, keeper, relay, certificates):
        ocean = wan(**OCEAN)
        a, b = ocean.side('a'), ocean.side('b')
        self.master = redis_server('master', host=a)
        self.master.client.mset({f'start:{n}': 'v' * 100 for n in range(2000)})
        self.keeper_a = keeper(self.master, name='keeper-a', host=a, flags={'segment-bytes': 1 << 20})
        eventually(self.keeper_a.link_is_up, 'keeper A follows the master')
        self.relay_a = relay([f'127.0.0.1:{self.keeper_a.port}'], name='relay-a', tls=certificates, host=a)
        self.relay_b = relay([f'{a.address}:{self.relay_a.tls_port}'], name='relay-b', tls=certificates,
                             host=b, flags={'tls-server-name': 'localhost'})
        route = f'{self.relay_b.uri} {self.relay_a.tls_uri}'
        self.keeper_b = keeper(self.keeper_a, name='keeper-b', host=b,
                               flags={'segment-bytes': 1 << 20, 'route': route})
        eventually(self.keeper_b.link_is_up, 'keeper B follows keeper A')
        # One that has saved nothing has no position to go on from: what it got at first is its start.
        self.replicas = [redis_server('replica-b', host=b, replica_of=self.keeper_b,
                                      options={'save': '2 1'}) for _ in range(2)]
        for replica in self.replicas:
            eventually(replica.link_is_up, 'a replica follows keeper B')
        self.victims = [self.keeper_a, self.relay_a, self.relay_b, self.keeper_b, *self.replicas]

    def links_are_up(self):
        return all(follower.link_is_up() for follower in [self.keeper_a, self.keeper_b, *self.replicas])

    def full_copies(self):
        """Of every follower in its whole life, as its log tells; it has one from the start."""
        keepers = [len(FULL_RESYNC.findall(k.log_text())) for k in (self.keeper_a, self.keeper_b)]
        return keepers + [replica.full_resyncs() for replica in self.replicas]

    def has_moved_to(self, offset):
        return all(replica.offset >= offset for replica in self.replicas)


def kill_some(rng, chain):
    """One of them, and now and then another before the first is back."""
    fallen = rng.sample(chain.victims, 2 if rng.random() < 0.2 else 1)
    for victim in fallen:
        victim.kill()
        time.sleep(rng.uniform(0.0, 0.3))
    for victim in fallen:
        victim.start(within=RECOVERS_WITHIN)
    return fallen


def test_kills_of_any_process_under_load_cost_no_full_copy(
        wan, redis_server, keeper, relay, load, tmp_path):
    print(f'SLUICE_SEED={SEED}')
    rng = random.Random(SEED)
    chain = Chain(wan, redis_server, keeper, relay, Certificates(tmp_path / 'certificates'))
    master = chain.master
    killed, slowest = {}, 0.0
    writes = load(master, pause=0.004, connect=master.connect)
    kills = 0
    while kills < KILLS:
        time.sleep(rng.uniform(0.0, 0.8))  # the moment of the kill, not a wait for anything
        fallen = kill_some(rng, chain)
        kills += len(fallen)
        began = time.monotonic()
        eventually(chain.links_are_up, 'all follow again', within=RECOVERS_WITHIN)
        written = master.offset
        eventually(lambda: chain.has_moved_to(written), 'what was written since is there',
                   within=RECOVERS_WITHIN)
        slowest = max(slowest, time.monotonic() - began)
        for victim in fallen:
            killed[victim.name] = killed.get(victim.name, 0) + 1
        assert chain.full_copies() == [1, 1, 1, 1], f'after the kill of {[v.name for v in fallen]}'
        if kills // KILLS_BETWEEN_COMPARISONS != (kills - len(fallen)) // KILLS_BETWEEN_COMPARISONS:
            writes.stop()
            wait_in_sync(master, *chain.replicas, within=RECOVERS_WITHIN)
            writes = load(master, pause=0.004, connect=master.connect, seed=kills)
    writes.stop()
    wait_in_sync(master, *chain.replicas, within=RECOVERS_WITHIN)
    assert chain.full_copies() == [1, 1, 1, 1]
    assert master.stats('sync_full') == 1
    print(f'{kills} kills: {killed}; caught up again within {slowest:.1f} s')
