"""A replica that has its master's writes and lacks their batch takes over, while a peer has that batch: each write counts once.

What the replica gets ends within the master's turn, between the writes and the GEO.OPS that describes them.
"""

import time

import pytest

from harness import geo
from harness.redis_server import wait_in_sync
from harness.waiting import eventually, never

pytestmark = pytest.mark.skipif(not geo.MODULE.exists(), reason='sluice-geo.so is not built')

LAST_WRITE, BATCH = b'$3\r\nend\r\n$1\r\n1\r\n', b'*2\r\n$7\r\ngeo.ops'

# By name: what stands before, and the turn. Its last write is always SET end.
TURNS = {
    'counters': ([['SET', 'n', 5], ['HSET', 'h', 'n', 7], ['ZADD', 'z', 1, 'm']],
                 [['INCR', 'n'], ['DECRBY', 'n', 3], ['HINCRBY', 'h', 'n', 2], ['ZINCRBY', 'z', 1.5, 'm'], ['INCR', 'new']]),
    'floats': ([['SET', 'n', '5.5'], ['HSET', 'h', 'n', '7.25']],
               [['INCRBYFLOAT', 'n', '0.1'], ['HINCRBYFLOAT', 'h', 'n', '0.2'], ['INCRBYFLOAT', 'new', '1.5'], ['INCRBYFLOAT', 'n', '0.1']]),
    'lists': ([['RPUSH', 'l', *'abcdefgh']],
              [['LPUSH', 'l', 'x', 'y'], ['RPUSH', 'l', 'z'], ['LPOP', 'l'], ['RPOP', 'l', 2], ['LINSERT', 'l', 'BEFORE', 'c', 'i'],
               ['LSET', 'l', 1, 's'], ['LREM', 'l', 1, 'd'], ['LTRIM', 'l', 0, 5], ['LMOVE', 'l', 'l2', 'LEFT', 'RIGHT'],
               ['LMOVE', 'l', 'l', 'LEFT', 'RIGHT'], ['RPOPLPUSH', 'l', 'l3']]),
    'sets': ([['SADD', 's', *'abcdefghijkl']],
             [['SADD', 's', 'x', 'y'], ['SREM', 's', 'a'], ['SPOP', 's'], ['SPOP', 's', 3], ['SMOVE', 's', 's2', 'x'],
              ['SADD', 'once', 'm'], ['SPOP', 'once'], ['SADD', 'some', 'm', 'n'], ['SPOP', 'some', 5], ['SUNIONSTORE', 'u', 's', 's2']]),
    'zsets': ([['ZADD', 'z', 1, 'a', 2, 'b', 3, 'c', 4, 'd', 5, 'e', 6, 'f']],
              [['ZADD', 'z', 'XX', 9, 'a'], ['ZADD', 'z', 'INCR', 2, 'b'], ['ZPOPMIN', 'z'], ['ZPOPMAX', 'z', 2],
               ['ZREMRANGEBYSCORE', 'z', 4, 4], ['ZADD', 'z', 1, 'g', 2, 'h'], ['BZPOPMIN', 'z', 1], ['ZMPOP', 1, 'z', 'MAX'],
               ['GEOADD', 'g', 13, 52, 'b'], ['ZRANGESTORE', 'zz', 'z', 0, -1]]),
    'strings': ([['SET', 'a', 1], ['SET', 'b', 2]],
                [['SET', 'a', 'x', 'EX', 1000], ['APPEND', 'a', 'y'], ['SETRANGE', 'b', 1, 'z'], ['GETDEL', 'b'], ['SET', 'c', 1, 'PX', 90000],
                 ['SET', 'c', 2, 'KEEPTTL'], ['GETEX', 'c', 'PERSIST'], ['MSET', 'd', 1, 'e', 2], ['SETBIT', 'f', 3, 1],
                 ['PFADD', 'hll', 'x'], ['EXPIRE', 'd', 500], ['RENAME', 'e', 'ee'], ['COPY', 'ee', 'eee'], ['EXPIRE', 'eee', -1]]),
    'hashes': ([['HSET', 'h', 'a', 1, 'b', 2]],
               [['HSET', 'h', 'a', 5], ['HSET', 'h', 'a', 6, 'c', 7], ['HDEL', 'h', 'b'], ['HSETNX', 'h', 'd', 1], ['HDEL', 'h', 'a', 'c', 'd'],
                ['HSET', 'h', 'again', 1]]),
    'streams': ([['XADD', 'x', '1-1', 'f', 'v']],
                [['XADD', 'x', '*', 'f', 'v'], ['XADD', 'x', 'MAXLEN', 1, '*', 'f', 'w'], ['XADD', 'y', '5-5', 'f', 'v'],
                 ['XDEL', 'y', '5-5'], ['XADD', 'x', '*', 'a', 'b'], ['XTRIM', 'x', 'MAXLEN', 1]]),
    'blocked': ([],
                [['LPUSH', 'q', 'a', 'b', 'c']]),
    'rotated': ([],
                [['RPUSH', 'q', 'a', 'b', 'c'], ['RPUSH', 'one', 'a']]),
    # Each command finds a key expired that is not its first: the stream has that key's DEL before the command.
    'expired': ([['DEBUG', 'SET-ACTIVE-EXPIRE', 0], ['SET', 'a', 1], *[['SET', name, 1, 'PX', 400] for name in 'bce']],
                [['DEBUG', 'SLEEP', 0.5], ['DEL', 'a', 'b'], ['MSET', 'd', 1, 'c', 2], ['UNLINK', 'd', 'e']]),
}
BLOCKED = {
    'blocked': [['BLPOP', 'q', 0], ['BLMOVE', 'q', 'q2', 'LEFT', 'RIGHT', 0]],
    'rotated': [['BLMOVE', 'q', 'q', 'LEFT', 'RIGHT', 0], ['BLMOVE', 'q', 'q', 'RIGHT', 'RIGHT', 0], ['BRPOPLPUSH', 'one', 'one', 0]],
}


