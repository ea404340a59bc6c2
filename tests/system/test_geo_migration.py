"""A plain Redis with data and users comes into a mesh while it serves: by MODULE LOAD, or through a replica with the module."""

import threading
import time

import pytest
import redis
from harness.geo_writers import Writers
from harness.regions import MODULE, Region
from harness.waiting import eventually
from test_geo_rejoin import check_filled, fill

pytestmark = pytest.mark.skipif(not MODULE.exists(), reason='sluice-geo.so is not built')


class Users:
    """Of a Redis that moves: they go on where `server` is, and know exactly what was answered."""

    def __init__(self, server):
        self.server = server
        self.counted = 0
        self.unsure = 0
        self.queued = []
        self.calls = {}
        self.errors = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        number = 0
        while not self._stop.is_set():
            server = self.server
            try:
                with server.connect() as client:
                    while server is self.server and not self._stop.is_set():
                        number += 1
                        self._call(client, number)
                        time.sleep(0.001)
            except (redis.ReadOnlyError, redis.ConnectionError, redis.TimeoutError) as error:
                self.errors.append(repr(error))
                time.sleep(0.01)

    def _call(self, client, number):
        call = f'moved:call:{number}'
        self.unsure += 1
        try:
            with client.pipeline() as many:
                many.incr('moved:total')
                many.hset(call, mapping={'state': 'ringing'})
                many.rpush('moved:queue', number)
                many.zadd('moved:limit', {str(number): number})
                many.incr(f'string:{number % 20}:moved')
                many.execute()
        except redis.ReadOnlyError:
            self.unsure -= 1
            raise
        self.unsure -= 1
        self.counted += 1
        self.queued.append(str(number).encode())
        self.calls[call] = 'ringing'
        client.hset(call, 'state', 'hung up')
        self.calls[call] = 'hung up'

    def stop(self):
        self._stop.set()
        self._thread.join()

    def check(self, region):
        client = region.client
        assert self.counted <= int(client.get('moved:total')) <= self.counted + self.unsure, region.name
        queued = client.lrange('moved:queue', 0, -1)
        twice = [one for one in set(queued) if queued.count(one) > 1]
        assert not twice and set(queued) >= set(self.queued), (region.name, twice)
        assert set(client.zrange('moved:limit', 0, -1)) >= set(self.queued), region.name
        with client.pipeline(transaction=False) as many:
            for call in self.calls:
                many.hget(call, 'state')
            states = many.execute()
        lost = [call for (call, state), got in zip(self.calls.items(), states) if got is None]
        assert not lost, (region.name, lost)
        late = [(call, state, got) for (call, state), got in zip(self.calls.items(), states)
                if state == 'hung up' and got != b'hung up']
        assert not late, (region.name, late)


def take_in(m, keeper, plain, number=3):
    """Makes a region of a master that has the module, and lets all have links."""
    region = Region(number)
    region.nodes = [plain]
    region.keeper = keeper(plain, name=f'{region.name}-keeper', flags={'redis-module': m.module_line(region)})
    eventually(region.keeper.link_is_up, 'its keeper follows')
    m.regions.append(region)
    for one in m.regions:
        if one.link:
            one.link.kill()
        m.connect(one)
    return region


def wait_met(m):
    """All have told and taken what they had before they met."""
    def has_met(region):
        facts = region.facts()
        waits = {name: facts[name] for name in ('must_rejoin', 'merging', 'adopting', 'detached', 'peers')}
        assert len(waits.pop('peers').split(',')) == len(m.regions) - 1, facts
        assert all(value in ('no', '') for value in waits.values()), waits
        return True
    for region in m.regions:
        eventually(lambda region=region: has_met(region), f'{region.name} has met all others', 90)


def by_module_load(m, plain, users, redis_server):
    del users, redis_server
    plain.client.execute_command('MODULE', 'LOAD', str(MODULE), 'region=r3', 'id=3')
    return plain


def by_a_replica(m, plain, users, redis_server):
    heir = redis_server('heir', replica_of=plain, options={
        'loadmodule': f'{MODULE} region=r3 id=3', 'appendonly': 'yes', 'appendfsync': 'always'})
    eventually(heir.link_is_up, 'the replica with the module follows', 60)
    time.sleep(1)
    plain.client.execute_command('FAILOVER', 'TO', '127.0.0.1', heir.port)
    eventually(lambda: heir.client.role()[0] in (b'master', 'master'), 'it is the master', 60)
    users.server = heir
    heir.options.pop('replicaof')
    return heir


@pytest.mark.parametrize('move', [by_module_load, by_a_replica])
def test_a_plain_redis_with_users_comes_into_the_mesh(mesh, keeper, redis_server, move):
    m = mesh(count=2, is_joined=False)
    fill(m[1])
    fill(m[2])
    writers = Writers(m.regions)
    plain = redis_server('plain', options={'enable-module-command': 'local', 'appendonly': 'yes', 'appendfsync': 'always'})
    old = Region(3)
    old.nodes = [plain]
    fill(old)
    users = Users(plain)
    time.sleep(1)
    master = move(m, plain, users, redis_server)
    time.sleep(0.5)
    take_in(m, keeper, master)
    wait_met(m)
    time.sleep(1)
    users.stop()
    writers.stop()
    m.wait_equal()
    for region in m.regions:
        users.check(region)
        writers.check(region)
        check_filled(region, ['r1', 'r2', 'r3'])
    m.wait_stable()
    print(users.counted, users.unsure, users.errors)
