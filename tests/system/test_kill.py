"""SIGKILL of the keeper under load, again and again: nothing acknowledged is gone, nobody resyncs.

SLUICE_KILLS=500 makes the run long; SLUICE_SEED repeats one.
"""

import os
import random
import re
import time

import pytest

from harness.psync import read_stream
from harness.redis_server import wait_in_sync
from harness.waiting import eventually

KILLS = int(os.environ.get('SLUICE_KILLS', 15))
SEED = int(os.environ.get('SLUICE_SEED', random.randrange(1 << 32)))
RECOVERY_SECONDS_MAX = 2.0
RECHECKED_BYTES = 1 << 20  # before the last kill, compared once more
PARTIAL = re.compile(r'Sending \d+ bytes of backlog starting from offset (\d+)')


def first_partial_resync(master, since):
    """The first partial resync that the master granted after `since` characters of its log."""
    return PARTIAL.search(master.log_text()[since:])


class Watch:
    """The truth beside a keeper that is killed: the master's stream and its acknowledgements."""

    def __init__(self, master, keeper, recorder):
        self.master, self.keeper, self.record = master, keeper, recorder
        self.compared = None

    def kill_and_recover(self):
        acknowledged = self.master.replica_ack(self.keeper.port) or 0
        self.keeper.kill()
        log_size = len(self.master.log_text())
        began = time.monotonic()
        self.keeper.start(within=30)
        seconds = time.monotonic() - began
        eventually(self.keeper.link_is_up, 'the keeper follows again')
        granted = eventually(lambda: first_partial_resync(self.master, log_size), 'a partial resync')
        start = int(granted.group(1)) - 1
        assert start >= acknowledged, f'{acknowledged - start} acknowledged bytes are gone'
        return seconds

    def compare(self):
        """What the keeper serves is what the master sent, byte for byte."""
        first = self.keeper.info()['repl_backlog_first_byte_offset'] - 1
        end = self.keeper.offset
        begin = max(first, (self.compared or first) - RECHECKED_BYTES)
        eventually(lambda: self.record.end >= end, 'recorded')
        served = read_stream(self.keeper.port, self.record.replid, begin, end)
        sent = self.record.between(begin, end)
        if served != sent:
            at = next(i for i, (a, b) in enumerate(zip(served, sent)) if a != b)
            raise AssertionError(f'offset {begin + at}: served {served[at:at + 60]!r}, '
                                 f'sent {sent[at:at + 60]!r}')
        self.compared = end
        self.record.forget(begin - RECHECKED_BYTES)


@pytest.mark.parametrize('fsync', ['everysec', 'always'])
def test_kills_under_load_lose_and_break_nothing(redis_server, keeper, recorder, load, fsync):
    print(f'SLUICE_SEED={SEED}')
    rng = random.Random(SEED)
    kills = KILLS if fsync == 'everysec' else max(3, KILLS // 4)
    master = redis_server('master')
    master.client.mset({f'start:{n}': 'v' * 100 for n in range(2000)})
    record = recorder(master)
    ours = keeper(master, flags={'segment-bytes': 1 << 20, 'fsync': fsync})
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    writes = load(master, pause=0.004)
    watch = Watch(master, ours, record)
    seconds = []
    for _ in range(kills):
        time.sleep(rng.uniform(0.0, 0.7))  # the moment of the kill, not a wait for anything
        seconds.append(watch.kill_and_recover())
        watch.compare()
        eventually(replica.link_is_up, 'replica is back', within=20)
    writes.stop()
    wait_in_sync(master, replica, within=30)
    watch.compare()
    assert max(seconds) < RECOVERY_SECONDS_MAX, seconds
    assert master.stats('sync_full') == 2, 'the recorder and the keeper, once each'
    assert replica.full_resyncs() == 1


def test_kills_during_a_full_resync_leave_a_keeper_that_completes_one(
        redis_server, keeper, proxy, load, recorder):
    rng = random.Random(SEED)
    master = redis_server('master')
    pipe = master.client.pipeline(transaction=False)
    for n in range(200):
        pipe.set(f'big:{n}', rng.randbytes(100_000))
    pipe.execute()
    record = recorder(master)
    link = proxy(master)
    link.limit(40 << 20)
    ours = keeper(link, flags={'segment-bytes': 1 << 20})
    writes = load(master, pause=0.01)
    for _ in range(max(3, KILLS // 3)):
        before = link.bytes_down
        target = before + rng.randrange(1, 18 << 20)
        eventually(lambda: link.bytes_down >= target, 'somewhere in the snapshot', every=0.002)
        ours.kill()
        ours.start()
        if ours.link_is_up():
            break
    link.limit(None)
    eventually(ours.link_is_up, 'a snapshot is complete', within=30)
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    writes.stop()
    wait_in_sync(master, replica)
    Watch(master, ours, record).compare()


def test_a_kill_while_snapshots_are_refreshed_leaves_the_old_or_the_new(redis_server, keeper, load):
    rng = random.Random(SEED)
    master = redis_server('master')
    master.client.mset({f'start:{n}': 'v' * 100 for n in range(20000)})
    ours = keeper(master, flags={'segment-bytes': 1 << 20})
    eventually(ours.link_is_up, 'up')
    writes = load(master, pause=0.01)
    for _ in range(4):
        ours.keeper('SNAPSHOT')
        time.sleep(rng.uniform(0.0, 0.8))  # the moment of the kill
        ours.kill()
        ours.start()
        eventually(ours.link_is_up, 'back')
    writes.stop()
    replica = redis_server('replica', replica_of=ours)
    wait_in_sync(master, replica)
    assert master.stats('sync_full') == 1