def write_in_one_turn(server, turn):
    """Its replies; by a pipeline that the server reads at once."""
    pipeline = server.connect().pipeline(transaction=False)
    for words in [*turn, ['SET', 'end', 1]]:
        pipeline.execute_command(*words)
    return pipeline.execute()


class Failover:
    def __init__(self, redis_server, region, proxy):
        self.master, peer, third = (redis_server(f'region{n}', options=geo.options(n)) for n in (1, 2, 3))
        self.way = proxy(self.master)
        self.replica = redis_server('replica', replica_of=self.way, options=geo.options(1))
        self.follower = redis_server('follower', replica_of=self.master, options=geo.options(1))
        self._region = region
        self.a, self.b, self.c = (region(server) for server in (self.master, peer, third))
        self.before = geo.join(self.a, self.b, self.c)

    def run(self, given, turn, blocked=(), has_peer_the_batch=True):
        for words in given:
            self.a.client.execute_command(*words)
        waiting = [self.master.connect() for _ in blocked]
        for client, words in zip(waiting, blocked):
            client.connection_pool.get_connection('_').send_command(*words)
        eventually(lambda: self.a.client.info('clients')['blocked_clients'] == len(blocked), 'clients wait')
        self.before.exchange()
        wait_in_sync(self.master, self.replica)
        self.way.stop_between(LAST_WRITE, BATCH)
        write_in_one_turn(self.master, turn)
        if has_peer_the_batch:
            self.before.deliver(self.a, self.b)
            assert self.b.client.get('end') == b'1'
        self.expected = geo.content(self.a.client)
        eventually(lambda: self.replica.client.get('end') == b'1', 'the replica has the writes')
        wait_in_sync(self.master, self.follower)
        self.a.read_stream()
        self.master.kill()
        facts = self.follower.client.execute_command('GEO.INFO').decode()
        assert 'misnoted_ops:0' in facts, [line for line in self.follower.log_text().splitlines() if 'noted' in line]
        self.replica.client.replicaof('no', 'one')
        heir = self._region(self.replica)
        return geo.Mesh([heir, self.b, self.c])

    def bring_the_batch(self, mesh):
        """To those who lack it, late."""
        for region in mesh.regions:
            for batch in self.a.batches[-9:]:
                region.client.execute_command('GEO.APPLY', batch)


@pytest.fixture
def failover(redis_server, region, proxy):
    return Failover(redis_server, region, proxy)


@pytest.mark.parametrize('has_peer_the_batch', [True, False], ids=['told', 'untold'])
@pytest.mark.parametrize('name', TURNS)
def test_writes_whose_batch_only_a_peer_has_count_once(failover, name, has_peer_the_batch):
    given, turn = TURNS[name]
    mesh = failover.run(given, turn, BLOCKED.get(name, ()), has_peer_the_batch)
    mesh.exchange()
    mesh.check_equal()
    assert geo.content(mesh.regions[0].client) == failover.expected
    if has_peer_the_batch:
        failover.bring_the_batch(mesh)
    mesh.check_equal()
    mesh.settle()


