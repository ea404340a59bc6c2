"""A region is away for an hour, compressed: the others write what an hour brings, and it catches up from logs, without any full copy.

SLUICE_GEO_OUTAGE_COMMANDS of the two that stay (40,000: an hour of eleven a second) are written as fast as they take them.
"""

import collections
import os
import random
import threading
import time

import pytest
from harness.geo_writers import SEED
from harness.regions import MODULE
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')

COMMANDS = int(os.environ.get('SLUICE_GEO_OUTAGE_COMMANDS', 40_000))
PIPELINE = 200
BYTES_PER_COMMAND_MAX = 300  # of metadata: one unstable element of the dearest kind


class Hour:
    """What one region's users write: calls, rate limits, queues, counters, members; and the books of it."""

    def __init__(self, region, commands, keys=2000, pause=0.0):
        self.region, self.commands, self.keys, self.pause = region, commands, keys, pause
        self.is_over = False  # ends before all commands are written
        self.rng = random.Random(SEED + region.number)
        self.counts, self.members, self.queued, self.calls = collections.Counter(), set(), [], {}
        self.error = None
        self.unstable_bytes = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            for begin in range(0, self.commands, PIPELINE):
                if self.is_over:
                    break
                with self.region.client.pipeline(transaction=False) as many:
                    for number in range(begin, begin + PIPELINE):
                        self._command(many, number)
                    many.execute()
                self.unstable_bytes.append(int(self.region.facts()['unstable_bytes']))
                time.sleep(self.pause)
        except Exception as error:
            self.error = error

    def _command(self, many, number):
        at, name = self.rng.randrange(self.keys), f'{self.region.number}:{number}'
        kind = number % 8
        if kind == 0:
            self.calls[f'call:{name}'] = 'ringing'
            many.hset(f'call:{name}', 'state', 'ringing')
        elif kind == 1:
            call = f'call:{self.region.number}:{number - 1}'
            self.calls[call] = 'hung up'
            many.hset(call, 'state', 'hung up')
        elif kind in (2, 3):
            self.counts[f'counter:{at}'] += 1
            many.incr(f'counter:{at}')
        elif kind == 4:
            self.members.add((f'set:{at}', name))
            many.sadd(f'set:{at}', name)
        elif kind == 5:
            self.queued.append(name)
            many.rpush(f'queue:{self.region.number}:{at % 50}', name)
        elif kind == 6:
            many.zadd(f'limit:{at}', {name: number})
        else:
            many.zremrangebyscore(f'limit:{at}', 0, number - 1000)

    def stop(self):
        self.is_over = True
        self.wait()

    def wait(self):
        self._thread.join()
        assert self.error is None, self.error


def check(region, hours):
    client = region.client
    with client.pipeline(transaction=False) as many:
        counts = sum((hour.counts for hour in hours), collections.Counter())
        members = [pair for hour in hours for pair in hour.members]
        calls = [pair for hour in hours for pair in hour.calls.items()]
        for key in counts:
            many.get(key)
        for key, member in members:
            many.sismember(key, member)
        for call, _ in calls:
            many.hget(call, 'state')
        replies = iter(many.execute())
    wrong = [(key, wanted, got) for (key, wanted), got in zip(counts.items(), replies) if int(got or 0) != wanted]
    wrong += [pair for pair, got in zip(members, replies) if not got]
    wrong += [(call, state, got) for (call, state), got in zip(calls, replies) if got != state.encode()]
    assert not wrong, (region.name, wrong[:5])
    queued = [element.decode() for number in range(1, 4) for at in range(50)
              for element in client.lrange(f'queue:{number}:{at}', 0, -1)]
    assert sorted(queued) == sorted(name for hour in hours for name in hour.queued), region.name


def copies(m):
    """How many full copies anybody has made or taken: of keepers, replicas, and merged by links."""
    servers = [server for region in m.regions for server in (region.master, region.keeper)]
    return ([server.client.info('stats')['sync_full'] for server in servers],
            [region.link.metric('sluice_geo_merges_total') for region in m.regions])


def test_an_hour_of_outage_is_caught_up_from_logs(mesh):
    print(f'SLUICE_SEED={SEED}')
    m = mesh(count=3)
    m.wait_equal()
    m.wait_stable()
    before = copies(m)
    m.cut(3, 1)
    m.cut(3, 2)
    eventually(lambda: not m[3].link.is_streaming(), 'region 3 is cut off')
    hours = [Hour(m[1], COMMANDS), Hour(m[2], COMMANDS), Hour(m[3], COMMANDS // 10)]
    for hour in hours:
        hour.wait()
    most = max(size for hour in hours for size in hour.unstable_bytes)
    print(f'{2 * COMMANDS + COMMANDS // 10} commands; metadata at most {most} bytes')
    assert most <= BYTES_PER_COMMAND_MAX * (2 * COMMANDS + COMMANDS // 10)
    assert all(region.facts()['detached'] == '' for region in m.regions)
    lacking = sum(seq for (maker, _), seq in m[1].vector().items() if maker != 3) - sum(
        m[3].vector().get(actor, 0) for actor in m[1].vector() if actor[0] != 3)
    assert lacking >= COMMANDS
    m.heal(3, 1)
    m.heal(3, 2)
    m.wait_equal(within=120)
    for region in m.regions:
        check(region, hours)
    m.wait_stable(60)
    for region in m.regions:
        eventually(lambda region=region: region.facts()['retained_bytes'] == '0', 'nothing is kept to be sent again')
        assert int(region.facts()['unstable_bytes']) == 0
    assert copies(m) == before


def test_users_of_a_region_that_is_away_too_long_notice_nothing(mesh):
    """The limit is reached while it is cut off: it is declared detached, said so to operators, and comes back by a merge."""
    print(f'SLUICE_SEED={SEED}')
    m = mesh(count=3, module_words='unstable-bytes-max=2000000 away-min-ms=1000')
    m.wait_equal()
    m.cut(3, 1)
    m.cut(3, 2)
    hours = [Hour(region, 10**9, pause=0.1) for region in m.regions]
    for region in m.regions[:2]:
        eventually(lambda region=region: region.facts()['detached'] == '3', 'region 3 is told to leave', 60)
        eventually(lambda region=region: region.link.metric('sluice_geo_detached_regions') == 1, 'the alert is raised')
        eventually(lambda region=region: 'region 3 was told to leave' in region.master.log_text(), 'the log says so')
    done = m.sluice('status')
    assert 'ALERT r3 was told to leave, by r1 and r2' in done.stdout, done.stdout
    full = [region.master.client.info('stats')['sync_full'] for region in m.regions]
    m.heal(3, 1)
    m.heal(3, 2)
    eventually(lambda: m[3].link.metric('sluice_geo_merges_total') >= 1, 'region 3 has merged', 90)
    for hour in hours:
        written = len(hour.unstable_bytes)
        eventually(lambda hour=hour, written=written: len(hour.unstable_bytes) > written + 3 or hour.error, 'it goes on', 30)
        hour.stop()  # every command of all three was answered
    m.wait_equal(within=120)
    for region in m.regions:
        check(region, hours)
        eventually(lambda region=region: region.link.metric('sluice_geo_detached_regions') == 0, 'the alert is over')
    m.wait_stable(60)
    assert [region.master.client.info('stats')['sync_full'] for region in m.regions] == full
