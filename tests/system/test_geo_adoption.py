"""A plain Redis gets the module while its clients write, and dies while it tells another region what it had before."""

import collections
import os
import random
import time

import pytest

from harness import geo
from harness.geo_rounds import content
from harness.redis_server import wait_in_sync
from harness.waiting import eventually

pytestmark = pytest.mark.skipif(not geo.MODULE.exists(), reason='sluice-geo.so is not built')

SEED = int(os.environ.get('SLUICE_SEED', random.randrange(1 << 32)))
AOF = {'appendonly': 'yes', 'appendfsync': 'always'}
KEYS, LISTS = 700, 50  # more than are told in one turn


def fill(client):
    with client.pipeline(transaction=False) as many:
        for n in range(KEYS):
            many.set(f'string{n}', n)
            many.rpush(f'list{n % LISTS}', n)
            many.sadd(f'set{n % 20}', n)
            many.hset(f'hash{n % 20}', n, n)
            many.zadd(f'zset{n % 20}', {n: n})
        many.execute_command('SELECT', 1)
        many.xadd('stream', {'f': 1}, id='1-1')
        many.rpush('elsewhere', 'a', 'b')
        many.execute_command('SELECT', 0)
        many.execute()


class Adopting:
    def __init__(self, redis_server, region, options):
        self.redis_server, self._region = redis_server, region
        self.rng = random.Random(SEED)
        self.pushed, self.popped, self.added, self.count = [], set(), collections.Counter(), 0
        self.one = redis_server('plain', options={'enable-module-command': 'yes', **options})
        fill(self.one.client)
        self.one.client.execute_command('MODULE', 'LOAD', *geo.options(1)['loadmodule'].split())
        self.b = region(redis_server('region2', options=geo.options(2)))
        self.meet(self.one)

    def meet(self, server):
        self.one, self.a = server, self._region(server)
        self.mesh = geo.join(self.a, self.b)

    def go_on(self, steps):
        """Both write to the same keys; some of it is carried."""
        for _ in range(steps):
            for writer in (self.a, self.b):
                writer.client.incr('counter')
                key, value = f'list{self.rng.randrange(LISTS)}', f'pushed {len(self.pushed)}'
                writer.client.execute_command(self.rng.choice(['LPUSH', 'RPUSH']), key, value)
                self.pushed.append((key, value))
                if self.rng.random() < 0.5:
                    key = f'list{self.rng.randrange(LISTS)}'
                    self.popped.add((key, writer.client.execute_command(self.rng.choice(['LPOP', 'RPOP']), key)))
                number = self.rng.randrange(KEYS)
                words = self.rng.choice([['INCR', f'string{number}'], ['HINCRBY', f'hash{number % 20}', number, 1], ['HINCRBYFLOAT', f'hash{number % 20}', number, 1],
                                         ['ZINCRBY', f'zset{number % 20}', 1, number]])
                writer.client.execute_command(*words)
                self.added[words[1][:4], number] += 1
                self.count += 1
            for source, target in ((self.a, self.b), (self.b, self.a)):
                if self.rng.random() < 0.7:
                    self.mesh.deliver(source, target)
            time.sleep(self.rng.choice([0, 0.05, 0.12]))  # between two portions or within one

    def carry_on(self, server):
        """`server` takes over; its keeper's log has what the former life told."""
        self.a.read_stream()
        told = self.a.batches
        self.one.kill()
        server()
        for batch in told:
            for target in (self.b, self.a):
                try:
                    target.client.execute_command('GEO.APPLY', batch)
                except geo.redis.ResponseError as error:
                    assert str(error).startswith('GEO'), error

    def restart(self):
        self.one.options.update(geo.options(1))
        self.one.start(within=30)
        self.meet(self.one)

    def check(self):
        def is_told():
            self.mesh.exchange()
            return self.a.info()['adopting'] == 'no'
        eventually(is_told, 'all is told', 60)
        self.mesh.exchange()
        for db in (0, 1):
            assert content(self.a.server, db) == content(self.b.server, db)
        assert int(self.b.client.get('counter')) == self.count
        for n in range(LISTS):
            wanted = [str(m) for m in range(n, KEYS, LISTS)] + [value for key, value in self.pushed if key == f'list{n}']
            found = self.b.client.lrange(f'list{n}', 0, -1)
            # What is popped while the list is told comes back with it.
            stay = [sorted(value for value in some if (f'list{n}', value) not in self.popped)
                    for some in (found, map(str.encode, wanted))]
            assert stay[0] == stay[1], n
            assert len(set(found)) == len(found), found
        with self.b.client.pipeline(transaction=False) as many:
            for n in range(KEYS):
                many.get(f'string{n}'), many.hget(f'hash{n % 20}', n), many.zscore(f'zset{n % 20}', n)
            sums = many.execute()
        assert [float(one) for one in sums] == [n + self.added[kind, n] for n in range(KEYS) for kind in ('stri', 'hash', 'zset')]
        self.mesh.settle()


def no_fault(adopting):
    del adopting


def kill_with_an_aof(adopting):
    adopting.carry_on(adopting.restart)


def kill_with_an_aof_that_began_in_the_middle(adopting):
    client = adopting.one.client
    client.bgrewriteaof()
    eventually(lambda: not client.info('persistence')['aof_rewrite_in_progress'], 'the AOF is rewritten')
    adopting.go_on(3)
    adopting.carry_on(adopting.restart)


def kill_with_an_rdb(adopting):
    adopting.one.client.save()
    adopting.carry_on(adopting.restart)


def fail_over(adopting):
    heir = adopting.redis_server('heir', replica_of=adopting.one, options=geo.options(1))
    eventually(heir.link_is_up, 'it follows')
    adopting.go_on(3)
    wait_in_sync(adopting.one, heir)

    def promote():
        heir.client.replicaof('no', 'one')
        adopting.meet(heir)
    adopting.carry_on(promote)


@pytest.mark.parametrize('fault, options', [
    (no_fault, {}), (kill_with_an_aof, AOF), (kill_with_an_aof_that_began_in_the_middle, AOF), (kill_with_an_rdb, {'save': '3600 1'}), (fail_over, {})],
    ids=lambda one: getattr(one, '__name__', ''))
def test_data_from_before_the_module_and_what_is_written_to_it_meanwhile_end_equal(redis_server, region, fault, options):
    print(f'SLUICE_SEED={SEED}')
    adopting = Adopting(redis_server, region, options)
    adopting.go_on(adopting.rng.randrange(2, 20))
    fault(adopting)
    adopting.go_on(adopting.rng.randrange(2, 15))
    adopting.check()


def test_a_peer_pops_of_a_list_that_is_not_told_yet_what_it_got(redis_server, region):
    plain = redis_server('plain', options={'enable-module-command': 'yes'})
    plain.client.rpush('jobs', *range(3))
    plain.client.execute_command('MODULE', 'LOAD', *geo.options(1)['loadmodule'].split())
    a, b = region(plain), region(redis_server('region2', options=geo.options(2)))
    mesh = geo.join(a, b)
    a.client.rpush('jobs', 'new', 'newer', 'newest')
    mesh.deliver(a, b)
    assert b.client.lpop('jobs') == b'new'
    assert b.client.rpop('jobs') == b'newest'
    assert a.info()['adopting'] == 'yes'
    mesh.deliver(b, a)

    def is_told():
        mesh.exchange()
        return a.info()['adopting'] == 'no'
    eventually(is_told, 'all is told')
    mesh.exchange()
    for one in (a, b):
        assert one.client.lrange('jobs', 0, -1) == [b'0', b'1', b'2', b'newer']
    mesh.settle()