# What somebody else does meanwhile to keys of that turn.
MEANWHILE = {
    'counters': [['SET', 'n', 100], ['HINCRBY', 'h', 'n', 10], ['ZADD', 'z', 50, 'm'], ['DEL', 'new']],
    'floats': [['SET', 'n', '100.5'], ['HSET', 'h', 'n', '70'], ['INCRBYFLOAT', 'new', '3']],
    'lists': [['LPOP', 'l'], ['LPUSH', 'l', '1', '2'], ['RPUSH', 'l', '3'], ['LSET', 'l', 3, 'X'], ['RPUSH', 'l2', 'Y']],
    'sets': [['SADD', 's', 'x', 'a'], ['SREM', 's', 'b', 'c'], ['SADD', 's2', 'x'], ['SADD', 'u', 'own']],
    'zsets': [['ZADD', 'z', 7, 'a', 1, 'c'], ['ZREM', 'z', 'b'], ['ZINCRBY', 'z', 3, 'f'], ['ZADD', 'zz', 1, 'own']],
    'strings': [['SET', 'a', 'other'], ['APPEND', 'b', 'more'], ['DEL', 'c'], ['PFADD', 'hll', 'y'], ['SET', 'ee', 'own']],
    'hashes': [['HSET', 'h', 'a', 'other', 'c', 'other'], ['HDEL', 'h', 'b'], ['HINCRBY', 'h', 'd', 5]],
    'streams': [['XADD', 'x', '*', 'f', 'other'], ['XDEL', 'x', '1-1'], ['DEL', 'y']],
    'blocked': [['RPUSH', 'q', 'z'], ['RPUSH', 'q2', 'z']],
    'rotated': [['RPUSH', 'q', 'z'], ['LPOP', 'one']],
    'expired': [['SET', 'b', 'own'], ['SET', 'c', 'own'], ['EXPIRE', 'e', 1000]],
}


@pytest.mark.parametrize('when', ['before the heir', 'after the heir'])
@pytest.mark.parametrize('name', TURNS)
def test_regions_are_equal_whoever_has_that_batch_first(failover, name, when):
    given, turn = TURNS[name]
    mesh = failover.run(given, turn, BLOCKED.get(name, ()))
    heir, peer, third = mesh.regions
    for words in MEANWHILE[name]:
        third.client.execute_command(*words)
    if when == 'before the heir':
        for words in MEANWHILE[name]:
            peer.client.execute_command(*words)
        mesh.deliver(third, peer)
    mesh.exchange()
    failover.bring_the_batch(mesh)
    for region in mesh.regions:
        for words in MEANWHILE[name]:
            region.client.execute_command(*words)
    mesh.exchange()
    mesh.check_equal()
    mesh.settle()
    assert heir.vector() == peer.vector() == third.vector()


def test_what_a_peer_removed_of_such_a_turn_stays_removed(failover):
    mesh = failover.run([], [['SADD', 's', 'a', 'b'], ['HSET', 'h', 'f', 'v'], ['SET', 'k', 'v'], ['RPUSH', 'l', 'x', 'y']])
    peer = mesh.regions[1]
    for words in [['SREM', 's', 'a'], ['HDEL', 'h', 'f'], ['DEL', 'k'], ['LPOP', 'l']]:
        peer.client.execute_command(*words)
    mesh.exchange()
    mesh.check_equal()
    for region in mesh.regions:
        assert region.client.smembers('s') == {b'b'} and not region.client.exists('h', 'k')
        assert region.client.lrange('l', 0, -1) == [b'y']


def test_what_an_heir_tells_meets_keys_whose_deadline_has_passed(failover):
    given = [['HSET', 'h', 'f', 1], ['SADD', 's', 'm'], ['RPUSH', 'l', 'x'], ['ZADD', 'z', 1, 'm']]
    turn = [['HSET', 'h', 'f', 2, 'g', 3], ['HINCRBY', 'h', 'n', 1], ['SADD', 's', 'a', 'b'], ['RPUSH', 'l', 'y', 'z'], ['ZADD', 'z', 2, 'n', 3, 'o']]
    mesh = failover.run(given, turn, has_peer_the_batch=False)
    heir, _, third = mesh.regions
    mesh.deliver(heir, third, most=5)  # what third has had from the life before
    third.client.execute_command('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
    for key in 'hslz':
        third.client.pexpire(key, 20)
    passed = time.monotonic() + 0.03
    eventually(lambda: time.monotonic() > passed, 'the deadlines have passed')
    mesh.deliver(heir, third)
    mesh.exchange()
    mesh.check_equal()
    mesh.settle()


def test_the_last_writer_is_the_same_everywhere(failover):
    mesh = failover.run([['SET', 'k', 'old']], [['SET', 'k', 'of the turn'], ['HSET', 'h', 'f', 'of the turn']])
    heir, peer, third = mesh.regions
    third.client.set('k', 'of the third')
    third.client.hset('h', 'f', 'of the third')
    mesh.exchange()
    mesh.check_equal()
    mesh.settle()


def test_a_master_promises_what_its_aof_has_on_disk(redis_server, region, faults):
    one = redis_server('region1', start=False, options={**geo.options(1), 'appendonly': 'yes', 'appendfsync': 'everysec'})
    one.environment = faults.environment()
    one.start()
    a, b = region(one), region(redis_server('region2', options=geo.options(2)))
    mesh = geo.join(a, b)
    b.client.incr('c')
    mesh.settle()
    slow = faults.arm('sync', 'appendonlydir', error=0, delay_ms=6000, limit=1)
    b.client.incr('c')
    mesh.exchange()
    eventually(lambda: slow.seen, 'the AOF is being synced')

    def is_forgotten():
        mesh.exchange()
        return b.info()['unstable_keys'] == '0'
    never(is_forgotten, 'promised before it is on disk', 4)
    mesh.settle()
    assert slow.fired == 1


def test_a_master_promises_nothing_before_its_aof_has_begun(redis_server, region):
    """Until the AOF has what was there before it, the server would come back with less."""
    one, other = redis_server('region1', options={**geo.options(1), 'appendfsync': 'always'}), redis_server('region2', options=geo.options(2))
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    for n in range(100):
        a.client.set(n, n)
    mesh.settle()
    one.client.config_set('rdb-key-save-delay', 40_000)
    one.client.config_set('appendonly', 'yes')
    b.client.set('k', 'v')

    def is_forgotten():
        mesh.exchange()
        return b.info()['unstable_keys'] == '0'
    never(is_forgotten, 'promised before it is on disk', 2)
    assert not geo.has_its_aof(one), 'it was too fast for this test'
    mesh.settle(30)


def test_the_first_writes_of_a_region_count_once(redis_server, region):
    """A server that begins an AOF saves itself before the turn ends in which its life begins."""
    master = redis_server('region1', options={**geo.options(1), 'appendonly': 'yes'})
    replica = redis_server('replica', replica_of=master, options=geo.options(1))
    a, b = region(master), region(redis_server('region2', options=geo.options(2)))
    before = geo.join(a, b)
    wait_in_sync(master, replica)
    a.client.incr('n')
    before.exchange()
    wait_in_sync(master, replica)
    master.kill()
    replica.client.replicaof('no', 'one')
    mesh = geo.Mesh([region(replica), b])
    mesh.exchange()
    mesh.check_equal()
    assert b.client.get('n') == b'1'


def test_a_replica_that_forgets_later_than_its_master_notes_the_same_of_a_hyperloglog(mesh):
    """It merges anew what it still knows; so the bytes are others, and the registers the same."""
    m = mesh(count=2, replicas=1)
    replica = m[1].nodes[1]
    m[1].client.pfadd('hll', 'a1')
    m[1].client.pfadd('other', 'a1')
    m.wait_equal()
    m.wait_stable()

    def add_at_once(one, other):
        """Of which both come together in region 1 alone."""
        m.cut(1, 2)
        if one == 'a2':
            m[1].client.copy('other', 'hll', replace=True)  # else both just add
        m[1].client.pfadd('hll', one)
        m[2].client.pfadd('hll', other)
        m[1].ways[2].heal()
        eventually(lambda: m[1].vector().items() >= {item for item in m[2].vector().items() if item[0][0] == 2}, 'region 1 has both', 30)
        m[1].ways[2].cut()

    add_at_once('a2', 'b2')
    m[1].client.pfcount('hll')
    m[2].ways[1].heal()

    def has_promised():
        facts = m[2].facts()
        return facts['promise_1'] == facts['vector']
    eventually(has_promised, 'region 1 has promised all', 30)
    wait_in_sync(m[1].master, replica)
    replica.pause()
    m[1].ways[2].heal()
    eventually(lambda: m[1].facts()['unstable_keys'] == '0', 'the master has forgotten', 30)
    add_at_once('a3', 'b3')
    m[1].client.execute_command('PFMERGE', 'hll')
    mark = m[1].master.offset
    replica.resume()
    eventually(lambda: replica.offset >= mark, 'the replica has all', 30)
    bytes_here = [node.client.get('hll') for node in m[1].nodes]
    assert bytes_here[0] != bytes_here[1], 'both have merged alike: nothing was tried'
    assert 'noted otherwise' not in replica.log_text()
    m.heal(1, 2)
    m.wait_equal()
